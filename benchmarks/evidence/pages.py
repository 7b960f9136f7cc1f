"""The pages ``docs/evidence.md`` and ``docs/confidence.md``."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import msformer
from benchmarks.evidence.asked import PRESET
from benchmarks.evidence.exponents import MAY_LOSE, Compared, Verdict
from benchmarks.evidence.fits import Model
from benchmarks.evidence.pictures import PER_SET, Answered
from benchmarks.evidence.scores import Added
from benchmarks.evidence.several import GUEST, SEVERAL_PER_SET, Exponents, Outlined
from benchmarks.evidence.tables import (
    added_table,
    cue_table,
    exponent_table,
    several_table,
    verdict_table,
    weight_table,
)
from msformer import confidence
from msformer.benchmark.task import machine
from msformer.foreground import CUES
from msformer.foreground.asked import ASKED, SAID
from msformer.regions import FEATURES

NETWORK = "## What the grown network adds"
"""Heading of the section that is also made alone."""


SEVERAL = "## Several objects: exponents by hand, and fitted"
"""Heading of another one."""


def made_by(minutes: float, only: str | None = None, *, writes: bool = True) -> str:
    """The command, the machine and how long it took."""
    facts = machine()
    options = "--write " * writes + "--data ../shared/data --markdown docs/evidence.md"
    options += f" --only {only}" if only else ""
    return (
        f"Made by `python -m benchmarks.evidence {options}` in "
        f"{minutes:.0f} min ({facts['processor']}, {facts['cores']} cores, {platform.machine()}, "
        f"msformer {msformer.__version__})."
    )


def network_section(rows: Sequence[Added], model: Model, scenes: int, digest: str, minutes: float) -> list[str]:
    """The section on the grown network.

    Args:
        rows: What it adds in each set.
        model: The weights of what it says.
        scenes: How many they were fitted on.
        digest: Of the network, in hexadecimal.
        minutes: How long it took.
    """
    return [
        NETWORK,
        "",
        f"All sets are prepared by the preset `{PRESET}`. The network is pointed at up to {ASKED} of the regions",
        "that have the most evidence; its answers become candidates beside them, and its map of objects is one more",
        f"that regions come from. {len(SAID)} numbers tell the Dice of a candidate",
        "(`src/msformer/foreground/asked.py`). Mean Dice of what is taken, before its border is drawn anew. *Best",
        "candidate*: by the truth.",
        "",
        f"What ships was fitted on {scenes} random scenes with one object and on no real image. Neither the evidence",
        f"of regions nor the network (`{digest[:12]}`), which saw random scenes alone, learned from scenes of these",
        "seeds. *On the other sets*: the same fit, on the masks of all sets but the one in the line.",
        made_by(minutes, "asked"),
        "",
        *added_table(rows),
        "",
        *weight_table(model, SAID, len(SAID)),
    ]


@dataclass(frozen=True)
class SeveralTold:
    """What the section on several objects tells.

    Attributes:
        rows: What is taken in each set, by the first of ``LOSSES``.
        finals: Final outlines of the same images.
        verdicts: Of each loss and each fit.
        exponents: Those fitted on scenes by the first loss.
        made: Pictures that they were fitted on.
    """

    rows: Sequence[Compared]
    finals: Sequence[Outlined]
    verdicts: Mapping[tuple[str, str], Verdict]
    exponents: Mapping[str, Exponents]
    made: int


def several_section(told: SeveralTold, minutes: float) -> list[str]:
    """The section on pairs and many objects."""
    passed = [f"*{label}* by the loss *{loss}*" for (loss, label), one in told.verdicts.items() if one.transfers]
    result = f"Within it: {'; '.join(passed)}." if passed else "No fit is within it: **the exponents by hand stay**."
    return [
        SEVERAL,
        "",
        "Two lungs or all nuclei are no region. There the light is cut at many levels ([The method](method.md)), and",
        "the candidate with the largest product of cues is taken, each a number in [0, 1] raised to an exponent in the",
        f"preset's file. People set these exponents with real images in view. There are {len(CUES)} cues",
        "(`src/msformer/foreground/cues.py`):",
        "",
        *cue_table(),
        "",
        "Could the exponents be fitted? Below, the logarithms of the cues tell the Dice of a candidate; their weights,",
        "none under 0, are exponents. *One*: a single model. *Two*: one for pairs and lungs, one for many objects.",
        f"*Scenes*: fitted on {told.made} random scenes and phantoms and on no real image. *Other sets*: on the masks",
        f"of all sets but the one in the line. At most {SEVERAL_PER_SET} images of a set. Mean Dice of what is taken,",
        "before its border is drawn anew, in brackets the gain over the exponents by hand and its standard error;",
        "*best*: by the truth; *final*: on the detail grid, with the border drawn anew.",
        made_by(minutes, "several", writes=False),
        "",
        *several_table(told.rows, told.finals),
        "",
        "Two losses were tried. One is hardly more than the Dice of a soft choice in each picture; it was chosen on",
        "halves of the scenes that were left out, and the table above has it. The other, which was tried first, is",
        "that of the evidence of regions. The rule was there before the numbers: a fit ships if it loses at most",
        f"{MAY_LOSE} in the mean over sets and in each set of lung CT. {result}",
        f"Gain over them in mean Dice; `{GUEST}` has one cell a picture, which no preset for several objects is for.",
        "",
        *verdict_table(told.verdicts),
        "",
        f"Mind how much hangs on the ten images of `{GUEST}`. On the way, two variants that are not in the table let",
        "one single model each within the rule: all images of each set, and scenes of 256 px besides. They did so by",
        "a gain of .27 and of .09 there, while both sets of nuclei lost .05 or more. That was not taken for transfer.",
        "The model for pairs and lungs alone loses little before the border is drawn, and gains nothing after it.",
        "",
        "By hand, the exponents also say what a preset is *for*: `nuclei` wants many alike, `stained-tissue` does not",
        "ask how many. A model that serves both cannot tell.",
        "",
        *exponent_table(told.exponents),
    ]


def with_section(page: str, section: Sequence[str]) -> str:
    """A page with a section in place of the one of the same heading; before the last where there is none.

    Args:
        page: Sections begin with ``##``.
        section: Its lines, the first one its heading.
    """
    head, *parts = page.split("\n## ")
    text = "\n".join(section).removeprefix("## ") + "\n"
    titles = [part.split("\n", 1)[0] for part in parts]
    title = text.split("\n", 1)[0]
    if title in titles:
        place = titles.index(title)
        parts[place] = text
    else:
        parts.insert(max(len(parts) - 1, 0), text)
    return "\n## ".join([head, *parts])


def evidence_page(table: Sequence[str], model: Model, sections: Sequence[Sequence[str]], minutes: float) -> str:
    """The page ``docs/evidence.md``; ``sections`` are those that are also made alone."""
    parts = [
        "<!-- written by python -m benchmarks.evidence -->",
        "",
        "# What speaks for a region",
        "",
        "A picture has about 250 nested regions ([Regions](regions.md)). One linear model, the same for every kind of",
        f"picture, turns {len(FEATURES)} numbers seen of a region into the Dice that it has in the mean; the best",
        "one is the object. **The weights were fitted on [random scenes](scenes.md) and on no real image.**",
        "They are data, `src/msformer/foreground/evidence.json`, and anyone can make them again. " + made_by(minutes),
        "",
        "## Does it transfer?",
        "",
        "Mean Dice of the region that is taken, before its border is drawn anew. *Best region*: by the truth.",
        "Beside the shipped model, the same one fitted on real sets with expert masks: on all sets but the one in",
        "the line, on all but those of its kind, and on the other sets and the scenes together.",
        "",
        *table,
        "",
        *(line for section in sections for line in (*section, "")),
        "## The largest weights",
        "",
        *weight_table(model, FEATURES, 20),
    ]
    return "\n".join(parts) + "\n"


@dataclass(frozen=True)
class Trusted:
    """What the page of the confidence tells: tables as lines, and weights.

    Attributes:
        left_out: A line a set that was left out.
        plain: The same as it ships.
        teachers: A line for each thing that it was fitted on.
        model: The weights.
        prompted: Answers to a click, a line a set that was left out.
        weights: Slope and offset of these.
        scenes: Random scenes among what these were fitted on.
    """

    left_out: Sequence[str]
    plain: Sequence[str]
    teachers: Sequence[str]
    model: Model
    prompted: Sequence[str]
    weights: tuple[float, float]
    scenes: int


def confidence_page(told: Trusted, minutes: float, only: str | None = None) -> str:
    """The page ``docs/confidence.md``."""
    slope, offset = told.weights
    parts = [
        "<!-- written by python -m benchmarks.evidence -->",
        "",
        "# Confidence",
        "",
        "The confidence of a case is the probability that the Dice of its mask is at least .7, told from the image and",
        "the mask alone. One logistic regression serves all presets, so that `auto` can compare what they find:",
        f"{len(confidence.FEATURES)} numbers, of the mask as it lies in the picture, of how it came about, and of how",
        "much the picture looks like the kind that the preset is for (`src/msformer/kinds.py`). It was fitted on the",
        f"answers of all presets to random scenes and to at most {PER_SET} images of each public set, with masks;",
        "what a kind looks like was taken from images without masks. Restarts that disagree lower the confidence in",
        "proportion. A confidence under .5 has a reason in words.",
        "",
        made_by(minutes, only),
        "",
        "## With the set left out",
        "",
        "Every plausible preset answers, the most trusted answer is scored on the small grid on which presets compete.",
        "Neither the weights nor the picture of a kind saw the set in the line. AUROC: how well the confidence parts",
        "right from wrong; ECE: expected calibration error, ten bins.",
        "",
        *told.left_out,
        "",
        "![Reliability](confidence/reliability.png)",
        "",
        "*The same: Dice against confidence (dots), and share of right answers in five bins of it (squares).*",
        "",
        "## What it is fitted on",
        "",
        *told.teachers,
        "",
        "## As it ships, on the images at hand",
        "",
        "These sets took part in the fit: read it as the kinder end.",
        "",
        *told.plain,
        "",
        "## The largest weights",
        "",
        *weight_table(told.model, confidence.FEATURES, 16),
        "",
        "## Answers to a prompt",
        "",
        "The network that finds what is pointed at expects a Dice of each answer. A slope and an offset turn the",
        "log-odds of the largest into those of a Dice of at least .7. They were fitted on answers to one click in the",
        f"middle of the object, in {told.scenes} random scenes with one object and in all images of the sets of single",
        f"objects, each set and the scenes counting alike; {slope:.2f} and {offset:.2f} came of it. Below, the set in",
        "the line is left out. Dice is that with all of the mask, on the native grid. *ECE of what is expected*: where",
        "the expected Dice itself is taken for the confidence.",
        "",
        *told.prompted,
        "",
        "## What it does not tell",
        "",
        "Whether the mask is of what was *meant*. A region with a clear border of its own looks right, whatever it is:",
        "a skull around a tumour, a red cell beside a white one.",
    ]
    return "\n".join(parts) + "\n"


def draw_reliability(path: Path, firsts: Sequence[tuple[Answered, float]]) -> None:
    """Share of right answers against what the confidence says, one panel a set and one for all."""
    from matplotlib.figure import Figure

    names = [*sorted({row.group for row, _ in firsts}), "all sets"]
    columns = 6
    figure = Figure(figsize=(columns * 2.1, -(-len(names) // columns) * 2.1), dpi=80, layout="constrained")
    for index, name in enumerate(names, start=1):
        own = [one for one in firsts if name in (one[0].group, "all sets")]
        said = np.array([probability for _, probability in own])
        dices = np.array([row.dice for row, _ in own])
        axes = figure.add_subplot(-(-len(names) // columns), columns, index)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
        axes.scatter(said, dices, s=6, alpha=0.5, color="#0072b2")
        edges = np.linspace(0, 1, 6)
        for low, high in pairwise(edges):
            there = (said >= low) & ((said < high) | (high == 1))
            if there.sum() >= 3:
                axes.plot(said[there].mean(), (dices[there] >= confidence.GOOD).mean(), "s", color="#d55e00", ms=5)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_title(f"{name} ({len(own)})", fontsize=7)
        axes.tick_params(labelsize=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs={"optimize": True})
