"""What was aimed at, and whether it was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.learning.methods import LEARN
from benchmarks.learning.numbers import Row, averaged, fair, gain, mean_of, of_draws, of_folder, said, spread
from benchmarks.learning.sets import CONTAINED, FEWER_LOW, FOLDER_GOALS, FOLDERS, GOALS, LEAST_GAIN, LOW, MOST_LOST


@dataclass(frozen=True)
class Reached:
    """A goal and what was reached; ``is_reached`` is None where it was not measured."""

    words: str
    said: str
    is_reached: bool | None

    @property
    def verdict(self) -> str:
        """In a word."""
        return "not measured" if self.is_reached is None else "reached" if self.is_reached else "**missed**"


def taught_goals(rows: Sequence[Row], seed: int) -> list[Reached]:
    """By ``msformer learn`` on images that were not corrected."""
    found = []
    for goal in GOALS:
        words = f"{goal.words}, {goal.corrected} corrected: at least {goal.least:.2f}"
        values = fair(rows, goal.corrected, [LEARN], [goal.set_name]).get(LEARN)
        if values is None:
            found.append(Reached(words, "–", None))
            continue
        mean = mean_of(values[goal.set_name], seed)
        own = [
            row
            for row in rows
            if (row["part"], row["set"], row["amount"], row["method"])
            == ("students", goal.set_name, goal.corrected, LEARN)
        ]
        found.append(Reached(words, f"{said(mean)}, {spread(of_draws(own))}", mean.value >= goal.least))
    return found


def folder_goals(rows: Sequence[Row], seed: int) -> list[Reached]:
    """By folders without corrections; those that lie in others are not counted twice where folders are summed up."""
    decided = [row for row in rows if (row["part"], row["method"]) == ("alone", LEARN)]
    alone = {place: own for place in FOLDERS if (own := [row for row in decided if row["place"] == place])}
    found = []
    for place, least in FOLDER_GOALS.items():
        words = f"{place}, nothing corrected: at least {least:.2f}"
        if place not in alone:
            found.append(Reached(words, "–", None))
            continue
        mean = mean_of(of_folder(alone[place], lambda row: float(row["dice"]))["all"], seed)
        found.append(Reached(words, said(mean), mean.value >= least))
    summed = [
        f"nothing corrected: mean gain of folders at least +{LEAST_GAIN:.2f}",
        f"nothing corrected: images under {LOW} fewer by a third",
        f"nothing corrected: no set loses more than {MOST_LOST}",
    ]
    if not alone:
        return [*found, *(Reached(one, "–", None) for one in summed)]
    counted = [own for place, own in alone.items() if place not in CONTAINED or len(alone) == 1]
    gains = [float(np.mean([gain(row) for row in own])) for own in counted]
    low, left = (sum(row[key] < LOW for own in counted for row in own) for key in ("own", "dice"))
    losses = {
        f"{name} in {place}": float(np.mean(list(cases.values())))
        for place, own in alone.items()
        for name, cases in averaged(((row["set"], row["case"], 0), gain(row)) for row in own).items()
    }
    worst = min(losses, key=lambda name: losses[name])
    return [
        *found,
        Reached(summed[0], f"{np.mean(gains):+.3f} over {len(gains)} folders", bool(np.mean(gains) >= LEAST_GAIN)),
        Reached(summed[1], f"{low} → {left}", left <= (1 - FEWER_LOW) * low),
        Reached(summed[2], f"at worst {losses[worst]:+.3f}, {worst}", losses[worst] >= -MOST_LOST),
    ]
