"""Colours of the ground, and how the things of a kind look."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msformer.scenes.draws import Draws
from msformer.scenes.further import further_level, with_further_look
from msformer.scenes.outlines import Outline, outline
from msformer.scenes.paint import Colour, Look
from msformer.scenes.texture import texture

TYPES = ("single", "pair", "many", "nothing")
"""Types of scenes, by the options that are their weights."""
_LOUDEST = 0.45  # deviation of a texture over the salience of the objects: they are to be seen
_WARM = np.array([0.8, -0.25, -0.55])  # red over blue: skin, mucosa, retina, stained tissue
_COOL = np.array([0.41, -0.82, 0.41])  # magenta over green


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours that a scene's looks are made from.

    Attributes:
        channels: 1 or 3; a further one is not counted.
        ground: Colour of the ground that the objects lie on.
        contrast: Grey value between objects and ground, with its sign.
        salience: By how much objects stand out, in grey and colour together; nothing else is to stand out more.
        scales: Range of scales of textures in px.
        unit: What a px of 128 is in px.
        further: Grey value of that ground in a further channel, None where there is none.
    """

    channels: int
    ground: Colour
    contrast: float
    salience: float
    scales: tuple[float, float]
    unit: float
    further: float | None = None


def make_palette(draws: Draws, unit: float) -> Palette:
    """Draw the ground's colour such that the objects' fits in the range of grey values."""
    rng = draws.rng("palette")
    echo = draws.happens("echo")
    channels = 1 if draws.happens("grey", 1.8 if echo else 1.0) else 3  # waves have no colour
    sign = 1 if draws.happens("bright") else -1
    contrast = sign * max(draws.scale("contrast"), min(_least_contrast(draws), draws.options.contrast[1]))
    draws.properties["contrast"] = abs(contrast)
    low, high = max(0.03, 0.03 - contrast), min(0.97, 0.97 - contrast)
    level = rng.uniform(low, high)
    if draws.happens("extreme_ground"):
        level = low + 0.04 * rng.random() if sign > 0 else high - 0.04 * rng.random()
    if echo:  # speckle of a bright ground would be cut off at white
        level = max(low, min(level, rng.uniform(0.15, 0.5)))
    tint = draws.number("saturation") * hue(rng, channels)
    salience = abs(contrast) + (draws.number("colour") if channels == 3 else 0.0)
    if _texture_only(draws):
        salience = 0.05
    low, high = draws.options.texture_scale
    scales = low * max(unit, 0.6), high * max(unit, 0.6)
    further = further_level(draws, channels)
    return Palette(channels, as_colour(level * (1 + tint)), contrast, salience, scales, unit, further)


def _least_contrast(draws: Draws) -> float:
    """What small objects, and objects in speckle, need to be seen at all."""
    return 0.08 + 0.08 * _small(draws) + 0.06 * draws.happens("echo")


def _texture_only(draws: Draws) -> bool:
    """Whether only texture tells the objects; small ones have no room for one."""
    return draws.happens("texture_only", 0.0 if _small(draws) else 1.0)


def _small(draws: Draws) -> bool:
    return draws.among(TYPES) == "many" or draws.scale("radius") < 0.1


def hue(rng: np.random.Generator, channels: int) -> NDArray[np.float64]:
    """A random direction of colour with no grey in it, more often warm; 0 for one channel."""
    if channels == 1:
        return np.zeros(1)
    share = rng.random()
    vector = rng.normal(0, 0.35 if share < 0.75 else 1, 3)
    vector += _WARM if share < 0.5 else _COOL if share < 0.75 else 0
    vector -= vector.mean()
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6))


def as_colour(values: NDArray[np.floating]) -> Colour:
    """Values as a colour."""
    return np.asarray(values, dtype=np.float32)


def field(
    draws: Draws, layer: str, option: str, palette: Palette, shape: tuple[int, int], factor: float = 1.0
) -> NDArray[np.float32] | None:
    """A coloured texture ``(H, W, C)`` whose deviation is the option's times ``factor``; None without deviation."""
    rng = draws.rng(layer)
    low, high = getattr(draws.options, option)
    deviation = factor * (low + (high - low) * rng.random() ** 1.5)
    deviation = min(deviation, max(_LOUDEST * palette.salience, 0.03))
    draws.properties.setdefault(option, deviation)
    if deviation <= 0:
        return None
    directional = rng.random() < draws.options.directional
    plane = texture(rng, shape, palette.scales, directional=directional)
    tone = 1 + 0.5 * rng.random() * hue(rng, palette.channels)
    return np.asarray(plane[..., None] * (deviation * tone), dtype=np.float32)


def object_look(draws: Draws, palette: Palette, kind: int, shape: tuple[int, int], radius: float) -> Look:
    """The look of the scene's objects, the smallest of which has a ``radius`` in px."""
    rng = draws.rng("look")
    low, high = palette.scales  # what is wider than an object is no texture of it, but hides its contrast
    palette = replace(palette, scales=(low, max(low, min(high, 0.7 * radius))))
    offset = palette.contrast + draws.number("colour") * hue(rng, palette.channels)
    see_through, only = draws.happens("see_through"), _texture_only(draws)
    ground = palette.ground
    textured = field(draws, "object texture", "object_texture", palette, shape)
    graded, parted = draws.happens("grading"), draws.happens("parts")
    room = abs(palette.contrast) * (0 if only else 1)
    part = str(rng.choice(["core", "core", "rim", "spots"]))
    strength = room * rng.uniform(-0.5, 0.9) + 0.03
    part_colour = as_colour(strength + draws.properties["colour"] * rng.random() * hue(rng, palette.channels))
    if only:
        # Without a difference in grey or colour, the texture must be seen: strong, and of its own scale.
        scale = palette.scales[1] ** rng.random() * palette.scales[0] ** rng.random()
        plane = texture(rng, shape, (palette.scales[0], max(scale, palette.scales[0])), directional=rng.random() < 0.5)
        textured = np.repeat(plane[..., None], palette.channels, axis=2) * np.float32(rng.uniform(0.06, 0.14))
        see_through, parted, offset = False, False, 0 * offset
    look = Look(
        kind=kind,
        colour=as_colour(offset if see_through else ground + offset),
        see_through=see_through,
        texture=textured,
        border=min(draws.scale("border") * palette.unit, 0.35 * radius),
        uneven=rng.uniform(0.5, 2) if draws.happens("uneven_border") else 0.0,
        grading=room * rng.uniform(-0.3, 0.5) if graded else 0.0,
        slant=room * rng.uniform(0, 0.4) if graded else 0.0,
        jitter=rng.uniform(0, 0.2),
        contrast=0.0 if only else palette.contrast,
        part=part if parted else "none",
        part_colour=part_colour,
        part_size=rng.uniform(0.75, 0.92) if part == "rim" else rng.uniform(0.3, 0.65),
    )
    return with_further_look(draws, "look", look, ground, palette.further)


def other_look(
    draws: Draws, palette: Palette, kind: int, shape: tuple[int, int], layer: str, strength: tuple[float, float]
) -> Look:
    """The look of things that are no objects: they stand out ``strength`` times as much, in grey or colour."""
    rng = draws.rng(layer)
    salience = palette.salience * rng.uniform(*strength)
    coloured = 0.7 * rng.random() if palette.channels == 3 and draws.options.colour[1] > 0 else 0.0
    contrast = salience * (1 - coloured) * rng.choice([-1, 1])
    if not 0 < palette.ground.mean() + contrast < 1:
        contrast = -contrast
    offset = contrast + salience * coloured * hue(rng, palette.channels)
    textured = rng.random() < 0.6
    see_through = bool(rng.random() < draws.options.see_through)
    look = Look(
        kind=kind,
        colour=as_colour(offset if see_through else palette.ground + offset),
        see_through=see_through,
        texture=field(draws, layer + " texture", "object_texture", palette, shape, 0.8) if textured else None,
        border=_between(draws.options.border, rng.random() ** 2) * palette.unit,
        jitter=rng.uniform(0, 0.3),
        contrast=contrast,
        grading=contrast * rng.uniform(-0.5, 0.5) if rng.random() < draws.options.grading else 0.0,
        opacity=rng.uniform(0.6, 1),
    )
    return with_further_look(draws, layer, look, palette.ground, palette.further)


def outlines(draws: Draws, layer: str, count: int) -> list[Outline]:
    """``count`` outlines of one family, as the things of one kind have."""
    rng, options = draws.rng(layer), draws.options
    share = rng.random()
    family = "polygon" if share < options.polygon else "blob" if share < options.polygon + options.blob else "waves"
    irregularity = _between(options.irregularity, rng.random() ** 1.3)
    result = []
    for _ in range(count):
        elongation = _between(options.elongation, rng.random() ** 1.8)
        result.append(outline(rng, family, irregularity * rng.uniform(0.7, 1), elongation))
    return result


def _between(span: tuple[float, float], share: float) -> float:
    return span[0] + (span[1] - span[0]) * share
