"""Where a slide that is lit through shows its bare glass, which is no part of what was stained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.slides.tiles import MARGIN

WHITE, WHITE_SHARE = 220, 0.02
"""Values from which ground may be white glass, and the share of the slide that it has at least."""
LOWEST = 160
"""No threshold is lower: what is darker is tissue, however dark the rest is."""
UNSCANNED = 10
"""Up to this value in all channels nothing was scanned: scanners fill with black what they leave out."""
SIGMA = 2.0
"""Of the blur before the threshold, in px: the noise of a camera becomes a seventh of what it was."""
BARE = 0.9995
"""A tile that is glass to this share shows nothing: of 1024 px a side less than a square of 23 px."""
PADDING = 255
"""What glass is set to, in all channels: the value of no data."""


@dataclass(frozen=True)
class Glass:
    """White glass, and what was not scanned.

    Attributes:
        above: Glass is brighter in its darkest channel; stains are dark in one channel at least.
    """

    above: float

    def of(self, pixels: NDArray[Any], sigma: float = SIGMA) -> NDArray[np.bool_]:
        """Where ``(H, W, C)`` shows nothing; without a blur where ``sigma`` is 0."""
        darkest, brightest = pixels.min(axis=2), pixels.max(axis=2)
        if sigma > 0:
            darkest, brightest = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (darkest, brightest))
        return np.asarray((darkest > self.above) | (brightest <= UNSCANNED))

    def without(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The same with ``PADDING`` where nothing is shown."""
        return np.where(self.of(pixels)[:, :, None], pixels.dtype.type(PADDING), pixels)


def find_glass(overview: NDArray[Any], step: float = 1.0) -> Glass | None:
    """The glass of a slide; None of a picture in grey, of more than 8 bits, without enough white, or without tissue.

    The threshold lies half-way between the medians of what is white and of what is not: pale tissue is near white, and
    a threshold of a fixed value would take it for glass on one scanner and leave glass on another. Where all that is
    stained is narrower than what tiles share, it is cells apart from each other: then glass is the ground that they
    are told from, and not to be left out.

    Args:
        overview: ``(h, w[, C])``, the slide made small.
        step: Pixels of the level along a side of one of it.
    """
    if overview.ndim != 3 or overview.shape[2] != 3 or overview.dtype != np.uint8:
        return None
    darkest = overview.min(axis=2)
    scanned = overview.max(axis=2) > UNSCANNED
    white, stained = scanned & (darkest >= WHITE), scanned & (darkest < WHITE)
    if not stained.any() or white.sum() < WHITE_SHARE * scanned.sum():
        return None
    glass = Glass(max(float(np.median(darkest[white]) + np.median(darkest[stained])) / 2, LOWEST))
    tissue = cv2.medianBlur((~glass.of(overview, sigma=0)).astype(np.uint8), 3)
    across = max(round(MARGIN / step), 3)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return glass if cv2.morphologyEx(tissue, cv2.MORPH_OPEN, disc, borderValue=0).any() else None
