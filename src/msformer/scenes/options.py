"""What of a scene is random, and how widely: one field a property, so that studies can take each out alone."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeAlias

from msformer.errors import ConfigError
from msformer.phantoms.base import check_range

Range: TypeAlias = tuple[float, float]
"""Lowest and highest value of a draw."""


def _chance(default: float, meaning: str) -> float:
    return field(default=default, metadata={"limits": (0.0, 1.0), "meaning": meaning})


def _range(low: float, high: float, limits: Range, meaning: str) -> Range:
    return field(default=(low, high), metadata={"limits": limits, "meaning": meaning})


@dataclass(frozen=True)
class SceneOptions:
    """Chances in [0, 1] and ranges (lowest, highest) of every property of a scene.

    A property never takes a draw of another: two scenes of one seed whose options differ in one field differ in what
    this field says. Grey values are in [0, 1]. Lengths in "px of 128" grow with the scene's shorter side. The meaning
    and limits of each field are its metadata; ``docs/scenes.md`` has the table.

    Raises:
        ConfigError: A value is outside its limits, a range runs backwards, or no type of scene has a weight.
    """

    # What there is to point at.
    single: float = _chance(0.60, "weight of scenes with one main object")
    pair: float = _chance(0.10, "weight of scenes with two similar objects")
    many: float = _chance(0.25, "weight of scenes with many objects of one kind")
    nothing: float = _chance(0.05, "weight of scenes without an object")
    radius: tuple[float, float] = _range(
        0.04, 0.45, (0.01, 0.5), "radius of a main object over the shorter side, log-uniform"
    )
    off_centre: float = _chance(0.25, "a main object lies anywhere instead of near the middle")
    cut: float = _chance(0.10, "a main object is cut by the frame")
    count: tuple[float, float] = _range(4, 60, (2, 200), "objects in a scene with many, log-uniform")
    fill: tuple[float, float] = _range(
        0.04, 0.55, (0.01, 0.9), "share of the picture that many objects would cover, none overlapping"
    )
    touching: float = _chance(0.45, "many objects may touch and overlap")
    clustered: float = _chance(0.25, "many objects lie in clusters")
    # Shape.
    irregularity: tuple[float, float] = _range(0.0, 1.0, (0.0, 1.0), "0: ellipses; 1: outlines with deep bays")
    elongation: tuple[float, float] = _range(1.0, 2.6, (1.0, 6.0), "long over short axis")
    polygon: float = _chance(0.10, "outlines are rounded polygons")
    blob: float = _chance(0.20, "outlines are level sets of noise")
    # Look of the objects.
    grey: float = _chance(0.45, "the picture is grey: one channel; 1.8 times as likely in an echo")
    bright: float = _chance(0.45, "objects are brighter than their ground, else darker")
    contrast: tuple[float, float] = _range(0.08, 0.65, (0.0, 0.9), "grey value between object and ground, log-uniform")
    colour: tuple[float, float] = _range(0.0, 0.3, (0.0, 1.0), "colour between object and ground, beside grey")
    saturation: tuple[float, float] = _range(0.0, 0.8, (0.0, 1.0), "colour of the ground")
    texture_only: float = _chance(
        0.06, "only scale or direction of texture tell the object from its ground, unless it is small"
    )
    border: tuple[float, float] = _range(
        0.25, 4.0, (0.0, 20.0), "half width of soft borders, px of 128, log-uniform; 0 is sharp"
    )
    uneven_border: float = _chance(0.4, "borders are soft on one side and sharp on the other")
    see_through: float = _chance(0.35, "the ground's texture goes on inside the objects of a kind")
    grading: float = _chance(0.35, "objects are shaded from their middle outwards or from one side")
    parts: float = _chance(0.35, "objects have a core, a rim or spots of another colour")
    # Ground and texture.
    extreme_ground: float = _chance(0.3, "the ground is almost black or almost white")
    ground_texture: tuple[float, float] = _range(0.0, 0.09, (0.0, 0.5), "deviation of the ground's texture")
    object_texture: tuple[float, float] = _range(0.0, 0.09, (0.0, 0.5), "deviation of the objects' texture")
    texture_scale: tuple[float, float] = _range(0.7, 14.0, (0.5, 64.0), "scale of textures, px of 128, log-uniform")
    directional: float = _chance(0.3, "a texture has a direction")
    patches: float = _chance(0.35, "the ground has large regions of different grey")
    shading: float = _chance(0.6, "light changes slowly over the picture")
    vignette: float = _chance(0.2, "light falls towards the corners")
    # Things that are not the target.
    distractors: tuple[float, float] = _range(0, 9, (0, 100), "smaller or fainter things of other kinds")
    frame_things: float = _chance(0.2, "a large thing is cut by the frame")
    crowd: float = _chance(0.1, "a single object lies among a crowd of fainter things of another kind")
    tubes: float = _chance(0.35, "dark or bright curves of varying width, as vessels, ribs, folds")
    crossing: float = _chance(0.4, "tubes go over the objects, else under")
    rings: float = _chance(0.12, "closed curves")
    container: float = _chance(0.28, "everything lies in a large body on another ground")
    skin: float = _chance(0.4, "that body has an outermost layer of another grey")
    # Echo: what goes together in ultrasound.
    echo: float = _chance(0.17, "the scene is an echo: the four properties below are as likely as they say")
    beyond_echo: float = _chance(0.12, "by what the chance of these four is multiplied in other scenes")
    bands: float = _chance(0.75, "horizontal layers")
    attenuation: float = _chance(0.6, "light falls with depth")
    speckle: float = _chance(0.85, "multiplicative speckle")
    shadows: float = _chance(0.6, "dark or bright columns below objects")
    # What a camera adds.
    hair: float = _chance(0.10, "thin dark or bright hairs")
    specular: float = _chance(0.12, "saturated spots")
    blur: float = _chance(0.5, "the picture is blurred")
    low_resolution: float = _chance(0.18, "the picture is taken at a low resolution and enlarged")
    noise: tuple[float, float] = _range(0.0, 0.07, (0.0, 0.5), "deviation of additive noise, most often small")
    gamma: tuple[float, float] = _range(0.6, 1.7, (0.2, 5.0), "exponent of the tone curve, log-uniform")
    dim: float = _chance(0.10, "grey values take only a part of their range")
    jpeg: float = _chance(0.4, "JPEG compression")
    # What is laid over it; these pixels are not valid.
    padding: float = _chance(0.2, "uniform borders on any sides")
    aperture: float = _chance(0.12, "a round aperture")
    stickers: float = _chance(0.06, "coloured discs or boxes at the frame")
    rulers: float = _chance(0.07, "a line with ticks")
    words: float = _chance(0.13, "words")
    calipers: float = _chance(0.06, "small crosses around the object")
    # Last, since each option's number is drawn in this order: scenes of a seed stay what they were before.
    two_channels: float = _chance(
        0.0, "a grey picture has a second channel, in which each kind of things has another contrast"
    )
    four_channels: float = _chance(
        0.0, "a picture in colour has a fourth channel, in which each kind of things has another contrast"
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value, limits = getattr(self, one.name), one.metadata["limits"]
            if isinstance(one.default, tuple):
                if not isinstance(value, tuple) or len(value) != 2:
                    raise ConfigError(f"{one.name} must be (lowest, highest), got {value}")
                for end in value:
                    check_range(one.name, end, *limits)
                if value[0] > value[1]:
                    raise ConfigError(f"{one.name} must not run backwards, got {value}")
            else:
                check_range(one.name, value, *limits)
        if not self.single + self.pair + self.many + self.nothing > 0:
            raise ConfigError("one of single, pair, many, nothing must be above 0")

    @classmethod
    def plain(cls, **changes: float | Range) -> SceneOptions:
        """One sharp, even, grey ellipse on an even ground; ``changes`` add what is to be studied.

        Raises:
            ConfigError: As for the class; or a change is of no field.
        """
        values: dict[str, float | Range] = {
            one.name: (one.default[0], one.default[0]) if isinstance(one.default, tuple) else 0.0 for one in fields(cls)
        }
        values |= {
            "single": 1.0,
            "grey": 1.0,
            "gamma": (1.0, 1.0),
            "beyond_echo": 1.0,
            "border": (0.0, 0.0),
            "contrast": (0.3, 0.6),
        }
        values |= {"radius": (0.1, 0.3)}
        if unknown := sorted(set(changes) - set(values)):
            raise ConfigError(f"options are {', '.join(values)}; got {', '.join(unknown)}")
        return cls(**(values | changes))  # type: ignore[arg-type]
