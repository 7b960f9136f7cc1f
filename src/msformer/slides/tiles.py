"""How a slide is parted into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from msformer.config import MIN_SIDE
from msformer.errors import ImageShapeError

TILE = 1024
"""Sides of a tile in px of the level, about; what overlaps is added."""
MARGIN = 128
"""A tile sees so many pixels of its neighbours: objects up to this size are whole in the tile that has their centre."""


@dataclass(frozen=True)
class Tile:
    """A part of a slide.

    Attributes:
        rows: Of the part that it decides on.
        columns: The same.
        seen_rows: Of the part that it sees, which is larger.
        seen_columns: The same.
    """

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice

    @property
    def core(self) -> tuple[slice, slice]:
        """Where what it decides on lies in what it sees."""
        top, left = self.seen_rows.start, self.seen_columns.start
        return (
            slice(self.rows.start - top, self.rows.stop - top),
            slice(self.columns.start - left, self.columns.stop - left),
        )


def tiles_of(shape: tuple[int, int], side: int = TILE, margin: int = MARGIN) -> list[Tile]:
    """Part a level into tiles of about one size, row by row, to and fro, so that each lies beside the one before.

    Raises:
        ImageShapeError: The level is too small.
    """
    if min(shape) < MIN_SIDE:
        raise ImageShapeError(f"level must be at least {MIN_SIDE} px high and wide; got {shape[0]} × {shape[1]}")
    row_parts, column_parts = (list(_parts(length, side, margin)) for length in shape)
    found = []
    for number, (rows, seen_rows) in enumerate(row_parts):
        for columns, seen_columns in column_parts[:: -1 if number % 2 else 1]:
            found.append(Tile(rows, columns, seen_rows, seen_columns))
    return found


def _parts(length: int, side: int, margin: int) -> Iterator[tuple[slice, slice]]:
    count = max(round(length / side), 1)
    bounds = [round(index * length / count) for index in range(count + 1)]
    for first, end in pairwise(bounds):
        yield slice(first, end), slice(max(first - margin, 0), min(end + margin, length))
