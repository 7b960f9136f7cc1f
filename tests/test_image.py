from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from msformer.errors import ImageError, ImageShapeError, NonFiniteImageError
from msformer.image import Image


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.zeros(50), ImageShapeError, r"\(H, W\) or \(H, W, C\); got \(50,\)"),
        (np.zeros((40, 40, 3, 2)), ImageShapeError, r"got \(40, 40, 3, 2\)"),
        (np.zeros((40, 40, 0)), ImageShapeError, r"got \(40, 40, 0\)"),
        (np.zeros((1, 1)), ImageShapeError, "at least 33 px high and wide; got 1 rows × 1 columns"),
        (np.zeros((3, 64, 64)), ImageShapeError, "got 3 rows × 64 columns"),
        (np.full((40, 40), np.inf), NonFiniteImageError, "1600 NaN or infinite values of 1600"),
        (np.zeros((40, 40), dtype=complex), ImageError, "complex128"),
        (np.full((40, 40), "x"), ImageError, "dtype <U1"),
    ],
)
def test_what_is_no_image_is_an_error_with_limit_and_value(array: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Image.from_array(array)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -2.0), (float("nan"), 1.0)])
def test_spacing_must_be_positive(spacing: tuple[float, float]) -> None:
    with pytest.raises(ImageError, match="spacing_mm must be two positive numbers"):
        Image.from_array(np.zeros((40, 40)), spacing_mm=spacing)


def test_single_channel_axis_is_dropped() -> None:
    image = Image.from_array(np.zeros((41, 37, 1)))
    assert (image.pixels.shape, image.shape, image.n_channels) == ((41, 37), (41, 37), 1)


def test_digest_tells_type_shape_and_values_apart() -> None:
    base = np.zeros((41, 37), dtype=np.uint8)
    other = base.copy()
    other[40, 36] = 1
    images = [base, base.astype(np.int8), base.reshape(37, 41), other]
    assert len({Image.from_array(image).digest for image in images}) == 4
    assert Image.from_array(np.asfortranarray(other)).digest == Image.from_array(other).digest
