"""Run the paper's settings on the samples that the released code ships, under every protocol, and print a table.

    python -m benchmarks.fidelity --data ../shared/data/dermoscopy_ph2 --seeds 0 1 2

The published kind of number (protocol ``released``) stands beside the honest ones, never in one column with them.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from pathlib import Path

import numpy as np

import msformer
from benchmarks.paper.plan import SHOWN_SIDE
from benchmarks.paper.run import load
from msformer.evaluation.metrics import score_selection
from msformer.evaluation.protocols import Selection, automatic, oracle_cluster, released
from msformer.image import LabelMap, Mask

PUBLISHED = {"IMD004": 0.933, "IMD021": 0.924, "IMD176": 0.961}
"""Dice of the released notebook on its own samples under its own scorer."""


def main() -> None:
    """Print one line a run, then the medians over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and masks/")
    parser.add_argument("--cases", nargs="+", default=list(PUBLISHED))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--preset", default="paper-scored")
    given = parser.parse_args()

    print(f"{given.preset}, {SHOWN_SIDE} × {SHOWN_SIDE} px, {platform.machine()}, msformer {msformer.__version__}\n")
    print("| case | seed | updates | labels | `released` | `oracle-cluster` | `automatic` | s |")
    print("|---|---|---|---|---|---|---|---|")
    medians = []
    for case in given.cases:
        image, truth = load(*(given.data / kind / f"{case}.png" for kind in ("images", "masks")))
        rows = []
        for seed in given.seeds:
            start = time.perf_counter()
            result = msformer.segment(image, given.preset, seed=seed)
            selections = protocols(result.label_map, result.cluster_channels, result.mask, truth)
            dice = [score_selection(selection, mask_gt=truth).dice for selection in selections]
            rows.append(dice)
            scores = " | ".join(f"{value:.3f}" for value in dice)
            seconds = time.perf_counter() - start
            print(f"| {case} | {seed} | {result.n_iter} | {result.n_labels} | {scores} | {seconds:.0f} |", flush=True)
        medians.append((case, [statistics.median(column) for column in zip(*rows, strict=True)]))
    print("\n| case | notebook, `released` | ours, `released` | `oracle-cluster` | `automatic` |")
    print("|---|---|---|---|---|")
    for case, values in medians:
        published = f"{PUBLISHED[case]:.3f}" if case in PUBLISHED else "–"
        print(f"| {case} | {published} | " + " | ".join(f"{value:.3f}" for value in values) + " |")


def protocols(label_map: LabelMap, channels: tuple[int, ...], mask: Mask, truth: Mask) -> list[Selection]:
    """The three selections; the released scorer sees the network's channels, of which it never picks the first."""
    raw_labels = np.array([0, *channels])[label_map]
    return [
        released(raw_labels=raw_labels, mask_gt=truth),
        oracle_cluster(label_map=label_map, mask_gt=truth),
        automatic(mask_pred=mask),
    ]


if __name__ == "__main__":
    main()
