"""Every constant of the presets halved and raised by half, and what choosing among them would have promised.

    python -m benchmarks.sensitivity --data ../shared/data --markdown sensitivity.md

Constants are those of the preset's file and those of the modules that it uses. *Leave-half-out*: on one random half
of the images the best of all variants is taken, on the other half it is scored; the mean over many halves is what
tuning on these images would honestly have given. Nothing here changes a preset.
"""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common import PRESET_OF_SET, one_core_each, sets_parser
from msformer import segment
from msformer.benchmark.datasets import BenchmarkCase, discover
from msformer.benchmark.task import machine
from msformer.config import Config, nest
from msformer.errors import ConfigError
from msformer.evaluation.files import read_truth
from msformer.io import read_image
from msformer.morphology import dice

SETTINGS = {
    "dermoscopy": ("prepare.working_size", "prepare.detail_size", "cluster.n_clusters", "foreground.min_area",
                   "foreground.cues.explained", "foreground.cues.ring", "refine.boundary_level",
                   "refine.boundary_reach", "refine.boundary_rounds"),
    "lung-ct": ("prepare.working_size", "prepare.detail_size", "cluster.n_clusters", "foreground.min_area",
                "foreground.min_relative_area", "foreground.cues.explained", "foreground.cues.air",
                "refine.boundary_level", "refine.boundary_reach", "refine.boundary_rounds", "refine.closing"),
    "chest-xray": ("prepare.working_size", "prepare.detail_size", "prepare.background", "prepare.smoothing",
                   "cluster.n_clusters", "foreground.min_area", "foreground.cues.explained", "foreground.cues.frame",
                   "foreground.cues.ring", "foreground.cues.solidity", "refine.boundary_level",
                   "refine.boundary_reach"),
    "ultrasound": ("prepare.working_size", "prepare.detail_size", "prepare.background", "prepare.smoothing",
                   "cluster.n_clusters", "foreground.min_area", "foreground.cues.explained", "foreground.cues.frame",
                   "foreground.cues.ring", "foreground.cues.solidity", "foreground.cues.centre",
                   "refine.boundary_level", "refine.boundary_reach", "refine.boundary_rounds"),
    "nuclei": ("prepare.working_size", "prepare.detail_size", "prepare.smoothing", "cluster.n_clusters",
               "foreground.cues.explained", "foreground.cues.solidity", "foreground.cues.separate",
               "foreground.inner_splits", "refine.boundary_level", "refine.boundary_rounds",
               "refine.min_relative_area"),
    "stained-tissue": ("prepare.working_size", "prepare.detail_size", "prepare.smoothing", "cluster.n_clusters",
                       "foreground.cues.explained", "foreground.cues.solidity", "foreground.cues.separate",
                       "refine.boundary_level", "refine.boundary_rounds"),
}  # fmt: skip
"""The numbers of each preset's file, and the defaults that it relies on."""
CONSTANTS = {
    "dermoscopy": ("prepare.hair.DEPTH", "prepare.hair.GRAIN", "prepare.hair.MIN_LENGTH", "prepare.hair.MAX_FILL",
                   "prepare.field.DARK", "prepare.field.BEYOND", "prepare.vignette.DARKEST",
                   "prepare.vignette.TRUSTED", "foreground.cues.RING_WIDTH"),
    "lung-ct": ("prepare.field.AIR_STEP", "prepare.field.MIN_BODY"),
    "chest-xray": ("prepare.field.AIR", "prepare.field.BEYOND", "foreground.cues.RING_WIDTH",
                   "foreground.scene.MIDLINE_SMOOTHED"),
    "ultrasound": ("prepare.background.ROWS_SMOOTHED", "prepare.background.ECHO_PERCENTILE",
                   "foreground.cues.RING_WIDTH", "foreground.cues.CENTRE_SPREAD"),
    "nuclei": ("foreground.cues.SURROUND",),
    "stained-tissue": ("foreground.cues.SURROUND", "refine.cells.SEAM", "refine.cells.OPENING",
                       "refine.cells.FARTHEST", "refine.cells.LEAST_CYTOPLASM", "refine.cells.LEAST_NUCLEUS",
                       "refine.cells.SEED_DEPTH"),
}  # fmt: skip
OFF: dict[str, dict[str, dict[str, Any]]] = {
    "dermoscopy": {
        "hair removal": {"prepare.remove_hair": False},
        "aperture field": {"prepare.field": "whole"},
        "vignette flattening": {"prepare.flatten_vignette": False},
        "square root (Lab instead)": {"prepare.tone": "lab"},
        "ring cue": {"foreground.cues.ring": 0.0},
        "explained cue": {"foreground.cues.explained": 0.0},
        "boundary": {"refine.boundary_rounds": 0},
    },
    "lung-ct": {
        "body field": {"prepare.field": "whole"},
        "air cue": {"foreground.cues.air": 0.0},
        "explained cue": {"foreground.cues.explained": 0.0},
        "may not touch the frame": {"foreground.touches_frame": True},
        "boundary": {"refine.boundary_rounds": 0},
        "closing": {"refine.closing": 0.0},
    },
    "chest-xray": {
        "air field": {"prepare.field": "whole"},
        "background": {"prepare.background": None},
        "smoothing": {"prepare.smoothing": 0.0},
        "pairs (any objects)": {"foreground.objects": "any"},
        "openings": {"foreground.openings": (0.0,)},
        "mirror": {"foreground.mirror": False},
        "wall": {"refine.wall": False},
        "gaps closed": {"refine.closing": 0.0},
        "explained cue": {"foreground.cues.explained": 0.0},
        "frame cue": {"foreground.cues.frame": 0.0},
        "ring cue": {"foreground.cues.ring": 0.0},
        "solidity cue": {"foreground.cues.solidity": 0.0},
        "boundary": {"refine.boundary_rounds": 0},
    },
    "ultrasound": {
        "depth": {"prepare.flatten_depth": False},
        "background": {"prepare.background": None},
        "smoothing": {"prepare.smoothing": 0.0},
        "openings": {"foreground.openings": (0.0,)},
        "explained cue": {"foreground.cues.explained": 0.0},
        "frame cue": {"foreground.cues.frame": 0.0},
        "ring cue": {"foreground.cues.ring": 0.0},
        "solidity cue": {"foreground.cues.solidity": 0.0},
        "centre cue": {"foreground.cues.centre": 0.0},
        "boundary": {"refine.boundary_rounds": 0},
    },
    "nuclei": {
        "square root (Lab instead)": {"prepare.tone": "lab"},
        "smoothing": {"prepare.smoothing": 0.0},
        "detail grid": {"foreground.grid": "working"},
        "polarity (either)": {"foreground.polarity": "either"},
        "levels over the surroundings": {"foreground.windows": ()},
        "several cue": {"foreground.cues.several": 0.0},
        "explained cue": {"foreground.cues.explained": 0.0},
        "solidity cue": {"foreground.cues.solidity": 0.0},
        "separate cue": {"foreground.cues.separate": 0.0},
        "boundary": {"refine.boundary_rounds": 0},
        "crumbs": {"refine.min_relative_area": 0.0},
    },
    "stained-tissue": {
        "stain (square root instead)": {"prepare.tone": "root"},
        "solidity cue": {"foreground.cues.solidity": 0.0},
        "separate cue": {"foreground.cues.separate": 0.0},
        "boundary": {"refine.boundary_rounds": 0},
        "cells": {"refine.cells": False},
    },
}
"""Each stage of a preset and what switches it off."""
FACTORS = (0.5, 1.5)
HALVES = 500
"""Random halves of a set."""


@dataclass(frozen=True)
class Variant:
    """A preset with one number changed, or one stage off; ``name`` is empty for the preset as it is."""

    preset: str
    name: str = ""
    factor: float = 1.0
    is_off: bool = False


def main() -> None:
    """Print the tables; with ``--markdown`` write them."""
    given = sets_parser(__doc__).parse_args()
    groups: dict[str, list[BenchmarkCase]] = {}
    for case in discover(given.data, given.sets).cases:
        groups.setdefault(PRESET_OF_SET[case.set_name], []).append(case)
    lines = head(given.sets)
    for preset, cases in groups.items():
        variants = [Variant(preset), *(variant for variant in variants_of(preset) if is_possible(variant))]
        with one_core_each() as pool:
            jobs = [(case, variant) for variant in variants for case in cases]
            found = np.array(list(pool.map(run, jobs, chunksize=8))).reshape(len(variants), len(cases))
        lines += table(preset, cases, variants, found)
        print("\n".join(lines[-len(variants) :]), flush=True)
    text = "\n".join(lines) + "\n"
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)


def variants_of(preset: str) -> Iterator[Variant]:
    """All variants but the preset itself."""
    for name in (*SETTINGS[preset], *CONSTANTS[preset]):
        for factor in FACTORS:
            yield Variant(preset, name, factor)
    for stage in OFF[preset]:
        yield Variant(preset, stage, is_off=True)


def is_possible(variant: Variant) -> bool:
    """Whether the changed number is within its limits, and differs."""
    try:
        config = settings(variant)
    except ConfigError:
        return False
    return variant.name in CONSTANTS[variant.preset] or config != Config.from_preset(variant.preset)


def settings(variant: Variant) -> Config:
    """The settings of a variant; constants of modules are changed where it runs."""
    config = Config.from_preset(variant.preset)
    if variant.is_off:
        return config.replace(**nest(OFF[variant.preset][variant.name]))
    if not variant.name or variant.name in CONSTANTS[variant.preset]:
        return config
    value: Any = config
    for part in variant.name.split("."):
        value = getattr(value, part)
    changed = round(value * variant.factor) if isinstance(value, int) else value * variant.factor
    nested: Any = changed
    for part in reversed(variant.name.split(".")):
        nested = {part: nested}
    return config.replace(**nested)


def run(job: tuple[BenchmarkCase, Variant]) -> float:
    """Dice of one case under one variant, ``automatic``."""
    case, variant = job
    module, constant, old = None, "", None
    if variant.name in CONSTANTS[variant.preset]:
        path, constant = f"msformer.{variant.name}".rsplit(".", 1)
        module = importlib.import_module(path)
        old = getattr(module, constant)
        setattr(module, constant, old * variant.factor)
    try:
        mask = segment(read_image(case.image), settings(variant)).mask
    finally:
        if module is not None:
            setattr(module, constant, old)
    truth, _ = read_truth(case.truth)
    return dice(mask, truth)


def table(preset: str, cases: list[BenchmarkCase], variants: list[Variant], scores: np.ndarray[Any, Any]) -> list[str]:
    """Lines of one preset."""
    plain = scores[0]
    tuned = np.array([not variant.is_off for variant in variants])
    chosen, promised = leave_half_out(scores[tuned])
    sets = ", ".join(sorted({case.set_name for case in cases}))
    lines = [
        f"## `{preset}` on {sets}, {len(cases)} cases",
        "",
        f"As shipped: mean Dice **{plain.mean():.3f}**, 10th percentile {np.percentile(plain, 10):.3f}, "
        f"{(plain < 0.7).mean():.0%} under .7. Leave-half-out: the variant that is best on one half scores "
        f"**{chosen:.3f}** on the other (on its own half {promised:.3f}), mean over {HALVES} halves.",
        "",
        "| constant | × 0.5 | × 1.5 |",
        "|---|---|---|",
    ]
    for name in dict.fromkeys(variant.name for variant in variants[1:] if not variant.is_off):
        cells = {v.factor: row for v, row in zip(variants, scores, strict=True) if v.name == name}
        shown = [
            f"{cells[factor].mean():.3f} ({cells[factor].mean() - plain.mean():+.3f})" if factor in cells else "–"
            for factor in FACTORS
        ]
        lines.append(f"| `{name}` | {shown[0]} | {shown[1]} |")
    lines += ["", "| stage switched off | mean Dice |", "|---|---|"]
    for variant, row in zip(variants, scores, strict=True):
        if variant.is_off:
            lines.append(f"| {variant.name} | {row.mean():.3f} ({row.mean() - plain.mean():+.3f}) |")
    return [*lines, ""]


def leave_half_out(scores: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Mean score of the best variant of one half on the other half, and on its own."""
    rng = np.random.default_rng(0)
    other, own = [], []
    count = scores.shape[1]
    for _ in range(HALVES):
        order = rng.permutation(count)
        first, second = order[: count // 2], order[count // 2 :]
        best = int(np.argmax(scores[:, first].mean(axis=1)))
        own.append(float(scores[best, first].mean()))
        other.append(float(scores[best, second].mean()))
    return statistics.fmean(other), statistics.fmean(own)


def head(sets: list[str]) -> list[str]:
    """Title and how it was made."""
    facts = machine()
    return [
        "<!-- written by benchmarks/sensitivity.py -->",
        "",
        "# How much hangs on each constant",
        "",
        "Mean Dice under `automatic` at native size, one seed, with one number of a preset halved or raised by half,",
        "all else as shipped; in brackets the change. A dash: out of the number's limits, or no other number.",
        "Numbers that were fitted to these images show as losses on both sides; flat rows are safe.",
        "",
        f"`python -m benchmarks.sensitivity --data DATA --sets {' '.join(sets)}`"
        f" ({facts['processor']}, {facts['cores']} cores)",
        "",
    ]


if __name__ == "__main__":
    main()
