"""What the searches for no data share: a picture in grey values, its range, whether it has colour."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask

Bytes: TypeAlias = NDArray[np.uint8]
"""``(h, w)`` or ``(h, w, 3)``, 0 to 255."""
NOISE = 6
"""Grey values by which compression moves one uniform value: the ringing of JPEG beside an edge, after the shrinking."""
NOISE_OF_RANGE = 0.1
"""The same at most, as a share of the picture's range: in a dim picture, six grey values are content."""
GREY_CHROMA = 7.5
"""Mean difference of the largest and the smallest channel up to which a picture is grey: JPEG's colour noise."""
DEAD = 1
"""What was never seen is of one value to a grey level: what a sensor or a scanner sees in the dark has noise."""
FLAT = 0.5
"""Where that much of what is left is of one value as well, nobody can say which of the two is the picture."""
SAMPLED = 3
"""Statistics of the whole picture are taken from every third row and column, which changes them by next to nothing."""


def to_bytes(scaled: NDArray[np.float32]) -> Bytes:
    """A picture ``(h, w, C)`` in [0, 1] as grey values ``(h, w, 3)`` or ``(h, w)``, without the opacity of RGBA."""
    if scaled.shape[2] in (3, 4):
        return np.asarray(cv2.convertScaleAbs(np.ascontiguousarray(scaled[:, :, :3]), alpha=255))
    grey = scaled[:, :, 0] if scaled.shape[2] == 1 else scaled.mean(axis=2)
    return np.asarray(cv2.convertScaleAbs(np.ascontiguousarray(grey), alpha=255))


def to_grey(picture: Bytes) -> Bytes:
    """The mean of the channels ``(h, w)``."""
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.transform(picture, np.full((1, 3), 1 / 3)))


def largest_difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Bytes:
    """Of all channels, the largest absolute difference ``(h, w)`` of two pictures, or of one and one colour."""
    difference = np.maximum(first, second) - np.minimum(first, second)
    if difference.ndim == 2:
        return difference
    largest = difference[..., 0]
    for channel in range(1, difference.shape[2]):
        largest = np.maximum(largest, difference[..., channel])
    return np.asarray(largest)


def chroma(picture: Bytes) -> Bytes:
    """Difference of the largest and the smallest channel ``(h, w)``."""
    if picture.ndim == 2:
        return np.zeros_like(picture)
    red, green, blue = (picture[:, :, channel] for channel in range(3))
    return np.asarray(np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue))


def has_colour(picture: Bytes) -> bool:
    """Whether a picture is of three channels that differ."""
    return bool(picture.ndim == 3 and chroma(picture[::SAMPLED, ::SAMPLED]).mean() > GREY_CHROMA)


def tolerance(picture: Bytes) -> int:
    """By how many grey values a pixel of one value may differ from it."""
    low, high = np.percentile(picture[::SAMPLED, ::SAMPLED], (1, 99))
    return int(min(NOISE, NOISE_OF_RANGE * (high - low)))


def like(picture: NDArray[np.uint8], value: NDArray[np.uint8], most: int) -> Mask:
    """Where every channel of a picture is within ``most`` of a value, one a channel."""
    return np.asarray(largest_difference(picture, value) <= most)


def nothing(picture: NDArray[np.generic]) -> Mask:
    """An empty mask of the shape of a picture."""
    return np.zeros(picture.shape[:2], dtype=bool)


def widened(mask: Mask) -> Mask:
    """A mask with the pixels around it, into which its edge was blended."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def is_flat(values: NDArray[np.uint8]) -> bool:
    """Whether most of some pixels ``(n, C)`` are of one value."""
    typical = np.rint(np.median(values, axis=0)).astype(np.uint8)
    return bool(like(values[None], typical, DEAD).mean() > FLAT)


def pixels_of(picture: Bytes) -> NDArray[np.uint8]:
    """Some pixels ``(n, C)`` of a picture, for its statistics."""
    sampled = picture[::SAMPLED, ::SAMPLED]
    return sampled.reshape(-1, 1 if picture.ndim == 2 else picture.shape[2])
