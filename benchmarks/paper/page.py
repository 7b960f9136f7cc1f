"""Rows → the page. Every word that compares is made from the numbers by a rule that stands here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.paper.plan import EVERYTHING, METHODS, OURS, SETS, SWITCHED, SWITCHES, TABLE_1, TABLE_2, TABLES
from benchmarks.paper.published import SOURCE, Difference, Published, differences
from benchmarks.paper.published import TABLE_1 as PUBLISHED_1
from benchmarks.paper.published import TABLE_2 as PUBLISHED_2
from benchmarks.paper.run import METRICS, PROTOCOLS, VARIANTS, Row
from msformer.evaluation.aggregate import Comparison, compare, summarise

COMMAND = "python -m benchmarks.paper --data ../shared/data --out OUT --markdown docs/paper.md"
AGAIN = "python -m benchmarks.paper --out docs/paper --page-only --markdown docs/paper.md"
MERGED, AS_LEFT = VARIANTS
DICE = METRICS[0]
SEEN, OPPOSITE, OPEN = "seen again", "the other way round", "not to be told"
LEAST = 6
"""Fewer images tell nothing: all of five differences have one sign by chance once in sixteen times."""
TOO_FEW = "too few images"
Cases = dict[str, float]
"""Value by image."""


class Measured:
    """The rows, such that whatever is compared has the same images and seeds.

    Only images of which the tables have every method, for all seeds that any image of the set has in full, count.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {(row["set"], row["case"], row["method"], row["seed"]): row for row in rows}
        self.sets = [name for name in SETS if any(row["set"] == name for row in rows)]
        found = {name: self._in_full(name, list(TABLES)) for name in self.sets}
        self.seeds = {name: seeds for name, (seeds, _) in found.items()}
        self.cases = {name: cases for name, (_, cases) in found.items()}

    def _in_full(self, name: str, methods: Sequence[str]) -> tuple[list[int], list[str]]:
        every = {(case, seed) for of, case, _, seed in self.rows if of == name}
        full = {
            (case, seed) for case, seed in every if all((name, case, method, seed) in self.rows for method in methods)
        }
        seeds = sorted({seed for _, seed in full})
        # A second seed that only a few images have is left out, and not the many images that lack it.
        while len(seeds) > 1 and sum(seed == seeds[-1] for _, seed in full) < sum(seed == seeds[0] for _, seed in full):
            seeds.pop()
        cases = sorted({case for case, _ in full})
        return seeds, [case for case in cases if all((case, seed) in full for seed in seeds)]

    def values(
        self, name: str, method: str, protocol: str, metric: str = DICE, variant: str = MERGED, switched: bool = False
    ) -> Cases:
        """A metric by image, the mean over seeds; ``switched`` takes the images of the switches."""
        place = METRICS.index(metric)
        cases = self.switched(name, method) if switched else self.cases[name]
        return {
            case: float(
                np.mean(
                    [
                        self.rows[name, case, method, seed]["scores"][variant][protocol][place]
                        for seed in self.seeds[name]
                    ]
                )
            )
            for case in cases
        }

    def switched(self, name: str, method: str) -> list[str]:
        """Images that have been measured with this and with the preset."""
        return [
            case
            for case in sorted({case for of, case, _, _ in self.rows if of == name})
            if self.seeds[name]
            and all((name, case, one, seed) in self.rows for one in (method, OURS) for seed in self.seeds[name])
        ]

    def compared(self, name: str, first: str, second: str, protocol: str) -> Comparison:
        """Dice of two methods, image by image."""
        return compare(self.values(name, first, protocol), self.values(name, second, protocol))


def verdict(found: Comparison) -> str:
    """Whether a difference of the paper, which is above 0, is seen: its interval decides."""
    if found.n < LEAST:
        return TOO_FEW
    if found.ci_low > 0:
        return SEEN
    return OPPOSITE if found.ci_high < 0 else OPEN


def page(results: Mapping[str, Any], figures: Sequence[str] = ()) -> str:
    """The page ``docs/paper.md``, from what ``__main__`` writes; ``figures`` are pictures in the folder beside it."""
    measured = Measured(results["rows"])
    judged = [(one, _set_of(one), _judge(measured, one)) for one in differences()]
    lines = [
        "<!-- written by python -m benchmarks.paper -->",
        "",
        "# The paper's experiments, again",
        "",
        *_first_paragraph(measured, judged),
        "",
        *_how(results, measured),
        "",
        "## The paper's differences, one by one",
        "",
        "Dice of the first less Dice of the second, in hundredths; paired over images, 95 % bootstrap interval. The",
        f"words follow from the interval alone: *{SEEN}* where all of it is above 0, *{OPPOSITE}* where all is below,",
        f"*{OPEN}* where it holds 0. Of fewer than {LEAST} images there is neither an interval nor a word.",
        "",
        "| table | set | first | second | paper | " + " | ".join(f"`{name}`" for name in PROTOCOLS) + " |",
        "|---|---|---|---|---|" + "---|" * len(PROTOCOLS),
        *(
            f"| {one.table} | {one.column}: `{name}` | {METHODS[one.first].title} | {METHODS[one.second].title} | "
            f"+{one.points} | " + " | ".join(f"{_points(found[p])}: {verdict(found[p])}" for p in PROTOCOLS) + " |"
            for one, name, found in judged
            if found
        ),
        "",
        "## Table 1: methods",
        "",
        "MS-Former is the preset `paper` on skin and `paper-lung` on lungs. All are given the same prepared image, and",
        "clusters are merged (Ward) to the paper's number, 3 on skin and 2 in lungs. *All of the image* is no method:",
        "it calls everything the object, and shows what a protocol gives for nothing.",
        "",
    ]
    for name in measured.sets:
        of_paper = PUBLISHED_1[column] if (column := SETS[name].published) else {}
        lines += _table(measured, name, list(TABLE_1), of_paper)
    lines += [
        "## Table 2: losses",
        "",
        "Weights of the preset; a loss that is left out has the weight 0. The paper has this table on PH2 only.",
        "",
    ]
    for name in measured.sets:
        lines += _table(measured, name, list(TABLE_2), PUBLISHED_2 if SETS[name].published == "PH2" else {})
    lines += [
        "## Where text and code part",
        "",
        "One thing at a time switched away from the preset; Dice of the switched less Dice of the preset, in",
        "hundredths, paired over images.",
        "",
        *switch_table(results),
        "",
    ]
    if figures:
        lines += ["## What the method does", "", *_pictures(figures)]
    return "\n".join(lines).rstrip() + "\n"


def switch_table(results: Mapping[str, Any]) -> list[str]:
    """What each switch changes, for this page and for ``docs/fidelity.md``."""
    measured = Measured(results["rows"])
    shown = ("released", "oracle-cluster", "automatic")
    lines = ["| set | what is switched | images | " + " | ".join(f"`{name}`" for name in shown) + " |"]
    lines += ["|---|---|---|" + "---|" * len(shown)]
    for name in (name for name in SWITCHED if name in measured.sets):
        for switch, method in SWITCHES.items():
            if method.sets and name not in method.sets:
                continue
            found = [
                compare(
                    measured.values(name, switch, protocol, switched=True),
                    {
                        case: value
                        for case, value in measured.values(name, OURS, protocol, switched=True).items()
                        if case in measured.switched(name, switch)
                    },
                )
                for protocol in shown
            ]
            lines.append(_switch_row(name, method.title, found))
        as_left = [
            compare(
                measured.values(name, OURS, protocol, variant=AS_LEFT),
                measured.values(name, OURS, protocol),
            )
            for protocol in shown
        ]
        lines.append(_switch_row(name, "clusters as the loop leaves them, 0 never picked, as released", as_left))
        gate = compare(measured.values(name, OURS, "released"), measured.values(name, OURS, "oracle-cluster"))
        lines.append(
            f"| `{name}` | the released scorer's gate, over the text's scoring | {gate.n} | {_points(gate)} | – | – |"
        )
    return lines


def _switch_row(name: str, title: str, found: Sequence[Comparison]) -> str:
    return f"| `{name}` | {title} | {found[0].n} | " + " | ".join(_points(one) for one in found) + " |"


def _set_of(one: Difference) -> str:
    return next(name for name, plan in SETS.items() if plan.published == one.column)


def _judge(measured: Measured, one: Difference) -> dict[str, Comparison]:
    name = _set_of(one)
    if name not in measured.sets:
        return {}
    return {protocol: measured.compared(name, one.first, one.second, protocol) for protocol in PROTOCOLS}


def _first_paragraph(
    measured: Measured, judged: Sequence[tuple[Difference, str, Mapping[str, Comparison]]]
) -> list[str]:
    """What was reproduced, under the text's scoring and under the code's; the table after it has the numbers."""
    sentences = []
    for protocol, who in (("oracle-cluster", "the text's scoring"), ("released", "the released scorer")):
        parts = []
        for word in (SEEN, OPPOSITE, OPEN, TOO_FEW):
            some = [
                f"{METHODS[one.first].title} over {METHODS[one.second].title} on {one.column}"
                for one, _, found in judged
                if found and verdict(found[protocol]) == word
            ]
            if some or word == SEEN:
                named = f" ({'; '.join(some)})" if some and word in (SEEN, OPPOSITE) else ""
                parts.append(f"**{len(some) or 'none'} {word}**{named}")
        sentences.append(f"Under {who} (`{protocol}`): {', '.join(parts)}.")
    counts = ", ".join(f"{len(measured.cases[name])} images of `{name}`" for name in measured.sets)
    return [
        f"The paper's Tables 1 and 2 show {len(judged)} differences in Dice, measured again here on {counts}. "
        + " ".join(sentences)
    ]


def _how(results: Mapping[str, Any], measured: Measured) -> list[str]:
    facts = results["machine"]
    processors = " and ".join(sorted({row["processor"] for row in results["rows"]}))
    rows = [row for row in results["rows"] if row["case"] in measured.cases[row["set"]]]
    failed = sum("failed" in row for row in rows)
    again = sum(row.get("again", False) for row in rows)
    libraries = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    lines = [
        f"`{COMMAND}{results['options']}` ({processors}, {facts['cores']} cores, {facts['system']}; "
        f"{libraries}); the page again, without data: `{AGAIN}`.",
        f"{len(rows)} fits are in the tables, {failed} of them diverged, which counts as an empty mask; in "
        f"bfloat16 alone {again} did, made again in float32.",
        "Images are taken in a shuffled order, the same for every method, as many as there was time for.",
        "Paper: " + SOURCE + ".",
        "",
        "| set | images | seeds | grid of the methods, px | scored on, px | arithmetic of MS-Former | s a fit |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in measured.sets:
        own = [row for row in rows if row["set"] == name and row["method"] == OURS]
        if not own:
            continue
        shown = {f"{row['shown'][0]} × {row['shown'][1]}" for row in own}
        seconds = np.median([row["seconds"] for row in own])
        lines.append(
            f"| `{name}` | {len(measured.cases[name])} | {', '.join(map(str, measured.seeds[name]))} | "
            f"{', '.join(sorted({str(row['side']) for row in own}))} | {', '.join(sorted(shown))} | "
            f"{', '.join(sorted({row['precision'] for row in own}))} | {seconds:.0f} |"
        )
    return [
        *lines,
        "",
        "Seconds are the median of MS-Former's fits, each on one core, one beside the other.",
        "The paper works on all 200 images of PH2 and on 700 slices, on 257 px; ours are fewer, since a fit of 257 px",
        "takes minutes on one core, and what has 64 px is not made larger (what half the side changes stands below).",
        "The scorer's gate of 6 px is wide on a slice of 64 px, and so is a patch of 32 px: there are 4 of them, and",
        "64 on 257 px. Protocols: `docs/evaluation.md`; `released` and the two",
        "oracles pick with the ground truth, `automatic` never sees it. HM is 1 − IoU. Merged clusters have no numbers",
        "of the network's, so none of them is the cluster 0 that the released scorer never picks.",
    ]


def _table(measured: Measured, name: str, methods: Sequence[str], of_paper: Mapping[str, Published]) -> list[str]:
    cases, seeds = measured.cases[name], measured.seeds[name]
    if not cases:
        return [f"### `{name}`", "", "No image has every method yet.", ""]
    headings = ["method", *(f"`{protocol}`" for protocol in PROTOCOLS)]
    if of_paper:
        headings.append("paper")
    lines = [
        f"### `{name}`: {len(cases)} images, seeds {', '.join(map(str, seeds))}",
        "",
        "Dice with its interval / HM / XOR, hundredths.",
        "",
        "| " + " | ".join(headings) + " |",
        "|---" * len(headings) + "|",
    ]
    for method in methods:
        row = [METHODS[method].title, *(_scores(measured, name, method, protocol) for protocol in PROTOCOLS)]
        if method == EVERYTHING:
            row[-1] = "–"  # no rule has picked anything
        if of_paper:
            row.append(" / ".join(f"{value}" for value in of_paper[method]) if method in of_paper else "–")
        lines.append("| " + " | ".join(row) + " |")
    return [*lines, ""]


def _scores(measured: Measured, name: str, method: str, protocol: str) -> str:
    found = [summarise(list(measured.values(name, method, protocol, metric).values())) for metric in METRICS]
    dice, *errors = found
    interval = "" if dice.n < LEAST else f" ({100 * dice.ci_low:.1f}–{100 * dice.ci_high:.1f})"
    return f"{100 * dice.mean:.1f}{interval} / " + " / ".join(f"{100 * one.mean:.1f}" for one in errors)


def _points(found: Comparison) -> str:
    if found.n == 0:
        return "–"
    text = f"{100 * found.mean_difference:+.1f}"
    if found.n < LEAST:
        return text
    return f"{text} ({100 * found.ci_low:+.1f} to {100 * found.ci_high:+.1f})"


PICTURES = {
    "affinity.png": (
        "The affinity on its way to the identity",
        "The affinity of a made picture before so many updates (the paper's figure 5 has iterations 0 to 45): each row "
        "is a patch, each column a shifted patch, white is 1. Below, its mean absolute difference to the identity.",
    ),
    "settling.webp": (
        "Clusters that settle",
        "The clusters of a made picture before each update, and how many are left.",
    ),
}


def _pictures(figures: Sequence[str]) -> list[str]:
    lines = ["Made pictures, by `python -m benchmarks.paper.pictures docs/paper`.", ""]
    for file, (title, words) in PICTURES.items():
        if file in figures:
            lines += [f"![{title}](paper/{file})", "", words, ""]
    return lines
