"""Nested regions of one map: the nodes of its component trees and of its merging tree, near-equal ones told once.

A component tree (Salembier et al. 1998) holds every connected set of pixels above some level once; a Ward tree holds
every union of neighbours that merging the most alike ones gives. Of a chain of nodes that hardly differ, the one with
the strongest contour is kept, in the way of maximally stable regions (Matas et al. 2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def level_regions(
    plane: NDArray[np.float32], valid: Mask, limits: Limits, *, source: str, signs: Sequence[int] = (-1, 1)
) -> list[Region]:
    """The regions of a map that are brighter, or darker, than what is around them.

    Args:
        plane: ``(h, w)``, smoothed as wanted.
        valid: ``(h, w)``; no region reaches outside.
        limits: Of areas and number, for each sign.
        source: Name of the map, for the report.
        signs: 1 for brighter, -1 for darker regions.
    """
    low, high = np.percentile(plane[valid], TAILS)
    if high - low <= FLAT * max(abs(low), abs(high)):
        return []
    levels = np.clip((plane - low) / (high - low) * (N_LEVELS - 1), 0, N_LEVELS - 1)
    graph = hg.get_4_adjacency_graph(plane.shape)
    step = _steps(graph, levels.reshape(-1, 1).astype(np.float64))
    regions = []
    for sign in signs:
        quantised = np.rint(levels if sign > 0 else N_LEVELS - 1 - levels).astype(np.int16) + 1
        quantised[~valid] = 0
        tree, altitudes = hg.component_tree_max_tree(graph, quantised)
        regions += _promising(tree, step, valid, limits, altitudes > 0, source, sign)
    return regions


def merged_regions(planes: NDArray[np.float32], valid: Mask, limits: Limits, *, source: str) -> list[Region]:
    """The regions that merging neighbours gives (Ward 1963: each time the pair that adds the least variance).

    Args:
        planes: ``(h, w, P)``, smoothed as wanted, of comparable strength.
        valid: ``(h, w)``; no region reaches outside.
        limits: Of areas and number.
        source: Name of the map, for the report.
    """
    points = planes.reshape(valid.size, -1).astype(np.float64)
    graph = hg.get_4_adjacency_graph(valid.shape)
    tree, _ = hg.binary_partition_tree_ward_linkage(graph, points)
    everywhere = np.ones(tree.num_vertices(), dtype=bool)
    return _promising(tree, _steps(graph, points), valid, limits, everywhere, source, 0)


def _steps(graph: hg.UndirectedGraph, points: NDArray[np.float64]) -> NDArray[np.float64]:
    sources, targets = graph.edge_list()[:2]
    return np.asarray(np.sqrt(((points[sources] - points[targets]) ** 2).sum(axis=1)))


def _promising(
    tree: hg.Tree, step: NDArray[np.float64], valid: Mask, limits: Limits, allowed: Mask, source: str, sign: int
) -> list[Region]:
    """The nodes with a strong, short contour that does not run along the frame."""
    area = hg.attribute_area(tree)
    strength = hg.attribute_contour_strength(tree, step) / max(float(step.mean()), 1e-12)
    length = np.maximum(hg.attribute_contour_length(tree), 1.0)
    edge = valid & ~np.asarray(ndimage.binary_erosion(valid))
    along = hg.accumulate_sequential(tree, edge.ravel().astype(np.float64), hg.Accumulators.sum)
    # A disc on a grid of squares has a contour of 8 radii: its compactness is 16 areas over the squared contour.
    compact = np.minimum(16 * area / length**2, 1.0)
    promise = strength * np.sqrt(compact) * (1 - FRAME_COST * np.minimum(along / length, 1.0))
    inner = np.arange(tree.num_vertices()) >= tree.num_leaves()
    wanted = inner & allowed & (area >= limits.least) & (area <= limits.most)
    kept = _strongest(tree.parents(), area, strength, wanted)
    kept = np.sort(kept[np.argsort(-promise[kept], kind="stable")][: limits.count])
    regions = []
    for mask, window, node in _masks(tree, kept, valid):
        count = int(np.count_nonzero(mask))
        if limits.least <= count <= limits.most:  # holes are filled by now
            regions.append(Region(mask, window, count, float(promise[node]), source, sign))
    return regions


def _strongest(
    parents: NDArray[np.integer], area: NDArray[np.floating], strength: NDArray[np.floating], wanted: Mask
) -> NDArray[np.intp]:
    """Of each run of alike nodes along a branch, the one with the strongest contour; ascending."""
    first: dict[int, float] = {}  # area of the smallest node of the run that a node belongs to
    run: dict[int, int] = {}
    best: dict[int, int] = {}
    child: dict[int, int] = {}  # the largest one of each node
    for node in np.flatnonzero(wanted).tolist():  # children come before their parents
        below = child.get(node)
        if below is not None and area[node] <= ALIKE * first[below]:
            first[node], run[node] = first[below], run[below]
        else:
            first[node], run[node], best[node] = float(area[node]), node, node
        if strength[node] > strength[best[run[node]]]:
            best[run[node]] = node
        parent = int(parents[node])
        if parent not in child or area[node] > area[child[parent]]:
            child[parent] = node
    return np.array(sorted(best.values()), dtype=np.intp)


def _masks(tree: hg.Tree, kept: NDArray[np.intp], valid: Mask) -> Iterator[tuple[Mask, Window, int]]:
    """The pixels of nodes, holes filled, in their bounding boxes; those that do not overlap are read off one map."""
    is_kept = np.zeros(tree.num_vertices(), dtype=np.int64)
    is_kept[kept] = 1
    generations = hg.propagate_sequential_and_accumulate(tree, is_kept, hg.Accumulators.sum)[kept]
    for generation in np.unique(generations):
        chosen = kept[generations == generation]
        names = np.zeros(tree.num_vertices(), dtype=np.int64)
        names[chosen] = np.arange(1, len(chosen) + 1)
        labels = hg.propagate_sequential(tree, names, names == 0)[: tree.num_leaves()]
        labels = labels.astype(np.int32).reshape(valid.shape)
        for index, window in enumerate(ndimage.find_objects(labels), start=1):
            if window is not None:
                filled = ndimage.binary_fill_holes(labels[window] == index)
                yield *_within(filled, window, valid), int(chosen[index - 1])


def _within(mask: Mask, window: Window, valid: Mask) -> tuple[Mask, Window]:
    """What lies in the field; of what falls apart there, the largest part."""
    seen = mask & valid[window]
    labels, count = ndimage.label(seen)
    if count == 0 or np.array_equal(seen, mask):
        return seen, window
    largest = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    part = ndimage.find_objects(labels)[largest - 1]
    rows, columns = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(window, part, strict=True))
    return labels[part] == largest, (rows, columns)
