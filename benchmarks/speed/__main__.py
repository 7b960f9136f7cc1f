"""Measure speed and memory, print the tables, and write them with figures and JSON.

    python -m benchmarks.speed --data ../shared/data --out docs

Fifty minutes on two idle cores. The numbers are kept by the maker of the processor, and the page shows every
maker of which OUT has some; another one's may be some of the parts (``--only``). Every part runs in a process of its
own; those that are compared take turns, round by round, so that a busy moment of the machine hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from benchmarks.common import PRESET_OF_SET
from benchmarks.speed.page import file_of, write_page
from msformer.benchmark.datasets import discover
from msformer.benchmark.task import machine
from msformer.errors import ConfigError
from msformer.fit import find_device
from msformer.io import MAX_PIXELS
from msformer.segmentation import versions

STEPS = {
    "released-equivalent": ("released-step",),
    "msformer float32": ("own-step", "float32"),
    "msformer bfloat16": ("own-step", "bfloat16"),
    "floor float32": ("floor-step", "float32"),
    "floor bfloat16": ("floor-step", "bfloat16"),
}
SIDES = (97, 129, 193, 257, 385, 513, 769, 1025)
PHOTOGRAPH, SLIDE = (4000, 6000), (20_000, 20_000)
Found = dict[str, Any]


@dataclass(frozen=True)
class About:
    """What is measured.

    Attributes:
        rounds: How often parts take turns.
        cases: Of the test for growth.
        paths: Images of each set.
        skin: Folder of those of the first set.
    """

    rounds: int
    cases: int
    paths: dict[str, list[str]]
    skin: str

    @property
    def first(self) -> str:
        """An image of skin."""
        return self.paths["dermoscopy_ph2"][0]


MEASURES: dict[str, Callable[[About], Any]] = {
    "mathematics": lambda _: run("same-mathematics"),
    "steps": lambda about: steps(about.rounds),
    "released_image": lambda about: run("released-image", about.first, "50"),
    "images": lambda about: images(about.paths),
    "first": lambda about: [first_result(about.first) for _ in range(about.rounds)],
    "folders": lambda about: folders(about.skin, about.rounds),
    "memory": lambda about: memory(about.paths),
    "many": lambda about: run("many", "auto", str(about.cases), about.skin),
    "growth": lambda _: {str(side): run("growth", str(side)) for side in SIDES},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all and write ``performance.md``, and ``performance/`` with figures and numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/{images,masks}")
    parser.add_argument("--out", type=Path, required=True, help="folder of the page")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=500, help="cases of the test for growth")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(MEASURES),
        metavar="PART",
        help="measure these parts; the others, and those of other makers, stay as they are in OUT",
    )
    parser.add_argument(
        "--device", metavar="cuda", help="time the steps there alone, beside what OUT has; the page gets a table of it"
    )
    given = parser.parse_args(arguments)
    about_here = machine() | {"versions": versions()}
    known = file_of(given.out, about_here["processor"])
    if given.device:
        try:
            find_device(given.device)
        except ConfigError as error:
            parser.error(str(error))
    if (given.only or given.device) and not any(known.parent.glob("*.json")):
        parser.error(f"--only and --device need results of an earlier run in OUT; there are none in {known.parent}")
    paths = {name: [str(case.image) for case in discover(given.data, [name]).cases] for name in PRESET_OF_SET}
    about = About(given.rounds, given.cases, paths, str(given.data / "dermoscopy_ph2" / "images"))
    results: Found = {"machine": about_here}
    if (given.only or given.device) and known.is_file():
        results = json.loads(known.read_text(encoding="utf-8"))
    if given.device:
        results["device"] = {"name": device_name(given.device), "steps": steps(given.rounds, given.device)}
    for name in given.only or (() if given.device else MEASURES):
        results[name] = MEASURES[name](about)
    print(write_page(given.out, results))


def device_name(device: str) -> str:
    """What a device is called."""
    import torch

    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device


def run(part: str, *arguments: str) -> Found:
    """Run a part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.parts", part, *arguments]
    # As the command line sets it; see msformer.cli.
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"GOMP_SPINCOUNT": "5000"}
    )
    found: Found = json.loads(done.stdout.splitlines()[-1])
    print(part, *arguments[:3], json.dumps(found)[:200], file=sys.stderr, flush=True)
    return found


def steps(rounds: int, device: str = "cpu") -> dict[str, list[Found]]:
    """Steps of every kind, taking turns."""
    found: dict[str, list[Found]] = {name: [] for name in STEPS}
    for _ in range(rounds):
        for name, (part, *arguments) in STEPS.items():
            found[name].append(run(part, *arguments, device))
    return found


def images(paths: dict[str, list[str]]) -> dict[str, Found]:
    """Stages of the default on each set, and of the network."""
    found = {f"auto: {name}": run("images", "auto", *some[:8]) for name, some in paths.items()}
    found["general: dermoscopy_ph2"] = run("images", "general", *paths["dermoscopy_ph2"][:8])
    return found


def first_result(path: str) -> float:
    """Seconds from the call of the program to the end of its first image."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        command = [sys.executable, "-m", "msformer", "segment", path, "-o", out, "--progress", "none"]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start


def folders(skin: str, rounds: int) -> dict[str, list[Found]]:
    """Splits of the cores by hand and by the program, taking turns."""
    cores = len(os.sched_getaffinity(0))
    by_hand = {(1, 1), (1, cores), (cores, 1)}
    kinds = {
        "auto": ("auto", "12"),
        "dermoscopy": ("dermoscopy", "62"),
        "general": ("general", "6"),
        "paper-demo, 3 updates": ("paper-demo", "2", "fit.max_iter=3"),
    }
    found: dict[str, list[Found]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (preset, count, *assignments) in kinds.items():
            for workers, threads in [(0, 0), *sorted(by_hand)]:
                one = run("folder", preset, str(workers), str(threads), skin, count, *assignments)
                found[name].append(one | {"by": "program" if workers == 0 else "hand"})
    return found


def memory(paths: dict[str, list[str]]) -> dict[str, Found]:
    """Peak memory of ordinary and of very large images."""
    found = {f"{name}, auto": run("memory", "auto", some[0], str(MAX_PIXELS)) for name, some in paths.items()}
    found["dermoscopy_ph2, general"] = run("memory", "general", paths["dermoscopy_ph2"][0], str(MAX_PIXELS))
    small = cv2.imread(paths["dermoscopy_ph2"][0])
    with tempfile.TemporaryDirectory() as folder:
        photograph, slide = f"{folder}/photograph.jpg", f"{folder}/slide.tif"
        cv2.imwrite(photograph, cv2.resize(np.asarray(small), PHOTOGRAPH[::-1], interpolation=cv2.INTER_CUBIC))
        grey = cv2.cvtColor(np.asarray(small), cv2.COLOR_BGR2GRAY)
        tifffile.imwrite(
            slide, cv2.resize(grey, SLIDE[::-1], interpolation=cv2.INTER_LINEAR), tile=(512, 512), compression="zlib"
        )
        for preset in ("auto", "general"):
            found[f"photograph of 6000 × 4000 px, {preset}"] = run("memory", preset, photograph, str(MAX_PIXELS))
        found["TIFF of 20,000 × 20,000 px, auto"] = run("memory", "auto", slide, str(MAX_PIXELS))
        found["the same with --max-pixels 400000000"] = run("memory", "auto", slide, "400000000")
    return found


if __name__ == "__main__":
    main()
