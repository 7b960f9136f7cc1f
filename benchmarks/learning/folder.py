"""The sets as the program leaves a folder: first masks, what is learned from each image, and how a decision scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from msformer.batch.journal import read_records
from msformer.batch.learn.decided import drawn
from msformer.batch.learn.jobs import Job, Places, can_be_learned, case_of, look_at_case, read_image_of, read_mask
from msformer.batch.learn.jobs import settings_of as settings_of_record
from msformer.batch.plan import Case
from msformer.batch.run import run_cases
from msformer.benchmark.datasets import discover
from msformer.config import AUTO_PRESET, Config
from msformer.errors import ConfigError, MSFormerError, ReadError
from msformer.evaluation.files import read_truth
from msformer.image import Mask
from msformer.io import MAX_PIXELS, write_text
from msformer.learning import Decision, Lesson, read_lesson
from msformer.morphology import dice

OWN = "own-dice.json"


@dataclass(frozen=True, eq=False)
class Seen:
    """An image after the first pass.

    Attributes:
        set_name: Its set.
        job: Image, record and settings, as ``msformer learn`` holds them.
        lesson: What is learned from it; its name has the set in it, since folders may hold several.
        truth_file: The mask of the set.
        own: Dice of the program's own mask at native size.
    """

    set_name: str
    job: Job
    lesson: Lesson
    truth_file: Path
    own: float

    @property
    def truth(self) -> Mask:
        """``(H, W)``, also what the person says who corrects."""
        return read_truth(self.truth_file)[0]

    @property
    def corrected(self) -> Lesson:
        """The lesson with what a person gave."""
        return self.lesson.with_correction(self.truth)


def first_pass(item: tuple[str, Path, Path, int | None]) -> list[str]:
    """Segment a set as a folder and look at its images, unless both is done; what failed, in words.

    Args:
        item: The set, the data, the folder of results, images at most.
    """
    set_name, data, out, limit = item
    folder = out / "first" / set_name
    cases = discover(data, [set_name], limit).cases
    planned = [Case(case.name, case.image) for case in cases]
    try:
        records, config = read_records(folder)
        is_done = [record["case_id"] for record in records] == [case.name for case in cases]
    except ConfigError:
        is_done = False
    if not is_done:
        run_cases(planned, Config.from_preset(AUTO_PRESET), folder)
        records, config = read_records(folder)
    places = Places(folder)
    failed = [f"{set_name} {one['case_id']}: {one['error']}" for one in records if not can_be_learned(one)]
    own = {}
    for record in records:
        if not can_be_learned(record):
            continue
        job = Job(case_of(record, folder), record, settings_of_record(record, config))
        try:
            read_lesson(places.lesson(job.parts[0]), job.key)
        except ReadError:
            if error := look_at_case(job, places, MAX_PIXELS):
                failed.append(f"{set_name} {job.case.case_id}: {error}")
                continue
        truth = read_truth(next(case.truth for case in cases if case.name == job.case.case_id))[0]
        own[job.case.case_id] = dice(
            read_mask(folder / record["outputs"]["masks"], read_image_of(job, MAX_PIXELS)), truth
        )
    write_text(folder / OWN, json.dumps(own, indent=1) + "\n")
    return failed


@lru_cache(maxsize=4)
def seen_in(set_name: str, data: Path, out: Path, limit: int | None) -> tuple[Seen, ...]:
    """The images of a set that went through the first pass, in the order of their names."""
    folder = out / "first" / set_name
    records, config = read_records(folder)
    own = json.loads((folder / OWN).read_text(encoding="utf-8"))
    truths = {case.name: case.truth for case in discover(data, [set_name], limit).cases}
    found = []
    for record in records:
        if (name := record["case_id"]) not in own:
            continue
        job = Job(case_of(record, folder), record, settings_of_record(record, config))
        lesson = replace(read_lesson(Places(folder).lesson(job.parts[0]), job.key), name=f"{set_name}/{name}")
        found.append(Seen(set_name, job, lesson, truths[name], own[name]))
    return tuple(found)


def score(seen: Seen, decision: Decision, out: Path) -> float:
    """Dice at native size of what was decided; regions are drawn once and remembered in ``out``."""
    if decision.mask is None:
        return seen.own
    if decision.source != "region":
        return dice(at_native_size(seen, decision), seen.truth)
    shown = hashlib.sha256(f"{decision.mask.shape}".encode() + np.packbits(decision.mask).tobytes()).hexdigest()[:20]
    path = out / "drawn" / seen.set_name / f"{seen.job.case.case_id}.{shown}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, repr(dice(at_native_size(seen, decision), seen.truth)))
    return float(path.read_text(encoding="utf-8"))


def at_native_size(seen: Seen, decision: Decision) -> Mask:
    """``(H, W)``, what ``msformer learn`` would write; nothing where its drawing fails."""
    image = read_image_of(seen.job, MAX_PIXELS)
    if decision.mask is None or not decision.mask.any():
        return np.zeros(image.shape, dtype=bool)
    try:
        return drawn(seen.job, image, decision.source, decision.mask)
    except MSFormerError:
        return np.zeros(image.shape, dtype=bool)


def permuted(some: Sequence[Seen], seed: int, draw: int) -> list[Seen]:
    """The order in which a draw corrects: its first k are those of every method and every smaller k."""
    return [some[index] for index in np.random.default_rng([seed, draw]).permutation(len(some))]
