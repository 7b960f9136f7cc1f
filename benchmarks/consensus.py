"""Several seeds: one alone, the consensus of all, and what a vote of pixels would have given.

    python -m benchmarks.consensus --data ../shared/data --markdown consensus.md

With the clusters of the network, whose seeds differ, and with those of the presets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.common import PRESET_OF_SET, one_core_each, sets_parser
from msformer import Config, segment
from msformer.benchmark.datasets import BenchmarkCase, discover
from msformer.benchmark.task import machine
from msformer.consensus import find_consensus
from msformer.evaluation.files import read_truth
from msformer.io import read_image
from msformer.morphology import dice

RESTARTS = 5


@dataclass(frozen=True)
class Scores:
    """Dice of one case.

    Attributes:
        alone: Mean over the restarts.
        vote: Of the pixels that more than half of the restarts take.
        consensus: Of the restart that ``find_consensus`` takes.
        agreement: Mean Dice of that one with the others.
    """

    alone: float
    vote: float
    consensus: float
    agreement: float


def main() -> None:
    """Print the table; with ``--markdown`` write it."""
    given = sets_parser(__doc__).parse_args()
    facts = machine()
    lines = [
        "<!-- written by benchmarks/consensus.py -->",
        "",
        "# Several seeds",
        "",
        f"Mean (and least) Dice under `automatic` of {RESTARTS} restarts: each alone, a vote of pixels, the consensus",
        "that `--restarts` takes. *As shipped*: the clusters that the preset names.",
        "",
        f"`python -m benchmarks.consensus --data DATA --sets {' '.join(given.sets)}`"
        f" ({facts['processor']}, {facts['cores']} cores)",
        "",
        "| set | clusters | cases | alone | vote | consensus | agreement |",
        "|---|---|---|---|---|---|---|",
    ]
    with one_core_each() as pool:
        for name in given.sets:
            cases = discover(given.data, [name]).cases
            for method in ("network", "as shipped"):
                found = list(pool.map(run, [(case, method) for case in cases]))
                cells = [
                    f"{np.mean(values):.3f} ({min(values):.2f})"
                    for values in (
                        [one.alone for one in found], [one.vote for one in found], [one.consensus for one in found]
                    )
                ]  # fmt: skip
                agreement = np.mean([one.agreement for one in found])
                lines.append(f"| {name} | {method} | {len(cases)} | {' | '.join(cells)} | {agreement:.3f} |")
                print(lines[-1], flush=True)
    if given.markdown:
        given.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(job: tuple[BenchmarkCase, str]) -> Scores:
    """Segment one case with every seed."""
    case, method = job
    config = Config.from_preset(PRESET_OF_SET[case.set_name])
    if method == "network":
        config = config.replace(cluster={"method": "network"})
    truth, _ = read_truth(case.truth)
    image = read_image(case.image)
    results = [
        segment(image, config.replace(random_state=seed, cluster={"n_clusters": config.cluster.n_clusters + seed}))
        for seed in range(RESTARTS)
    ]
    masks = [result.mask for result in results]
    consensus = find_consensus(masks, [result.foreground_score for result in results])
    scores = [dice(mask, truth) for mask in masks]
    vote = np.mean(masks, axis=0) > 0.5
    return Scores(
        alone=float(np.mean(scores)),
        vote=dice(vote, truth),
        consensus=scores[consensus.chosen],
        agreement=consensus.agreement,
    )


if __name__ == "__main__":
    main()
