"""Polygons along the edges of pixels: filled they are the mask, and geometry's own library finds them valid."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import ndimage
from tests.io.outlines.filling import Mask, filled, hard_masks

from msformer.io.outlines.keyhole import without_holes
from msformer.io.outlines.polygons import outlines_of, polygons_of, signed_area

MASKS = pytest.mark.parametrize("mask", [pytest.param(mask, id=name) for name, mask in hard_masks().items()])


def corners(ring: object) -> set[tuple[int, int]]:
    return {(int(x), int(y)) for x, y in np.asarray(ring)}


def test_an_angle_with_its_corners() -> None:
    mask = np.array([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 1, 0]], bool)
    (found,) = polygons_of(mask)
    assert corners(found.shell) == {(1, 1), (2, 1), (2, 2), (4, 2), (4, 3), (1, 3)}
    assert len(found.shell) == 6
    assert signed_area(found.shell) == 4
    assert found.holes == ()


def test_a_hole_goes_the_other_way() -> None:
    (found,) = polygons_of(hard_masks()["hole"])
    assert corners(found.shell) == {(0, 0), (4, 0), (4, 3), (0, 3)}
    (hole,) = found.holes
    assert corners(hole) == {(1, 1), (3, 1), (3, 2), (1, 2)}
    assert (signed_area(found.shell), signed_area(hole)) == (12, -2)


@MASKS
def test_filling_gives_the_same_pixels(mask: Mask) -> None:
    found = polygons_of(mask)
    np.testing.assert_array_equal(filled((ring for one in found for ring in one.rings), (*mask.shape,)), mask)


@MASKS
def test_polygons_are_valid_and_one_for_each_part(mask: Mask) -> None:
    parts, count = ndimage.label(mask)
    found = polygons_of(mask)
    assert len(found) == count
    for number, one in enumerate(found, start=1):
        polygon = shapely.Polygon(one.shell, one.holes)
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == (parts == number).sum()
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)
        for ring in one.rings:  # only turns
            before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
            assert ((before * after).sum(axis=1) == 0).all()


@MASKS
def test_one_line_without_holes_gives_the_same_pixels(mask: Mask) -> None:
    lines = [without_holes(one) for one in polygons_of(mask)]
    np.testing.assert_array_equal(filled(lines, (*mask.shape,)), mask)
    for line in lines:
        steps = np.roll(line, -1, axis=0) - line
        assert ((steps != 0).sum(axis=1) == 1).all()  # along edges of pixels, none in place


@MASKS
def test_a_channel_runs_through_the_part_only(mask: Mask) -> None:
    for one in polygons_of(mask):
        part = shapely.Polygon(one.shell, one.holes)
        assert part.covers(shapely.LineString([*without_holes(one)]))


def test_outlines_of_labels() -> None:
    labels = np.zeros((2, 5, 7), np.uint16)
    labels[0, 1:4, 2:5], labels[0, 2, 3], labels[1, 0, 6], labels[1, 4, 0] = 3, 0, 300, 3
    found = list(outlines_of(labels))
    assert [(one.plane, one.label, one.box, one.n_pixels) for one in found] == [
        (0, 3, (2, 1, 3, 3), 8), (1, 3, (0, 4, 1, 1), 1), (1, 300, (6, 0, 1, 1), 1),
    ]  # fmt: skip
    for one in found:
        rings = (ring for polygon in one.polygons for ring in polygon.rings)
        np.testing.assert_array_equal(filled(rings, (5, 7)), labels[one.plane] == one.label)


def test_the_mask_stays_as_it_was() -> None:
    mask = hard_masks()["random 7"]
    before = mask.copy()
    mask.flags.writeable = False
    polygons_of(mask)
    np.testing.assert_array_equal(mask, before)
