"""Colour → optical density over the skin: how much light the pigment takes away, skin itself at 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask

START_QUANTILE = 0.3
"""Density of the skin before anything is known: most of a picture is skin, and skin is its light part."""
ROUNDS = 8
LINEAR_RIDGE, QUADRATIC_RIDGE = 0.09, 0.3
"""Against a surface that bends to follow the lesion; an unregularised one does harm."""
CENTRE_WEIGHT = 0.05
"""Least weight of a pixel by its place: lesions are photographed in the centre, skin is known at the border."""


def skin_density(scaled: NDArray[np.float32], valid: Mask) -> NDArray[np.float32]:
    """Optical density of each channel minus that of the skin.

    By Beer and Lambert's law pigments add in density, −ln of the reflected share, and a change of light is a
    constant there, so that one surface a channel takes skin and light away.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
        valid: ``(h, w)``, what counts.

    Returns:
        ``(h, w, C)``; positive where darker than skin, 0 outside of ``valid``.
    """
    density = -np.log(np.maximum(scaled, np.float32(1 / 255)))
    if not valid.any():
        return np.zeros_like(density)
    surfaces = [fit_skin(density[:, :, channel], valid) for channel in range(density.shape[2])]
    over_skin = density - np.stack(surfaces, axis=2)
    over_skin[~valid] = 0
    return np.asarray(over_skin, dtype=np.float32)


def fit_skin(density: NDArray[np.float32], valid: Mask) -> NDArray[np.float64]:
    """Fit a smooth surface to the skin of one channel ``(h, w)``: robust against what is darker than skin.

    Iteratively reweighted least squares; residuals above the surface (pigment) lose their weight sooner than those
    below it (glare), both in units of the spread below.
    """
    height, width = density.shape
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    y, x = rows[valid], columns[valid]
    values = density[valid].astype(np.float64)
    basis = _basis(y, x)
    prior = np.clip(y**2 + x**2, CENTRE_WEIGHT, 1)
    ridge = np.diag([0, LINEAR_RIDGE, LINEAR_RIDGE, QUADRATIC_RIDGE, QUADRATIC_RIDGE, QUADRATIC_RIDGE])
    start = float(np.quantile(values, START_QUANTILE))
    surface = np.full(len(values), start)
    coefficients = np.array([start, 0, 0, 0, 0, 0], dtype=np.float64)
    for _ in range(ROUNDS):
        residual = values - surface
        below = np.abs(residual[residual < 0])
        spread = max(1.4826 * float(np.median(below)) if len(below) else 0.0, 1e-3)
        trust = np.where(
            residual > 0,
            1 / (1 + (residual / (1.5 * spread)) ** 2) ** 2,
            1 / (1 + (residual / (3 * spread)) ** 2),
        )
        weight = prior * trust
        weighted = basis * weight[:, None] / weight.sum()
        coefficients = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ values)
        surface = basis @ coefficients
    return np.asarray((_basis(rows.ravel(), columns.ravel()) @ coefficients).reshape(height, width))


def _basis(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Constant, linear and quadratic terms, the squares centred so that they do not shift the constant."""
    return np.stack([np.ones_like(y), y, x, y**2 - 1 / 3, x**2 - 1 / 3, x * y], axis=1)
