"""Taught regions: how much of what is meant a region is, from what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from msformer.learning.forest import Forest, grow_forest
from msformer.learning.lesson import Lesson


def region_dice(lesson: Lesson, plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Soft Dice of every region with a map of the view ``(h, w)`` in [0, 1]: ``(n,)``."""
    there = lesson.on_regions(plane)
    shared = lesson.masks.reshape(len(lesson.masks), -1).astype(np.float32) @ there.ravel()
    sizes = lesson.masks.sum(axis=(1, 2)) + float(there.sum())
    return np.asarray(2 * shared / np.maximum(sizes, 1e-9), dtype=np.float64)


def fit_taught(lessons: Sequence[Lesson], weights: Sequence[float], seed: int) -> Forest | None:
    """Fit a forest from what is seen of regions to their Dice with the best that is known of their images.

    What the student says of regions is no column of it, but is added to what it expects (``decide.py``): from one
    corrected image there is no student that did not see it, and what a student says of its own teachers is too good.

    Args:
        lessons: Those that it may see.
        weights: How much each image counts, whatever its number of regions.
        seed: Of the trees.

    Returns:
        None where no image has regions.
    """
    known = [(lesson, weight) for lesson, weight in zip(lessons, weights, strict=True) if len(lesson.masks)]
    if not known:
        return None
    each = np.concatenate([np.full(len(lesson.masks), weight / len(lesson.masks)) for lesson, weight in known])
    return grow_forest(
        np.concatenate([lesson.features for lesson, _ in known]),
        np.concatenate([region_dice(lesson, lesson.truth) for lesson, _ in known]),
        each / each.mean(),
        seed,
    )
