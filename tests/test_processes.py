from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import cv2
import pytest

from msformer import processes
from msformer.processes import Split, choose_split, run_in_processes

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
    assert choose_split(n_cases, case_bytes=GIB, is_heavy=is_heavy, cores=cores, free_bytes=free) == expected


def test_what_the_user_says_of_the_split_holds() -> None:
    split = partial(choose_split, 500, case_bytes=GIB, is_heavy=False, cores=8, free_bytes=64 * GIB)
    assert split(workers=3) == Split(3, 1)
    assert split(threads=4) == Split(2, 4)
    assert split(workers=5, threads=7) == Split(5, 7)


def test_cores_and_memory_of_this_machine_are_found() -> None:
    assert 1 <= processes.usable_cores() <= (os.cpu_count() or 1)
    assert processes.free_memory() > 2**20


def test_a_container_with_less_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/sys/fs/cgroup/cpu.max": "100000 100000\n",
        "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    8000 kB\n",
        "/sys/fs/cgroup/memory.max": "5000000\n",
        "/sys/fs/cgroup/memory.current": "3000000\n",
    }
    monkeypatch.setattr(processes, "_read", lambda path: files.get(path, ""))
    assert processes.usable_cores() == 1
    assert processes.free_memory() == 2_000_000
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert processes.free_memory() == 8_192_000


def square_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def threads(_: int) -> tuple[str | None, int]:
    return os.environ.get("OMP_NUM_THREADS"), cv2.getNumThreads()


def test_results_come_with_their_indices() -> None:
    assert sorted(run_in_processes(square_or_die, [3, 4, 5], Split(2, 1))) == [(0, 9), (1, 16), (2, 25)]


def test_nothing_to_do() -> None:
    assert list(run_in_processes(square_or_die, [], Split(2, 1))) == []


def test_an_item_that_kills_its_process_is_found_and_the_others_go_on() -> None:
    found = dict(run_in_processes(square_or_die, [2, -1, 3, 4, -1, 5, 6, 7], Split(2, 1)))
    assert found == {0: 4, 1: None, 2: 9, 3: 16, 4: None, 5: 25, 6: 36, 7: 49}


def test_processes_have_the_threads_that_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert list(run_in_processes(threads, [0], Split(1, 3))) == [(0, ("3", 3))]
    assert os.environ["OMP_NUM_THREADS"] == "5"  # this process keeps its own


def slow(number: int, folder: Path) -> int:
    (folder / f"{number}.started").touch()
    time.sleep(1.5)
    (folder / f"{number}.done").touch()
    return number


def test_an_interruption_finishes_what_is_under_way_and_starts_nothing_new(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    found: list[tuple[int, int | None]] = []
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the loop is what is interrupted
            for index, result in run_in_processes(partial(slow, folder=tmp_path), list(range(40)), Split(2, 1)):
                if not found:
                    signal.setitimer(signal.ITIMER_REAL, 0.3)
                found.append((index, result))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    done = {path.stem for path in tmp_path.glob("*.done")}
    assert {path.stem for path in tmp_path.glob("*.started")} == done
    assert {str(index) for index, _ in found} == done
    assert 2 <= len(done) < 10
