"""Outlines of things: closed lines of points (row, column) around the origin, of the area of the unit disc."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.phantoms.shapes import smooth_noise

Outline: TypeAlias = NDArray[np.float64]
"""``(N, 2)``: row and column."""
_BLOB_SIDE = 40


def outline(rng: np.random.Generator, family: str, irregularity: float, elongation: float) -> Outline:
    """An outline of a family: ``waves``, ``polygon`` or ``blob``.

    Args:
        rng: Draws the shape and its direction.
        family: How the outline comes about.
        irregularity: 0 for an ellipse (polygons: a regular one), 1 for deep bays.
        elongation: Long over short axis, at least 1.
    """
    makers = {"waves": _waves, "polygon": _polygon, "blob": _blob}
    points = makers[family](rng, irregularity)
    points = points * [1 / np.sqrt(elongation), np.sqrt(elongation)]
    return unit(turned(points, rng.uniform(0, 2 * np.pi)))


def turned(points: Outline, angle: float) -> Outline:
    """The outline turned by ``angle`` radians."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.asarray(points @ np.array([[cosine, -sine], [sine, cosine]]))


def unit(points: Outline) -> Outline:
    """The outline with its centre at the origin and the area of the unit disc."""
    area = abs(cv2.contourArea(points.astype(np.float32)))
    return np.asarray((points - points.mean(0)) * np.sqrt(np.pi / max(area, 1e-3)))


def _waves(rng: np.random.Generator, irregularity: float) -> Outline:
    """A circle whose radius is a sum of waves, the faster the lower."""
    direction = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    orders = np.arange(2, 14)
    heights = rng.normal(0, 0.6 * irregularity / orders)
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    radius = np.maximum(1 + heights @ np.cos(orders[:, None] * direction + phases[:, None]), 0.25)
    return np.stack([radius * np.sin(direction), radius * np.cos(direction)], axis=1)


def _polygon(rng: np.random.Generator, irregularity: float) -> Outline:
    """A polygon of 3 to 9 corners, cut twice at every corner in half of the draws."""
    corners = int(rng.integers(3, 10))
    direction = (np.arange(corners) + irregularity * rng.uniform(-0.4, 0.4, corners)) * 2 * np.pi / corners
    radius = 1 + irregularity * rng.uniform(-0.4, 0.4, corners)
    points = np.stack([radius * np.sin(direction), radius * np.cos(direction)], axis=1)
    for _ in range(2 * int(rng.integers(2))):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1).reshape(-1, 2)
    return points


def _blob(rng: np.random.Generator, irregularity: float) -> Outline:
    """The largest level line of noise on a hill."""
    axis = np.linspace(-1, 1, _BLOB_SIDE)
    hill = 1.2 - 3 * (axis[:, None] ** 2 + axis**2)
    scale = _BLOB_SIDE / rng.uniform(6, 16)
    field = hill + 0.9 * irregularity * smooth_noise(rng, (_BLOB_SIDE, _BLOB_SIDE), scale)
    field[[0, -1]] = field[:, [0, -1]] = -9  # the line is to close before the edge
    large = cv2.resize(field.astype(np.float32), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    found, _ = cv2.findContours((large > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = max(found, key=cv2.contourArea)[:, 0, ::-1].astype(np.float64) if found else np.zeros((0, 2))
    if len(line) < 12:
        return _waves(rng, irregularity)
    smooth = np.mean([np.roll(line, shift, axis=0) for shift in range(-2, 3)], axis=0)  # the line has stairs of one px
    return np.asarray(smooth[:: max(1, len(line) // 90)])
