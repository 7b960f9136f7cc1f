"""A mask → polygons with holes exactly along the edges of its pixels, which filled give the same pixels again.

Coordinates are (x, y) of the corners of pixels: 0, 0 is the upper left corner of the first pixel, whose centre is at
.5, .5. Pixels that touch at a corner only are two polygons, and no ring touches itself, as the OGC asks of polygons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ring: TypeAlias = NDArray[np.int64]
"""Corners ``(N, 2)`` as (x, y), the first one not repeated; along each step one of the two changes."""


@dataclass(frozen=True, eq=False)
class Polygon:
    """One part of a mask whose pixels hang together by their sides.

    Attributes:
        shell: Its outer border; the shoelace formula gives its area, positive.
        holes: Borders of what it leaves free inside; the formula gives negative areas.
    """

    shell: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Shell and holes."""
        return (self.shell, *self.holes)


@dataclass(frozen=True, eq=False)
class Outline:
    """What one label covers in one slice.

    Attributes:
        plane: Number of the slice, from 0.
        label: The label.
        polygons: In the order of their first pixels, row by row; at least one.
        box: First column, first row, width and height in px.
        n_pixels: How many pixels have the label.
    """

    plane: int
    label: int
    polygons: tuple[Polygon, ...]
    box: tuple[int, int, int, int]
    n_pixels: int


def outlines_of(labels: NDArray[np.unsignedinteger]) -> Iterator[Outline]:
    """The outline of each label of labels ``(D, H, W)``, slice by slice; 0 has none."""
    for plane, numbers in enumerate(labels):
        for label, found in enumerate(ndimage.find_objects(numbers), start=1):
            if found is None:
                continue
            rows, columns = found
            mask = numbers[rows, columns] == label
            box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            polygons = tuple(_shifted(one, columns.start, rows.start) for one in polygons_of(mask))
            yield Outline(plane, label, polygons, box, int(mask.sum()))


def polygons_of(mask: NDArray[np.bool_]) -> list[Polygon]:
    """The polygons of a mask ``(H, W)``, in the order of their first pixels, row by row."""
    parts, _ = ndimage.label(mask)  # by sides
    shells: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for traced in _traced(mask):
        for ring in _simple(traced):
            part = int(parts[_pixel_beside(ring)])
            if signed_area(ring) > 0:
                shells[part] = ring
            else:
                holes.setdefault(part, []).append(ring)
    return [Polygon(shells[part], tuple(holes.get(part, ()))) for part in sorted(shells)]


def signed_area(ring: Ring) -> float:
    """The area inside a ring by the shoelace formula: positive for shells, negative for holes."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _shifted(polygon: Polygon, x: int, y: int) -> Polygon:
    shift = np.array([x, y])
    return Polygon(polygon.shell + shift, tuple(hole + shift for hole in polygon.holes))


def _corners(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], ...]:
    """All turns of the borders of a mask, row by row: x, y, and whether the border goes down from there or up.

    A turn belongs to one of the four pixels around a corner: the one that differs from its two neighbours there. Where
    two pixels of the mask touch at a corner only, each has a turn of its own.
    """
    padded = np.pad(mask, 1)
    around = {(down, right): padded[down : len(padded) - 1 + down, right : padded.shape[1] - 1 + right]
              for down in (0, 1) for right in (0, 1)}  # fmt: skip
    found = []
    for (down, right), own in around.items():
        beside, over, across = around[down, 1 - right], around[1 - down, right], around[1 - down, 1 - right]
        turns = (own & ~beside & ~over) | (~own & beside & over & across)
        y, x = np.nonzero(turns)
        found.append(np.stack([x, y, np.full_like(x, right), np.full_like(x, down)]))
    x, y, right, down = np.concatenate(found, axis=1)
    order = np.lexsort([right, x, y])
    return x[order], y[order], down[order]


def _traced(mask: NDArray[np.bool_]) -> Iterator[Ring]:
    """The closed borders of a mask, which has its pixels on their inner side; some touch themselves at corners."""
    x, y, down = _corners(mask)
    if x.size == 0:
        return
    # In their order along rows two turns at a time are the ends of a horizontal step, along columns of a vertical one.
    along_row = (np.arange(x.size) ^ 1).tolist()
    by_column = np.lexsort([down, y, x])
    partner = np.empty_like(by_column)
    partner[by_column] = by_column[np.arange(x.size) ^ 1]
    along_column = partner.tolist()
    is_inside = mask[np.minimum(y, len(mask) - 1), np.minimum(x, mask.shape[1] - 1)]
    points = np.stack([x, y], axis=1)
    is_left = [True] * x.size
    for first in range(x.size):
        if not is_left[first]:
            continue
        ring, one = [], first
        while is_left[one]:
            other = along_row[one]
            is_left[one] = is_left[other] = False
            ring += [one, other]
            one = along_column[other]
        # The first turn is the upper left one: a shell has its pixel there, and goes right above it.
        yield points[ring if is_inside[first] else ring[::-1]]


def _simple(ring: Ring) -> Iterator[Ring]:
    """The parts of a border that do not touch themselves; each goes the way that the border went."""
    points = [(x, y) for x, y in ring.tolist()]
    if len(set(points)) == len(points):
        yield ring
        return
    seen: dict[tuple[int, int], int] = {}
    way: list[tuple[int, int]] = []
    for point in points:
        if point in seen:
            start = seen[point]
            yield np.array(way[start:])
            for passed in way[start + 1 :]:
                del seen[passed]
            del way[start + 1 :]
        else:
            seen[point] = len(way)
            way.append(point)
    yield np.array(way)


def _pixel_beside(ring: Ring) -> tuple[int, int]:
    """Row and column of a pixel of the mask that the first step of a ring runs along."""
    (x, y), (next_x, next_y) = ring[:2].tolist()
    if y == next_y:
        return (y, x) if next_x > x else (y - 1, x - 1)
    return (y, x - 1) if next_y > y else (y - 1, x)
