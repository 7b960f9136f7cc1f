"""One case from file to files. Failure is data: it becomes a record and never stops the others."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msformer.batch.files import publish
from msformer.batch.fingerprint import content_of
from msformer.batch.image_case import IMAGE
from msformer.batch.one_case import Steps, Task
from msformer.batch.plan import Case
from msformer.batch.prompts import config_of
from msformer.batch.record import Record, beginning, failure
from msformer.batch.thumbnails import thumbnail_of
from msformer.batch.volume_case import VOLUME
from msformer.config import Config
from msformer.errors import MSFormerError, WriteError
from msformer.io import MAX_PIXELS
from msformer.io.need import bytes_needed
from msformer.plain import printable
from msformer.processes import memory_limit
from msformer.watching import watching

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken

logger = logging.getLogger(__name__)

PROGRAM_BYTES = 450 * 2**20
"""What a process takes with its libraries and the network at working size, beside a case; 320 to 430 MB on Linux."""
WANT_OF_MEMORY = ("can't allocate memory", "insufficient memory", "std::bad_alloc", "cannot allocate memory")
"""What libraries say, each in an error of its own, where Python has ``MemoryError``."""


def run_case(
    case: Case,
    config: Config,
    out: Path,
    *,
    staging: Path | None = None,
    spacing_mm: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
    initial_weights: Mapping[str, Tensor] | None = None,
    cancel: CancelToken | None = None,
    watch: Path | None = None,
) -> Record:
    """Read, segment and write one case.

    Its files are written aside and take their places when all are whole: a case that fails, or is broken off, leaves
    what an earlier run made of it as it was.

    Args:
        case: From ``plan_inputs``.
        config: Settings.
        out: Folder of the results.
        staging: Folder on the same file system in which files are written aside; ``out`` if left out.
        spacing_mm: Size of a pixel (row, column) in mm, for files that do not say.
        max_pixels: A larger image fails.
        initial_weights: See ``pipeline.segment``.
        cancel: Ends the optimisation early.
        watch: Folder that it is told in how far the case is; see ``watching``.

    Returns:
        The record; ``error`` says why a case failed.

    Raises:
        MemoryError: There is not enough; another process, or another time, may have more.
    """
    start = time.perf_counter()
    record = beginning(case)
    steps: Steps[Any, Any] = VOLUME if case.instances else IMAGE
    aside = (staging or out) / f".{uuid.uuid4().hex}"
    try:
        check_memory(case, max_pixels)
        record["input"]["content"] = content_of(case)
        with watching(watch, case.case_id) as watcher:
            task = Task(case, config_of(case, config), aside, spacing_mm, max_pixels, initial_weights, cancel, watcher)
            result = steps.run(task)
        digests = publish(aside, out, case, result["outputs"])
        record |= {"status": "done"} | result | {"digests": digests}
        thumbnail_of(out, record)  # here, where cases are done side by side, and not by the report
    except Exception as error:
        if is_want_of_memory(error):
            said = str(error)
            raise MemoryError(said if str(case.source) in said else f"{case.source}: not enough memory") from error
        if not isinstance(error, MSFormerError | OSError):
            logger.exception("%s: unexpected error", printable(str(case.source)))
        if isinstance(error, WriteError):  # as the file would have been called
            error = WriteError(str(error).replace(str(aside), str(out)))
        record |= failure(case, error)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    record["elapsed_s"] = time.perf_counter() - start
    return record


def check_memory(case: Case, max_pixels: int) -> None:
    """See that this process may take what a case needs, before it takes it.

    Raises:
        MemoryError: It may not; ``executors`` then try the case alone, with all that is free.
        ReadError: The header of the file is broken, or claims more than is read.
    """
    limit = memory_limit()
    if limit is None:
        return
    needed = PROGRAM_BYTES + bytes_needed(case.source, case.page, case.instances, max_pixels=max_pixels)
    if needed > limit:
        raise MemoryError(
            f"{case.source}: it needs about {needed / 1e9:.1f} GB; a process may have {limit / 1e9:.1f} GB "
            "(--case-memory allows more)"
        )


def is_want_of_memory(error: BaseException) -> bool:
    """Whether there was not enough memory, whoever says so."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in WANT_OF_MEMORY)
