"""Arguments: a preset, inputs. The peak memory of each beside the program, as JSON: bytes by the name of the input."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from msformer.batch.plan import plan_cases
from msformer.batch.work import run_case
from msformer.config import Config
from msformer.io import write_png


def resident() -> int:
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(path: str, preset: str, out: Path) -> None:
    (case,) = plan_cases([path])
    record = run_case(case, Config.from_preset(preset), out)
    if record["status"] != "done":
        raise ValueError(record["error"])


def peak(path: str, preset: str, small: str, out: Path) -> int:
    """What a case takes beside what is there after a small one, in a process that is forked for it."""
    at_end, at_start = os.pipe()
    if (child := os.fork()) == 0:
        run(small, preset, out)
        before = resident()
        run(path, preset, out)
        os.write(at_start, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(at_start)
    with os.fdopen(at_end) as told:
        return int(told.read())


def main(preset: str, inputs: list[str]) -> None:
    """Print the peaks."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        square = np.full((60, 60), 200, dtype=np.uint8)
        square[20:40, 20:40] = 50
        small, out = f"{name}/small.png", Path(name) / "out"
        write_png(Path(small), square)
        run(small, preset, out)  # the libraries are loaded once, for all
        sys.stdout.write(json.dumps({one: peak(one, preset, small, out) for one in inputs}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
