"""Strokes against what geometry says, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msformer.editing import drawing
from msformer.editing.change import Change
from msformer.image import Mask

SHAPE = 40, 50
Points = list[tuple[float, float]]


def distance_to_segment(row: float, column: float, first: tuple[float, float], last: tuple[float, float]) -> float:
    along = np.subtract(last, first)
    length = float(along @ along)
    share = 0.0 if length == 0 else float(np.clip(np.subtract((row, column), first) @ along / length, 0, 1))
    return float(np.hypot(*(np.array((row, column)) - first - share * along)))


@pytest.mark.parametrize("radius", [0.5, 2.0, 7.0])
@pytest.mark.parametrize("path", [[(20.5, 25.5)], [(5.5, 5.5), (30.5, 40.5)], [(10.5, 45.5), (10.5, 49.5)]])
def test_a_stroke_covers_what_is_near_its_path(path: Points, radius: float) -> None:
    covered = drawing.stroke(SHAPE, path, radius)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            away = min(
                distance_to_segment(row + 0.5, column + 0.5, first, last)
                for first, last in zip(path, path[1:] or path, strict=False)
            )
            if away < radius - 1:
                assert covered[row, column]
            elif away > radius + 1:
                assert not covered[row, column]


def test_a_stroke_outside_of_the_picture_covers_nothing() -> None:
    assert not drawing.stroke(SHAPE, [(-100.0, -100.0)], 5).any()
    assert not drawing.stroke(SHAPE, [(500.0, 20.0)], 5).any()
    assert drawing.stroke(SHAPE, [(-2.0, 20.0)], 5).any()


def test_a_lasso_encloses_the_middles_of_its_pixels() -> None:
    inside = drawing.enclosed(SHAPE, [(10.0, 10.0), (10.0, 20.0), (30.0, 20.0), (30.0, 10.0)])
    expected = np.zeros(SHAPE, dtype=bool)
    expected[10:30, 10:20] = True
    # OpenCV draws the border too: at most one px beyond it.
    assert not (expected & ~inside).any()
    assert not inside[:9].any()
    assert not inside[32:].any()
    assert not inside[:, 22:].any()


def test_a_split_parts_what_a_line_crosses_and_a_merge_joins_it() -> None:
    import cv2

    bar = np.zeros(SHAPE, dtype=bool)
    bar[15:25, 5:45] = True
    parted = drawing.split(bar, [(0.0, 25.0), (40.0, 27.0)])
    assert cv2.connectedComponents(parted.astype(np.uint8), connectivity=4)[0] == 3
    assert np.count_nonzero(bar & ~parted) <= 25
    joined = drawing.merged(parted, [(20.0, 10.0), (20.0, 40.0)])
    assert cv2.connectedComponents(joined.astype(np.uint8), connectivity=4)[0] == 2
    assert not (parted & ~joined).any()
    assert not (joined & ~bar).any()  # nothing but what lay between


def test_a_merge_joins_nothing_else() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5:10, 5:10] = mask[5:10, 14:19] = mask[30:35, 5:10] = True
    joined = drawing.merged(mask, [(7.0, 7.0), (7.0, 16.0)])
    assert not joined[12:28].any()
    assert joined[7, 11]
    assert np.array_equal(drawing.merged(mask, [(7.0, 7.0), (7.0, 8.0)]), mask)  # of one piece


def test_smoothing_takes_spikes_and_leaves_the_frame_alone() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:30, :25] = True
    mask[20, 25:35] = True
    smooth = drawing.smoothed(mask, 2.0)
    assert not smooth[20, 30]
    assert smooth[15:25, 0].all()


masks = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random(SHAPE) < np.random.default_rng(seed + 1).random() ** 3
)


@settings(max_examples=60, deadline=None)
@given(masks, masks)
def test_a_change_leads_there_and_back_and_through_json(before: Mask, after: Mask) -> None:
    change = Change.between(before, after)
    assert np.array_equal(change.apply(before), after)
    assert np.array_equal(change.apply(after), before)
    again = Change.from_json(change.to_json(), SHAPE)
    assert again == change
    assert change.is_none == np.array_equal(before, after)
