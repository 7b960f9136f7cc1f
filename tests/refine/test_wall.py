"""Where a pair of lungs lies against the wall, and how its border is drawn there."""

from __future__ import annotations

import cv2
import numpy as np

from msformer.config import RefineSettings
from msformer.image import Mask
from msformer.refine import refine_boundary, refine_mask
from msformer.refine.wall import EDGE_ON, GRAZED, beside_wall, hull_at_wall, wall_levels

SHAPE = (101, 121)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
MIDLINE = 60
EVERYWHERE = np.ones(SHAPE, dtype=bool)
OTHER = 0.3


def block(top: int, bottom: int, left: int, right: int) -> Mask:
    return np.asarray((top <= ROWS) & (bottom > ROWS) & (left <= COLUMNS) & (right > COLUMNS))


LUNGS = block(20, 70, 20, 50) | block(20, 70, 70, 100)


def test_beside_the_wall_is_beyond_and_above_but_neither_towards_the_midline_nor_below() -> None:
    beyond = block(0, 70, 0, 121) & ~block(20, 70, 20, 101) | block(20, 70, 100, 101)
    np.testing.assert_array_equal(beside_wall(LUNGS, MIDLINE), beyond)


def test_without_lungs_everything_is_beside_the_wall() -> None:
    assert beside_wall(np.zeros(SHAPE, dtype=bool), MIDLINE).all()


def test_each_border_has_its_level() -> None:
    levels = wall_levels(LUNGS, MIDLINE, OTHER)
    for columns in ((18, 22), (97, 102)):
        np.testing.assert_allclose(levels[45, list(columns)], GRAZED)
    for columns in ((48, 52), (68, 72)):
        np.testing.assert_allclose(levels[45, list(columns)], OTHER)
    np.testing.assert_allclose(levels[[18, 22], 35], GRAZED)
    np.testing.assert_allclose(levels[[67, 72], 85], EDGE_ON)


def test_hulls_bridge_what_indents_the_wall_and_leave_what_bulges_in_from_below_and_from_the_heart() -> None:
    rib, heart, dome = block(40, 44, 20, 30), block(45, 60, 40, 50), block(60, 70, 28, 34)
    indented = LUNGS & ~(rib | heart | dome)
    np.testing.assert_array_equal(hull_at_wall(indented, MIDLINE), LUNGS & ~(heart | dome))


def test_no_hull_at_the_wall_reaches_across_the_midline() -> None:
    joined = LUNGS | block(40, 44, 50, 70)
    parted = hull_at_wall(joined, MIDLINE)
    assert not parted[:, MIDLINE].any()
    np.testing.assert_array_equal(parted, joined & (COLUMNS != MIDLINE))


def test_a_soft_border_is_followed_to_its_foot_at_the_wall_and_half_way_at_the_base() -> None:
    """Blurred by 4 px, an edge is at a level of .05 1.64 deviations, 7 px, further out than half way."""
    soft = -np.asarray(cv2.GaussianBlur(LUNGS.astype(np.float32), (0, 0), 4), dtype=np.float32)
    settings = RefineSettings(boundary_rounds=2, boundary_level=OTHER, boundary_reach=0.1, wall=True)
    found = refine_boundary(LUNGS, soft, EVERYWHERE, settings, midline=MIDLINE)
    rows = np.flatnonzero(found[:, 35])
    columns = np.flatnonzero(found[45, :MIDLINE])
    assert abs(int(rows[-1]) + 1 - 70) <= 1
    assert 4 <= 20 - int(columns[0]) <= 8
    assert 1 <= int(columns[-1]) + 1 - 50 <= 4


def test_the_wall_needs_a_midline_and_its_setting_and_keeps_within_the_field() -> None:
    indented = LUNGS & ~block(40, 44, 20, 30)
    flat = np.zeros(SHAPE, dtype=np.float32)
    np.testing.assert_array_equal(refine_mask(indented, flat, EVERYWHERE, RefineSettings(wall=True)), indented)
    np.testing.assert_array_equal(refine_mask(indented, flat, EVERYWHERE, RefineSettings(), midline=MIDLINE), indented)
    settings = RefineSettings(wall=True)
    np.testing.assert_array_equal(refine_mask(indented, flat, EVERYWHERE, settings, midline=MIDLINE), LUNGS)
    valid = COLUMNS >= 25
    assert not refine_mask(indented & valid, flat, valid, settings, midline=MIDLINE)[~valid].any()
