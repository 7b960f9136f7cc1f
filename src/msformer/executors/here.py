"""This process itself: no limits, and a crash is its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from msformer import stopping
from msformer.executors.base import Executor


class Here(Executor):
    """Works on an item at once, in the caller's thread."""

    workers = 1
    ahead = 0

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def submit(self, call: Callable[[Any], Any], item: Any, *, is_alone: bool = False) -> Future[Any]:
        """The result, or the error that it raised; what asks the program to stop goes through."""
        future: Future[Any] = Future()
        try:
            with stopping.immediate():
                future.set_result(call(item))
        except Exception as error:  # it is the future's: whoever asks for the result meets it
            future.set_exception(error)
        return future

    def close(self, *, is_now: bool = False) -> None:
        """Nothing to end."""
