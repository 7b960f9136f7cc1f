"""The recipes that are compared: groups of properties taken out once, and shorter and longer growing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from msformer.growing.recipe import Recipe
from msformer.scenes.options import Range

ALL = "everything"
TAKEN_OUT: dict[str, Mapping[str, float | Range]] = {
    "nested things": {"parts": 0.0, "container": 0.0, "skin": 0.0, "rings": 0.0},
    "several of a kind": {"pair": 0.0, "many": 0.0, "crowd": 0.0},
    "outlines": {"irregularity": (0.0, 0.0), "elongation": (1.0, 1.0), "polygon": 0.0, "blob": 0.0},
    "textures": {
        "texture_only": 0.0,
        "ground_texture": (0.0, 0.0),
        "object_texture": (0.0, 0.0),
        "directional": 0.0,
        "patches": 0.0,
        "see_through": 0.0,
    },
    "soft borders": {"border": (0.25, 0.25), "uneven_border": 0.0, "blur": 0.0, "low_resolution": 0.0},
    "uneven light": {"shading": 0.0, "vignette": 0.0, "grading": 0.0, "extreme_ground": 0.0},
    "echo": {"echo": 0.0, "beyond_echo": 0.0},
    "other things": {"distractors": (0.0, 0.0), "frame_things": 0.0, "tubes": 0.0},
    "what a camera adds": {
        "hair": 0.0,
        "specular": 0.0,
        "noise": (0.0, 0.0),
        "gamma": (1.0, 1.0),
        "dim": 0.0,
        "jpeg": 0.0,
    },
    "what is laid over": {
        "padding": 0.0,
        "aperture": 0.0,
        "stickers": 0.0,
        "rulers": 0.0,
        "words": 0.0,
        "calipers": 0.0,
    },
    "colour": {"grey": 1.0},
}
"""Properties that are taken out together, since single ones change less than another seed does."""


@dataclass(frozen=True)
class Variant:
    """A network to grow.

    Attributes:
        name: What differs.
        recipe: All of how it is grown.
    """

    name: str
    recipe: Recipe


def variants(
    base: Recipe, steps: int, longer: tuple[int, ...], seeds: int, groups: tuple[str, ...] = tuple(TAKEN_OUT)
) -> list[Variant]:
    """Everything with so many seeds, each group taken out once, and everything for longer; the longest come first."""
    short = base.with_steps(steps)
    without = [
        Variant(name, replace(short, options=replace(short.options, **changes)))  # type: ignore[arg-type]
        for name, changes in TAKEN_OUT.items()
        if name in groups
    ]
    more = [Variant(f"{ALL}, {many} updates", base.with_steps(many)) for many in sorted(longer, reverse=True)]
    whole = [Variant(named(seed), replace(short, seed=base.seed + seed)) for seed in range(seeds)]
    return more + whole + without


def named(seed: int) -> str:
    """The name of a run with everything; the first seed is what others are compared with."""
    return ALL if seed == 0 else f"{ALL}, seed {seed}"
