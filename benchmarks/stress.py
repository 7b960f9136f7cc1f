"""Real dermoscopy images cropped so that the lesion fills much of the frame or is cut by it: what nobody tuned for.

    python -m benchmarks.stress --data ../shared/data/dermoscopy_ph2 --methods as-shipped otsu-3 untrained msformer

The truth is the mask cropped alike. Crops keep an aspect of 4 : 3; shifted ones are moved by .3 of their side in a
direction drawn once for each case.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from benchmarks.common import one_core_each
from msformer import Image, baselines
from msformer.benchmark.task import machine
from msformer.image import Mask
from msformer.io import read_image
from msformer.morphology import dice

SHARES = (None, 0.35, 0.6, 0.85)
"""Share of the crop that the lesion covers, about; None: the image as it is."""
SHIFT = 0.3


def main() -> None:
    """Print one line a method and crop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and masks/")
    parser.add_argument("--preset", default="dermoscopy")
    parser.add_argument("--methods", nargs="+", default=["msformer"])
    given = parser.parse_args()
    names = sorted(path.stem for path in (given.data / "images").iterdir())
    facts = machine()
    print(f"preset {given.preset}, {len(names)} cases, one seed ({facts['processor']}, {facts['cores']} cores)\n")
    print("| crop | share of the frame | method | mean Dice | 10th percentile | < .7 |")
    print("|---|---|---|---|---|---|")
    with one_core_each() as pool:
        for share in SHARES:
            for shifted in (False, True) if share else (False,):
                for method in given.methods:
                    jobs = [(given.data, name, share, shifted, method, given.preset) for name in names]
                    found = np.array(list(pool.map(run, jobs, chunksize=4)))
                    scores = found[:, 0]
                    crop_name = "whole image" if share is None else f"{share:.0%}{', shifted' if shifted else ''}"
                    print(
                        f"| {crop_name} | {found[:, 1].mean():.2f} | {method} | {scores.mean():.3f} | "
                        f"{np.percentile(scores, 10):.3f} | {(scores < 0.7).mean():.0%} |",
                        flush=True,
                    )


def run(job: tuple[Path, str, float | None, bool, str, str]) -> tuple[float, float]:
    """Dice of a case, and the share of the frame that its lesion covers."""
    data, name, share, shifted, method, preset = job
    image = read_image(next((data / "images").glob(f"{name}.*")))
    truth = read_image(data / "masks" / f"{name}.png").pixels > 0
    if share is not None:
        rows, columns = crop(truth, share, direction(name) if shifted else None)
        image = Image.from_array(image.pixels[rows, columns])
        truth = truth[rows, columns]
    mask = baselines.segment(image, method, preset, random_state=0).mask
    return dice(mask, truth), float(truth.mean())


def crop(truth: Mask, share: float, angle: float | None) -> tuple[slice, slice]:
    """Rows and columns of the crop whose lesion share is nearest to ``share``."""
    lesion_rows, lesion_columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    top, bottom = int(lesion_rows[0]), int(lesion_rows[-1]) + 1
    left, right = int(lesion_columns[0]), int(lesion_columns[-1]) + 1
    best: tuple[float, tuple[slice, slice]] | None = None
    for factor in np.linspace(3, 0.5, 60):
        height, width = (bottom - top) * factor, (right - left) * factor
        height, width = max(height, 0.75 * width), max(width, height / 0.75)
        height, width = min(height, truth.shape[0]), min(width, truth.shape[1])
        row, column = (top + bottom) / 2, (left + right) / 2
        if angle is not None:
            row, column = row + SHIFT * np.sin(angle) * height, column + SHIFT * np.cos(angle) * width
        first_row = int(np.clip(row - height / 2, 0, truth.shape[0] - height))
        first_column = int(np.clip(column - width / 2, 0, truth.shape[1] - width))
        window = (slice(first_row, first_row + int(height)), slice(first_column, first_column + int(width)))
        distance = abs(float(truth[window].mean()) - share)
        if best is None or distance < best[0]:
            best = (distance, window)
    assert best is not None  # noqa: S101 - the loop runs 60 times
    return best[1]


def direction(name: str) -> float:
    """An angle that depends on the name of a case alone."""
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    return float(np.random.default_rng(seed).uniform(0, 2 * np.pi))


if __name__ == "__main__":
    main()
