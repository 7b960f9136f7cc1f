"""What runs in the background, one at a time: the same commands as on a terminal, in a process that can be stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msformer.errors import FolderInUseError
from msformer.plain import printable

Status = Literal["running", "done", "failed", "stopped"]
LINES = 200
"""Of what a process says, so many last lines are kept."""
STOPPED = frozenset({129, 130, 143})
"""Exit codes of a run that a signal ended."""
GRACE_S = 10.0
"""Seconds that a process has to end after it was asked to."""


@dataclass(eq=False)
class Job:
    """Something that runs, or ran.

    Attributes:
        kind: ``segment``, ``learn`` or ``export``.
        status: How it stands.
        lines: What it said last.
        done: How much of ``total`` is done; 0 of 0 where that is unknown.
        before: How much of it was done when it began.
        share: How much of what is under way is done, in pieces of ``total``.
        doing: What step of it is under way, in words, where ``total`` is of one step.
        left: Seconds that are left, where somebody knows better than what is done says.
        summary: What came of it, in words.
    """

    kind: str
    status: Status = "running"
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    done: int = 0
    total: int = 0
    before: int = 0
    share: float = 0.0
    doing: str = ""
    left: float | None = None
    summary: str = ""
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    is_asked_to_stop: bool = False

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        seconds = (self.ended or time.monotonic()) - self.began
        left, done = self.left, self.done - self.before + self.share
        if left is None and done > 0 and self.done < self.total:
            left = seconds / done * (self.total - self.done - self.share)
        return {
            "kind": self.kind,
            "status": self.status,
            "line": self.lines[-1] if self.lines else "",
            "lines": list(self.lines)[-20:],
            "done": self.done,
            "total": self.total,
            "share": round(self.share, 3),
            "doing": self.doing,
            "summary": self.summary,
            "seconds": round(seconds, 1),
            "left": None if left is None or self.status != "running" else round(left),
            "stopping": self.is_asked_to_stop and self.status == "running",
        }


class Jobs:
    """The one that runs, and the last that ran."""

    def __init__(self) -> None:
        self.last: Job | None = None
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether something runs."""
        return self.last is not None and self.last.status == "running"

    def command(self, kind: str, arguments: Sequence[str], then: Callable[[Job], None] = lambda _: None) -> Job:
        """Begin a command of the program.

        Args:
            kind: What the page calls it.
            arguments: Of ``msformer``.
            then: Called when it has ended, before its status changes.

        Raises:
            FolderInUseError: Something runs already.
        """

        def work(job: Job) -> Status:
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}  # noqa: PTH109
            with subprocess.Popen(
                [sys.executable, "-m", "msformer.app.child", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="backslashreplace",
                env=environment,
                start_new_session=True,  # Ctrl-C on the terminal is for the page, which then asks its jobs to stop
            ) as process:
                self._process = process
                assert process.stderr is not None  # noqa: S101 - it was asked for
                for line in process.stderr:
                    if text := printable(line.rstrip("\n")).strip():
                        job.lines.append(text)
                code = process.wait()
            self._process = None
            if code in STOPPED or (job.is_asked_to_stop and code != 0):
                return "stopped"
            return "done" if code in (0, 1) else "failed"

        return self.call(kind, work, then)

    def call(self, kind: str, work: Callable[[Job], Status], then: Callable[[Job], None] = lambda _: None) -> Job:
        """Begin something in a thread; see ``command``."""
        with self._lock:
            if self.is_busy:
                raise FolderInUseError("one thing at a time: wait until what runs has ended, or stop it")
            job = self.last = Job(kind)

        def run() -> None:
            status: Status = "failed"
            try:
                status = work(job)
                then(job)
            except Exception as error:  # a thread has nobody to tell but the page
                status = "failed"
                job.lines.append(printable(f"{type(error).__name__}: {error}"))
            job.ended = time.monotonic()
            job.status = status

        threading.Thread(target=run, daemon=True, name=f"msformer-{kind}").start()
        return job

    def stop(self) -> None:
        """Ask what runs to stop; it ends in order, and what it has finished stays."""
        if self.last is None or not self.is_busy:
            return
        self.last.is_asked_to_stop = True
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Stop, and wait until it has ended."""
        self.stop()
        process = self._process
        if process is not None:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
