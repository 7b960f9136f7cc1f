"""Rows → the page. Every word that compares is made from the numbers by a rule that stands here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.interaction.many import many_table
from benchmarks.interaction.methods import FOREST, METHODS
from benchmarks.interaction.methods.base import LONGEST, Saying
from benchmarks.interaction.methods.marked import SIDE
from benchmarks.interaction.protocols import AUTOMATIC, BEST_OF_3, BOX, GOALS, JITTERED, MOST_CLICKS, ONE_CLICK, Row
from benchmarks.interaction.sets import GROUPS
from msformer.evaluation.aggregate import COVERAGE, interval_of_mean, summarise
from msformer.evaluation.prompts import JITTER

COMMAND = "python -m benchmarks.interaction --data ../shared/data --out OUT --markdown docs/interaction.md"
TITLES = {
    AUTOMATIC: "Without a prompt",
    ONE_CLICK: "One click",
    BEST_OF_3: "Best of three answers",
    BOX: "One box, exact",
    JITTERED: f"One box, each border moved by up to {JITTER:.0%} of its side",
    "clicks-85": "Clicks to IoU .85",
    "clicks-90": "Clicks to IoU .90",
}
SAYINGS: dict[Saying, str] = {
    "nothing": "nothing",
    "click": "one click",
    "box": "a box",
    "clicks": "further clicks",
}
Values = dict[str, dict[str, float]]
"""By set, by picture (or object of a picture)."""


@dataclass(frozen=True)
class Mean:
    """A mean over sets, with the ends of its interval; nan where a set has one picture, which says nothing of it."""

    value: float
    low: float
    high: float


def values_of(rows: Sequence[Row], group: str, method: str, protocol: str) -> Values:
    """One value a picture; of several objects of a picture their mean, since they share it."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if (row["group"], row["method"], row["protocol"]) == (group, method, protocol):
            found.setdefault(row["set"], {}).setdefault(row["case"], []).append(float(row["value"]))
    return {
        name: {case: float(np.mean(values)) for case, values in sorted(cases.items())}
        for name, cases in sorted(found.items())
    }


def mean_over_sets(values: Values, seed: int) -> Mean:
    """Mean of the sets' means; the interval resamples the pictures of each set, the sets stay."""
    mean = float(np.mean([np.mean(list(cases.values())) for cases in values.values()]))
    if min(len(cases) for cases in values.values()) < 2:
        return Mean(mean, np.nan, np.nan)
    return Mean(mean, *interval_of_mean([np.array(list(cases.values())) for cases in values.values()], seed))


def paired(first: Values, second: Values) -> Values:
    """Differences, picture by picture, of those that both have."""
    both = {
        name: {case: value - second[name][case] for case, value in cases.items() if case in second[name]}
        for name, cases in first.items()
        if name in second
    }
    return {name: cases for name, cases in both.items() if cases}


def page(results: Mapping[str, Any]) -> str:
    """The page ``docs/interaction.md``, from what ``run`` gives."""
    rows: list[Row] = results["rows"]
    seed = int(results["seed"])
    methods = [name for name in METHODS if any(row["method"] == name for row in rows)]
    parts = [
        "<!-- written by python -m benchmarks.interaction -->",
        "",
        "# What a person gets who points",
        "",
        *_ahead(rows, methods, seed),
        "",
        made_by(results),
        "",
        "A click is the pixel of the object's largest piece that is farthest from its border (the frame counts as",
        "border); the next one is the same of the largest piece of what is wrong, until the IoU is reached, at most",
        f"{MOST_CLICKS} in all, and {MOST_CLICKS} count where it is not. Of several answers the one counts that the",
        "method itself expects the most of; *best of three* lets the truth pick, and of one answer there is no choice.",
        "*Without a prompt* nothing is said, and the method gives an object of its own; those that need to be told one",
        "have no cell.",
        "Masks are compared at native size, those of single objects with the whole mask of the set, whatever its",
        f"pieces. The picture is reduced to at most {LONGEST} px a side; methods that grow from marks see {SIDE} px,",
        "and without a box the frame is ground to them. A method that breaks has found nothing.",
        f"Intervals: {COVERAGE:.0%}, bootstrap over the pictures of each set, seed {seed}; sets count alike.",
        "",
        "| method | what it is | asked by |",
        "|---|---|---|",
        *(f"| {name} | {METHODS[name].words} | {_asked(name, results['all_clicks'])} |" for name in methods),
        *_not_clicked(methods, results["all_clicks"]),
    ]
    if any(row["group"] == "single" for row in rows):
        parts += ["", "## Single objects"]
        for protocol, title in TITLES.items():
            parts += _table(rows, "single", methods, protocol, title, seed)
    for group, words in GROUPS.items():
        if group != "single" and any(row["group"] == group for row in rows):
            parts += ["", f"## {words[0].upper()}{words[1:]}"]
            for protocol in (ONE_CLICK, BEST_OF_3):
                parts += _table(rows, group, methods, protocol, TITLES[protocol], seed)
    parts += many_table(results["many"])
    parts += _times(rows, methods)
    parts += _failures(results["failures"])
    return "\n".join(parts) + "\n"


def made_by(results: Mapping[str, Any]) -> str:
    """The command, the machine, versions, the network."""
    facts, versions = results["machine"], results["versions"]
    more = f" --only {' '.join(results['only'])}" if results["only"] else ""
    more += f" --limit {results['limit']}" if results["limit"] else ""
    more += f" --seed {results['seed']}" if results["seed"] else ""
    more += " --all-clicks" if results["all_clicks"] else ""
    model = results["model"]
    if model is not None and not model["ships"]:
        more += " --model FILE"
    if len(results["methods"]) < len(METHODS):
        more += " --methods " + " ".join(f'"{name}"' if " " in name else name for name in results["methods"])
    text = (
        f"Made by `{COMMAND}{more}` in {results['seconds'] / 60:.0f} min: {results['pictures']} pictures "
        f"({facts['processor']}, {facts['cores']} cores, {facts['system']}; "
        f"{', '.join(f'{name} {number}' for name, number in versions.items())})."
    )
    if model is not None:
        kind = "the one that ships" if model["ships"] else "from another file than the one that ships"
        text += f" The grown network is {kind}, digest `{model['digest'][:16]}`."
    return text


def _asked(name: str, all_clicks: bool) -> str:
    """What a method is asked by."""
    return ", ".join(SAYINGS[said] for said in METHODS[name].sayings(all_clicks=all_clicks))


def _not_clicked(methods: Sequence[str], all_clicks: bool) -> list[str]:
    """Which methods have no cell in the tables of further clicks though they could answer them."""
    slow = [name for name in methods if "clicks" in METHODS[name].on_request]
    if all_clicks or not slow:
        return []
    return ["", f"Not asked for further clicks, to save time: {', '.join(slow)} (`--all-clicks` asks)."]


def _ahead(rows: Sequence[Row], methods: Sequence[str], seed: int) -> list[str]:
    """Who is ahead on single objects, protocol by protocol."""
    lines = []
    for protocol, title in TITLES.items():
        if protocol == BEST_OF_3:
            continue
        found = {name: values for name in methods if (values := values_of(rows, "single", name, protocol))}
        if found:
            lines.append(f"- **{title}:** {verdict(found, seed, fewer=protocol in GOALS)}")
    return lines or ["No set of single objects was measured."]


def verdict(found: Mapping[str, Values], seed: int, *, fewer: bool) -> str:
    """Who is ahead of whom, in words.

    Two methods are told apart where the interval of their paired difference lies on one side of 0.

    Args:
        found: Values by method, not empty.
        seed: Of the intervals.
        fewer: Whether fewer is better, as of clicks.
    """
    sign = -1 if fewer else 1
    means = {name: mean_over_sets(values, seed) for name, values in found.items()}
    order = sorted(means, key=lambda name: -sign * means[name].value)
    first, *others = order
    sets = found[first]
    text = f"{first} has the {'fewest' if fewer else 'highest mean'}, {_interval(means[first], fewer)}"
    if not others:
        return f"{text}, over {_counted(len(sets), 'set')}; it is the only method."
    second = others[0]
    text += f"; then {second}, {_interval(means[second], fewer)}. "
    if both := paired(found[first], found[second]):
        gap = mean_over_sets(both, seed)
        apart = gap.low > 0 if sign > 0 else gap.high < 0
        text += f"{first[0].upper()}{first[1:]} is ahead" if apart else "The two are not told apart"
        text += f": the paired difference is {_signed(gap.value, fewer)}"
        text += ". " if np.isnan(gap.low) else f" ({_signed(gap.low, fewer)} to {_signed(gap.high, fewer)}). "
    best = 0
    for name in sets:
        own = {one: float(np.mean(list(values[name].values()))) for one, values in found.items() if name in values}
        best += all(sign * own[first] >= sign * value for value in own.values())
    return f"{text}{first[0].upper()}{first[1:]} is best on {best} of {_counted(len(sets), 'set')}."


def _table(rows: Sequence[Row], group: str, methods: Sequence[str], protocol: str, title: str, seed: int) -> list[str]:
    """Sets down, methods across, the best of each set in bold; their mean with its interval below."""
    fewer = protocol in GOALS
    found = {name: values for name in methods if (values := values_of(rows, group, name, protocol))}
    if not found:
        return []
    unit = "clicks, mean; share of pictures where it was not reached in brackets" if fewer else "Dice"
    lines = [
        "",
        f"### {title}",
        "",
        f"| set ({unit}) | pictures | {' | '.join(found)} |",
        "|---" * (len(found) + 2) + "|",
    ]
    sets = sorted({name for values in found.values() for name in values})
    for name in sets:
        means = {one: float(np.mean(list(values[name].values()))) for one, values in found.items() if name in values}
        best = (min if fewer else max)(means.values())
        cells = []
        for one in found:
            if one not in means:
                cells.append("–")
                continue
            text = _number(means[one], fewer)
            text = f"**{text}**" if text == _number(best, fewer) else text
            if fewer:
                text += f" ({_missed(rows, group, one, protocol, name):.0%})"
            else:
                spread = summarise(list(found[one][name].values()), random_state=seed)
                text += "" if np.isnan(spread.ci_low) else f" ({_number(spread.ci_low)}–{_number(spread.ci_high)})"
            cells.append(text)
        count = max(len(values.get(name, {})) for values in found.values())
        lines.append(f"| {name} | {count} | {' | '.join(cells)} |")
    total = [_interval(mean_over_sets(values, seed), fewer) for values in found.values()]
    lines.append(f"| **mean over {_counted(len(sets), 'set')}** | | {' | '.join(total)} |")
    return lines


def _times(rows: Sequence[Row], methods: Sequence[str]) -> list[str]:
    """Median times on one thread."""
    last = list(GOALS)[-1]
    lines = [
        "",
        "## Time",
        "",
        "Median ms on one thread, over all pictures, the way to native size included. *Look*: once a picture.",
        "*Nothing*, *first click*, *box*: the answer to that. *Further click*: median over pictures that needed one.",
        "",
        "| method | look | nothing | first click | box | further click |",
        "|---|---|---|---|---|---|",
    ]
    for name in methods:
        cells = [
            _median([row.get(key) for row in rows if row["method"] == name and row["protocol"] == protocol])
            for protocol, key in (
                (ONE_CLICK, "look_ms"),
                (AUTOMATIC, "ms"),
                (ONE_CLICK, "ms"),
                (BOX, "ms"),
                (last, "ms"),
            )
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if FOREST in methods:
        lines += ["", "What the forests took to be fitted is not in it."]
    return lines


def _failures(failures: Sequence[Mapping[str, str]]) -> list[str]:
    if not failures:
        return ["", "No method broke on any picture."]
    lines = ["", "## What broke", "", "| set | picture | method | error |", "|---|---|---|---|"]
    for one in failures:
        error = one["error"].replace("|", "/").replace("\n", " ")
        lines.append(f"| {one['set']} | {one['case']} | {one['method'] or 'reading'} | {error:.160} |")
    return lines


def _missed(rows: Sequence[Row], group: str, method: str, protocol: str, name: str) -> float:
    """Share of the objects of a set for which a goal was not reached."""
    reached = [
        row["reached"]
        for row in rows
        if (row["group"], row["method"], row["protocol"], row["set"]) == (group, method, protocol, name)
    ]
    return 1 - sum(bool(one) for one in reached) / len(reached)


def _median(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.median(known):.0f}" if known else "–"


def _interval(mean: Mean, fewer: bool = False) -> str:
    if np.isnan(mean.low):
        return _number(mean.value, fewer)
    return f"{_number(mean.value, fewer)} ({_number(mean.low, fewer)}–{_number(mean.high, fewer)})"


def _number(value: float, fewer: bool = False) -> str:
    """A Dice with three digits, a number of clicks with one."""
    return f"{value:.1f}" if fewer else f"{value:.3f}"


def _signed(value: float, fewer: bool) -> str:
    return f"{value:+.1f}" if fewer else f"{value:+.3f}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
