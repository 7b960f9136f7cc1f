"""What a run costs beside its cases: 100,000 cases that do nothing, through all that a real one passes.

    python -m benchmarks.scale --out OUT --markdown docs/scale.md

Planning, handing out, the journal and the reports are measured one by one, as seconds a case of one core of the
coordinator. From these and the time of a case follows how many workers one coordinator feeds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image as Pillow

from benchmarks.scale.echo import Echo
from msformer.batch import tell
from msformer.batch.fingerprint import content_of, stat_of
from msformer.batch.journal import Journal
from msformer.batch.plan import Case, plan_inputs
from msformer.batch.record import Record
from msformer.batch.run import Order, look_ahead, run_cases
from msformer.benchmark.task import machine
from msformer.config import Config
from msformer.executors import Executor, Limits, Processes, run_items
from msformer.io import write_text

SHAPE = 96, 128
CASE_S = (0.6, 1.5, 20.0)
"""Seconds of a case on one core: a small photograph, ``auto``, a volume or the paper's network."""
MILLION = 1_000_000
LINKS = 30_000
"""Names that a file is given; ext4 allows twice as many."""


PAGE = """\
<!-- written by python -m benchmarks.scale -->

# At scale

What a run costs beside its cases, measured with $count cases that do nothing ($machine).

| step | cases | s | µs a case | of these µs of the coordinator's processor |
|---|---|---|---|---|
$rows

A line of the journal is $line kB, a case in `report.json` $case kB; `index.html` has $html kB. The process that did all
of the above had $peak MB at most.

## How many workers one coordinator feeds

One thread hands out and writes the journal: $local ms a case with local processes, $dask ms with Dask. It is the limit
where so many workers end cases of so many seconds that they ask for more. On one machine the cores are the limit long
before; on a cluster, beyond the numbers in the table, use `--num-parts`: each part has a coordinator of its own.

| a case takes | workers, local | workers, Dask | core hours of a million cases |
|---|---|---|---|
$table

## What a shared file system must bear

By the code (`batch/work.py`, `batch/files.py`, `batch/journal.py`): of a case the input is opened twice (digest and
pixels; the second time it is in the cache), three files are written aside, synced, read once for their digests and
renamed, a folder is made and removed, and a line is appended and synced by the coordinator: about 25 calls that reach
the server, four of them syncs, and the bytes of image and masks. A folder of results has as many entries as there are
cases: file systems with hashed folders bear a million; else lay images out in subfolders, which the results of `-r`
mirror.

## A million images

Coordinator: $hours h of one core while cases run; planning $planning min, finding what is finished $finding min,
reports $reports min, the journal $gigabytes GB. These are multiples of what was measured at $count, and were not run.
"""


@dataclass(frozen=True)
class Cost:
    """What a step costs.

    Attributes:
        step: Its name.
        count: Of cases.
        seconds: Of wall time, all together.
        cpu: Of processor time of this process.
    """

    step: str
    count: int
    seconds: float
    cpu: float


def timed(step: str, count: int, call: Callable[[], Any]) -> Cost:
    """Do a step once."""
    before, start = time.process_time(), time.perf_counter()
    call()
    cost = Cost(step, count, time.perf_counter() - start, time.process_time() - before)
    print(f"{step}: {cost.seconds:.1f} s, {cost.cpu / count * 1e6:.0f} µs of processor time a case", flush=True)
    return cost


def a_picture(folder: Path) -> Path:
    """A small picture with an object."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(170, 200, (*SHAPE, 3)).astype(np.uint8)
    pixels[30:60, 40:90] -= 110
    folder.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(folder / "one.png")
    return folder / "one.png"


def measure(out: Path, count: int) -> tuple[list[Cost], dict[str, float]]:
    """All steps, and the sizes of what they leave."""
    shutil.rmtree(out, ignore_errors=True)
    picture = a_picture(out / "one")
    config = Config.from_preset("general")
    records = run_cases([Case("one", picture)], config, out / "real")
    record = next(iter(records))
    images, results = out / "in", out / "results"
    images.mkdir()
    results.mkdir()
    for number in range(count):
        name_again(picture, images / f"{number:06d}.png", number)
    costs, plans = [], []
    costs.append(timed("planning", count, lambda: plans.append(plan_inputs([str(images)]))))
    cases = plans[0].cases
    order = Order(cases, config)
    settings = order.fingerprint(config)
    made = {"stat": stat_of(cases[0]), "content": content_of(cases[0])}
    for name, executor in (("handing out, two processes", Processes(2, 1, Limits(seconds=3600.0))), *farms()):
        some = cases if name.endswith("processes") else cases[: count // 10]
        echo = Echo(dict(record) | {"input": made})
        costs.append(timed(name, len(some), lambda: drain(executor, echo, some)))  # noqa: B023 - called at once
        executor.close()
    journal = Journal(results)
    journal.begin({"settings": settings, "base": settings, "asked": [], "agreed": None, "planned": count,
                   "config": config.model_dump(mode="json"), "workers": 2, "threads": 1, "skipped": []})  # fmt: skip
    finished = [as_finished(record, case, made, results, number) for number, case in enumerate(cases)]
    tenth = max(count // 10, 1)  # of the syncs a disk does some hundred a second
    costs.append(timed("journal, a synced line each", tenth, lambda: keep(journal, finished[:tenth], settings)))
    with patch("os.fsync"):
        keep(journal, finished[tenth:], settings)
    costs.append(timed("finding what is finished", count, lambda: look_ahead(order, results)))
    costs.append(timed("reports", count, lambda: tell.report(results)))
    sizes = {
        "journal": journal.path.stat().st_size / count,
        "report.json": (results / "report.json").stat().st_size / count,
        "index.html": (results / "index.html").stat().st_size,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    return costs, sizes


def drain(executor: Executor, call: Echo, cases: Any) -> None:
    """Have all of them done."""
    for _ in run_items(executor, call, cases):
        pass


def keep(journal: Journal, records: list[Record], settings: str) -> None:
    """Add all of them."""
    for one in records:
        journal.add(one, settings)


def name_again(source: Path, name: Path, number: int) -> None:
    """Another name of a file; after every so many of a copy of it, as file systems have a limit."""
    copy = source.with_name(f"{source.stem}.copy{number // LINKS}{source.suffix}")
    if not copy.exists():
        shutil.copy2(source, copy)
    os.link(copy, name)


def farms() -> list[tuple[str, Executor]]:
    """A Dask cluster of two workers, where Dask is installed."""
    from msformer.executors.cluster import Cluster

    return [("handing out, Dask", Cluster(None, "local", workers=2, threads=1, limits=Limits(seconds=3600.0)))]


def as_finished(record: Record, case: Case, made: Mapping[str, str], results: Path, number: int) -> Record:
    """The record under the name of a case, whose files are links to those of the real one."""
    outputs = {}
    digests = {}
    for kind, relative in record["outputs"].items():
        mine = f"{kind}/{case.case_id}{Path(relative).suffix}"
        source = results.parent / "real" / relative
        (results / kind).mkdir(exist_ok=True)
        name_again(source, results / mine, number)
        outputs[kind] = mine
        digests[mine] = record["digests"][relative]
    small = results.parent / "real" / "thumbnails" / f"{record['case_id']}.jpg"
    (results / "thumbnails").mkdir(exist_ok=True)
    name_again(small, results / "thumbnails" / f"{case.case_id}.jpg", number)  # workers make them, not the report
    about = {"case_id": case.case_id, "source": str(case.source), "input": dict(made)}
    return dict(record) | about | {"outputs": outputs, "digests": digests}


def page(costs: list[Cost], sizes: Mapping[str, float], count: int) -> str:
    """The page."""
    rows = [
        f"| {one.step} | {one.count:,} | {one.seconds:.1f} | {one.seconds / one.count * 1e6:.0f} | "
        f"{one.cpu / one.count * 1e6:.0f} |"
        for one in costs
    ]
    by_name = {one.step: one for one in costs}
    own = by_name["journal, a synced line each"].seconds / by_name["journal, a synced line each"].count
    feeding = {
        "local": own + by_name["handing out, two processes"].cpu / by_name["handing out, two processes"].count,
        "Dask": own + by_name["handing out, Dask"].cpu / by_name["handing out, Dask"].count,
    }
    table = [
        f"| {seconds:g} s | {seconds / feeding['local']:,.0f} | {seconds / feeding['Dask']:,.0f} | "
        f"{MILLION * seconds / 3600:,.0f} |"
        for seconds in CASE_S
    ]
    each = {name: one.seconds / one.count for name, one in by_name.items()}
    told = {
        "count": f"{count:,}",
        "machine": f"{machine()['processor']}, {machine()['cores']} cores",
        "rows": "\n".join(rows),
        "line": f"{sizes['journal'] / 1e3:.1f}",
        "case": f"{sizes['report.json'] / 1e3:.1f}",
        "html": f"{sizes['index.html'] / 1e3:.0f}",
        "peak": f"{sizes['peak'] / 1e6:.0f}",
        "local": f"{feeding['local'] * 1e3:.2f}",
        "dask": f"{feeding['Dask'] * 1e3:.2f}",
        "table": "\n".join(table),
        "hours": f"{MILLION * statistics.mean(feeding.values()) / 3600:.1f}",
        "planning": f"{MILLION * each['planning'] / 60:.1f}",
        "finding": f"{MILLION * each['finding what is finished'] / 60:.1f}",
        "reports": f"{MILLION * each['reports'] / 60:.1f}",
        "gigabytes": f"{MILLION * sizes['journal'] / 1e9:.1f}",
    }
    return Template(PAGE).substitute(told)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    given = parser.parse_args()
    costs, sizes = measure(given.out.absolute(), given.count)
    text = page(costs, sizes, given.count)
    print(json.dumps(sizes))
    if given.markdown is None:
        print(text)
    else:
        write_text(given.markdown, text)


if __name__ == "__main__":
    main()
