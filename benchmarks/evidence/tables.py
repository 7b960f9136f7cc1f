"""Tables of the pages, as lines of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.asked import Pointed
from benchmarks.evidence.exponents import FITS, Compared, Verdict, by_hand
from benchmarks.evidence.fits import Model, fit_regions
from benchmarks.evidence.pictures import Answered, Picture
from benchmarks.evidence.scores import Added, auroc, calibration_error, chosen, kind_of
from benchmarks.evidence.several import FEW, MANY, Exponents, Outlined
from msformer import confidence
from msformer.config import CueWeights
from msformer.foreground import CUES

CUE_SOURCES = {
    "frame": "what reaches the frame is background (Wei et al., *Geodesic saliency*, ECCV 2012)",
    "explained": "Otsu, *A threshold selection method from gray-level histograms*, 1979",
    "air": "air is -1000 HU, lungs lie near it (Hu et al., *Automatic lung segmentation*, 2001)",
    "centre": "the prior of place of saliency (Tatler, *The central fixation bias*, 2007)",
    "ring": "a ring around a thing differs from it (Alexe et al., *What is an object?*, CVPR 2010)",
    "several": "the number of kinds that count, 1 / Σ p² (Simpson, *Measurement of diversity*, 1949)",
    "solidity": "area over that of the hull (Žunić and Rosin, *A new convexity measure for polygons*, 2004)",
    "separate": "Otsu's fraction again, of each object and what is just around it",
}
"""Whose idea each cue is."""


def region_table(scenes: Sequence[Picture], real: Sequence[Picture], shipped: Model) -> tuple[list[str], list[float]]:
    """A line a set: best region, the shipped model, and models fitted on other real sets."""
    sets = sorted({one.group for one in real})
    lines = ["| set | n | best region | fitted on scenes (shipped) | on the other sets | on other kinds | both |"]
    lines.append("|---|---|---|---|---|---|---|")
    columns: list[list[float]] = []
    for name in sets:
        own = [one for one in real if one.group == name]
        others = [one for one in real if one.group != name]
        kinds = [one for one in real if kind_of(one.group) != kind_of(name)]
        values = [
            float(np.mean([one.dice.max() for one in own])),
            chosen(shipped, own),
            chosen(fit_regions(others), own),
            chosen(fit_regions(kinds), own),
            chosen(fit_regions([*others, *scenes]), own),
        ]
        columns.append(values)
        lines.append(f"| {name} | {len(own)} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    means = [float(value) for value in np.mean(columns, axis=0)]
    lines.append("| **mean** | | " + " | ".join(f"**{value:.3f}**" for value in means) + " |")
    return lines, means


def trust_table(firsts: Sequence[tuple[Answered, float]], rows: Sequence[Answered]) -> list[str]:
    """A line a set: the preset that wins, Dice, confidence, and how well it parts right from wrong."""
    lines = [
        "| set | n | mean Dice | best in hindsight | mean confidence | right (Dice ≥ .7) | AUROC | ECE | presets |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name in [*sorted({row.group for row in rows}), "**all**"]:
        own = [one for one in firsts if name in (one[0].group, "**all**")]
        said = np.array([probability for _, probability in own])
        dices = np.array([row.dice for row, _ in own])
        right = dices >= confidence.GOOD
        hindsight: dict[tuple[str, str], float] = {}
        for row in rows:
            if name in (row.group, "**all**"):
                key = row.group, row.name
                hindsight[key] = max(hindsight.get(key, 0.0), row.dice)
        presets = [row.preset for row, _ in own]
        counts = ", ".join(f"{preset} {presets.count(preset)}" for preset in sorted(set(presets)))
        lines.append(
            f"| {name} | {len(own)} | {dices.mean():.3f} | {np.mean(list(hindsight.values())):.3f} "
            f"| {said.mean():.2f} | "
            f"{right.mean():.0%} | {auroc(said, right):.2f} | {calibration_error(said, right):.2f} | {counts} |"
        )
    sure = np.array([probability >= 0.8 for _, probability in firsts])
    bad = np.array([row.dice < 0.5 for row, _ in firsts])
    share = f"{bad[sure].mean():.1%}" if sure.any() else "none"
    return [*lines, "", f"Of {int(sure.sum())} answers at confidence ≥ .8, under Dice .5: {share}."]


def left_out_table(results: Mapping[str, Sequence[tuple[Answered, float]]]) -> list[str]:
    """A line for each thing that the measure was fitted on."""
    lines = ["| fitted on | mean Dice over sets | AUROC | ECE | at ≥ .8: under .5 |", "|---|---|---|---|---|"]
    return lines + [trust_line(label, firsts) for label, firsts in results.items()]


def trust_line(label: str, firsts: Sequence[tuple[Answered, float]]) -> str:
    """One line of ``left_out_table``."""
    said = np.array([probability for _, probability in firsts])
    dices = np.array([row.dice for row, _ in firsts])
    groups = sorted({row.group for row, _ in firsts})
    mean = np.mean([np.mean([row.dice for row, _ in firsts if row.group == name]) for name in groups])
    right, sure = dices >= confidence.GOOD, said >= 0.8
    bad = f"{(dices[sure] < 0.5).mean():.1%} of {int(sure.sum())}" if sure.any() else "–"
    return f"| {label} | {mean:.3f} | {auroc(said, right):.3f} | {calibration_error(said, right):.3f} | {bad} |"


def weight_table(model: Model, names: Sequence[str], count: int) -> list[str]:
    """The largest weights of a model."""
    order = np.argsort(-np.abs(model.weights[:-1]))[:count]
    lines = ["| what is seen | mean | spread | log-odds a spread |", "|---|---|---|---|"]
    return lines + [
        f"| {names[index]} | {model.mean[index]:.2f} | {model.scale[index]:.2f} | {model.weights[index]:+.2f} |"
        for index in order
    ]


def added_table(rows: Sequence[Added]) -> list[str]:
    """A line a set, and the means over sets."""
    lines = [
        "| set | n | regions alone | with the network, fitted on scenes (ships) | on the other sets | best candidate |",
        "|---|---|---|---|---|---|",
    ]
    columns = [(row.alone, row.scenes, row.others, row.best) for row in rows]
    for row, values in zip(rows, columns, strict=True):
        lines.append(f"| {row.name} | {row.count} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    means = np.mean(columns, axis=0).tolist()
    return [*lines, "| **mean** | | " + " | ".join(f"**{value:.3f}**" for value in means) + " |"]


def prompted_table(results: Mapping[str, Sequence[tuple[Pointed, float]]]) -> list[str]:
    """A line a set for the first of the results, and one over all images for each."""
    lines = [
        "| set | n | mean Dice | mean expected | mean confidence | right (Dice ≥ .7) | AUROC | ECE "
        "| ECE of what is expected |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    first = next(iter(results.values()))
    parts = {name: [one for one in first if one[0].group == name] for name in sorted({row.group for row, _ in first})}
    parts |= {f"**all**, fitted on {label}": list(said) for label, said in results.items()}
    for label, own in parts.items():
        said = np.array([probability for _, probability in own])
        expected = np.array([row.expected or 0.0 for row, _ in own])
        dices = np.array([row.dice for row, _ in own])
        right = dices >= confidence.GOOD
        lines.append(
            f"| {label} | {len(own)} | {dices.mean():.3f} | {expected.mean():.2f} | {said.mean():.2f} | "
            f"{right.mean():.0%} | {auroc(said, right):.2f} | {calibration_error(said, right):.2f} | "
            f"{calibration_error(expected, right):.2f} |"
        )
    return lines


def cue_table() -> list[str]:
    """A line a cue: what it measures, and where the idea is from."""
    lines = ["| cue | what it measures | idea |", "|---|---|---|"]
    fields = CueWeights.model_fields
    return lines + [f"| `{name}` | {fields[name].description} | {CUE_SOURCES[name]} |" for name in CUES]


def several_table(rows: Sequence[Compared], finals: Sequence[Outlined]) -> list[str]:
    """A line a set: what is taken, with the gain over the exponents by hand and its standard error; final outlines."""
    titles = ["set", "n", "best", "by hand", *FITS, "final, by hand", f"final, {FITS[1]}"]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    columns = []
    for row in rows:
        ends = [one for one in finals if one.group == row.name]
        final = [float(np.mean([one.hand for one in ends])), float(np.mean([one.fitted for one in ends]))]
        means = [float(row.best.mean()), float(row.hand.mean()), *(float(row.fitted[label].mean()) for label in FITS)]
        columns.append([*means, *final])
        cells = [f"{value:.3f}" for value in (*means, *final)]
        for index, label in enumerate(FITS, start=2):
            gain = row.fitted[label] - row.hand
            cells[index] += f" ({gain.mean():+.3f} ± {standard_error(gain):.3f})"
        lines.append(f"| {row.name} | {len(row.hand)} | " + " | ".join(cells) + " |")
    means = np.mean(columns, axis=0).tolist()
    return [*lines, "| **mean** | | " + " | ".join(f"**{value:.3f}**" for value in means) + " |"]


def standard_error(values: NDArray[np.float64]) -> float:
    """Of the mean; 0 for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def verdict_table(verdicts: Mapping[tuple[str, str], Verdict]) -> list[str]:
    """A line for each loss and each of ``FITS``: what is gained over the exponents by hand."""
    lines = [
        "| loss | fitted on, models | all sets | without white cells | worst set | worst lung CT | within the rule |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {loss} | {label} | {one.mean:+.3f} | {one.own:+.3f} | {one.worst:+.3f} ({one.where}) | {one.lung:+.3f} "
        f"| {'yes' if one.transfers else 'no'} |"
        for (loss, label), one in verdicts.items()
    ]


def exponent_table(fitted: Mapping[str, Exponents]) -> list[str]:
    """A line for each preset, then one for each of the fitted models; columns are cues."""
    lines = ["| exponents | " + " | ".join(CUES) + " |", "|---|" + "---|" * len(CUES)]
    rows = {f"`{preset}`, by hand": by_hand(preset) for preset in FEW + MANY} | dict(fitted)
    return lines + [f"| {label} | " + " | ".join(f"{value:.2f}" for value in row) + " |" for label, row in rows.items()]
