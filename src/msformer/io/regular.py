"""Files that can be read: no pipes, devices and sockets, which never end or wait for ever."""

from __future__ import annotations

import stat
from pathlib import Path

from msformer.errors import ReadError

SPECIAL = (
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(mode: int) -> str | None:
    """What a file is that is neither a regular file nor a folder; None for those."""
    return next((name for is_kind, name in SPECIAL if is_kind(mode)), None)


def check_regular(path: Path) -> None:
    """Refuse what must not even be opened.

    Raises:
        ReadError: It is a pipe, a device or a socket.
        OSError: It is not there.
    """
    if (name := special_kind(path.stat().st_mode)) is not None:
        raise ReadError(f"must be a regular file; got {name}")
