"""What a benchmark says about one method, in words that the numbers force: where it is worse is said first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msformer.benchmark.table import Table


@dataclass(frozen=True)
class Verdict:
    """One method against all others on one set, Dice under ``automatic``, paired over cases.

    A method is *better* or *worse* where the 95 % bootstrap interval of the mean difference leaves out 0; the rest is
    *undecided*. Several comparisons are made, so one interval in twenty would leave out 0 by chance alone.

    Attributes:
        set_name: The set.
        better_than: Others that it beats.
        worse_than: Others that beat it.
        undecided: The rest.
        best: The best of the others by mean Dice, None if there is none.
    """

    set_name: str
    better_than: tuple[str, ...]
    worse_than: tuple[str, ...]
    undecided: tuple[str, ...]
    best: str | None


def judge(table: Table, own: str) -> list[Verdict]:
    """Compare ``own`` with every other method on every set."""
    verdicts = []
    for set_name in table.sets:
        differences = {
            other: table.difference(set_name, own, other, "automatic") for other in table.others(set_name, own)
        }
        ranked = [row.method for row in table.rows(set_name, "automatic") if row.method != own]
        best = ranked[0] if ranked else None
        verdicts.append(
            Verdict(
                set_name=set_name,
                better_than=tuple(name for name, one in differences.items() if one.ci_low > 0),
                worse_than=tuple(name for name, one in differences.items() if one.ci_high < 0),
                undecided=tuple(name for name, one in differences.items() if not (one.ci_low > 0 or one.ci_high < 0)),
                best=best,
            )
        )
    return verdicts


def in_words(verdicts: Sequence[Verdict], own: str) -> str:
    """One paragraph: first where ``own`` does not beat simpler methods, then where it does; tables have the numbers."""
    compared = [verdict for verdict in verdicts if verdict.best is not None]
    if not compared:
        return f"{_named(own)} alone was run, so nothing is said of other methods."
    losing, winning = ([one for one in compared if _wins(one) is wins] for wins in (False, True))
    sentences = []
    if losing:
        where = ", ".join(f"{one.set_name}{_beaten_by(one)}" for one in losing)
        sentences.append(f"{_named(own)} does **not** beat the best other method beyond chance on {where}.")
        if not any(one.worse_than for one in losing):
            sentences.append("No other method beats it beyond chance.")
    if winning:
        sentences.append(f"It beats every other method on {', '.join(one.set_name for one in winning)}.")
    else:
        sentences.append("There is no set on which it beats every other method.")
    return " ".join([*sentences, "The last table has the differences."])


def _named(own: str) -> str:
    return "The program itself (`msformer`)" if own == "msformer" else f"`{own}`"


def _wins(verdict: Verdict) -> bool:
    return not verdict.worse_than and not verdict.undecided


def _beaten_by(verdict: Verdict) -> str:
    return f" (beaten by {', '.join(verdict.worse_than)})" if verdict.worse_than else ""
