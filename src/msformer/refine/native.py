"""Working grid → native grid: logits are interpolated, not labels, so that borders are smooth.

Memory is bounded by strips of rows, not by the native size times the number of clusters.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask

STRIP_ELEMENTS = 4_000_000
"""Most interpolated logits in memory at a time (16 MB)."""


def smooth_logits(logits: NDArray[np.floating], size: int) -> NDArray[np.floating]:
    """Average logits ``(K, h, w)`` over ``size`` × ``size`` neighbours.

    The coarse branch is upsampled by blocks of 2 × 2, which leaves a checkerboard of period 2 in the labels; the
    mean over 3 × 3 removes it before it breaks components. A departure from the paper; off with ``size`` = 1.
    """
    if size == 1:
        return logits
    smooth: NDArray[np.floating] = ndimage.uniform_filter(logits, size=(1, size, size), mode="nearest")
    return smooth


def to_native(logits: NDArray[np.floating], shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.uint16]]:
    """Interpolate logits to the native grid and take the strongest cluster of each pixel.

    Only clusters that win somewhere on the working grid take part. On a native grid of the same shape this is the
    plain argmax.

    Args:
        logits: ``(K, h, w)``.
        shape: Height and width of the native grid.

    Returns:
        The surviving clusters' channels, ascending, and a map ``(H, W)`` of indices into them.
    """
    winners = logits.argmax(axis=0)
    channels = np.unique(winners)
    if shape == logits.shape[1:]:
        return channels, np.searchsorted(channels, winners).astype(np.uint16)
    survivors = logits[channels].astype(np.float32)
    width = shape[1]
    native = np.empty(shape, dtype=np.uint16)
    for rows, strip in _stretched(survivors, shape, max(STRIP_ELEMENTS // (len(channels) * width), 1)):
        best = np.full((strip.shape[1], width), -np.inf, dtype=np.float32)
        for index, plane in enumerate(strip):
            wide = cv2.resize(plane, (width, plane.shape[0]), interpolation=cv2.INTER_LINEAR)
            better = wide > best
            np.copyto(best, wide, where=better)
            native[rows][better] = index
    return channels, native


def mask_to_native(mask: Mask, candidate: Mask) -> Mask:
    """Carry a mask from the working grid to the native one along the borders of the native clusters.

    The rule chose *which* pieces belong to the object on the working grid; the interpolated clusters know better
    *where* they end. So within one working pixel of the mask's border the native clusters decide.

    Args:
        mask: ``(h, w)`` on the working grid.
        candidate: ``(H, W)``, the native pixels of the clusters that the mask was made of.
    """
    if mask.shape == candidate.shape:
        return mask.copy()
    square = np.ones((3, 3), dtype=bool)
    possible = enlarge(ndimage.binary_dilation(mask, square), candidate.shape)
    certain = enlarge(ndimage.binary_erosion(mask, square, border_value=1), candidate.shape)
    return (candidate & possible) | certain


def smooth_to_native(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Carry a mask to the native grid with a smooth border: blurred by one of its pixels, interpolated, cut at half."""
    if mask.shape == shape:
        return mask.copy()
    soft = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0), dtype=np.float32)
    native = np.empty(shape, dtype=bool)
    for rows, strip in _stretched(soft[None], shape, max(STRIP_ELEMENTS // shape[1], 1)):
        native[rows] = cv2.resize(strip[0], (shape[1], strip.shape[1]), interpolation=cv2.INTER_LINEAR) >= 0.5
    return native


def enlarge(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Carry a mask to another grid by its nearest pixels."""
    return cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)


def _stretched(
    planes: NDArray[np.float32], shape: tuple[int, int], strip_rows: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Strips of planes ``(K, h, w)`` with their rows interpolated to those of the native grid, and which rows."""
    upper, lower, fraction = _linear_rows(planes.shape[1], shape[0])
    for start in range(0, shape[0], strip_rows):
        rows = slice(start, min(start + strip_rows, shape[0]))
        weight = fraction[rows][:, None]
        yield rows, planes[:, upper[rows]] * (1 - weight) + planes[:, lower[rows]] * weight  # (k, r, w)


def _linear_rows(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Neighbours and weight of each target row, centres of pixels aligned (as ``cv2.resize`` does)."""
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    upper = np.floor(position).astype(np.intp)
    return upper, np.minimum(upper + 1, source - 1), (position - upper).astype(np.float32)
