"""What the user points at → the part of the image that is looked at, and the way back to the whole.

A region of interest is cut out before anything else is done, so that no statistic, no cluster and no rule sees what
lies outside of it. A box around the object is a region with some surroundings: an object can only be told from what
is beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from msformer.config import MIN_SIDE, HintSettings
from msformer.errors import ImageError
from msformer.image import Image

Value = TypeVar("Value", bound=np.generic)
SURROUNDINGS = 0.5
"""What is looked at beyond each side of a box, as a share of the box's side: as much ground as object, about."""


@dataclass(frozen=True)
class Focus:
    """The part of an image that is segmented.

    Attributes:
        shape: Rows and columns of the whole image.
        rows: Rows of the part.
        columns: Columns of the part.
        point: The pixel that the object holds, as shares of the part's height and width in [0, 1).
        box: The box that the object fills, likewise: first row, first column, end row, end column.
    """

    shape: tuple[int, int]
    rows: slice
    columns: slice
    point: tuple[float, float] | None
    box: tuple[float, float, float, float] | None

    @property
    def is_whole(self) -> bool:
        """Whether the part is the whole image."""
        return (self.rows, self.columns) == (slice(0, self.shape[0]), slice(0, self.shape[1]))

    def cut(self, image: Image) -> Image:
        """The part of the image; the image itself where that is the whole."""
        return image if self.is_whole else replace(image, pixels=image.pixels[self.rows, self.columns])

    def paste(self, part: NDArray[Value]) -> NDArray[Value]:
        """Put a map of the part, ``(h, w)``, back into the whole, with zeros around."""
        if self.is_whole:
            return part
        whole = np.zeros(self.shape, dtype=part.dtype)
        whole[self.rows, self.columns] = part
        return whole


def find_focus(shape: tuple[int, int], hints: HintSettings) -> Focus:
    """Find the part of an image of ``shape`` that the hints ask for.

    Raises:
        ImageError: A hint lies outside of the image or of the region, or the region is too small.
    """
    whole = (0, 0, *shape)
    region = whole if hints.region is None else _checked("region", hints.region, whole)
    if hints.box is not None:
        _checked("box", hints.box, region)
        if hints.region is None:
            region = _with_surroundings(hints.box, shape)
    first_row, first_column, end_row, end_column = region
    height, width = end_row - first_row, end_column - first_column
    if min(height, width) < MIN_SIDE:
        raise ImageError(f"hints.region must be at least {MIN_SIDE} px high and wide; got {height} × {width}")
    point, box = None, None
    if hints.point is not None:
        row, column = hints.point
        if not (first_row <= row < end_row and first_column <= column < end_column):
            raise ImageError(
                f"hints.point must lie in rows {first_row} to {end_row - 1} and columns {first_column} to "
                f"{end_column - 1}; got {hints.point}"
            )
        point = ((row + 0.5 - first_row) / height, (column + 0.5 - first_column) / width)
    if hints.box is not None:
        rows = ((value - first_row) / height for value in hints.box[::2])
        columns = ((value - first_column) / width for value in hints.box[1::2])
        (top, bottom), (left, right) = rows, columns
        box = (top, left, bottom, right)
    return Focus(shape, slice(first_row, end_row), slice(first_column, end_column), point, box)


def _checked(name: str, box: tuple[int, int, int, int], within: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    top, left, bottom, right = box
    if not (within[0] <= top < bottom <= within[2] and within[1] <= left < right <= within[3]):
        raise ImageError(
            f"hints.{name} must be first row, first column, end row, end column within {within}; got {tuple(box)}"
        )
    return box


def _with_surroundings(box: tuple[int, int, int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = (
        _grown(first, end, length) for first, end, length in zip(box[:2], box[2:], shape, strict=True)
    )
    return top, left, bottom, right


def _grown(first: int, end: int, length: int) -> tuple[int, int]:
    """Grow an interval on both sides, to at least the smallest side that can be segmented, within ``length``."""
    more = max(round(SURROUNDINGS * (end - first)), -(-(MIN_SIDE - (end - first)) // 2))
    first, end = max(first - more, 0), min(end + more, length)
    if end - first < MIN_SIDE:  # at the image's edge there is room on one side only
        first, end = (0, MIN_SIDE) if first == 0 else (length - MIN_SIDE, length)
    return first, end
