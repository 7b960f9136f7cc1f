"""What light and waves do to the drawn scene. Images ``(H, W, C)`` in about [0, 1], changed in place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask, Plane
from msformer.phantoms.shapes import plane, smooth_noise
from msformer.scenes.draws import Draws, log_uniform
from msformer.scenes.looks import Palette
from msformer.scenes.texture import speckle

Pixels = NDArray[np.float32]


_DARKEST = 0.2  # grey value that the brightest parts of a picture have at least


def echo_factor(draws: Draws) -> float:
    """What the chances of layers, attenuation, speckle and shadows are multiplied by."""
    return 1.0 if draws.happens("echo") else draws.options.beyond_echo


def waves(draws: Draws, image: Pixels, objects: Mask, palette: Palette) -> None:
    """Shadows, attenuation and speckle."""
    shape = image.shape[:2]
    factor = echo_factor(draws)
    rng = draws.rng("waves")
    if draws.happens("shadows", factor):
        image *= _shadow(draws.rng("shadows"), objects)[..., None]
    if draws.happens("attenuation", factor):
        depth = np.linspace(0, 1, shape[0], dtype=np.float32) ** rng.uniform(0.7, 2)
        near = rng.uniform(0.6, 1)  # the strip below the probe may be dark too
        image *= (np.exp(-rng.uniform(0.4, 2.2) * depth) * np.where(depth < 0.05, near, 1))[:, None, None]
    if draws.happens("speckle", factor):
        grain = speckle(draws.rng("speckle"), shape, log_uniform(rng, (0.5, 2.0)) * max(palette.unit, 0.7))
        share = rng.uniform(0.15, 0.8)
        share = min(share, max(1.6 * palette.salience / max(float(palette.ground.mean()), 0.05), 0.15))
        image *= (1 - share + share * grain)[..., None]


def _shadow(rng: np.random.Generator, objects: Mask) -> Plane:
    """Factor of the columns below the objects, or below nothing, ``(H, W)``."""
    caster = objects
    height, width = objects.shape
    if rng.random() < 0.3 or not objects.any():
        caster = np.zeros_like(objects)
        left = int(rng.integers(width))
        caster[int(rng.uniform(0, 0.2) * height), left : left + max(3, int(rng.uniform(0.05, 0.3) * width))] = True
    below = plane(np.maximum.accumulate(caster, axis=0) & ~caster)
    below = plane(cv2.GaussianBlur(below, (0, 0), width * rng.uniform(0.01, 0.05), sigmaY=height * 0.01))
    below[caster & objects] = 0
    fade = np.linspace(1, rng.uniform(0.4, 1), height, dtype=np.float32)[:, None]
    strength = rng.uniform(-0.6, -0.2) if rng.random() < 0.25 else rng.uniform(0.25, 0.9)
    return plane(1 - strength * below * fade)


def shade(draws: Draws, image: Pixels) -> None:
    """Slow changes of light, and less of it towards the corners."""
    shape = image.shape[:2]
    if draws.happens("shading"):
        rng = draws.rng("shading")
        field = smooth_noise(rng, shape, min(shape) * log_uniform(rng, (0.15, 0.6)))
        slope = rng.uniform(-1, 1) * np.linspace(-1, 1, shape[1], dtype=np.float32)
        field = field + slope + rng.uniform(-1, 1) * np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
        image *= (1 + rng.uniform(0.02, 0.22) * np.clip(field, -2.5, 2.5))[..., None]
    if draws.happens("vignette"):
        rng = draws.rng("vignette")
        middle = rng.uniform(0.4, 0.6, 2)
        rows = (np.linspace(0, 1, shape[0], dtype=np.float32) - middle[0])[:, None]
        columns = np.linspace(0, 1, shape[1], dtype=np.float32) - middle[1]
        radius = np.sqrt(2 * (rows**2 + columns**2))
        image *= (1 - rng.uniform(0.2, 0.9) * np.clip(radius, 0, 1.2) ** rng.uniform(2, 5))[..., None].clip(0)


def exposed(image: Pixels) -> None:
    """Darken what would be too bright to see anything in, and brighten what is black, as a camera does by itself."""
    peak = float(np.quantile(image[::3, ::3], 0.97))
    if not _DARKEST < peak < 1:
        image *= np.clip(peak, _DARKEST, 1) / max(peak, 0.02)
