"""Pictures of a benchmark: distributions, Dice against time, Dice against the confidence that the program has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from msformer.benchmark.table import POOR, Table
from msformer.io.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES = ("distributions", "time", "confidence")
COLOUR, MEAN_COLOUR, OWN_COLOUR = "#0072b2", "#d55e00", "#009e73"


def draw(table: Table, folder: Path, own: str) -> list[Path]:
    """Draw ``FIGURES`` as PNG files into ``folder``, every Dice under the protocol ``automatic``.

    Args:
        table: The records.
        folder: Where the files go.
        own: The method whose score is compared with its Dice, and which is marked.
    """
    paths = []
    makers = {"distributions": _distributions, "time": _time, "confidence": _confidence}
    for name in FIGURES:
        figure = makers[name](table, own)
        path = folder / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=90)
        paths.append(path)
    return paths


def _panels(table: Table, columns: int, width: float, height: float) -> tuple[Figure, Iterator[tuple[Axes, str]]]:
    """A figure with one panel a set, ``width`` × ``height`` inches each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(table.sets) // columns)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: no global state, no window
    panels = ((figure.add_subplot(rows, columns, index), name) for index, name in enumerate(table.sets, start=1))
    return figure, panels


def _distributions(table: Table, own: str) -> Figure:
    """Strip plots: one dot a case, the mean as a line."""
    figure, panels = _panels(table, 2, 6.2, 0.6 + 0.24 * len(table.methods))
    for axes, set_name in panels:
        ordered = table.rows(set_name, "automatic")[::-1]
        for height, row in enumerate(ordered):
            values = np.array(list(table.scores(set_name, row.method, "automatic").values()))
            jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))  # apart, not measured
            axes.scatter(values, height + jitter, s=7, alpha=0.5, color=OWN_COLOUR if row.method == own else COLOUR)
            axes.plot([row.summary.mean] * 2, [height - 0.4, height + 0.4], color=MEAN_COLOUR, linewidth=2)
        axes.axvline(POOR, color="0.7", linewidth=0.8, zorder=0)
        axes.set_yticks(range(len(ordered)), [row.method for row in ordered], fontsize=8)
        axes.set_xlim(-0.02, 1.02)
        axes.set_title(f"{set_name} ({ordered[0].summary.n} cases)", fontsize=9)
        axes.set_xlabel("Dice, automatic", fontsize=8)
    return figure


def _time(table: Table, own: str) -> Figure:
    """Mean Dice over median seconds, one dot a method."""
    from matplotlib.ticker import LogLocator

    figure, panels = _panels(table, 2, 6.2, 3.6)
    for axes, set_name in panels:
        for row in table.rows(set_name, "automatic"):
            place = (row.seconds, row.summary.mean)
            axes.scatter(*place, color=OWN_COLOUR if row.method == own else COLOUR, s=16)
            axes.annotate(row.method, place, fontsize=6, xytext=(3, 2), textcoords="offset points")
        axes.set_xscale("log")
        seconds = [row.seconds for row in table.rows(set_name, "automatic") if row.seconds > 0]
        if seconds:  # whole decades, or the labels of a short axis lie on each other
            axes.set_xlim(10 ** np.floor(np.log10(min(seconds))), 10 ** np.ceil(np.log10(max(seconds)) + 0.1))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.set_ylim(-0.02, 1.02)
        axes.set_title(set_name, fontsize=9)
        axes.set_xlabel("seconds a case, one thread (median)", fontsize=8)
        axes.set_ylabel("mean Dice, automatic", fontsize=8)
    return figure


def _confidence(table: Table, own: str) -> Figure:
    """Dice over the confidence, one dot a run."""
    figure, panels = _panels(table, 4, 3.1, 2.9)
    for axes, set_name in panels:
        done = [record for record in table.runs(set_name, own) if record["status"] == "done"]
        confidence = [record["confidence"] for record in done]
        dice = [record["scores"]["automatic"]["dice"] for record in done]
        axes.scatter(confidence, dice, s=8, alpha=0.6, color=OWN_COLOUR)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.02, 1.02)
        axes.set_title(f"{set_name}\nSpearman {spearman(confidence, dice)}", fontsize=8)
        axes.set_xlabel(f"confidence, {own}", fontsize=8)
        axes.set_ylabel("Dice, automatic", fontsize=8)
    return figure


def spearman(first: list[float], second: list[float]) -> str:
    """Rank correlation with two decimals, or a dash where it is undefined."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return "–"
    return f"{stats.spearmanr(first, second).statistic:.2f}"
