"""Which clusters are the object: a rule that sees the image and its clusters, and never a ground truth.

Candidates are made of the clusters, and the candidate that explains most of the image's variance while leaving the
frame alone is taken. The score is Otsu's between-class variance as a share of the total, times the share of the
frame that the candidate does not cover: objects lie inside the picture, surroundings reach its frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import ForegroundSettings
from msformer.image import Mask, Plane

LARGEST_ALONE = 4
"""How many of a candidate's largest components are also tried alone."""
FRAME_WIDTH = 2
"""Width in working px of the frame whose covered share counts against a candidate."""


@dataclass(frozen=True)
class Foreground:
    """The chosen object.

    Attributes:
        mask: ``(h, w)`` on the working grid; empty where no candidate fits the settings.
        clusters: The clusters that the mask was made of.
        score: Score of the choice in [0, 1]; 0 for an empty mask.
    """

    mask: Mask
    clusters: tuple[int, ...]
    score: float


def choose_foreground(
    clusters: NDArray[np.integer],
    appearance: NDArray[np.float32],
    brightness: Plane,
    settings: ForegroundSettings,
    valid: Mask | None = None,
) -> Foreground:
    """Choose the object among the clusters.

    Args:
        clusters: ``(h, w)``, one integer a cluster.
        appearance: ``(h, w)``, the values whose variance a good object explains.
        brightness: ``(h, w)``, what "darker" and "brighter" refer to.
        settings: What is known of the object without having seen it.
        valid: ``(h, w)``, the field that the object lies in and that all statistics are of; everything if left out.
    """
    valid = np.ones(clusters.shape, dtype=bool) if valid is None else valid
    best = Foreground(np.zeros(clusters.shape, dtype=bool), (), 0.0)
    for members, union in _unions(clusters, appearance, valid):
        for mask in _pieces(union, valid, settings):
            if not _has_polarity(mask, brightness, valid, settings.polarity):
                continue
            score = object_score(mask, appearance, valid)
            if score > best.score:
                best = Foreground(mask, members, score)
    return best


def object_score(mask: Mask, appearance: NDArray[np.floating], valid: Mask) -> float:
    """How well a mask ``(h, w)`` explains the image as object and surroundings, in [0, 1]."""
    return otsu_fraction(mask[valid], appearance[valid]) * (1 - frame_share(mask, valid))


def frame_share(mask: Mask, valid: Mask, width: int = FRAME_WIDTH) -> float:
    """Share of the frame of the field ``valid``, ``width`` px wide, that the mask covers."""
    frame = valid & ~ndimage.binary_erosion(valid, np.ones((3, 3), dtype=bool), iterations=width)
    return float(mask[frame].mean())


def otsu_fraction(mask: NDArray[np.bool_], values: NDArray[np.floating]) -> float:
    """Share of the variance of ``values`` that the split into mask and rest explains, in [0, 1] (Otsu 1979)."""
    inside = int(mask.sum())
    outside = mask.size - inside
    total = float(values.var(dtype=np.float64)) * mask.size
    if inside == 0 or outside == 0 or total == 0:
        return 0.0
    difference = float(values[mask].mean(dtype=np.float64)) - float(values[~mask].mean(dtype=np.float64))
    return min(inside * outside / mask.size * difference**2 / total, 1.0)


def _unions(
    clusters: NDArray[np.integer], appearance: NDArray[np.float32], valid: Mask
) -> Iterator[tuple[tuple[int, ...], Mask]]:
    """Sets of clusters worth looking at: each alone, the k darkest, the k brightest along the appearance."""
    names = np.unique(clusters[valid])
    if len(names) < 2:
        return
    means = ndimage.mean(appearance[valid], clusters[valid], names)
    order = [int(name) for name in names[np.argsort(means, kind="stable")]]
    sets = {frozenset([name]) for name in order}
    for count in range(1, len(order)):
        sets |= {frozenset(order[:count]), frozenset(order[count:])}
    for members in sorted(sorted(one) for one in sets):
        yield tuple(members), np.isin(clusters, members) & valid


def _pieces(union: Mask, valid: Mask, settings: ForegroundSettings) -> Iterator[Mask]:
    """The components of a union as objects: all of them, those off the frame, and the largest ones alone."""
    components, count = ndimage.label(union)
    if count == 0:
        return
    areas = np.bincount(components.ravel(), minlength=count + 1)
    areas[0] = 0
    edge = valid & ~ndimage.binary_erosion(valid)
    on_frame = np.zeros(count + 1, dtype=bool)
    on_frame[np.unique(components[edge])] = True
    large = areas >= max(settings.min_area * int(valid.sum()), 1)
    groups: set[tuple[int, ...]] = set()
    for candidates in (large & ~on_frame,) if not settings.touches_frame else (large, large & ~on_frame):
        names = np.flatnonzero(candidates)
        if len(names) == 0:
            continue
        names = names[areas[names] >= settings.min_relative_area * areas[names].max()]
        by_size = names[np.argsort(-areas[names], kind="stable")]
        groups.add(tuple(int(name) for name in by_size[: settings.max_objects]))
        groups |= {(int(name),) for name in by_size[:LARGEST_ALONE]}
    for group in sorted(groups):
        yield ndimage.binary_fill_holes(np.isin(components, group)) & valid


def _has_polarity(mask: Mask, brightness: Plane, valid: Mask, polarity: str) -> bool:
    rest = valid & ~mask
    if polarity == "either" or not rest.any():
        return True
    difference = float(brightness[mask].mean()) - float(brightness[rest].mean())
    return difference < 0 if polarity == "darker" else difference > 0
