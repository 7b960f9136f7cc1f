"""Lessons and networks that are made in no time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from msformer.learning.forest import Forest
from msformer.learning.lesson import DESCRIBED, Lesson
from msformer.network.prompted import PromptedNet, PromptedSizes, build_prompted

SIZES = PromptedSizes(dim=8, depth_fine=1, depth_coarse=1)
ROWS, COLUMNS = 32, 40
GRID = 8, 10
"""Of the regions: a quarter of the view."""


def network(seed: int = 7) -> PromptedNet:
    return build_prompted(SIZES, torch.Generator().manual_seed(seed)).eval()


def digest_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def lesson(number: int, *, n_regions: int = 5, **changes: Any) -> Lesson:
    """A light rectangle on noise, both of ``number`` alone; its first region is the rectangle, the others are not."""
    rng = np.random.default_rng(number)
    own = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    top, left = (int(value) * 4 for value in rng.integers(1, 4, 2))
    own[top : top + 12, left : left + 16] = 1
    view = np.ones((4, ROWS, COLUMNS), dtype=np.float32)
    view[:3] = own + rng.normal(0, 0.1, (3, ROWS, COLUMNS)).astype(np.float32)
    masks = np.zeros((n_regions, *GRID), dtype=bool)
    if n_regions:
        masks[0] = own[::4, ::4] > 0
    for mask in masks[1:]:
        row, column = rng.integers(0, 5, 2)
        mask[row : row + 3, column : column + 4] = True
    features = rng.normal(0, 1, (n_regions, len(DESCRIBED))).astype(np.float32)
    made = Lesson(f"name-{number}", digest_of(number), view, own, 0.9, True, features, masks)
    return replace(made, **changes)


def stump(low: float, high: float, *, threshold: float = 0.5, feature: int = 0) -> Forest:
    """One tree of one question."""
    return Forest(
        np.array([feature, -1, -1], dtype=np.int32),
        np.array([threshold, 0, 0]),
        np.array([1, -1, -1], dtype=np.int32),
        np.array([2, -1, -1], dtype=np.int32),
        np.array([0.0, low, high]),
        np.array([0], dtype=np.int32),
    )


def same_weights(first: PromptedNet, second: PromptedNet) -> bool:
    """Whether two networks are equal in every bit."""
    one, other = first.state_dict(), second.state_dict()
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def features_of(values: Sequence[float]) -> NDArray[np.float32]:
    """Rows of which the first column tells something."""
    rows = np.zeros((len(values), len(DESCRIBED)), dtype=np.float32)
    rows[:, 0] = values
    return rows


def same_arrays(first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]]) -> bool:
    return list(first) == list(second) and all(np.array_equal(first[name], second[name]) for name in first)
