"""The benchmark as one self-contained page."""

from __future__ import annotations

import math
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
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
from msformer.io import write_text
from msformer.render import data_uri


def write_page(out: Path, table: Table, facts: dict[str, Any], own: str) -> None:
    """Write ``index.html`` of a benchmark into ``out``, whose figures are there already."""
    parts: list[str] = []
    parts.append(f"<section><h2>What was chosen, and what could have been</h2><p>{escape(ABOUT_SUMMARY)}</p>")
    for name in table.sets:
        parts.append(f"<h3>{escape(name)}</h3>{_html_table(SUMMARY_HEADINGS, summary_rows(table, name), own)}")
    parts.append("</section>")
    for protocol in PROTOCOLS:
        of_protocol = {name: rows for name in table.sets if (rows := table.rows(name, protocol))}
        if not of_protocol:
            continue
        parts.append(f"<section><h2>Protocol {protocol}</h2><p>{escape(PROTOCOL_MEANINGS[protocol])}</p>")
        for name, rows in of_protocol.items():
            lines = [cells(row) for row in rows]
            parts.append(f"<h3>{escape(name)}: Dice under {protocol}</h3>{_html_table(HEADINGS, lines, own)}")
            all_metrics = _metrics_table(table, name, protocol, own)
            parts.append(f"<details><summary>means of all metrics under {protocol}</summary>{all_metrics}</details>")
        parts.append("</section>")
    if of_objects := {name: of_set for name in table.sets if (of_set := object_rows(table, name))}:
        parts.append(f"<section><h2>Objects one by one</h2><p>{escape(ABOUT_OBJECTS)}</p>")
        for name, of_set in of_objects.items():
            parts.append(f"<h3>{escape(name)}</h3>{_html_table(OBJECT_HEADINGS, of_set, own)}")
        parts.append("</section>")
    parts.append(f"<section><h2>{escape(own)} minus each other method, Dice under automatic, paired</h2>")
    for name in table.sets:
        parts.append(
            f"<h3>{escape(name)}</h3>{_html_table(DIFFERENCE_HEADINGS, difference_rows(table, name, own), own)}"
        )
    parts.append("</section>")
    for figure in FIGURES:
        picture = data_uri("png", (out / "figures" / f"{figure}.png").read_bytes())
        caption = escape(CAPTIONS[figure])
        parts.append(f'<figure><img alt="{caption}" src="{picture}"><figcaption>{caption}</figcaption></figure>')
    parts.append(gallery(table, out, own))
    if facts["failed"]:
        parts.append(
            "<h2>Failed runs</h2><ul>" + "".join(f"<li>{escape(text)}</li>" for text in facts["failed"]) + "</ul>"
        )
    template = Template((resources.files("msformer.benchmark") / "index.html").read_text(encoding="utf-8"))
    page = template.substitute(
        verdict=escape(facts["verdict"]).replace("**", "").replace("`", ""),
        candidates=escape(ABOUT_CANDIDATES),
        command=escape(facts["command"]),
        made=escape(f"{facts['created']} · {facts['machine']['processor']} · {facts['runs']} runs"),
        parts="\n".join(parts),
    )
    write_text(out / "index.html", page)


def _metrics_table(table: Table, name: str, protocol: Protocol, own: str) -> str:
    means = {row.method: table.means(name, row.method, protocol) for row in table.rows(name, protocol)}
    metrics = list(dict.fromkeys(metric for one in means.values() for metric in one))
    rows = [[method, *(f"{one.get(metric, math.nan):.3f}" for metric in metrics)] for method, one in means.items()]
    return _html_table(["method", *(metric.replace("_", " ") for metric in metrics)], rows, own)


def _html_table(headings: list[str], rows: list[list[str]], own: str) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        f"<tr{' class=own' if cells[0] == own else ''}>"
        + "".join(f"<td>{escape(text)}</td>" for text in cells)
        + "</tr>"
        for cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
