"""A program that serves the page, in a process of its own; a browser; and small images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer.image import Mask
from msformer.phantoms import make_phantom

SHAPE = 144, 192
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_S = 120.0


def write_lesions(folder: Path, count: int, first: int = 0, shape: tuple[int, int] = SHAPE) -> dict[str, Mask]:
    """Write so many lesions; their true masks by name."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for seed in range(first, first + count):
        phantom = make_phantom("dermoscopy", seed=seed, difficulty=0.2, shape=shape)
        Pillow.fromarray(phantom.image).save(folder / f"lesion-{seed:02d}.png")
        truth[f"lesion-{seed:02d}"] = phantom.mask
    return truth


def read_mask(path: Path) -> Mask:
    return np.asarray(Pillow.open(path)) > 0


@dataclass
class Served:
    """A program that runs.

    Attributes:
        process: It.
        address: Of its page, with the token.
        out: Its folder of results, where a test wants to know it.
    """

    process: subprocess.Popen[str]
    address: str
    out: Path | None = None

    @property
    def origin(self) -> str:
        return self.address.partition("/?")[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start(folder: Path, arguments: Sequence[str | Path], port: int = 0) -> Served:
    """Start the program and wait for its address."""
    words = [sys.executable, "-m", "msformer", "app", *map(str, arguments), "--no-browser", "--port", str(port)]
    environment = os.environ | {"MSFORMER_WORKERS": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    log: IO[str] = (folder / "log.txt").open("a")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=folder)
    assert process.stdout is not None
    line = process.stdout.readline()
    if "http://" not in line:
        process.wait(10)
        raise AssertionError(f"no address, but {line!r}; {(folder / 'log.txt').read_text()}")
    return Served(process, line.split()[-1])


@contextmanager
def served(folder: Path, *arguments: str | Path) -> Iterator[Served]:
    """The program while a test needs it."""
    one = start(folder, arguments)
    try:
        yield one
    finally:
        one.process.terminate()
        try:
            one.process.wait(20)
        except subprocess.TimeoutExpired:
            one.kill()


def serious_faults(page: Any) -> list[str]:
    """What axe-core finds on the page as it is now, light and dark, in full width and as wide as a telephone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    faults = []
    before = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in ({"width": 1280, "height": 720}, {"width": 390, "height": 844}):
            page.set_viewport_size(size)
            found = axe.run(page).response["violations"]
            faults += [
                f"{scheme}, {size['width']} px: {one['id']}: {node['html']}"
                for one in found
                if one["impact"] in ("serious", "critical")
                for node in one["nodes"]
            ]
    page.set_viewport_size(before)
    return faults


def wait_until(is_so: object, seconds: float = 60.0) -> None:
    """Wait until a call says yes."""
    assert callable(is_so)
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s")
        time.sleep(0.1)


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: make test installs it as root, else apt-get install chromium"
)
