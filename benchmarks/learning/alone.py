"""Folders that learn from themselves: whole, with one part taken out, in parts, and with masks that are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.learning.folder import Seen
from benchmarks.learning.methods import LEARN, forest_member
from msformer.learning import (
    Decision,
    Lesson,
    Lessons,
    Member,
    judge,
    plan_course,
    teach_member,
    teachers_of,
    trusts_student,
)
from msformer.learning.course import FOLDS, LEAST, LEAST_CONFIDENT, confident
from msformer.learning.decide import ALONE
from msformer.learning.lesson import HALF, shrunk
from msformer.learning.taught import region_dice
from msformer.morphology import dice
from msformer.prompting import grown_network

NO_STUDENT = "without the student"
ANYWAY = "with the student, whatever the check says"
FOUR_PARTS, FOUR = "four parts instead of two", 4
TAKEN_OUT: dict[str, dict[str, Any]] = {
    "without trimaps": {"trimaps": False},
    "without the tolerant loss": {"tolerant": False},
    "without confidence": {"by_confidence": False},
    "without the method's two terms": {"scales": 0.0},
    FOUR_PARTS: {},
    ANYWAY: {},
}
VARIANTS = (LEARN, NO_STUDENT, *TAKEN_OUT)
SIZES = (10, 20, 40, None)
"""Images of a folder; None is all of it."""
WRONG = (0.0, 0.25, 0.5)
"""Shares of masks that are made wrong."""
ELSEWHERE = 0.3
"""Dice with the own mask that a wrong region stays under."""


def decide_alone(lessons: Sequence[Lesson], how: Lessons, variant: str, *, least: int = LEAST) -> dict[str, Decision]:
    """What a folder decides on each of its images.

    Args:
        lessons: Without a correction.
        how: How students are taught.
        variant: One of ``VARIANTS``.
        least: Images that it takes.
    """
    how = replace(how, **TAKEN_OUT.get(variant, {}))
    least_confident = LEAST_CONFIDENT if least == LEAST else 0
    folds = FOUR if variant == FOUR_PARTS else FOLDS
    course = plan_course(lessons, how, folds, least=least, least_confident=least_confident)
    rule, grown = course.rule, grown_network()
    members: list[Member] = []
    for group in course.groups:
        teachers = teachers_of(group, lessons)
        if variant == NO_STUDENT:
            members.append(forest_member(teachers, how))
        else:
            members.append(teach_member(grown.network, grown.digest, teachers, how))
    if variant == LEARN and not trusts_student(confident(lessons), members):
        rule = replace(rule, student=0.0)
    if variant == NO_STUDENT:
        rule = replace(ALONE, student=0.0)
    return {one.name: judge(one, members, rule) for one in lessons}


def spoiled(lessons: Sequence[Lesson], share: float, seed: int) -> tuple[list[Lesson], set[str]]:
    """The same with some own masks wrong, at the confidence that they had, and the names of those.

    Half of them are moved, by a quarter to a half of each side; half are another region of the image.
    """
    rng = np.random.default_rng(seed)
    chosen = set(rng.permutation(len(lessons))[: round(share * len(lessons))].tolist())
    result = list(lessons)
    for count, index in enumerate(sorted(chosen)):
        lesson = lessons[index]
        others = np.flatnonzero(region_dice(lesson, lesson.own) < ELSEWHERE) if len(lesson.masks) else np.array([])
        if count % 2 and len(others):
            own = shrunk(lesson.masks[int(rng.choice(others))], lesson.shape)
        else:
            by = [int(rng.uniform(0.25, 0.5) * side) for side in lesson.shape]
            own = np.roll(lesson.own, by, axis=(0, 1))
        result[index] = replace(lesson, own=own)
    return result, {lessons[index].name for index in chosen}


def small_dice(seen: Seen, lesson: Lesson, decision: Decision) -> tuple[float, float]:
    """Dice on the small grid of the own mask, which may be spoiled, and of what was decided."""
    truth = seen.truth
    own = dice(lesson.own >= HALF, shrunk(truth, lesson.shape) >= HALF)
    if decision.mask is None:
        return own, own
    return own, dice(decision.mask, shrunk(truth, (decision.mask.shape[0], decision.mask.shape[1])) >= HALF)
