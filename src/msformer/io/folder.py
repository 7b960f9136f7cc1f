"""A folder for results, made and tried before the work begins and not after it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from msformer.errors import ConfigError


def prepare_folder(path: Path, inside: Sequence[str] = ()) -> None:
    """Make a folder, and folders inside it, and see that files can be written there.

    Raises:
        ConfigError: It is a file, or cannot be made or written to.
    """
    try:
        for folder in (path, *(path / name for name in inside)):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ConfigError(f"the output must be a folder that can be written to; got {str(path)!r}: {error}") from error


def is_segment_output(folder: Path) -> bool:
    """Whether ``msformer segment`` wrote this folder."""
    return (folder / "masks").is_dir() and (folder / "labels").is_dir()
