"""What is fitted to which image, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from msformer.benchmark.datasets import BenchmarkCase, discover
from msformer.config import Config, Precision

SHOWN_SIDE = 257
"""Larger images are squashed to this side before anything else, and scored there, as the released evaluation does."""
Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class SetPlan:
    """How one set of images is measured.

    Attributes:
        preset: The paper's settings for it.
        side: Side in px of the square that methods work on; None keeps an image as small as it is.
        has_precision_page: Whether ``docs/precision.md`` has measured bfloat16 on it.
        a_round: Images in a round: more where they are cheap.
        published: Column of ``published.TABLE_1`` that belongs to it, None where the paper has no such set.
    """

    preset: Literal["paper", "paper-lung"]
    side: int | None
    has_precision_page: bool
    a_round: int = 1
    published: Literal["PH2", "lung CT"] | None = None

    @property
    def clusters(self) -> int:
        """The paper's number of clusters."""
        count = Config.from_preset(self.preset).cluster.merge_to
        return 2 if count is None else count


SETS = {
    "dermoscopy_ph2": SetPlan("paper", 257, has_precision_page=True, published="PH2"),
    "lung_ct_kaggle64": SetPlan("paper-lung", None, has_precision_page=False, a_round=2, published="lung CT"),
    "lung_ct_konya": SetPlan("paper-lung", 257, has_precision_page=True),
    "lung_ct_lungsegdb": SetPlan("paper-lung", 257, has_precision_page=True),
}


@dataclass(frozen=True)
class Method:
    """One way to cluster, as the tables call it.

    Attributes:
        title: In the tables.
        baseline: Name in the registry, ``{k}`` for the number of clusters; None for the method itself.
        changes: Settings over the preset's.
        sets: Only for these; all where empty.
        side: Side in px of the square to work on, where it is not the set's.
    """

    title: str
    baseline: str | None = None
    changes: Changes = field(default_factory=dict)
    sets: tuple[str, ...] = ()
    side: int | None = None


def _weights(cluster: float, inter: float, intra: float) -> Changes:
    return {"fit": {"loss_weights": {"cluster": cluster, "inter_scale": inter, "intra_scale": intra}}}


EVERYTHING = "everything"
OURS = "msformer"
TABLE_1 = {
    EVERYTHING: Method("all of the image"),
    "kmeans": Method("k-means", "kmeans-{k}"),
    "deepcluster": Method("DeepCluster", "deepcluster-{k}"),
    "iic": Method("IIC", "iic-{k}"),
    "sgscn": Method("SGSCN", "sgscn"),
    "dfc": Method("DFC", "dfc"),
    OURS: Method("MS-Former"),
}
WITHOUT_INTRA, WITHOUT_INTER = ({"fit": {"loss_weights": {name: 0.0}}} for name in ("intra_scale", "inter_scale"))
TABLE_2 = {
    "cross-entropy": Method(
        "cross-entropy alone", changes={"fit": {"loss_weights": {"inter_scale": 0.0, "intra_scale": 0.0}}}
    ),
    "with-intra": Method("with intra", changes=WITHOUT_INTER),
    "with-inter": Method("with inter", changes=WITHOUT_INTRA),
    OURS: TABLE_1[OURS],
}
LUNGS = tuple(name for name, plan in SETS.items() if plan.preset == "paper-lung")
SKIN = tuple(name for name, plan in SETS.items() if plan.preset == "paper")
SWITCHES = {
    "shift-1": Method("shift of 1 px, as released", changes={"network": {"affinity_shift": 1}}),
    "weights-scored": Method("losses 1 : 1.5 : 1.3, the released scored cell's", changes=_weights(1.0, 1.5, 1.3)),
    "weights-demo": Method("losses 1 : 2 : 1.2, those for skin", changes=_weights(1.0, 2.0, 1.2), sets=LUNGS),
    "weights-appendix": Method("losses 1 : 5 : 1.2, the appendix'", changes=_weights(1.0, 5.0, 1.2)),
    "small": Method("129 × 129, half the released size", sets=SKIN, side=129),
}
SWITCHED = ("dermoscopy_ph2", "lung_ct_kaggle64")
"""Sets on which one thing at a time is switched."""
TABLES = TABLE_1 | TABLE_2
METHODS = TABLES | SWITCHES


@dataclass(frozen=True)
class Job:
    """One fit.

    Attributes:
        case: Image and truth.
        method: Name in ``METHODS``.
        seed: Of the fit.
        precision: Of the method itself; others are as they are.
    """

    case: BenchmarkCase
    method: str
    seed: int
    precision: Precision

    @property
    def name(self) -> str:
        """Tells it from all others of a run."""
        return f"{self.case.set_name}/{self.case.name}/{self.method}/{self.seed}/{self.precision}"


def jobs_of(
    data: Path, sets: Sequence[str], *, limit: int | None, switched: int, seeds: Sequence[int], precision: Precision
) -> list[Job]:
    """All fits in the order in which they are made: round by round, so that sets and methods stay alike in number.

    Args:
        data: Folder of ``<set>/{images,masks}``.
        sets: Of ``SETS``.
        limit: Rounds, at most; a round is one image of each set, or more where they are cheap.
        switched: Images a set on which one thing at a time is switched; one a round, after its tables.
        seeds: All images with the first come before any with the second.
        precision: Of the sets that ``docs/precision.md`` has measured; others are float32.

    Raises:
        ConfigError: A set is not there.
    """
    queues = {name: _shuffled(discover(data, [name]).cases) for name in sets}
    rounds = max(-(-len(cases) // SETS[name].a_round) for name, cases in queues.items())
    jobs: list[Job] = []

    def add(cases: Sequence[BenchmarkCase], methods: Mapping[str, Method], seed: int) -> None:
        for case in cases:
            exact: Precision = precision if SETS[case.set_name].has_precision_page else "float32"
            jobs.extend(
                Job(case, name, seed, exact)
                for name, method in methods.items()
                if not method.sets or case.set_name in method.sets
            )

    for seed in seeds:
        for index in range(rounds if limit is None else min(limit, rounds)):
            for name, cases in queues.items():
                count = SETS[name].a_round
                add(cases[index * count : (index + 1) * count], TABLES, seed)
            if index < switched:
                for name in sorted(set(SWITCHED) & set(queues)):
                    add(queues[name][index : index + 1], SWITCHES, seed)
    return jobs


def _shuffled(cases: Sequence[BenchmarkCase]) -> list[BenchmarkCase]:
    """In an order that says nothing, always the same: however few are measured, they are a fair draw."""
    return [cases[place] for place in np.random.default_rng(0).permutation(len(cases))]
