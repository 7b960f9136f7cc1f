"""Colour → how much stain: optical density over the slide's own ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

DARKEST = np.float32(1 / 255)


def stain_density(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Optical density of each channel minus its median over the picture, ``(h, w, C)`` in [0, 1] in and out.

    By Beer and Lambert's law stains add in density, −ln of the light that is left; most of a smear is ground, so the
    median is the ground's.
    """
    density = -np.log(np.maximum(scaled, DARKEST))
    return np.asarray(density - np.median(density, axis=(0, 1)), dtype=np.float32)


def nuclear_stain(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """How purple, ``(h, w)``: Lab's a / 100, which haematoxylin, azure and eosin raise and grey cells do not."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(scaled), cv2.COLOR_RGB2LAB)[:, :, 1] / 100, dtype=np.float32)


def basophilic_stain(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """How blue, ``(h, w)``: density in red minus that in blue; about 0 for grey and red cells and for the ground."""
    return np.asarray(density[:, :, 0] - density[:, :, 2], dtype=np.float32)
