from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from msformer import processes
from msformer.processes import Split, choose_split

GIB = 2**30


@pytest.mark.parametrize(
    ("n_cases", "is_heavy", "cores", "free", "expected"),
    [
        (1, False, 2, 16 * GIB, Split(1, 1)),
        (11, False, 2, 16 * GIB, Split(1, 1)),  # not worth starting processes for
        (12, False, 2, 16 * GIB, Split(2, 1)),
        (500, False, 16, 64 * GIB, Split(16, 1)),
        (500, False, 16, 4 * GIB, Split(3, 1)),  # 80 % of the memory, a GiB each
        (500, False, 16, 0, Split(1, 1)),
        (1, True, 8, 64 * GIB, Split(1, 2)),  # not 8: as many threads on any machine
        (1, True, 1, 64 * GIB, Split(1, 2)),
        (3, True, 8, 64 * GIB, Split(3, 2)),
        (500, True, 8, 5 * GIB, Split(4, 2)),
    ],
)
def test_split_follows_from_cases_cores_and_memory(
    n_cases: int, is_heavy: bool, cores: int, free: int, expected: Split
) -> None:
    split = partial(choose_split, n_cases, case_bytes=GIB, cores=cores, free_bytes=free)
    assert split(is_heavy=is_heavy, threads=2 if is_heavy else 1) == expected


def test_what_the_user_says_of_the_split_holds() -> None:
    split = partial(choose_split, 500, case_bytes=GIB, is_heavy=False, cores=8, free_bytes=64 * GIB)
    assert split(workers=3) == Split(3, 1)
    assert split(threads=4) == Split(2, 4)
    assert split(workers=5, threads=7) == Split(5, 7)


def test_cores_and_memory_of_this_machine_are_found() -> None:
    assert 1 <= processes.usable_cores() <= (os.cpu_count() or 1)
    assert processes.free_memory() > 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the second source is Linux's")
def test_free_memory_is_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_read", lambda path: "")  # no container
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    told = int(lines["MemAvailable"].split()[0]) * 1024
    assert processes.free_memory() == pytest.approx(told, rel=0.2)  # others run meanwhile


def test_a_system_without_affinity_has_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_read", lambda path: "")
    monkeypatch.setattr("psutil.Process", SimpleNamespace)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert processes.usable_cores() == 7


def test_a_container_with_less_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/sys/fs/cgroup/cpu.max": "100000 100000\n",
        "/sys/fs/cgroup/memory.max": "5000000\n",
        "/sys/fs/cgroup/memory.current": "3000000\n",
    }
    monkeypatch.setattr(processes, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=8_192_000))
    assert processes.usable_cores() == 1
    assert processes.free_memory() == 2_000_000
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert processes.free_memory() == 8_192_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no limit of memory on this system")
def test_memory_can_be_limited_and_given_back() -> None:
    before = processes.memory_limit()
    try:
        processes.limit_memory(2**40)
        assert processes.memory_limit() == 2**40
    finally:
        processes.limit_memory(before)
    assert processes.memory_limit() == before
