"""Many items on one machine: how many processes and threads, and the same function in each of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CASES_WORTH_PROCESSES = 12
"""A process takes about as long to start as six dermoscopy images take; below this many cases one process does all."""
HEAVY_THREADS = 2
"""Threads of a heavy case: on any machine, since another number gives other sums; ``fit.threads`` of its presets."""
SPARE_MEMORY = 0.8
"""Share of the free memory that processes may take together."""


@dataclass(frozen=True)
class Split:
    """How cores are shared out: ``workers`` processes of ``threads`` threads; one worker is this process itself."""

    workers: int
    threads: int


def choose_split(
    n_cases: int,
    *,
    case_bytes: int,
    is_heavy: bool,
    workers: int | None = None,
    threads: int | None = None,
    cores: int | None = None,
    free_bytes: int | None = None,
) -> Split:
    """Share out the cores of this machine.

    Processes of one thread each keep cores busiest: small images leave little to share between threads. Only heavy
    cases (the released size, which takes minutes) get ``HEAVY_THREADS`` each. Cores that memory or too few cases leave
    over stay idle: more threads would give other sums, so other labels, for one image than for a thousand.

    Args:
        n_cases: Number of cases.
        case_bytes: Memory that a case takes beside the program itself.
        is_heavy: Whether a case takes minutes and not seconds.
        workers: Number of processes, where the user says it.
        threads: Threads of each, where the user says it.
        cores: Cores to share; those that this process may run on if left out.
        free_bytes: Memory to share; what the machine and its container have free if left out.
    """
    cores = cores or usable_cores()
    threads = threads or (HEAVY_THREADS if is_heavy else 1)
    if workers is None:
        by_memory = int((free_memory() if free_bytes is None else free_bytes) * SPARE_MEMORY) // max(case_bytes, 1)
        workers = max(min(cores // threads, n_cases, by_memory), 1)
        if n_cases < CASES_WORTH_PROCESSES and not is_heavy:
            workers = 1
    return Split(workers, threads)


def usable_cores() -> int:
    """Cores that this process may run on: its affinity, and the quota of its container (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        cores = min(cores, max(int(quota) // int(period), 1))
    return cores


def free_memory() -> int:
    """Bytes that can be allocated without swapping, in this machine and in this container; 4 GiB where unknown."""
    available = [line.split() for line in _read("/proc/meminfo").splitlines() if line.startswith("MemAvailable:")]
    free = int(available[0][1]) * 1024 if available else 4 * 2**30
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        free = min(free, max(int(limit) - int(used), 0))
    return free


def limit_threads(count: int) -> None:
    """Keep this process to so many threads, also in libraries that are loaded later."""
    import cv2

    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    cv2.setNumThreads(count)
    if "torch" in sys.modules:  # not loaded for this: many cases never need it
        import torch

        torch.set_num_threads(count)


def run_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], split: Split
) -> Iterator[tuple[int, Result | None]]:
    """Apply a function to items in processes; yields indices and results as they come.

    Where a process dies (for want of memory, or by a signal), the item that it had is found by giving those that may
    have been it a process each; its result is None, and the others go on. After a ``KeyboardInterrupt`` the items
    that are being worked on are finished and yielded before it goes on.

    Args:
        function: Picklable; sent to each process once.
        items: Picklable.
        split: Number of processes, and of threads in each.
    """
    waiting = list(range(len(items)))
    while waiting:
        finished: set[int] = set()
        try:
            for index, result in _run_in_pool(function, items, waiting, split):
                finished.add(index)
                yield index, result
        except BrokenProcessPool:
            waiting = [index for index in waiting if index not in finished]
            # Items start in order, so it was one of the first that are left.
            suspects, waiting = waiting[: split.workers + 1], waiting[split.workers + 1 :]
            for index in suspects:
                try:
                    yield from _run_in_pool(function, items, [index], Split(1, split.threads))
                except BrokenProcessPool:
                    yield index, None
        else:
            return


def _run_in_pool(
    function: Callable[[Item], Result], items: Sequence[Item], indices: Sequence[int], split: Split
) -> Iterator[tuple[int, Result]]:
    # Spawned, because a forked torch may hang.
    pool = ProcessPoolExecutor(
        min(split.workers, len(indices)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(function, split.threads),
    )
    try:
        with _threads_of_children(split.threads):
            futures: dict[Future[Result], int] = {pool.submit(_work, items[index]): index for index in indices}
        yielded: set[Future[Result]] = set()
        try:
            for future in as_completed(futures):
                yielded.add(future)
                yield futures[future], future.result()
        except KeyboardInterrupt:
            left = [future for future in futures if future not in yielded and not future.cancel()]
            for future in as_completed(left):
                yield futures[future], future.result()
            raise
    finally:
        # Waiting here is what makes an interruption stop: without it the interpreter would run all that is pending.
        pool.shutdown(wait=True, cancel_futures=True)


_function: Callable[[Any], Any] | None = None
"""In a worker process: what it was started for."""


def _start(function: Callable[[Any], Any], threads: int) -> None:
    global _function  # the one thing that a worker process is told once
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first of them decides
    limit_threads(threads)


def _work(item: Any) -> Any:
    if _function is None:
        raise RuntimeError("this process was not started by run_in_processes")
    return _function(item)


@contextmanager
def _threads_of_children(count: int) -> Iterator[None]:
    """Processes started here are limited before they load any library."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
