"""Records → what is said of a run as a whole, and ``report.json``, which has every case."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msformer.batch.files import ALL_KINDS
from msformer.batch.record import Record
from msformer.batch.skipped import count
from msformer.config import Config
from msformer.io.write import text_file
from msformer.processes import Split
from msformer.segmentation import versions

REPORT = "report.json"
IN_TABLES = frozenset({"regions", "objects", "instances"})
"""What of a record would bury the rest: regions and objects of all cases stand in the tables."""


def summarise(
    records: Sequence[Record],
    config: Config,
    *,
    n_failed: int,
    n_planned: int,
    split: Split,
    others: Sequence[str],
    learned: Mapping[str, Any] | None,
    skipped: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """What is said of a run as a whole, ready for JSON.

    Args:
        records: See ``write_report``, as the others that are not named here.
        config: Settings of the run.
        n_failed: How many of the records are of failures.
        n_planned: How many cases were to be tried.
        split: Processes and threads.
        others: Files that are of other runs.
        learned: What the folder taught.
        skipped: What was passed over.
    """
    return {
        "program": "msformer",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "planned": n_planned,
        "done": len(records) - n_failed,
        "failed": n_failed,
        "n_skipped": len(skipped),
        "skipped_by_reason": count(skipped),
        "interrupted": len(records) < n_planned,
        "workers": split.workers,
        "threads": split.threads,
        "left_from_other_runs": list(others),
        "versions": versions(),
        "config": config.model_dump(mode="json"),
        "config_digest": config.digest,
    } | ({} if learned is None else {"learned": dict(learned)})


def write_summary(
    out: Path, summary: Mapping[str, Any], skipped: Sequence[Mapping[str, str]], records: Iterable[Record]
) -> None:
    """Write ``report.json``, a case a line and one case in memory at a time."""
    head = json.dumps({**summary, "skipped": [dict(one) for one in skipped]}, indent=1, allow_nan=False)
    with text_file(out / REPORT) as file:
        file.write(head.removesuffix("\n}") + ',\n "cases": [')
        for number, record in enumerate(records):
            case = {key: value for key, value in record.items() if key not in IN_TABLES}
            file.write(("," if number else "") + "\n  " + json.dumps(case, allow_nan=False))
        file.write("\n ]\n}\n")


def skipped_before(out: Path) -> list[Mapping[str, str]]:
    """What the report in a folder says was passed over."""
    try:
        found = json.loads((out / REPORT).read_text(encoding="utf-8"))["skipped"]
        return [{key: str(one[key]) for key in ("path", "why", "reason")} for one in found]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []


def strangers(out: Path, records: Iterable[Record]) -> list[str]:
    """Results in ``out`` that are not of these records: left by another run into the same folder."""
    known = {path for record in records for path in record.get("outputs", {}).values()}
    found: list[str] = []
    for kind in ALL_KINDS:
        for folder, _, names in os.walk(out / kind):
            inside = Path(folder).relative_to(out).as_posix()
            found += (path for name in names if (path := f"{inside}/{name}") not in known)
    return sorted(found)
