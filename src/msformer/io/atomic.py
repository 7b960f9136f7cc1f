"""Files appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` at the end, or remove it after an error.

    The folder is made if it is missing. A reader sees the old file or the new one, never a part. A link stays one, and
    the file that it leads to is replaced; a device or a pipe stays one, and is written to.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: some writers choose the format by it.
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same for a folder that is to be made: its older one goes when the new one is whole.

    Between the two renames there is none, for folders cannot replace each other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        replace_tree(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_tree(new: Path, path: Path) -> None:
    """Put a file or a folder in the place of what is there, file or folder."""
    if not new.is_dir() and not path.is_dir():
        new.replace(path)
        return
    old = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    if os.path.lexists(path):
        path.rename(old)
    new.rename(path)
    remove_tree(old)


def remove_tree(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
