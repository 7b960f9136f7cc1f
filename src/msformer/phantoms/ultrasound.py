"""Ultrasound-like phantoms: a dark mass in layered tissue under speckle, with attenuation by depth.

Tissue is drawn as echo strength in decibels; speckle multiplies its amplitude, and the log compression of the scanner
makes grey values again (Goodman's fully developed speckle: a blurred complex Gaussian field).
"""

from __future__ import annotations

import cv2
import numpy as np

from msformer.image import Mask, Plane
from msformer.phantoms.base import Layers, Phantom, check_count, check_range, check_shape, to_uint8
from msformer.phantoms.shapes import grid, lowest, plane, radial_level, smooth_noise, soft_edge

DYNAMIC_RANGE_DB = 60.0
"""Decibels from black to white."""
TISSUE_DB = (-14.0, -29.0, -20.0, -29.0)
"""Mean echo of skin, fat, gland and muscle, from the top."""


def make_ultrasound(
    *,
    seed: int,
    difficulty: float = 0.3,
    shape: tuple[int, int] = (192, 256),
    n_masses: int = 1,
    mass_share: float | None = None,
    centre: tuple[float, float] | None = None,
    irregularity: float | None = None,
    contrast_db: float | None = None,
    attenuation_db: float | None = None,
    shadow_db: float | None = None,
    speckle: float | None = None,
) -> Phantom:
    """Draw a dark mass in layered tissue; the truth is the mass, not its shadow.

    With difficulty 0 to 1 the contrast falls from 22 to 6 dB, attenuation rises from 4 to 18 dB, speckle from .35 to 1,
    and what lies behind the mass goes from 6 dB brighter to 12 dB darker. The truth does not depend on the difficulty.

    Args:
        seed: Seed of every draw.
        difficulty: In [0, 1]; gives the defaults below their values.
        shape: Height and width, each at least 33 px; the probe is at the top.
        n_masses: 0 or 1.
        mass_share: Share of the frame that the mass covers, in [.01, .6], met to the pixel; by default
            drawn from .04 to .2.
        centre: Centre of the mass as shares of height and width, each in [0, 1]; by default near the middle.
        irregularity: 0 for an ellipse, as cysts are, 1 for deep bays; by default drawn from .1 to .6.
        contrast_db: How much weaker the mass echoes than the tissue in its place, in [0, 40] dB on average.
        attenuation_db: Loss from top to bottom, in [0, 60] dB.
        shadow_db: Loss behind the mass, in [-20, 30] dB; negative where it is a cyst, behind which it is brighter.
        speckle: 0 for none, 1 for fully developed speckle.

    Returns:
        A phantom with an image ``(H, W)``, uint8.

    Raises:
        ConfigError: An option is out of range.
    """
    layers = Layers("ultrasound", seed, difficulty)
    shape = check_shape(shape)
    contrast_db = check_range("contrast_db", layers.between(22, 6) if contrast_db is None else contrast_db, 0, 40)
    attenuation_db = layers.between(4, 18) if attenuation_db is None else attenuation_db
    check_range("attenuation_db", attenuation_db, 0, 60)
    shadow_db = check_range("shadow_db", layers.between(-6, 12) if shadow_db is None else shadow_db, -20, 30)
    speckle = check_range("speckle", layers.between(0.35, 1) if speckle is None else speckle, 0, 1)
    mask = _mass(layers, shape, n_masses, mass_share, centre, irregularity)

    depth = grid(shape)[0] / (shape[0] - 1)
    echo = _tissue(layers, shape)
    if mask.any():
        within = echo[mask].mean() - contrast_db + 1.5 * smooth_noise(layers.rng("inside"), shape, min(shape) / 20)
        echo += soft_edge(mask, layers.between(1, 3) * min(shape) / 192) * (within - echo)
    echo -= shadow_db * _behind(mask)
    echo -= attenuation_db * depth
    echo += speckle * _speckle_db(layers, shape)
    return layers.phantom(to_uint8(255 * (1 + echo / DYNAMIC_RANGE_DB)), mask)


def _mass(
    layers: Layers,
    shape: tuple[int, int],
    n_masses: int,
    share: float | None,
    centre: tuple[float, float] | None,
    irregularity: float | None,
) -> Mask:
    rng = layers.rng("mass")
    drawn_share, drawn_irregularity = float(rng.uniform(0.04, 0.2)), float(rng.uniform(0.1, 0.6))
    drawn_centre = (rng.uniform(0.4, 0.55), rng.uniform(0.35, 0.65))
    share = check_range("mass_share", drawn_share if share is None else share, 0.01, 0.6)
    irregularity = drawn_irregularity if irregularity is None else irregularity
    check_range("irregularity", irregularity, 0, 1)
    row, column = (check_range("centre", value, 0, 1) for value in (drawn_centre if centre is None else centre))
    if check_count("n_masses", n_masses, 1) == 0:
        return np.zeros(shape, dtype=bool)
    level = radial_level(
        rng,
        shape,
        (row * (shape[0] - 1), column * (shape[1] - 1)),
        elongation=float(rng.uniform(1.1, 1.8)),
        angle=float(rng.normal(0, 0.35)),  # most masses lie flat
        irregularity=irregularity,
    )
    return lowest(level, round(share * level.size))


def _tissue(layers: Layers, shape: tuple[int, int]) -> Plane:
    """Echo in dB of wavy layers, with fibres along them."""
    rng = layers.rng("tissue")
    depth = grid(shape)[0] / (shape[0] - 1)
    echo = np.full(shape, TISSUE_DB[0], dtype=np.float32)
    for border, level in zip((0.06, rng.uniform(0.2, 0.32), rng.uniform(0.66, 0.8)), TISSUE_DB[1:], strict=True):
        wave = 0.025 * smooth_noise(rng, shape, (shape[0] / 8, shape[1] / 8))
        below = 0.5 + 0.5 * np.tanh((depth + wave - border) / 0.012)
        interface = np.exp(-(((depth + wave - border) / 0.012) ** 2))
        echo += below * (level - echo) + 7 * interface
    fibres = smooth_noise(rng, shape, (shape[0] / 130, shape[1] / 16))
    patches = smooth_noise(rng, shape, (shape[0] / 40, shape[1] / 20))
    septa = np.exp(-((smooth_noise(rng, shape, (shape[0] / 40, shape[1] / 22)) / 0.15) ** 2))
    return plane(echo + 2 * np.clip(fibres, -1, 3) + 2.5 * patches + 5 * septa - 1)


def _behind(mask: Mask) -> Plane:
    """How far each pixel lies in the shadow of the mass, in [0, 1]: thick parts cast more of it."""
    above = np.cumsum(mask, axis=0, dtype=np.float32)
    thickness = above / max(float(above.max()), 1.0)
    shadow = np.where(mask, 0, np.sqrt(thickness)).astype(np.float32)
    return plane(cv2.GaussianBlur(shadow, (0, 0), mask.shape[1] / 100) * ~mask)


def _speckle_db(layers: Layers, shape: tuple[int, int]) -> Plane:
    """Fully developed speckle in dB around 0; its grain is wider than high and widens with depth."""
    rng = layers.rng("speckle")
    waves = rng.standard_normal((2, *shape), dtype=np.float32)
    grains = []
    for along in (0.9, 1.8):
        parts = [cv2.GaussianBlur(wave, (0, 0), along * shape[1] / 256, sigmaY=0.65 * shape[0] / 192) for wave in waves]
        amplitude = np.hypot(parts[0], parts[1])
        grains.append(20 * np.log10(np.maximum(amplitude / np.sqrt((amplitude**2).mean()), 0.03)))
    depth = grid(shape)[0] / (shape[0] - 1)
    return plane(grains[0] + depth * (grains[1] - grains[0]))
