from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.errors import ConfigError, ImageError, ImageShapeError
from msformer.evaluation.instances import InstanceScores, PanopticQuality, match_instances, pooled

Numbers = NDArray[np.int64]


def line(*runs: tuple[int, int]) -> Numbers:
    """One row of pixels from runs of label and length."""
    return np.array([[label for label, length in runs for _ in range(length)]], dtype=np.int64)


# Truth: three objects of 10, 10 and 5 px.
TRUTH = line((1, 10), (0, 5), (2, 10), (0, 5), (3, 5), (0, 5))
# Found: 8 of the first (IoU .8); the second in halves of 5 px (IoU .5 each, which is not over .5); 2 of the third and
# 3 beside it (IoU 2 / 8); and 2 px of nothing.
FOUND = line((7, 8), (0, 7), (2, 5), (9, 5), (0, 8), (4, 5), (0, 0), (5, 2))


def test_a_case_worked_out_by_hand() -> None:
    match = match_instances(instances_pred=FOUND, instances_gt=TRUTH)
    assert (match.n_pred, match.n_gt) == (5, 3)
    assert sorted(match.iou.data) == pytest.approx([0.25, 0.5, 0.5, 0.8])
    assert match.f1_at() == 2 * 1 / (5 + 3)
    assert match.f1_at(0.8) == 0  # over, not at
    assert match.pq() == PanopticQuality(0.8 * 0.25, 0.8, 0.25)
    # AJI: common 8 + 5 + 2; unions 10 + 10 + 8; without a partner: the other half, 5 px, and 2 px.
    assert match.aji() == pytest.approx(15 / (28 + 7))


def test_one_object_over_two_true_ones_serves_both_in_the_aji_as_its_authors_have_it() -> None:
    match = match_instances(instances_pred=line((1, 10), (0, 2)), instances_gt=line((1, 6), (2, 4), (0, 2)))
    # IoU .6 and .4; common 6 + 4, unions 10 + 10.
    assert match.aji() == 10 / 20
    assert match.f1_at() == 2 * 1 / 3
    assert match.pq().pq == pytest.approx(0.6 * 2 / 3)


def test_a_true_object_that_nothing_meets_counts_with_its_area() -> None:
    match = match_instances(instances_pred=line((1, 4), (0, 6)), instances_gt=line((1, 4), (0, 2), (2, 4)))
    assert match.aji() == 4 / (4 + 4)


def test_names_do_not_matter() -> None:
    renamed = np.array([0, 0, 900, 0, 4, 17, 0, 3, 0, 70_000])[FOUND]
    one, other = (match_instances(instances_pred=found, instances_gt=TRUTH).scores() for found in (FOUND, renamed))
    assert one == other


def test_the_same_map_is_perfect() -> None:
    scores = match_instances(instances_pred=TRUTH, instances_gt=TRUTH).scores()
    assert scores == InstanceScores(f1=1, aji=1, pq=1, sq=1, rq=1, n_pred=3, n_gt=3, n_matched=3)


NOTHING = np.zeros_like(TRUTH)


@pytest.mark.parametrize(
    ("found", "truth", "score"), [(NOTHING, NOTHING, 1.0), (TRUTH, NOTHING, 0.0), (NOTHING, TRUTH, 0.0)]
)
def test_without_objects(found: Numbers, truth: Numbers, score: float) -> None:
    scores = match_instances(instances_pred=found, instances_gt=truth).scores()
    assert (scores.f1, scores.aji, scores.pq, scores.rq) == (score, score, score, score)
    assert math.isnan(scores.sq)


def test_objects_that_do_not_match_have_no_segmentation_quality() -> None:
    scores = match_instances(instances_pred=line((1, 2), (0, 8)), instances_gt=line((0, 1), (1, 9))).scores()
    assert (scores.f1, scores.pq, scores.rq, scores.n_matched) == (0, 0, 0, 0)
    assert math.isnan(scores.sq)
    assert scores.aji == 1 / 10


def test_volumes_too() -> None:
    truth = np.zeros((2, 3, 4), dtype=np.uint8)
    truth[:, 0] = 1
    assert match_instances(instances_pred=truth, instances_gt=truth).f1_at() == 1


def test_pooled_counts_objects_and_not_cases() -> None:
    one = match_instances(instances_pred=TRUTH, instances_gt=TRUTH).scores()  # 3 of 3, IoU 1
    other = match_instances(instances_pred=FOUND, instances_gt=TRUTH).scores()  # 1 of 5 and 3, IoU .8
    nothing = match_instances(instances_pred=NOTHING, instances_gt=NOTHING).scores()
    together = pooled([one, other, nothing])
    assert together["f1"] == together["rq"] == 2 * 4 / (6 + 8)
    assert together["sq"] == pytest.approx(3.8 / 4)
    assert together["pq"] == pytest.approx(3.8 / 4 * 8 / 14)
    assert pooled([nothing])["pq"] == 1
    assert math.isnan(pooled([nothing])["sq"])


def test_what_is_no_map_of_objects_is_refused() -> None:
    with pytest.raises(ImageError, match=r"instances_pred must hold integers; got dtype float64"):
        match_instances(instances_pred=TRUTH.astype(np.float64), instances_gt=TRUTH)
    with pytest.raises(ImageError, match=r"instances_gt must hold integers from 0 up; got -3"):
        match_instances(instances_pred=TRUTH, instances_gt=-TRUTH)
    with pytest.raises(ImageShapeError, match=r"\(1, 40\), instances_gt \(1, 39\)"):
        match_instances(instances_pred=TRUTH, instances_gt=TRUTH[:, 1:])
    with pytest.raises(ImageShapeError, match=r"instances_pred must have shape"):
        match_instances(instances_pred=TRUTH[0], instances_gt=TRUTH)
    match = match_instances(instances_pred=TRUTH, instances_gt=TRUTH)
    with pytest.raises(ConfigError, match=r"iou must be at least 0.5 and under 1; got 0.4"):
        match.f1_at(0.4)
