"""One run a folder: a lock that says whose it is, beats while its run lives, and is taken over when it does not.

No clock of a machine is asked: the age of a beat is told by the file system that has both the lock and the probe.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from msformer.batch.part import Part
from msformer.errors import FolderInUseError

PREFIX = ".msformer-lock-"
BEAT_S = 10.0
STALE_S = 60.0
"""A lock without a beat for so long is nobody's; six beats, as shared file systems show changes late."""
TRIES = 20


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        owner: Name of the user.
        host: Name of the machine.
        process: Number of the process.
        started: When the process began, which tells it from a later one of that number; None where unknown.
        since: When it began.
        machine: What tells machines and containers with one name apart.
        token: Of this one lock.
    """

    owner: str
    host: str
    process: int
    started: int | None
    since: str
    machine: str
    token: str

    def __str__(self) -> str:
        return f"{self.owner} on {self.host}, process {self.process}, since {self.since}"


class FolderLock:
    """The lock of a part of a folder; ``Part()`` has the whole.

    Args:
        out: The folder, which must be there.
        part: Whose lock.

    Attributes:
        taken_from: Who held it before and is no more, where it was taken over.
    """

    def __init__(self, out: Path, part: Part = Part()) -> None:  # noqa: B008 - frozen
        self._out, self._part = out, part
        self.path = out / f"{PREFIX}{part.name}"
        self.taken_from: Holder | None = None
        self._token = ""
        self._over = threading.Event()
        self._lost = False

    def take(self) -> None:
        """Take it.

        Raises:
            FolderInUseError: Another run has it, or parts of it, or the whole.
            OSError: The folder cannot be written.
        """
        self._create()
        try:
            for path in self._out.glob(f"{PREFIX}*"):
                is_other_array = self._part.count == 1 or not path.name.endswith(f"-of-{self._part.count}")
                if path != self.path and is_other_array and self._is_alive(path, holder := _read(path)):
                    raise FolderInUseError(self._told(holder))
        except BaseException:
            self.release()
            raise
        threading.Thread(target=self._beat, daemon=True, name="msformer-lock").start()

    def release(self) -> None:
        """Give it back."""
        self._over.set()
        holder = _read(self.path)
        if holder is not None and holder.token == self._token:
            self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """See that it was not taken over, as after a long sleep of this machine.

        Raises:
            FolderInUseError: It was.
        """
        if self._lost:
            raise FolderInUseError(self._told(_read(self.path)))

    def has_others(self) -> bool:
        """Whether other parts are being worked on."""
        return any(self._is_alive(path, _read(path)) for path in self._out.glob(f"{PREFIX}*") if path != self.path)

    def _create(self) -> None:
        """Make the lock, whole or not at all, once nobody who lives has it."""
        mine = Holder(_user(), socket.gethostname(), os.getpid(), _started(os.getpid()), _now(), _machine(), _new())
        self._token = mine.token
        ready = self._out / f".{_new()}"
        ready.write_text(json.dumps(asdict(mine)), encoding="utf-8")
        try:
            for _ in range(TRIES):
                try:
                    os.link(ready, self.path)  # fails where there is one
                    return
                except FileExistsError:
                    self._remove_stale()
        finally:
            ready.unlink(missing_ok=True)
        raise FolderInUseError(f"{str(self._out)!r} is taken by others again and again; try once more later")

    def _remove_stale(self) -> None:
        holder = _read(self.path)
        if self._is_alive(self.path, holder):
            raise FolderInUseError(self._told(holder))
        aside = self._out / f".{_new()}"
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return  # somebody else was faster
        if _read(aside) == holder:
            self.taken_from = holder
        else:  # it was made in between, and lives: back to its place
            with contextlib.suppress(OSError):
                os.link(aside, self.path)
        aside.unlink(missing_ok=True)

    def _is_alive(self, path: Path, holder: Holder | None) -> bool:
        if holder is not None and holder.machine == _machine() and holder.started is not None:
            return _started(holder.process) == holder.started
        return _age(path) < STALE_S

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            holder = _read(self.path)
            if holder is None or holder.token != self._token:
                self._lost = True
                return
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def _told(self, holder: Holder | None) -> str:
        whose = "of which nothing is known" if holder is None else str(holder)
        return (
            f"{str(self._out)!r} is being written by another run: {whose}; wait for it, stop it, or say another --out"
        )


@contextlib.contextmanager
def locked(out: Path, part: Part) -> Iterator[FolderLock]:
    """Hold the lock of a folder.

    Raises:
        FolderInUseError: Another run has it.
    """
    lock = FolderLock(out, part)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _age(path: Path) -> float:
    """Seconds since the last beat, by the clock of the file system."""
    probe = path.with_name(f".{_new()}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _started(process: int) -> int | None:
    """When a process of this machine began; None where there is none that lives.

    On Linux in ticks since the machine did: psutil adds when that was, and a clock that is set moves it. Elsewhere in
    microseconds since 1970, as the system keeps it.
    """
    if not sys.platform.startswith("linux"):
        import psutil

        try:
            found = psutil.Process(process)
            return None if found.status() == psutil.STATUS_ZOMBIE else round(found.create_time() * 1e6)
        except psutil.Error:
            return None
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def _machine() -> str:
    """What tells this machine, and this container on it, from others."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115
    return " ".join(parts)


def _new() -> str:
    return uuid.uuid4().hex


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
