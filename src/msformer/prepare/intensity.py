"""Any numeric type → [0, 1], by a stated rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.image import Pixels

INTENSITY_PERCENTILES = (0.5, 99.5)
"""What becomes 0 and 1 in images that are neither 8-bit nor already in [0, 1]; cuts off hot and dead pixels."""


def intensity_range(
    pixels: Pixels, small: NDArray[np.float32], limits: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Find the input values that become 0 and 1.

    * those of a window, where there is one;
    * 8-bit unsigned images: 0 and 255, so that a dark photograph stays dark, as in the released code;
    * booleans, and floats that all lie in [0, 1]: 0 and 1;
    * everything else (16 bit, Hounsfield units, other floats): the percentiles ``INTENSITY_PERCENTILES`` of the
      image at working size, all channels together, because the range in use says more than that of the type.

    Args:
        pixels: The image as it came.
        small: The same at working size.
        limits: Of a window (``prepare/window.py``).
    """
    if limits is not None:
        return limits
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    if pixels.dtype == np.bool_ or (pixels.dtype.kind == "f" and pixels.min() >= 0 and pixels.max() <= 1):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(small, INTENSITY_PERCENTILES))
    if low == high:  # nearly all pixels alike: what differs lies in the tails
        low, high = float(small.min()), float(small.max())
    return low, high


def to_unit_range(pixels: Pixels, limits: tuple[float, float]) -> NDArray[np.float32]:
    """Map ``limits`` to 0 and 1 and clip what lies beyond; equal limits give 0 everywhere."""
    low, high = limits
    width = high - low if high > low else 1.0
    unit: NDArray[np.float32] = (pixels.astype(np.float32) - np.float32(low)) / np.float32(width)
    return np.clip(unit, np.float32(0), np.float32(1), out=unit)
