"""Metrics against hand counts, against scipy and SimpleITK, and in every case where a mask is empty."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import recall_score

from msformer.errors import ConfigError, ImageError, ImageShapeError
from msformer.evaluation.metrics import LOWER_IS_BETTER, METRICS, Scores, score_masks

Mask = NDArray[np.bool_]


def picture(*rows: str) -> Mask:
    return np.array([[letter == "#" for letter in row] for row in rows])


def blobs(shape: tuple[int, ...], seed: int, share: float = 0.3) -> Mask:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return np.asarray(smooth > np.quantile(smooth, 1 - share))


class TestByHand:
    PRED = picture(".......", ".###...", ".###...", ".......", ".......")
    TRUTH = picture(".......", "..###..", "..###..", "..###..", ".......")

    def test_overlap(self) -> None:
        scores = score_masks(mask_pred=self.PRED, mask_gt=self.TRUTH)
        # of 35 px: 6 predicted, 9 true, 4 both, 11 either
        assert scores.dice == pytest.approx(8 / 15)
        assert scores.iou == pytest.approx(4 / 11)
        assert scores.sensitivity == pytest.approx(4 / 9)
        assert scores.specificity == pytest.approx(24 / 26)
        assert scores.hm_error == pytest.approx(7 / 11)
        assert scores.xor_error == pytest.approx(7 / 9)

    def test_distances(self) -> None:
        scores = score_masks(mask_pred=self.PRED, mask_gt=self.TRUTH, tolerance_px=0.5)
        # outlines: all 6 predicted px, and the 8 true px around the middle one (row 2, column 3)
        root2 = math.sqrt(2)
        to_truth = [1, 0, 0, 1, 0, 1]  # the last is the middle px, which is no outline of the truth
        to_pred = [0, 0, 1, 0, 1, 1, 1, root2]
        assert scores.assd == pytest.approx(sum(to_truth + to_pred) / 14, abs=1e-6)
        assert scores.surface_dice == pytest.approx(6 / 14)
        # rank .95 · 7 = 6.65 of the 8 sorted true distances lies between 1 and √2; the other direction has 1
        assert scores.hausdorff95 == pytest.approx(1 + 0.65 * (root2 - 1), abs=1e-6)

    def test_distances_in_mm_along_each_axis(self) -> None:
        pred = np.zeros((5, 7), dtype=bool)
        truth = np.zeros((5, 7), dtype=bool)
        pred[1, 2] = truth[3, 5] = True
        scores = score_masks(mask_pred=pred, mask_gt=truth, spacing_mm=(6.0, 3.0), tolerance_mm=15.0)
        assert scores.hausdorff95 == scores.assd == pytest.approx(15.0)  # 2 rows of 6 mm and 3 columns of 3 mm
        assert scores.surface_dice == 1.0  # a distance equal to the tolerance is within it

    def test_the_grid_ends_an_object(self) -> None:
        pred = np.ones((3, 5), dtype=bool)
        truth = np.zeros((3, 5), dtype=bool)
        truth[1, 2] = True
        # the outline of the full mask is its rim of 12 px; 2 px of it are 1 px from the centre
        scores = score_masks(mask_pred=pred, mask_gt=truth, tolerance_px=1.0)
        assert scores.surface_dice == pytest.approx((2 + 1) / (12 + 1))

    def test_as_far_as_the_tolerance_is_within_it_whatever_the_spacing(self) -> None:
        pred, truth = np.zeros((11, 13), dtype=bool), np.zeros((11, 13), dtype=bool)
        pred[5, 2] = truth[5, 5] = True
        for side in (0.1, 0.2, 0.3, 0.6, 0.7, 1.1):  # three columns; a product of these is not what its decimals say
            for tolerance in (3 * side, float(f"{3 * side:.1f}")):
                scores = score_masks(mask_pred=pred, mask_gt=truth, spacing_mm=(1.0, side), tolerance_mm=tolerance)
                assert scores.surface_dice == 1.0, (side, tolerance)
            scores = score_masks(mask_pred=pred, mask_gt=truth, spacing_mm=(1.0, side), tolerance_mm=2.99 * side)
            assert scores.surface_dice == 0.0

    def test_only_the_tolerance_of_the_unit_counts(self) -> None:
        def surface_dice(**settings: Any) -> float:
            return score_masks(mask_pred=self.PRED, mask_gt=self.TRUTH, **settings).surface_dice

        assert surface_dice(tolerance_px=0.5) < surface_dice(tolerance_px=1.0) < surface_dice(tolerance_px=2.0) == 1
        assert surface_dice(tolerance_px=0.5, tolerance_mm=9.0) == pytest.approx(6 / 14)
        spacing = (0.5, 0.5)
        assert surface_dice(tolerance_px=9.0, tolerance_mm=0.25, spacing_mm=spacing) == pytest.approx(6 / 14)


GRIDS: list[tuple[tuple[int, ...], tuple[float, ...] | None]] = [
    ((37, 53), None),
    ((37, 53), (0.7, 0.7)),
    ((37, 53), (0.3, 1.9)),
    ((11, 19, 23), None),
    ((11, 19, 23), (1.3, 1.3, 1.3)),
    ((11, 19, 23), (2.5, 0.8, 0.6)),
]


def directed_by_scipy(
    pred: Mask, truth: Mask, spacing: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances from outline to outline: a px with a neighbour outside is on it, and the grid is surrounded."""

    def outline(mask: Mask) -> Mask:
        padded = np.pad(mask, 1)
        inner = padded.copy()
        for axis in range(mask.ndim):
            inner &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
        return (padded & ~inner)[(slice(1, -1),) * mask.ndim]

    edges = outline(pred), outline(truth)
    fields = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    return fields[1][edges[0]], fields[0][edges[1]]


def directed_by_simpleitk(
    pred: Mask, truth: Mask, spacing: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    edges = []
    for mask in (pred, truth):
        image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
        image.SetSpacing([float(side) for side in spacing[::-1]])  # SimpleITK names the last axis first
        edges.append(sitk.LabelContour(image, fullyConnected=False))
    fields = [
        sitk.GetArrayFromImage(
            sitk.SignedMaurerDistanceMap(edge, squaredDistance=False, useImageSpacing=True, insideIsPositive=False)
        ).clip(min=0)
        for edge in edges
    ]
    on = [sitk.GetArrayFromImage(edge) > 0 for edge in edges]
    return fields[1][on[0]], fields[0][on[1]]


def directed_by_monai(
    pred: Mask, truth: Mask, spacing: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.metrics.utils", reason="MONAI is not installed")
    tensors = [torch.from_numpy(mask.copy()) for mask in (pred, truth)]
    with warnings.catch_warnings():  # MONAI 1.6 warns of an argument that it passes to itself
        warnings.simplefilter("ignore", FutureWarning)
        _, distances, _ = monai.get_edge_surface_distance(*tensors, spacing=list(spacing), symmetric=True)
    return distances[0].numpy().astype(np.float64), distances[1].numpy().astype(np.float64)


class TestAgainstMonai:
    @pytest.mark.parametrize(("shape", "spacing"), GRIDS)
    @pytest.mark.parametrize("steps", [0, 1, 3])
    def test_all_three_are_the_same_to_the_last_bit(
        self, shape: tuple[int, ...], spacing: tuple[float, ...] | None, steps: int
    ) -> None:
        sides = spacing or (1.0,) * len(shape)
        tolerance = steps * sides[-1]  # a distance that occurs: one column, or three
        for seed in range(3):
            pred, truth = blobs(shape, seed), blobs(shape, seed + 10)
            there, back = directed_by_monai(pred, truth, sides)
            scores = score_masks(
                mask_pred=pred, mask_gt=truth, spacing_mm=spacing, tolerance_mm=tolerance, tolerance_px=tolerance
            )
            both = np.concatenate([there, back])
            assert scores.hausdorff95 == max(np.percentile(there, 95), np.percentile(back, 95))
            assert scores.assd == both.mean()
            assert scores.surface_dice == (both.astype(np.float32) <= np.float32(tolerance)).mean()

    @pytest.mark.parametrize(("shape", "spacing"), GRIDS)
    def test_its_own_metrics_say_the_same(self, shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> None:
        torch = pytest.importorskip("torch")
        metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
        pred, truth = blobs(shape, 4), blobs(shape, 5)
        tensors = [torch.from_numpy(mask.copy())[None, None] for mask in (pred, truth)]
        tolerance = 2 * (spacing or (1.0,))[-1]
        grid: dict[str, Any] = {"include_background": True, "spacing": spacing}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            hausdorff95 = metrics.compute_hausdorff_distance(*tensors, percentile=95, **grid).item()
            assd = metrics.compute_average_surface_distance(*tensors, symmetric=True, **grid).item()
            surface_dice = metrics.compute_surface_dice(*tensors, class_thresholds=[tolerance], **grid).item()
        scores = score_masks(
            mask_pred=pred, mask_gt=truth, spacing_mm=spacing, tolerance_mm=tolerance, tolerance_px=tolerance
        )
        assert scores.hausdorff95 == pytest.approx(hausdorff95, rel=1e-6)  # its quantile is of single precision
        assert scores.assd == pytest.approx(assd, rel=1e-6)  # and so is its mean
        assert scores.surface_dice == pytest.approx(surface_dice, rel=1e-6)


class TestAgainstASecondLibrary:
    @pytest.mark.parametrize("directed", [directed_by_scipy, directed_by_simpleitk])
    @pytest.mark.parametrize(("shape", "spacing"), GRIDS)
    def test_distances(self, shape: tuple[int, ...], spacing: tuple[float, ...] | None, directed: Any) -> None:
        pred, truth = blobs(shape, 1), blobs(shape, 2)
        sides = spacing or (1.0,) * len(shape)
        there, back = directed(pred, truth, sides)
        tolerance = 1.5 * min(sides) + 0.01  # not a distance that occurs
        scores = score_masks(
            mask_pred=pred, mask_gt=truth, spacing_mm=spacing, tolerance_mm=tolerance, tolerance_px=tolerance
        )
        assert scores.unit == ("px" if spacing is None else "mm")
        expected = max(np.percentile(there, 95), np.percentile(back, 95))
        assert scores.hausdorff95 == pytest.approx(expected, rel=1e-5)
        both = np.concatenate([there, back])
        assert scores.assd == pytest.approx(both.mean(), rel=1e-5)
        assert scores.surface_dice == pytest.approx((both <= tolerance).mean(), rel=1e-5)
        assert 0 < scores.surface_dice < 1

    @pytest.mark.parametrize("shape", [(37, 53), (11, 19, 23)])
    def test_overlap(self, shape: tuple[int, ...]) -> None:
        sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
        pred, truth = blobs(shape, 3), blobs(shape, 4, share=0.2)
        measures = sitk.LabelOverlapMeasuresImageFilter()
        measures.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (pred, truth)))
        scores = score_masks(mask_pred=pred, mask_gt=truth)
        assert scores.dice == pytest.approx(measures.GetDiceCoefficient(1))
        assert scores.iou == pytest.approx(measures.GetJaccardCoefficient(1))
        assert scores.sensitivity == pytest.approx(recall_score(truth.ravel(), pred.ravel()))
        assert scores.specificity == pytest.approx(recall_score(truth.ravel(), pred.ravel(), pos_label=False))
        assert scores.hm_error == pytest.approx(1 - measures.GetJaccardCoefficient(1))
        assert scores.xor_error == pytest.approx((pred ^ truth).sum() / truth.sum())

    @pytest.mark.parametrize(("shape", "spacing"), GRIDS)
    def test_far_from_the_frame_and_at_it_distances_are_the_same(
        self, shape: tuple[int, ...], spacing: tuple[float, ...] | None
    ) -> None:
        pred, truth = blobs(shape, 5), blobs(shape, 6)
        wide = tuple(np.pad(mask, 13) for mask in (pred, truth))
        near = score_masks(mask_pred=pred, mask_gt=truth, spacing_mm=spacing)
        far = score_masks(mask_pred=wide[0], mask_gt=wide[1], spacing_mm=spacing)
        assert (near.hausdorff95, near.assd, near.surface_dice) == (far.hausdorff95, far.assd, far.surface_dice)


NAN = math.nan


class TestEmptyCases:
    """The table in the docstring of the module, on 5 × 7 px and on 3 × 5 × 7 voxels of 2 × 0.5 × 4 mm."""

    @pytest.mark.parametrize(
        ("shape", "spacing", "diagonal"),
        [
            ((5, 7), None, math.sqrt(5**2 + 7**2)),
            ((5, 7), (3.0, 2.0), math.sqrt(15**2 + 14**2)),
            ((3, 5, 7), None, math.sqrt(3**2 + 5**2 + 7**2)),
            ((3, 5, 7), (2.0, 0.5, 4.0), math.sqrt(6**2 + 2.5**2 + 28**2)),
        ],
    )
    def test_table(self, shape: tuple[int, ...], spacing: tuple[float, ...] | None, diagonal: float) -> None:
        empty, full = np.zeros(shape, dtype=bool), np.ones(shape, dtype=bool)
        two = empty.copy()
        two.ravel()[[3, 4]] = True
        size = empty.size
        one = 2 / size
        table = [
            # pred, truth: Dice, IoU, sensitivity, specificity, HM, XOR, HD95, ASSD, surface Dice
            (empty, empty, (1, 1, NAN, 1, 0, 0, 0, 0, 1)),
            (empty, two, (0, 0, 0, 1, 1, 1, diagonal, diagonal, 0)),
            (two, empty, (0, 0, NAN, (size - 2) / size, 1, NAN, diagonal, diagonal, 0)),
            (full, empty, (0, 0, NAN, 0, 1, NAN, diagonal, diagonal, 0)),
            (empty, full, (0, 0, 0, NAN, 1, 1, diagonal, diagonal, 0)),
            (full, full, (1, 1, 1, NAN, 0, 0, 0, 0, 1)),
            (two, two, (1, 1, 1, 1, 0, 0, 0, 0, 1)),
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for pred, truth, expected in table:
                scores = score_masks(mask_pred=pred, mask_gt=truth, spacing_mm=spacing)
                found = [getattr(scores, name) for name in METRICS]
                np.testing.assert_allclose(found, expected, rtol=1e-6)
            partly = score_masks(mask_pred=two, mask_gt=full, spacing_mm=spacing)
        np.testing.assert_allclose(
            [partly.dice, partly.iou, partly.sensitivity, partly.specificity, partly.hm_error, partly.xor_error],
            [2 * 2 / (2 + size), one, one, NAN, 1 - one, 1 - one],
        )

    def test_a_missed_object_is_worse_than_any_found_one(self) -> None:
        empty = np.zeros((5, 7), dtype=bool)
        first, last = empty.copy(), empty.copy()
        first[0, 0] = last[-1, -1] = True
        missed = score_masks(mask_pred=empty, mask_gt=last)
        assert missed.hausdorff95 > score_masks(mask_pred=first, mask_gt=last).hausdorff95


class TestContract:
    def test_every_metric_has_a_direction(self) -> None:
        truth = blobs((23, 29), 7)
        perfect = score_masks(mask_pred=truth, mask_gt=truth)
        poor = score_masks(mask_pred=np.roll(truth, 5, axis=1), mask_gt=truth)
        for name in METRICS:
            better, worse = getattr(perfect, name), getattr(poor, name)
            assert better < worse if name in LOWER_IS_BETTER else better > worse
            assert better == (0 if name in LOWER_IS_BETTER else 1)
        assert {*METRICS, "protocol", "tolerance", "unit"} == {field.name for field in fields(Scores)}

    def test_a_record_names_the_unit_of_each_distance(self) -> None:
        mask = blobs((23, 29), 8)
        in_px = score_masks(mask_pred=mask, mask_gt=mask).to_record()
        in_mm = score_masks(mask_pred=mask, mask_gt=mask, spacing_mm=(0.5, 0.5)).to_record()
        assert set(in_px) - set(in_mm) == {"hausdorff95_px", "assd_px", "tolerance_px"}
        assert set(in_mm) - set(in_px) == {"hausdorff95_mm", "assd_mm", "tolerance_mm"}
        assert in_px["protocol"] == "automatic"

    def test_inputs_stay_as_they_were(self) -> None:
        pred, truth = np.asfortranarray(blobs((23, 29), 9)), blobs((23, 29), 10)
        before = pred.copy(), truth.copy()
        pred.flags.writeable = truth.flags.writeable = False
        score_masks(mask_pred=pred, mask_gt=truth)
        np.testing.assert_array_equal(pred, before[0])
        np.testing.assert_array_equal(truth, before[1])

    def test_what_does_not_fit_is_an_error_that_says_so(self) -> None:
        mask = np.ones((5, 7), dtype=bool)
        with pytest.raises(ImageShapeError, match=r"never resized; got mask_pred \(5, 7\), mask_gt \(7, 5\)"):
            score_masks(mask_pred=mask, mask_gt=mask.T)
        with pytest.raises(ImageShapeError, match=r"mask_pred must have shape .* got \(7,\)"):
            score_masks(mask_pred=mask[0], mask_gt=mask[0])
        with pytest.raises(ImageError, match="mask_gt must be boolean; got dtype uint8"):
            score_masks(mask_pred=mask, mask_gt=mask.astype(np.uint8) * 255)  # type: ignore[arg-type]
        for spacing in [(1.0,), (1.0, 2.0, 3.0), (0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (math.inf, 1.0)]:
            with pytest.raises(ImageError, match="spacing_mm must be 2 positive numbers"):
                score_masks(mask_pred=mask, mask_gt=mask, spacing_mm=spacing)
        with pytest.raises(ConfigError, match="tolerance_px must be finite and at least 0; got -1"):
            score_masks(mask_pred=mask, mask_gt=mask, tolerance_px=-1)
        with pytest.raises(ConfigError, match="tolerance_mm must be finite and at least 0; got inf"):
            score_masks(mask_pred=mask, mask_gt=mask, spacing_mm=(1.0, 1.0), tolerance_mm=math.inf)

    def test_nothing_heavy_is_imported_before_a_distance_is_asked_for(self) -> None:
        code = (
            "import sys, numpy, msformer; before = set(sys.modules)\n"
            "import msformer.evaluation.aggregate, msformer.evaluation.metrics, msformer.evaluation.protocols\n"
            "print({'torch', 'monai', 'torchvision', 'SimpleITK'} & (set(sys.modules) - before))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "set()"
