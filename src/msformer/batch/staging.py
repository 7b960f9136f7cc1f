"""Where a case is written before it is whole, on the same file system as its place."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

STAGING = ".staging"
"""Folder of what is being written."""


def staging_of(out: Path, part: str) -> Path:
    """Where the cases of a part are written before they are whole; on the same file system as their place."""
    return out / STAGING / part


def remove_staging(out: Path, part: str) -> None:
    """Remove what a run that was killed was writing."""
    shutil.rmtree(staging_of(out, part), ignore_errors=True)
    with contextlib.suppress(OSError):  # of other parts there is more
        (out / STAGING).rmdir()
