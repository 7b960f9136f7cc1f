"""Nuclei → cells, on discs: which are kept, and how far their stain goes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.refine import grow_cells

SHAPE = (151, 163)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
RADIUS = 9
LEFT, RIGHT = (50, 45), (80, 115)

pytestmark = pytest.mark.filterwarnings("error")


def disc(centre: tuple[int, int], radius: float) -> Mask:
    return np.asarray(np.hypot(ROWS - centre[0], COLUMNS - centre[1]) <= radius)


def stain(mask: Mask) -> NDArray[np.float32]:
    return mask.astype(np.float32)


NUCLEI = disc(LEFT, RADIUS) | disc(RIGHT, RADIUS)


def test_a_cell_is_the_nucleus_and_its_stained_body() -> None:
    bodies = disc(LEFT, 17) | disc(RIGHT, 15)
    cells = grow_cells(NUCLEI, stain(bodies))
    assert (cells ^ bodies).sum() <= 0.01 * bodies.sum()


def test_stain_need_not_lie_on_the_nucleus_itself() -> None:
    bodies = disc(LEFT, 17) | disc(RIGHT, 15)
    cells = grow_cells(NUCLEI, stain(bodies & ~NUCLEI))
    assert (cells ^ bodies).sum() <= 0.01 * bodies.sum()


def test_a_nucleus_without_a_stained_body_is_dropped() -> None:
    cells = grow_cells(NUCLEI, stain(disc(LEFT, 17)))
    assert cells[LEFT]
    assert not (cells & disc(RIGHT, RADIUS)).any()


@pytest.mark.parametrize(("outer", "is_kept"), [(11, False), (13, True)])
def test_half_a_nucleus_of_cytoplasm_is_enough(outer: float, is_kept: bool) -> None:
    """Beyond the seam of .9 px: π (11² − 9.9²) = 72 and π (13² − 9.9²) = 223; half of a nucleus is 127."""
    cells = grow_cells(NUCLEI, stain(disc(LEFT, 17) | disc(RIGHT, outer)))
    assert cells[LEFT]
    assert cells[RIGHT] == is_kept


def test_where_no_cell_has_enough_the_one_with_most_is_kept() -> None:
    cells = grow_cells(NUCLEI, stain(disc(LEFT, 11) | disc(RIGHT, 11.5)))
    assert cells[RIGHT]
    assert not cells[LEFT]


def test_debris_is_no_nucleus() -> None:
    """π 3² is a ninth of a nucleus, less than .3; its stain would do for a cell."""
    speck = (120, 40)
    bodies = disc(LEFT, 17) | disc(RIGHT, 15) | disc(speck, 14)
    cells = grow_cells(NUCLEI | disc(speck, 3), stain(bodies))
    assert cells[LEFT]
    assert cells[RIGHT]
    assert not cells[speck]


def test_debris_says_nothing_about_the_size_of_nuclei() -> None:
    """Seven specks beside two nuclei: were they typical, cytoplasm would reach 4 px and not 18."""
    specks = np.any([disc((140, 10 + 20 * index), 1.5) for index in range(7)], axis=0)
    bodies = disc(LEFT, 22) | disc(RIGHT, 20)
    cells = grow_cells(NUCLEI | specks, stain(bodies))
    assert (cells ^ bodies).sum() <= 0.01 * bodies.sum()


def test_stain_belongs_to_a_cell_up_to_two_radii_from_its_nucleus() -> None:
    cells = grow_cells(disc((75, 80), RADIUS), stain(disc((75, 80), 50)))
    distance = np.hypot(ROWS - 75, COLUMNS - 80)
    assert distance[cells].max() == pytest.approx(RADIUS + 2 * RADIUS, abs=1.5)
    assert cells[distance < 25].all()


def test_each_pixel_goes_to_the_nearest_nucleus() -> None:
    """From 55 and 95 the middle is 75. A band of 7 rows joins the two; its right half is too little to be a cell."""
    one, other = (75, 55), (75, 95)
    body = disc(one, 18) | ((np.abs(ROWS - 75) <= 3) & (COLUMNS > 55) & (COLUMNS < 95))
    alone = grow_cells(disc(one, RADIUS), stain(body))
    beside = grow_cells(disc(one, RADIUS) | disc(other, RADIUS), stain(body))
    assert np.flatnonzero(alone[75]).max() == 55 + 9 + 18  # as far as cytoplasm reaches
    assert np.flatnonzero(beside[75]).max() in (74, 75)
    assert not beside[other]


def test_nuclei_that_touch_are_judged_one_by_one() -> None:
    """17 px apart with radii of 9; only the left one has a stained side."""
    one, other = (75, 60), (75, 77)
    nuclei = disc(one, RADIUS) | disc(other, RADIUS)
    cells = grow_cells(nuclei, stain(disc(one, 18) & (COLUMNS < 66)))
    assert cells[one]
    assert cells[75, 45]
    assert not cells[other]


def test_threads_of_the_smear_are_cut_off() -> None:
    """2 px wide; an opening of round(.25 · 9) px takes them away."""
    bodies = disc(LEFT, 15)
    thread = (ROWS >= 50) & (ROWS < 52) & (COLUMNS > 45) & (COLUMNS < 72)
    with_thread, without = (grow_cells(disc(LEFT, RADIUS), stain(body)) for body in (bodies | thread, bodies))
    assert not with_thread[:, 63:].any()
    assert (with_thread ^ without).sum() < 12


def test_a_few_extreme_pixels_do_not_move_the_threshold() -> None:
    bodies = disc(LEFT, 17) | disc(RIGHT, 15)
    blue = stain(bodies)
    expected = grow_cells(NUCLEI, blue)
    blue[3:6, 3:30] = 100.0  # 81 of 24613 px
    blue[140:143, 3:30] = -100.0
    np.testing.assert_array_equal(grow_cells(NUCLEI, blue), expected)


def test_a_hole_in_a_nucleus_and_in_a_body_is_filled() -> None:
    bodies = disc(LEFT, 17) | disc(RIGHT, 15)
    holes = disc(LEFT, 3) | disc((50, 58), 2)
    cells = grow_cells(NUCLEI & ~holes, stain(bodies & ~holes))
    assert (cells ^ bodies).sum() <= 0.01 * bodies.sum()


def test_without_nuclei_or_without_stain_nothing_grows() -> None:
    nothing = np.zeros(SHAPE, dtype=bool)
    assert not grow_cells(nothing, stain(disc(LEFT, 17))).any()
    np.testing.assert_array_equal(grow_cells(NUCLEI, stain(nothing)), NUCLEI)
    np.testing.assert_array_equal(grow_cells(~nothing, stain(nothing)), ~nothing)


def test_inputs_are_left_alone() -> None:
    nuclei, blue = NUCLEI.copy(), stain(disc(LEFT, 17))
    before = blue.copy()
    grow_cells(nuclei, blue)
    np.testing.assert_array_equal(nuclei, NUCLEI)
    np.testing.assert_array_equal(blue, before)
