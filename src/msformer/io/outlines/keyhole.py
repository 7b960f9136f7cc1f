"""A polygon with holes → one closed line, for files whose lines know no holes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from msformer.io.outlines.polygons import Polygon, Ring


def without_holes(polygon: Polygon) -> Ring:
    """Shell and holes as one line: a channel of no width goes from the upper left corner of each hole to its left.

    It runs along the edges of pixels, there and back, so that no rule of filling and no centre of a pixel sees it.
    """
    turned = [_from_upper_left(hole) for hole in polygon.holes]
    line = polygon.shell
    # Whatever a channel meets first is the shell or a hole that begins further up, or as far up and further left.
    for hole in sorted(turned, key=lambda ring: (ring[0, 1], ring[0, 0])):
        line = _joined(line, hole)
    return line


def _from_upper_left(ring: Ring) -> Ring:
    return np.roll(ring, -int(np.lexsort(ring.T)[0]), axis=0)


def _joined(line: Ring, hole: Ring) -> Ring:
    (x, y), following = hole[0], np.roll(line, -1, axis=0)
    low, high = np.minimum(line[:, 1], following[:, 1]), np.maximum(line[:, 1], following[:, 1])
    meets = (line[:, 0] == following[:, 0]) & (low <= y) & (y <= high) & (line[:, 0] <= x)
    nearest = int(np.flatnonzero(meets)[np.argmax(line[meets, 0])])
    end = np.array([[line[nearest, 0], y]])
    joined = np.concatenate([line[: nearest + 1], end, hole, hole[:1], end, line[nearest + 1 :]])
    is_step = [True, *(bool((one != other).any()) for one, other in pairwise(joined))]
    return joined[is_step]
