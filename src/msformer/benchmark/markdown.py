"""The benchmark as a Markdown page for the documentation."""

from __future__ import annotations

from collections import Counter
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
from msformer.benchmark.table import Table
from msformer.evaluation.protocols import PROTOCOLS
from msformer.evaluation.selection import PROTOCOL_MEANINGS


def markdown_page(table: Table, facts: dict[str, Any], own: str, figures: str) -> str:
    """The page ``docs/benchmark.md``; ``figures`` is the folder of the pictures beside it."""
    processor = f"{facts['machine']['processor']}, {facts['machine']['cores']} cores"
    lines = [
        "<!-- written by msformer benchmark -->",
        "",
        "# Benchmark",
        "",
        f"{facts['verdict']} All methods share preparation and refinement.",
        ABOUT_CANDIDATES,
        "Dice at native size, each case the mean over seeds; differences are paired over cases with a",
        "95 % bootstrap interval.",
        "",
        f"Made on {facts['created'][:10]} ({processor}; torch {facts['versions']['torch']}) by",
        "",
        "```",
        facts["command"],
        "```",
        "",
        f"{facts['runs']} runs, {len(facts['failed'])} failed. Times are of one thread, with as many runs at a time as",
        "there are processes: read them as ratios. MB is the largest resident size of a process, libraries included.",
        "",
    ]
    lines += _presets(table)
    lines += ["## What was chosen, and what could have been", "", ABOUT_SUMMARY, ""]
    for name in table.sets:
        lines += [f"### {name}", "", *_markdown_table(SUMMARY_HEADINGS, summary_rows(table, name))]
    for protocol in PROTOCOLS:
        of_protocol = {name: rows for name in table.sets if (rows := table.rows(name, protocol))}
        if not of_protocol:
            continue
        lines += [
            f"## Protocol `{protocol}`",
            "",
            f"{PROTOCOL_MEANINGS[protocol][0].upper()}{PROTOCOL_MEANINGS[protocol][1:]}.",
            "",
        ]
        for name, rows in of_protocol.items():
            count = rows[0].summary.n
            lines += [f"### {name}, {count} cases, Dice under `{protocol}`", ""]
            lines += _markdown_table(HEADINGS, [cells(row) for row in rows])
    of_objects = {name: of_set for name in table.sets if (of_set := object_rows(table, name))}
    if of_objects:
        lines += ["## Objects one by one", "", ABOUT_OBJECTS, ""]
    for name, of_set in of_objects.items():
        lines += [f"### {name}", "", *_markdown_table(OBJECT_HEADINGS, of_set)]
    lines += [f"## Paired differences: `{own}` minus each other method, Dice under `automatic`", ""]
    for name in table.sets:
        lines += [f"### {name}", "", *_markdown_table(DIFFERENCE_HEADINGS, difference_rows(table, name, own))]
    for figure in FIGURES:
        lines += [f"![{CAPTIONS[figure]}]({figures}/{figure}.png)", "", f"*{CAPTIONS[figure]}*", ""]
    return "\n".join(lines).rstrip() + "\n"


def _presets(table: Table) -> list[str]:
    """Which presets the runs took, where ``auto`` chose them."""
    taken = {
        name: Counter(record["preset"] for record in table.records if record["set"] == name and "preset" in record)
        for name in table.sets
    }
    if len({preset for counts in taken.values() for preset in counts}) < 2:
        return []
    rows = [
        [name, ", ".join(f"`{preset}` {count / counts.total():.0%}" for preset, count in counts.most_common())]
        for name, counts in taken.items()
    ]
    return ["The presets that were taken:", "", *_markdown_table(["set", "preset"], rows)]


def _markdown_table(headings: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return [*lines, *("| " + " | ".join(cells) + " |" for cells in rows), ""]
