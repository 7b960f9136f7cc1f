"""Pairs of files → scores of every case under every protocol that fits it. Failure is data: no case stops another."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from msformer.errors import ConfigError, ImageShapeError, MSFormerError
from msformer.evaluation.files import read_instances, read_truth, select
from msformer.evaluation.instances import InstanceScores, match_instances
from msformer.evaluation.metrics import Scores, score_selection
from msformer.evaluation.pairing import Case, Remark
from msformer.evaluation.protocols import PROTOCOLS, Protocol, Selection
from msformer.image import Mask

logger = logging.getLogger(__name__)

MANY_VALUES = "the ground truth has more than two values; everything but 0 is the object"
FULL_TRUTH = "the ground truth fills the whole image; everything but 0 is the object"
EMPTY_TRUTH = "the ground truth is empty"
TAKEN_FOR_LABELS = (
    "files that hold more than 0 and one other value were taken for label maps; "
    "--as masks takes everything but 0 for the object"
)
NO_CHANNELS = "not scored under 'released', which needs the raw channel numbers of a report.json of msformer segment"
ONE_OBJECT = "the instance map of the {side} holds one number, 255: is it a mask?"
MIXED = "some files were taken for masks and others for label maps, by their values; --as says what all of them are"


@dataclass(frozen=True)
class ScoreSettings:
    """How masks are scored.

    Attributes:
        spacing_mm: Size of a pixel (row, column) in mm; None scores distances in px.
        tolerance: Of the surface Dice, in mm where the spacing is given, otherwise in px.

    Raises:
        ConfigError: A number is negative or not finite, or a side of a pixel is 0.
    """

    spacing_mm: tuple[float, float] | None = None
    tolerance: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ConfigError(f"tolerance must be finite and at least 0; got {self.tolerance}")
        if self.spacing_mm is not None and not all(math.isfinite(side) and side > 0 for side in self.spacing_mm):
            raise ConfigError(f"spacing_mm must be two positive numbers (row, column); got {self.spacing_mm}")

    @property
    def unit(self) -> str:
        """Unit of distances and of the tolerance."""
        return "px" if self.spacing_mm is None else "mm"


@dataclass(frozen=True)
class Row:
    """One case under one protocol.

    Attributes:
        case_id: Name of the case.
        scores: All metrics, with the protocol's name.
        shape: Height and width in px.
        pred_px: Pixels of the scored mask.
        gt_px: Pixels of the ground truth.
        clusters: Labels that the mask was made of; raw channels under ``released``, empty under ``automatic``.
    """

    case_id: str
    scores: Scores
    shape: tuple[int, ...]
    pred_px: int
    gt_px: int
    clusters: tuple[int, ...]


@dataclass(frozen=True)
class ObjectRow:
    """The objects of one case, one by one.

    Attributes:
        case_id: Name of the case.
        scores: F1, AJI, PQ and counts.
        shape: Height and width in px.
    """

    case_id: str
    scores: InstanceScores
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Scored:
    """What came of all cases.

    Attributes:
        objects: Case by case, where instance maps were compared.
        rows: Case by case, protocols in the order of ``PROTOCOLS``.
        failures: What could not be scored, and why.
        remarks: What is worth telling and no failure.
    """

    rows: list[Row] = field(default_factory=list)
    failures: list[Remark] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    objects: list[ObjectRow] = field(default_factory=list)

    def by_protocol(self) -> dict[Protocol, list[Row]]:
        """Rows of each protocol that was used."""
        tables = {name: [row for row in self.rows if row.scores.protocol == name] for name in PROTOCOLS}
        return {name: rows for name, rows in tables.items() if rows}


def score_cases(cases: Sequence[Case], settings: ScoreSettings) -> Scored:
    """Score every case under every protocol that fits its files.

    Masks are scored under ``automatic``; label maps under ``oracle-cluster`` and ``oracle-components``, and under
    ``released`` where the raw channels are known; instance maps object by object. A file that cannot be read or is of
    another size becomes a failure.

    Args:
        cases: From ``pairing.pair``.
        settings: Spacing and tolerance.
    """
    result = Scored()
    for case in cases:
        if case.instances is not None:
            try:
                row, remarks = _score_objects(case.case_id, *case.instances)
                result.objects.append(row)
                result.remarks.extend(Remark(case.case_id, text) for text in remarks)
            except Exception as error:
                result.failures.append(_failure(case, error))
        if not case.predictions:
            continue
        try:
            mask_gt, n_values = read_truth(case.truth)
        except Exception as error:
            result.failures.append(_failure(case, error))
            continue
        result.remarks.extend(Remark(case.case_id, text) for text in _about_truth(mask_gt, n_values))
        for prediction in case.predictions:
            try:
                selections = select(prediction, mask_gt)
                rows = [_score(case, selection, mask_gt, settings) for selection in selections]
            except Exception as error:
                result.failures.append(_failure(case, error))
                continue
            result.rows.extend(rows)
            if rows[0].scores.protocol == "automatic":
                continue
            if prediction.kind == "auto":
                result.remarks.append(Remark(case.case_id, TAKEN_FOR_LABELS))
            if prediction.channels is None:
                result.remarks.append(Remark(case.case_id, NO_CHANNELS))
    guessed = {case.case_id for case in cases if any(given.kind == "auto" for given in case.predictions)}
    if len({row.scores.protocol == "automatic" for row in result.rows if row.case_id in guessed}) > 1:
        result.remarks.append(Remark("", MIXED))
    return result


def _score_objects(case_id: str, pred: Path, truth: Path) -> tuple[ObjectRow, list[str]]:
    """Compare two instance maps; the scores, and what is worth telling."""
    instances_pred, instances_gt = read_instances(pred), read_instances(truth)
    if instances_pred.shape != instances_gt.shape:
        raise ImageShapeError(
            f"{pred}: must have the size of the ground truth, nothing is ever resized; got "
            f"{instances_pred.shape}, ground truth {instances_gt.shape}"
        )
    match = match_instances(instances_pred=instances_pred, instances_gt=instances_gt)
    sides = {"prediction": (match.n_pred, instances_pred), "ground truth": (match.n_gt, instances_gt)}
    remarks = [ONE_OBJECT.format(side=side) for side, (count, one) in sides.items() if count == 1 and one.max() == 255]
    return ObjectRow(case_id, match.scores(), instances_gt.shape), remarks


def _about_truth(mask_gt: Mask, n_values: int) -> list[str]:
    remarks = {MANY_VALUES: n_values > 2, FULL_TRUTH: mask_gt.all(), EMPTY_TRUTH: not mask_gt.any()}
    return [text for text, applies in remarks.items() if applies]


def _score(case: Case, selection: Selection, mask_gt: Mask, settings: ScoreSettings) -> Row:
    scores = score_selection(
        selection,
        mask_gt=mask_gt,
        spacing_mm=settings.spacing_mm,
        tolerance_mm=settings.tolerance,
        tolerance_px=settings.tolerance,
    )
    counts = int(np.count_nonzero(selection.mask)), int(np.count_nonzero(mask_gt))
    return Row(case.case_id, scores, mask_gt.shape, *counts, selection.clusters)


def _failure(case: Case, error: Exception) -> Remark:
    if not isinstance(error, MSFormerError | OSError | MemoryError):
        logger.error("%s: unexpected error", case.case_id, exc_info=error)
    return Remark(case.case_id, f"{type(error).__name__}: {error}")
