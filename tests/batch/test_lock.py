"""The lock of a folder: whose it is, and that the dead hold nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from msformer.batch import lock as module
from msformer.batch.lock import STALE_S, FolderLock, locked
from msformer.batch.part import Part
from msformer.errors import ConfigError, FolderInUseError


def written_by_another(path: Path, **said: object) -> Path:
    """A lock that another machine left."""
    holder = {
        "owner": "ada", "host": "far", "process": 7, "started": 5, "since": "2026-01-01", "machine": "far x",
        "token": "t",
    }  # fmt: skip
    path.write_text(json.dumps(holder | said))
    return path


def test_a_second_run_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with locked(tmp_path, Part()), pytest.raises(FolderInUseError, match=rf"process {os.getpid()}, since 20") as caught:
        FolderLock(tmp_path).take()
    assert str(tmp_path) in str(caught.value)
    FolderLock(tmp_path).take()


def test_it_is_gone_afterwards_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError), locked(tmp_path, Part()):  # noqa: PT012
        assert list(tmp_path.iterdir()) == [tmp_path / ".msformer-lock-all"]
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_process_that_was_killed_is_taken_over_at_once(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom msformer.batch.lock import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).take()\nprint('taken', flush=True)\ntime.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "taken\n"
    with pytest.raises(FolderInUseError):
        FolderLock(tmp_path).take()
    other.kill()
    other.wait()
    other.stdout.close()
    mine = FolderLock(tmp_path)
    mine.take()
    assert mine.taken_from is not None
    assert mine.taken_from.process == other.pid
    mine.release()


@pytest.mark.parametrize(("age", "is_free"), [(0, False), (STALE_S - 20, False), (STALE_S + 20, True), (-3600, False)])
def test_of_another_machine_the_beat_counts_and_a_clock_that_went_back_harms_nobody(
    tmp_path: Path, age: float, is_free: bool
) -> None:
    path = written_by_another(tmp_path / ".msformer-lock-all")
    beat = time.time() - age
    os.utime(path, (beat, beat))
    if is_free:
        with locked(tmp_path, Part()) as mine:
            assert mine.taken_from is not None
            assert mine.taken_from.owner == "ada"
    else:
        with pytest.raises(FolderInUseError, match="ada on far, process 7, since 2026-01-01"):
            FolderLock(tmp_path).take()
        assert json.loads(path.read_text())["token"] == "t"


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_when_a_process_began_tells_it_from_others_and_the_dead_never_did(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if system == "linux" and not sys.platform.startswith("linux"):
        pytest.skip("no /proc")
    psutil.Process()  # loaded as this system's own
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "platform", system)
        mine, theirs = module._started(os.getpid()), module._started(other.pid)
        assert mine == module._started(os.getpid()) != theirs
        assert theirs is not None
        other.kill()
        deadline = time.monotonic() + 10
        while module._started(other.pid) is not None:  # nobody has asked what it ended with: a zombie
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert module._started(other.pid) is None  # and now it is gone


def test_a_process_with_the_number_of_one_that_died_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".msformer-lock-all"
    written_by_another(path, process=os.getpid(), started=1, machine=module._machine())
    with locked(tmp_path, Part()):
        pass


def test_parts_share_a_folder_and_the_whole_does_not(tmp_path: Path) -> None:
    with locked(tmp_path, Part(0, 2)) as first, locked(tmp_path, Part(1, 2)):
        assert first.has_others()
        for other in (Part(), Part(0, 3), Part(1, 2)):
            with pytest.raises(FolderInUseError):
                FolderLock(tmp_path, other).take()
    assert not first.has_others()
    with locked(tmp_path, Part()), pytest.raises(FolderInUseError):
        FolderLock(tmp_path, Part(0, 2)).take()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_lost_its_lock_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.05)
    with locked(tmp_path, Part()) as mine:
        mine.check()
        written_by_another(mine.path)
        for _ in range(200):
            time.sleep(0.05)
            try:
                mine.check()
            except FolderInUseError as error:
                assert "ada on far" in str(error)
                break
        else:
            pytest.fail("it went on")
    assert mine.path.exists(), "the lock of the other one stays"


def test_it_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.05)
    with locked(tmp_path, Part()) as mine:
        os.utime(mine.path, (0, 0))
        for _ in range(200):
            time.sleep(0.05)
            if mine.path.stat().st_mtime > 0:
                break
        assert mine.path.stat().st_mtime > 0


@pytest.mark.parametrize(
    ("number", "count", "word"), [(0, 0, "--num-parts"), (2, 2, "--part-id"), (-1, 2, "--part-id")]
)
def test_parts_are_checked(number: int, count: int, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Part(number, count)


def test_parts_cover_everything_once() -> None:
    items = list(range(11))
    shares = [list(Part(number, 3).of(items)) for number in range(3)]
    assert sorted(one for share in shares for one in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
