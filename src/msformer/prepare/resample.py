"""Any size → a bounded number of pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.config import MIN_SIDE, PrepareSettings
from msformer.image import Pixels


def working_shape(shape: tuple[int, int], settings: PrepareSettings, size: int | None = None) -> tuple[int, int]:
    """Rows and columns of the working grid, or of one of another ``size``.

    With ``keep_aspect``, about ``working_size``² pixels in the image's own proportions, each side at least 33 px;
    an image longer than that allows is compressed along its long side, so that memory stays bounded.
    """
    size = settings.working_size if size is None else size
    if not settings.keep_aspect:
        return size, size
    scale = size / math.sqrt(shape[0] * shape[1])
    longest = max(size * size // MIN_SIDE, MIN_SIDE)
    rows, columns = (min(max(round(side * scale), MIN_SIDE), longest) for side in shape)
    return rows, columns


def resample(pixels: Pixels, shape: tuple[int, int], interpolation: str) -> NDArray[np.float32]:
    """Resample to ``(h, w, C)`` in the values of the input; means over areas where it shrinks, if so asked."""
    kind = pixels.dtype if pixels.dtype in (np.uint8, np.uint16, np.float32) else np.float32
    shrinks = shape[0] < pixels.shape[0] and shape[1] < pixels.shape[1]
    flag = cv2.INTER_AREA if interpolation == "area" and shrinks else cv2.INTER_LINEAR
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    # One channel at a time: any number of them, and 8-bit images stay 8-bit, so they round as in the released code.
    small = [
        cv2.resize(np.ascontiguousarray(planes[:, :, channel], kind), shape[::-1], interpolation=flag)
        for channel in range(planes.shape[2])
    ]
    return np.stack(small, axis=2).astype(np.float32)
