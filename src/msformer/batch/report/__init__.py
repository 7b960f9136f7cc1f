"""What came of a run: ``report.json`` for programs, ``regions.csv`` for spreadsheets, ``index.html`` for eyes.

Where objects were told apart, ``objects.csv`` has a row an object. Records are read three times and never kept, so that
a report of a hundred thousand cases needs little more memory than its index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msformer.batch.record import Record
from msformer.batch.report.overview import Overview
from msformer.batch.report.page import write_page
from msformer.batch.report.summary import summarise, summary_file
from msformer.batch.report.tables import OBJECT_COLUMNS, REGION_COLUMNS, tables
from msformer.config import Config
from msformer.processes import Split

__all__ = ["OBJECT_COLUMNS", "REGION_COLUMNS", "write_report"]


def write_report(
    out: Path,
    records: Sequence[Record],
    config: Config,
    *,
    n_planned: int,
    split: Split,
    learned: Mapping[str, Any] | None = None,
    skipped: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write the reports of a run into ``out``; an ``objects.csv`` of an earlier one goes where this one has none.

    Args:
        out: Folder of the results.
        records: One a case that was tried; may be read from a file as they are asked for, as those of a journal are.
        config: Settings of the run.
        n_planned: Number of cases that were to be tried; more than ``records`` after an interruption.
        split: Processes and threads; neither changes a label, which ``fit.threads`` alone decides.
        learned: What the folder taught, None where nothing was asked of it.
        skipped: What was passed over, records of ``skipped.Skipped``.

    Raises:
        OSError: They cannot be written. A picture that cannot be read or made is left out of the page.
    """
    overview = Overview(records)
    summary = summarise(
        config,
        n_done=len(records) - overview.n_failed,
        n_failed=overview.n_failed,
        n_planned=n_planned,
        split=split,
        others=overview.strangers(out),
        learned=learned,
        skipped=skipped,
    )
    with summary_file(out, summary, skipped) as add_case:  # there last: by it a run knows that the rest is
        with tables(out, overview.widths) as add_rows:
            for record in records:
                add_case(record)
                add_rows(record)
        write_page(out, records, overview.by_trust(), summary, skipped)
