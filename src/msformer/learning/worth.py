"""Which images are worth a correction most: those on which what is known disagrees, and which are like no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from msformer.learning.decide import Decision
from msformer.learning.lesson import Listed


def worth_of_correction(lessons: Sequence[Listed], decisions: Mapping[str, Decision]) -> dict[str, float]:
    """How much a correction of each image would teach, by name, in [0, 1]; 0 where there is one already.

    The mean of two ranks over the folder: disagreement between the own mask and what the folder takes for the object,
    or, where nothing was learned, doubt about the own mask; and the distance from the nearest image that is corrected
    already, in what pictures and objects look like. Without corrections that distance is the one from the folder's
    middle, from near to far: what is typical teaches more of the others.
    """
    open_ones = [lesson for lesson in lessons if not lesson.is_corrected]
    if not open_ones:
        return {lesson.name: 0.0 for lesson in lessons}
    doubts = np.array(
        [1 - lesson.confidence * decisions[lesson.name].agreement if lesson.name in decisions else 1 - lesson.confidence
         for lesson in open_ones]
    )  # fmt: skip
    seen = np.stack([lesson.look for lesson in lessons])
    seen = (seen - seen.mean(axis=0)) / np.maximum(seen.std(axis=0), 1e-6)
    own = seen[[not lesson.is_corrected for lesson in lessons]]
    known = seen[[lesson.is_corrected for lesson in lessons]]
    if len(known):
        news = np.min([np.sqrt(((own - one) ** 2).mean(axis=1)) for one in known], axis=0)
    else:
        news = -np.sqrt((own**2).mean(axis=1))
    worth = (_ranks(doubts) + _ranks(news)) / 2
    found = {lesson.name: float(value) for lesson, value in zip(open_ones, worth, strict=True)}
    return {lesson.name: found.get(lesson.name, 0.0) for lesson in lessons}


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0 to 1; equal values have equal ranks."""
    _, places = np.unique(values, return_inverse=True)
    return np.asarray(places / max(int(places.max(initial=0)), 1), dtype=np.float64)
