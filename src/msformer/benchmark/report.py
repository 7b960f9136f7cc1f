"""What a benchmark found: ``summary.json`` for programs, ``index.html`` for eyes, a Markdown page for the docs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from msformer.benchmark.figures import draw
from msformer.benchmark.markdown import markdown_page
from msformer.benchmark.page import write_page
from msformer.benchmark.table import Table
from msformer.benchmark.task import Record, machine
from msformer.benchmark.verdict import in_words, judge
from msformer.evaluation.protocols import PROTOCOLS
from msformer.io import null_undefined, write_text
from msformer.segmentation import versions

OWN = "msformer"
"""The method whose standing the report is about; the first one where it did not run."""


def write_report(
    out: Path, records: Sequence[Record], *, command: str, unpaired: Sequence[Path] = (), markdown: Path | None = None
) -> None:
    """Write the reports of a benchmark.

    Args:
        out: Folder of the results; masks are read from it for the gallery.
        records: One a run.
        command: The command that makes it again.
        unpaired: Files that had no partner.
        markdown: Also write this Markdown page, with its figures in a folder of the same name beside it.
    """
    table = Table(records)
    own = OWN if OWN in table.methods else table.methods[0]
    facts = {
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "runs": len(records),
        "failed": [_failure(record) for record in records if record["status"] == "failed"],
        "unpaired": [path.name for path in unpaired],
        "verdict": in_words(judge(table, own), own),
    }
    tables = {
        protocol: {
            name: [
                {**asdict(row), "means": table.means(name, row.method, protocol)} for row in table.rows(name, protocol)
            ]
            for name in table.sets
        }
        for protocol in PROTOCOLS
    }
    differences = {
        name: {other: asdict(table.difference(name, own, other, "automatic")) for other in table.others(name, own)}
        for name in table.sets
    }
    summary = {
        **facts,
        "protocols": tables,
        "objects": {name: [asdict(row) for row in table.objects(name)] for name in table.sets},
        "difference_to": {"method": own, "protocol": "automatic", "sets": differences},
    }
    write_text(out / "summary.json", json.dumps(null_undefined(summary), indent=1, allow_nan=False) + "\n")
    draw(table, out / "figures", own)
    write_page(out, table, facts, own)
    if markdown is not None:
        draw(table, markdown.with_suffix(""), own)
        write_text(markdown, markdown_page(table, facts, own, markdown.stem))


def _failure(record: Record) -> str:
    return f"{record['set']}/{record['case']} {record['method']} seed {record['seed']}: {record['error']}"
