"""Records → what is said of a run as a whole, and ``report.json``, which has every case."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msformer.batch.record import Record
from msformer.batch.report.schema import SCHEMA_VERSION
from msformer.batch.skipped import count
from msformer.config import Config
from msformer.io.write import text_file
from msformer.processes import Split
from msformer.segmentation import versions

REPORT = "report.json"
IN_TABLES = frozenset({"regions", "objects", "instances"})
"""What of a record would bury the rest: regions and objects of all cases stand in the tables."""


def summarise(
    config: Config,
    *,
    n_done: int,
    n_failed: int,
    n_planned: int,
    split: Split,
    others: Sequence[str],
    learned: Mapping[str, Any] | None,
    skipped: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """What is said of a run as a whole, ready for JSON.

    Args:
        config: Settings of the run.
        n_done: How many cases were segmented.
        n_failed: How many failed.
        n_planned: How many were to be tried.
        split: Processes and threads.
        others: Files that are of other runs.
        learned: What the folder taught.
        skipped: What was passed over.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "program": "msformer",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "planned": n_planned,
        "done": n_done,
        "failed": n_failed,
        "n_skipped": len(skipped),
        "skipped_by_reason": count(skipped),
        "interrupted": n_done + n_failed < n_planned,
        "workers": split.workers,
        "threads": split.threads,
        "left_from_other_runs": list(others),
        "versions": versions(),
        "config": config.model_dump(mode="json"),
        "config_digest": config.digest,
    } | ({} if learned is None else {"learned": dict(learned)})


@contextmanager
def summary_file(
    out: Path, summary: Mapping[str, Any], skipped: Sequence[Mapping[str, str]]
) -> Iterator[Callable[[Record], None]]:
    """Write ``report.json``; gives what adds a case to it, each of which is on a line of its own."""
    head = json.dumps({**summary, "skipped": [dict(one) for one in skipped]}, indent=1, allow_nan=False)
    with text_file(out / REPORT) as file:
        file.write(head.removesuffix("\n}") + ',\n "cases": [')
        separator = ""

        def add(record: Record) -> None:
            nonlocal separator
            case = {key: value for key, value in record.items() if key not in IN_TABLES}
            file.write(f"{separator}\n  {json.dumps(case, allow_nan=False)}")
            separator = ","

        yield add
        file.write("\n ]\n}\n")
