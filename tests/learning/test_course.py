"""Who teaches whom: above all, that nothing decides on an image that saw a mask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.learning.helpers import GRID, digest_of, features_of, lesson, network, stump

from msformer.learning import course, member
from msformer.learning.course import (
    LEAST,
    LEAST_CONFIDENT,
    LEAST_FOR_STUDENT,
    NEVER,
    Check,
    check,
    judge,
    means_one_object,
    plan_course,
    teachers_of,
)
from msformer.learning.decide import ALONE, TAUGHT, Rule
from msformer.learning.lesson import Lesson
from msformer.learning.member import Member, teach_member
from msformer.learning.student import Lessons

HOW = Lessons(updates=0)


def folder(count: int, **changes: Any) -> list[Lesson]:
    return [lesson(number, n_regions=3, **changes) for number in range(count)]


def corrected(one: Lesson, name: str | None = None) -> Lesson:
    return replace(one, corrected=np.roll(one.own, 4, axis=1), name=name or one.name)


def twin(one: Lesson, name: str) -> Lesson:
    """The same image under another name."""
    return replace(one, name=name)


def test_a_small_folder_teaches_nothing_and_says_why() -> None:
    found = plan_course(folder(LEAST - 1), HOW)
    assert (found.groups, found.rule) == ((), ALONE)
    for word in ("nothing was learned", f"takes {LEAST} images", f"got {LEAST - 1} and {LEAST - 1}"):
        assert word in found.reason
    assert plan_course([], HOW).groups == ()
    assert len(plan_course(folder(LEAST), HOW).groups) == 2


def test_a_folder_that_is_right_nowhere_teaches_nothing() -> None:
    some = folder(LEAST, confidence=0.49)
    few = [replace(one, confidence=0.5) if place < LEAST_CONFIDENT - 1 else one for place, one in enumerate(some)]
    assert f"got {LEAST} and {LEAST_CONFIDENT - 1}" in plan_course(few, HOW).reason
    few[-1] = replace(few[-1], confidence=0.5)
    assert len(plan_course(few, HOW).groups) == 2


def test_images_without_a_mask_of_their_own_do_not_count_and_do_not_teach() -> None:
    some = folder(LEAST)
    empty = np.zeros_like(some[0].own)
    assert not plan_course([replace(some[0], own=empty), *some[1:]], HOW).groups
    found = plan_course([*some, lesson(1000, own=empty)], HOW)
    assert all(digest_of(1000) not in group.teachers for group in found.groups)


def test_the_same_image_many_times_is_one_image() -> None:
    one = lesson(0)
    assert not plan_course([twin(one, f"copy-{number}") for number in range(2 * LEAST)], HOW).groups


def test_every_image_is_judged_by_the_one_part_that_it_did_not_teach() -> None:
    some = folder(LEAST + 3)
    found = plan_course(some, HOW)
    first, second = (group.teachers for group in found.groups)
    assert first | second == {one.digest for one in some}
    assert not first & second
    assert abs(len(first) - len(second)) == 1
    assert [group.is_check for group in found.groups] == [False, False]
    three = plan_course(some, HOW, folds=3)
    for one in some:
        assert sum(one.digest not in group.teachers for group in three.groups) == 1


def test_the_parts_depend_on_what_images_show_alone() -> None:
    some = folder(LEAST + 1)
    found = plan_course(some, HOW).groups
    assert plan_course(some[::-1], HOW).groups == found
    renamed = [replace(one, name=f"{place:03d}") for place, one in enumerate(some[::-1])]
    assert plan_course(renamed, HOW).groups == found


def test_a_duplicate_lies_in_the_same_part() -> None:
    some = folder(LEAST)
    with_twins = [*some, *(twin(one, f"twin of {one.name}") for one in some[:20])]
    found = plan_course(with_twins, HOW)
    assert found.groups == plan_course(some, HOW).groups


class Watched:
    """Remembers what each student and forest was given, and which image each of them was asked about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: dict[int, set[str]] = {}
        self.asked: list[tuple[set[str], str]] = []
        self.kept: list[Any] = []
        monkeypatch.setattr(member, "teach", self.teach)
        monkeypatch.setattr(member, "fit_taught", self.fit)
        monkeypatch.setattr(course, "objects_in", self.objects)
        self.judged = ""

    def remember(self, made: Any, lessons: Sequence[Lesson]) -> Any:
        self.kept.append(made)  # so that no other gets its number
        self.given[id(made)] = {one.digest for one in lessons}
        return made

    def teach(self, start: Any, lessons: Sequence[Lesson], *_: Any) -> Any:
        return self.remember(network(), lessons)

    def fit(self, lessons: Sequence[Lesson], *_: Any) -> Any:
        watched = self

        class Asked:
            def predict(self, rows: Any) -> Any:
                watched.asked.append((watched.given[id(self)], watched.judged))
                return np.linspace(0, 1, len(rows))

        return self.remember(Asked(), lessons)

    def objects(self, student: Any, one: Lesson) -> Any:
        self.asked.append((self.given[id(student)], one.digest))
        return np.zeros(one.shape, dtype=np.float32)

    def run(self, lessons: Sequence[Lesson]) -> dict[str, int]:
        """Learn as a folder does; how often each image was asked about."""
        plan = plan_course(lessons, HOW)
        members = [teach_member(network(), "net", teachers_of(group, lessons), HOW) for group in plan.groups]
        times: dict[str, int] = {}
        for one in lessons:
            self.judged, before = one.digest, len(self.asked)
            judge(one, members, plan.rule)
            times[one.name] = len(self.asked) - before
        return times


def test_no_image_is_decided_by_what_saw_a_mask_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from outside: what was really given to each network and forest, what they were really asked."""
    watched = Watched(monkeypatch)
    some = folder(LEAST)
    with_twins = [*some, *(twin(one, f"twin of {one.name}") for one in some[:20])]
    times = watched.run(with_twins)
    assert set(times.values()) == {2}, "each by one student and one forest"
    assert all(digest not in given for given, digest in watched.asked)
    assert {digest for given in watched.given.values() for digest in given} == {one.digest for one in some}


def test_nor_is_an_image_like_a_corrected_one(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    some = folder(7)
    lessons = [*(corrected(one) for one in some[:3]), *some[3:], twin(some[0], "twin")]
    times = watched.run(lessons)
    assert all(digest not in given for given, digest in watched.asked)
    assert times["twin"] == 0
    assert times["name-5"] == 2
    assert set().union(*watched.given.values()) == {one.digest for one in some[:3]}


def test_a_member_may_judge_what_it_did_not_see() -> None:
    one = Member(network(), None, frozenset({digest_of(1)}), "key")
    assert not one.may_judge(lesson(1))
    assert not one.may_judge(twin(lesson(1), "x"))
    assert one.may_judge(lesson(2))
    kept = judge(lesson(1), [one], TAUGHT)
    assert (kept.source, kept.mask) == ("own", None)
    assert "may judge" in kept.reason


@pytest.mark.parametrize(("count", "n_checks"), [(1, 0), (3, 0), (4, 2), (9, 2)])
def test_corrections_teach_at_any_number_and_are_checked_from_four_on(count: int, n_checks: int) -> None:
    some = folder(10)
    lessons = [corrected(one) for one in some[:count]] + some[count:]
    found = plan_course(lessons, HOW)
    digests = {one.digest for one in some[:count]}
    assert found.groups[0].teachers == digests
    assert [group.is_check for group in found.groups] == [False] + [True] * n_checks
    if n_checks:
        one, other = (group.teachers for group in found.groups[1:])
        assert one | other == digests
        assert not one & other
    assert str(count) in found.reason
    has_student = count >= LEAST_FOR_STUDENT
    assert replace(found.rule, one_object=None) == replace(TAUGHT, student=1.0 if has_student else 0.0)
    assert found.how.updates == (HOW.updates if has_student else 0), "of one or two nothing is taught but regions"


def test_four_copies_of_one_correction_check_nothing() -> None:
    lessons = [corrected(lesson(1), f"copy-{number}") for number in range(4)]
    assert len(plan_course(lessons, HOW).groups) == 1


def test_own_masks_count_by_the_cube_of_their_confidence_corrections_do_not() -> None:
    some = folder(LEAST, confidence=0.5)
    found = teachers_of(plan_course(some, HOW).groups[0], some)
    assert len(found) == LEAST / 2
    assert {one.confidence for one in found} == {0.125}
    assert [one.digest for one in found] == sorted(one.digest for one in found)
    lessons = [corrected(some[0]), *some[1:]]
    (one,) = teachers_of(plan_course(lessons, HOW).groups[0], lessons)
    assert (one.confidence, one.corrected is None) == (0.5, False)


def test_the_own_mask_of_a_corrected_image_under_another_name_teaches_nothing() -> None:
    one = lesson(1)
    lessons = [twin(one, "a twin"), corrected(one, "given"), lesson(2)]
    assert [teacher.name for teacher in teachers_of(plan_course(lessons, HOW).groups[0], lessons)] == ["given"]


def blob(*places: tuple[int, int, int, int]) -> Lesson:
    mask = np.zeros((32, 40), dtype=np.float32)
    for top, left, height, width in places:
        mask[top : top + height, left : left + width] = 1
    return lesson(0, corrected=mask)


def test_one_object_is_meant_where_most_corrections_are_nearly_one_piece() -> None:
    whole = blob((0, 0, 9, 10))
    with_crumbs = blob((0, 0, 9, 10), (20, 20, 2, 5))  # 90 of 100 px
    crumbled = blob((0, 0, 9, 10), (20, 20, 2, 6))  # 90 of 102
    touching = blob((0, 0, 5, 5), (5, 5, 5, 5))  # by a corner
    assert [means_one_object([one]) for one in (whole, with_crumbs, crumbled, touching)] == [True, True, False, True]
    assert means_one_object([whole, with_crumbs, crumbled])
    assert not means_one_object([whole, crumbled]), "half of them is not most"
    assert means_one_object([blob(), whole])
    assert not means_one_object([blob(), crumbled]), "empty ones say nothing"
    assert means_one_object([blob()])


@pytest.mark.parametrize(("pieces", "one_object"), [(1, True), (3, False)])
def test_what_corrections_mean_goes_before_the_preset(pieces: int, one_object: bool) -> None:
    """Images of a preset for many objects, corrected with one: then regions are candidates."""
    given = replace(blob(*[(10 * place, 5, 6, 9) for place in range(pieces)]), is_single=False)
    other = lesson(2, is_single=False, features=features_of([0, 1, 0, 0, 0]))
    rule = plan_course([given, other], HOW).rule
    assert rule.one_object is one_object
    wise = Member(network(), stump(0, 1), frozenset({given.digest}), "key")
    found = judge(other, [wise], replace(rule, student=0.0))
    assert found.source == ("region" if one_object else "own")
    if one_object:
        assert found.mask is not None
        np.testing.assert_array_equal(found.mask, other.masks[1])
    else:
        assert "several objects" in found.reason


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        ((), Rule(1.0, 0.0, True)),
        (("own",), Rule(1.0, NEVER, True)),
        (("regions",), Rule(0.0, 0.0, True)),
        (("own", "regions"), Rule(0.0, 0.0, True)),
        (("outline",), Rule(1.0, 0.0, True, outlines=True)),
    ],
)
def test_the_best_of_the_ways_that_are_clearly_better_is_gone_by(better: tuple[str, ...], expected: Rule) -> None:
    found = Check(9, own=0.6, regions=0.7, together=0.5, outline=0.65, better=better)
    assert found.best(Rule(1.0, 0.0, True)) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([0.9, 0.9, 0.9, 0.8], ("own",)),  # ahead by .375, give or take .025
        ([0.9, 0.3, 0.9, 0.3], ()),  # by .1, give or take .17
        ([0.5, 0.5, 0.5, 0.5], ()),
        ([0.4, 0.4, 0.4, 0.4], ()),
    ],
)
def test_a_way_is_better_by_more_than_twice_what_chance_does(
    own: list[float], expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = iter([{"own": one, "regions": 0.5, "together": 0.5, "outline": 0.0} for one in own])
    monkeypatch.setattr(course, "_tried", lambda *_: next(rows))
    lessons = [corrected(lesson(number)) for number in range(4)]
    found = check(lessons, [Member(network(), None, frozenset(), "a")], Rule(1.0, 0.0, True))
    assert found is not None
    assert found.better == expected


def test_of_several_objects_the_outline_is_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"own": 0.5, "regions": 0.9, "together": 0.9, "outline": 0.6}
    monkeypatch.setattr(course, "_tried", lambda *_: row)
    lessons = [corrected(lesson(number)) for number in range(4)]
    found = check(lessons, [Member(network(), None, frozenset(), "a")], Rule(1.0, 0.0, one_object=False))
    assert found is not None
    assert found.better == ("outline",)


def test_ways_are_tried_by_members_that_did_not_see_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four images of which the region with 1 in its first column is right; students see the upper half of the view."""
    masks = np.zeros((2, *GRID), dtype=bool)
    masks[0, :, 5:] = True
    masks[1, :4] = True
    right = np.zeros((32, 40), dtype=np.float32)
    right[:, 20:] = 1
    upper = np.zeros((32, 40), dtype=np.float32)
    upper[:16] = 1
    lessons = [
        lesson(number, own=upper, masks=masks, features=features_of([1, 0]), corrected=right) for number in range(4)
    ]
    wise, foolish, blind = network(1), network(2), network(3)
    maps = {id(wise): upper, id(foolish): right, id(blind): right}
    monkeypatch.setattr(course, "objects_in", lambda student, _: maps[id(student)])
    digests = [one.digest for one in lessons]
    members = [
        Member(wise, stump(0.2, 0.8), frozenset(digests[:2]), "a"),
        Member(foolish, stump(0.8, 0.2), frozenset(digests[2:]), "b"),
    ]
    rule = Rule(1.0, 0.0, one_object=True)
    found = check(lessons, members, rule)
    # Own: half of each in common. Regions: two images by the wise, 1, two by the foolish, .5. Together: the student
    # of the wise adds .5 to the right and 1 to the other region: .8 + .5 against .2 + 1; that of the foolish adds 1
    # and .5: .2 + 1 against .8 + .5, so .5. Outlines: .5 and 1.
    assert found is not None
    assert found.images == 4
    assert (found.own, found.regions, found.together, found.outline) == pytest.approx((0.5, 0.75, 0.75, 0.75))
    assert check(lessons[:3], members, rule) is None, "too few"
    assert check(lessons, [Member(blind, None, frozenset(digests), "c")], rule) is None, "nobody may"
    nobody = check(lessons, [Member(blind, None, frozenset(), "c")], rule)
    assert nobody == Check(4, 0.5, 0.5, 0.5, 1.0), "without a forest the own mask is all there is"
