"""Regions of one map: nested discs come back as they were drawn, and promises are those worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.regions import Region
from msformer.regions.levels import Field, Limits, level_regions, merged_regions, without_holes

SHAPE = (53, 71)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
LIMITS = Limits(least=12, most=3571, count=61)
EVERYWHERE = np.ones(SHAPE, dtype=bool)

pytestmark = pytest.mark.filterwarnings("error")


def disc(radius: float, row: float = 24, column: float = 31) -> Mask:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


def box(top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def drawn(*parts: tuple[Mask, float]) -> NDArray[np.float32]:
    """Masks of some strength, added up."""
    return np.asarray(sum(mask * strength for mask, strength in parts), dtype=np.float32)


DISCS = [disc(19), disc(13), disc(7)]
NESTED = drawn(*((one, 1 / 3) for one in DISCS))


def found(plane: NDArray[np.float32], valid: Mask = EVERYWHERE, limits: Limits = LIMITS, sign: int = 1) -> list[Region]:
    return level_regions(plane, Field(valid), limits, source="map", signs=(sign,))


def same(regions: list[Region], masks: list[Mask]) -> bool:
    """Whether the regions are these masks in any order."""
    return sorted(one.on(SHAPE).tobytes() for one in regions) == sorted(mask.tobytes() for mask in masks)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("gain", "shift"), [(1, 0), (0.01, 0), (7, -300)])
def test_nested_discs_are_exactly_the_regions(sign: int, gain: float, shift: float) -> None:
    plane = np.asarray(sign * gain * NESTED + shift, dtype=np.float32)
    regions = found(plane, sign=sign)
    assert same(regions, DISCS)
    for one in regions:
        assert one.area == np.count_nonzero(one.mask)
        assert (one.source, one.sign, one.support) == ("map", sign, 0)
        assert one.mask.any(axis=0).all()
        assert one.mask.any(axis=1).all()
    assert found(plane, sign=-sign) == []


def test_both_signs_by_default() -> None:
    plane = drawn((disc(7, 17, 19), 1.0), (disc(5, 37, 53), -1.0))
    regions = level_regions(plane, Field(EVERYWHERE), LIMITS, source="map")
    inner = [one for one in regions if one.area < 1000]
    assert same(inner, [disc(7, 17, 19), disc(5, 37, 53)])
    assert sorted((one.area, one.sign) for one in inner) == [(81, -1), (149, 1)]


def test_holes_are_filled() -> None:
    assert same(found(drawn((disc(13) & ~disc(7), 1.0))), [disc(13)])


def test_holes_are_those_of_scipy() -> None:
    rng = np.random.default_rng(7)
    for share in (0.3, 0.5, 0.7, 1.0):
        for shape in ((1, 1), (1, 7), (13, 11), (31, 47)):
            mask = rng.random(shape) < share
            np.testing.assert_array_equal(without_holes(mask), ndimage.binary_fill_holes(mask))


def test_a_region_that_is_too_large_when_filled_is_none() -> None:
    """A frame of 2 px has 472 of 3763 px, and all of them with its hole."""
    frame = ~box(2, 2, 49, 67)
    assert found(drawn((frame, 1.0))) == []
    assert {one.area for one in found(drawn((frame, 1.0)), limits=replace(LIMITS, most=3763))} == {3763}


def test_no_region_reaches_outside_of_the_field() -> None:
    valid = EVERYWHERE.copy()
    valid[:, 37:] = False
    plane = NESTED.copy()
    plane[~valid] = 9.0
    limits = replace(LIMITS, most=1861)  # less than the field
    assert same(found(plane, valid, limits), [one & valid for one in DISCS])
    assert same(found(-plane, valid, limits, sign=-1), [one & valid for one in DISCS])


def test_the_promise_of_a_rectangle_is_that_worked_out_by_hand() -> None:
    """All change lies on its 36 edges of the graph's 53 · 70 + 52 · 71 = 7402: 7402 / 36 mean changes on the contour.

    Its compactness is 16 · 77 / 36². At the upper frame, 11 of 36 contour edges lie along that, with no change.
    """
    (inner,), (upper,) = found(drawn((box(17, 23, 7, 11), 1.0))), found(drawn((box(0, 23, 7, 11), 1.0)))
    expected = 7402 / 36 * np.sqrt(16 * 77 / 36**2)
    assert inner.promise == pytest.approx(expected)
    assert upper.promise == pytest.approx(expected * (1 - 0.7 * 11 / 36))


@pytest.mark.parametrize(("outer", "inner", "kept"), [(0.8, 0.2, 13), (0.2, 0.8, 12)])
def test_of_alike_regions_the_one_with_the_strongest_contour_is_kept(outer: float, inner: float, kept: int) -> None:
    """529 and 441 px: a factor of 1.2."""
    plane = drawn((disc(13), outer), (disc(12), inner))
    assert same(found(plane), [disc(kept)])


def test_limits_of_area_and_number() -> None:
    """Areas are 1129, 529 and 149; the larger a disc, the more its contour promises here."""
    assert same(found(NESTED, limits=replace(LIMITS, least=150)), DISCS[:2])
    assert same(found(NESTED, limits=replace(LIMITS, most=1128)), DISCS[1:])
    assert same(found(NESTED, limits=replace(LIMITS, count=2)), DISCS[:2])
    assert len(found(NESTED, limits=replace(LIMITS, count=1))) == 1


@pytest.mark.parametrize("value", [0.0, 0.7, -3.0, 1e6])
def test_a_flat_map_has_no_regions(value: float) -> None:
    plane = np.full(SHAPE, value, dtype=np.float32)
    plane[7:11, 13:17] = np.nextafter(np.float32(value), np.float32(9e6))
    assert level_regions(plane, Field(EVERYWHERE), LIMITS, source="map") == []


def test_the_input_is_left_alone() -> None:
    plane, valid = NESTED.copy(), EVERYWHERE.copy()
    plane.flags.writeable = valid.flags.writeable = False
    level_regions(plane, Field(valid), LIMITS, source="map")
    merged_regions(plane[:, :, None], Field(valid), LIMITS, source="merged")
    np.testing.assert_array_equal(plane, NESTED)


@pytest.mark.parametrize("sign", [1, -1])
def test_merging_finds_the_discs_too(sign: int) -> None:
    regions = merged_regions(sign * NESTED[:, :, None], Field(EVERYWHERE), LIMITS, source="merged")
    masks = {one.on(SHAPE).tobytes() for one in regions}
    assert {one.tobytes() for one in DISCS} <= masks
    assert {one.sign for one in regions} == {0}


def test_merging_sees_what_no_single_plane_shows() -> None:
    """A disc with as much of one plane as its surroundings have of another: noise of both hides it in each."""
    noise = np.random.default_rng(7).normal(0, 0.8, SHAPE)
    inside = disc(13)
    planes = np.dstack([noise + inside, noise - inside]).astype(np.float32)
    regions = merged_regions(planes, Field(EVERYWHERE), LIMITS, source="merged")
    assert max(iou(one, inside) for one in regions) > 0.88
    assert max(iou(one, inside) for one in found(planes[:, :, 0])) < 0.8


def test_merged_regions_lie_in_the_field_in_one_part_and_in_tight_windows() -> None:
    """A disc goes on across a strip of no data that cuts it in two; one part of it is a region."""
    valid = EVERYWHERE.copy()
    valid[:, 29:34] = False
    plane = drawn((disc(13), 1.0))
    regions = merged_regions(plane[:, :, None], Field(valid), LIMITS, source="merged")
    for one in regions:
        assert not (one.on(SHAPE) & ~valid).any()
        assert ndimage.label(one.mask)[1] == 1
        assert one.mask.any(axis=0).all()
        assert one.mask.any(axis=1).all()
        assert one.area == np.count_nonzero(one.mask)
    parts = disc(13) & valid
    halves = {(parts & (COLUMNS < 31)).tobytes(), (parts & (COLUMNS > 31)).tobytes()}
    assert halves & {one.on(SHAPE).tobytes() for one in regions}


def iou(region: Region, mask: Mask) -> float:
    own = region.on(SHAPE)
    return float((own & mask).sum() / (own | mask).sum())
