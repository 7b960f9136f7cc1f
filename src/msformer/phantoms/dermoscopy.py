"""Dermoscopy-like phantoms: a pigmented lesion on skin, with hair, vignette, uneven light and ruler marks.

Skin and lesion are drawn as optical density (−ln of reflectance), which is additive for pigment, and only then lit.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Plane
from msformer.phantoms import lesions
from msformer.phantoms.base import Layers, Phantom, check_choice, check_count, check_range, check_shape, to_uint8
from msformer.phantoms.shapes import bend, curves, grid, plane, smooth_noise, smoothstep

SKIN_TONES = np.array([(236, 204, 194), (214, 160, 142), (226, 184, 122), (208, 138, 92), (164, 116, 90)])
"""Mean colours of skin under a dermatoscope; each phantom mixes them."""
TANNED = 0.62
"""Brightness of the skin around a brighter lesion, so that the lesion has room up to white."""


def make_dermoscopy(
    *,
    seed: int,
    difficulty: float = 0.3,
    shape: tuple[int, int] = (192, 256),
    n_lesions: int = 1,
    lesion_share: float | None = None,
    polarity: Literal["darker", "brighter"] = "darker",
    centre: tuple[float, float] | None = None,
    tones: int | None = None,
    irregularity: float = 0.35,
    contrast: float | None = None,
    hair_count: int | None = None,
    vignette: float | None = None,
    unevenness: float | None = None,
    ruler: bool | None = None,
    noise: float | None = None,
) -> Phantom:
    """Draw a lesion on skin.

    With difficulty 0 to 1 the contrast falls from 1 to .2 and the lesion's edge blurs from 1 to 5 px; hair rises from
    0 to 40, vignette and unevenness from 0 to 1, noise from 1.5 to 9; from .6 on there is a ruler. The truth does not
    depend on the difficulty.

    Args:
        seed: Seed of every draw.
        difficulty: In [0, 1]; gives the defaults below their values.
        shape: Height and width, each at least 33 px.
        n_lesions: 0, 1 or 2.
        lesion_share: Share of the frame that all lesions cover together, in [.02, .98], met to the pixel; by default
            drawn from .05 to .35. Two lesions stay apart, which limits them to about .9.
        polarity: Whether the lesion is darker or brighter than the skin.
        centre: Centre of the (first) lesion as shares of height and width, each in [0, 1]; 0 and 1 are the
            borders, which then cut the lesion. By default near the middle. A second lesion lies across the middle.
        tones: 1 to 3 colours in the lesion; by default drawn.
        irregularity: 0 for an ellipse, 1 for deep bays.
        contrast: Mean optical density of the lesion over the skin, in [0, 2]; half of it where brighter.
        hair_count: Number of hairs, 0 to 500.
        vignette: 0 for none, 1 for black corners outside of a round field.
        unevenness: 0 for even light, 1 for light that falls by a half across the frame.
        ruler: Whether a ruler's marks run along one border.
        noise: Standard deviation in grey values, in [0, 100].

    Returns:
        A phantom with an image ``(H, W, 3)``, RGB, uint8.

    Raises:
        ConfigError: An option is out of range, or two lesions do not fit.
    """
    layers = Layers("dermoscopy", seed, difficulty)
    shape = check_shape(shape)
    brighter = check_choice("polarity", polarity, ("darker", "brighter")) == "brighter"
    contrast = check_range("contrast", layers.between(1.0, 0.2) if contrast is None else contrast, 0, 2)
    hair_count = check_count("hair_count", round(layers.between(0, 40)) if hair_count is None else hair_count, 500)
    vignette = check_range("vignette", difficulty if vignette is None else vignette, 0, 1)
    unevenness = check_range("unevenness", difficulty if unevenness is None else unevenness, 0, 1)
    noise = check_range("noise", layers.between(1.5, 9) if noise is None else noise, 0, 100)
    outline = lesions.place(layers, shape, n_lesions, lesion_share, centre, irregularity)
    pigment = lesions.pigment(layers, outline, tones, layers.between(1, 5) * min(shape) / 192, brighter)

    density = _skin(layers, shape, TANNED if brighter else 1.0)
    density += pigment * (-0.5 * contrast if brighter else contrast)
    reflectance = np.exp(-density)
    reflectance = _draw_over(reflectance, _hair(layers, shape, hair_count), (0.16, 0.11, 0.09), 0.85)
    if ruler if ruler is not None else difficulty >= 0.6:
        reflectance = _draw_over(reflectance, _ruler(layers, shape), (0.08, 0.08, 0.1), 0.9)
    grey = 255 * reflectance * (_light(layers, shape, unevenness) * _vignette(shape, vignette))[:, :, None]
    rng = layers.rng("noise")
    shared, own = rng.standard_normal((*shape, 1)), rng.standard_normal((*shape, 3))
    return layers.phantom(to_uint8(grey + noise * (0.8 * shared + 0.6 * own)), outline.mask)


def _skin(layers: Layers, shape: tuple[int, int], brightness: float) -> NDArray[np.float32]:
    rng = layers.rng("skin")
    colour = rng.dirichlet(np.full(len(SKIN_TONES), 0.6)) @ SKIN_TONES / 255 * brightness
    side = min(shape)
    blood = 0.035 * smooth_noise(rng, shape, side / 5) + 0.02 * smooth_noise(rng, shape, side / 24)
    pores = 0.012 * smooth_noise(rng, shape, side / 150)
    absorption = np.array([0.45, 1.0, 0.95])
    return plane(-np.log(colour) + (blood + pores)[:, :, None] * absorption)


def _hair(layers: Layers, shape: tuple[int, int], count: int) -> Plane:
    rng = layers.rng("hair")
    side = min(shape)
    comb = rng.uniform(0, np.pi)  # hairs of one place grow in about one direction
    paths = []
    for _ in range(count):
        middle = rng.uniform((0.0, 0.0), shape)
        angle = comb + rng.normal(0, 0.5)
        half = rng.uniform(0.2, 0.6) * side * np.array([np.sin(angle), np.cos(angle)])
        start, end = middle - half, middle + half
        path = bend((start[0], start[1]), (end[0], end[1]), rng.normal(0, 0.1))
        paths.append((path, max(1, round(rng.uniform(0.5, 1.7) * side / 192))))
    return curves(shape, paths)


def _ruler(layers: Layers, shape: tuple[int, int]) -> Plane:
    rng = layers.rng("ruler")
    border = int(rng.integers(4))
    length = shape[1] if border < 2 else shape[0]
    step, inset = max(4.0, min(shape) / rng.uniform(22, 34)), 0.02 * min(shape)
    paths = []
    for number, place in enumerate(np.arange(rng.uniform(1, step), length, step)):
        depth = (0.075 if number % 10 == 0 else 0.055 if number % 5 == 0 else 0.035) * min(shape)
        mark = np.array([(inset, place), (inset + depth, place)])
        if border % 2:
            mark[:, 0] = (shape[0] if border < 2 else shape[1]) - 1 - mark[:, 0]
        paths.append((mark if border < 2 else mark[:, ::-1], max(1, round(min(shape) / 192))))
    return curves(shape, paths)


def _light(layers: Layers, shape: tuple[int, int], unevenness: float) -> Plane:
    rng = layers.rng("light")
    rows, columns = grid(shape)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.sin(angle) * (rows / (shape[0] - 1) - 0.5) + np.cos(angle) * (columns / (shape[1] - 1) - 0.5)
    slope = slope + 0.15 * smooth_noise(rng, shape, min(shape) / 2)
    slope = (slope - slope.min()) / (slope.max() - slope.min())
    return plane(1 - 0.5 * unevenness * slope)


def _vignette(shape: tuple[int, int], strength: float) -> Plane:
    rows, columns = grid(shape)
    radius = np.hypot(rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2)
    radius /= np.hypot(shape[0] - 1, shape[1] - 1) / 2
    edge = 1.05 - 0.22 * strength
    field = 1 - 0.97 * min(1.0, 1.4 * strength) * smoothstep(radius, edge - 0.16, edge + 0.02)
    return plane(field * (1 - 0.25 * strength * radius**2))


def _draw_over(
    reflectance: NDArray[np.floating], cover: Plane, colour: tuple[float, float, float], opacity: float
) -> NDArray[np.float32]:
    share = opacity * cv2.GaussianBlur(cover, (0, 0), 0.5)[:, :, None]
    return plane(reflectance * (1 - share) + share * np.array(colour))
