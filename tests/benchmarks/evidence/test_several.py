"""Candidates of several objects in pictures that are drawn by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.evidence.exponents import by_hand
from benchmarks.evidence.several import (
    FEW,
    MANY,
    PHANTOMS,
    SCENE_OPTIONS,
    SEVERAL_KINDS,
    SEVERAL_PER_SET,
    SEVERAL_SCENES,
    Candidates,
    candidates,
    outlined,
    phantom_candidates,
    scene_candidates,
    several_cases,
)

from msformer.config import preset_names
from msformer.foreground import CUES
from msformer.image import Image, Mask

SHAPE = (131, 167)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]


def ellipse(row: float, column: float, down: float, right: float) -> Mask:
    return np.asarray(((ROWS - row) / down) ** 2 + ((COLUMNS - column) / right) ** 2 <= 1)


def drawn(values: np.ndarray) -> Image:
    noise = np.random.default_rng(3).integers(0, 5, SHAPE)
    return Image.from_array(np.asarray(values + noise, dtype=np.uint8))


DISCS = np.any([ellipse(row, column, 7, 7) for row in (23, 61, 103) for column in (29, 73, 131)], axis=0)


def test_of_discs_the_best_candidate_is_all_of_them_and_every_cue_is_a_share() -> None:
    found = candidates("discs", drawn(40 + 150 * DISCS), DISCS, "nuclei")
    assert found is not None
    assert (found.group, found.preset) == ("discs", "nuclei")
    assert found.cues.shape == (len(found.dice), len(CUES))
    assert 0 <= found.cues.min() <= found.cues.max() <= 1
    best = dict(zip(CUES, found.cues[found.dice.argmax()].tolist(), strict=True))
    assert found.dice.max() > 0.94
    assert best["several"] == pytest.approx(9 / 10, abs=0.01)
    assert best["separate"] > 0.9
    some = candidates("discs", drawn(40 + 150 * DISCS), DISCS & (ROWS < 80), "nuclei")
    assert some is not None
    np.testing.assert_array_equal(some.cues, found.cues, "the truth is no part of the cues")
    assert some.dice.max() == pytest.approx(2 * 6 / (6 + 9), abs=0.05)


def test_the_dice_is_that_with_the_mirror_image_where_the_preset_adds_it() -> None:
    """Of two lungs of 37 px the right one is hidden in its lower half: without the left one's image 2 · 1.5 / 3.5."""
    body = ellipse(65, 83, 62, 78)
    lungs = ellipse(65, 49, 37, 19) | ellipse(65, 117, 37, 19)
    seen = lungs & ~((ROWS > 65) & (COLUMNS > 83))
    found = candidates("chests", drawn(150 * body - 90 * seen + 60 * (np.abs(COLUMNS - 83) < 7)), lungs, "chest-xray")
    assert found is not None
    assert found.dice.max() > 0.9 > 2 * 1.5 / 3.5


def test_an_even_picture_has_no_candidates() -> None:
    assert candidates("flat", Image.from_array(np.full(SHAPE, 97, dtype=np.uint8)), DISCS, "nuclei") is None


def test_outlines_by_hand_and_by_other_exponents() -> None:
    """Exponents in the same proportions choose the same, also above the largest that a preset may have."""
    image = drawn(40 + 150 * DISCS)
    alike = outlined("discs", image, DISCS, "nuclei", 20 * by_hand("nuclei"))
    assert alike.group == "discs"
    assert alike.hand == alike.fitted > 0.95
    # Where nothing but the free frame counts, the first cut has as much of it as any.
    other = outlined("discs", image, DISCS, "nuclei", np.array([float(name == "frame") for name in CUES]))
    assert other.hand == alike.hand
    assert other.fitted != other.hand


def test_each_preset_has_its_scenes_and_phantoms() -> None:
    assert set(FEW + MANY) == set(SCENE_OPTIONS) == set(SEVERAL_KINDS.values())
    assert set(FEW + MANY) < set(preset_names())
    made = [scene_candidates(seed) for seed in SEVERAL_SCENES[:8]] + [phantom_candidates(index) for index in range(3)]
    groups = {f"scenes, {preset}" for preset in FEW + MANY} | {f"phantoms, {preset}" for *_, preset in PHANTOMS}
    found = [one for one in made if isinstance(one, Candidates)]
    assert {one.group for one in found} == groups
    assert all(one.group.endswith(one.preset) for one in found)
    assert all(one.dice.max() > 0.8 for one in found if one.group.startswith("phantoms")), "the easiest of each kind"


def test_at_most_so_many_images_of_each_set_of_several_objects() -> None:
    names = ["nuclei_dsb2018"] * (SEVERAL_PER_SET + 3) + ["polyps_kvasir"] * 2 + ["lung_ct_konya"] * 2
    cases = [(name, Path(f"{index}.png"), Path(f"{index}.png")) for index, name in enumerate(names)]
    assert several_cases(cases) == [*cases[:SEVERAL_PER_SET], *cases[-2:]]
