"""Masks that could be several objects together: pairs, and all of a kind.

Level sets of the appearance, or, as in the paper, unions of clusters next to each other in it; opened by a few radii,
cut into components and put together as the settings say how many objects there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import ForegroundSettings
from msformer.foreground.scene import Scene
from msformer.image import Mask
from msformer.morphology import filled, hull_of_each, opened, otsu_threshold

LARGEST_ALONE = 6
"""How many of the largest components are tried alone."""
LARGEST_PAIRED = 3
"""How many of the largest components on each side of the midline are paired."""
GROWTH = 1.03
"""A union that is not larger than the one before it by this factor is passed over: it would be the same object."""
N_CUTS = 24
"""Levels at which a picture is cut."""
N_CUTS_OF_SEVERAL = 12
"""The same where several pictures of it compete: the border is drawn anew, so steps may be wider."""
CUT_TAILS = (0.5, 99.5)
"""Percentiles of the field between which cuts lie."""
FEWEST = 12
"""Fewer pixels are not split any further."""


@dataclass(frozen=True)
class Candidate:
    """A mask ``(h, w)`` and the clusters that it was made of."""

    mask: Mask
    clusters: tuple[int, ...]


def find_candidates(
    clusters: NDArray[np.integer] | None, scene: Scene, settings: ForegroundSettings
) -> Iterator[Candidate]:
    """Make every candidate once.

    Args:
        clusters: ``(h, w)``, one integer a cluster; None for level sets of the appearance instead.
        scene: The same grid.
        settings: How many objects, of what size, how they may lie.
    """
    seen: set[bytes] = set()
    n_cuts = N_CUTS_OF_SEVERAL if settings.windows else N_CUTS
    unions = _cuts(scene, n_cuts) if clusters is None else _unions(clusters, scene)
    for members, union in unions:
        for part in _with_inner_splits(union, scene, settings.inner_splits):
            for radius in settings.openings:
                body = opened(part, round(radius * scene.side)) & scene.valid
                if scene.box is not None:
                    body = _inside_box(body, scene.box)
                for mask in _arrange(body, scene, settings):
                    key = np.packbits(mask).tobytes()
                    if key not in seen and _fits(mask, scene, settings):
                        seen.add(key)
                        yield Candidate(mask, members)


def _unions(clusters: NDArray[np.integer], scene: Scene) -> Iterator[tuple[tuple[int, ...], Mask]]:
    """Sets of clusters: the k first from the object's end of the appearance; each alone where either end may be."""
    names = np.unique(clusters[scene.valid])
    if len(names) < 2:
        return
    means = ndimage.mean(scene.appearance[scene.valid], clusters[scene.valid], names)
    order = [int(name) for name in names[np.argsort(means, kind="stable")]]
    ends = {-1: [order], 1: [order[::-1]], 0: [order, order[::-1]]}[scene.sign]
    for end in ends:
        area = 0
        for count in range(1, len(end)):
            union = np.isin(clusters, end[:count]) & scene.valid
            if (grown := int(np.count_nonzero(union))) > GROWTH * area:
                area = grown
                yield tuple(sorted(end[:count])), union
    singles = order if scene.sign == 0 else []
    if scene.point is not None:  # whatever was clicked at is a candidate
        singles = [int(clusters[scene.point])]
    for name in singles:
        yield (name,), (clusters == name) & scene.valid


def _cuts(scene: Scene, count: int) -> Iterator[tuple[tuple[int, ...], Mask]]:
    """Level sets of the picture: all that is beyond a level, from either end where either may be."""
    low, high = np.percentile(scene.seen, CUT_TAILS)
    if high <= low:
        return
    levels = np.linspace(low, high, count + 2)[1:-1]
    for sign in {-1: [-1], 1: [1], 0: [-1, 1]}[scene.sign]:
        area = 0
        for level in levels if sign < 0 else levels[::-1]:
            cut = (scene.levels < level if sign < 0 else scene.levels > level) & scene.valid
            if (grown := int(np.count_nonzero(cut))) > GROWTH * area:
                area = grown
                yield (), cut


def _with_inner_splits(union: Mask, scene: Scene, count: int) -> Iterator[Mask]:
    """The union, then what stands out inside of it, then inside of that: an object may be ground for another."""
    yield union
    rest = scene.valid & ~union
    for _ in range(count):
        values = scene.appearance[union]
        if len(values) < FEWEST or not rest.any() or np.ptp(values) == 0:
            return
        sign = scene.sign or (1 if values.mean() > scene.appearance[rest].mean() else -1)
        threshold = otsu_threshold(values)
        union = union & (scene.appearance > threshold if sign > 0 else scene.appearance <= threshold)
        yield union


def _arrange(body: Mask, scene: Scene, settings: ForegroundSettings) -> Iterator[Mask]:
    """Put components together as objects, holes filled."""
    if settings.objects == "pair" and scene.midline is not None:
        groups, labels = _pairs(body, scene, settings)
    else:
        groups, labels = _groups(body, scene, settings)
    for group in groups:
        taken = np.zeros(int(labels.max()) + 1, dtype=bool)
        taken[list(group)] = True
        mask = filled(taken[labels])
        yield (hull_of_each(mask) if settings.hull else mask) & scene.valid


def _groups(
    body: Mask, scene: Scene, settings: ForegroundSettings
) -> tuple[list[tuple[int, ...]], NDArray[np.integer]]:
    found = cv2.connectedComponentsWithStats(body.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    count, labels = found[0] - 1, np.asarray(found[1], dtype=np.int32)
    areas = found[2][:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    if scene.point is not None:
        name = int(labels[scene.point])
        return ([(name,)] if name else []), labels
    on_frame = np.zeros(count + 1, dtype=bool)
    on_frame[np.unique(labels[scene.edge])] = True
    large = areas >= max(settings.min_area * int(np.count_nonzero(scene.valid)), 1)
    # The frame cuts some of many objects, but of few it rather tells objects from surroundings.
    choices = [] if settings.touches_frame and settings.objects == "many" else [large & ~on_frame]
    if settings.touches_frame:
        choices.append(large)
    groups: set[tuple[int, ...]] = set()
    for choice in choices:
        names = np.flatnonzero(choice)
        if len(names) == 0:
            continue
        names = names[areas[names] >= settings.min_relative_area * areas[names].max()]
        by_size = [int(name) for name in names[np.argsort(-areas[names], kind="stable")]]
        groups.update(_put_together(by_size, settings.objects))
    return sorted(groups), labels


def _put_together(by_size: Sequence[int], objects: str) -> Iterator[tuple[int, ...]]:
    """Groups of components, which come in descending order of size."""
    if objects in ("any", "many"):
        yield tuple(by_size)
    if objects in ("any", "one", "two", "pair"):
        yield from ((name,) for name in by_size[:LARGEST_ALONE])
    if objects in ("two", "pair"):
        yield from itertools.combinations(by_size[:LARGEST_ALONE], 2)


def _pairs(body: Mask, scene: Scene, settings: ForegroundSettings) -> tuple[list[tuple[int, ...]], NDArray[np.integer]]:
    """Every pair of a large component left and one right of the midline, which cuts what reaches across."""
    columns = np.arange(scene.shape[1])
    labels, count = ndimage.label(body & (columns != scene.midline))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    by_size = np.argsort(-areas, kind="stable")
    least = max(settings.min_area * scene.valid.size, 1)
    sides = []
    for side in (columns < (scene.midline or 0), columns > (scene.midline or 0)):
        there = set(np.unique(labels[:, side]).tolist()) - {0}
        sides.append([int(name) for name in by_size if name in there and areas[name] >= least][:LARGEST_PAIRED])
    pairs: list[tuple[int, ...]] = [(left, right) for left in sides[0] for right in sides[1]]
    if scene.point is not None:
        pairs = [pair for pair in pairs if int(labels[scene.point]) in pair]
    return pairs, labels


def _inside_box(body: Mask, box: tuple[int, int, int, int]) -> Mask:
    clipped = np.zeros_like(body)
    window = (slice(box[0], box[2]), slice(box[1], box[3]))
    clipped[window] = body[window]
    return clipped


def _fits(mask: Mask, scene: Scene, settings: ForegroundSettings) -> bool:
    share = int(np.count_nonzero(mask)) / mask.size
    is_everything = bool((mask | ~scene.valid).all())
    return share > 0 and settings.min_share <= share <= settings.max_share and not is_everything
