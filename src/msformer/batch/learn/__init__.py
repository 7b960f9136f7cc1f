"""A folder that was segmented → what it teaches → the masks that change. Both masks are kept.

``masks-alone/`` has what each image's own evidence gave, ``masks/`` what the folder decided; where it decides nothing,
they are the same. What an image is learned from is kept in ``learned/``, what was learned in ``model/``: a run that was
ended goes on with what is there. In memory are a line an image and the teachers of a member, not the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from msformer import prompting
from msformer.batch.files import check_readable
from msformer.batch.learn.corrections import CORRECTIONS, find_corrections
from msformer.batch.learn.decided import Deciders, Outcome, decide_case
from msformer.batch.learn.jobs import Job, Places, can_be_learned, case_of, look_at_case, settings_of
from msformer.batch.learn.model import ModelFolder, member_file, read_model_folder, write_model_folder
from msformer.batch.learn.shelf import Shelf
from msformer.batch.record import Record
from msformer.config import Config
from msformer.errors import MSFormerError
from msformer.executors import Executor, run_items
from msformer.learning import (
    Course,
    Decision,
    Group,
    Lesson,
    LessonLine,
    Lessons,
    Member,
    check,
    plan_course,
    read_member,
    teach_member,
    teachers_of,
    trusts_student,
    write_member,
)
from msformer.learning.course import confident
from msformer.learning.member import member_key
from msformer.learning.worth import worth_of_correction

__all__ = ["CORRECTIONS", "ModelFolder", "Teller", "learn", "read_model_folder"]


@dataclass(frozen=True)
class Teller:
    """Who hears of the steps.

    Attributes:
        line: Called with a line on each step.
        begin: Called with what begins, and its number of items.
        advance: Called after each of these.
    """

    line: Callable[[str], None] = lambda _: None
    begin: Callable[[str, int], None] = lambda *_: None
    advance: Callable[[], None] = lambda: None


@dataclass(frozen=True, eq=False)
class _Folder:
    """A folder that learns."""

    jobs: list[Job]
    shelf: Shelf
    max_pixels: int
    executor: Executor
    teller: Teller

    def lessons(self, names: Collection[str]) -> Iterator[Lesson]:
        """The lessons of some names, one by one."""
        return self.shelf.named(self.jobs, names)


def learn(
    records: Sequence[Record],
    config: Config,
    out: Path,
    *,
    corrections: Path | None,
    model: Path | None,
    max_pixels: int,
    executor: Executor,
    how: Lessons,
    teller: Teller,
) -> tuple[list[Record], dict[str, Any]]:
    """Learn from a folder, or take a model, and decide on each of its images and slices.

    Args:
        records: Of the first pass, complete.
        config: Its settings.
        out: Folder of its results.
        corrections: Masks that a person gave, NAME.png; ``out/corrections`` if left out and there.
        model: A model of another folder, to be used as it is; then nothing is learned.
        max_pixels: Larger images fail.
        executor: Who does the work.
        how: How students are taught.
        teller: Who hears of the steps.

    Returns:
        The records with what was decided, and what is to be known of the whole.

    Raises:
        ConfigError: The folder of corrections is not there, a correction is of no image, or masks are outlines only.
        ImageError: A correction has not the size of its image.
        WeightsError: The model cannot be used.
    """
    check_readable(config)
    jobs = [Job(case_of(one, out), one, settings_of(one, config)) for one in records if can_be_learned(one)]
    taken = None if model is None else read_model_folder(model)
    named = corrections or out / CORRECTIONS
    given = {} if taken is not None else find_corrections(jobs, named, is_named=corrections is not None)
    folder = _Folder(jobs, Shelf(Places(out), given), max_pixels, executor, teller)
    for job in jobs:  # what is wrong with a correction is told before anything is learned
        folder.shelf.corrected(job)
    lines = _look(folder)
    every = [one for some in lines.values() for one in some]
    n_given = sum(one.is_corrected for one in every)
    summary: dict[str, Any] = {"images": len(every), "corrected": n_given}
    if taken is None:
        course = plan_course(every, how)
        teller.line(course.reason)
        deciders, about = _taught(folder, course, lines, config)
        summary |= about
    else:
        deciders = Deciders(taken.members, taken.keys, taken.rule, taken.in_colour)
        summary |= {"reason": f"decided by the model {str(model)!r}", "rule": asdict(taken.rule), "check": None}
        if strange := sum(one.is_coloured != taken.in_colour for one in every):
            kind = "in colour" if taken.in_colour else "without colour"
            teller.line(f"{strange} images keep their own masks: the model was taught by pictures {kind}")
    outcomes = _decide(folder, [job for job in jobs if job.case.case_id in lines], deciders)
    decisions = {name: one for outcome in outcomes.values() for name, one in outcome.decisions.items()}
    worth = worth_of_correction(every, decisions)
    result = [_with_outcome(record, outcomes.get(record["case_id"]), worth) for record in records]
    summary["changed"] = sum(is_changed(decision) for decision in decisions.values())
    teller.line(f"{summary['changed']} of {len(every)} masks changed by what was learned, {n_given} given by a person")
    return result, summary


def is_changed(decision: Decision) -> bool:
    """Whether what was learned takes another mask than the image's own."""
    return decision.source in ("region", "outline")


def _look(folder: _Folder) -> dict[str, list[LessonLine]]:
    """Make the lessons that are not there yet; the lines on all, by case, without the cases that have none."""
    found = {job.case.case_id: folder.shelf.lines(job) for job in folder.jobs}
    missing = [job for job in folder.jobs if found[job.case.case_id] is None]
    if missing:
        folder.teller.line(f"looking at {len(missing)} of {len(folder.jobs)} images")
    look = partial(look_at_case, places=folder.shelf.places, max_pixels=folder.max_pixels)
    for index, error in _each(look, missing, folder.executor, folder.teller, "looking"):
        if error:
            folder.teller.line(f"{missing[index].case.case_id} is not learned from: {error}")
    found |= {job.case.case_id: folder.shelf.lines(job) for job in missing}
    return {name: lines for name, lines in found.items() if lines}


def _taught(
    folder: _Folder, course: Course, lines: Mapping[str, list[LessonLine]], config: Config
) -> tuple[Deciders, dict[str, Any]]:
    """Teach, try on corrected images what is best, and write the model."""
    out, rule = folder.shelf.places.out, course.rule
    members = _teach(folder, course, lines)
    every = [one for some in lines.values() for one in some]
    corrected = [one.name for one in every if one.is_corrected]
    checking = [member for group, member in members if group.is_check]
    found = check(folder.lessons(corrected), checking, rule) if checking else None
    if found is not None:
        rule = found.best(rule)
        folder.teller.line(
            f"on {found.images} corrected images that taught nothing of it: own masks {found.own:.3f}, taught "
            f"regions {found.regions:.3f}, with the student {found.together:.3f}, its outline {found.outline:.3f}"
        )
    if members and not corrected:
        known = [one.name for one in confident(every)]
        if not trusts_student(folder.lessons(known), [member for _, member in members]):
            rule = replace(rule, student=0.0)
            folder.teller.line("students do not repeat the folder's confident masks; taught regions alone decide")
    write_model_folder(out, course, rule, found, every, config)
    own = [(member_file(out, group), member.key) for group, member in members if not group.is_check]
    about = {"reason": course.reason, "rule": asdict(rule), "check": None if found is None else asdict(found)}
    return Deciders(tuple(path for path, _ in own), tuple(key for _, key in own), rule), about


def _teach(folder: _Folder, course: Course, lines: Mapping[str, list[LessonLine]]) -> list[tuple[Group, Member]]:
    """Teach every group that was not taught the same before; each in one thread, so that workers change nothing."""
    digest, out = prompting.grown_network().digest, folder.shelf.places.out
    every = [one for some in lines.values() for one in some]
    items = []
    for group in course.groups:
        teachers = teachers_of(group, every)
        key = member_key(digest, teachers, course.how)
        if not _is_taught(member_file(out, group), key):
            weights = {one.name: one.confidence for one in teachers}
            items.append(Teaching(member_file(out, group), key, course.how, weights))
    if items and course.how.updates:
        count = len(course.groups)
        folder.teller.line(f"teaching {len(items)} of {count} students, {course.how.updates} updates each")
    call = partial(teach_group, jobs=folder.jobs, shelf=folder.shelf)
    for index, is_done in _each(call, items, folder.executor, folder.teller, "teaching"):
        if isinstance(is_done, Exception):
            raise MSFormerError(f"learning: {items[index].path.stem} could not be taught: {is_done}")
    return [(group, read_member(member_file(out, group))) for group in course.groups]


@dataclass(frozen=True)
class Teaching:
    """A member that is to be taught.

    Attributes:
        path: Its file.
        key: Of what it is made from.
        how: How.
        teachers: How much each of its lessons counts, by name.
    """

    path: Path
    key: str
    how: Lessons
    teachers: Mapping[str, float]


def teach_group(item: Teaching, jobs: Sequence[Job], shelf: Shelf) -> bool:
    """Teach one member, whose lessons are read one by one, and write it."""
    grown = prompting.grown_network()
    lessons = (replace(one, confidence=item.teachers[one.name]) for one in shelf.named(jobs, item.teachers))
    write_member(item.path, teach_member(grown.network, grown.digest, lessons, item.how, item.key))
    return True


def _is_taught(path: Path, key: str) -> bool:
    try:
        return read_member(path).key == key
    except MSFormerError:
        return False


def _decide(folder: _Folder, jobs: Sequence[Job], deciders: Deciders) -> dict[str, Outcome]:
    """What came of each job, by case; one whose process died is not among them."""
    call = partial(decide_case, places=folder.shelf.places, deciders=deciders, max_pixels=folder.max_pixels)
    items = [(job, folder.shelf.given.get(job.case.case_id)) for job in jobs]
    found: dict[str, Outcome] = {}
    for index, outcome in _each(call, items, folder.executor, folder.teller, "deciding"):
        name = jobs[index].case.case_id
        if isinstance(outcome, Exception):
            folder.teller.line(f"{name}: {outcome}; it keeps its own mask")
        elif outcome.error:
            folder.teller.line(f"{name}: {outcome.error}; it keeps its own mask")
        else:
            found[name] = outcome
    return found


def _with_outcome(record: Record, outcome: Outcome | None, worth: Mapping[str, float]) -> Record:
    """A record with what was decided."""
    if outcome is None:
        return record
    decisions = outcome.decisions
    if "slices" not in record:
        ((name, decision),) = decisions.items()
        learned = _told(decision) | {"worth_correcting": round(worth[name], 4)}
    else:
        changed = sum(is_changed(one) for one in decisions.values())
        given = sum(one.source == "corrected" for one in decisions.values())
        learned = {
            "source": "region" if changed else "corrected" if given else "own",
            "reason": f"{changed} of {len(decisions)} slices changed, {given} given by a person",
            "agreement": round(float(np.mean([one.agreement for one in decisions.values()])), 4),
            "ahead": round(max(one.ahead for one in decisions.values()), 4),
            "worth_correcting": round(max(worth[name] for name in decisions), 4),
            "slices": {name.rsplit("slice", 1)[1]: one.source for name, one in decisions.items()},
        }
    return record | outcome.record | {"learned": learned}


def _told(decision: Decision) -> dict[str, Any]:
    return {
        "source": decision.source,
        "reason": decision.reason,
        "agreement": round(decision.agreement, 4),
        "ahead": round(decision.ahead, 4),
    }


def _each(
    call: Callable[[Any], Any], items: Sequence[Any], executor: Executor, teller: Teller, what: str
) -> Iterator[tuple[int, Any]]:
    """Outcomes by index; an error where a process died or had too little memory."""
    teller.begin(what, len(items))
    for one in run_items(executor, call, items):
        teller.advance()
        yield one
