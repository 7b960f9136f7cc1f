"""Where the lesions of a dermoscopy phantom lie, and the pigment in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ConfigError
from msformer.image import Mask, Plane
from msformer.phantoms.base import Layers, check_count, check_range
from msformer.phantoms.shapes import grid, lowest, plane, radial_level, smooth_noise, smoothstep, soft_edge

GAP = 0.03
"""Least width of the skin between two lesions, as a share of the shorter side."""
MELANIN = np.array([0.58, 1.0, 1.15])
"""Optical density of brown pigment in red, green and blue, relative to green."""
DEEP_MELANIN = np.array([0.95, 1.0, 0.8])
"""The same of pigment deep in the skin, which looks blue-grey."""
BLOOD_LOSS = np.array([0.93, 1.0, 1.02])
"""The same of what a lesion brighter than the skin lacks: pigment and blood alike."""


@dataclass(frozen=True)
class Outline:
    """The lesions' geometry: their mask and, inside, the share of the way from centre to outline."""

    mask: Mask
    depth: Plane


def place(
    layers: Layers,
    shape: tuple[int, int],
    n_lesions: int,
    share: float | None,
    centre: tuple[float, float] | None,
    irregularity: float,
) -> Outline:
    """Lay 0, 1 or 2 lesions that cover exactly ``share`` of the frame; the arguments are ``make_dermoscopy``'s.

    Raises:
        ConfigError: An argument is out of range, or two lesions do not fit.
    """
    rng = layers.rng("place")
    drawn_share, angle = float(rng.uniform(0.05, 0.35)), float(rng.uniform(0, 2 * np.pi))
    jitter = rng.uniform(-0.08, 0.08, 2)
    share = check_range("lesion_share", drawn_share if share is None else share, 0.02, 0.98)
    check_range("irregularity", irregularity, 0, 1)
    if check_count("n_lesions", n_lesions, 2) == 0:
        return Outline(np.zeros(shape, dtype=bool), np.ones(shape, dtype=np.float32))
    away = np.array([np.sin(angle), np.cos(angle)])
    if centre is not None:
        first = np.array([check_range("centre", value, 0, 1) for value in centre])
        if np.linalg.norm(first - 0.5) > 0.1:
            away = (0.5 - first) / np.linalg.norm(first - 0.5)
    else:
        first = np.array([0.5, 0.5]) + (jitter if n_lesions == 1 else -0.25 * away)
    level = _level(layers, shape, first, irregularity, 1)
    count = round(share * level.size)
    if n_lesions == 2:
        second = np.clip(first + 0.5 * away, 0, 1)
        other = _level(layers, shape, second, irregularity, 2) * rng.uniform(1.0, 1.5)
        # A straight border leaves each lesion star-shaped about its centre, hence in one piece.
        side = _bisector(shape, first, second)
        level = np.where(np.abs(side) <= GAP / 2 * min(shape), np.inf, np.where(side < 0, level, other))
        if count > (room := int(np.isfinite(level).sum())):
            raise ConfigError(f"lesion_share must be at most {room / level.size:.3f} for two lesions here, got {share}")
    mask = lowest(plane(level), count)
    return Outline(mask, plane(np.minimum(level / level[mask].max(), 2)))


def pigment(layers: Layers, outline: Outline, tones: int | None, edge: float, brighter: bool) -> NDArray[np.float32]:
    """How far optical density departs from the skin's, ``(H, W, 3)``, not signed; 1 on average in green over the mask.

    Args:
        layers: The phantom's generators.
        outline: Where the lesions lie.
        tones: 1 for one brown, 2 with a darker part, 3 with a blue-grey part too; None draws.
        edge: Width of the soft outline in px.
        brighter: Whether the colours are those of a lesion brighter than the skin.
    """
    rng = layers.rng("pigment")
    drawn = int(rng.integers(1, 4))
    tones = check_count("tones", drawn if tones is None else tones, 3, low=1)
    shape, side = outline.mask.shape, min(outline.mask.shape)
    coarse, fine = smooth_noise(rng, shape, side / 14), smooth_noise(rng, shape, side / 130)
    ragged = 0.35 * smooth_noise(rng, shape, side / 45)
    second, third = smooth_noise(rng, shape, side / 9), smooth_noise(rng, shape, side / 10)
    if not outline.mask.any():
        return np.zeros((*shape, 3), dtype=np.float32)
    dark = smoothstep(second + ragged - outline.depth + 0.4, -0.3, 0.3) if tones >= 2 else np.zeros(shape)
    deep = smoothstep(third + ragged - outline.depth, -0.3, 0.3) if tones == 3 else np.zeros(shape)
    strength = 1.2 - 0.3 * outline.depth**2 + 0.12 * coarse + 0.12 * fine + 0.15 * ragged
    strength = np.clip(strength, 0.3, None) * (1 + 0.9 * dark)
    shallow, below = (BLOOD_LOSS, 0.8 * BLOOD_LOSS + 0.2) if brighter else (MELANIN, DEEP_MELANIN)
    density = strength[:, :, None] * (shallow + deep[:, :, None] * (below - shallow))
    density = density * soft_edge(outline.mask, edge)[:, :, None]
    return plane(density / density[outline.mask][:, 1].mean())


def _level(
    layers: Layers, shape: tuple[int, int], centre: NDArray[np.floating], irregularity: float, number: int
) -> Plane:
    rng = layers.rng(f"outline {number}")
    point = centre * (np.array(shape) - 1)
    return radial_level(
        rng,
        shape,
        (float(point[0]), float(point[1])),
        elongation=float(rng.uniform(1.0, 1.6)),
        angle=float(rng.uniform(0, np.pi)),
        irregularity=irregularity,
    )


def _bisector(shape: tuple[int, int], first: NDArray[np.floating], second: NDArray[np.floating]) -> Plane:
    """Distance in px from the line midway between two points given in shares; negative on the first one's side."""
    scale = np.array(shape) - 1
    towards = (second - first) * scale / np.linalg.norm((second - first) * scale)
    middle = (first + second) / 2 * scale
    rows, columns = grid(shape)
    return plane((rows - middle[0]) * towards[0] + (columns - middle[1]) * towards[1])
