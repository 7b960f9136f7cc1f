"""What is known of a case: before it is tried, when it failed. Success is told by those who know it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msformer.batch.fingerprint import InputPrint, files_of, stat_of
from msformer.batch.plan import Case
from msformer.io.privacy import without_header

Record = dict[str, Any]
"""What is known of a case after it was tried; ready for JSON. ``status`` is ``done`` or ``failed``."""
IN_LOG = "error_in_log"
"""Key of what a log may say of a failure; ``error`` is what reports say, without words out of a header."""

FROM = "source_from"
"""Key of where a relative ``source`` starts, seen from the folder of results: OUT is opened from elsewhere, too, and
moved together with its inputs."""


def way_here(out: Path) -> str:
    """The folder that this process is in, seen from the folder of results."""
    here = Path.cwd().resolve()
    try:
        return os.path.relpath(here, out.resolve())
    except ValueError:  # another drive of Windows
        return str(here)


def start_of(record: Mapping[str, Any], out: Path) -> Path:
    """The folder that relative paths of a record start from: that of its run, or this one where only here is a file."""
    if FROM not in record:
        return Path()
    start = Path(os.path.normpath(out.resolve() / record[FROM]))
    is_here = start == Path.cwd().resolve()
    return Path() if is_here or (not (start / record["source"]).exists() and Path(record["source"]).exists()) else start


def beginning(case: Case) -> Record:
    """What is known of a case before it is tried."""
    return {
        "case_id": case.case_id,
        "source": str(case.source),
        "page": case.page,
        "input": InputPrint(stat_of(case), "").record(),
        "elapsed_s": 0.0,
    }


def failure(case: Case, error: BaseException) -> Record:
    """What a record has of a case that failed."""
    return {
        "status": "failed",
        "files": [str(path) for path in files_of(case)],
        "error_type": type(error).__name__,
        "error": without_header(error),
        IN_LOG: str(error) or "no reason given",
    } | ({"errno": error.errno} if isinstance(error, OSError) and error.errno is not None else {})
