"""All methods on all pictures, one picture a job."""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.common import one_core_each
from benchmarks.interaction.many import click_on_many, many_cases
from benchmarks.interaction.methods import EDITED, FOREST, METHODS, Picture, Saying, method_of
from benchmarks.interaction.methods.forest import Table, fit, table_of
from benchmarks.interaction.protocols import Row, ask, failed, generator_of, timed
from benchmarks.interaction.sets import GROUP_OF_SET, cases_of, targets_of
from msformer.benchmark.datasets import BenchmarkCase
from msformer.benchmark.task import machine
from msformer.evaluation.prompts import middle_click
from msformer.io import read_image
from msformer.prompting.model import grown_network, read_model
from msformer.segmentation import versions

COMPARED = ("scikit-image", "scikit-learn", "opencv-python-headless")
"""Libraries of the methods that are compared, whose versions are told."""


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        data: Folder of ``<set>/{images,masks}``.
        only: Sets; all of the table where empty.
        limit: Pictures of a set, at most.
        model: File of the grown network; the one that ships where None.
        methods: Names of ``METHODS``.
        seed: Of boxes, forests and intervals.
        all_clicks: Whether slow methods are asked for further clicks, too.
    """

    data: Path
    only: tuple[str, ...] = ()
    limit: int | None = None
    model: Path | None = None
    methods: tuple[str, ...] = tuple(METHODS)
    seed: int = 0
    all_clicks: bool = False

    def sayings(self, method: str, group: str) -> tuple[Saying, ...]:
        """What is said to a method of an object of a group: where it is one of several, a click alone tells which."""
        return METHODS[method].sayings(all_clicks=self.all_clicks) if group == "single" else ("click",)


@dataclass(frozen=True)
class Job:
    """One picture."""

    case: BenchmarkCase
    options: Options
    forest: Path | None


@dataclass(frozen=True)
class Outcome:
    """What came of one picture: rows, and what broke."""

    rows: list[Row]
    failures: list[dict[str, str]]


def run(options: Options) -> dict[str, Any]:
    """Measure; everything that the page is made from, ready for JSON.

    Raises:
        ConfigError: A set is not there.
        WeightsError: The file of the grown network cannot be used.
    """
    start = time.perf_counter()
    cases = cases_of(options.data, options.only, options.limit)
    # A file that cannot be used is told now, not once a picture.
    network = None
    if any(METHODS[name].is_grown for name in options.methods):
        network = grown_network() if options.model is None else read_model(options.model)
    with tempfile.TemporaryDirectory() as folder, one_core_each() as pool:
        forests: dict[str, Path] = {}
        if FOREST in options.methods:
            teachers = [case for case in cases_of(options.data, (), options.limit) if _is_single(case)]
            tables = list(pool.map(teach, teachers))
            sets = sorted({case.set_name for case in cases})
            known = [(case.set_name, table) for case, table in zip(teachers, tables, strict=True) if table is not None]
            jobs = [(name, known, options.seed, Path(folder) / f"{name}.forest") for name in sets]
            forests = {name: path for name, path in pool.map(_fit_without, jobs) if path is not None}
            _say(f"{len(forests)} forests", start)
        rows: list[Row] = []
        failures: list[dict[str, str]] = []
        jobs_of_pictures = [Job(case, options, forests.get(case.set_name)) for case in cases]
        for count, outcome in enumerate(pool.map(measure, jobs_of_pictures), start=1):
            rows += outcome.rows
            failures += outcome.failures
            if count % 20 == 0:
                _say(f"{count} of {len(cases)} pictures", start)
        many = (
            [
                row
                for some in pool.map(click_on_many, many_cases(options.data, options.only, options.limit))
                for row in some
            ]
            if EDITED in options.methods
            else []
        )
    return {
        "machine": machine(),
        "versions": versions() | {name: version(name) for name in COMPARED},
        "seconds": time.perf_counter() - start,
        "seed": options.seed,
        "limit": options.limit,
        "all_clicks": options.all_clicks,
        "only": list(options.only),
        "methods": [name for name in METHODS if name in options.methods],
        "pictures": len(cases),
        "model": None
        if network is None
        else {"digest": network.digest, "recipe": dict(network.recipe), "ships": options.model is None},
        "rows": rows,
        "many": many,
        "failures": failures,
    }


def measure(job: Job) -> Outcome:
    """Ask all methods for the objects of one picture; what breaks is told and counts as nothing found."""
    case, options = job.case, job.options
    group = GROUP_OF_SET[case.set_name]
    rows: list[Row] = []
    failures: list[dict[str, str]] = []
    try:
        picture, targets = Picture.of(read_image(case.image)), targets_of(case)
        if wrong := [one.truth.shape for one in targets if one.truth.shape != picture.shape]:
            raise ValueError(f"the mask has shape {wrong[0]}, the picture {picture.shape}")
    except Exception as error:
        return Outcome([], [{"set": case.set_name, "case": case.name, "method": "", "error": _named(error)}])
    for name in options.methods:
        if name == FOREST and job.forest is None:
            continue
        sayings = options.sayings(name, group)
        try:
            method = method_of(name, model=options.model, forest=job.forest)
            prompter, seconds = timed(partial(method, picture))
            looked = 1000 * seconds
        except Exception as error:
            failures.append({"set": case.set_name, "case": case.name, "method": name, "error": _named(error)})
            prompter, looked = None, None
        for target in targets:
            about = {"set": case.set_name, "group": group, "case": case.name, "object": target.index, "method": name}
            rng = generator_of(options.seed, case.set_name, case.name, str(target.index))
            try:
                found = failed(sayings) if prompter is None else ask(prompter, target.truth, rng, sayings)
            except Exception as error:
                failures.append({"set": case.set_name, "case": case.name, "method": name, "error": _named(error)})
                found = failed(sayings)
            found[0]["look_ms"] = looked
            rows += [about | row for row in found]
    return Outcome(rows, failures)


def teach(case: BenchmarkCase) -> Table | None:
    """What a picture of a single object teaches a forest; None where there is nothing, or it cannot be read."""
    try:
        picture, targets = Picture.of(read_image(case.image)), targets_of(case)
        if not targets:
            return None
        return table_of(picture, targets[0].truth, (*middle_click(targets[0].truth), 1))
    except Exception:  # told when the picture itself is measured
        return None


def _fit_without(job: tuple[str, Sequence[tuple[str, Table]], int, Path]) -> tuple[str, Path | None]:
    """Fit a forest on all sets but one and write it; None where there is no other set."""
    name, known, seed, path = job
    others = [one for one in known if one[0] != name]
    if not others:
        return name, None
    path.write_bytes(pickle.dumps(fit(others, seed)))
    return name, path


def _is_single(case: BenchmarkCase) -> bool:
    return GROUP_OF_SET[case.set_name] == "single"


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _say(what: str, start: float) -> None:
    print(f"{what}, {(time.perf_counter() - start) / 60:.1f} min", file=sys.stderr, flush=True)
