"""What is known of a case: before it is tried, when it failed. Success is told by those who know it."""

from __future__ import annotations

from typing import Any

from msformer.batch.fingerprint import InputPrint, files_of, stat_of
from msformer.batch.plan import Case
from msformer.io.privacy import without_header

Record = dict[str, Any]
"""What is known of a case after it was tried; ready for JSON. ``status`` is ``done`` or ``failed``."""
IN_LOG = "error_in_log"
"""Key of what a log may say of a failure; ``error`` is what reports say, without words out of a header."""


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
