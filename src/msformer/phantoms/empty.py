"""Scenes with no object in them: what must come out of them is an empty mask."""

from __future__ import annotations

from typing import Literal

import numpy as np

from msformer.image import Pixels
from msformer.phantoms.base import Layers, Phantom, check_choice, check_shape, to_uint8
from msformer.phantoms.dermoscopy import make_dermoscopy
from msformer.phantoms.shapes import smooth_noise
from msformer.phantoms.ultrasound import make_ultrasound


def make_empty(
    *,
    seed: int,
    difficulty: float = 0.3,
    shape: tuple[int, int] = (192, 256),
    scene: Literal["skin", "tissue", "noise", "blank"] = "skin",
) -> Phantom:
    """Draw a scene without an object.

    With difficulty 0 to 1 what could be taken for an object grows: hair, vignette, uneven light and ruler on skin;
    attenuation and speckle in tissue; wide blotches in noise, from 1 to 12 grey values. A blank scene does not change.

    Args:
        seed: Seed of every draw.
        difficulty: In [0, 1].
        shape: Height and width, each at least 33 px.
        scene: Skin as ``make_dermoscopy`` draws it, tissue as ``make_ultrasound`` does, noise on grey, or one
            grey value.

    Returns:
        A phantom whose mask is False everywhere; its image is RGB for skin and grey otherwise, uint8.

    Raises:
        ConfigError: An option is out of range.
    """
    layers = Layers("empty", seed, difficulty)
    shape = check_shape(shape)
    check_choice("scene", scene, ("skin", "tissue", "noise", "blank"))
    image: Pixels
    if scene == "skin":
        image = make_dermoscopy(seed=seed, difficulty=difficulty, shape=shape, n_lesions=0).image
    elif scene == "tissue":
        image = make_ultrasound(seed=seed, difficulty=difficulty, shape=shape, n_masses=0).image
    else:
        image = _grey(layers, shape, scene == "blank")
    return layers.phantom(image, np.zeros(shape, dtype=bool))


def _grey(layers: Layers, shape: tuple[int, int], blank: bool) -> Pixels:
    rng = layers.rng("grey")
    values = np.full(shape, rng.uniform(60, 200), dtype=np.float32)
    if not blank:
        values += layers.between(1, 12) * smooth_noise(rng, shape, min(shape) / 8)
        values += 8 * smooth_noise(rng, shape, 0.5)
    return to_uint8(values)
