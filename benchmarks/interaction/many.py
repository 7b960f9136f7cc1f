"""Clicks on one of many: does what is added, or taken away, ever make the mask worse?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import PRESET_OF_SET
from benchmarks.interaction.protocols import Row
from msformer.benchmark.datasets import BenchmarkCase, discover
from msformer.editing import Editor, Point
from msformer.evaluation.files import read_instances, read_truth
from msformer.evaluation.prompts import middle_click, next_object
from msformer.io import read_image
from msformer.morphology import dice
from msformer.pipeline import segment

SETS = ("nuclei_dsb2018", "nuclei_dsb2018_more", "plasma_cells_segpc")
"""Sets of many objects; where there is no map of them one by one, pieces of the mask are the objects."""
CLICKS = 5
"""Clicks of a picture, at most."""
LEAST = 1e-9
"""Dice that counts as lower."""


def many_cases(data: Path, only: Sequence[str], limit: int | None) -> list[BenchmarkCase]:
    """The pictures with many objects that are at hand."""
    names = [name for name in SETS if not only or name in only]
    return [case for case in discover(data, (), limit).cases if case.set_name in names]


def click_on_many(case: BenchmarkCase) -> list[Row]:
    """Correct the automatic mask of a picture, object by object: a row a click, and one for the first mask."""
    image, truth = read_image(case.image), read_truth(case.truth)[0]
    objects: NDArray[np.integer]
    if case.instances is not None:
        objects = read_instances(case.instances)
    else:
        objects = np.asarray(cv2.connectedComponents(truth.astype(np.uint8), connectivity=4)[1], dtype=np.int32)
    preset = PRESET_OF_SET[case.set_name]
    first = segment(image, preset)
    about = {"set": case.set_name, "case": case.name}
    start = dice(first.mask, truth)
    settings = first.config.replace(hints={"point": middle_click(truth)})
    rows = [about | {"click": 0, "sign": 0, "value": start, "pointed": dice(segment(image, settings).mask, truth)}]
    editor = Editor.open(image, first.mask)
    for number in range(1, CLICKS + 1):
        click = next_object(objects, editor.mask)
        if click is None:
            break
        row, column, sign = click
        editor.prompt(Point(row=row, column=column, is_on=sign > 0, mode="more"))
        rows.append(about | {"click": number, "sign": sign, "value": dice(editor.mask, truth)})
    return rows


def many_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The part of the page."""
    if not rows:
        return []
    lines = [
        "",
        "## Clicks on many",
        "",
        "From the automatic mask of the set's preset, `Editor` adds the largest object of which less than half is",
        f"there, or takes away the largest piece of which less than half is true, {CLICKS} times at most. *--point*:",
        "the mask of the same preset that is told one pixel of the largest object.",
        "",
        f"| set (Dice) | pictures | automatic | --point | after 1 | after {CLICKS} | adding: clicks, lower, worst "
        "| taking away: clicks, lower, worst |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted({row["set"] for row in rows}):
        cases: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["set"] == name:
                cases.setdefault(row["case"], []).append(row)
        ordered = [sorted(some, key=lambda row: row["click"]) for some in cases.values()]
        at = [np.mean([some[min(number, len(some) - 1)]["value"] for some in ordered]) for number in (0, 1, CLICKS)]
        pointed = np.mean([some[0]["pointed"] for some in ordered])
        cells = []
        for sign in (1, -1):
            gains = [
                after["value"] - before["value"]
                for some in ordered
                for before, after in pairwise(some)
                if after["sign"] == sign
            ]
            lower = sum(gain < -LEAST for gain in gains)
            cells.append(f"{len(gains)}, {lower}, {min(gains):+.3f}" if gains else "0")
        means = " | ".join(f"{value:.3f}" for value in (at[0], float(pointed), at[1], at[2]))
        lines.append(f"| {name} | {len(ordered)} | {means} | {' | '.join(cells)} |")
    return lines
