"""Rows of numbers → rows of words: the columns that the page and the Markdown share."""

from __future__ import annotations

from msformer.benchmark.table import POOR, Row, Table
from msformer.evaluation.aggregate import Comparison
from msformer.evaluation.protocols import Protocol

HEADINGS = [
    "method", "mean", "95 % interval", "median", "10th percentile", f"< {POOR}", "between seeds", "s", "MB", "failed",
]  # fmt: skip
DIFFERENCE_HEADINGS = ["other", "mean difference", "95 % interval", "better / equal / worse", "Wilcoxon p"]
OBJECT_HEADINGS = [
    "method", "cases", "F1", "AJI", "PQ", "found / true", "components: F1", "components: AJI", "components: PQ",
]  # fmt: skip
ABOUT_OBJECTS = (
    "Each object of an instance map against its own: F1 and PQ at IoU over .5, AJI; means over cases. Beside it the "
    "same mask's connected components as they are, touching objects not parted."
)
SUMMARY_PROTOCOLS: tuple[Protocol, ...] = ("automatic", "oracle-node", "oracle-nodes", "oracle-components")
"""What a method reaches, and what lay within its reach: the loss by the choice is the difference."""
SUMMARY_HEADINGS = ["method", *SUMMARY_PROTOCOLS]
ABOUT_SUMMARY = (
    "Mean Dice of what was chosen, beside that of the best that could have been chosen with the ground truth in hand, "
    "each under its protocol: the best region, the best union of regions, the best union of the clusters' components. "
    "A dash: the method does not choose among regions. Borders are drawn anew after the choice, and where there may be "
    "several objects msformer chooses among level sets, so what was chosen can be the better one."
)
ABOUT_CANDIDATES = (
    "msformer chooses among regions of the prepared image, for several objects among its level sets. Every other "
    "method is a clustering: the rule chooses among its clusters, so that between these the clustering alone differs. "
    "msformer-clusters is the clustering of msformer under that rule: what lies between the two is the gain of regions."
)
CAPTIONS = {
    "distributions": "Dice of each case (dots, mean over seeds) and mean (line).",
    "time": "Mean Dice against seconds a case on one thread.",
    "confidence": "Dice against the confidence that the program has in its own mask.",
}


def cells(row: Row) -> list[str]:
    """One line under ``HEADINGS``."""
    one = row.summary
    return [
        row.method,
        f"{one.mean:.3f}",
        f"{one.ci_low:.3f}–{one.ci_high:.3f}",
        f"{one.median:.3f}",
        f"{one.percentile10:.3f}",
        f"{row.poor_share:.0%}",
        "–" if row.seed_spread is None else f"{row.seed_spread:.3f}",
        f"{row.seconds:.2f}",
        "–" if row.peak_memory_mb is None else f"{row.peak_memory_mb:.0f}",
        str(row.failed),
    ]


def summary_rows(table: Table, name: str) -> list[list[str]]:
    """Lines under ``SUMMARY_HEADINGS``, the best under ``automatic`` first."""
    means = {
        protocol: {row.method: row.summary.mean for row in table.rows(name, protocol)} for protocol in SUMMARY_PROTOCOLS
    }
    return [
        [method, *(f"{of_all[method]:.3f}" if method in of_all else "–" for of_all in means.values())]
        for method in means["automatic"]
    ]


def object_rows(table: Table, name: str) -> list[list[str]]:
    """Lines under ``OBJECT_HEADINGS``; none where a set has no instance maps."""
    return [
        [
            row.method,
            str(row.n),
            *(f"{value:.3f}" for value in row.parted),
            f"{row.n_found} / {row.n_true}",
            *(f"{value:.3f}" for value in row.components),
        ]
        for row in table.objects(name)
        if row.n
    ]


def _difference_cells(other: str, one: Comparison) -> list[str]:
    return [
        other,
        f"{one.mean_difference:+.3f}",
        f"{one.ci_low:+.3f} to {one.ci_high:+.3f}",
        f"{one.n_first_higher} / {one.n_equal} / {one.n_second_higher}",
        f"{one.wilcoxon_p:.2g}",
    ]


def difference_rows(table: Table, name: str, own: str) -> list[list[str]]:
    """Lines under ``DIFFERENCE_HEADINGS``: ``own`` minus each other method on a set, the worst first."""
    rows = [
        _difference_cells(other, table.difference(name, own, other, "automatic")) for other in table.others(name, own)
    ]
    return sorted(rows, key=lambda cells: float(cells[1]))
