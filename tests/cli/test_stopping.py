"""The program as a shell or a job system has it: signals, a full disk, two of them at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.soak.program import members_of
from PIL import Image as Pillow
from tests.helpers import FAST

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
COUNT = 24


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        picture = rng.integers(170, 200, (120, 150, 3)).astype(np.uint8)
        picture[30:80, 40 : 60 + number] -= 110
        Pillow.fromarray(picture).save(folder / f"{number:02d}.png")
    return folder


class Program:
    """The command line in a group of processes of its own."""

    def __init__(self, *words: str | Path, **variables: str) -> None:
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "msformer", *map(str, words)],
            env=os.environ | {"PYTHONPATH": str(root / "src"), "MSFORMER_WORKERS": "2"} | variables,
            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_for(self, words: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if words in line:
                return
        pytest.fail(f"it ended without {words!r}")

    def end(self) -> tuple[int, str]:
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out + err

    def members(self) -> list[int]:
        """Processes of its group that live."""
        return members_of(self.process.pid)

    def is_gone(self) -> bool:
        """Whether all of them end within ten seconds."""
        for _ in range(100):
            if not self.members():
                return True
            time.sleep(0.1)
        return False


@pytest.fixture
def start() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        for process in program.members():
            os.kill(process, signal.SIGKILL)
        program.process.wait()


def segment(started: list[Program], images: Path, out: Path, *words: str) -> Program:
    started.append(Program("segment", images, "-o", out, "--preset", "general", *FAST, "--progress", "none", *words))
    return started[-1]


def masks(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "masks").glob("*.png")}


@pytest.mark.parametrize(
    ("number", "to_group"), [(signal.SIGTERM, True), (signal.SIGINT, True), (signal.SIGHUP, False)]
)
def test_a_signal_leaves_a_report_and_the_same_call_goes_on(
    images: Path, tmp_path: Path, start: list[Program], number: signal.Signals, to_group: bool
) -> None:
    out = tmp_path / "out"
    program = segment(start, images, out)
    program.wait_for("clusters in")
    begin = time.monotonic()
    (os.killpg if to_group else os.kill)(program.process.pid, number)
    code, told = program.end()
    assert code == 128 + number
    assert time.monotonic() - begin < 30
    assert "Traceback" not in told
    assert program.members() == []
    report = json.loads((out / "report.json").read_text())
    assert report["interrupted"]
    assert 1 <= report["done"] < COUNT
    assert {case["case_id"] for case in report["cases"]} == {Path(name).stem for name in masks(out)}
    before = masks(out)
    again = segment(start, images, out)
    code, told = again.end()
    assert code == 0
    assert f"{report['done']} of {COUNT} are finished; to do: {COUNT - report['done']} new" in told
    assert len(masks(out)) == COUNT
    assert before.items() <= masks(out).items()
    assert not [path.name for path in out.iterdir() if path.name.startswith((".staging", ".msformer-lock"))]


def test_a_signal_while_it_loads_ends_it_at_once(images: Path, tmp_path: Path, start: list[Program]) -> None:
    for delay in (0.15, 0.4, 0.9):
        program = segment(start, images, tmp_path / "out")
        time.sleep(delay)
        os.killpg(program.process.pid, signal.SIGTERM)
        code, told = program.end()
        assert code in (143, -signal.SIGTERM), "the second where Python itself was still starting"
        assert "Traceback" not in told


LIBRARY = """
import os, signal, sys, time, types
from msformer.__main__ import main

def app():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    except BaseException as error:
        raise ImportError("initialization failed") from error

sys.modules["msformer.cli"] = types.ModuleType("msformer.cli")
sys.modules["msformer.cli"].app = app
main()
"""


def test_a_signal_that_a_library_makes_another_error_of_is_still_a_signal() -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARY], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_second_signal_ends_it_at_once_and_the_journal_is_whole(
    images: Path, tmp_path: Path, start: list[Program]
) -> None:
    out = tmp_path / "out"
    program = segment(start, images, out)
    program.wait_for("clusters in")
    for _ in range(4):
        os.killpg(program.process.pid, signal.SIGINT)
        time.sleep(0.05)
    code, told = program.end()
    assert code == 130
    assert "Traceback" not in told
    lines = (out / "journal" / "all.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in lines)
    assert program.is_gone()


def test_workers_of_a_parent_that_is_killed_end_and_the_next_run_goes_on(
    images: Path, tmp_path: Path, start: list[Program]
) -> None:
    out = tmp_path / "out"
    program = segment(start, images, out)
    program.wait_for("clusters in")
    program.process.kill()
    program.process.wait()
    assert program.is_gone()
    assert not (out / "report.json").exists()
    told = Program("report", out)
    assert told.end()[0] == 0
    assert 1 <= json.loads((out / "report.json").read_text())["done"] < COUNT
    code, words = segment(start, images, out).end()
    assert code == 0
    assert "the folder is taken over" in words
    assert len(masks(out)) == COUNT


def test_a_second_run_is_75_and_says_who_has_the_folder(images: Path, tmp_path: Path, start: list[Program]) -> None:
    out = tmp_path / "out"
    program = segment(start, images, out)
    program.wait_for("clusters in")
    code, told = segment(start, images, out).end()
    assert code == 75
    assert f"process {program.process.pid}" in told


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a small disk is for root to mount")
def test_a_full_disk_is_74_and_the_same_call_goes_on_when_there_is_room(
    images: Path, tmp_path: Path, start: list[Program]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        out = disk / "out"
        code, told = segment(start, images, out).end()
        assert code == 74, told
        assert "No space left" in told
        assert "Traceback" not in told
        whole = masks(out)
        subprocess.run(["mount", "-o", "remount,size=200M", disk], check=True)
        code, told = segment(start, images, out).end()
        assert code == 0, told
        assert whole.items() <= masks(out).items()
        assert len(masks(out)) == COUNT
    finally:
        subprocess.run(["umount", disk], check=False)
