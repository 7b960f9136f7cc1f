"""Rings → pixels, by nothing but the even-odd rule; and masks that are hard to outline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def filled(rings: Iterable[Any], shape: tuple[int, int]) -> Mask:
    """The pixels ``(H, W)`` whose centres are inside an odd number of times; rings are (x, y), closed or not."""
    inside = np.zeros(shape, bool)
    centres_x, centres_y = np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5
    for ring in rings:
        points = np.asarray(ring, float)
        for (x, y), (next_x, next_y) in zip(points, np.roll(points, -1, axis=0), strict=True):
            for row in np.flatnonzero((y > centres_y) != (next_y > centres_y)):
                crossing = x + (centres_y[row] - y) / (next_y - y) * (next_x - x)
                inside[row] ^= centres_x > crossing
    return inside


def hard_masks() -> dict[str, Mask]:
    """Masks by name."""
    return {name: np.array([[one == "#" for one in row] for row in rows]) for name, rows in DRAWN.items()} | {
        f"random {seed}": random_mask(seed) for seed in range(60)
    }


def random_mask(seed: int) -> Mask:
    """A mask of any size up to 16 px and any density, noise to the border."""
    numbers = np.random.default_rng(seed)
    height, width = numbers.integers(1, 17, 2)
    return np.asarray(numbers.random((height, width)) < numbers.uniform(0.2, 0.8))


DRAWN = {
    "one pixel": ["#"],
    "all": ["###", "###"],
    "nothing": ["....", "...."],
    "corner to corner": ["#..", ".#.", "..#"],
    "hole": ["####", "#..#", "####"],
    "two holes at a corner": ["####", "#.##", "##.#", "####"],
    "hole that touches the outside": [".###", "#.##", "####"],
    "island in a hole": ["#####", "#...#", "#.#.#", "#...#", "#####"],
    "island at a corner of its hole": ["#####", "##..#", "#.#.#", "#...#", "#####"],
    "chessboard": ["#.#.#", ".#.#.", "#.#.#", ".#.#."],
    "comb": ["#######", "#.#.#.#", "#.#.#.#", "#######"],
}
