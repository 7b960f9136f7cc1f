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
    clusters: NDArray[np.integer], appearance: Plane, brightness: Plane, settings: ForegroundSettings
) -> Foreground:
    """Choose the object among the clusters.

    Args:
        clusters: ``(h, w)``, one integer a cluster.
        appearance: ``(h, w)``, the values whose variance a good object explains.
        brightness: ``(h, w)``, what "darker" and "brighter" refer to.
        settings: What is known of the object without having seen it.
    """
    best = Foreground(np.zeros(clusters.shape, dtype=bool), (), 0.0)
    for members, union in _unions(clusters, appearance):
        for mask in _pieces(union, settings):
            if not _has_polarity(mask, brightness, settings.polarity):
                continue
            score = otsu_fraction(mask, appearance) * (1 - frame_share(mask))
            if score > best.score:
                best = Foreground(mask, members, score)
    return best


def otsu_fraction(mask: Mask, values: Plane) -> float:
    """Share of the variance of ``values`` that the split into mask and rest explains, in [0, 1] (Otsu 1979)."""
    inside = int(mask.sum())
    outside = mask.size - inside
    total = float(values.var(dtype=np.float64)) * mask.size
    if inside == 0 or outside == 0 or total == 0:
        return 0.0
    difference = float(values[mask].mean(dtype=np.float64)) - float(values[~mask].mean(dtype=np.float64))
    return min(inside * outside / mask.size * difference**2 / total, 1.0)


def frame_share(mask: Mask, width: int = FRAME_WIDTH) -> float:
    """Share of the image's frame, ``width`` px wide, that the mask covers."""
    frame = np.ones(mask.shape, dtype=bool)
    frame[width:-width, width:-width] = False
    return float(mask[frame].mean())


def _unions(clusters: NDArray[np.integer], appearance: Plane) -> Iterator[tuple[tuple[int, ...], Mask]]:
    """Sets of clusters worth looking at: each alone, the k darkest, the k brightest along the appearance."""
    names = np.unique(clusters)
    if len(names) < 2:
        return
    means = ndimage.mean(appearance, clusters, names)
    order = [int(name) for name in names[np.argsort(means, kind="stable")]]
    sets = {frozenset([name]) for name in order}
    for count in range(1, len(order)):
        sets |= {frozenset(order[:count]), frozenset(order[count:])}
    for members in sorted(sorted(one) for one in sets):
        yield tuple(members), np.isin(clusters, members)


def _pieces(union: Mask, settings: ForegroundSettings) -> Iterator[Mask]:
    """The components of a union as objects: all of them, those off the frame, and the largest ones alone."""
    components, count = ndimage.label(union)
    if count == 0:
        return
    areas = np.bincount(components.ravel(), minlength=count + 1)
    areas[0] = 0
    kept = np.flatnonzero(areas >= max(settings.min_area * union.size, 1))
    on_frame = set(np.unique(np.concatenate([components[[0, -1]].ravel(), components[:, [0, -1]].ravel()])))
    off_frame = np.array([name for name in kept if name not in on_frame], dtype=kept.dtype)
    if not settings.touches_frame:
        kept = off_frame
    by_size = [names[np.argsort(-areas[names], kind="stable")][: settings.max_objects] for names in (kept, off_frame)]
    groups = {tuple(int(name) for name in names) for names in by_size}
    groups |= {(int(name),) for name in by_size[0][:LARGEST_ALONE]}
    for group in sorted(groups):
        if group:
            yield ndimage.binary_fill_holes(np.isin(components, group))


def _has_polarity(mask: Mask, brightness: Plane, polarity: str) -> bool:
    if polarity == "either" or mask.all():
        return True
    difference = float(brightness[mask].mean()) - float(brightness[~mask].mean())
    return difference < 0 if polarity == "darker" else difference > 0
