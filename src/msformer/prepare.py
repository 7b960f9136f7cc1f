"""Image → network input: resampled to the working size, brought to [0, 1], channels decorrelated, border reflected.

Everything after this stage works on a bounded number of pixels, whatever the size of the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.config import MIN_SIDE, PrepareSettings
from msformer.image import Image, Pixels, Plane

INTENSITY_PERCENTILES = (0.5, 99.5)
"""What becomes 0 and 1 in images that are neither 8-bit nor already in [0, 1]; cuts off hot and dead pixels."""
BLANK_CONTRAST = 2 / 255
"""An image whose values all lie within this range, after scaling to [0, 1], shows nothing to segment."""
WHITENING_FLOOR = 0.01
"""Smallest variance of a whitened direction, as a share of the largest: noise in a channel without content, such as
the colour of a nearly grey JPEG, must not be blown up to the strength of the content."""


@dataclass(frozen=True)
class Prepared:
    """An image at working size.

    Attributes:
        network_input: ``(C, h + 2p, w + 2p)`` float32 in [0, 1], with p = ``padding``.
        brightness: ``(h, w)`` in [0, 1]: what "darker" and "brighter" refer to.
        appearance: ``(h, w)`` in [0, 1]: the colours along their direction of largest variance.
        padding: Width in px of the reflected border of ``network_input``.
        intensity_range: The input values that became 0 and 1.
        is_blank: Whether there is nothing to see: the contrast is under ``BLANK_CONTRAST``.
    """

    network_input: NDArray[np.float32]
    brightness: Plane
    appearance: Plane
    padding: int
    intensity_range: tuple[float, float]
    is_blank: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the working grid, without the border."""
        return self.brightness.shape[0], self.brightness.shape[1]


def prepare(image: Image, settings: PrepareSettings) -> Prepared:
    """Make the network's input from an image; ``docs/method.md`` gives the reasons of each step."""
    small = resample(image.pixels, working_shape(image.shape, settings), settings.interpolation)
    low, high = intensity_range(image.pixels, small)
    scaled = to_unit_range(small, (low, high))
    perceptual = _perceptual(scaled)
    whitened = _whiten(perceptual)
    if settings.colour == "whitened":
        channels = whitened
    elif settings.colour == "bgr":
        channels = (scaled if scaled.shape[2] > 1 else scaled.repeat(3, axis=2))[:, :, ::-1]
    else:
        channels = scaled
    border = settings.padding
    padded = np.pad(channels, ((border, border), (border, border), (0, 0)), mode="reflect")
    return Prepared(
        network_input=np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32),
        brightness=np.ascontiguousarray(perceptual[:, :, 0] if _is_colour(scaled) else scaled.mean(axis=2)),
        appearance=np.ascontiguousarray(whitened[:, :, 0]),
        padding=border,
        intensity_range=(low, high),
        is_blank=float(np.ptp(scaled, axis=(0, 1)).max()) < BLANK_CONTRAST,
    )


def working_shape(shape: tuple[int, int], settings: PrepareSettings) -> tuple[int, int]:
    """Rows and columns of the working grid.

    With ``keep_aspect``, about ``working_size``² pixels in the image's own proportions, each side at least 33 px;
    an image longer than that allows is compressed along its long side, so that memory stays bounded.
    """
    size = settings.working_size
    if not settings.keep_aspect:
        return size, size
    scale = size / math.sqrt(shape[0] * shape[1])
    longest = max(size * size // MIN_SIDE, MIN_SIDE)
    rows, columns = (min(max(round(side * scale), MIN_SIDE), longest) for side in shape)
    return rows, columns


def resample(pixels: Pixels, shape: tuple[int, int], interpolation: str) -> NDArray[np.float32]:
    """Resample to ``(h, w, C)`` in the values of the input; means over areas where it shrinks, if so asked."""
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        pixels = pixels.astype(np.float32)
    shrinks = shape[0] < pixels.shape[0] and shape[1] < pixels.shape[1]
    flag = cv2.INTER_AREA if interpolation == "area" and shrinks else cv2.INTER_LINEAR
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    # One channel at a time: any number of them, and 8-bit images stay 8-bit, so they round as in the released code.
    small = [
        cv2.resize(np.ascontiguousarray(planes[:, :, channel]), shape[::-1], interpolation=flag)
        for channel in range(planes.shape[2])
    ]
    return np.stack(small, axis=2).astype(np.float32)


def intensity_range(pixels: Pixels, small: NDArray[np.float32]) -> tuple[float, float]:
    """Find the input values that become 0 and 1.

    * 8-bit unsigned images: 0 and 255, so that a dark photograph stays dark, as in the released code;
    * booleans, and floats that all lie in [0, 1]: 0 and 1;
    * everything else (16 bit, Hounsfield units, other floats): the percentiles ``INTENSITY_PERCENTILES`` of the
      image at working size, all channels together, because the range in use says more than that of the type.

    Args:
        pixels: The image as it came.
        small: The same at working size.
    """
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    if pixels.dtype == np.bool_ or (pixels.dtype.kind == "f" and pixels.min() >= 0 and pixels.max() <= 1):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(small, INTENSITY_PERCENTILES))
    if low == high:  # nearly all pixels alike: what differs lies in the tails
        low, high = float(small.min()), float(small.max())
    return low, high


def to_unit_range(pixels: Pixels, limits: tuple[float, float]) -> NDArray[np.float32]:
    """Map ``limits`` to 0 and 1 and clip what lies beyond; equal limits give 0 everywhere."""
    low, high = limits
    width = high - low if high > low else 1.0
    unit: NDArray[np.float32] = (pixels.astype(np.float32) - np.float32(low)) / np.float32(width)
    return np.clip(unit, np.float32(0), np.float32(1), out=unit)


def _is_colour(scaled: NDArray[np.float32]) -> bool:
    return bool(scaled.shape[2] == 3)


def _perceptual(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lab / 100 of an RGB image, where distances resemble seen differences; other channels as they are."""
    if not _is_colour(scaled):
        return scaled
    lab = cv2.cvtColor(np.ascontiguousarray(scaled), cv2.COLOR_RGB2LAB)
    return np.asarray(lab / 100, dtype=np.float32)


def _whiten(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Decorrelate channels ``(h, w, C)``, strongest direction first, brighter positive; result in [0, 1].

    Directions are brought to equal variance, but for those under ``WHITENING_FLOOR``; one scale for all channels
    then maps the whole to [0, 1], with the mean at 0.5. Directions without variance are dropped.
    """
    height, width, count = channels.shape
    centred = channels.reshape(-1, count).astype(np.float64)
    centred -= centred.mean(axis=0)
    variances, directions = np.linalg.eigh(np.atleast_2d(centred.T @ centred / len(centred)))
    variances, directions = variances[::-1], directions[:, ::-1]
    keep = variances > 1e-6 * max(variances[0], 1e-12)
    keep[0] = True
    variances, directions = variances[keep], directions[:, keep]
    signs = np.sign(directions.sum(axis=0) if count != 3 else directions[0])
    directions = directions * np.where(signs == 0, 1.0, signs)
    scale = np.sqrt(np.maximum(variances, max(WHITENING_FLOOR * variances[0], 1e-12)))
    whitened = centred @ directions / scale
    largest = max(float(np.abs(whitened).max()), 1e-12)
    return np.asarray((0.5 + 0.5 * whitened / largest).reshape(height, width, -1), dtype=np.float32)
