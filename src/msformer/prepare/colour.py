"""Channels as the network sees them: perceptual, decorrelated, of comparable strength."""

from __future__ import annotations

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


def whiten(channels: NDArray[np.float32], valid: Mask) -> NDArray[np.float32]:
    """Decorrelate channels ``(h, w, C)``, strongest direction first, brighter positive; result in [0, 1].

    Directions are brought to equal variance, but for those under ``WHITENING_FLOOR``; one scale for all channels
    then maps the whole to [0, 1], with the mean at 0.5. Directions without variance are dropped. Only what is
    ``valid`` ``(h, w)`` counts; the rest becomes the mean.
    """
    height, width, count = channels.shape
    centred = channels.reshape(-1, count).astype(np.float64)
    seen = valid.ravel()
    centred -= centred[seen].mean(axis=0)
    centred[~seen] = 0
    variances, directions = np.linalg.eigh(np.atleast_2d(centred.T @ centred / seen.sum()))
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
