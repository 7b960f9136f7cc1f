"""One generator of candidates for every kind of picture: level sets of several maps at several scales, and merging.

Which region is meant is not decided here: ``foreground/`` does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.morphology import ellipse
from msformer.regions.levels import FLAT, Limits, level_regions, merged_regions
from msformer.regions.region import Region

SCALES = (0.009, 0.02)
"""Widths of the Gaussians, as shares of the side: over noise, and over texture."""
OPENINGS = (0.03, 0.06)
"""Radii, as shares of the side, by which level sets of the light are opened: bridges to what touches are cut."""
LEAST_SHARE = 0.002
"""Smallest region, as a share of the field: less has no inside on a grid of about 128 px."""
MOST_SHARE = 0.95
"""Largest region, as a share of the field."""
PER_TREE = 60
"""Most regions of one tree and sign."""
MOST_REGIONS = 250
"""Most regions of a picture; the best of 800 lies among the 250 most promising but for .03 Dice in the mean."""
COARSE = 48
"""Side of the grid that overlaps are computed on."""
SAME = 0.85
"""Intersection over union from which on two regions are one."""
SUPPORTS = 0.7
"""The same from which on a region of another map supports a region."""


def find_regions(
    planes: NDArray[np.float32], valid: Mask, maps: Mapping[str, NDArray[np.float32]] | None = None
) -> list[Region]:
    """Find the regions of a picture that have a border of their own, the most promising first.

    Args:
        planes: ``(h, w, P)``, what tells things apart, the light first.
        valid: ``(h, w)``; no region reaches outside.
        maps: Further maps ``(h, w)`` by name, taken as they are.
    """
    n_valid = int(np.count_nonzero(valid))
    if n_valid == 0:
        return []
    limits = Limits(max(round(LEAST_SHARE * n_valid), 12), max(round(MOST_SHARE * n_valid), 1), PER_TREE)
    found: list[Region] = []
    for source, plane, signs in _maps(planes, valid.size, maps or {}):
        found += level_regions(plane, valid, limits, source=source, signs=signs)
    smooth = _blurred(planes, SCALES[0] * float(np.sqrt(valid.size)))
    seen = smooth[valid]
    spread = seen.std(axis=0)
    if np.ptp(seen, axis=0).max() > FLAT * np.abs(seen).max():
        found += merged_regions(smooth / np.maximum(spread, 0.1 * spread.max() + 1e-9), valid, limits, source="merged")
    return _told_once(found, valid.shape)


def _maps(
    planes: NDArray[np.float32], size: int, more: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[str, NDArray[np.float32], tuple[int, ...]]]:
    side = float(np.sqrt(size))
    for scale in SCALES:
        blurred = _blurred(planes, scale * side)
        for index in range(planes.shape[2]):
            yield f"{index}@{scale:g}", np.ascontiguousarray(blurred[:, :, index]), (-1, 1)
    for radius in OPENINGS:
        element = ellipse(round(radius * side))
        blurred = _blurred(planes, SCALES[0] * side)
        for index in range(planes.shape[2] if radius == OPENINGS[0] else 1):
            plane = np.ascontiguousarray(blurred[:, :, index])
            # The level sets of an opened map are the opened level sets.
            yield f"{index}~{radius:g}", np.asarray(cv2.morphologyEx(plane, cv2.MORPH_OPEN, element), np.float32), (1,)
            yield (
                f"{index}~{radius:g}",
                np.asarray(cv2.morphologyEx(plane, cv2.MORPH_CLOSE, element), np.float32),
                (-1,),
            )
    for name, plane in more.items():
        yield name, plane, (-1, 1)


def _blurred(planes: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma), dtype=np.float32).reshape(planes.shape)


def coarse_masks(regions: list[Region], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Every region on a small grid, ``(n, COARSE²)``: the share of each of its pixels that it covers."""
    small = np.empty((len(regions), COARSE, COARSE), dtype=np.float32)
    for index, region in enumerate(regions):
        whole = region.on(shape).astype(np.uint8) * np.uint8(255)
        small[index] = cv2.resize(whole, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    return small.reshape(len(regions), -1) / np.float32(255)


def overlaps(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of every two coarse masks, ``(n, n)``."""
    shared = small @ small.T
    own = np.diag(shared)
    return np.asarray(shared / np.maximum(own[:, None] + own[None] - shared, 1e-6))


def _told_once(found: list[Region], shape: tuple[int, ...]) -> list[Region]:
    """The most promising of each group of near-equal regions, with the share of maps that have one much like it."""
    if not found:
        return []
    found = sorted(found, key=lambda region: -region.promise)
    alike = overlaps(coarse_masks(found, shape))
    sources = sorted({region.source for region in found})
    names = np.array([sources.index(region.source) for region in found])
    supported = np.zeros(len(found))
    for name in range(len(sources)):
        supported += (alike[:, names == name] > SUPPORTS).any(axis=1)
    kept: list[int] = []
    is_free = np.ones(len(found), dtype=bool)
    for index in range(len(found)):
        if is_free[index]:
            kept.append(index)
            is_free &= alike[index] < SAME
            if len(kept) == MOST_REGIONS:
                break
    return [replace(found[index], support=float(supported[index]) / len(sources)) for index in kept]
