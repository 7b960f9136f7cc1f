"""All runs of a benchmark: in parallel, those that are there already skipped, failures recorded."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from msformer import baselines
from msformer.benchmark.datasets import BenchmarkCase
from msformer.benchmark.task import Record, Task, record_death, record_path, run_task
from msformer.config import Config


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
    for index, record in _run_all(tasks, missing, out, workers):
        records[index] = record
        _tell(on_record, record)
    return [records[index] for index in range(len(tasks))]


def _run_all(tasks: Sequence[Task], missing: list[int], out: Path, workers: int) -> Iterator[tuple[int, Record]]:
    """Run tasks in processes; where one of them dies, find which task it was, record it, and go on."""
    waiting = list(missing)
    while waiting:
        finished: set[int] = set()
        try:
            for index, record in _run_in_pool(tasks, waiting, out, workers):
                finished.add(index)
                yield index, record
        except BrokenProcessPool:
            waiting = [index for index in waiting if index not in finished]
            # Tasks start in order, so it was one of the first that are left; each of them gets a process of its own.
            suspects, waiting = waiting[: workers + 1], waiting[workers + 1 :]
            for index in suspects:
                try:
                    yield from _run_in_pool(tasks, [index], out, 1)
                except BrokenProcessPool:
                    yield index, record_death(tasks[index], out)
        else:
            return


def _run_in_pool(tasks: Sequence[Task], indices: list[int], out: Path, workers: int) -> Iterator[tuple[int, Record]]:
    # Spawned, because a forked torch may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)
    try:
        futures = {pool.submit(run_task, tasks[index], out): index for index in indices}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        # Waiting here is what makes an interruption stop: without it the interpreter would run all that is pending.
        pool.shutdown(wait=True, cancel_futures=True)


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


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
