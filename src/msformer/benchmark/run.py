"""All runs of a benchmark: in parallel, those that are there already skipped, failures recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from msformer import baselines
from msformer.benchmark.datasets import BenchmarkCase
from msformer.benchmark.task import Record, Task, record_death, record_path, run_task
from msformer.config import Config
from msformer.executors import Processes, run_items


def plan_tasks(
    cases: Sequence[BenchmarkCase], methods: Sequence[str], seeds: Sequence[int], config: Config
) -> list[Task]:
    """Every method on every case with every seed; methods that no seed changes run once, with the first one.

    Raises:
        ConfigError: A method is unknown.
    """
    methods, seeds = list(dict.fromkeys(methods)), list(dict.fromkeys(seeds))
    seeds_of = {name: seeds if baselines.get_method(name).seeded else seeds[:1] for name in methods}
    return [Task(case, name, seed, config) for case in cases for name in methods for seed in seeds_of[name]]


def run_tasks(
    tasks: Sequence[Task], out: Path, *, workers: int, on_record: Callable[[Record], None] | None = None
) -> list[Record]:
    """Run what is missing, stale or failed before, and gather all records in the order of the tasks.

    Every run is one thread of one process: methods are compared on equal terms, and cores are kept busy by cases.

    Args:
        tasks: From ``plan_tasks``.
        out: Folder of the results.
        workers: Number of processes.
        on_record: Called after each run, those that were there already included.
    """
    records: dict[int, Record] = {}
    missing: list[int] = []
    for index, task in enumerate(tasks):
        earlier = _earlier(task, out)
        if earlier is None:
            missing.append(index)
        else:
            records[index] = earlier
            _tell(on_record, earlier)
    run = partial(run_task, out=out)
    executor = Processes(workers, threads=1)
    try:
        for position, found in run_items(executor, run, [tasks[index] for index in missing]):
            index = missing[position]
            records[index] = record = record_death(tasks[index], out) if isinstance(found, Exception) else found
            _tell(on_record, record)
    finally:
        executor.close()
    return [records[index] for index in range(len(tasks))]


def _earlier(task: Task, out: Path) -> Record | None:
    path = record_path(task, out)
    try:
        record: Record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    try:
        is_current = record.get("status") == "done" and record.get("fingerprint") == task.fingerprint()
    except OSError:  # the task itself will tell what is wrong with its files
        return None
    return record if is_current else None


def _tell(on_record: Callable[[Record], None] | None, record: Record) -> None:
    if on_record is not None:
        on_record(record)
