"""The mask's border where the image itself changes from object to surroundings, judged locally.

The clusters say what the object is; where it ends is better read from the image, on a finer grid: near the border a
pixel belongs to the object if it is closer to what the object looks like there than to what lies outside there.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.config import RefineSettings
from msformer.image import Mask
from msformer.morphology import SPECK, depth_of, filled
from msformer.refine.wall import wall_levels

GAP = 0.5
"""Width, as a share of the reach, of the seam around the mask that is neither inside nor outside for sure."""
SHORTEST_REACH = 1.5
"""In px: a border that cannot move to the next pixel is not refined."""
CRUMB = 0.1
"""Pieces smaller than this share of the largest one that a component falls into are dropped."""
TINY = 1e-6


def refine_boundary(
    mask: Mask,
    appearance: NDArray[np.float32],
    valid: Mask,
    settings: RefineSettings,
    *,
    midline: int | None = None,
) -> Mask:
    """Move the border of a mask to where the image changes.

    Args:
        mask: ``(h, w)``.
        appearance: ``(h, w)``, the values that tell object and surroundings apart.
        valid: ``(h, w)``, what counts.
        settings: Rounds, reach and level.
        midline: Column between two lungs; with ``settings.wall``, levels are those of the wall, the base and the rest.

    Returns:
        ``(h, w)``; components that have no part of the old mask are dropped, holes are filled. A mask that would
        vanish is returned as it was.
    """
    level: float | NDArray[np.float32] = settings.boundary_level
    for _ in range(settings.boundary_rounds):
        if settings.wall and midline is not None:
            mask = mask & (np.arange(mask.shape[1]) != midline)
        reach = _reach(mask, settings.boundary_reach)
        away = depth_of(~mask)
        outer = valid & ~mask & (away > GAP * reach)
        if not mask.any() or not outer.any():
            break
        ground = float(np.median(appearance[outer]))
        values = appearance - ground
        contrast = float(values[mask].mean())
        if abs(contrast) < TINY:  # nothing to follow: without this, a flat image would shrink the mask to its core
            break
        if contrast < 0:
            values = -values  # the object is above its ground from here on
        inside = _local_mean(values, mask * np.maximum(values, 0), reach)
        outside = _local_mean(values, outer.astype(np.float32), reach)
        if settings.wall and midline is not None:
            level = wall_levels(mask, midline, settings.boundary_level)
        belongs = values > outside + level * (inside - outside)
        core = depth_of(mask) > reach
        near = away <= reach
        moved = _connected(((belongs & near) | core) & valid, mask)
        if not moved.any():
            break
        mask = moved
    return mask


def _reach(mask: Mask, share: float | Literal["own"]) -> float:
    """How far the border may move, in px: a share of the side, or the median radius of the objects themselves."""
    if share != "own":
        return share * float(np.sqrt(mask.size))
    labels, _ = _labelled(mask)
    areas = np.bincount(labels.ravel())[1:]
    if len(areas) == 0:
        return SHORTEST_REACH
    typical = float(np.median(areas[areas >= min(SPECK, areas.max())]))
    return max(float(np.sqrt(typical / np.pi)), SHORTEST_REACH)


def _labelled(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Components of neighbours that share an edge, 1 to n, and n."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    return np.asarray(labels, dtype=np.int32), count - 1


def _local_mean(values: NDArray[np.float32], weight: NDArray[np.floating], sigma: float) -> NDArray[np.float32]:
    """Mean of ``values`` under ``weight`` in a Gaussian window; far away from all weight, the mean under all of it."""
    weight = weight.astype(np.float32)
    total = float(weight.sum())
    overall = float((values * weight).sum()) / total if total > TINY else 0.0
    # A trace of the overall mean keeps the quotient defined far away from all weight.
    trace = np.float32(TINY * max(total / weight.size, TINY))
    above = cv2.GaussianBlur(values * weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    below = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray((above + trace * np.float32(overall)) / (below + trace), dtype=np.float32)


def _connected(moved: Mask, before: Mask) -> Mask:
    """What has become of each old component, with holes filled.

    A component may fall into several: two lungs that met in one narrow place are two now. Pieces that lie mostly
    outside of the old mask belong to something else, and small ones are noise; the largest one always stays.
    """
    components, count = _labelled(moved)
    old, old_count = _labelled(before)
    if count == 0 or old_count == 0:
        return np.zeros_like(moved)
    shared = np.bincount(
        (old.astype(np.int64) * (count + 1) + components).ravel(), minlength=(old_count + 1) * (count + 1)
    )
    shared = shared.reshape(old_count + 1, count + 1)[1:, 1:]
    mostly_old = shared.sum(axis=0) > 0.5 * np.bincount(components.ravel(), minlength=count + 1)[1:]
    kept = np.zeros(count + 1, dtype=bool)
    for row in shared[shared.any(axis=1)]:
        kept[1:] |= mostly_old & (row >= CRUMB * row.max())
        kept[row.argmax() + 1] = True
    return filled(kept[components])
