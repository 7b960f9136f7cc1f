"""Cell-like phantoms: many nuclei, bright on dark (fluorescence) or dark on bright (stained smear)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask, Plane
from msformer.phantoms.base import Layers, Phantom, check_choice, check_count, check_range, check_shape, to_uint8
from msformer.phantoms.shapes import grid, plane, radial_level, smooth_noise

NUCLEUS_DENSITY = np.array([1.15, 1.75, 0.55])
"""Optical density of the violet nuclear stain in red, green and blue."""
PLASMA_DENSITY = np.array([0.5, 0.38, 0.12])
"""The same of the blue cytoplasm around some nuclei."""
RED_CELL_DENSITY = np.array([0.12, 0.2, 0.26])
"""The same of pale red blood cells, the distractors of a smear."""


@dataclass(frozen=True)
class _Blob:
    window: tuple[slice, slice]
    inside: Mask
    share: Plane


def make_cells(
    *,
    seed: int,
    difficulty: float = 0.3,
    shape: tuple[int, int] = (256, 256),
    stain: Literal["fluorescence", "stained"] = "fluorescence",
    count: int | None = None,
    radius: float = 0.045,
    crowding: float | None = None,
    contrast: float | None = None,
    variation: float | None = None,
    debris: int | None = None,
    noise: float | None = None,
) -> Phantom:
    """Draw many nuclei; the truth is all of them together.

    With difficulty 0 to 1 the contrast falls from 1 to .2, the nuclei's differences in brightness rise from
    .05 to .5, debris from 0 to 30, noise from 1 to 9, and the focus softens from .6 to 2.2 px. The truth does not
    depend on the difficulty.

    Args:
        seed: Seed of every draw.
        difficulty: In [0, 1]; gives the defaults below their values.
        shape: Height and width, each at least 33 px.
        stain: Bright on dark and grey, or dark violet on bright and in colour.
        count: Number of nuclei, 0 to 400, as far as they find room; by default drawn from 15 to 40.
            The frame cuts some.
        radius: Mean radius as a share of the shorter side, in [.01, .2].
        crowding: 0 keeps nuclei apart, 1 lets them overlap by half; .3 by default.
        contrast: 1 for full stain, 0 for none; in [0, 1].
        variation: Deviation of the nuclei's brightness, relative, in [0, 1].
        debris: Objects that are not the truth, 0 to 400: nuclei out of focus, or pale red cells.
        noise: Standard deviation in grey values, in [0, 100].

    Returns:
        A phantom with an image, uint8: ``(H, W)`` for fluorescence, ``(H, W, 3)`` RGB for stained.

    Raises:
        ConfigError: An option is out of range.
    """
    layers = Layers("cells", seed, difficulty)
    shape = check_shape(shape)
    check_choice("stain", stain, ("fluorescence", "stained"))
    drawn = int(layers.rng("count").integers(15, 41))
    count = check_count("count", drawn if count is None else count, 400)
    radius = check_range("radius", radius, 0.01, 0.2) * min(shape)
    crowding = check_range("crowding", 0.3 if crowding is None else crowding, 0, 1)
    contrast = check_range("contrast", layers.between(1.0, 0.2) if contrast is None else contrast, 0, 1)
    variation = check_range("variation", layers.between(0.05, 0.5) if variation is None else variation, 0, 1)
    debris = check_count("debris", round(layers.between(0, 30)) if debris is None else debris, 400)
    noise = check_range("noise", layers.between(1, 9) if noise is None else noise, 0, 100)

    nuclei = _scatter(layers, "nuclei", shape, count, radius, 1 - 0.5 * crowding)
    others = _scatter(layers, "debris", shape, debris, 1.1 * radius, 0.8)
    mask = np.zeros(shape, dtype=bool)
    for nucleus in nuclei:
        mask[nucleus.window] |= nucleus.inside
    amount = _amount(layers, "stain", shape, nuclei, variation)
    blur = layers.between(0.6, 2.2) * min(shape) / 256
    if stain == "fluorescence":
        glow = cv2.GaussianBlur(_amount(layers, "glow", shape, others, 0.3), (0, 0), 0.5 * radius)
        haze = 1 + 0.2 * smooth_noise(layers.rng("haze"), shape, min(shape) / 4)
        grey = 12 * haze + 150 * contrast * (cv2.GaussianBlur(amount, (0, 0), blur) + 0.2 * glow)
        rng = layers.rng("noise")
        grain = rng.standard_normal(shape) * np.sqrt(0.4 + np.clip(grey, 0, None) / 100)  # photons: more in the bright
        return layers.phantom(to_uint8(grey + noise * grain), mask)
    density = contrast * amount[:, :, None] * NUCLEUS_DENSITY
    density += contrast * _plasma(layers, shape, nuclei, mask)[:, :, None] * PLASMA_DENSITY
    density += _amount(layers, "glow", shape, others, 0.2)[:, :, None] * RED_CELL_DENSITY * (~mask)[:, :, None]
    return layers.phantom(to_uint8(_lit(layers, density, blur, noise)), mask)


def _scatter(
    layers: Layers, layer: str, shape: tuple[int, int], count: int, radius: float, distance: float
) -> list[_Blob]:
    """Lay ``count`` irregular ellipses, centres at least ``distance`` diameters apart; fewer where room runs out."""
    rng = layers.rng(layer)
    centres: list[NDArray[np.float64]] = []
    radii: list[float] = []
    blobs: list[_Blob] = []
    for _ in range(20 * count):
        if len(blobs) == count:
            break
        centre, size = rng.uniform((0.0, 0.0), shape), radius * float(np.exp(rng.normal(0, 0.18)))
        reach = np.array(radii) + size
        if centres and (np.linalg.norm(np.array(centres) - centre, axis=1) < distance * 1.15 * reach).any():
            continue
        centres.append(centre)
        radii.append(size)
        blobs.append(_blob(rng, shape, (float(centre[0]), float(centre[1])), size))
    return blobs


def _blob(rng: np.random.Generator, shape: tuple[int, int], centre: tuple[float, float], size: float) -> _Blob:
    half = int(np.ceil(2.2 * size)) + 2
    top, left = max(int(centre[0]) - half, 0), max(int(centre[1]) - half, 0)
    window = slice(top, min(int(centre[0]) + half, shape[0])), slice(left, min(int(centre[1]) + half, shape[1]))
    level = radial_level(
        rng,
        (window[0].stop - top, window[1].stop - left),
        (centre[0] - top, centre[1] - left),
        elongation=float(rng.uniform(1.0, 1.5)),
        angle=float(rng.uniform(0, np.pi)),
        irregularity=0.12,
    )
    return _Blob(window, level < size, (0.5 + 0.5 * np.tanh((size - level) / 0.8)).astype(np.float32))


def _amount(layers: Layers, layer: str, shape: tuple[int, int], blobs: list[_Blob], variation: float) -> Plane:
    """Stain in every pixel: a level for each blob, and chromatin's grain; where blobs overlap the stronger shows."""
    rng = layers.rng(layer)
    grain = 1 + 0.1 * smooth_noise(rng, shape, min(shape) / 110) + 0.06 * smooth_noise(rng, shape, min(shape) / 40)
    amount = np.zeros(shape, dtype=np.float32)
    for blob in blobs:
        level = float(np.exp(variation * rng.normal() - variation**2 / 2))
        amount[blob.window] = np.maximum(amount[blob.window], level * blob.share)
    return plane(amount * grain)


def _plasma(layers: Layers, shape: tuple[int, int], nuclei: list[_Blob], mask: Mask) -> Plane:
    """Cytoplasm around about half of the nuclei, which lie off its centre."""
    rng = layers.rng("plasma")
    plasma = np.zeros(shape, dtype=np.float32)
    rows, columns = grid(shape)
    wobble = smooth_noise(rng, shape, min(shape) / 50)
    for nucleus in nuclei:
        wanted, offset = rng.uniform() < 0.5, rng.normal(0, 0.35, 2)
        if not wanted or not nucleus.inside.any():
            continue
        inside = np.argwhere(nucleus.inside)
        size = np.sqrt(len(inside) / np.pi)
        middle = inside.mean(0) + (nucleus.window[0].start, nucleus.window[1].start) + size * offset
        away = np.hypot(rows - middle[0], columns - middle[1])
        plasma = np.maximum(plasma, rng.uniform(0.4, 1) * (0.5 - 0.5 * np.tanh((away + wobble - 1.6 * size) / 1.5)))
    return plane(plasma * (1 + 0.1 * wobble) * ~mask)


def _lit(layers: Layers, density: NDArray[np.floating], blur: float, noise: float) -> NDArray[np.float64]:
    rng = layers.rng("light")
    shape = density.shape[0], density.shape[1]
    paper = np.array([216.0, 209, 214]) + rng.normal(0, 6) + rng.normal(0, 2, 3)
    stained = 0.015 * smooth_noise(rng, shape, min(shape) / 5) + 0.01 * smooth_noise(rng, shape, min(shape) / 40)
    light = paper * np.exp(-cv2.GaussianBlur(density, (0, 0), blur) - stained[:, :, None])
    return np.asarray(light + noise * layers.rng("noise").standard_normal(density.shape))
