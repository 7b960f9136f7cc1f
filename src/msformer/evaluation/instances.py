"""Objects one by one against those of a ground truth: F1 at an IoU, AJI and panoptic quality.

With P the objects that were found and G the true ones, and a pair *matched* where its IoU is over a threshold of at
least .5, so that no object can have two partners (Kirillov et al. 2019) and no assignment has to be solved:

- F1 = 2 TP / (|P| + |G|), TP the matched pairs: the average precision of the Data Science Bowl counts the same pairs;
- PQ = SQ · RQ at IoU > .5: SQ the mean IoU of the matched pairs, RQ their F1 (Kirillov et al., CVPR 2019);
- AJI = Σ |g ∩ p(g)| / (Σ |g ∪ p(g)| + Σ |p without any g|) over all g, p(g) the object of the largest IoU with g, the
  lowest label of equal ones; one object may serve several g; g that meets nothing adds its area below (Kumar et al.,
  IEEE TMI 2017, algorithm 1).

What is returned where there are no objects; nan says that a number is undefined, and no warning is given:

===============================  ===  ===  ==  ===  ===
case                             F1   AJI  PQ  RQ   SQ
===============================  ===  ===  ==  ===  ===
no object in either              1    1    1   1    nan
no object in one of them         0    0    0   0    nan
objects in both, none matched    0    –    0   0    nan
===============================  ===  ===  ==  ===  ===

A dash: as defined above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from msformer.errors import ConfigError, ImageError, ImageShapeError

MATCHED = 0.5
"""IoU over which a pair is matched: the lowest at which no object can have two partners."""
INSTANCE_METRICS = ("f1", "aji", "pq", "sq", "rq")
"""Names of the metrics in ``InstanceScores``."""


@dataclass(frozen=True)
class PanopticQuality:
    """Panoptic quality and its parts.

    Attributes:
        pq: SQ · RQ, in [0, 1].
        sq: Mean IoU of the matched pairs, in (.5, 1]; nan without one.
        rq: F1 of the matched pairs, in [0, 1].
    """

    pq: float
    sq: float
    rq: float


@dataclass(frozen=True)
class InstanceMatch:
    """How the objects of two label maps overlap.

    Attributes:
        areas_pred: ``(P,)``, area in px of each object that was found, by label.
        areas_gt: ``(G,)``, of each true one.
        shared: ``(P, G)``, sparse: pixels in common.
        iou: ``(P, G)``, sparse: intersection over union; 0 is not stored.
    """

    areas_pred: NDArray[np.int64]
    areas_gt: NDArray[np.int64]
    shared: Any
    iou: Any

    @property
    def n_pred(self) -> int:
        """Number of objects that were found."""
        return len(self.areas_pred)

    @property
    def n_gt(self) -> int:
        """Number of true objects."""
        return len(self.areas_gt)

    def matched(self, iou: float = MATCHED) -> NDArray[np.float64]:
        """IoU of each pair whose IoU is over ``iou``.

        Raises:
            ConfigError: ``iou`` is not in [.5, 1): below, an object could have two partners.
        """
        if not MATCHED <= iou < 1:
            raise ConfigError(f"iou must be at least {MATCHED} and under 1; got {iou}")
        values = np.asarray(self.iou.data, dtype=np.float64)
        return np.asarray(values[values > iou])

    def f1_at(self, iou: float = MATCHED) -> float:
        """F1 of the pairs whose IoU is over ``iou``; see ``matched`` for its limits."""
        total = self.n_pred + self.n_gt
        return 2 * len(self.matched(iou)) / total if total else 1.0

    def pq(self) -> PanopticQuality:
        """Panoptic quality."""
        matched, rq = self.matched(), self.f1_at()
        if len(matched) == 0:
            return PanopticQuality(rq, math.nan, rq)  # 1 where there is no object at all, else 0
        sq = float(matched.mean())
        return PanopticQuality(sq * rq, sq, rq)

    def aji(self) -> float:
        """Aggregated Jaccard Index."""
        if self.n_pred == 0 or self.n_gt == 0:
            return float(self.n_pred == self.n_gt)
        # scipy's argmax reads an empty column as row 0, whose 0 px in common say so.
        best = np.asarray(self.iou.argmax(axis=0)).ravel()
        common = np.asarray(self.shared[best, np.arange(self.n_gt)]).ravel()
        is_met = common > 0
        union = self.areas_gt + np.where(is_met, self.areas_pred[best] - common, 0)
        unused = np.ones(self.n_pred, dtype=bool)
        unused[best[is_met]] = False
        return float(common.sum() / (union.sum() + self.areas_pred[unused].sum()))

    def scores(self) -> InstanceScores:
        """All numbers of one case."""
        quality, matched = self.pq(), self.matched()
        return InstanceScores(
            f1=self.f1_at(),
            aji=self.aji(),
            pq=quality.pq,
            sq=quality.sq,
            rq=quality.rq,
            n_pred=self.n_pred,
            n_gt=self.n_gt,
            n_matched=len(matched),
        )


@dataclass(frozen=True)
class InstanceScores:
    """One case, all at IoU > .5.

    Attributes:
        f1: In [0, 1].
        aji: In [0, 1].
        pq: In [0, 1].
        sq: In (.5, 1]; nan where no pair is matched.
        rq: In [0, 1]; the same number as ``f1``.
        n_pred: Objects that were found.
        n_gt: True objects.
        n_matched: Matched pairs.
    """

    f1: float
    aji: float
    pq: float
    sq: float
    rq: float
    n_pred: int
    n_gt: int
    n_matched: int

    def to_record(self) -> dict[str, float | int]:
        """The scores as one row of a table."""
        return dict(vars(self))


def match_instances(*, instances_pred: NDArray[np.integer], instances_gt: NDArray[np.integer]) -> InstanceMatch:
    """Count how the objects of two label maps overlap.

    Args:
        instances_pred: Integers ``(H, W)`` or ``(D, H, W)``; 0 is the ground, every other value an object, in one
            piece or several; numbers may have gaps.
        instances_gt: The same, of the same shape.

    Raises:
        ImageError: A map does not hold integers from 0 up.
        ImageShapeError: The shapes differ, or have not two or three axes; nothing is ever resized.
    """
    for name, one in (("instances_pred", instances_pred), ("instances_gt", instances_gt)):
        if one.dtype.kind not in "bui":
            raise ImageError(f"{name} must hold integers; got dtype {one.dtype}")
        if one.ndim not in (2, 3) or one.size == 0:
            raise ImageShapeError(f"{name} must have shape (H, W) or (D, H, W), no side 0; got {one.shape}")
        if one.dtype.kind == "i" and (lowest := int(one.min())) < 0:
            raise ImageError(f"{name} must hold integers from 0 up; got {lowest}")
    if instances_pred.shape != instances_gt.shape:
        raise ImageShapeError(
            f"both maps must have one shape, they are never resized; got instances_pred {instances_pred.shape}, "
            f"instances_gt {instances_gt.shape}"
        )
    seen = (instances_pred != 0) | (instances_gt != 0)
    names_pred, pred = np.unique(np.append(instances_pred[seen], 0).astype(np.int64), return_inverse=True)
    names_gt, truth = np.unique(np.append(instances_gt[seen], 0).astype(np.int64), return_inverse=True)
    ones = np.ones(len(pred), dtype=np.int64)
    # Pixels by pair; the row and the column of the ground are areas without a partner.
    table = sparse.csr_matrix((ones, (pred, truth)), shape=(len(names_pred), len(names_gt)))
    areas_pred = np.asarray(table.sum(axis=1)).ravel()[1:]
    areas_gt = np.asarray(table.sum(axis=0)).ravel()[1:]
    shared = table[1:, 1:].tocsr()
    pairs = shared.tocoo()
    iou = pairs.data / (areas_pred[pairs.row] + areas_gt[pairs.col] - pairs.data)
    return InstanceMatch(
        areas_pred, areas_gt, shared, sparse.csr_matrix((iou, (pairs.row, pairs.col)), shape=shared.shape)
    )


def pooled(scores: Sequence[InstanceScores]) -> dict[str, float]:
    """F1, PQ, SQ and RQ of all objects of all cases together, so that a case counts as much as it has objects."""
    total = sum(one.n_pred + one.n_gt for one in scores)
    n_matched = sum(one.n_matched for one in scores)
    rq = 2 * n_matched / total if total else 1.0
    sq = sum(one.sq * one.n_matched for one in scores if one.n_matched) / n_matched if n_matched else math.nan
    return {"f1": rq, "pq": sq * rq if n_matched else rq, "sq": sq, "rq": rq}
