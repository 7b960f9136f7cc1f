"""What is seen of random scenes and real images: regions, answers of presets, what a picture looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import PRESET_OF_SET
from msformer import confidence
from msformer.answer import Glance, find_answer
from msformer.config import Config
from msformer.evaluation.files import read_truth
from msformer.focus import find_focus
from msformer.hypotheses import Trial, plausible_presets, trial_settings
from msformer.image import Image, Mask
from msformer.io import read_image
from msformer.kinds import describe_picture, has_colour
from msformer.morphology import dice
from msformer.prepare import find_no_data_in, prepare, resample
from msformer.regions import Ground, Region, find_regions, region_features, region_view
from msformer.scenes import SceneOptions, make_scene

Case = tuple[str, Path, Path]
"""Name of the set, image and mask."""
SCENE_SIDE = 160
REGION_SCENES = range(50_000, 50_800)
ANSWER_SCENES = range(80_000, 80_240)
PER_SET = 10
"""Images of a set that the confidence is fitted on; all of them are compared."""
ONE_OBJECT = SceneOptions(single=1, pair=0, many=0, nothing=0, cut=0.2)
"""Scenes for the regions; twice as often as in others the object is cut by the frame."""
ASPECT = (0.75, 1.33)
SINGLE_KINDS = {
    **dict.fromkeys(
        ("brain_mri_brisc", "optic_disc_smdg", "polyps_kvasir", "white_cells_krd", "wounds_fuseg"), "general"
    ),
    **{name: preset for name, preset in PRESET_OF_SET.items() if preset in ("ultrasound", "dermoscopy")},
}
"""Sets of single objects, and the preset that prepares them."""


@dataclass(frozen=True, eq=False)
class Picture:
    """The regions of one picture: their features ``(n, F)`` and Dice ``(n,)``."""

    group: str
    features: NDArray[np.float32]
    dice: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answered:
    """What one preset found in one picture; no features where that was nothing, no crowd where none was looked for."""

    group: str
    name: str
    preset: str
    features: NDArray[np.float64] | None
    dice: float
    crowd: float | None = None


@dataclass(frozen=True, eq=False)
class Seen:
    """What a picture looks like (``msformer.kinds``)."""

    group: str
    name: str
    numbers: NDArray[np.float64]
    in_colour: bool


def scene_picture(seed: int) -> Picture | None:
    """The regions of a random scene with one object."""
    scene = make_scene(seed, shape=scene_shape(seed), options=ONE_OBJECT)
    is_echo = scene.properties.get("speckle", 0) > 0 and seed % 2 == 1
    return picture("scenes", Image.from_array(scene.image), scene.mask, "ultrasound" if is_echo else "general")


def real_picture(case: Case) -> Picture | None:
    """The regions of a real image, prepared by the preset of its kind."""
    group, image, truth = case
    return picture(group, read_image(image), read_truth(truth)[0], SINGLE_KINDS[group])


def picture(group: str, image: Image, truth: Mask, preset: str) -> Picture | None:
    """The regions of an image and their Dice."""
    view = region_view(prepare(image, trial_settings(Config.from_preset(preset)).prepare).detail)
    regions = find_regions(view.planes, view.valid)
    if not regions:
        return None
    features = region_features(regions, Ground.of(view.planes, view.valid))
    return Picture(group, features, region_dice(regions, truth, view.shape))


def region_dice(regions: Sequence[Region], truth: Mask, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Dice ``(n,)`` of regions of a grid of ``shape`` with a truth ``(H, W)``, of whose px there are parts on it."""
    small = resample(truth.astype(np.float32), shape, "area")[:, :, 0]
    shared = np.array([float(small[region.window][region.mask].sum()) for region in regions])
    area = np.array([region.area for region in regions])
    return np.asarray(2 * shared / (area + float(small.sum())))


def scene_answers(seed: int) -> list[Answered]:
    """What every plausible preset finds in a random scene of any type."""
    scene = make_scene(seed, shape=scene_shape(seed))
    return answers("scenes", str(seed), Image.from_array(scene.image), scene.mask)


def real_answers(case: Case) -> list[Answered]:
    """The same for a real image."""
    group, image, truth = case
    return answers(group, image.name, read_image(image), read_truth(truth)[0])


def answers(group: str, name: str, image: Image, truth: Mask) -> list[Answered]:
    """What every plausible preset finds in an image."""
    auto = Config.from_preset("auto")
    focus, no_data = find_focus(image.shape, auto.hints), find_no_data_in(image)
    bench, glance = confidence.Bench.of(image, no_data), Glance(image, no_data, auto.grown)
    found = []
    for preset in plausible_presets(image):
        settings = trial_settings(Config.from_preset(preset))
        prepared = prepare(image, settings.prepare, no_data)
        answer = find_answer(prepared, focus, settings, glance)
        shape = answer.detail_mask.shape
        small = resample(truth.astype(np.float32), (shape[0], shape[1]), "area")[:, :, 0] >= 0.5
        features = confidence.answer_features(answer, prepared, bench, settings)
        crowd = Trial(settings, prepared, answer).crowd
        found.append(Answered(group, name, preset, features, dice(answer.detail_mask, small), crowd))
    return found


def scene_numbers(seed: int) -> Seen:
    """What a random scene looks like as a picture."""
    return seen("scenes", str(seed), Image.from_array(make_scene(seed, shape=scene_shape(seed)).image))


def real_numbers(case: Case) -> Seen:
    """What a real image looks like; its mask is not read."""
    return seen(case[0], case[1].name, read_image(case[1]))


def seen(group: str, name: str, image: Image) -> Seen:
    """What an image looks like."""
    return Seen(group, name, describe_picture(image), has_colour(image))


def first_of_each(cases: Sequence[Case]) -> list[tuple[str, Path, Path]]:
    """At most ``PER_SET`` cases of each set."""
    counts: Counter[str] = Counter()
    kept = []
    for case in cases:
        counts[case[0]] += 1
        if counts[case[0]] <= PER_SET:
            kept.append(case)
    return kept


def scene_shape(seed: int) -> tuple[int, int]:
    """Rows and columns in px of the scene of a seed: many proportions, about ``SCENE_SIDE`` ² px."""
    aspect = float(np.random.default_rng(seed).uniform(*ASPECT)) ** 0.5
    return round(SCENE_SIDE * aspect), round(SCENE_SIDE / aspect)
