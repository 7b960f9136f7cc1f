"""Processes of this machine, with limits of time and memory, started when they are needed, replaced when they die."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, cast

from msformer import stopping
from msformer.errors import WorkerDiedError
from msformer.executors.base import Executor, Limits
from msformer.executors.worker import START
from msformer.processes import THREAD_VARIABLES

OF_SIGNALS = {
    "SIGKILL": "as happens for want of memory",
    "SIGSEGV": "a fault in a library",
    "SIGABRT": "a fault in a library",
    "SIGBUS": "a fault in a library, or a file that became shorter",
}
"""What a death by a signal mostly means."""


class Processes(Executor):
    """Worker processes; each is driven by a thread, so that the death of one is the matter of one item.

    Args:
        workers: How many.
        threads: Threads of each.
        limits: Of an item.
    """

    def __init__(self, workers: int, threads: int = 1, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.workers, self.threads, self.limits = workers, threads, limits
        self.ahead = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="msformer-worker")
        self._here = threading.local()
        self._drivers: list[Driver] = []
        self._over = threading.Event()

    def submit(self, call: Callable[[Any], Any], item: Any, *, is_alone: bool = False) -> Future[Any]:
        """Work on an item in one of the processes."""
        return self._pool.submit(self._work, call, item, is_alone)

    def close(self, *, is_now: bool = False) -> None:
        """End the processes; with ``is_now`` those as well that are in the middle of an item."""
        if is_now:
            self._over.set()
            for driver in list(self._drivers):
                driver.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for driver in self._drivers:
            driver.end()

    def _work(self, call: Callable[[Any], Any], item: Any, is_alone: bool) -> Any:
        driver = getattr(self._here, "driver", None)
        if driver is None:
            driver = self._here.driver = Driver(self.threads, self._over)
            self._drivers.append(driver)
        memory = self.limits.memory_alone if is_alone else self.limits.memory
        return driver.work(call, item, seconds=self.limits.seconds, memory=memory)


class Driver:
    """One worker process at a time, for one thread.

    Args:
        threads: Threads of the process.
        over: Set before processes are killed: from then on none is started.
        folder: That names of files are relative to; the one of this process if left out.
    """

    def __init__(self, threads: int, over: threading.Event, folder: str | None = None) -> None:
        self._threads, self._over, self._folder = threads, over, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._call: Callable[[Any], Any] | None = None

    def work(self, call: Callable[[Any], Any], item: Any, *, seconds: float | None, memory: int | None) -> Any:
        """The result of an item.

        Raises:
            WorkerDiedError: The process ended before it answered, or had to be ended.
            Exception: What the call raised.
        """
        if self._process is None or self._process.poll() is not None:
            self._process, self._call = self._start(), None
        process = self._process
        if self._over.is_set():
            process.kill()
        question = pickle.dumps((None if call is self._call else call, item, memory))  # whole, or nothing is sent
        questions, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        late = threading.Event()

        def expire() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds or 0.0, expire)
        timer.daemon = True
        try:
            if seconds is not None:
                timer.start()
            questions.write(question)
            questions.flush()
            self._call = call
            is_done, answer = pickle.load(answers)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise WorkerDiedError(self._why(process, seconds if late.is_set() else None)) from None
        finally:
            timer.cancel()
        if not is_done:
            raise answer
        return answer

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def end(self) -> None:
        """Let the process end, which is idle."""
        if self._process is None:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(self._threads))
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
        if hasattr(signal, "pthread_sigmask"):  # held back until it ignores them
            before = signal.pthread_sigmask(signal.SIG_BLOCK, stopping.SIGNALS)
        try:
            return subprocess.Popen(
                [sys.executable, "-c", START, str(self._threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                cwd=self._folder,
            )
        finally:
            if hasattr(signal, "pthread_sigmask"):
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _why(self, process: subprocess.Popen[bytes], seconds: float | None) -> str:
        process.kill()
        code = process.wait()
        if seconds is not None:
            return f"it took longer than {seconds:g} s (--case-timeout allows more)"
        if self._over.is_set():
            return "the run was stopped"
        if code >= 0:
            return f"its process ended with code {code}"
        name = signal.Signals(-code).name
        meaning = OF_SIGNALS.get(name)
        return f"its process died of {name}" + ("" if meaning is None else f", {meaning}")
