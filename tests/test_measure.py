from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import regionprops

from msformer import measure
from msformer.image import Image
from msformer.measure import measure_mask, measure_regions


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
    monkeypatch.setattr(measure, "STRIP_ROWS", 7)
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
