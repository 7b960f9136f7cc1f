"""Whether bfloat16 costs quality: the network in both precisions on the same images, with the same seeds.

    python -m benchmarks.precision --data ../shared/data --markdown precision.md

A mask is compared with the truth, and with that of the other precision; how far two seeds differ in one precision
says what such a difference means.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from benchmarks.common import PRESET_OF_SET, one_core_each, sets_parser
from msformer import Config, segment
from msformer.benchmark.datasets import BenchmarkCase, discover
from msformer.benchmark.task import machine
from msformer.evaluation.files import read_truth
from msformer.io import read_image
from msformer.morphology import dice

PRECISIONS = ("float32", "bfloat16")
SEEDS = (0, 1)


@dataclass(frozen=True)
class Scores:
    """One case under one preset.

    Attributes:
        truth: Dice with the truth, ``(2 precisions, seeds)``.
        precisions: Mean Dice between the masks of the two precisions with the same seed.
        seeds: Dice between the masks of two seeds in float32.
    """

    truth: list[list[float]]
    precisions: float
    seeds: float


def main() -> None:
    """Print the table; with ``--markdown`` write it."""
    given = sets_parser(__doc__).parse_args()
    facts = machine()
    lines = [
        "<!-- written by benchmarks/precision.py -->",
        "",
        "# Does bfloat16 cost quality?",
        "",
        f"Mean Dice under `automatic` with the network's clusters, {len(SEEDS)} seeds; the difference is paired over",
        "images, with its standard error. *Same mask*: mean Dice between the masks of the two precisions, and, to",
        "tell what that means, between those of two seeds in float32.",
        "",
        f"`python -m benchmarks.precision --data DATA` ({facts['processor']}, {facts['cores']} cores)",
        "",
        "| set | preset | cases | float32 | bfloat16 | difference | same mask: precisions | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with one_core_each() as pool:
        for name in given.sets:
            cases = discover(given.data, [name]).cases
            for preset in ("general", PRESET_OF_SET[name]):
                found = list(pool.map(run, [(case, preset) for case in cases]))
                exact, rounded = np.array([one.truth for one in found]).mean(axis=2).T
                change = rounded - exact
                error = change.std(ddof=1) / np.sqrt(len(change))
                lines.append(
                    f"| {name} | {preset} | {len(cases)} | {exact.mean():.3f} | {rounded.mean():.3f} | "
                    f"{change.mean():+.3f} ± {error:.3f} | {np.mean([one.precisions for one in found]):.3f} | "
                    f"{np.mean([one.seeds for one in found]):.3f} |"
                )
                print(lines[-1], flush=True)
    if given.markdown:
        given.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(job: tuple[BenchmarkCase, str]) -> Scores:
    """Segment one case in each precision with each seed."""
    case, preset = job
    truth, _ = read_truth(case.truth)
    image = read_image(case.image)
    config = Config.from_preset(preset).replace(cluster={"method": "network"})
    masks = [
        [segment(image, config.replace(random_state=seed, fit={"precision": precision})).mask for seed in SEEDS]
        for precision in PRECISIONS
    ]
    return Scores(
        truth=[[dice(mask, truth) for mask in row] for row in masks],
        precisions=float(np.mean([dice(one, other) for one, other in zip(*masks, strict=True)])),
        seeds=float(np.mean([dice(one, other) for one, other in itertools.combinations(masks[0], 2)])),
    )


if __name__ == "__main__":
    main()
