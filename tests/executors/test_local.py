"""Processes of this machine, and the loop over items: for real, with processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.executors import items

from msformer import stopping
from msformer.errors import WorkerDiedError
from msformer.executors import Executor, Here, Limits, Processes, run_items

MIB = 2**20


@pytest.fixture
def two() -> Iterator[Processes]:
    executor = Processes(2)
    yield executor
    executor.close(is_now=True)


@pytest.fixture
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    stopping.install()
    yield
    stopping.forget()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("kind", [Here, Processes])
def test_results_come_with_their_indices(kind: type[Executor]) -> None:
    executor = Here() if kind is Here else Processes(2)
    assert sorted(run_items(executor, items.square_or_die, [3, 4, 5])) == [(0, 9), (1, 16), (2, 25)]
    assert list(run_items(executor, items.square_or_die, [])) == []
    executor.close()


def test_the_death_of_one_is_the_matter_of_one(two: Processes) -> None:
    found = dict(run_items(two, items.square_or_die, [2, -1, 3, 4, -1, 5, 6, 7]))
    assert {index: one for index, one in found.items() if isinstance(one, int)} == {
        0: 4,
        2: 9,
        3: 16,
        5: 25,
        6: 36,
        7: 49,
    }
    for index in (1, 4):
        assert isinstance(found[index], WorkerDiedError)
        assert "SIGKILL" in str(found[index])
        assert "memory" in str(found[index])


def test_an_item_whose_worker_died_is_tried_once_more(two: Processes, tmp_path: Path) -> None:
    assert list(run_items(two, items.die_once, [tmp_path / "tried"])) == [(0, "done")]


def test_an_item_that_hangs_ends_at_its_limit_and_the_others_go_on() -> None:
    executor = Processes(2, limits=Limits(seconds=1.0))
    start = time.monotonic()
    found = dict(run_items(executor, items.hang, [300.0, 0.0, 0.0]))
    assert time.monotonic() - start < 60
    executor.close()
    assert (found[1], found[2]) == ("done", "done")
    assert str(found[0]) == "it took longer than 1 s (--case-timeout allows more)"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no limit of memory on this system")
def test_memory_is_limited_and_an_item_alone_may_have_more() -> None:
    executor = Processes(1, limits=Limits(memory=700 * MIB, memory_alone=1500 * MIB))
    found = dict(run_items(executor, items.fill, [MIB, 1000 * MIB, 4000 * MIB, 2 * MIB]))
    executor.close()
    assert (found[0], found[1], found[3]) == (256, 256_000, 512)
    assert isinstance(found[2], MemoryError)


def test_processes_have_the_threads_that_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    executor = Processes(1, 3)
    assert list(run_items(executor, items.threads, [0])) == [(0, ("3", 3))]
    executor.close()
    assert os.environ["OMP_NUM_THREADS"] == "5"  # this process keeps its own


def test_one_process_does_many_items_and_the_next_call_too() -> None:
    executor = Processes(1)
    first = {number for _, number in run_items(executor, items.own_number, [0, 0, 0])}
    list(run_items(executor, items.square_or_die, [1]))
    assert first == {number for _, number in run_items(executor, items.own_number, [0])}
    assert len(first) == 1
    assert first != {os.getpid()}
    executor.close()


def test_what_a_worker_prints_is_no_answer(two: Processes, capfd: pytest.CaptureFixture[str]) -> None:
    assert list(run_items(two, items.talk, ["hello"])) == [(0, "hello")]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("kind", "error", "words"), [("x", ValueError, "x"), ("own", RuntimeError, "no room")])
def test_errors_come_back_as_they_are_or_in_words(
    two: Processes, kind: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        list(run_items(two, items.fail, [kind]))


def test_a_signal_finishes_what_is_under_way_and_starts_nothing_new(tmp_path: Path, signals: None) -> None:
    found: list[int] = []
    executor = Processes(2)
    with pytest.raises(stopping.Stopped) as caught:  # noqa: PT012 - the loop is what is stopped
        for index, _ in run_items(executor, items.slow, [(number, tmp_path) for number in range(40)]):
            if not found:
                os.kill(os.getpid(), signal.SIGTERM)
            found.append(index)
    assert caught.value.code == 143
    done = {path.stem for path in tmp_path.glob("*.done")}
    assert {path.stem for path in tmp_path.glob("*.started")} == done == {str(index) for index in found}
    assert 1 <= len(done) < 8


def test_what_does_not_end_within_the_grace_is_broken_off(monkeypatch: pytest.MonkeyPatch, signals: None) -> None:
    monkeypatch.setattr(stopping, "GRACE_S", 0.5)
    executor = Processes(1)
    start = time.monotonic()
    with pytest.raises(stopping.Stopped):  # noqa: PT012
        for _ in run_items(executor, items.hang, [0.0, 300.0]):
            os.kill(os.getpid(), signal.SIGHUP)
    assert time.monotonic() - start < 60
    executor.close()


def test_a_signal_breaks_off_what_this_process_does_itself(signals: None) -> None:
    def send_and_wait(_: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    with pytest.raises(stopping.Stopped):
        list(run_items(Here(), send_and_wait, [0]))


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.executors import items
from msformer.executors import Processes, run_items
for index, number in run_items(Processes(1), items.own_number, [0]):
    print(number, flush=True)
list(run_items(Processes(1), items.hang, [60.0]))
"""


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    script = tmp_path / "parent.py"
    script.write_text(SCRIPT.format(root=root))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(300):
        if not is_running(worker):
            break
        time.sleep(0.1)
    assert not is_running(worker)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state: Any = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
