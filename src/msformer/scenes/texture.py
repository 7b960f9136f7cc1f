"""Textures of ground and objects, the layers and the speckle of an echo. Lengths in px."""

from __future__ import annotations

import cv2
import numpy as np

from msformer.image import Plane
from msformer.phantoms.shapes import plane, smooth_noise
from msformer.scenes.draws import log_uniform
from msformer.scenes.options import Range


def texture(rng: np.random.Generator, shape: tuple[int, int], scales: Range, *, directional: bool) -> Plane:
    """A texture ``(H, W)`` with mean 0 and deviation 1: a sum of one to three noises of random scale and character.

    Args:
        rng: Draws the noises.
        shape: Height and width.
        scales: Range of their scales in px.
        directional: The noise is longer in one direction, the same for all.
    """
    stretch = rng.uniform(2, 6) if directional else 1.0
    angle = rng.uniform(0, 180) if directional and rng.random() < 0.6 else 90.0 * rng.integers(2)
    total = np.zeros(shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        total += rng.uniform(0.3, 1) * _character(rng, _noise(rng, shape, log_uniform(rng, scales), stretch, angle))
    return plane((total - total.mean()) / max(float(total.std()), 1e-6))


def _noise(rng: np.random.Generator, shape: tuple[int, int], scale: float, stretch: float, angle: float) -> Plane:
    """Noise of one scale, ``stretch`` times as long in the direction ``angle`` degrees as across."""
    short, long = scale / np.sqrt(stretch), scale * np.sqrt(stretch)
    if stretch == 1 or angle in (0, 90):
        return smooth_noise(rng, shape, (long, short) if angle == 90 else (short, long))
    side = int(np.ceil(np.hypot(*shape)))
    turn = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), float(angle), 1.0), dtype=np.float64)
    turn[:, 2] -= np.array([side - shape[1], side - shape[0]]) / 2
    return plane(cv2.warpAffine(smooth_noise(rng, (side, side), (short, long)), turn, shape[::-1]))


def _character(rng: np.random.Generator, field: Plane) -> Plane:
    """The field as it is, or its ridges, spots or steps: tissue is rarely Gaussian."""
    character = rng.random()
    if character < 0.55:
        return field
    if character < 0.7:
        return plane(rng.choice([-1.7, 1.7]) * (np.abs(field) - 0.8))
    if character < 0.85:
        return plane(rng.choice([-2.0, 2.0]) * np.maximum(field - 0.8, 0))
    return plane(np.tanh(4 * field))


def patches(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """Large regions of even grey with soft borders, ``(H, W)``, in [-1, 1]."""
    side = min(shape)
    total = np.zeros(shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        field = smooth_noise(rng, shape, side * log_uniform(rng, (0.06, 0.25)))
        total += rng.uniform(-1, 1) * np.tanh((field - rng.uniform(-1, 1)) * log_uniform(rng, (1.5, 12)))
    return plane(total / max(float(np.abs(total).max()), 1.0))


def bands(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """Wavy horizontal layers with streaks along them, ``(H, W)``, in about [-1, 1]."""
    side = min(shape)
    n_bands = int(rng.integers(3, 9))
    borders = np.sort(rng.uniform(0, 1.1, n_bands))
    levels = rng.uniform(-0.6, 0.6, n_bands + 1)
    waves = smooth_noise(rng, shape, (side * 0.12, side * log_uniform(rng, (0.1, 0.6))))
    depth = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None] + rng.uniform(0.01, 0.05) * waves
    fine = np.linspace(-0.3, 1.4, 256)
    table = levels[np.searchsorted(borders, fine)]
    table = cv2.GaussianBlur(table[None], (0, 0), log_uniform(rng, (0.6, 6)))[0]
    layered = table[np.clip((depth + 0.3) * (255 / 1.7), 0, 255).astype(np.int32)]
    streaks = smooth_noise(rng, shape, (side * rng.uniform(0.008, 0.02), side * rng.uniform(0.04, 0.15)))
    return plane(layered + rng.uniform(0.1, 0.4) * np.maximum(streaks, -0.5))


def speckle(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Plane:
    """Length of a blurred complex Gaussian over its mean, ``(H, W)``: the speckle of coherent waves."""
    width = scale * rng.uniform(1, 2.2)
    real, imaginary = (smooth_noise(rng, shape, (scale, width)) for _ in range(2))
    size = np.hypot(real, imaginary)
    return plane(size / size.mean())
