"""A bar that shows itself where somebody has waited for two seconds, in a notebook or on a terminal."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 2.0
"""What takes less needs no bar."""


class PatientBar:
    """Shows how much of something is done, on the error stream; a context.

    Args:
        word: What is counted.
        total: Number of steps, at most.
        is_wanted: Whether it is to be shown at all; where None, in a notebook and on a terminal.
    """

    def __init__(self, word: str, total: int, *, is_wanted: bool | None = None) -> None:
        self._word = word
        self._total = total
        self._done = 0
        self._about = ""
        self._bar: Any = None
        self._task: Any = None
        self._lock = threading.Lock()
        is_shown = _somebody_looks() if is_wanted is None else is_wanted
        self._timer = threading.Timer(PATIENCE_S, self._show) if is_shown else None

    def __enter__(self) -> Self:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._bar is not None:
                self._bar.stop()

    def advance(self, about: str = "") -> None:
        """One more is done."""
        with self._lock:
            self._done += 1
            self._about = about
            if self._bar is not None:
                self._bar.update(self._task, completed=self._done, description=about)

    def reach(self, done: int, total: int) -> None:
        """So many are done, of so many, where that is known only now."""
        with self._lock:
            self._done, self._total = done, total
            if self._bar is not None:
                self._bar.update(self._task, completed=done, total=total)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        from msformer.bars import bar_columns

        with self._lock:
            if self._timer is None:  # it ended meanwhile
                return
            console = Console(stderr=True)
            # In a file there is one bar, the last: of a terminal it goes away.
            is_live = console.is_terminal or console.is_jupyter
            self._bar = Progress(*bar_columns(self._word), console=console, transient=is_live)
            self._task = self._bar.add_task(self._about, total=self._total, completed=self._done)
            self._bar.start()


def _somebody_looks() -> bool:
    """Whether the error stream is a terminal, or this is the kernel of a notebook."""
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})
