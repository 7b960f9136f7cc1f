"""What is computed beside the viewer: one thing after another, in a thread of napari; it can be stopped."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import create_worker
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QObject, Signal

from msformer.errors import MSFormerError

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Task:
    """One thing to do.

    Attributes:
        words: What it is, for people.
        do: Called in the thread with what tells how much of how much is done.
        then: Called with its result, in the thread of the viewer.
        otherwise: Called there where it failed.
    """

    words: str
    do: Callable[[Tell], Any]
    then: Callable[[Any], None]
    otherwise: Callable[[], None]


class Work(QObject):
    """Tasks in the order in which they were given.

    Attributes:
        changed: Emitted when something begins or ends.
        progressed: Emitted with how much of how much is done.
        stop: Set while what runs shall stop.
    """

    changed = Signal()
    progressed = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.stop = threading.Event()
        self._waiting: deque[Task] = deque()
        self._running: Task | None = None
        self._is_over = False

    @property
    def words(self) -> str:
        """What runs; empty where nothing does."""
        return "" if self._running is None else self._running.words

    def add(
        self,
        words: str,
        do: Callable[[Tell], Any],
        then: Callable[[Any], None] = lambda _: None,
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """Do something when all before it is done."""
        self._waiting.append(Task(words, do, then, otherwise))
        self._go_on()

    def cancel(self) -> None:
        """Give up what waits, and ask what runs to stop."""
        self._waiting.clear()
        if self._running is not None:
            self.stop.set()

    def close(self) -> None:
        """Cancel all, and tell nobody of what still runs."""
        self._is_over = True
        self.cancel()

    def _go_on(self) -> None:
        if self._running is not None or not self._waiting or self._is_over:
            return
        task = self._running = self._waiting.popleft()
        self.stop.clear()
        create_worker(
            self._outcome,
            task.do,
            _progress={"desc": f"msformer: {task.words}"},
            _connect={"returned": self._ended},
        )
        self.changed.emit()

    def _outcome(self, do: Callable[[Tell], Any]) -> tuple[Any, Exception | None]:
        """What comes of it; errors as well, as napari would show each with its traceback."""
        try:
            return do(self._tell), None
        except Exception as error:
            return None, error

    def _tell(self, done: int, total: int) -> None:
        self.progressed.emit(done, total)  # from another thread: Qt brings it over

    def _ended(self, outcome: tuple[Any, Exception | None]) -> None:
        task, self._running = self._running, None
        if self._is_over or task is None:
            return
        result, error = outcome
        try:
            if error is None:
                task.then(result)
        except (MSFormerError, OSError) as late:
            error = late
        if error is not None:
            tell(error)
            task.otherwise()
        self._go_on()
        self.changed.emit()


def tell(error: Exception) -> None:
    """Show what went wrong: in a line where it is somebody's input or disk, else as napari shows faults of plugins."""
    if isinstance(error, MSFormerError | OSError | MemoryError):
        show_error(str(error) or type(error).__name__)
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
