"""Corrections one after another, in the order that the program proposes or in any, with taught regions alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.learning.folder import Seen
from benchmarks.learning.methods import forest_member
from msformer.learning import Decision, Lessons, judge, plan_course, teachers_of
from msformer.learning.worth import worth_of_correction

PROPOSED, ANY = "proposed", "random"
STEPS = (1, 3, 5)
"""Numbers of corrections after which the others are looked at."""


def corrected_in_order(
    some: Sequence[Seen], how: Lessons, given: Sequence[Seen] | None
) -> Iterator[tuple[int, list[tuple[Seen, Decision]]]]:
    """After each of ``STEPS`` corrections, what is decided on the others.

    Args:
        some: The images of a set.
        how: How is taught.
        given: In this order; None is the order of ``worth_of_correction``, anew after each correction.
    """
    lessons = {one.lesson.name: one.lesson for one in some}
    by_name = {one.lesson.name: one for one in some}
    decisions: dict[str, Decision] = {}
    for count in range(1, min(max(STEPS), len(some) - 1) + 1):
        if given is None:
            worth = worth_of_correction(list(lessons.values()), decisions)
            chosen = max(
                (name for name, one in lessons.items() if one.corrected is None), key=lambda name: (worth[name], name)
            )
        else:
            chosen = given[count - 1].lesson.name
        lessons[chosen] = by_name[chosen].corrected
        if given is not None and count not in STEPS:
            continue
        course = plan_course(list(lessons.values()), how)
        member = forest_member(teachers_of(course.groups[0], list(lessons.values())), how)
        rule = replace(course.rule, student=0.0)
        decisions = {name: judge(lesson, [member], rule) for name, lesson in lessons.items()}
        if count in STEPS:
            yield count, [(by_name[name], decisions[name]) for name in lessons if lessons[name].corrected is None]
