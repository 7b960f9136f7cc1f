"""All cases, one after another, and the report at the end, even when the run is interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msformer.batch.plan import Case
from msformer.batch.report import write_report
from msformer.batch.work import Record, run_case
from msformer.config import Config

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


def run_cases(
    cases: Sequence[Case],
    config: Config,
    out: Path,
    *,
    spacing_mm: tuple[float, float] | None = None,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Segment every case into ``out`` and write the report.

    After an interruption (``KeyboardInterrupt``) the report of the finished cases is written before it goes on.

    Args:
        cases: From ``plan_cases``.
        config: Settings of all cases.
        out: Folder of the results; made if it is missing.
        spacing_mm: Size of a pixel (row, column) in mm, for files that do not say.
        initial_weights: See ``pipeline.segment``.
        on_record: Called after each case.
    """
    records: list[Record] = []
    try:
        for case in cases:
            record = run_case(case, config, out, spacing_mm=spacing_mm, initial_weights=initial_weights)
            records.append(record)
            if record["status"] == "failed":
                logger.warning("%s failed: %s", record["case_id"], record["error"])
            else:
                logger.info("%s: %d clusters in %.2f s", case.case_id, record["n_labels"], record["elapsed_s"])
            if on_record is not None:
                on_record(record)
    finally:
        write_report(out, records, config, n_planned=len(cases))
    return records
