"""A picture and where it has data → what the grown network looks at: the same for random scenes and real pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.network.prompted import IN_CHANNELS, SIDE_MULTIPLE

SIDE = 128
"""Side in px of the square with as many pixels as the network looks at: what it was grown on."""
LONGEST = 3 * SIDE
"""Longest side in px: strips are not stretched further."""
FARTHEST = 4.0
"""Values count up to this many deviations from the mean."""


def view_shape(shape: tuple[int, int], side: int = SIDE) -> tuple[int, int]:
    """Rows and columns of the view of a picture: its proportions, about ``side`` ² px, multiples of what is needed."""
    scale = side / float(np.sqrt(shape[0] * shape[1]))
    rows, columns = (
        int(np.clip(round(length * scale / SIDE_MULTIPLE) * SIDE_MULTIPLE, SIDE_MULTIPLE, LONGEST)) for length in shape
    )
    return rows, columns


def resized(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """A map ``(H, W)`` or ``(H, W, C)`` at another size: means where it shrinks, linear where it grows."""
    if plane.shape[:2] == shape:
        return plane
    shrinks = plane.shape[0] * plane.shape[1] > shape[0] * shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, shape[::-1], interpolation=way), dtype=np.float32)


def as_input(pixels: NDArray[np.float32], valid: Mask, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Scale a picture to what the network takes.

    Args:
        pixels: ``(H, W)`` or ``(H, W, C)``, any range, finite.
        valid: ``(H, W)``; what is outside is 0 for the network.
        shape: Rows and columns of the result.

    Returns:
        ``(IN_CHANNELS, *shape)``: three planes with mean 0 and deviation 1 over what is valid, then validity.
    """
    planes = three_planes(pixels if pixels.ndim == 3 else pixels[:, :, None], valid)
    weight = valid.astype(np.float32)
    small_weight = resized(weight, shape)
    small = (
        resized(np.ascontiguousarray(planes * weight[:, :, None]), shape) / np.maximum(small_weight, 1e-3)[..., None]
    )
    inside = small_weight > 0.5
    if inside.any():
        seen = small[inside]
        deviation = float(np.sqrt(seen.var(axis=0).mean()))
        small = (small - seen.mean(axis=0)) / max(deviation, 1e-6)
    small = np.clip(small, -FARTHEST, FARTHEST) * inside[..., None]
    result = np.empty((IN_CHANNELS, *shape), dtype=np.float32)
    result[:3] = small.transpose(2, 0, 1)
    result[3] = inside
    return result


def three_planes(pixels: NDArray[np.float32], valid: Mask) -> NDArray[np.float32]:
    """Three planes ``(H, W, 3)`` of a picture of any number of channels.

    One channel is told three times; two are followed by their mean; of more than three, the three directions in which
    they vary most.
    """
    count = pixels.shape[2]
    if count == 3:
        return pixels
    if count == 1:
        return np.repeat(pixels, 3, axis=2)
    if count == 2:
        return np.concatenate([pixels, pixels.mean(axis=2, keepdims=True)], axis=2)
    seen = pixels[valid].astype(np.float64) if valid.any() else pixels.reshape(-1, count).astype(np.float64)
    _, directions = np.linalg.eigh(np.atleast_2d(np.cov(seen, rowvar=False)))
    directions = directions[:, ::-1][:, :3]
    directions = directions * np.where(directions.sum(axis=0) < 0, -1, 1)  # bright stays bright
    return np.asarray(pixels @ directions, dtype=np.float32)
