"""Rows → values by set and image, such that what is compared was measured on the same draws and images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.interaction.page import Mean, Values, mean_over_sets
from benchmarks.learning.methods import GROUPS

Row = Mapping[str, Any]


def fair(rows: Iterable[Row], amount: float, methods: Sequence[str], sets: Sequence[str] = ()) -> dict[str, Values]:
    """By method, the Dice of each image that was not corrected: the mean over the draws that all methods have.

    Args:
        rows: All.
        amount: Corrected images.
        methods: Those to compare; one without any row is left out.
        sets: Only these; all that every method has where empty.
    """
    found: dict[str, dict[tuple[str, str, int], float]] = {name: {} for name in methods}
    for row in rows:
        is_asked = row["part"] in GROUPS and row["amount"] == amount and (not sets or row["set"] in sets)
        if is_asked and row["method"] in found:
            found[row["method"]][row["set"], row["case"], row["draw"]] = float(row["dice"])
    found = {name: values for name, values in found.items() if values}
    both = set.intersection(*(set(values) for values in found.values())) if found else set()
    return {name: averaged((key, values[key]) for key in sorted(both)) for name, values in found.items() if both}


def averaged(values: Iterable[tuple[tuple[str, str, int], float]]) -> Values:
    """Means over draws, by set and image."""
    every: dict[str, dict[str, list[float]]] = {}
    for (name, case, _), value in values:
        every.setdefault(name, {}).setdefault(case, []).append(value)
    return {name: {case: float(np.mean(some)) for case, some in cases.items()} for name, cases in every.items()}


def of_folder(rows: Iterable[Row], what: Callable[[Row], float]) -> Values:
    """What is asked of each image of a folder, the mean over draws; the folder counts as one set."""
    return averaged((("all", f"{row['set']}/{row['case']}", row["draw"]), what(row)) for row in rows)


def gain(row: Row) -> float:
    """What was won over the image's own mask."""
    return float(row["dice"]) - float(row["own"])


def mean_of(values: Mapping[str, float], seed: int) -> Mean:
    """Mean over the images of one set, with its interval."""
    return mean_over_sets({"": dict(values)}, seed)


def of_draws(rows: Iterable[Row]) -> list[float]:
    """The mean of each draw."""
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row["draw"], []).append(float(row["dice"]))
    return [float(np.mean(values)) for _, values in sorted(found.items())]


def said(mean: Mean, sign: str = "") -> str:
    """A mean with its interval, three digits; ``sign`` is ``+`` for differences."""
    text = f"{mean.value:{sign}.3f}"
    if np.isnan(mean.low):
        return text
    return f"{text} ({mean.low:{sign}.3f}{' to ' if sign else '–'}{mean.high:{sign}.3f})"


def spread(values: Sequence[float]) -> str:
    """Lowest and highest of several draws."""
    if len(values) < 2:
        return "one draw"
    return f"{min(values):.3f}–{max(values):.3f} of {len(values)} draws"
