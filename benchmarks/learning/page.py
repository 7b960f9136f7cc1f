"""Rows → the page. Every word that compares is made from the numbers by a rule that stands here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.interaction.page import mean_over_sets, paired, verdict
from benchmarks.learning.alone import ANYWAY, ELSEWHERE, NO_STUDENT, TAKEN_OUT
from benchmarks.learning.goals import folder_goals, taught_goals
from benchmarks.learning.methods import (
    FIRST,
    GROWN,
    LEARN,
    METHODS,
    OUTLINE,
    REGIONS,
    TOGETHER,
    UNET,
    WITH_GROWN,
    WITH_UNET,
)
from benchmarks.learning.numbers import Row, averaged, fair, gain, mean_of, of_draws, of_folder, said, spread
from benchmarks.learning.order import ANY, PROPOSED, STEPS
from benchmarks.learning.run import PARTS, SHOWN, Options
from benchmarks.learning.sets import CORRECTED, CURVED, FOLDERS, LOW, PICTURED, ULTRASOUND
from benchmarks.learning.words import HOW_IT_WORKS
from msformer.evaluation.aggregate import COVERAGE

COMMAND = "python -m benchmarks.learning --data ../shared/data --out OUT --markdown docs/learning.md"
PICTURE = "learning/before-after.png"
OTHERS = {GROWN: OUTLINE, UNET: OUTLINE, WITH_GROWN: TOGETHER, WITH_UNET: TOGETHER}
"""Other students, and what of the program's each is compared with."""


def page(results: Mapping[str, Any], picture: str = "") -> str:
    """The page ``docs/learning.md``, from what ``run`` gives; ``picture`` is shown where it is named."""
    rows: list[Row] = results["rows"]
    seed = int(results["options"]["seed"])
    parts = [
        "<!-- written by python -m benchmarks.learning -->",
        "",
        "# What a folder learns",
        "",
        *_ahead(rows, seed),
        "",
        made_by(results),
        "",
        "A corrected image is one of which the mask of the set is given: the benchmark plays the person. Every method",
        "gets the same ones, drawn at random; the first of ten are those of five. Scores are Dice at native size, of",
        "images that were not corrected; what was decided is drawn as `msformer learn` draws it. The value of an image",
        "is its mean over the draws that all methods of a table have.",
        f"Intervals: {COVERAGE:.0%}, bootstrap over the images of each set, seed {seed}; sets count alike.",
        "",
        "## What was aimed at",
        "",
        "| goal | reached | |",
        "|---|---|---|",
        *(f"| {one.words} | {one.said} | {one.verdict} |" for one in _goals(rows, seed)),
        "",
        HOW_IT_WORKS.strip(),
    ]
    if picture:
        parts += [
            "",
            f"![Truth, own mask, mask after {SHOWN} corrections of other images.]({picture})",
            "",
            f"Truth, own mask, and mask after {SHOWN} corrections of other images; of each set that is shown the image",
            "with the median gain among those that changed. Images: "
            f"{'; '.join(f'`{name}` {terms}' for name, terms in PICTURED.items())}.",
        ]
    parts += _taught(rows, seed, results["ways"])
    parts += _alone(rows, seed)
    parts += _curves(rows, seed)
    parts += _order(rows)
    failures = [str(one).replace("\n", " ")[:200] for one in results["failures"]]
    parts += ["", "## What broke", "", *(f"- {one}" for one in failures)] if failures else ["", "Nothing broke."]
    return "\n".join(parts) + "\n"


def made_by(results: Mapping[str, Any]) -> str:
    """The command, the machine, versions, seeds, the network."""
    given, facts, plain = results["options"], results["machine"], Options.__dataclass_fields__
    more = f" --only {' '.join(given['only'])}" if given["only"] else ""
    more += f" --methods {' '.join(given['parts'])}" if set(given["parts"]) != set(PARTS) else ""
    for name in ("limit", "draws", "costly_draws", "updates", "seed"):
        if given[name] != plain[name].default:
            more += f" --{name.replace('_', '-')} {given[name]}"
    known = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return (
        f"Made by `{COMMAND}{more}`: {sum(results['images'].values())} images of {len(results['images'])} sets, "
        f"{given['draws']} draws, {given['costly_draws']} of them for what teaches students or forests of pixels, "
        f"{given['updates']} updates of a student; {results['seconds'] / 60:.0f} min on one core after the first pass "
        f"({facts['processor']}, {facts['cores']} cores, {facts['system']}; {known}). The network is the one that was "
        f"grown from random scenes, digest `{results['network'][:16]}`."
    )


def _goals(rows: Sequence[Row], seed: int) -> list[Any]:
    return [*taught_goals(rows, seed), *folder_goals(rows, seed)]


def _ahead(rows: Sequence[Row], seed: int) -> list[str]:
    """What was found, in words."""
    goals = _goals(rows, seed)
    asked = [one for one in goals if one.is_reached is not None]
    lines = [
        f"- **Aims:** {sum(bool(one.is_reached) for one in asked)} of {len(asked)} that were measured are reached."
    ]
    for k in (1, SHOWN):
        names = [name for name in METHODS if name not in OTHERS]
        if len(found := fair(rows, k, names)) > 1:
            lines.append(f"- **Taught by {k} corrected image{'s' * (k > 1)}:** {verdict(found, seed, fewer=False)}")
    features = fair(rows, SHOWN, (TOGETHER, REGIONS))
    if len(features) == 2:
        what = said(mean_over_sets(paired(features[TOGETHER], features[REGIONS]), seed), "+")
        lines.append(f"- **The network's features:** the student's agreement changes taught regions by {what}.")
    others = fair(rows, SHOWN, (OUTLINE, TOGETHER, *OTHERS))
    for name, own_way in OTHERS.items():
        if name in others and own_way in others:
            gap = mean_over_sets(paired(others[own_way], others[name]), seed)
            verdict_of = "ahead" if gap.low > 0 else "behind" if gap.high < 0 else "not told apart"
            lines.append(f"- **{own_way} against {name}:** {said(gap, '+')}, {verdict_of}.")
    for place in FOLDERS:
        own = [row for row in rows if row["part"] == "alone" and (row["place"], row["method"]) == (place, LEARN)]
        if own:
            change = mean_of(of_folder(own, gain)["all"], seed)
            lines.append(f"- **Without corrections, {place}:** {said(change, '+')}, {_told(change.low, change.high)}.")
    return lines


def _told(low: float, high: float) -> str:
    return "a gain" if low > 0 else "a loss" if high < 0 else "not told apart from no change"


def _taught(rows: Sequence[Row], seed: int, ways: Sequence[str]) -> list[str]:
    """Methods by set for each number of corrected images; how much more of them teach; what noise is worth."""
    names = [name for name in METHODS if any(row["method"] == name for row in rows if row["amount"])]
    if not names:
        return []
    lines = ["", "## Taught by corrected images", "", "| method | what it is |", "|---|---|"]
    lines += [f"| {name} | {METHODS[name]} |" for name in names]
    for k in CORRECTED:
        lines += _table(f"### {k} corrected", rows, k, [name for name in names if name not in OTHERS], seed)
    if ways:
        counts = Counter(ways).most_common()
        lines += ["", "What the check chose: " + ", ".join(f"{way} {count} times" for way, count in counts) + "."]
    shown = [FIRST, OUTLINE, TOGETHER, *OTHERS]
    lines += _table(f"### Other students, {SHOWN} corrected", rows, SHOWN, shown, seed, tuple(OTHERS))
    lines += ["", "### Taught regions alone, by the number of corrected images", ""]
    lines += [f"| set | own | {' | '.join(str(k) for k in CORRECTED)} |", "|---" * (len(CORRECTED) + 2) + "|"]
    for name in dict.fromkeys(row["set"] for row in rows if row["part"] == "regions"):
        own = {row["case"]: row["own"] for row in rows if row["set"] == name and row["part"] == "regions"}
        cells = []
        for k in CORRECTED:
            some = [row for row in rows if (row["set"], row["method"], row["amount"]) == (name, REGIONS, k)]
            means = of_draws(some)
            cells.append(f"{np.mean(means):.3f} ({spread(means)})" if means else "–")
        lines.append(f"| {name} | {np.mean(list(own.values())):.3f} | {' | '.join(cells)} |")
    return lines


def _table(
    title: str, rows: Sequence[Row], k: int, names: Sequence[str], seed: int, needed: Sequence[str] = ()
) -> list[str]:
    """Sets down, methods across, the best of each set in bold; their mean with its interval below."""
    found = fair(rows, k, names)
    if not found or not set(needed) <= set(found):
        return []
    lines = ["", title, "", f"| set (Dice) | images | {' | '.join(found)} |", "|---" * (len(found) + 2) + "|"]
    first = next(iter(found.values()))
    for name, cases in first.items():
        means = {method: mean_of(values[name], seed) for method, values in found.items()}
        best = max(f"{one.value:.3f}" for one in means.values())
        cells = [said(one).replace(best, f"**{best}**", 1) if f"{one.value:.3f}" == best else said(one)
                 for one in means.values()]  # fmt: skip
        lines.append(f"| {name} | {len(cases)} | {' | '.join(cells)} |")
    total = [said(mean_over_sets(values, seed)) for values in found.values()]
    return [*lines, f"| **mean over {len(first)} sets** | | {' | '.join(total)} |"]


def _alone(rows: Sequence[Row], seed: int) -> list[str]:
    """Folders without corrections, and with each part taken out once."""
    some = [row for row in rows if row["part"] in ("alone", "ablation")]
    if not some:
        return []
    lines = [
        "",
        "## Without corrections",
        "",
        f"| folder | images | way | own | decided | gain | changed | under {LOW} | set that loses most |",
        "|---" * 9 + "|",
    ]
    for place in FOLDERS:
        for method in (LEARN, NO_STUDENT):
            own = [row for row in some if (row["place"], row["method"], row["part"]) == (place, method, "alone")]
            if not own:
                continue
            before, after, change = (
                mean_of(of_folder(own, what)["all"], seed)
                for what in (lambda row: float(row["own"]), lambda row: float(row["dice"]), gain)
            )
            low = [sum(row[key] < LOW for row in own) for key in ("own", "dice")]
            sets = averaged(((row["set"], row["case"], 0), gain(row)) for row in own)
            worst, most = min(((name, np.mean(list(cases.values()))) for name, cases in sets.items()), key=_second)
            lines.append(
                f"| {place} | {len(own)} | {method} | {before.value:.3f} | {said(after)} | {said(change, '+')} | "
                f"{sum(row['own'] != row['dice'] for row in own)} | {low[0]} → {low[1]} | {worst} {most:+.3f} |"
            )
    whole = [row for row in some if (row["place"], row["method"]) == (ULTRASOUND, ANYWAY)]
    parts = {name: found for name in (NO_STUDENT, *TAKEN_OUT) if name != ANYWAY
             if (found := [row for row in some if (row["place"], row["method"]) == (ULTRASOUND, name)])}  # fmt: skip
    if whole and parts:
        reference = of_folder(whole, lambda row: float(row["dice"]))
        lines += ["", f"Each part taken out once, {ULTRASOUND}:", ""]
        lines += ["| what | Dice | against all of it |", "|---|---|---|"]
        lines.append(f"| all of it, {ANYWAY} | {said(mean_of(reference['all'], seed))} | |")
        for name, found in parts.items():
            values = of_folder(found, lambda row: float(row["dice"]))
            change = mean_of(paired(values, reference)["all"], seed)
            verdict_of = _told(change.low, change.high)
            lines.append(f"| {name} | {said(mean_of(values['all'], seed))} | {said(change, '+')}, {verdict_of} |")
    return lines


def _second(pair: tuple[str, Any]) -> float:
    return float(pair[1])


def _curves(rows: Sequence[Row], seed: int) -> list[str]:
    """Parts of folders, and folders with wrong masks, by taught regions alone."""
    some = [row for row in rows if row["part"] == "curves"]
    if not some:
        return []
    lines = ["", "## How many images it takes, by taught regions alone", ""]
    lines += ["| folder | images | draws | own | gain |", "|---|---|---|---|---|"]
    said_of = []
    for place in CURVED:
        sizes = sorted({row["amount"] for row in some if (row["place"], row["method"]) == (place, "size")})
        pays: list[float] = []
        for size in sizes:
            own = [row for row in some if (row["place"], row["method"], row["amount"]) == (place, "size", size)]
            change = mean_of(of_folder(own, gain)["all"], seed)
            before = mean_of(of_folder(own, lambda row: float(row["own"]))["all"], seed)
            pays = [*pays, size] if change.low > 0 else []
            draws = len({row["draw"] for row in own})
            lines.append(f"| {place} | {size:.0f} | {draws} | {before.value:.3f} | {said(change, '+')} |")
        if sizes:
            said_of.append(
                f"{place}: " + (f"it pays from {pays[0]:.0f} images on." if pays else "no size pays for sure.")
            )
    lines += ["", *said_of, "", "## How many masks may be wrong, by taught regions alone", ""]
    lines += [
        "Wrong masks are the own ones moved by a quarter to a half of each side, or another region with a Dice under",
        f"{ELSEWHERE} with them, at the confidence that they had. Dice on the small grid.",
        "",
        "| folder | wrong | own, wrong ones among them | decided | change of right masks | change of wrong ones |",
        "|---|---|---|---|---|---|",
    ]
    for place in CURVED:
        for share in sorted({row["amount"] for row in some if (row["place"], row["method"]) == (place, "wrong")}):
            own = [row for row in some if (row["place"], row["method"], row["amount"]) == (place, "wrong", share)]
            cells = [f"{np.mean([row[key] for row in own]):.3f}" for key in ("own", "dice")]
            for is_wrong in (False, True):
                part = [row for row in own if row["wrong"] is is_wrong]
                cells.append(said(mean_of(of_folder(part, gain)["all"], seed), "+") if part else "–")
            lines.append(f"| {place} | {share:.0%} | {' | '.join(cells)} |")
    return lines


def _order(rows: Sequence[Row]) -> list[str]:
    """The order that the program proposes against any order."""
    some = [row for row in rows if row["part"] == "order"]
    if not some:
        return []
    lines = [
        "",
        "## Which images to correct first, by taught regions alone",
        "",
        "What is left differs from order to order, so the gain over the own masks of what is left stands beside its",
        "Dice, and last the mean of the whole set, what was corrected as 1. In brackets: lowest and highest draw.",
        "",
        "| set | corrected | order | the others | their gain | whole set |",
        "|---|---|---|---|---|---|",
    ]
    ahead, behind, total = 0, 0, 0
    for name in dict.fromkeys(row["set"] for row in some):
        for k in STEPS:
            wholes: dict[str, list[float]] = {}
            for way in (PROPOSED, ANY):
                own = [row for row in some if (row["set"], row["amount"], row["method"]) == (name, k, way)]
                if not own:
                    continue
                draws = [[row for row in own if row["draw"] == draw] for draw in sorted({row["draw"] for row in own})]
                others = [float(np.mean([row["dice"] for row in draw])) for draw in draws]
                gains = [float(np.mean([gain(row) for row in draw])) for draw in draws]
                wholes[way] = [(sum(row["dice"] for row in draw) + k) / (len(draw) + k) for draw in draws]
                cells = [_range(values, sign) for values, sign in ((others, ""), (gains, "+"), (wholes[way], ""))]
                lines.append(f"| {name} | {k} | {way} | {' | '.join(cells)} |")
            if len(wholes) == 2:
                total += 1
                ahead += wholes[PROPOSED][0] > max(wholes[ANY])
                behind += wholes[PROPOSED][0] < min(wholes[ANY])
    told = f"Of {total} lines, the proposed order is above every random draw on {ahead} and below every one on {behind}"
    return [*lines, "", f"{told} (whole set)."]


def _range(values: Sequence[float], sign: str) -> str:
    """The mean of several draws, and the lowest and the highest of them."""
    text = f"{np.mean(values):{sign}.3f}"
    return text if len(values) == 1 else f"{text} ({min(values):{sign}.3f} to {max(values):{sign}.3f})"
