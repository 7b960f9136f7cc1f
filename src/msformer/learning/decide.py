"""The decision: for each image the region that taught regions and student agree on, or its own mask as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.learning.lesson import HALF, Lesson
from msformer.learning.taught import region_dice
from msformer.morphology import dice

ALIKE = 0.85
"""Dice from which on the best region is the own mask in another outline: that one was drawn at native size."""
Source = Literal["own", "corrected", "region", "outline"]


@dataclass(frozen=True)
class Rule:
    """What decides in a folder.

    Attributes:
        student: Weight of the agreement of a region with the student's map, beside the Dice that taught regions expect.
        margin: By how much the best region must be ahead of the one most like the own mask.
        one_object: Whether one connected object is meant, so that regions are candidates; None where that is what the
            preset of each image says.
        outlines: Whether the student's outline is taken where regions are no candidates.
    """

    student: float
    margin: float
    one_object: bool | None = None
    outlines: bool = False


TAUGHT = Rule(student=1.0, margin=0.0)
"""Where a person corrected some images."""
ALONE = Rule(student=0.5, margin=0.2)
"""Where the program's own masks are all that taught: it must be clearly better."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What is taken for the object of an image.

    Attributes:
        source: Where it comes from; of ``own`` and ``corrected`` the mask stays bit for bit.
        mask: On the grid of the regions ``(a, b)`` or of the view ``(h, w)``; None where the mask stays.
        agreement: Dice of the own mask with what would be taken without it, in [0, 1].
        ahead: By how much the best region is ahead of the own mask.
        reason: In words.
    """

    source: Source
    mask: Mask | None
    agreement: float
    ahead: float
    reason: str


def decide(
    lesson: Lesson,
    expected: Sequence[NDArray[np.float64]],
    objects: Sequence[NDArray[np.float32]],
    rule: Rule,
) -> Decision:
    """Decide on an image by what members say that never saw a mask of it.

    Args:
        lesson: The image.
        expected: ``(n,)`` each, the Dice that taught regions expect; none where there are no regions.
        objects: ``(h, w)`` each, the students' maps.
        rule: What decides.
    """
    if lesson.corrected is not None:
        return Decision("corrected", None, dice(lesson.own >= HALF, lesson.corrected >= HALF), 0.0, "given by a person")
    own = lesson.own >= HALF
    seen = np.asarray(np.mean(objects, axis=0), dtype=np.float32) if objects else None
    if not uses_regions(lesson, rule) or not expected:
        return _without_regions(own, seen, rule)
    score = score_regions(lesson, expected, seen, rule.student)
    best, like_own = int(score.argmax()), region_dice(lesson, lesson.own)
    ahead = float(score[best] - score[int(like_own.argmax())]) if own.any() else float(score[best])
    agreement = float(like_own[best])
    if agreement >= ALIKE:
        return Decision("own", None, agreement, ahead, "the folder confirms it")
    if ahead <= rule.margin:
        return Decision("own", None, agreement, ahead, "the folder knows no clearly better region")
    said = f"another region fits the folder better, by {ahead:.2f}; it shares {agreement:.2f} with the first mask"
    return Decision("region", lesson.masks[best], agreement, ahead, said)


def score_regions(
    lesson: Lesson, expected: Sequence[NDArray[np.float64]], seen: NDArray[np.float32] | None, student: float
) -> NDArray[np.float64]:
    """How well each region fits what was taught, ``(n,)``: the Dice that is expected of it and the student's say.

    A student that sees its object nowhere in an image has nothing to say of it: its map, which then is low all over,
    agrees most with the largest region. On wounds, where no student came so far as to see any, that cost .1 of Dice.

    Args:
        lesson: The image.
        expected: ``(n,)`` each, the Dice that taught regions expect; at least one.
        seen: ``(h, w)`` in [0, 1], the students' map; None where they are not asked.
        student: Weight of the agreement with it.
    """
    score = np.mean(expected, axis=0)
    if seen is not None and (seen >= HALF).any():
        score = score + student * region_dice(lesson, seen)
    return np.asarray(score, dtype=np.float64)


def uses_regions(lesson: Lesson, rule: Rule) -> bool:
    """Whether regions are candidates in an image: it has some, and one object is meant."""
    return bool(len(lesson.masks)) and (lesson.is_single if rule.one_object is None else rule.one_object)


def _without_regions(own: Mask, seen: NDArray[np.float32] | None, rule: Rule) -> Decision:
    """Of several objects regions say nothing: the student's outline, where that is what the folder goes by."""
    if seen is None:
        return Decision(
            "own", None, 1.0, 0.0, "taught regions say nothing of it: it has none, or several objects are meant"
        )
    outline = seen >= HALF
    agreement = dice(own, outline)
    if not rule.outlines or not outline.any():
        return Decision("own", None, agreement, 0.0, "a student's outline is no better here, or was not seen to be")
    return Decision(
        "outline", outline, agreement, 0.0, f"the student's outline; it shares {agreement:.2f} with the first"
    )
