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
        (np.full((40, 40), "x"), ImageError, "got <U1"),
    ],
)
def test_what_is_no_image_is_an_error_with_limit_and_value(array: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Image.from_array(array)


def test_values_beyond_single_precision_and_odd_types_are_refused() -> None:
    with pytest.raises(ImageError, match=r"at most 1e\+30 either way; got 2e\+300"):
        Image.from_array(np.full((40, 40), -2e300))
    with pytest.raises(ImageError, match="at most 64 bits"):
        Image.from_array(np.zeros((40, 40), dtype=np.longdouble))


def test_the_constructor_checks_as_from_array_does() -> None:
    with pytest.raises(ImageShapeError):
        Image(np.zeros((5, 5)))
    with pytest.raises(ImageError, match="got list"):
        Image([[1, 2]])  # type: ignore[arg-type]


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -2.0), (float("nan"), 1.0), (1.0,), (1, 2, 3), 4.0, ("a", "b")])
def test_spacing_must_be_two_positive_numbers(spacing: Any) -> None:
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
