"""The one loop over items: some handed over, results as they come, a second try alone, an orderly stop."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

from msformer import stopping
from msformer.errors import WorkerDiedError
from msformer.executors.base import Executor

POLL_S = 0.2
"""Seconds between two looks at whether a signal came."""
AGAIN = (WorkerDiedError, MemoryError)
"""What may be another item's fault, or for want of room: tried once more alone."""


def run_items(executor: Executor, call: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Apply a function to items; yields indices and outcomes as they come.

    The outcome of an item whose worker died twice, or that twice had too little memory, is that ``WorkerDiedError`` or
    ``MemoryError``. Any other error is raised here. Signals wait while the caller works on an outcome, see
    ``stopping``. After one nothing new begins; what is under way has ``stopping.GRACE_S`` seconds to end.

    Args:
        executor: Who does the work.
        call: Picklable where workers are other processes.
        items: Picklable likewise.

    Raises:
        Stopped: A signal came.
    """
    with stopping.deferred():
        loop = _Loop(executor, call, items)
        try:
            yield from loop.all_together()
            yield from loop.one_by_one()
        except BaseException:
            loop.drop()
            raise


class _Loop:
    def __init__(self, executor: Executor, call: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self.executor, self.call, self.items = executor, call, items
        self.under_way: dict[Future[Any], int] = {}
        self.ended: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self.again: list[int] = []

    def all_together(self) -> Iterator[tuple[int, Any]]:
        """All items, each once; those to be tried again are left in ``again``."""
        room = self.executor.workers + self.executor.ahead
        waiting = iter(range(len(self.items)))
        index = next(waiting, None)
        while index is not None or self.under_way:
            while index is not None and len(self.under_way) < room and stopping.asked() is None:
                self._begin(index)
                index = next(waiting, None)
            found = self._next(POLL_S)
            if found is not None:
                index_of_it, outcome = found
                if isinstance(outcome, AGAIN):
                    self.again.append(index_of_it)
                else:
                    yield index_of_it, outcome
            if stopping.asked() is not None:
                yield from self._stop()

    def one_by_one(self) -> Iterator[tuple[int, Any]]:
        """Those that are tried again, with nothing beside them."""
        for index in sorted(self.again):
            self._begin(index, is_alone=True)
            while (found := self._next(POLL_S)) is None:
                if stopping.asked() is not None:
                    yield from self._stop()
            yield found
            if stopping.asked() is not None:
                yield from self._stop()

    def drop(self) -> None:
        """Begin nothing that waits."""
        for future in self.under_way:
            future.cancel()

    def _begin(self, index: int, *, is_alone: bool = False) -> None:
        future = self.executor.submit(self.call, self.items[index], is_alone=is_alone)
        self.under_way[future] = index
        future.add_done_callback(self.ended.put)

    def _next(self, seconds: float) -> tuple[int, Any] | None:
        try:
            future = self.ended.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            return None
        index = self.under_way.pop(future)
        try:
            return index, future.result()
        except AGAIN as error:
            return index, error
        except CancelledError:
            return None

    def _stop(self) -> Iterator[tuple[int, Any]]:
        """What ends within the grace, then the signal; what does not is broken off."""
        self.drop()
        end = time.monotonic() + stopping.GRACE_S
        while self.under_way and time.monotonic() < end:
            found = self._next(min(end - time.monotonic(), POLL_S))
            if found is not None and not isinstance(found[1], AGAIN):
                yield found
        self.executor.close(is_now=True)
        stopping.check()
