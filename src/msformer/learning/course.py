"""Who teaches whom: from what a person corrected at any number, from own masks only where a folder can bear it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from msformer.learning.decide import ALONE, TAUGHT, Decision, Rule, decide, score_regions, uses_regions
from msformer.learning.lesson import HALF, Lesson, LessonLine, Listed, One, in_order
from msformer.learning.member import Member
from msformer.learning.student import Lessons, objects_in
from msformer.learning.taught import region_dice
from msformer.morphology import dice

LEAST = 40
"""Images with a mask of their own, fewest for a folder to learn from itself."""
LEAST_CONFIDENT = 10
"""Of these, fewest at a confidence of at least a half: where the program is right nowhere, it has nothing to teach."""
MOST = 200
"""Teachers of a member, at most: a forest of two hundred images has sixty thousand regions."""
FOLDS = 2
"""Parts of a folder that each are decided by what the others taught."""
LEAST_FOR_STUDENT = 3
"""Corrected images from which on a student is taught; from one of them its map did harm (``docs/learning.md``)."""
LEAST_CHECKED = 4
"""Corrected images from which on the choice is checked by leaving some of them out."""
NEARLY_ALL = 0.9
"""Share of a mask's largest piece from which on it is one object, and crumbs."""
NEVER = 9.0
"""A margin that no region reaches: scores are of Dice, at most two of them."""
CLEARLY = 2.0
"""Standard errors of a paired difference from which on another way to choose is taken for better: members of a check
are taught by half of what the folder's are, and what was best by any difference did harm (``docs/learning.md``)."""
REPEATED = 40
"""Confident masks that students are tried on."""
TRUSTED = 0.7
"""Median Dice from which on they may have a say: what counts as right elsewhere in this program."""
POWER = 3.0
"""Own masks count by this power of their confidence: those of .5 an eighth of those of 1."""


Teacher = TypeVar("Teacher", Lesson, LessonLine)


@dataclass(frozen=True)
class Group:
    """The teachers of one member.

    Attributes:
        name: Of the member.
        teachers: Digests of the images.
        is_check: Whether it only serves to see how good the choice is.
    """

    name: str
    teachers: frozenset[str]
    is_check: bool = False


@dataclass(frozen=True)
class Course:
    """What is done in a folder.

    Attributes:
        groups: The members that are taught; none where the folder cannot teach.
        rule: What decides.
        how: How students are taught.
        reason: Why it is so, in words.
    """

    groups: tuple[Group, ...]
    rule: Rule
    how: Lessons
    reason: str


def plan_course(
    lessons: Sequence[Listed],
    how: Lessons,
    folds: int = FOLDS,
    *,
    least: int | None = None,
    least_confident: int | None = None,
) -> Course:
    """Say who is taught by whom.

    Args:
        lessons: All of the folder.
        how: How students are taught.
        folds: Parts of a folder that learns from itself.
        least: Images with a mask of their own, fewest for that; ``LEAST`` if left out.
        least_confident: Of these, fewest that are confident; ``LEAST_CONFIDENT`` if left out.
    """
    corrected = in_order([one for one in lessons if one.is_corrected])
    if corrected:
        groups = [Group("corrected", _taken(corrected))]
        images = len({one.digest for one in corrected})
        if images >= LEAST_CHECKED:
            groups += [
                Group(f"check-{index}", part, is_check=True) for index, part in enumerate(_all_but(corrected, FOLDS))
            ]
        rule = replace(TAUGHT, one_object=means_one_object(corrected))
        if images < LEAST_FOR_STUDENT:
            rule, how = replace(rule, student=0.0), replace(how, updates=0)
        return Course(tuple(groups), rule, how, f"taught by {len(corrected)} corrected images")
    least = LEAST if least is None else least
    least_confident = LEAST_CONFIDENT if least_confident is None else least_confident
    own = in_order([one for one in lessons if one.has_mask])
    images = len({one.digest for one in own})  # what shows the same twice teaches once
    confident = len({one.digest for one in own if one.confidence >= HALF})
    if images < least or confident < least_confident:
        reason = (
            f"nothing was learned: without corrections it takes {least} images with a mask, {least_confident} of them "
            f"at a confidence of {HALF} or more; got {images} and {confident}"
        )
        return Course((), ALONE, how, reason)
    parts = [Group(f"fold-{index}", part) for index, part in enumerate(_all_but(own, folds))]
    return Course(tuple(parts), ALONE, how, f"taught by its own masks, each by the other {folds - 1} of {folds} parts")


def teachers_of(group: Group, lessons: Sequence[Teacher]) -> list[Teacher]:
    """What teaches a member, lessons or lines on them: corrected ones, or own masks by a power of their confidence."""
    found = [one for one in lessons if one.digest in group.teachers]
    if corrected := [one for one in found if one.is_corrected]:
        return in_order(corrected)  # not the own mask of an equal image under another name
    return in_order([replace(one, confidence=one.confidence**POWER) for one in found if one.has_mask])


def judge(lesson: Lesson, members: Sequence[Member], rule: Rule) -> Decision:
    """Decide on an image by the members that may judge it."""
    some = [member for member in members if member.may_judge(lesson)]
    if lesson.corrected is None and not some:
        return Decision("own", None, 1.0, 0.0, "nothing that was learned may judge this image")
    by_regions = uses_regions(lesson, rule)
    expected = [one.forest.predict(lesson.features) for one in some if by_regions and one.forest is not None]
    asks = rule.student > 0 if by_regions else rule.outlines
    maps = [objects_in(one.student, lesson) for one in some] if asks else []
    return decide(lesson, expected, maps, rule)


def confident(lessons: Sequence[One]) -> list[One]:
    """Those that students are tried on where own masks are all that taught: at most ``REPEATED`` confident ones."""
    return in_order([one for one in lessons if one.has_mask and one.confidence >= HALF])[:REPEATED]


def trusts_student(lessons: Iterable[Lesson], members: Sequence[Member]) -> bool:
    """Whether students may have a say where own masks are all that taught: the check that a folder can make by itself.

    A student that cannot repeat the folder's confident masks on images that it did not see has not found out what they
    have in common, and would only disturb. On the sets at hand medians were near .9 for skin and under .5 for
    ultrasound, where it made the masks worse.

    Args:
        lessons: Those that it is tried on (``confident``), taken one by one.
        members: All of the folder.
    """
    found = []
    for lesson in lessons:
        some = [member for member in members if member.may_judge(lesson)]
        if some:
            found.append(dice(lesson.own >= HALF, _seen(lesson, some) >= HALF))
    return bool(found) and float(np.median(found)) >= TRUSTED


@dataclass(frozen=True)
class Check:
    """How good each way to choose is on corrected images that did not teach it; means of Dice on the small grid.

    Attributes:
        images: How many there were.
        own: The first masks.
        regions: The best by taught regions alone.
        together: The same with the student's agreement.
        outline: The student's own outline.
        better: Those of these ways that are clearly better than what is done unless a folder shows otherwise.
    """

    images: int
    own: float
    regions: float
    together: float
    outline: float
    better: tuple[str, ...] = ()

    def best(self, rule: Rule) -> Rule:
        """The way to go by: the rule as it is, or the best of those that are clearly better."""
        ways = {
            "own": replace(rule, margin=NEVER),
            "regions": replace(rule, student=0.0),
            "outline": replace(rule, outlines=True),
        }
        return ways[max(self.better, key=lambda way: float(getattr(self, way)))] if self.better else rule


def check(lessons: Iterable[Lesson], members: Sequence[Member], rule: Rule) -> Check | None:
    """Try the ways to choose on corrected images that members did not see; None where there are too few.

    Args:
        lessons: Corrected ones, taken one by one; others are passed over.
        members: Those that serve the check.
        rule: What is done unless a folder shows otherwise.
    """
    tried: dict[tuple[str, str], Mapping[str, float]] = {}
    for lesson in lessons:
        some = [member for member in members if member.may_judge(lesson)]
        if some and lesson.corrected is not None:
            tried[lesson.digest, lesson.name] = _tried(lesson, lesson.corrected, some, rule)
    rows = [tried[key] for key in sorted(tried)]  # sums do not depend on the order of files
    if len(rows) < LEAST_CHECKED:
        return None
    own, regions, together, outline = (
        float(np.mean([row[name] for row in rows])) for name in ("own", "regions", "together", "outline")
    )
    usual, others = ("together", ("own", "regions")) if rule.one_object else ("own", ("outline",))
    better = tuple(way for way in others if _is_clearly_better(rows, way, usual))
    return Check(len(rows), own, regions, together, outline, better)


def _is_clearly_better(rows: Sequence[Mapping[str, float]], way: str, usual: str) -> bool:
    ahead = np.array([row[way] - row[usual] for row in rows])
    return bool(ahead.mean() > CLEARLY * ahead.std(ddof=1) / np.sqrt(len(ahead)))


def _seen(lesson: Lesson, members: Sequence[Member]) -> NDArray[np.float32]:
    """The mean of the students' maps, ``(h, w)``."""
    return np.asarray(np.mean([objects_in(one.student, lesson) for one in members], axis=0), dtype=np.float32)


def _tried(lesson: Lesson, truth: NDArray[np.float32], members: Sequence[Member], rule: Rule) -> Mapping[str, float]:
    seen = _seen(lesson, members)
    row = {
        "own": dice(lesson.own >= HALF, truth >= HALF),
        "outline": dice(seen >= HALF, truth >= HALF),
    }
    expected = [one.forest.predict(lesson.features) for one in members if one.forest is not None]
    if not len(lesson.masks) or not expected:
        return row | {"regions": row["own"], "together": row["own"]}
    right = region_dice(lesson, truth)
    together = score_regions(lesson, expected, seen, rule.student)
    regions = score_regions(lesson, expected, None, 0.0)
    return row | {"regions": float(right[regions.argmax()]), "together": float(right[together.argmax()])}


def means_one_object(corrected: Sequence[Listed]) -> bool:
    """Whether a person means one connected object: its largest piece is nearly all of it in most corrected images."""
    shares = [one.largest_share >= NEARLY_ALL for one in corrected if not np.isnan(one.largest_share)]
    return bool(np.mean(shares) > HALF) if shares else True


def _all_but(lessons: Sequence[Listed], folds: int) -> list[frozenset[str]]:
    """The teachers of each part: images of all the other parts; equal images lie in one part."""
    digests = list(dict.fromkeys(one.digest for one in in_order(lessons)))
    parts = [{digest for place, digest in enumerate(digests) if place % folds != part} for part in range(folds)]
    return [_taken([one for one in lessons if one.digest in part]) for part in parts]


def _taken(lessons: Sequence[Listed]) -> frozenset[str]:
    """Digests of at most ``MOST`` teachers, the most confident own masks first, so that memory and time are bounded."""
    best = sorted(in_order(lessons), key=lambda one: -one.confidence)
    return frozenset(list(dict.fromkeys(one.digest for one in best))[:MOST])
