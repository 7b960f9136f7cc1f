"""Which steps of the refinement the settings ask for, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import RefineSettings
from msformer.image import Mask
from msformer.refine import refine_mask
from msformer.refine.stage import drop_crumbs

SHAPE = (101, 113)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
EVERYWHERE = np.ones(SHAPE, dtype=bool)
FLAT = np.zeros(SHAPE, dtype=np.float32)


def block(top: int, left: int, height: int, width: int) -> Mask:
    return np.asarray((top <= ROWS) & (top + height > ROWS) & (left <= COLUMNS) & (left + width > COLUMNS))


def refined(mask: Mask, appearance: NDArray[np.float32] = FLAT, valid: Mask = EVERYWHERE, **settings: Any) -> Mask:
    more = {name: settings.pop(name) for name in ("blue_stain", "midline") if name in settings}
    return refine_mask(mask, appearance, valid, RefineSettings(**settings), **more)


CUT = block(30, 30, 31, 37) & ~block(44, 30, 3, 30)
"""A block with a cut 3 px wide from the left."""


def test_settings_that_ask_for_nothing_change_nothing() -> None:
    np.testing.assert_array_equal(refined(CUT), CUT)


def test_crumbs_are_small_against_the_mean_weighted_by_area() -> None:
    """Areas 10, 6 and 2: the typical one is (100 + 36 + 4) / 18 = 7.8; a quarter of it is 1.9, .3 of it 2.3."""
    parts = [block(10, 10, 2, 5), block(20, 10, 2, 3), block(30, 10, 1, 2)]
    mask = parts[0] | parts[1] | parts[2]
    np.testing.assert_array_equal(drop_crumbs(mask, 0.25), mask)
    np.testing.assert_array_equal(drop_crumbs(mask, 0.3), parts[0] | parts[1])
    np.testing.assert_array_equal(drop_crumbs(mask, 0.8), parts[0])
    np.testing.assert_array_equal(refined(mask, min_relative_area=0.8), parts[0])
    assert not drop_crumbs(mask & False, 0.5).any()


def test_many_crumbs_do_not_make_crumbs_typical() -> None:
    """Forty specks of 1 px beside one object of 100: by number they are typical, by area they are not."""
    specks = np.zeros(SHAPE, dtype=bool)
    specks[60:100:5, 10:100:20] = True
    large = block(20, 20, 10, 10)
    np.testing.assert_array_equal(drop_crumbs(large | specks, 0.1), large)


def test_the_largest_component_is_never_a_crumb() -> None:
    mask = block(10, 10, 3, 5) | block(30, 30, 3, 5)
    np.testing.assert_array_equal(drop_crumbs(mask, 1.0), mask)


def test_closing_is_a_share_of_the_side() -> None:
    """The side is 106.8 px: .01 of it is 1 px, .02 are 2, which close a cut of 3."""
    np.testing.assert_array_equal(refined(CUT, closing=0.01)[45, 31:56], np.zeros(25, bool))
    assert refined(CUT, closing=0.02)[45, 34:60].all()


def test_closing_keeps_within_the_field() -> None:
    valid = ~block(44, 40, 3, 5)
    assert not refined(CUT & valid, valid=valid, closing=0.02)[~valid].any()


def test_hull_of_each_component_within_the_field() -> None:
    two = block(10, 10, 20, 20) & ~block(10, 20, 10, 10) | block(60, 60, 9, 9)
    hulls = refined(two, hull=True)
    assert hulls[15, 20]  # above the slope from (10, 19) to (20, 29): row 15 reaches column 24
    assert not hulls[12, 27]
    assert not hulls[40, 45]
    assert hulls.sum() == two.sum() + 45
    valid = COLUMNS < 22
    assert not refined(two & valid, valid=valid, hull=True)[~valid].any()


def test_no_hull_reaches_across_the_midline() -> None:
    """A bar that joins two blocks of different height would have one hull."""
    joined = block(20, 20, 40, 15) | block(40, 35, 3, 20) | block(35, 55, 13, 15)
    assert refined(joined, hull=True)[30, 45]
    parted = refined(joined, hull=True, midline=45)
    assert not parted[:, 45].any()
    assert ndimage.label(parted)[1] == 2
    np.testing.assert_array_equal(refined(joined, midline=45), joined)


def test_the_border_moves_before_anything_is_closed() -> None:
    appearance = CUT.astype(np.float32)
    start = block(34, 34, 23, 29)
    moved = refined(start, appearance, boundary_rounds=3, boundary_level=0.5)
    assert not moved[45, 32:50].any()
    both = refined(start, appearance, boundary_rounds=3, boundary_level=0.5, closing=0.02)
    assert both[45, 36:58].all()


def test_cells_grow_only_with_stain() -> None:
    nucleus, body = (np.hypot(ROWS - 50, COLUMNS - 56) <= radius for radius in (9, 16))
    blue = body.astype(np.float32)
    np.testing.assert_array_equal(refined(nucleus, cells=True), nucleus)
    np.testing.assert_array_equal(refined(nucleus, blue_stain=blue), nucleus)
    assert (refined(nucleus, cells=True, blue_stain=blue) ^ body).sum() < 0.02 * body.sum()


@pytest.mark.parametrize(
    "change",
    [
        {"boundary_rounds": 1},
        {"closing": 0.02},
        {"hull": True},
        {"min_relative_area": 0.5},
    ],
    ids=str,
)
def test_every_step_changes_something_and_leaves_its_input_alone(change: dict[str, Any]) -> None:
    mask = CUT | block(90, 90, 3, 3)
    appearance = block(28, 28, 35, 41).astype(np.float32)
    before = mask.copy(), appearance.copy()
    assert (refined(mask, appearance, **change) != mask).any()
    np.testing.assert_array_equal(mask, before[0])
    np.testing.assert_array_equal(appearance, before[1])


def test_an_outline_that_moved_too_far_is_another_objects() -> None:
    """Two crumbs of 10 and 6 px: without the small one, Dice is 2 · 10 / (16 + 10) = .77."""
    first, second = block(10, 10, 2, 5), block(20, 10, 2, 3)
    both = first | second
    np.testing.assert_array_equal(refined(both, min_relative_area=0.8, keeps=0.76), first)
    np.testing.assert_array_equal(refined(both, min_relative_area=0.8, keeps=0.78), both)
