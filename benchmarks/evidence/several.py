"""Pairs and many objects: the cues of all candidates of scenes, phantoms and real images, and the final outlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import PRESET_OF_SET
from benchmarks.evidence.pictures import Case, scene_shape
from msformer.answer import find_answer, level_view
from msformer.answer import make_scene as scene_of
from msformer.config import Config
from msformer.evaluation.files import read_truth
from msformer.focus import find_focus
from msformer.foreground import CUES, completed, seen_candidates
from msformer.image import Image, Mask
from msformer.io import read_image
from msformer.morphology import dice
from msformer.phantoms import make_phantom
from msformer.prepare import prepare, resample
from msformer.scenes import SceneOptions, make_scene

FEW = ("chest-xray", "lung-ct")
MANY = ("nuclei", "stained-tissue")
GUEST = "white_cells_krd"
"""A set of one cell a picture, which no preset for several objects is for: the nearest thing to a second stain."""
SEVERAL_KINDS = {
    **{name: preset for name, preset in PRESET_OF_SET.items() if preset in FEW + MANY},
    GUEST: "stained-tissue",
}
"""Sets of pairs and of many objects, and the preset that prepares them and makes the candidates."""
SEVERAL_PER_SET = 20
"""Images of a set that take part."""
SEVERAL_SCENES = range(95_000, 95_240)
"""Seeds of scenes; a quarter of them is for each preset."""
_CHEST = SceneOptions(single=0, pair=1, many=0, nothing=0, grey=1, bright=0, container=1)
_CROWD = SceneOptions(single=0, pair=0, many=1, nothing=0)
SCENE_OPTIONS = {
    "chest-xray": _CHEST,
    "lung-ct": _CHEST,
    "nuclei": _CROWD,
    "stained-tissue": replace(_CROWD, grey=0, bright=0),
}
"""What is drawn for a preset: two dark things in a grey body, or many things of a kind."""
PHANTOMS = (
    ("lung_ct", "values", "8-bit", "lung-ct"),
    ("cells", "stain", "fluorescence", "nuclei"),
    ("cells", "stain", "stained", "stained-tissue"),
)
"""Kinds of phantoms, an option with its value, and the preset that they are for."""
SEVERAL_PHANTOMS = 12
"""Phantoms of each kind, from the easiest to the hardest."""
MOST = 8.0
"""No exponent in a preset is larger."""

Exponents = NDArray[np.float64]
"""Of each cue, in the order of ``CUES``."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """What could be the objects of one picture.

    Attributes:
        group: The set.
        preset: That which prepared it and made the candidates.
        cues: Of each, ``(n, len(CUES))`` in [0, 1].
        dice: What each has when it is chosen, ``(n,)``, before its border is drawn anew.
    """

    group: str
    preset: str
    cues: NDArray[np.float64]
    dice: NDArray[np.float64]


@dataclass(frozen=True)
class Outlined:
    """The final outline of one image, by exponents by hand and by fitted ones: Dice on the detail grid."""

    group: str
    hand: float
    fitted: float


def scene_candidates(seed: int) -> Candidates | None:
    """Those of a random scene."""
    preset = (FEW + MANY)[seed % len(FEW + MANY)]
    scene = make_scene(seed, shape=scene_shape(seed), options=SCENE_OPTIONS[preset])
    return candidates(f"scenes, {preset}", Image.from_array(scene.image), scene.mask, preset)


def phantom_candidates(index: int) -> Candidates | None:
    """Those of a phantom; ``index`` counts through kinds, then through difficulties."""
    kind, option, value, preset = PHANTOMS[index % len(PHANTOMS)]
    seed = index // len(PHANTOMS)
    options: dict[str, Any] = {option: value}
    phantom = make_phantom(kind, seed=seed, difficulty=seed / (SEVERAL_PHANTOMS - 1), **options)
    return candidates(f"phantoms, {preset}", Image.from_array(phantom.image), phantom.mask, preset)


def real_candidates(case: Case) -> Candidates | None:
    """Those of a real image."""
    group, image, truth = case
    return candidates(group, read_image(image), read_truth(truth)[0], SEVERAL_KINDS[group])


def candidates(group: str, image: Image, truth: Mask, preset: str) -> Candidates | None:
    """All that a preset chooses among in an image; None where there is nothing."""
    settings = Config.from_preset(preset)
    prepared = prepare(image, settings.prepare)
    if prepared.is_blank:
        return None
    view = level_view(prepared, settings.foreground)
    scene = scene_of(view, find_focus(image.shape, settings.hints), settings)
    small = resample(truth.astype(np.float32), view.shape, "area")[:, :, 0]
    rows, dices = [], []
    for seen, candidate in seen_candidates(None, scene, settings.foreground):
        rows.append([cue(candidate.mask, seen) for cue in CUES.values()])
        whole = completed(candidate.mask, scene, settings.foreground)
        dices.append(2 * float(small[whole].sum()) / (int(np.count_nonzero(whole)) + float(small.sum())))
    return Candidates(group, preset, np.array(rows), np.array(dices)) if rows else None


def several_cases(cases: Sequence[Case]) -> list[Case]:
    """At most ``SEVERAL_PER_SET`` of each set of several objects."""
    counts: Counter[str] = Counter()
    kept = []
    for case in cases:
        counts[case[0]] += 1
        if case[0] in SEVERAL_KINDS and counts[case[0]] <= SEVERAL_PER_SET:
            kept.append(case)
    return kept


def real_outlined(item: tuple[Case, Exponents]) -> Outlined:
    """The final outlines of a real image by a preset as it is, and with other exponents."""
    (group, image, truth), exponents = item
    return outlined(group, read_image(image), read_truth(truth)[0], SEVERAL_KINDS[group], exponents)


def outlined(group: str, image: Image, truth: Mask, preset: str, exponents: Exponents) -> Outlined:
    """The final outlines of an image."""
    settings = Config.from_preset(preset)
    prepared = prepare(image, settings.prepare)
    focus = find_focus(image.shape, settings.hints)
    exponents = exponents * min(1.0, MOST / float(exponents.max()))  # their proportions choose
    cues = {name: float(value) for name, value in zip(CUES, exponents, strict=True)}
    found = []
    for one in (settings, settings.replace(foreground={"cues": cues})):
        mask = find_answer(prepared, focus, one).detail_mask
        small = resample(truth.astype(np.float32), (mask.shape[0], mask.shape[1]), "area")[:, :, 0] >= 0.5
        found.append(dice(mask, small))
    return Outlined(group, *found)
