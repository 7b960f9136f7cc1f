"""Which values become black and white: windows as radiologists name them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError
from msformer.image import Image
from msformer.io.privacy import told_modality

WINDOWS: dict[str, tuple[float, float]] = {
    "lung": (-600.0, 1500.0),
    "soft-tissue": (40.0, 400.0),
    "bone": (400.0, 1800.0),
}
"""Centre and width in Hounsfield units, as in common use."""
CT_LIMITS = (-1000.0, 400.0)
"""Of CT where nothing is said: from air to contrast medium, so that lungs and soft tissue keep their differences."""
CT_AIR = -900.0
"""Only Hounsfield units are this low; a file that does not say its modality is taken for CT where they occur."""


def window_limits(
    window: str | tuple[float, float], pixels: NDArray[np.generic], modality: str | None
) -> tuple[float, float] | None:
    """The values that become 0 and 1 under a window; None where the image itself decides (``intensity_range``).

    Args:
        window: ``auto``, a name of ``WINDOWS``, or centre and width.
        pixels: Of the image or volume, of any shape.
        modality: As DICOM names it, None where unknown.

    Raises:
        ImageError: A named window, whose values are Hounsfield units, for what is no CT.
    """
    if window == "auto":
        return CT_LIMITS if is_ct(pixels, modality) else None
    if isinstance(window, str):
        if not is_ct(pixels, modality):
            raise ImageError(
                f"prepare.window={window!r} is in Hounsfield units, for CT; got {told_modality(modality)} with values "
                f"from {pixels.min()} to {pixels.max()}. Give centre and width"
            )
        centre, width = WINDOWS[window]
    else:
        centre, width = window
    if width <= 0:
        raise ImageError(f"prepare.window must have a positive width; got {window}")
    return centre - width / 2, centre + width / 2


def in_window(image: Image, window: str | tuple[float, float]) -> Image:
    """The image with the limits of intensity that a window asks for, where it has none of its own.

    Raises:
        ImageError: As ``window_limits`` says.
    """
    if image.limits is not None:
        return image
    limits = window_limits(window, image.pixels, image.modality)
    return image if limits is None else replace(image, limits=limits)


def is_ct(voxels: NDArray[np.generic], modality: str | None) -> bool:
    """Whether values are Hounsfield units: the file says CT, or says nothing and holds signed values as low as air."""
    if modality is not None:
        return modality == "CT"
    if voxels.dtype.kind not in "if":
        return False
    sample = voxels.ravel()[:: max(voxels.size // 100_000, 1)]
    return bool(np.percentile(np.asarray(sample, dtype=np.float32), 5) <= CT_AIR)
