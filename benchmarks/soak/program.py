"""The program and a Dask farm, as processes that can be killed one by one; images for them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow

from msformer.phantoms import make_phantom

SHAPE = 150, 190
PATCH = """
# Loaded by every Python of a soak: a worker that opens a file of this name dies, whenever it does.
import os, sys

def _watch(event, arguments):
    is_worker = "executors.worker" in str(sys.orig_argv)
    if event == "open" and is_worker and str(arguments[0]).endswith("kills-its-process.png"):
        os.kill(os.getpid(), 9)

sys.addaudithook(_watch)
"""


def write_images(folder: Path, count: int) -> None:
    """Small pictures of skin, each another."""
    folder.mkdir(parents=True)
    for seed in range(count):
        Pillow.fromarray(make_phantom("dermoscopy", seed=seed, shape=SHAPE).image).save(folder / f"{seed:03d}.png")


class Program:
    """The command line in a group of processes of its own."""

    def __init__(self, words: Sequence[str | Path], log: Path, python_path: Path | None = None) -> None:
        variables = os.environ | (
            {} if python_path is None else {"PYTHONPATH": f"{python_path}:{os.environ.get('PYTHONPATH', '')}"}
        )
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "msformer", *map(str, words)],
                env=variables, start_new_session=True, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None where it did not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def workers(self) -> list[int]:
        """Numbers of its worker processes."""
        return [number for number in members_of(self.process.pid) if number != self.process.pid]

    def kill_all(self) -> None:
        """End it and all that it started."""
        for number in members_of(self.process.pid):
            kill(number)
        self.process.wait()


class Farm:
    """A Dask scheduler and two workers on this machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / "scheduler.json"
        self.file.unlink(missing_ok=True)
        self.scheduler = self._start("scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard")
        while not self.file.exists() or not self.file.stat().st_size:
            time.sleep(0.1)
        self.workers = [self.worker(), self.worker()]

    def worker(self) -> subprocess.Popen[bytes]:
        """One more worker, with a nanny that starts it again."""
        return self._start("worker", "--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder))

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(json.loads(self.file.read_text())["address"])

    def inner(self, of: subprocess.Popen[bytes]) -> list[int]:
        """Processes below a worker: what the nanny started, and what works beside it."""
        return [number for number in members_of(of.pid) if number != of.pid]

    def end(self) -> None:
        """End everything."""
        for process in (*self.workers, self.scheduler):
            for number in members_of(process.pid):
                kill(number)
            process.wait()

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(self.file), *words],
                cwd=self.folder, start_new_session=True, stdout=log, stderr=log,
            )  # fmt: skip


def members_of(group: int) -> list[int]:
    """Processes of a group, or of a session, that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if group in (int(fields[2]), int(fields[3])) and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def kill(number: int) -> None:
    """SIGKILL to a process that may be gone."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return


def any_of(numbers: Sequence[int], rng: random.Random) -> list[int]:
    """One of them; none where there is none."""
    return [rng.choice(numbers)] if numbers else []


def results(out: Path) -> dict[str, str]:
    """Digest of every file of labels, masks and previews, and of the table of regions."""
    files = [path for kind in ("labels", "masks", "preview") for path in (out / kind).rglob("*") if path.is_file()]
    files.append(out / "regions.csv")
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def finished(out: Path) -> set[str]:
    """Names that the journal has as done, read as anyone can: a whole line each."""
    names = set()
    for path in (out / "journal").glob("*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            said = json.loads(line)
            if "case" in said and said["record"]["status"] == "done":
                names.add(said["case"])
    return names
