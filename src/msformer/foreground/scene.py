"""What candidates are made from and judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask

Sign = Literal[-1, 0, 1]
"""Whether objects are darker (−1) or brighter (1) than what is around them; 0 if either will do."""
FRAME_WIDTH = 2
"""Width in px of the frame whose covered share counts against a candidate."""
BODY_ROWS = 0.3
"""A column belongs to the body if this share of it does."""
MIDLINE_SMOOTHED = 0.04
"""Width of the Gaussian along a row, as a share of the width: ribs and catheters are no midline."""


@dataclass(frozen=True)
class Scene:
    """One grid with what is known about it.

    Attributes:
        appearance: ``(h, w)``, the values that tell object and surroundings apart.
        valid: ``(h, w)``, the field that the object lies in and that all statistics are of.
        sign: Which side of its surroundings the object is on.
        air: Value of the air outside of the field, None where no air is known.
        midline: Column of the body's middle, None where nothing asks for it.
        point: Row and column of a pixel that the object holds, None if nobody said.
        box: First row, first column, end row, end column of what the object fills, None if nobody said.
        evened: ``(h, w)``, the appearance minus its surroundings' mean, where levels are to be of that.
    """

    appearance: NDArray[np.float32]
    valid: Mask
    sign: Sign = 0
    air: float | None = None
    midline: int | None = None
    point: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    evened: NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.valid.shape[0], self.valid.shape[1]

    @property
    def side(self) -> float:
        """Side in px of the square with as many pixels: what shares of the image's side refer to."""
        return float(np.sqrt(self.valid.size))

    @property
    def levels(self) -> NDArray[np.float32]:
        """``(h, w)``, what is cut into candidates: evened, if it is, else the appearance."""
        return self.appearance if self.evened is None else self.evened

    @cached_property
    def seen(self) -> NDArray[np.float32]:
        """The levels of the field, ``(n,)``."""
        return self.levels[self.valid]

    @cached_property
    def frame(self) -> Mask:
        """The field's frame, ``FRAME_WIDTH`` px wide."""
        square = np.ones((3, 3), dtype=bool)
        return np.asarray(self.valid & ~ndimage.binary_erosion(self.valid, square, iterations=FRAME_WIDTH))

    @cached_property
    def edge(self) -> Mask:
        """The outermost pixels of the field: what touches the frame touches these."""
        return np.asarray(self.valid & ~ndimage.binary_erosion(self.valid))

    @cached_property
    def spread(self) -> float:
        """Variance of the field."""
        return float(self.seen.var(dtype=np.float64))


def find_sign(polarity: str, appearance: NDArray[np.float32], valid: Mask) -> Sign:
    """The sign that a setting stands for.

    *Minority*: the surroundings are the larger class and hold the median; the objects pull the mean to their side.
    """
    if polarity == "minority":
        seen = appearance[valid]
        return 1 if seen.mean(dtype=np.float64) > np.median(seen) else -1
    signs: dict[str, Sign] = {"darker": -1, "brighter": 1}
    return signs.get(polarity, 0)


def find_midline(brightness: NDArray[np.float32], valid: Mask) -> int:
    """Column of the body's middle: the brightest one of its middle third, where spine and heart are.

    Args:
        brightness: ``(h, w)``.
        valid: ``(h, w)``, the body.
    """
    height, width = valid.shape
    rows = valid.sum(axis=0)
    body = np.flatnonzero(rows > BODY_ROWS * height)
    if len(body) == 0:
        return int(width) // 2
    profile = (brightness * valid).sum(axis=0) / np.maximum(rows, 1)
    profile = ndimage.gaussian_filter1d(profile, width * MIDLINE_SMOOTHED)
    first, last = int(body[0]), int(body[-1])
    left, right = first + (last - first) // 3, last - (last - first) // 3
    brightest = int(np.argmax(np.asarray(profile)[left : right + 1]))
    return left + brightest


def box_overlap(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> float:
    """Intersection over union of two boxes: first row, first column, end row, end column."""
    height = min(first[2], second[2]) - max(first[0], second[0])
    width = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(height, 0) * max(width, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (sum(areas) - shared)
