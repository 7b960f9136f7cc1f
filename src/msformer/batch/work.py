"""One case from file to files. Failure is data: it becomes a record and never stops the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msformer.batch.files import ALONE, remove_results
from msformer.batch.image_case import run_image
from msformer.batch.plan import Case
from msformer.batch.volume_case import run_volume
from msformer.config import Config
from msformer.errors import MSFormerError
from msformer.io import MAX_PIXELS
from msformer.io.privacy import without_header
from msformer.plain import printable

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken

logger = logging.getLogger(__name__)

IN_LOG = "error_in_log"
"""Key of what a log may say of a failure; ``error`` is what reports say, without words out of a header."""
Record = dict[str, Any]
"""What is known of a case after it was tried; ready for JSON. ``status`` is ``done`` or ``failed``."""


def run_case(
    case: Case,
    config: Config,
    out: Path,
    *,
    spacing_mm: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
    initial_weights: Mapping[str, Tensor] | None = None,
    cancel: CancelToken | None = None,
) -> Record:
    """Read, segment and write one case.

    A case that fails leaves no file behind, not even one of an earlier run.

    Returns:
        The record; ``error`` says why a case failed.
    """
    start = time.perf_counter()
    record: Record = {"case_id": case.case_id, "source": str(case.source), "page": case.page}
    run = run_volume if case.instances else run_image
    remove_results(out, case, [ALONE])  # of an earlier mask; one that is there is never written over
    try:
        record |= {"status": "done"} | run(
            case,
            config,
            out,
            spacing_mm=spacing_mm,
            max_pixels=max_pixels,
            initial_weights=initial_weights,
            cancel=cancel,
        )
    except BaseException as error:
        remove_results(out, case)
        if not isinstance(error, Exception):  # an interruption: no half case stays behind
            raise
        if not isinstance(error, MSFormerError | OSError | MemoryError):
            logger.exception("%s: unexpected error", printable(str(case.source)))
        record |= {
            "status": "failed",
            "files": _files(case),
            "error_type": type(error).__name__,
            "error": without_header(error),
            IN_LOG: str(error) or "no reason given",
        }
    record["elapsed_s"] = time.perf_counter() - start
    return record


def _files(case: Case) -> list[str]:
    """The files that make a case: a series is named after its folder, which does not tell them."""
    return [str(path) for path in case.instances or (case.source,)]


def record_death(case: Case, out: Path) -> Record:
    """The record of a case whose process died, which it could not write itself; its files are removed."""
    remove_results(out, case)
    return {
        "case_id": case.case_id,
        "source": str(case.source),
        "page": case.page,
        "status": "failed",
        "files": _files(case),
        "error_type": "ProcessDied",
        "error": f"{case.source}: the process died, for want of memory or by a signal",
        "elapsed_s": 0.0,
    }
