"""Kills at random moments, and faults for real; afterwards the same call again, and every byte compared.

    python -m benchmarks.soak --out OUT --markdown docs/reliability.md       (or: make soak)

As root small file systems are mounted in OUT for two of the faults. Needs Linux.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak.page import page
from benchmarks.soak.program import (
    PATCH,
    Farm,
    Program,
    any_of,
    finished,
    kill,
    results,
    write_images,
)

LONGEST_S = 900.0
"""A run that takes longer has failed."""
OPTIONS = ("--preset", "dermoscopy", "--workers", "2", "--progress", "none")


@dataclass
class Kills:
    """What came of kills of one kind.

    Attributes:
        what: What was killed.
        times: When, in seconds after the start.
        lost: Cases that were in the journal before a kill and are not after it.
        torn: Files that are there and are neither the old nor the new one.
        codes: Exit codes of the calls that went on to the end.
        same: Whether every file was in the end that of an undisturbed run.
    """

    what: str
    times: list[float] = field(default_factory=list)
    lost: int = 0
    torn: int = 0
    codes: list[int | None] = field(default_factory=list)
    same: bool = True


@dataclass
class Fault:
    """What came of a fault: what was done, what was seen, and whether that is right."""

    what: str
    seen: str
    is_right: bool


class Soak:
    """Folders, images, the undisturbed run."""

    def __init__(self, out: Path, count: int, seed: int) -> None:
        self.out, self.rng, self.count = out, random.Random(seed), count
        self.images, self.log = out / "in", out / "log.txt"
        shutil.rmtree(out, ignore_errors=True)
        write_images(self.images, count)
        start = time.perf_counter()
        program = self.start(out / "undisturbed")
        if program.wait(LONGEST_S) != 0:
            raise SystemExit(f"the undisturbed run failed; see {self.log}")
        self.seconds = time.perf_counter() - start
        self.right = results(out / "undisturbed")

    def start(self, out: Path, *words: str, inputs: Path | None = None, patched: bool = False) -> Program:
        """Begin, or go on with, a run."""
        patch = self.out / "patch"
        if patched:
            patch.mkdir(exist_ok=True)
            (patch / "sitecustomize.py").write_text(PATCH)
        return Program(
            ["segment", inputs or self.images, "-o", out, *OPTIONS, *words], self.log, patch if patched else None
        )

    def torn(self, out: Path) -> int:
        """Files that are not those of the undisturbed run, of those that lie in their places."""
        there = {name: digest for name, digest in results_if_any(out).items() if name != "regions.csv"}
        return sum(self.right.get(name) != digest for name, digest in there.items())

    def kills(self, what: str, count: int, victims: Callable[[Program], list[int]]) -> Kills:
        """Kill at random moments of runs that go on where the one before was killed, until so many were killed."""
        found = Kills(what)
        out = self.out / what.replace(" ", "-")
        while len(found.times) < count:
            before = finished(out)
            program = self.start(out)
            moment = self.rng.uniform(0.3, max(self.seconds * 0.6, 4.0))
            code = program.wait(moment)
            if code is None:
                for number in victims(program):
                    kill(number)
                found.times.append(moment)
                print(f"{what}: {len(found.times)} of {count}, at {moment:.1f} s")
                if what == "a worker":
                    code = program.wait(LONGEST_S)
                else:
                    program.process.wait()
                    time.sleep(1.5)  # until its workers have seen it
            found.lost += len(before - finished(out))
            found.torn += self.torn(out)
            if code is not None:
                self._ended(found, out, code)
        if out.exists():
            program = self.start(out)
            self._ended(found, out, program.wait(LONGEST_S))
        return found

    def _ended(self, found: Kills, out: Path, code: int | None) -> None:
        found.codes.append(code)
        found.same &= code == 0 and results(out) == self.right
        shutil.rmtree(out, ignore_errors=True)

    def cluster_kills(self, count: int) -> list[Kills]:
        """The same on a Dask cluster: a process beside a worker, a Dask worker, the scheduler, the program itself."""
        kinds = [Kills(f"Dask: {name}") for name in ("what works beside a worker", "a worker", "scheduler", "program")]
        farm = Farm(self.out / "farm")
        out = self.out / "clustered"
        try:
            number = 0
            while sum(len(one.times) for one in kinds) < count:
                found = kinds[number % len(kinds)]
                number += 1
                before = finished(out)
                program = self.start(out, "--scheduler", farm.address)
                moment = self.rng.uniform(3.0, max(self.seconds, 8.0))
                code = program.wait(moment)
                if code is None:
                    found.times.append(moment)
                    print(f"{found.what}: at {moment:.1f} s")
                    code = self._kill_in(farm, found.what, program)
                    if found.what.endswith("scheduler"):
                        farm.end()
                        farm = Farm(self.out / "farm")
                found.lost += len(before - finished(out))
                found.torn += self.torn(out)
                if code == 0:
                    self._ended(found, out, code)
            for found in kinds:
                program = self.start(out, "--scheduler", farm.address)
                self._ended(found, out, program.wait(LONGEST_S))
        finally:
            farm.end()
        return kinds

    def _kill_in(self, farm: Farm, what: str, program: Program) -> int | None:
        if what.endswith("beside a worker"):
            of = self.rng.choice(farm.workers)
            for number in any_of(farm.inner(of)[-1:], self.rng):
                kill(number)
            return program.wait(LONGEST_S)
        if what.endswith("scheduler"):
            kill(farm.scheduler.pid)
            return program.wait(LONGEST_S)
        if what.endswith("a worker"):
            index = self.rng.randrange(2)
            for number in [*farm.inner(farm.workers[index]), farm.workers[index].pid]:
                kill(number)
            farm.workers[index].wait()
            farm.workers[index] = farm.worker()
            return program.wait(LONGEST_S)
        program.kill_all()
        return None


def results_if_any(out: Path) -> dict[str, str]:
    """Files that are there; none where nothing is."""
    return results(out) if (out / "regions.csv").exists() else _without_table(out)


def _without_table(out: Path) -> dict[str, str]:
    if not out.exists():
        return {}
    (out / "regions.csv").touch()
    try:
        return results(out)
    finally:
        (out / "regions.csv").unlink()


def faults(soak: Soak) -> list[Fault]:
    """Everything else that can go wrong."""
    found = [
        full_disk(soak),
        read_only(soak),
        vanishing(soak),
        clock(soak),
        hanging(soak),
        eating(soak),
        killing(soak),
    ]
    for one in found:
        print(f"{one.what}: {one.seen}: {'right' if one.is_right else 'WRONG'}")
    return found


def _goes_on(soak: Soak, out: Path, *words: str, inputs: Path | None = None) -> bool:
    code = soak.start(out, *words, inputs=inputs).wait(LONGEST_S)
    return code == 0 and results(out) == soak.right


def full_disk(soak: Soak) -> Fault:
    """A disk with room for a few images, then with room for all."""
    disk = soak.out / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        return Fault("disk full", "not tried: a small disk is for root to mount", False)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        code = soak.start(disk / "out").wait(LONGEST_S)
        done = len(finished(disk / "out"))
        subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
        same = _goes_on(soak, disk / "out")
    finally:
        subprocess.run(["umount", disk], check=False)
    seen = f"exit {code} with {done} of {soak.count} finished; with room the same call ends as if undisturbed: {same}"
    return Fault("disk full (tmpfs of 1 MiB)", seen, code == 74 and same)


def read_only(soak: Soak) -> Fault:
    """Results that are there, on a disk that became read-only."""
    disk = soak.out / "disk"
    disk.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        return Fault("output read-only", "not tried: a small disk is for root to mount", False)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", disk], check=True)
    try:
        shutil.copytree(soak.out / "undisturbed", disk / "out")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        code = soak.start(disk / "out", "--overwrite").wait(LONGEST_S)
        same = results(disk / "out") == soak.right
    finally:
        subprocess.run(["umount", disk], check=False)
    return Fault("output read-only", f"exit {code}; what was there is as it was: {same}", code in (2, 74) and same)


def vanishing(soak: Soak) -> Fault:
    """Input that goes away in the middle of a second run."""
    images, out = soak.out / "vanishing-in", soak.out / "vanishing"
    shutil.copytree(soak.images, images)
    soak.start(out, inputs=images).wait(LONGEST_S)
    program = soak.start(out, "--overwrite", inputs=images)
    while len(list((out / "journal").glob("*"))) < 1 or program.wait(0.5) is None:
        if program.wait(6.0) is None:
            shutil.rmtree(images)
        break
    code = program.wait(LONGEST_S)
    masks = len(list((out / "masks").glob("*.png")))
    shutil.copytree(soak.images, images, dirs_exist_ok=True)
    same = _goes_on(soak, out, inputs=images)
    seen = f"exit {code}; {masks} of {soak.count} masks are there; with the input back the end is the same: {same}"
    return Fault("input vanishes during a second run", seen, masks == soak.count and same)


def clock(soak: Soak) -> Fault:
    """As after a clock that went back a day: all that is there is of tomorrow, also a lock of a dead run."""
    out = soak.out / "clock"
    program = soak.start(out)
    program.wait(soak.seconds * 0.6)
    program.kill_all()
    tomorrow = time.time() + 86_400
    for path in (*out.rglob("*"), *out.glob(".*")):
        os.utime(path, (tomorrow, tomorrow))
    same = _goes_on(soak, out)
    return Fault("clock goes back by a day, after a kill", f"the same call ends as if undisturbed: {same}", same)


def _with_one_more(soak: Soak, name: str) -> Path:
    images = soak.out / f"{name}-in"
    shutil.copytree(soak.images, images)
    return images


def _beside(soak: Soak, out: Path, bad: str) -> tuple[bool, str]:
    """Whether all other images are as they should be, and what the report says of the bad one."""
    import json

    report = json.loads((out / "report.json").read_text())
    failed = {case["case_id"]: case["error"] for case in report["cases"] if case["status"] == "failed"}
    right = {name: one for name, one in soak.right.items() if name != "regions.csv"}
    there = {name: one for name, one in results(out).items() if name != "regions.csv"}
    return there == right and set(failed) == {bad}, failed.get(bad, "nothing")


def hanging(soak: Soak) -> Fault:
    """A pipe that takes the place of a file once it was listed, and would never answer."""
    images, out = _with_one_more(soak, "hanging"), soak.out / "hanging"
    pipe = images / "zz-pipe.png"
    shutil.copy(images / "000.png", pipe)
    program = soak.start(out, "--case-timeout", "20", inputs=images)
    while not (out / "journal").exists():
        time.sleep(0.01)
    pipe.unlink()
    os.mkfifo(pipe)
    code = program.wait(LONGEST_S)
    fine, said = _beside(soak, out, "zz-pipe")
    return Fault(
        "an input becomes a pipe that never answers", f"exit {code}; it fails: {said.rsplit(': ', 1)[-1]}", fine
    )


def eating(soak: Soak) -> Fault:
    """An input that needs more memory than there is to have."""
    images, out = _with_one_more(soak, "eating"), soak.out / "eating"
    from PIL import Image as Pillow

    Pillow.new("RGB", (11_000, 11_000), (90, 40, 30)).save(images / "zz-large.png")
    code = soak.start(out, "--case-memory", "0.7", inputs=images).wait(LONGEST_S)
    fine = code in (0, 1) and len(list((out / "masks").glob("0*.png"))) == soak.count
    return Fault("an input that eats memory (--case-memory 0.7)", f"exit {code}; the others are done: {fine}", fine)


def killing(soak: Soak) -> Fault:
    """An input whose process dies each time."""
    images, out = _with_one_more(soak, "killing"), soak.out / "killing"
    shutil.copy(images / "000.png", images / "kills-its-process.png")
    code = soak.start(out, inputs=images, patched=True).wait(LONGEST_S)
    fine, said = _beside(soak, out, "kills-its-process")
    return Fault("an input that kills its process", f"exit {code}; it fails: {said}", fine and code == 1)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--kills", type=int, default=20, help="of the program, of a worker, and on a cluster, each")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    soak = Soak(given.out.absolute(), given.images, given.seed)
    print(f"undisturbed: {soak.seconds:.1f} s")
    kills = [
        soak.kills("the program", given.kills, lambda program: [program.process.pid]),
        soak.kills("the program and its workers", given.kills // 2, lambda one: [one.process.pid, *one.workers()]),
        soak.kills("a worker", given.kills, lambda program: any_of(program.workers(), soak.rng)),
        *soak.cluster_kills(given.kills),
    ]
    page(given.markdown, soak.count, soak.seconds, kills, faults(soak))


if __name__ == "__main__":
    main()
