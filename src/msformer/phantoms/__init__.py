"""Made images with exact truth, for tests and the demo: no data set, no licence, any number of them.

Every kind has its own function with its own options; :func:`make_phantom` calls it by name. The same kind, seed,
difficulty and options give the same pixels. Nothing here needs torch, and numpy's global random state is left alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from msformer.errors import ConfigError
from msformer.phantoms.artefacts import ARTEFACT_KINDS, add_artefact, artefact_pixels
from msformer.phantoms.base import Phantom, check_choice
from msformer.phantoms.cells import make_cells
from msformer.phantoms.dermoscopy import make_dermoscopy
from msformer.phantoms.empty import make_empty
from msformer.phantoms.lung_ct import make_lung_ct
from msformer.phantoms.ultrasound import make_ultrasound

_MAKERS: dict[str, Callable[..., Phantom]] = {
    "dermoscopy": make_dermoscopy,
    "lung_ct": make_lung_ct,
    "cells": make_cells,
    "ultrasound": make_ultrasound,
    "empty": make_empty,
}
PHANTOM_KINDS = tuple(_MAKERS)
"""The kinds that :func:`make_phantom` knows."""

__all__ = [
    "ARTEFACT_KINDS",
    "PHANTOM_KINDS",
    "Phantom",
    "add_artefact",
    "artefact_pixels",
    "make_cells",
    "make_dermoscopy",
    "make_empty",
    "make_lung_ct",
    "make_phantom",
    "make_ultrasound",
]


def make_phantom(
    kind: str, *, seed: int, difficulty: float = 0.3, shape: tuple[int, int] | None = None, **options: Any
) -> Phantom:
    """Make a phantom of a kind.

    Args:
        kind: One of ``PHANTOM_KINDS``.
        seed: Seed of every draw, not negative.
        difficulty: In [0, 1]: contrast falls, and noise and disturbances rise, as the kind's function states.
        shape: Height and width, each at least 33 px; by default the kind's own.
        options: Options of the kind's function.

    Raises:
        ConfigError: The kind or an option is unknown, or a value is out of range.
    """
    maker = _MAKERS[check_choice("kind", kind, PHANTOM_KINDS)]
    known = set(inspect.signature(maker).parameters) - {"seed", "difficulty", "shape"}
    if unknown := sorted(set(options) - known):
        raise ConfigError(f"options of {kind!r} are {', '.join(sorted(known))}; got {', '.join(unknown)}")
    if shape is not None:
        options["shape"] = shape
    return maker(seed=seed, difficulty=difficulty, **options)
