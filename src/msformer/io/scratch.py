"""Folders for what is unpacked for a while; none is left behind, not even by a process that is killed.

Each folder has a lock that its process holds. The system gives it free when the process ends, however that happens; a
folder whose lock is free is nobody's, and the next run removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nothing is known of other processes' folders
    fcntl = None  # type: ignore[assignment]

PREFIX = "msformer-unpacked-"
LOCK = "lock"


class Scratch:
    """A temporary folder.

    Attributes:
        path: Where files go; empty at first.
    """

    def __init__(self) -> None:
        remove_orphans()
        self._root = Path(tempfile.mkdtemp(prefix=PREFIX))
        unlocked = self._root / "unlocked"
        self._lock = os.open(unlocked, os.O_CREAT | os.O_RDWR, 0o600)
        if fcntl is not None:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        unlocked.rename(self._root / LOCK)  # whoever finds a lock finds it taken
        self.path = self._root / "files"
        self.path.mkdir()

    def remove(self) -> None:
        """Remove it; once more does nothing."""
        shutil.rmtree(self._root, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def remove_orphans() -> None:
    """Remove what processes left behind that were killed; the folders of living ones stay."""
    if fcntl is None:
        return
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if root.is_symlink() or root.stat().st_uid != os.getuid():
                continue
            lock = os.open(root / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its process lives
                shutil.rmtree(root, ignore_errors=True)
            finally:
                os.close(lock)
