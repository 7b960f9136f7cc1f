"""INT, TERM and HUP: the first one stops what can be stopped in order, the second one ends the program at once.

A handler may run between any two steps. Where half a step would be worse than a late answer (a line of a journal, a
worker that is being started), ``deferred`` keeps the signal until somebody asks for it by ``check``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
SHOW_CURSOR = "\x1b[?25h"
GRACE_S = 4.0
"""Seconds that what is under way has to end by itself after a signal; job systems kill after five at the earliest."""


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop.

    Attributes:
        code: What the program then exits with: 128 and the number of the signal, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


_first: int | None = None
_depth = 0


def install() -> None:
    """Take the signals over; only for a program's own main thread."""
    for number in SIGNALS:
        signal.signal(number, _handle)
    sys.unraisablehook = _tell_unraisable


def _tell_unraisable(what: sys.UnraisableHookArgs) -> None:
    """Be silent where a signal came where nothing can be raised, as while objects are freed; ``check`` tells it."""
    if not isinstance(what.exc_value, Stopped):
        sys.__unraisablehook__(what)


def _handle(number: int, _: FrameType | None) -> None:
    global _first  # a handler has nowhere else to leave its word
    if _first is not None:
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(2, SHOW_CURSOR.encode())
        os._exit(128 + number)
    _first = number
    if _depth == 0:
        raise Stopped(number)


def asked() -> int | None:
    """The signal that asked to stop; None where none did."""
    return _first


def check() -> None:
    """Raise what a signal asked for.

    Raises:
        Stopped: A signal came.
    """
    if _first is not None:
        raise Stopped(_first)


@contextmanager
def deferred() -> Iterator[None]:
    """Keep signals until ``check`` is called, or until the next ``immediate``."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


@contextmanager
def immediate() -> Iterator[None]:
    """Within ``deferred``: a step that may be broken off, as it takes long and cleans up after itself.

    Raises:
        Stopped: A signal came before, or comes.
    """
    global _depth
    before, _depth = _depth, 0
    try:
        check()
        yield
    finally:
        _depth = before


def forget() -> None:
    """As if no signal had come: for tests, which live on."""
    global _first
    _first = None
