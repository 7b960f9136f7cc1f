"""Several segmentations of one image from different seeds → one of them, and how far they agree.

Pixels are not outvoted one by one: where half of the attempts take one object and half another, a vote gives pieces
of both, a mask that no attempt stands for. Instead the attempt that most of the others resemble is taken as it is,
weighted by how well each explains the image, so that one bad seed, or several that fail in different ways, do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.morphology import dice


@dataclass(frozen=True)
class Consensus:
    """What several attempts come to.

    Attributes:
        chosen: Index of the attempt that is taken.
        agreement: Mean Dice of its mask with those of the other attempts, in [0, 1]; 1 for a single attempt.
        votes: ``(H, W)``, the number of attempts that take the pixel for the object.
    """

    chosen: int
    agreement: float
    votes: NDArray[np.uint8]


def find_consensus(masks: Sequence[Mask], scores: Sequence[float]) -> Consensus:
    """Take the attempt with the largest product of its score and its resemblance to the others.

    Resemblance to another attempt counts by that one's score. Of equally good attempts the first is taken.

    Args:
        masks: ``(H, W)`` each, at least one.
        scores: How well each explains its image, in [0, 1].
    """
    count = len(masks)
    overlap = np.eye(count)
    for first in range(count):
        for second in range(first):
            overlap[first, second] = overlap[second, first] = dice(masks[first], masks[second])
    weights = np.asarray(scores, dtype=np.float64) + 1e-9  # all empty: all alike
    support = overlap @ weights / weights.sum()
    chosen = int(np.argmax(support * weights))
    others = np.delete(overlap[chosen], chosen)
    agreement = float(others.mean()) if count > 1 else 1.0
    votes = np.zeros(masks[0].shape, dtype=np.uint8)  # there are at most 64 restarts
    for mask in masks:
        votes += mask
    return Consensus(chosen, agreement, votes)
