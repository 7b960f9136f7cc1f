"""All runs of a benchmark: in parallel, those that are there already skipped, failures recorded."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from msformer import baselines
from msformer.benchmark.datasets import BenchmarkCase
from msformer.benchmark.task import Task, record_path, run_task
from msformer.config import Config

Record = dict[str, Any]


def plan_tasks(
    cases: Sequence[BenchmarkCase], methods: Sequence[str], seeds: Sequence[int], config: Config
) -> list[Task]:
    """Every method on every case with every seed; methods that no seed changes run once, with the first one.

    Raises:
        ConfigError: A method is unknown.
    """
    seeds_of = {name: list(seeds) if baselines.get_method(name).seeded else list(seeds)[:1] for name in methods}
    return [Task(case, name, seed, config) for case in cases for name in methods for seed in seeds_of[name]]


def run_tasks(
    tasks: Sequence[Task], out: Path, *, workers: int, on_record: Callable[[Record], None] | None = None
) -> list[Record]:
    """Run what is missing, stale or failed before, and gather all records in the order of the tasks.

    Every run is one thread of one process: methods are compared on equal terms, and cores are kept busy by cases.

    Args:
        tasks: From ``plan_tasks``.
        out: Folder of the results.
        workers: Number of processes; 1 runs in this one.
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
    if workers == 1:
        for index in missing:
            records[index] = run_task(tasks[index], out)
            _tell(on_record, records[index])
    elif missing:
        # Spawned, because a forked torch may hang; small chunks, because cases differ much in size.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
            futures = {pool.submit(run_task, tasks[index], out): index for index in missing}
            try:
                for future in as_completed(futures):
                    records[futures[future]] = future.result()
                    _tell(on_record, future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [records[index] for index in range(len(tasks))]


def _earlier(task: Task, out: Path) -> Record | None:
    path = record_path(task, out)
    try:
        record: Record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_current = record.get("status") == "done" and record.get("fingerprint") == task.fingerprint()
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
