"""Pixels → what a page can show: eight bits as they are in a PNG, wider values in sixteen, with what they stand for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Image, Mask
from msformer.prepare.window import WINDOWS, is_ct, window_limits

MOST_SHOWN = 25_000_000
"""Pixels of a picture on the page; of larger ones every second, third … row and column is shown."""
DARKEST, BRIGHTEST = 0.5, 99.5
"""Percentiles that automatic contrast makes black and white."""
SAMPLE = 1_000_000
WIDEST = 65535


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture for the page.

    Attributes:
        image: What it is of.
    """

    image: Image

    @property
    def factor(self) -> int:
        """Rows and columns of the image in one of the picture."""
        height, width = self.image.shape
        return max(int(np.ceil(np.sqrt(height * width / MOST_SHOWN))), 1)

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """``(h, w)`` or ``(h, w, 3)``: three channels as colours, of other numbers the first one."""
        pixels = self.image.pixels
        if pixels.ndim == 3 and pixels.shape[2] != 3:
            pixels = pixels[:, :, 0]
        pixels = pixels[:: self.factor, :: self.factor]
        return pixels.astype(np.uint8) * np.uint8(255) if pixels.dtype == np.bool_ else pixels

    @property
    def is_plain(self) -> bool:
        """Whether eight bits hold it."""
        return self.pixels.dtype == np.uint8

    @cached_property
    def scale(self) -> tuple[float, float]:
        """First value and step of the numbers that are sent."""
        if self.is_plain:
            return 0.0, 1.0
        low, high = float(self.pixels.min()), float(self.pixels.max())
        if self.pixels.dtype.kind in "iu" and high - low <= WIDEST:
            return low, 1.0
        return low, max((high - low) / WIDEST, 1e-30)

    def data(self) -> tuple[bytes, str]:
        """The picture and its type: a PNG, or deflated numbers of 16 bits, little end first."""
        if self.is_plain:
            colours = self.pixels[:, :, ::-1] if self.pixels.ndim == 3 else self.pixels
            done, packed = cv2.imencode(".png", np.ascontiguousarray(colours), [cv2.IMWRITE_PNG_COMPRESSION, 1])
            if not done:
                raise ValueError(f"a picture of {self.pixels.shape} cannot be packed")
            return packed.tobytes(), "image/png"
        first, step = self.scale
        numbers = np.rint((self.pixels.astype(np.float64) - first) / step).astype("<u2")
        return zlib.compress(numbers.tobytes(), level=1), "application/octet-stream"

    def about(self) -> dict[str, Any]:
        """What the page needs to know of it, ready for JSON."""
        first, step = self.scale
        height, width = self.pixels.shape[:2]
        is_scan = is_ct(self.image.pixels, self.image.modality)
        return {
            "height": height,
            "width": width,
            "factor": self.factor,
            "channels": 1 if self.pixels.ndim == 2 else 3,
            "plain": self.is_plain,
            "first": first,
            "step": step,
            "contrast": self._contrast(is_scan),
            "windows": {name: list(window) for name, window in WINDOWS.items()} if is_scan else {},
            "unit": "HU" if is_scan else "",
        }

    def _contrast(self, is_scan: bool) -> list[float]:
        """The values that become black and white unless somebody says others."""
        limits = self.image.limits or window_limits("auto", self.image.pixels, self.image.modality)
        if is_scan and limits is not None:
            return [float(limits[0]), float(limits[1])]
        flat = self.pixels.reshape(-1)
        sample = flat[:: max(flat.size // SAMPLE, 1)].astype(np.float64)
        low, high = (float(value) for value in np.percentile(sample, (DARKEST, BRIGHTEST)))
        return [low, high] if high > low else [float(sample.min()), float(sample.min()) + 1]


def shown_mask(mask: Mask, factor: int) -> Mask:
    """A mask on the rows and columns that are shown."""
    return mask[::factor, ::factor]


def indices_png(numbers: NDArray[np.integer], factor: int) -> bytes:
    """Numbers ``(H, W)`` as a grey PNG; those above 255 begin again at 1."""
    small = numbers[::factor, ::factor].astype(np.int64)
    small = np.where(small > 255, (small - 1) % 255 + 1, small).astype(np.uint8)
    return cv2.imencode(".png", np.ascontiguousarray(small), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
