"""Each cue alone, on masks small enough to count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import CueWeights
from msformer.foreground import CUES, Scene, frame_share, otsu_fraction, score_mask
from msformer.foreground.cues import air, centre, explained, frame, ring, separate, several, solidity
from msformer.foreground.scene import Sign
from msformer.image import Mask
from msformer.phantoms import make_phantom

pytestmark = pytest.mark.filterwarnings("error")


def blank(height: int, width: int) -> Mask:
    return np.zeros((height, width), dtype=bool)


def rectangle(shape: tuple[int, int], top: int, left: int, height: int, width: int) -> Mask:
    mask = blank(*shape)
    mask[top : top + height, left : left + width] = True
    return mask


def scene_of(appearance: Any, valid: Mask | None = None, sign: Sign = 0, **more: Any) -> Scene:
    values: NDArray[np.float32] = np.asarray(appearance, dtype=np.float32)
    return Scene(values, np.ones(values.shape, dtype=bool) if valid is None else valid, sign, **more)


def test_every_weight_has_its_cue() -> None:
    assert set(CUES) == set(CueWeights.model_fields)


def test_otsu_fraction_by_hand() -> None:
    """Values 0, 0, 1, 3 with mean 1: total squares 6; split {0, 0, 1} | {3}: 3·1/4 · (3 − 1/3)² = 16/3."""
    values = np.array([[0, 0], [1, 3]], dtype=np.float32)
    mask = np.array([[False, False], [False, True]])
    assert otsu_fraction(mask, values) == pytest.approx(16 / 3 / 6)
    assert otsu_fraction(~mask, values) == pytest.approx(16 / 3 / 6)
    assert otsu_fraction(blank(2, 2), values) == 0
    assert otsu_fraction(~blank(2, 2), values) == 0
    assert otsu_fraction(mask, np.ones_like(values)) == 0
    assert otsu_fraction(mask, values, spread=6 / 4 * 2) == pytest.approx(16 / 3 / 6 / 2)


@pytest.mark.parametrize(("sign", "expected"), [(0, 8 / 9), (1, 8 / 9), (-1, 0)])
def test_explained_counts_the_field_only_and_is_0_on_the_wrong_side(sign: Sign, expected: float) -> None:
    """The values of the test above, in a field of 4 px; 99 lies outside of it."""
    values = np.full((3, 5), 99.0)
    values[1, 1:] = [0, 0, 1, 3]
    valid = rectangle((3, 5), 1, 1, 1, 4)
    mask = rectangle((3, 5), 1, 4, 1, 1)
    assert explained(mask, scene_of(values, valid, sign)) == pytest.approx(expected)


@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_explained_of_nothing_and_of_everything_is_0(sign: Sign) -> None:
    scene = scene_of(np.arange(15).reshape(3, 5), sign=sign)
    assert explained(blank(3, 5), scene) == 0
    assert explained(~blank(3, 5), scene) == 0


def test_frame_by_hand() -> None:
    """7 × 11 with a frame of 2: 77 − 3 · 7 = 56 px; two full rows at the top are 22 of them."""
    mask = rectangle((7, 11), 0, 0, 2, 11)
    mask[3, 5] = True
    scene = scene_of(np.zeros((7, 11)))
    assert int(scene.frame.sum()) == 56
    assert frame_share(mask, scene) == pytest.approx(22 / 56)
    assert frame(mask, scene) == pytest.approx(34 / 56)
    assert frame(blank(7, 11), scene) == 1


def test_the_frame_is_that_of_the_field() -> None:
    valid = rectangle((13, 17), 3, 2, 7, 11)
    scene = scene_of(np.zeros((13, 17)), valid)
    assert frame(rectangle((13, 17), 3, 2, 2, 11), scene) == pytest.approx(34 / 56)
    assert frame(rectangle((13, 17), 5, 4, 3, 7), scene) == 1
    assert int(scene.edge.sum()) == 2 * 11 + 2 * 5


@pytest.mark.parametrize("bright", [False, True])
def test_ring_by_hand(bright: bool) -> None:
    """On 11 × 13 the ring is 1 px wide and has no corners: 2 · (2 + 3) px around 2 × 3."""
    mask = rectangle((11, 13), 4, 5, 2, 3)
    values = np.where(mask, 0.0, 1.0)
    assert ring(mask, scene_of(-values if bright else values)) == 1
    values[3, 5:8] = 0.1  # three of the ten look like the object
    values[3, 4] = 0.1  # a corner, which is none of them
    assert ring(mask, scene_of(-values if bright else values)) == pytest.approx(7 / 10)


def test_what_is_not_seen_speaks_for_no_border() -> None:
    corner = rectangle((11, 13), 0, 0, 2, 3)
    assert ring(corner, scene_of(np.where(corner, 0, 1))) == pytest.approx(5 / 10)
    mask = rectangle((11, 13), 4, 5, 2, 3)
    valid = ~rectangle((11, 13), 6, 5, 1, 3) & ~rectangle((11, 13), 4, 8, 1, 1)
    assert ring(mask, scene_of(np.where(mask, 0, 1), valid)) == pytest.approx(6 / 10)


def test_the_ring_grows_with_the_image() -> None:
    """side 60.9, so 3 px; OpenCV's disc of 7 px reaches 3 px to the right and not to the corner (3, 3)."""
    mask = rectangle((53, 70), 20, 30, 5, 7)
    values = np.where(rectangle((53, 70), 20, 30, 5, 9), 0.0, 1.0)
    share = ring(mask, scene_of(values))
    # 2 columns of 5 px to the right are alike: they are a ninth of about 90 px.
    assert share == pytest.approx(1 - 10 / 92, abs=0.02)


def test_ring_without_a_mask_or_a_rest_is_0() -> None:
    scene = scene_of(np.arange(35).reshape(5, 7))
    assert ring(blank(5, 7), scene) == 0
    assert ring(~blank(5, 7), scene) == 0


def l_shape(shape: tuple[int, int] = (19, 23), top: int = 0, left: int = 0) -> Mask:
    """5 × 7 without a corner of 3 × 4: 23 px.

    Its hull through the centres is 4 · 6 less half of 3 · 4, so 18, and has the outline 2 + 5 + 1 + 6 + 4 = 18; with
    half the outline and 1 around it: 28.
    """
    return rectangle(shape, top, left, 5, 7) & ~rectangle(shape, top, left + 3, 3, 4)


def test_solidity_by_hand() -> None:
    scene = scene_of(np.zeros((19, 23)))
    block = rectangle((19, 23), 11, 3, 3, 5)
    assert solidity(block, scene) == pytest.approx(1)
    assert solidity(l_shape(), scene) == pytest.approx(23 / 28)
    assert solidity(l_shape() | block, scene) == pytest.approx((23 / 28 + 1) / 2)
    second = rectangle((19, 23), 11, 12, 3, 5)
    assert solidity(l_shape() | block | second, scene) == pytest.approx(1)  # the typical one
    assert solidity(blank(19, 23), scene) == 0


def test_specks_do_not_count_for_solidity_unless_there_is_nothing_else() -> None:
    scene = scene_of(np.zeros((19, 23)))
    crossed = blank(19, 23)
    crossed[11, 3:8] = crossed[9:14, 5] = True  # a cross of 9 px
    assert solidity(l_shape() | crossed, scene) == pytest.approx(23 / 28)
    # Its hull: a square on its tip, area 8 and outline 4 · √8.
    assert solidity(crossed, scene) == pytest.approx(9 / (8 + 2 * np.sqrt(8) + 1))


def test_centre_by_hand() -> None:
    """Spread is a quarter of each side: 2 px of 7 are 8/7 of it, 2 px of 11 are 8/11."""
    scene = scene_of(np.zeros((7, 11)))
    middle, below, right = (rectangle((7, 11), *place, 1, 1) for place in ((3, 5), (5, 5), (3, 7)))
    down, across = np.exp(-0.5 * (8 / 7) ** 2), np.exp(-0.5 * (8 / 11) ** 2)
    assert centre(middle, scene) == pytest.approx(1)
    assert centre(below, scene) == pytest.approx(down)
    assert centre(right, scene) == pytest.approx(across)
    assert centre(rectangle((7, 11), 5, 7, 1, 1), scene) == pytest.approx(down * across)
    assert centre(middle | below | right, scene) == pytest.approx((1 + down + across) / 3)
    assert centre(blank(7, 11), scene) == 0


SHAPE = (31, 53)


def test_separate_by_hand() -> None:
    """Around 4 × 4 lie 2 px on each side and 1 in each corner, 36; 8 of them are as dark as the object.

    16 · 36 / 52² · (28/36)² over 28 · 24 / 52² is 14/27.
    """
    mask = rectangle(SHAPE, 10, 20, 4, 4)
    values = np.where(mask, 0.0, 1.0)
    assert separate(mask, scene_of(values)) == pytest.approx(1)
    values[8:10, 20:24] = 0
    assert separate(mask, scene_of(values)) == pytest.approx(14 / 27)
    assert separate(mask, scene_of(values, sign=-1)) == pytest.approx(14 / 27)
    assert separate(mask, scene_of(values, sign=1)) == 0
    values[8:10, 20:24] = 1
    values[7, :] = values[:, 27] = 0  # further away than what is just around it
    assert separate(mask, scene_of(values)) == pytest.approx(1)


def test_separate_sees_neither_other_objects_nor_what_does_not_count() -> None:
    mask = rectangle(SHAPE, 10, 20, 4, 4) | rectangle(SHAPE, 10, 25, 4, 4)
    outside = rectangle(SHAPE, 8, 20, 2, 4)
    values = np.where(mask | outside, 0.0, 1.0)
    assert separate(mask, scene_of(values, ~outside)) == pytest.approx(1)


def test_separate_is_the_median_of_the_objects() -> None:
    """Two small dark squares and a large bright one, which is on the wrong side; bright specks have no say."""
    dark = rectangle(SHAPE, 4, 4, 4, 4) | rectangle(SHAPE, 18, 4, 4, 4)
    bright = rectangle(SHAPE, 10, 28, 8, 8)
    speck = rectangle(SHAPE, 2, 45, 3, 3)
    values = 0.5 - 0.5 * dark + 0.5 * (bright | speck)
    assert separate(dark | bright | speck, scene_of(values, sign=-1)) == pytest.approx(1)
    assert separate(dark | bright | speck, scene_of(values, sign=1)) == 0
    assert separate(dark | bright, scene_of(values)) == pytest.approx(1)


def test_what_lies_between_two_objects_is_around_the_nearer_one() -> None:
    """Two columns lie between two squares: where the second one's is dark, two objects of three stay perfect.

    If the dark column were around the square left of it as well, two would not, and so not the median.
    """
    mask = rectangle(SHAPE, 10, 20, 4, 4) | rectangle(SHAPE, 10, 26, 4, 4) | rectangle(SHAPE, 22, 20, 4, 4)
    values = np.where(mask, 0.0, 1.0)
    values[10:14, 25] = 0
    assert separate(mask, scene_of(values)) == pytest.approx(1)
    assert separate(rectangle(SHAPE, 10, 26, 4, 4), scene_of(np.where(mask, 0.0, values))) < 1


def test_several_counts_objects_by_area() -> None:
    """One of 16 px: 1/2; two: 2/3; with one of 64 px, 96² / (64² + 2 · 16²) = 2; specks have no say."""
    scene = scene_of(np.zeros(SHAPE))
    one, two = rectangle(SHAPE, 4, 4, 4, 4), rectangle(SHAPE, 18, 4, 4, 4)
    large, speck = rectangle(SHAPE, 10, 28, 8, 8), rectangle(SHAPE, 2, 45, 3, 3)
    assert several(one, scene) == pytest.approx(1 / 2)
    assert several(one | two, scene) == pytest.approx(2 / 3)
    assert several(one | two | large | speck, scene) == pytest.approx(2 / 3)
    assert several(blank(*SHAPE), scene) == 0


def test_separate_without_surroundings_or_mask_is_0() -> None:
    scene = scene_of(np.zeros((5, 7)))
    assert separate(blank(5, 7), scene) == 0
    assert separate(~blank(5, 7), scene) == 0


@pytest.mark.parametrize(("level", "expected"), [(1, 0.5), (-3, 1), (-11, 1), (5, 0), (6, 0)])
def test_air_by_hand(level: float, expected: float) -> None:
    """The body is at 5 (by its median) and air at −3."""
    mask = rectangle((5, 7), 1, 2, 2, 3)
    values = np.where(mask, level, 5.0)
    values[4, :5] = 400
    assert air(mask, scene_of(values, air=-3)) == pytest.approx(expected)


def test_without_air_or_with_air_brighter_than_the_body_nothing_is_said() -> None:
    mask = rectangle((5, 7), 1, 2, 2, 3)
    values = np.where(mask, 3.0, 5.0)
    assert air(mask, scene_of(values)) == 1
    assert air(mask, scene_of(values, air=5)) == 1
    assert air(mask, scene_of(values, air=8)) == 1
    assert air(blank(5, 7), scene_of(values, air=0)) == 1
    assert air(~blank(5, 7), scene_of(values, air=0)) == 1


def weights(**chosen: float) -> CueWeights:
    return CueWeights(**(dict.fromkeys(CueWeights.model_fields, 0.0) | chosen))


def test_the_score_is_the_product_of_cues_to_their_weights() -> None:
    mask = rectangle((7, 11), 0, 0, 2, 11)
    mask[3, 5] = True
    values = np.where(mask, 0.0, 5.0)
    scene = scene_of(values, air=-5)  # frame 34/56, explained 1, air (5 − 0) / 10
    score, cues = score_mask(mask, scene, weights(frame=2, explained=1, air=0.5))
    assert cues == pytest.approx({"frame": 34 / 56, "explained": 1, "air": 0.5})
    assert score == pytest.approx((34 / 56) ** 2 * np.sqrt(0.5))
    assert score_mask(mask, scene, weights()) == (1.0, {})


@pytest.mark.parametrize("name", list(CueWeights.model_fields))
def test_each_weight_takes_its_cue_in(name: str) -> None:
    shape = SHAPE
    mask = l_shape(shape, 6, 0)
    rng = np.random.default_rng(0)
    scene = scene_of(np.where(mask, 0.0, 5.0) + rng.normal(0, 1, shape), air=-5)
    one, cues = score_mask(mask, scene, weights(**{name: 1.0}))
    assert list(cues) == [name]
    assert 0 < one < 1
    assert score_mask(mask, scene, weights(**{name: 3.0}))[0] == pytest.approx(one**3)
    assert score_mask(mask, scene, weights())[0] == 1


def test_what_cannot_be_better_is_given_up_as_0() -> None:
    mask = rectangle((7, 11), 0, 0, 2, 11)
    scene = scene_of(np.where(mask, 0.0, 5.0))  # frame 34/56
    assert score_mask(mask, scene, weights(frame=1), at_least=0.60)[0] == pytest.approx(34 / 56)
    assert score_mask(mask, scene, weights(frame=1), at_least=0.61)[0] == 0
    assert set(score_mask(mask, scene, weights(frame=1, explained=1), at_least=0.61)[1]) == {"frame"}


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 3, 5, 8), 1.0),
        ((2, 3, 5, 7), 12 / 15),
        ((0, 0, 7, 11), 15 / 77),
        ((4, 6, 7, 11), 2 / (15 + 15 - 2)),
        ((5, 8, 7, 11), 0.0),
        ((0, 0, 2, 3), 0.0),
    ],
)
def test_a_box_counts_by_its_overlap_with_the_masks_own(box: tuple[int, int, int, int], expected: float) -> None:
    """The mask has the box of rows 2 to 4 and columns 3 to 7, though it does not fill it."""
    mask = rectangle((7, 11), 2, 3, 3, 1) | rectangle((7, 11), 4, 3, 1, 5)
    scene = scene_of(np.zeros((7, 11)), box=box)
    assert score_mask(mask, scene, weights())[0] == pytest.approx(expected)
    assert score_mask(blank(7, 11), scene, weights())[0] == 0


def phantom_scene(kind: str, seed: int, **more: Any) -> tuple[Scene, Mask]:
    phantom = make_phantom(kind, seed=seed, difficulty=0.2, shape=(73, 89))
    values = np.asarray(phantom.image, dtype=np.float32)
    field = None  # all of it; of a chest, the body without the air around it
    if kind == "lung_ct":
        field = ndimage.binary_fill_holes(ndimage.binary_opening(values > -500, iterations=2))
    return scene_of(values if values.ndim == 2 else values.mean(axis=2), field, **more), phantom.mask


PHANTOMS: dict[str, dict[str, Any]] = {
    "lung_ct": {"air": -1000.0, "sign": -1},
    "cells": {"sign": 1},
    "dermoscopy": {"sign": -1},
    "ultrasound": {},
}
"""Kinds of phantoms, and what is known of each."""


@pytest.mark.parametrize("kind", PHANTOMS)
@pytest.mark.parametrize("name", CUES)
def test_a_cue_of_any_mask_is_a_share(kind: str, name: str) -> None:
    """Level sets of blurred noise from specks to nearly everything, alone, within the truth and without it."""
    scene, truth = phantom_scene(kind, 5, **PHANTOMS[kind])
    part = replace(scene, valid=rectangle(scene.shape, 7, 11, 53, 61))
    rng = np.random.default_rng(11)
    values = []
    for blur in (0.0, 1.0, 3.0, 9.0):
        noise = ndimage.gaussian_filter(rng.standard_normal(scene.shape), blur)
        for share in (0.0005, 0.02, 0.3, 0.7, 0.99):
            mask = noise >= np.quantile(noise, 1 - share)
            for one in (mask, mask & truth, mask & ~truth, mask | truth):
                values += [CUES[name](one, scene), CUES[name](one & part.valid, part)]
    values += [CUES[name](one, scene) for one in (truth, ~truth, truth & False, truth | True)]
    assert np.isfinite(values).all()
    assert 0 <= min(values) <= max(values) <= 1
    if name != "air" or kind == "lung_ct":  # without air it says nothing
        assert max(values) - min(values) > 0.1, "or the test would say nothing"


def moved(mask: Mask) -> Mask:
    """Half of a frame to the right and below: neither where the object is nor what it looks like."""
    return np.roll(mask, (mask.shape[0] // 2, mask.shape[1] // 2), axis=(0, 1))


def as_a_comb(mask: Mask) -> Mask:
    """Every other three columns of it, and what joins them."""
    middle = int(np.nonzero(mask)[0].mean())
    kept = np.zeros_like(mask)
    kept[:, np.arange(mask.shape[1]) % 6 < 3] = True
    kept[middle] = True
    return np.asarray(mask & kept)


def with_surroundings(mask: Mask) -> Mask:
    """As large as 4 px more make it."""
    return np.asarray(ndimage.binary_dilation(mask, iterations=4))


def core(mask: Mask) -> Mask:
    """What is left of it, 5 px from its border."""
    return np.asarray(ndimage.binary_erosion(mask, iterations=5))


@pytest.mark.parametrize(
    ("name", "kind", "worse"),
    [
        ("frame", "dermoscopy", np.invert),
        ("explained", "dermoscopy", moved),
        ("air", "lung_ct", with_surroundings),
        ("centre", "dermoscopy", moved),
        ("ring", "dermoscopy", core),
        ("several", "cells", lambda mask: np.asarray(ndimage.binary_closing(mask, iterations=9))),
        ("solidity", "dermoscopy", as_a_comb),
        ("separate", "cells", moved),
    ],
)
def test_on_phantoms_each_cue_prefers_the_truth_to_a_mistake_of_its_kind(
    name: str, kind: str, worse: Callable[[Mask], Mask]
) -> None:
    for seed in range(3):
        scene, truth = phantom_scene(kind, seed, **PHANTOMS[kind])
        assert CUES[name](truth, scene) > CUES[name](worse(truth) & scene.valid, scene) + 0.02
