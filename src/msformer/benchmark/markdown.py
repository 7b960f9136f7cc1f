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
from msformer.benchmark.table import Row, Table
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
    lines += _of_sets(SUMMARY_HEADINGS, {name: summary_rows(table, name) for name in table.sets})
    for protocol in PROTOCOLS:
        of_protocol = {name: rows for name in table.sets if (rows := table.rows(name, protocol))}
        if not of_protocol:
            continue
        meaning = f"{PROTOCOL_MEANINGS[protocol][0].upper()}{PROTOCOL_MEANINGS[protocol][1:]}."
        lines += [f"## Protocol `{protocol}`", "", f"{meaning} Dice."]
        if protocol == "automatic":
            shown = {_counted(name, rows): [cells(row) for row in rows] for name, rows in of_protocol.items()}
            lines += ["", *_of_sets(HEADINGS, shown)]
        else:
            lines[-1] += " Means; all else is in `summary.json`."
            lines += ["", *_means(of_protocol)]
    of_objects = {name: of_set for name in table.sets if (of_set := object_rows(table, name))}
    if of_objects:
        lines += ["## Objects one by one", "", ABOUT_OBJECTS, "", *_of_sets(OBJECT_HEADINGS, of_objects)]
    lines += [f"## Paired differences: `{own}` minus each other method, Dice under `automatic`", ""]
    lines += _of_sets(DIFFERENCE_HEADINGS, {name: difference_rows(table, name, own) for name in table.sets})
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


def _counted(name: str, rows: list[Row]) -> str:
    return f"{name}, {rows[0].summary.n} cases"


def _of_sets(headings: list[str], of_sets: dict[str, list[list[str]]]) -> list[str]:
    """One table of all sets; the name of a set stands in its first row."""
    rows = [[name if number == 0 else "", *row] for name, given in of_sets.items() for number, row in enumerate(given)]
    return _markdown_table(["set", *headings], rows)


def _means(of_sets: dict[str, list[Row]]) -> list[str]:
    """The mean of each method in each set; a dash where a method was not run."""
    of_methods = {name: {row.method: cells(row)[1] for row in rows} for name, rows in of_sets.items()}
    methods = list(dict.fromkeys(method for means in of_methods.values() for method in means))
    rows = [
        [_counted(name, of_sets[name]), *(means.get(method, "–") for method in methods)]
        for name, means in of_methods.items()
    ]
    return _markdown_table(["set", *methods], rows)


def _markdown_table(headings: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return [*lines, *("| " + " | ".join(cells) + " |" for cells in rows), ""]
