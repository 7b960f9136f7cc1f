"""What this machine has and what a process of it may take: cores, threads, memory."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CASES_WORTH_PROCESSES = 12
"""A process takes about as long to start as six dermoscopy images take; below this many cases one process does all."""
LOOK_S = 0.5
"""Seconds between two looks at whether the parent lives."""
SPARE_MEMORY = 0.8
"""Share of the free memory that processes may take together."""


@dataclass(frozen=True)
class Split:
    """How cores are shared out: ``workers`` processes of ``threads`` threads; no worker is this process itself."""

    workers: int
    threads: int


def choose_split(
    n_cases: int,
    *,
    case_bytes: int,
    is_heavy: bool,
    workers: int | None = None,
    threads: int = 1,
    cores: int | None = None,
    free_bytes: int | None = None,
) -> Split:
    """Share out the cores of this machine.

    Processes of one thread each keep cores busiest: small images leave little to share between threads; presets of
    the released size, where a case takes minutes, ask for two (``fit.threads``). Cores that memory or too few cases
    leave over stay idle: more threads would give other sums, so other labels, for one image than for a thousand.

    Args:
        n_cases: Number of cases.
        case_bytes: Memory that a case takes beside the program itself.
        is_heavy: Whether a case takes minutes and not seconds.
        workers: Number of processes, where the user says it.
        threads: Threads of each.
        cores: Cores to share; those that this process may run on if left out.
        free_bytes: Memory to share; what the machine and its container have free if left out.
    """
    cores = cores or usable_cores()
    if workers is None:
        by_memory = int((free_memory() if free_bytes is None else free_bytes) * SPARE_MEMORY) // max(case_bytes, 1)
        workers = max(min(cores // threads, n_cases, by_memory), 1)
        if n_cases < CASES_WORTH_PROCESSES and not is_heavy:
            workers = 1
    return Split(workers, threads)


def usable_cores() -> int:
    """Cores that this process may run on: its affinity if there is one, and its container's quota (cgroup v2)."""
    import psutil

    this = psutil.Process()
    cores = len(this.cpu_affinity() or ()) if hasattr(this, "cpu_affinity") else 0  # macOS has none
    cores = cores or os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        cores = min(cores, max(int(quota) // int(period), 1))
    return cores


def free_memory() -> int:
    """Bytes that can be allocated without swapping, in this machine and in this container (cgroup v2)."""
    import psutil

    free = int(psutil.virtual_memory().available)
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


def limit_memory(size: int | None) -> None:
    """Let this process have so many bytes of memory of its own; None: as many as there are.

    A request for more then fails, and the program goes on. Mapped files and shared libraries do not count. Does nothing
    where the system has no such limit.
    """
    if resource is None or not sys.platform.startswith("linux"):  # elsewhere it counts little or nothing
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = resource.RLIM_INFINITY if size is None else size
    if hard != resource.RLIM_INFINITY:
        wanted = hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def memory_limit() -> int | None:
    """The bytes that ``limit_memory`` set; None where it set none."""
    if resource is None or not sys.platform.startswith("linux"):
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def end_with_parent() -> None:
    """Let this process end when the one that started it does, however that ends."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
