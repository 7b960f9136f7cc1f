"""Where a slide that is lit through shows its bare glass, which is no part of what was stained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WHITE, WHITE_SHARE = 220, 0.02
"""Values from which ground may be white glass, and the share of the slide that it has at least."""
SIGMA = 4.0
"""Of the blur before the threshold, in px: more than the noise of a camera, less than gaps in tissue that matter."""
BARE = 0.995
"""A tile that is glass to this share shows nothing."""
PADDING = 255
"""What glass is set to, in all channels: the value of no data."""


@dataclass(frozen=True)
class Glass:
    """White glass.

    Attributes:
        above: It is brighter in its darkest channel; stains are dark in one channel at least.
    """

    above: float

    def of(self, pixels: NDArray[Any]) -> NDArray[np.bool_]:
        """Where ``(H, W, C)`` shows glass."""
        return np.asarray(cv2.GaussianBlur(pixels.min(axis=2), (0, 0), SIGMA) > self.above)

    def without(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The same with ``PADDING`` on glass."""
        return np.where(self.of(pixels)[:, :, None], pixels.dtype.type(PADDING), pixels)


def find_glass(overview: NDArray[Any]) -> Glass | None:
    """The glass of a slide; None of a picture in grey, of more than 8 bits, or without enough white.

    The threshold lies half-way between the medians of what is white and of what is not: pale tissue is near white, and
    a threshold of a fixed value would take it for glass on one scanner and leave glass on another.
    """
    if overview.ndim != 3 or overview.dtype != np.uint8:
        return None
    darkest = overview.min(axis=2)
    white = darkest >= WHITE
    if not WHITE_SHARE <= white.mean() < BARE:
        return None
    return Glass(float(np.median(darkest[white]) + np.median(darkest[~white])) / 2)
