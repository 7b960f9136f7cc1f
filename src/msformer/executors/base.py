"""What an executor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What one item may take; None where nothing is limited.

    Attributes:
        seconds: Of time.
        memory: Bytes of memory of the worker as a whole.
        memory_alone: The same where nothing is done beside it.
    """

    seconds: float | None = None
    memory: int | None = None
    memory_alone: int | None = None


class Executor(ABC):
    """Where calls are worked on.

    Attributes:
        workers: How many at a time.
        threads: Threads that each has.
        ahead: How many more are handed over, so that no worker waits for the next one.
    """

    workers: int
    threads: int
    ahead: int

    @abstractmethod
    def submit(self, call: Callable[[Any], Any], item: Any, *, is_alone: bool = False) -> Future[Any]:
        """Work on an item.

        Args:
            call: Of a module, so that workers find it by name; the same one again is not sent again.
            item: Picklable.
            is_alone: Nothing else is under way: it may have all the memory.
        """

    @abstractmethod
    def close(self, *, is_now: bool = False) -> None:
        """End the workers; with ``is_now`` also what is under way."""
