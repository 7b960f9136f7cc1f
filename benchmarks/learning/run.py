"""Jobs, each in a process and kept in a file of its own, so that a run that was ended goes on."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.common import one_core_each
from benchmarks.learning.alone import NO_STUDENT, SIZES, TAKEN_OUT, WRONG, decide_alone, small_dice, spoiled
from benchmarks.learning.folder import OWN, Seen, at_native_size, first_pass, permuted, score, seen_in
from benchmarks.learning.methods import GROUPS, LEARN
from benchmarks.learning.order import ANY, PROPOSED, corrected_in_order
from benchmarks.learning.sets import (
    CORRECTED,
    CURVED,
    FOLDERS,
    LEAST_LEFT,
    ONE_OBJECT,
    ORDERED,
    PICTURED,
    TAUGHT,
    ULTRASOUND,
    sets_of,
)
from msformer.benchmark.datasets import discover
from msformer.benchmark.task import machine
from msformer.errors import MSFormerError
from msformer.io import write_mask, write_text
from msformer.learning import Lessons
from msformer.prompting import grown_network
from msformer.segmentation import versions

Row = dict[str, Any]
PARTS = ("regions", "order", "curves", "alone", "students", "ablation", "pixels", "others")
"""What is measured, in this order: what is cheap comes first, and with it an answer to every question."""
SHOWN = 5
"""Corrections before the masks that are shown."""


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        data: Folder of ``<set>/{images,masks}``.
        out: Folder of what is kept.
        only: Sets; all of the table where empty.
        limit: Images of a set, at most.
        parts: Of ``PARTS``.
        draws: Draws of corrected images.
        costly_draws: The first so many of these are for students and forests of pixels too.
        updates: Of a student.
        seed: Of everything.
    """

    data: Path
    out: Path
    only: tuple[str, ...] = ()
    limit: int | None = None
    parts: tuple[str, ...] = PARTS
    draws: int = 3
    costly_draws: int = 1
    updates: int = Lessons().updates
    seed: int = 0


@dataclass(frozen=True)
class Job:
    """One thing that is measured.

    Attributes:
        part: Of ``PARTS``.
        place: A set, or a folder of several.
        method: What is tried where the part has several; else empty.
        amount: Corrected images, images of the folder or share of wrong masks; 0 where nothing of it is asked.
        draw: Which draw.
    """

    part: str
    place: str
    method: str = ""
    amount: float = 0
    draw: int = 0

    def path(self, options: Options) -> Path:
        """Where its rows are kept."""
        parts = self, options.limit, options.updates, options.seed
        return options.out / "jobs" / self.part / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}.json"


def run(options: Options) -> dict[str, Any]:
    """Measure; everything that the page is made from, ready for JSON.

    Raises:
        ConfigError: A set is not there.
    """
    start = time.perf_counter()
    sizes = Counter(case.set_name for case in discover(options.data, sets_of(options.only), options.limit).cases)
    names = [name for name, _ in sizes.most_common()]  # large sets first: the processes end together
    failures: list[str] = []
    outcomes: list[dict[str, Any]] = []
    with one_core_each() as pool:
        for failed in pool.map(first_pass, [(name, options.data, options.out, options.limit) for name in names]):
            failures += failed
        _say(f"{len(names)} sets segmented", start)
        counts = {name: _count(options, name) for name in names}
        jobs = list(plan(options, counts))
        for done, outcome in enumerate(pool.map(_do, [(job, options) for job in jobs]), start=1):
            outcomes.append(outcome)
            if done % 20 == 0 or done == len(jobs):
                _say(f"{done} of {len(jobs)} jobs", start)
    failures += [one["error"] for one in outcomes if one["error"]]
    return {
        "machine": machine(),
        "versions": versions() | {"scikit-learn": version("scikit-learn")},
        "network": grown_network().digest,
        "seconds": sum(one["seconds"] for one in outcomes),
        "options": asdict(options) | {"data": "", "out": ""},
        "images": counts,
        "rows": [row for one in outcomes for row in one["rows"]],
        "ways": [one["way"] for one in outcomes if one["way"]],
        "failures": failures,
    }


def plan(options: Options, counts: dict[str, int]) -> Iterator[Job]:
    """The jobs, part by part; counts are the images of each set that is at hand."""
    folders = [name for name, sets in FOLDERS.items() if all(one in counts for one in sets)]
    sets = [name for name in TAUGHT if name in counts]
    for part in (one for one in PARTS if one in options.parts):
        if part in GROUPS:
            draws = options.draws if part == "regions" else 1 if part == "others" else options.costly_draws
            for draw in range(min(draws, options.draws)):
                for k in (5, *(one for one in CORRECTED if one != 5)):
                    is_asked = part != "others" or k == SHOWN
                    for name in sets if part != "others" else [one for one in sets if one in ONE_OBJECT]:
                        if is_asked and counts[name] >= k + LEAST_LEFT:
                            yield Job(part, name, "", k, draw)
        elif part == "order":
            for name in (one for one in ORDERED if counts.get(one, 0) > LEAST_LEFT):
                yield Job(part, name, PROPOSED)
                yield from (Job(part, name, ANY, 0, draw) for draw in range(options.draws))
        elif part == "alone":
            yield from (Job(part, name, method) for method in (NO_STUDENT, LEARN) for name in folders)
        elif part == "ablation":
            yield from (Job(part, name, method) for method in TAKEN_OUT for name in folders if name == ULTRASOUND)
        else:
            for name in (one for one in folders if one in CURVED):
                whole = sum(counts[one] for one in FOLDERS[name])
                for size in (one for one in SIZES if one is None or one < whole):
                    for draw in range(1 if size is None else options.draws):
                        yield Job(part, name, "size", size or whole, draw)
                for share in WRONG:
                    for draw in range(options.draws if share else 1):
                        yield Job(part, name, "wrong", share, draw)


def measure(job: Job, options: Options) -> tuple[list[Row], str]:
    """The rows of a job, one an image that was decided on, and what a check of the program chose."""
    seed = options.seed + job.draw
    how = Lessons(options.updates, seed=seed)
    some = [one for name in FOLDERS.get(job.place, (job.place,))
            for one in seen_in(name, options.data, options.out, options.limit)]  # fmt: skip
    ordered = permuted(some, options.seed, job.draw)
    by_name = {one.lesson.name: one for one in some}
    rows: list[Row] = []
    way = ""
    if job.part in GROUPS:
        given, rest = ordered[: int(job.amount)], ordered[int(job.amount) :]
        made = GROUPS[job.part]([*(one.corrected for one in given), *(one.lesson for one in rest)], how)
        for method, decisions in made.decisions.items():
            for name, decision in decisions.items():
                rows.append(_row(job, by_name[name], score(by_name[name], decision, options.out), method=method))
                if (job.place, job.amount, job.draw, method) in [(one, SHOWN, 0, LEARN) for one in PICTURED]:
                    if decision.mask is None:
                        continue
                    path = options.out / "shown" / f"{name}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_mask(path, at_native_size(by_name[name], decision))
        way = made.way
    elif job.part == "order":
        for k, found in corrected_in_order(some, how, None if job.method == PROPOSED else ordered):
            rows += [_row(job, one, score(one, decision, options.out), amount=k) for one, decision in found]
    elif job.method == "wrong":
        lessons, wrong = spoiled([one.lesson for one in some], job.amount, seed)
        decided = decide_alone(lessons, how, NO_STUDENT)
        for lesson in lessons:
            own, dice = small_dice(by_name[lesson.name], lesson, decided[lesson.name])
            rows.append(_row(job, by_name[lesson.name], dice, own=own, wrong=lesson.name in wrong))
    else:
        part = ordered[: int(job.amount)] if job.method == "size" else some
        variant, least = (NO_STUDENT, 1) if job.method == "size" else (job.method, None)
        lessons = [one.lesson for one in part]
        decided = decide_alone(lessons, how, variant) if least is None else decide_alone(lessons, how, variant, least=1)
        rows += [_row(job, one, score(one, decided[one.lesson.name], options.out)) for one in part]
    return rows, way


def _row(job: Job, seen: Seen, dice: float, **more: Any) -> Row:
    about = {"set": seen.set_name, "case": seen.job.case.case_id, "own": seen.own, "dice": dice}
    return asdict(job) | about | more


def _do(item: tuple[Job, Options]) -> dict[str, Any]:
    """Measure, or read what was measured before; what breaks is told and tried again by the next run."""
    job, options = item
    path = job.path(options)
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    start = time.process_time()
    try:
        rows, way = measure(job, options)
    except (MSFormerError, ValueError, OSError, MemoryError) as error:
        what = (
            f"{job.part} {job.method} on {job.place}, {job.amount:g}, draw {job.draw}: {type(error).__name__}: {error}"
        )
        return {"rows": [], "way": "", "seconds": 0.0, "error": what}
    outcome = {"rows": rows, "way": way, "seconds": time.process_time() - start, "error": ""}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(outcome, allow_nan=False) + "\n")
    return outcome


def _count(options: Options, name: str) -> int:
    return len(json.loads((options.out / "first" / name / OWN).read_text(encoding="utf-8")))


def _say(what: str, start: float) -> None:
    print(f"{what}, {(time.perf_counter() - start) / 60:.1f} min", file=sys.stderr, flush=True)
