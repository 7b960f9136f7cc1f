"""Nested regions of one map: the nodes of its component trees and of its merging tree, near-equal ones told once.

A component tree (Salembier et al. 1998) holds every connected set of pixels above some level once; a Ward tree holds
every union of neighbours that merging the most alike ones gives. Of a chain of nodes that hardly differ, the one with
the strongest contour is kept, in the way of maximally stable regions (Matas et al. 2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import higra as hg
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.regions.region import Region, Window

N_LEVELS = 48
"""Levels that a map is cut into: a step is about what is seen as one."""
TAILS = (0.5, 99.5)
"""Percentiles of the field that the lowest and highest level stand for."""
ALIKE = 1.25
"""Nested nodes whose areas differ by less than this factor are one: the border is drawn anew later."""
FRAME_COST = 0.7
"""How much of its promise a region loses that lies along the frame with all of its outline."""
FLAT = 1e-6
"""A map that varies by less than this share of its values is flat: that is how values are rounded."""


@dataclass(frozen=True)
class Limits:
    """How many regions are looked for, and of what size.

    Attributes:
        least: Smallest area in px.
        most: Largest area in px.
        count: Most regions that one tree gives, the most promising ones.
    """

    least: int
    most: int
    count: int


@dataclass(frozen=True, eq=False)
class Field:
    """Where regions are looked for, with what all trees of a picture share.

    Attributes:
        valid: ``(h, w)``; no region reaches outside.
    """

    valid: Mask

    @cached_property
    def ends(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The pixels at the two ends of every edge of the graph of 4-neighbours."""
        pixels = np.arange(self.valid.size).reshape(self.valid.shape)
        right, down = (pixels[:, :-1], pixels[:, 1:]), (pixels[:-1], pixels[1:])
        first, second = (np.concatenate([one.ravel(), other.ravel()]) for one, other in zip(right, down, strict=True))
        return first, second

    @cached_property
    def frame(self) -> NDArray[np.float64]:
        """1 for the outermost pixels of the field, flat."""
        return np.asarray((self.valid & ~ndimage.binary_erosion(self.valid)).ravel(), dtype=np.float64)

    @cached_property
    def is_whole(self) -> bool:
        """Whether the field is all of the picture."""
        return bool(self.valid.all())


def level_regions(
    plane: NDArray[np.float32], field: Field, limits: Limits, *, source: str, signs: Sequence[int] = (-1, 1)
) -> list[Region]:
    """The regions of a map that are brighter, or darker, than what is around them.

    Args:
        plane: ``(h, w)``, smoothed as wanted.
        field: No region reaches outside of it.
        limits: Of areas and number, for each sign.
        source: Name of the map, for the report.
        signs: 1 for brighter, -1 for darker regions.
    """
    low, high = np.percentile(plane[field.valid], TAILS)
    if high - low <= FLAT * max(abs(low), abs(high)):
        return []
    levels = np.clip((plane - low) / (high - low) * (N_LEVELS - 1), 0, N_LEVELS - 1)
    contours = _Contours.of(levels.reshape(-1, 1).astype(np.float64), field)
    graph = hg.get_4_adjacency_implicit_graph(plane.shape)
    first, second = field.ends
    regions = []
    for sign in signs:
        quantised = np.rint(levels if sign > 0 else N_LEVELS - 1 - levels).astype(np.uint8) + np.uint8(1)
        quantised[~field.valid] = 0
        tree, altitudes = hg.component_tree_max_tree(graph, quantised)
        flat, parents = quantised.ravel(), tree.parents()
        # Of two neighbours, the node of the lower one holds both.
        meets = parents[np.where(flat[first] <= flat[second], first, second)]
        regions += _promising(tree, meets, contours, field, limits, altitudes > 0, source, sign)
    return regions


def merged_regions(planes: NDArray[np.float32], field: Field, limits: Limits, *, source: str) -> list[Region]:
    """The regions that merging neighbours gives (Ward 1963: each time the pair that adds the least variance).

    Args:
        planes: ``(h, w, P)``, smoothed as wanted, of comparable strength.
        field: No region reaches outside of it.
        limits: Of areas and number.
        source: Name of the map, for the report.
    """
    points = planes.reshape(field.valid.size, -1).astype(np.float64)
    graph = hg.get_4_adjacency_graph(field.valid.shape)
    tree, _ = hg.binary_partition_tree_ward_linkage(graph, points, altitude_correction="none")
    everywhere = np.ones(tree.num_vertices(), dtype=bool)
    meets = tree.lowest_common_ancestor_preprocess().lca(*field.ends)
    return _promising(tree, meets, _Contours.of(points, field), field, limits, everywhere, source, 0)


@dataclass(frozen=True, eq=False)
class _Contours:
    """How much the values change between neighbours: at each edge, around each pixel, and in the mean."""

    step: NDArray[np.float64]
    around: NDArray[np.float64]
    mean: float

    @classmethod
    def of(cls, points: NDArray[np.float64], field: Field) -> _Contours:
        first, second = field.ends
        step = np.sqrt(((points.take(first, axis=0) - points.take(second, axis=0)) ** 2).sum(axis=1))
        around = np.bincount(first, step, len(points)) + np.bincount(second, step, len(points))
        return cls(step, np.asarray(around, dtype=np.float64), max(float(step.mean()), 1e-12))


def _promising(
    tree: hg.Tree,
    meets: NDArray[np.integer],
    contours: _Contours,
    field: Field,
    limits: Limits,
    allowed: Mask,
    source: str,
    sign: int,
) -> list[Region]:
    """The nodes with a strong, short contour that does not run along the frame.

    Args:
        tree: Of any kind.
        meets: The smallest node that holds both ends, for each edge.
        contours: Change at each edge.
        field: No region reaches outside of it.
        limits: Of areas and number.
        allowed: Which nodes may be regions.
        source: Name of the map, for the report.
        sign: Of the regions.
    """
    count = tree.num_vertices()
    n_pixels = tree.num_leaves()
    # The contour of a node: what is around its pixels, without the edges that lie inside, which are told twice.
    area = hg.accumulate_sequential(tree, np.ones(n_pixels), hg.Accumulators.sum)
    along = hg.accumulate_sequential(tree, field.frame, hg.Accumulators.sum)
    inner_edges = np.bincount(meets, minlength=count)
    length = hg.accumulate_and_add_sequential(tree, -2.0 * inner_edges, np.full(n_pixels, 4.0), hg.Accumulators.sum)
    inner_steps = np.bincount(meets, contours.step, count)
    change = hg.accumulate_and_add_sequential(tree, -2 * inner_steps, contours.around, hg.Accumulators.sum)
    length = np.maximum(length, 1.0)
    strength = change / length / contours.mean
    # A disc on a grid of squares has a contour of 8 radii: its compactness is 16 areas over the squared contour.
    compact = np.minimum(16 * area / length**2, 1.0)
    promise = strength * np.sqrt(compact) * (1 - FRAME_COST * np.minimum(along / length, 1.0))
    wanted = allowed & (area >= limits.least) & (area <= limits.most)
    wanted[:n_pixels] = False
    kept = _strongest(tree.parents(), area, strength, wanted)
    kept = np.sort(kept[np.argsort(-promise[kept], kind="stable")][: limits.count])
    regions = []
    for mask, window, node in _masks(tree, kept, field):
        pixels = int(np.count_nonzero(mask))
        if limits.least <= pixels <= limits.most:  # holes are filled by now
            regions.append(Region(mask, window, pixels, float(promise[node]), source, sign))
    return regions


def _strongest(
    parents: NDArray[np.integer], area: NDArray[np.floating], strength: NDArray[np.floating], wanted: Mask
) -> NDArray[np.intp]:
    """Of each run of alike nodes along a branch, the one with the strongest contour; ascending."""
    run: dict[int, int] = {}  # the smallest node of the run that a node belongs to
    most: dict[int, float] = {}  # its area times the factor
    best: dict[int, tuple[float, int]] = {}
    child: dict[int, tuple[float, int]] = {}  # the largest one of each node
    nodes = np.flatnonzero(wanted)
    columns = (nodes.tolist(), parents[nodes].tolist(), area[nodes].tolist(), strength[nodes].tolist())
    for node, parent, own, strong in zip(*columns, strict=True):  # children come before their parents
        below = child.get(node)
        first = node if below is None else run[below[1]]
        if below is None or own > most[first]:
            first = node
            most[node], best[node] = ALIKE * own, (strong, node)
        elif strong > best[first][0]:
            best[first] = (strong, node)
        run[node] = first
        other = child.get(parent)
        if other is None or own > other[0]:
            child[parent] = (own, node)
    return np.array(sorted(node for _, node in best.values()), dtype=np.intp)


def _masks(tree: hg.Tree, kept: NDArray[np.intp], field: Field) -> Iterator[tuple[Mask, Window, int]]:
    """The pixels of nodes, holes filled, in their bounding boxes; outer ones first.

    All are read off one map, which says for each pixel which is the smallest of the nodes that hold it.
    """
    count = len(kept)
    if count == 0:
        return
    names = np.zeros(tree.num_vertices(), dtype=np.int64)
    names[kept] = np.arange(1, count + 1)
    smallest = hg.propagate_sequential(tree, names, names == 0)
    labels = smallest[: tree.num_leaves()].astype(np.int32).reshape(field.valid.shape)
    outer = smallest[tree.parents()[kept]].tolist()
    boxes: list[Window | None] = [None, *ndimage.find_objects(labels, max_label=count)]
    holds = np.eye(count + 1, dtype=bool)
    for name in range(1, count + 1):  # inner nodes come before outer ones
        parent = outer[name - 1]
        if parent not in (0, name):
            boxes[parent] = _around_both(boxes[parent], boxes[name])
            holds[parent] |= holds[name]
    depth = [0] * (count + 1)
    for name in range(count, 0, -1):
        parent = outer[name - 1]
        depth[name] = 1 if parent in (0, name) else depth[parent] + 1
    for name in sorted(range(1, count + 1), key=depth.__getitem__):
        window = boxes[name]
        if window is not None:
            mask = without_holes(holds[name].take(labels[window]))
            yield *_within(mask, window, field), int(kept[name - 1])


def _around_both(first: Window | None, second: Window | None) -> Window | None:
    if first is None or second is None:
        return first or second
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
    return rows, columns


def without_holes(mask: Mask) -> Mask:
    """Fill what is not joined to the outside by an edge: ``scipy.ndimage.binary_fill_holes``, a tenth of the time."""
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=[0])
    cv2.floodFill(padded, None, (0, 0), [2], flags=4)
    return np.asarray(padded[1:-1, 1:-1] != 2)


def _within(mask: Mask, window: Window, field: Field) -> tuple[Mask, Window]:
    """What lies in the field; of what falls apart there, the largest part."""
    if field.is_whole:
        return mask, window
    seen = mask & field.valid[window]
    if np.array_equal(seen, mask) or not seen.any():
        return seen, window
    labels, _ = ndimage.label(seen)
    largest = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    part = ndimage.find_objects(labels)[largest - 1]
    rows, columns = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(window, part, strict=True))
    return labels[part] == largest, (rows, columns)
