"""Regions of a picture: what is found at all, that it is told once, and how many maps it is seen in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.prepare import View
from msformer.regions import Region, find_regions, region_view
from msformer.regions.find import MOST_REGIONS, coarse_masks, overlaps
from msformer.scenes import make_scene

SHAPE = (89, 113)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
EVERYWHERE = np.ones(SHAPE, dtype=bool)

pytestmark = pytest.mark.filterwarnings("error")


def disc(radius: float, row: float = 41, column: float = 53) -> Mask:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


def planes_of(*parts: tuple[Mask, float], n: int = 1) -> NDArray[np.float32]:
    """Masks of some strength, added up; further planes hold less of the same."""
    light = np.asarray(sum(mask * strength for mask, strength in parts), dtype=np.float32)
    return np.dstack([light / (index + 1) for index in range(n)])


def iou(region: Region, mask: Mask) -> float:
    own = region.on(mask.shape)
    return float((own & mask).sum() / (own | mask).sum())


def best(regions: list[Region], mask: Mask) -> Region:
    return max(regions, key=lambda one: iou(one, mask))


DISCS = [disc(31), disc(19), disc(11)]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_nested_discs_are_found_and_seen_in_every_map(n: int, sign: int) -> None:
    regions = find_regions(planes_of(*((one, sign / 3) for one in DISCS), n=n), EVERYWHERE)
    for one in DISCS:
        assert iou(best(regions, one), one) > 0.97
        assert best(regions, one).support == 1
    assert {id(best(regions, one)) for one in DISCS} == {id(one) for one in regions[:3]}, "and promise most"


def test_regions_are_told_once_and_the_most_promising_first() -> None:
    scene = make_scene(7, shape=SHAPE)
    picture = np.atleast_3d(scene.image).astype(np.float32) / np.float32(255)
    regions = find_regions(picture, scene.valid)
    assert len(regions) > 20
    promises = [one.promise for one in regions]
    assert promises == sorted(promises, reverse=True)
    masks = np.stack([one.on(SHAPE).ravel() for one in regions]).astype(np.float64)
    shared = masks @ masks.T
    area = masks.sum(axis=1)
    alike = shared / (area[:, None] + area[None] - shared) - np.eye(len(regions))
    assert alike.max() < 0.92  # .85 on a coarser grid
    assert not (masks.astype(bool) & ~scene.valid.ravel()).any()
    sources = 2 * picture.shape[2] + picture.shape[2] + 1 + 1
    counts = np.array([one.support * sources for one in regions])
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6)
    assert counts.min() >= 1


def test_thin_bridges_are_cut() -> None:
    """Two discs joined by a bar of 3 px are one in the picture, and two in the opened maps."""
    left, right = disc(13, 41, 31), disc(13, 41, 79)
    bridge = (abs(ROWS - 41) <= 1) & (COLUMNS > 31) & (COLUMNS < 79)
    for sign in (1.0, -1.0):
        regions = find_regions(planes_of((left | right | bridge, sign)), EVERYWHERE)
        opened = [one for one in regions if "~" in one.source]
        assert iou(best(opened, left), left) > 0.95
        assert iou(best(opened, right), right) > 0.95
        assert iou(best(regions, left | right | bridge), left | right | bridge) > 0.95


def test_what_openings_remove_is_seen_in_fewer_maps() -> None:
    """A disc of 9 px across outlives an opening by round(.03 · 100) = 3 px, not one by 6: 4 of 5 maps."""
    small = disc(4, 67, 89)
    regions = find_regions(planes_of((disc(19), 1.0), (small, 1.0)), EVERYWHERE)
    assert best(regions, disc(19)).support == 1
    assert best(regions, small).support == pytest.approx(4 / 5)


def test_a_further_map_adds_regions_and_counts_among_the_maps() -> None:
    planes, other = planes_of((disc(19), 1.0)), disc(13, 71, 23)
    without = find_regions(planes, EVERYWHERE)
    assert iou(best(without, other), other) < 0.5
    regions = find_regions(planes, EVERYWHERE, {"more": other.astype(np.float32)})
    assert iou(best(regions, other), other) == 1
    assert best(regions, other).source == "more"
    assert best(regions, other).support == pytest.approx(1 / 6)
    assert best(regions, disc(19)).support == pytest.approx(5 / 6)


def test_the_field_bounds_areas_and_regions() -> None:
    valid = EVERYWHERE.copy()
    valid[:, 61:] = False
    planes = planes_of((disc(31), 1.0))
    planes[~valid] = 9.0
    regions = find_regions(planes, valid)
    assert all(not (one.on(SHAPE) & ~valid).any() for one in regions)
    assert max(one.area for one in regions) <= 0.95 * valid.sum()
    assert min(one.area for one in regions) >= 12


def test_noise_gives_no_more_regions_than_the_limit() -> None:
    noise = np.random.default_rng(7).random((*SHAPE, 3), dtype=np.float32)
    assert len(find_regions(noise, EVERYWHERE)) <= MOST_REGIONS


@pytest.mark.parametrize("value", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("shape", [(53, 71), (33, 33)])
def test_a_flat_picture_has_no_regions(value: float, n: int, shape: tuple[int, int]) -> None:
    assert find_regions(np.full((*shape, n), value, np.float32), np.ones(shape, bool)) == []


def test_a_picture_without_a_field_has_no_regions() -> None:
    assert find_regions(planes_of((disc(19), 1.0)), np.zeros(SHAPE, bool)) == []


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("shape", [(33, 33), (33, 131), (131, 33)])
def test_sides_of_33_px(n: int, shape: tuple[int, int]) -> None:
    mask = np.hypot(*(np.mgrid[: shape[0], : shape[1]] - 16.0)) <= 9
    regions = find_regions(np.dstack([mask] * n).astype(np.float32), np.ones(shape, bool))
    assert iou(best(regions, mask), mask) > 0.95


def test_the_same_picture_gives_the_same_regions_and_is_left_alone() -> None:
    scene = make_scene(11, shape=(67, 83))
    picture = np.atleast_3d(scene.image).astype(np.float32) / np.float32(255)
    before = picture.copy()
    picture.flags.writeable = False
    first, second = find_regions(picture, scene.valid), find_regions(picture, scene.valid)
    np.testing.assert_array_equal(picture, before)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        assert (one.window, one.promise, one.source, one.support) == (
            other.window,
            other.promise,
            other.source,
            other.support,
        )


def test_coarse_masks_are_the_covered_shares() -> None:
    """96 × 144 px: blocks of 2 × 3."""
    shape = (96, 144)
    mask = np.random.default_rng(7).random((31, 53)) < 0.5
    window = (slice(47, 78), slice(61, 114))
    region = Region(mask, window, int(mask.sum()), 1.0, "map", 1)
    expected = region.on(shape).reshape(48, 2, 48, 3).mean(axis=(1, 3))
    got = coarse_masks([region], shape)
    assert got.shape == (1, 48 * 48)
    np.testing.assert_allclose(got[0], expected.ravel(), atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("shape", [(33, 131), (113, 89), (129, 129)])
def test_coarse_masks_are_those_of_opencv(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    for _ in range(17):
        (top, left), mask = rng.integers(0, 20, 2), rng.random(rng.integers(1, 13, 2)) < 0.7
        window = (slice(int(top), int(top) + mask.shape[0]), slice(int(left), int(left) + mask.shape[1]))
        region = Region(mask, window, int(mask.sum()), 1.0, "map", 1)
        expected = cv2.resize(region.on(shape).astype(np.uint8) * np.uint8(255), (48, 48), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(coarse_masks([region], shape)[0] * 255, expected.ravel(), atol=1e-4)


def test_overlaps_are_intersections_over_unions() -> None:
    small = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=np.float32)
    np.testing.assert_allclose(overlaps(small), [[1, 2 / 5, 0], [2 / 5, 1, 1 / 4], [0, 1 / 4, 1]])


def view_of(shape: tuple[int, int], colours: bool) -> View:
    ramp = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    more = np.dstack([1 - ramp, ramp]) if colours else None
    return View(appearance=ramp, brightness=1 - ramp, valid=ramp > 0.25, colours=more)


@pytest.mark.parametrize("colours", [False, True])
def test_views_are_shrunk_to_about_129_px_squared(colours: bool) -> None:
    view = view_of((258, 516), colours)
    small = region_view(view)
    height, width = small.shape
    assert height * width == pytest.approx(129**2, rel=0.05)
    assert width / height == pytest.approx(2, rel=0.05)
    assert small.planes.shape == (height, width, 3 if colours else 1)
    assert small.valid.mean() == pytest.approx(0.75, abs=0.02)
    assert small.appearance.mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(small.brightness, 1 - small.appearance, atol=1e-5)


def test_small_views_are_left_alone() -> None:
    view = view_of((53, 71), False)
    assert region_view(view) is view
