from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import regionprops

from msformer import image
from msformer.errors import ImageError, ImageShapeError
from msformer.geometry import Geometry
from msformer.image import Image
from msformer.measure import measure_instances, measure_mask, measure_regions, measure_volume


def test_a_map_of_another_size_is_refused() -> None:
    image = Image.from_array(np.zeros((40, 50, 3), np.uint8))
    for shape in ((40, 30), (40, 60), (30, 50)):
        with pytest.raises(ImageShapeError, match=r"label_map must have the size of the image, \(40, 50\)"):
            measure_regions(image, np.ones(shape, np.uint8))


def test_regions_by_hand() -> None:
    pixels = np.zeros((37, 41, 3), dtype=np.uint8)
    pixels[2:5, 10:12] = (10, 20, 30)
    pixels[4, 11] = (70, 20, 30)
    labels = np.zeros((37, 41), dtype=np.uint16)
    labels[2:5, 10:12] = 2  # 3 rows × 2 columns; label 1 does not occur
    (region,) = measure_regions(Image.from_array(pixels, spacing_mm=(0.5, 0.2)), labels)
    assert (region.label, region.area_px, region.bbox) == (2, 6, (2, 10, 5, 12))
    assert region.area_mm2 == pytest.approx(0.6)
    assert region.area_share == pytest.approx(6 / (37 * 41))
    assert region.centroid == pytest.approx((3.0, 10.5))
    assert region.mean_intensity == pytest.approx((20.0, 20.0, 30.0))


def test_regions_agree_with_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "STRIP_PIXELS", 330)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4000, (53, 47)).astype(np.uint16)
    labels = rng.integers(0, 6, (53, 47))
    ours = measure_regions(Image.from_array(pixels), labels)
    theirs = regionprops(labels, intensity_image=pixels)  # type: ignore[no-untyped-call]
    assert len(ours) == len(theirs) == 5
    for region, expected in zip(ours, theirs, strict=True):
        assert (region.label, region.area_px, region.bbox) == (expected.label, expected.area, expected.bbox)
        assert region.centroid == pytest.approx(expected.centroid)
        assert region.mean_intensity == pytest.approx((expected.intensity_mean,))
        assert region.area_mm2 is None


def test_mask_is_a_region_with_label_0_or_none() -> None:
    image = Image.from_array(np.ones((37, 41)))
    mask = np.zeros((37, 41), dtype=bool)
    assert measure_mask(image, mask) is None
    mask[5, 7] = True
    region = measure_mask(image, mask)
    assert region is not None
    assert (region.label, region.area_px, region.centroid) == (0, 1, (5.0, 7.0))


OBLIQUE = Geometry((2.0, 3.0, 5.0), (-10.0, -20.0, 30.0), (-0.6, 0.8, 0.0, -0.8, -0.6, 0.0, 0.0, 0.0, 1.0))
"""Columns go 2 mm along (-.6, -.8, 0), rows 3 mm along (.8, -.6, 0), slices 5 mm up; voxels of 30 mm³."""


def label_volume() -> NDArray[np.uint16]:
    """Label 4: 3 rows × 2 columns of slice 1, 1 row × 2 columns of slice 2; label 9: one voxel."""
    labels = np.zeros((3, 5, 7), dtype=np.uint16)
    labels[1, 1:4, 2:4] = 4
    labels[2, 2, 2:4] = 4
    labels[0, 4, 6] = 9
    return labels


def test_volume_by_hand() -> None:
    labels = label_volume()
    voxels = np.zeros((3, 5, 7, 2), dtype=np.int16)
    voxels[1, ..., 0], voxels[2, ..., 0], voxels[..., 1] = 100, 20, -3
    first, second = measure_volume(labels, OBLIQUE, voxels)
    assert (first.label, first.n_voxels, first.bbox) == (4, 8, (1, 1, 2, 3, 4, 4))
    assert (first.first_slice, first.last_slice) == (1, 2)
    assert first.volume_ml == pytest.approx(0.24)  # 8 · 30 mm³
    assert first.volume_share == pytest.approx(8 / 105)
    assert first.centroid == pytest.approx((1.25, 2.0, 2.5))  # slices (6 · 1 + 2 · 2) / 8
    # -10 - .6 · 2 · 2.5 + .8 · 3 · 2, -20 - .8 · 2 · 2.5 - .6 · 3 · 2, 30 + 5 · 1.25
    assert first.centroid_mm == pytest.approx((-8.2, -27.6, 36.25))
    assert first.mean_intensity == pytest.approx((80.0, -3.0))  # (6 · 100 + 2 · 20) / 8
    assert (first.largest_slice, first.largest_area_px) == (1, 6)
    assert first.largest_area_mm2 == pytest.approx(36.0)  # 6 · 2 · 3 mm²
    assert (second.label, second.n_voxels, second.bbox, second.largest_slice) == (9, 1, (0, 4, 6, 1, 5, 7), 0)
    assert second.mean_intensity == pytest.approx((0.0, -3.0))


def test_volume_without_geometry_and_image_has_neither_ml_nor_intensity() -> None:
    region = measure_volume(label_volume())[0]
    assert (region.volume_ml, region.centroid_mm, region.largest_area_mm2, region.mean_intensity) == (None,) * 4
    assert region.centroid == pytest.approx((1.25, 2.0, 2.5))


def test_area_of_a_sheared_slice_is_that_of_its_parallelograms() -> None:
    half = np.sqrt(0.75)
    sheared = Geometry((2.0, 3.0, 5.0), direction=(1.0, 0.5, 0.0, 0.0, float(half), 0.0, 0.0, 0.0, 1.0))
    region = measure_volume(label_volume(), sheared)[0]
    assert region.largest_area_mm2 == pytest.approx(36 * half)
    assert region.volume_ml == pytest.approx(0.24 * half)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
def test_volume_agrees_with_scikit_image(monkeypatch: pytest.MonkeyPatch, dtype: type) -> None:
    monkeypatch.setattr(image, "STRIP_PIXELS", 330)
    rng = np.random.default_rng(0)
    labels, voxels = rng.integers(0, 6, (11, 23, 19)), rng.normal(size=(11, 23, 19))
    labels[:3][labels[:3] == 2] = 0
    ours = measure_volume(labels.astype(dtype), OBLIQUE, voxels)
    theirs = regionprops(labels, intensity_image=voxels)  # type: ignore[no-untyped-call]
    assert [type(region.label) for region in ours] == [int] * 5
    for region, expected in zip(ours, theirs, strict=True):
        assert (region.label, region.n_voxels, region.bbox) == (expected.label, expected.area, expected.bbox)
        assert region.centroid == pytest.approx(expected.centroid)
        assert region.mean_intensity == pytest.approx((expected.intensity_mean,))
        areas = (labels == region.label).sum(axis=(1, 2))
        assert (region.largest_slice, region.largest_area_px) == (int(areas.argmax()), int(areas.max()))


def test_empty_volume_and_masks() -> None:
    assert measure_volume(np.zeros((3, 5, 7), dtype=np.uint8)) == []
    (region,) = measure_volume(label_volume() > 0)
    assert (region.label, region.n_voxels) == (1, 9)
    (region,) = measure_volume((label_volume() == 4) * np.uint8(255))
    assert (region.label, region.n_voxels) == (255, 8)


def test_undefined_intensities_stay_with_their_label() -> None:
    voxels = np.ones((3, 5, 7))
    voxels[0, 4, 6] = np.nan
    first, second = measure_volume(label_volume(), None, voxels)
    assert first.mean_intensity == (1.0,)
    assert second.mean_intensity is not None
    assert np.isnan(second.mean_intensity[0])


@pytest.mark.parametrize(
    ("labels", "voxels", "message"),
    [
        (np.full((2, 3, 5), 1.5), None, r"whole numbers from 0 up; got 1\.5"),
        (np.full((2, 3, 5), np.nan), None, "whole numbers from 0 up; got nan"),
        (np.full((2, 3, 5), np.inf), None, "whole numbers from 0 up; got inf"),
        (np.full((2, 3, 5), -1024, dtype=np.int16), None, "whole numbers from 0 up; got -1024"),
        (np.full((2, 3, 5), 1j), None, "complex128"),
        (np.ones((3, 5), dtype=np.uint8), None, r"\(D, H, W\); got \(3, 5\)"),
        (np.ones((2, 3, 5), dtype=np.uint8), np.ones((2, 5, 3)), r"\(2, 3, 5\); got \(2, 5, 3\)"),
        (np.ones((2, 3, 5), dtype=np.uint8), np.full((2, 3, 5), 1j), "voxels must be numbers; got complex128"),
        (np.arange(70_000).reshape(7, 100, 100), None, "at most 65535"),
    ],
)
def test_what_is_no_label_volume_is_refused(labels: NDArray[Any], voxels: NDArray[Any] | None, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        measure_volume(labels, None, voxels)


def test_objects_one_by_one_as_worked_out_by_hand() -> None:
    pixels = np.zeros((40, 50), dtype=np.uint8)
    instances = np.zeros((40, 50), dtype=np.uint16)
    instances[10:20, 5:25] = 2  # 10 × 20
    pixels[10:20, 5:15] = 30  # half of it: mean 15
    instances[0, 49] = 1
    pixels[0, 49] = 7
    point, block = measure_instances(Image.from_array(pixels, spacing_mm=(0.5, 0.5)), instances)
    assert (block.label, block.area_px, block.area_mm2, block.mean_intensity) == (2, 200, 50.0, (15.0,))
    assert (block.bbox, block.centroid, block.solidity, block.touches_frame) == (
        (10, 5, 20, 25),
        (14.5, 14.5),
        1,
        False,
    )
    assert block.diameter_px == pytest.approx(2 * np.sqrt(200 / np.pi))
    assert block.diameter_mm == pytest.approx(np.sqrt(200 / np.pi))
    assert block.perimeter_px == 9 + 9 + 19 + 19  # through the centres of its outer pixels
    assert block.perimeter_mm == 28
    assert (point.label, point.area_px, point.perimeter_px, point.solidity) == (1, 1, 0, 1)
    assert (point.mean_intensity, point.touches_frame) == ((7.0,), True)


def test_objects_in_pixels_that_are_no_squares_have_areas_in_mm_but_no_perimeter() -> None:
    instances = np.zeros((40, 50), dtype=np.uint16)
    instances[10:20, 5:25] = 1
    image = Image.from_array(np.zeros((40, 50, 3), dtype=np.uint8), spacing_mm=(0.5, 0.2))
    (one,) = measure_instances(image, instances)
    assert one.area_mm2 == pytest.approx(200 * 0.1)
    assert one.diameter_mm == pytest.approx(2 * np.sqrt(20 / np.pi))
    assert one.perimeter_mm is None
    assert one.mean_intensity == (0.0, 0.0, 0.0)


def test_objects_of_another_size_than_the_image_are_refused() -> None:
    image = Image.from_array(np.zeros((40, 50), dtype=np.uint8))
    with pytest.raises(ImageShapeError, match=r"\(40, 50\); got \(50, 40\)"):
        measure_instances(image, np.zeros((50, 40), dtype=np.uint16))
    assert measure_instances(image, np.zeros((40, 50), dtype=np.uint16)) == ()
