"""Taught regions: how much of what is meant a region is, from what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from msformer.learning.forest import Forest, grow_forest
from msformer.learning.lesson import Lesson
from msformer.threads import one_blas_thread


@one_blas_thread()
def region_dice(lesson: Lesson, plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Soft Dice of every region with a map of the view ``(h, w)`` in [0, 1]: ``(n,)``."""
    there = lesson.on_regions(plane)
    shared = lesson.masks.reshape(len(lesson.masks), -1).astype(np.float32) @ there.ravel()
    sizes = lesson.masks.sum(axis=(1, 2)) + float(there.sum())
    return np.asarray(2 * shared / np.maximum(sizes, 1e-9), dtype=np.float64)


def only_teaching(lesson: Lesson) -> Lesson:
    """The same lesson without the masks of its regions, for a member's teachers, of which there may be hundreds."""
    if lesson.fits is not None or not len(lesson.masks):
        return lesson
    empty = np.zeros((0, 1, 1), dtype=bool)
    return replace(lesson, masks=empty, fits=region_dice(lesson, lesson.truth))


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
    known = [(lesson, weight) for lesson, weight in zip(lessons, weights, strict=True) if len(lesson.features)]
    if not known:
        return None
    each = np.concatenate([np.full(len(lesson.features), weight / len(lesson.features)) for lesson, weight in known])
    return grow_forest(
        np.concatenate([lesson.features for lesson, _ in known]),
        np.concatenate([_fits(lesson) for lesson, _ in known]),
        each / each.mean(),
        seed,
    )


def _fits(lesson: Lesson) -> NDArray[np.float64]:
    return region_dice(lesson, lesson.truth) if lesson.fits is None else lesson.fits
