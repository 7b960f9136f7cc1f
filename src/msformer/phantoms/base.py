"""What every kind of phantom shares: the result, the checks of the options, one generator a layer."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.config import MIN_SIDE
from msformer.errors import ConfigError
from msformer.image import Mask, Pixels


@dataclass(frozen=True, eq=False)  # arrays have no single truth value, so two phantoms are not compared with ==
class Phantom:
    """A made image with its exact truth.

    Attributes:
        name: Kind, difficulty in percent and seed, fit for a file name: ``cells-d030-s7``.
        image: ``(H, W)`` or ``(H, W, 3)``; the type depends on the kind.
        mask: ``(H, W)``; the object, from the geometry that drew it, before hair, light, blur and noise.
        kind: One of ``PHANTOM_KINDS``.
        difficulty: In [0, 1]; what it means depends on the kind.
        seed: The seed; with the same options it gives the same pixels.
    """

    name: str
    image: Pixels
    mask: Mask
    kind: str
    difficulty: float
    seed: int


class Layers:
    """Random generators of one phantom, one for each named layer.

    Layers do not share a stream: an option that makes one layer draw more leaves all the others as they were, so two
    phantoms that differ in one option differ in one layer.

    Raises:
        ConfigError: The seed is negative, or the difficulty outside [0, 1].
    """

    def __init__(self, kind: str, seed: int, difficulty: float) -> None:
        self.kind = kind
        self.seed = check_count("seed", seed, 2**63 - 1)
        self.difficulty = check_range("difficulty", difficulty, 0, 1)

    def rng(self, layer: str) -> np.random.Generator:
        """The generator of a layer, at its start."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.kind}/{layer}".encode())])

    def between(self, easy: float, hard: float) -> float:
        """The value of an option at this difficulty, on the line from ``easy`` at 0 to ``hard`` at 1."""
        return easy + (hard - easy) * self.difficulty

    def phantom(self, image: Pixels, mask: Mask) -> Phantom:
        """Bind pixels and truth to a phantom with its name."""
        name = f"{self.kind}-d{round(100 * self.difficulty):03d}-s{self.seed}"
        return Phantom(name, image, mask, self.kind, self.difficulty, self.seed)


def check_range(name: str, value: float, low: float, high: float) -> float:
    """Return ``value`` if it is in [``low``, ``high``].

    Raises:
        ConfigError: It is not, or it is NaN.
    """
    if not low <= value <= high:
        raise ConfigError(f"{name} must be in [{low}, {high}], got {value}")
    return float(value)


def check_count(name: str, value: int, high: int, low: int = 0) -> int:
    """Return ``value`` if it is a whole number from ``low`` to ``high``.

    Raises:
        ConfigError: It is not.
    """
    if isinstance(value, bool) or value != int(value) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, got {value}")
    return int(value)


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``.

    Raises:
        ConfigError: It is not.
    """
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
    return value


def check_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return height and width if both are at least 33 px.

    Raises:
        ConfigError: They are not two, or one is too small.
    """
    if len(shape) != 2 or min(shape) < MIN_SIDE:
        raise ConfigError(f"shape must be (height, width), each at least {MIN_SIDE} px; got {shape}")
    return int(shape[0]), int(shape[1])


def to_uint8(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round grey values to whole numbers in 0 to 255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
