"""One generator of candidates for every kind of picture: level sets of several maps at several scales, and merging.

Which region is meant is not decided here: ``foreground/`` does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.morphology import ellipse
from msformer.regions.levels import FLAT, Field, Limits, level_regions, merged_regions
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
    field = Field(valid)
    smooth = _blurred(planes, SCALES[0] * float(np.sqrt(valid.size)))
    found: list[Region] = []
    for source, plane, signs in _maps(planes, smooth, maps or {}):
        found += level_regions(plane, field, limits, source=source, signs=signs)
    seen = smooth[valid]
    spread = seen.std(axis=0)
    if np.ptp(seen, axis=0).max() > FLAT * np.abs(seen).max():
        found += merged_regions(smooth / np.maximum(spread, 0.1 * spread.max() + 1e-9), field, limits, source="merged")
    return _told_once(found, valid.shape)


def _maps(
    planes: NDArray[np.float32], smooth: NDArray[np.float32], more: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[str, NDArray[np.float32], tuple[int, ...]]]:
    """The maps by name, each with the signs that it is good for; ``smooth`` has the planes at the finest scale."""
    height, width, count = planes.shape
    side = float(np.sqrt(height * width))
    for scale in SCALES:
        blurred = smooth if scale == SCALES[0] else _blurred(planes, scale * side)
        for index in range(count):
            yield f"{index}@{scale:g}", np.ascontiguousarray(blurred[:, :, index]), (-1, 1)
    for radius in OPENINGS:
        element = ellipse(round(radius * side))
        for index in range(count if radius == OPENINGS[0] else 1):
            plane = np.ascontiguousarray(smooth[:, :, index])
            # The level sets of an opened map are the opened level sets.
            for operation, sign in ((cv2.MORPH_OPEN, 1), (cv2.MORPH_CLOSE, -1)):
                opened = np.asarray(cv2.morphologyEx(plane, operation, element), dtype=np.float32)
                yield f"{index}~{radius:g}", opened, (sign,)
    for name, plane in more.items():
        yield name, plane, (-1, 1)


def _blurred(planes: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma), dtype=np.float32).reshape(planes.shape)


def coarse_masks(regions: list[Region], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Every region on a small grid, ``(n, COARSE²)``: the share of each of its pixels that it covers."""
    if min(shape) < COARSE:
        wholes = (region.on(shape).astype(np.uint8) * np.uint8(255) for region in regions)
        small = [cv2.resize(whole, (COARSE, COARSE), interpolation=cv2.INTER_AREA).ravel() for whole in wholes]
        return np.asarray(np.stack(small) / np.float32(255), dtype=np.float32)
    # The same from windows: each pixel of the small grid is a mean of rows of means of columns, in steps of 1 / 255.
    down, right = (_means(side) for side in shape)
    covered = np.zeros((len(regions), COARSE, COARSE), dtype=np.float32)
    for region, whole in zip(regions, covered, strict=True):
        rows, columns = (
            slice(part.start * COARSE // side, -(-part.stop * COARSE // side))
            for part, side in zip(region.window, shape, strict=True)
        )
        mask = region.mask.astype(np.float32)
        whole[rows, columns] = down[rows, region.window[0]] @ mask @ right[columns, region.window[1]].T
    return np.asarray(np.rint(covered.reshape(len(regions), -1) * 255) / 255, dtype=np.float32)


@cache
def _means(side: int) -> NDArray[np.float32]:
    """How a side is shrunk, ``(COARSE, side)``: the share of each pixel in each of the small grid."""
    edges = np.arange(COARSE + 1) * side / COARSE
    ends = np.minimum(edges[1:, None], np.arange(side) + 1)
    starts = np.maximum(edges[:-1, None], np.arange(side))
    return np.asarray(np.maximum(ends - starts, 0) * COARSE / side, dtype=np.float32)


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
