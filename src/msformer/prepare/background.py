"""Slow changes of light, thickness and depth → even ground, so that one level means the same everywhere."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import isotonic_regression

from msformer.image import Mask

ECHO_PERCENTILE = 60
"""Percentile of a row that stands for its tissue: over the dark masses and shadows, under the bright layers."""
ROWS_SMOOTHED = 1 / 12
"""Width of the Gaussian along the depth, as a share of the height: layers of tissue are thinner than that."""
TRACE = 1e-4


def subtract_background(planes: NDArray[np.float32], valid: Mask, width: float) -> NDArray[np.float32]:
    """Subtract from each plane its mean in a Gaussian window, taken over what is valid only.

    Args:
        planes: ``(h, w, C)``.
        valid: ``(h, w)``, what counts.
        width: Standard deviation of the window as a share of the image's side.
    """
    sigma = width * float(np.sqrt(valid.size))
    weight = valid.astype(np.float32)
    below = _blur(weight, sigma) + np.float32(TRACE)
    means = [_blur(plane * weight, sigma) / below for plane in np.moveaxis(planes, 2, 0)]
    return np.asarray(planes - np.stack(means, axis=2), dtype=np.float32)


def subtract_depth(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract from each plane ``(h, w, C)`` the level of its rows, which may only fall from the top downwards.

    Echoes weaken with depth, and scanners compress them logarithmically, so that what the depth takes away is
    subtracted and not divided. The fall is forced (isotonic regression): a dark mass is no weaker light, for the
    tissue under it is brighter again.
    """
    height = planes.shape[0]
    even = planes.copy()
    for channel in range(planes.shape[2]):
        level = np.percentile(planes[:, :, channel], ECHO_PERCENTILE, axis=1)
        level = ndimage.gaussian_filter1d(level, height * ROWS_SMOOTHED)
        even[:, :, channel] -= isotonic_regression(level, increasing=False).x.astype(np.float32)[:, None]
    return even


def smooth(planes: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Blur each plane ``(h, w, C)`` by a Gaussian, ``width`` being its standard deviation as a share of the side."""
    sigma = width * float(np.sqrt(planes.shape[0] * planes.shape[1]))
    if sigma < 0.1:
        return planes
    blurred = [cv2.GaussianBlur(plane, (0, 0), sigma) for plane in np.moveaxis(planes, 2, 0)]
    return np.ascontiguousarray(np.stack(blurred, axis=2))


def _blur(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, dtype=np.float32)
