"""What workers of the tests do; in a module of its own, as they find it by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np


def square_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def die_once(path: Path) -> str:
    """Dies the first time, as where another program took the memory."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def hang(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


def fill(size: int) -> int:
    return int(np.ones(size, np.uint8)[::4096].sum())


def threads(_: int) -> tuple[str | None, int]:
    return os.environ.get("OMP_NUM_THREADS"), cv2.getNumThreads()


def slow(item: tuple[int, Path]) -> int:
    number, folder = item
    (folder / f"{number}.started").touch()
    time.sleep(0.7)
    (folder / f"{number}.done").touch()
    return number


def own_number(_: int) -> int:
    return os.getpid()


def talk(text: str) -> str:
    print(text)  # noqa: T201 - what libraries do
    return text


class TwoWordsError(Exception):
    """Can be packed, and not unpacked."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


def fail(kind: str) -> None:
    raise TwoWordsError("no", "room") if kind == "own" else ValueError(kind)
