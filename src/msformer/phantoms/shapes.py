"""Noise, outlines, soft edges and curves: what the phantoms are drawn with. Lengths in px, points (row, column)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from msformer.image import Mask, Plane

Point: TypeAlias = tuple[float, float]
_SUBPIXEL_BITS = 4


def plane(values: ArrayLike) -> Plane:
    """The values as float32; numpy's functions do not tell their result's type to the type checker."""
    return np.asarray(values, dtype=np.float32)


def grid(shape: tuple[int, int]) -> tuple[Plane, Plane]:
    """Row and column of every pixel, each ``(H, W)``."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return rows, columns


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float | tuple[float, float]) -> Plane:
    """Gaussian noise ``(H, W)`` with mean 0 and deviation 1, blurred by ``scale`` px, or by (rows, columns) px.

    Wide noise is drawn on a coarser grid and enlarged, so the cost does not grow with the scale.
    """
    scales = (scale, scale) if isinstance(scale, int | float) else scale
    steps = [max(1.0, one / 3) for one in scales]
    sigmas = [max(one / step, 0.01) for one, step in zip(scales, steps, strict=True)]  # OpenCV takes 0 for "choose"
    margins = [int(np.ceil(3 * sigma)) for sigma in sigmas]
    coarse = [int(np.ceil(side / step)) + 1 for side, step in zip(shape, steps, strict=True)]
    white = rng.standard_normal([coarse[0] + 2 * margins[0], coarse[1] + 2 * margins[1]], dtype=np.float32)
    field = plane(cv2.GaussianBlur(white, (0, 0), sigmas[1], sigmaY=sigmas[0]))
    field = field[margins[0] : margins[0] + coarse[0], margins[1] : margins[1] + coarse[1]]
    if max(steps) > 1:
        size = round(coarse[1] * steps[1]), round(coarse[0] * steps[0])
        field = plane(cv2.resize(field, size, interpolation=cv2.INTER_CUBIC))
    field = field[: shape[0], : shape[1]]
    return plane((field - field.mean()) / max(float(field.std()), 1e-6))


def radial_level(
    rng: np.random.Generator,
    shape: tuple[int, int],
    centre: Point,
    *,
    elongation: float = 1.0,
    angle: float = 0.0,
    irregularity: float = 0.0,
) -> Plane:
    """Distance from ``centre`` in an irregular ellipse, ``(H, W)``; every level set is one star-shaped region.

    Args:
        rng: Draws the irregular outline.
        shape: Height and width.
        centre: Row and column in px; there the level is 0.
        elongation: Long axis over short axis, at least 1.
        angle: Direction of the long axis in radians, from the columns towards the rows.
        irregularity: 0 for an ellipse, 1 for an outline with deep bays.
    """
    rows, columns = grid(shape)
    down, right = rows - centre[0], columns - centre[1]
    along = (right * np.cos(angle) + down * np.sin(angle)) / np.sqrt(elongation)
    across = (down * np.cos(angle) - right * np.sin(angle)) * np.sqrt(elongation)
    direction = np.arctan2(across, along)
    radius = np.ones(shape, dtype=np.float32)
    for order in range(2, 14):
        wave = rng.normal(0, 0.5 * irregularity / order) * np.cos(order * direction + rng.uniform(0, 2 * np.pi))
        radius += wave.astype(np.float32)
    return plane(np.hypot(along, across) / np.maximum(radius, 0.3))


def lowest(level: Plane, count: int) -> Mask:
    """The ``count`` pixels with the lowest level, ``(H, W)``."""
    mask = np.zeros(level.size, dtype=bool)
    mask[np.argsort(level, axis=None, kind="stable")[:count]] = True
    return mask.reshape(level.shape)


def signed_distance(mask: Mask) -> Plane:
    """Distance in px from the outline of ``mask``, ``(H, W)``: positive where it is True, negative elsewhere.

    The frame of the image is no outline; without any outline the distance is the diagonal.
    """
    inside = mask.astype(np.uint8)
    to_outside = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    to_inside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    reach = float(np.hypot(*mask.shape))  # OpenCV's distance without an outline is the largest float
    return plane(np.where(mask, np.minimum(to_outside, reach) - 0.5, 0.5 - np.minimum(to_inside, reach)))


def soft_edge(mask: Mask, width: float) -> Plane:
    """Share of the object in every pixel, in [0, 1]: over one half exactly where the mask is True.

    Args:
        mask: ``(H, W)``.
        width: The share rises from .12 to .88 over this many px on either side of the outline.
    """
    return plane(0.5 + 0.5 * np.tanh(signed_distance(mask) / width))


def curves(shape: tuple[int, int], paths: Sequence[tuple[NDArray[np.floating], int]]) -> Plane:
    """Antialiased lines: covered share of every pixel, in [0, 1].

    Args:
        shape: Height and width.
        paths: For each line its points ``(N, 2)``, row and column, and its thickness in whole px.
    """
    layer = np.zeros(shape, dtype=np.uint8)
    for points, thickness in paths:
        fixed = np.rint(points[:, ::-1] * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.polylines(layer, [fixed], False, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    return plane(layer / 255)


def bend(start: Point, end: Point, sag: float, n_points: int = 24) -> NDArray[np.float64]:
    """Points ``(n_points, 2)`` of a parabola from ``start`` to ``end``; ``sag`` is its height over its length."""
    share = np.linspace(0, 1, n_points)[:, None]
    first, last = np.array(start), np.array(end)
    normal = np.array([-(last - first)[1], (last - first)[0]])
    return np.asarray(first + share * (last - first) + 4 * share * (1 - share) * sag * normal)


def smoothstep(values: Plane, low: float, high: float) -> Plane:
    """0 below ``low``, 1 above ``high``, and without a kink in between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return plane(share * share * (3 - 2 * share))
