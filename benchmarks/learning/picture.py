"""Masks before and after five corrections, side by side, of images that were not corrected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.learning.folder import seen_in
from benchmarks.learning.methods import LEARN
from benchmarks.learning.run import SHOWN, Options, Row
from benchmarks.learning.sets import PICTURED
from msformer.batch.learn.jobs import read_image_of, read_mask
from msformer.image import Image, Mask
from msformer.io import MAX_PIXELS, write_png
from msformer.render import Picture, display, draw_outline

SIDE = 256
GAP = 8


def shown_case(rows: Sequence[Row], name: str) -> str | None:
    """Of the images of a set whose mask changed in the first draw, the one with the median gain; None without any."""
    gains = sorted(
        (row["dice"] - row["own"], row["case"])
        for row in rows
        if (row["part"], row["place"], row["method"], row["amount"], row["draw"]) == ("students", name, LEARN, SHOWN, 0)
        and row["dice"] != row["own"]
    )
    return gains[len(gains) // 2][1] if gains else None


def draw_pairs(rows: Sequence[Row], options: Options, path: Path) -> bool:
    """Write the picture, a row a set; whether there was anything to show."""
    lines = []
    for name in PICTURED:
        case = shown_case(rows, name)
        after = options.out / "shown" / name / f"{case}.png"
        if case is None or not after.exists():
            continue
        one = next(
            one for one in seen_in(name, options.data, options.out, options.limit) if one.job.case.case_id == case
        )
        image = read_image_of(one.job, MAX_PIXELS)
        own = read_mask(options.out / "first" / name / one.job.record["outputs"]["masks"], image)
        masks = (one.truth, own, read_mask(after, image))
        lines.append(np.concatenate([_tile(image, mask, one.job.record["intensity_range"]) for mask in masks], axis=1))
    if not lines:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.concatenate(lines, axis=0))
    return True


def _tile(image: Image, mask: Mask, intensity_range: Sequence[float]) -> Picture:
    shown = display(image, (intensity_range[0], intensity_range[1]), SIDE)
    rows, columns = shown.shape[:2]
    small = cv2.resize(mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST) > 0
    tile = np.full((SIDE + GAP, SIDE + GAP, 3), 255, np.uint8)
    tile[:rows, :columns] = draw_outline(shown, small)
    return tile
