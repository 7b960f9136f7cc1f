"""Channels as the network sees them: perceptual, decorrelated, of comparable strength."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask

WHITENING_FLOOR = 0.01
"""Smallest variance of a whitened direction, as a share of the largest: noise in a channel without content, such as
the colour of a nearly grey JPEG, must not be blown up to the strength of the content."""


def is_colour(scaled: NDArray[np.float32]) -> bool:
    """Whether an image ``(h, w, C)`` is RGB."""
    return bool(scaled.shape[2] == 3)


def perceptual(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lab / 100 of an RGB image, where distances resemble seen differences; other channels as they are."""
    if not is_colour(scaled):
        return scaled
    lab = cv2.cvtColor(np.ascontiguousarray(scaled), cv2.COLOR_RGB2LAB)
    return np.asarray(lab / 100, dtype=np.float32)


@dataclass(frozen=True)
class Basis:
    """What channels are whitened by, so that a value means the same in several images.

    Attributes:
        mean: ``(C,)``, the colour that becomes 0.5.
        directions: ``(C, K)``, the strongest first; those without variance are left out.
        reach: ``(K,)``, the deviation of each direction times the largest one anywhere: what becomes a half.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    reach: NDArray[np.float64]


def find_basis(pixels: NDArray[np.floating]) -> Basis:
    """The basis of pixels ``(N, C)``.

    Directions, strongest first and brighter positive, are brought to equal variance, but for those under
    ``WHITENING_FLOOR``; one scale for all of them then maps the pixels to [0, 1]. Directions without variance are
    dropped.
    """
    count = pixels.shape[1]
    mean = pixels.mean(axis=0, dtype=np.float64)
    centred = pixels.astype(np.float64) - mean
    variances, directions = np.linalg.eigh(np.atleast_2d(centred.T @ centred / len(pixels)))
    variances, directions = variances[::-1], directions[:, ::-1]
    keep = variances > 1e-6 * max(variances[0], 1e-12)
    keep[0] = True
    variances, directions = variances[keep], directions[:, keep]
    signs = np.sign(directions.sum(axis=0) if count != 3 else directions[0])
    directions = directions * np.where(signs == 0, 1.0, signs)
    scale = np.sqrt(np.maximum(variances, max(WHITENING_FLOOR * variances[0], 1e-12)))
    largest = max(float(np.abs(centred @ directions / scale).max()), 1e-12)
    return Basis(mean, directions, scale * largest)


def whiten(channels: NDArray[np.float32], valid: Mask, basis: Basis | None = None) -> NDArray[np.float32]:
    """Decorrelate channels ``(h, w, C)``; result in [0, 1], with the mean at 0.5.

    Args:
        channels: What is whitened.
        valid: ``(h, w)``; the rest counts for nothing, and becomes the mean.
        basis: One that other images have in common with this one; else that of these channels themselves.
    """
    height, width, count = channels.shape
    pixels, seen = channels.reshape(-1, count), valid.ravel()
    found = basis or find_basis(pixels[seen])
    centred = pixels.astype(np.float64) - found.mean
    centred[~seen] = 0
    whitened = 0.5 + 0.5 * (centred @ found.directions / found.reach)
    return np.asarray(np.clip(whitened, 0, 1).reshape(height, width, -1), dtype=np.float32)
