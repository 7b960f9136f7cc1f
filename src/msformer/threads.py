"""How many threads compute what decides a mask, whatever the machine has free.

Threads share out a sum, and a sum in another order has other last digits, which now and then are another label. So
every stage says how many threads it takes, and gives the caller's number back. OpenCV is left alone: its threads share
out rows, and no sum.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

SPIN = "5000"
"""Rounds that a thread of PyTorch waits awake for the others."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give PyTorch so many threads, and afterwards the caller's own number back, after an error too.

    The number belongs to the thread that calls, so that several threads of a program do not disturb each other. It
    holds on machines with fewer cores as well: threads then take turns, and sums come out the same.

    Args:
        count: At least 1.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep the products of NumPy and SciPy to one thread; OpenBLAS adds up a matrix times a vector in parts.

    The number belongs to the process. Several threads of a program may be inside at once; the last that leaves gives
    the number back that the first one found.
    """
    with _blas:
        yield


def shorten_spin() -> None:
    """Let the threads of PyTorch sleep soon while they wait for each other.

    By default they spin for so long that a second busy program on the machine slows each step several times over. A
    short spin costs nothing measurable on an idle machine. The library reads the variable once, when it is loaded: a
    PyTorch that is there already keeps what it has, and so does a user who set this or ``OMP_WAIT_POLICY``.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)


class _SharedLimit:
    """A limit of the process that is on while anyone is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                _take_control()
                self._limit = _loaded_libraries().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._limit is not None:
                _take_control()
                self._limit.__exit__(None, None, None)
                self._limit = None


_blas = _SharedLimit()


def _take_control() -> None:
    """Let this thread set the number: threadpoolctl listens to one thread, and says nothing to all others."""
    for library in _loaded_libraries().lib_controllers:
        if library.internal_api == "openblas":
            library.clear_controlling_thread(force=True)


@cache
def _loaded_libraries() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 - whose library is one of its own: only what is loaded is seen
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # which takes milliseconds, so once
