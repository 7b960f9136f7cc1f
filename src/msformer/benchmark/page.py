"""The benchmark as one self-contained page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from msformer.benchmark.columns import (
    ABOUT_CANDIDATES,
    ABOUT_OBJECTS,
    ABOUT_SUMMARY,
    CAPTIONS,
    DIFFERENCE_HEADINGS,
    HEADINGS,
    OBJECT_HEADINGS,
    SUMMARY_HEADINGS,
    cells,
    difference_rows,
    object_rows,
    summary_rows,
)
from msformer.benchmark.figures import FIGURES
from msformer.benchmark.gallery import gallery
from msformer.benchmark.table import Table
from msformer.evaluation.protocols import PROTOCOLS, Protocol
from msformer.evaluation.selection import PROTOCOL_MEANINGS
from msformer.io.write import text_file
from msformer.look import template
from msformer.render import data_uri


def write_page(out: Path, table: Table, facts: dict[str, Any], own: str) -> None:
    """Write ``index.html`` of a benchmark into ``out``, whose figures are there already."""
    protocols = []
    for protocol in PROTOCOLS:
        sets = [
            _table(name, HEADINGS, [cells(row) for row in rows]) | {"metrics": _metrics_table(table, name, protocol)}
            for name in table.sets
            if (rows := table.rows(name, protocol))
        ]
        if sets:
            protocols.append({"name": protocol, "meaning": PROTOCOL_MEANINGS[protocol], "sets": sets})
    parts = template("benchmark/index.html").generate(
        own=own,
        verdict=facts["verdict"].replace("**", "").replace("`", ""),
        command=facts["command"],
        made=f"{facts['created']} · {facts['machine']['processor']} · {facts['runs']} runs",
        about_candidates=ABOUT_CANDIDATES,
        about_summary=ABOUT_SUMMARY,
        about_objects=ABOUT_OBJECTS,
        summaries=[_table(name, SUMMARY_HEADINGS, summary_rows(table, name)) for name in table.sets],
        protocols=protocols,
        objects=[_table(name, OBJECT_HEADINGS, found) for name in table.sets if (found := object_rows(table, name))],
        differences=[_table(name, DIFFERENCE_HEADINGS, difference_rows(table, name, own)) for name in table.sets],
        figures=[
            {"caption": CAPTIONS[one], "picture": data_uri("png", (out / "figures" / f"{one}.png").read_bytes())}
            for one in FIGURES
        ],
        gallery=gallery(table, out, own),
        failed=facts["failed"],
    )
    with text_file(out / "index.html") as file:
        file.writelines(parts)


def _metrics_table(table: Table, name: str, protocol: Protocol) -> dict[str, Any]:
    means = {row.method: table.means(name, row.method, protocol) for row in table.rows(name, protocol)}
    metrics = list(dict.fromkeys(metric for one in means.values() for metric in one))
    rows = [[method, *(f"{one.get(metric, math.nan):.3f}" for metric in metrics)] for method, one in means.items()]
    return _table(name, ["method", *(metric.replace("_", " ") for metric in metrics)], rows)


def _table(name: str, headings: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {"set": name, "headings": headings, "rows": rows}
