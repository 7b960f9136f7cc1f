"""How a mask is scored against the ground truth: overlap by counting, distances between outlines by SciPy.

With P and G the sets of pixels (voxels) of ``mask_pred`` and ``mask_gt`` on a grid of N pixels:

- Dice 2 |P∩G| / (|P| + |G|); IoU |P∩G| / |P∪G|; sensitivity |P∩G| / |G|; specificity (N − |P∪G|) / (N − |G|);
- HM error 1 − IoU; XOR error (|P∪G| − |P∩G|) / |G|, as released: it can exceed 1;
- HD95, ASSD and surface Dice with the outlines and distances of ``monai.metrics`` (read in 1.6.1; tests hold that the
  distances are the same to the last bit, in float32). An outline is the pixels of a mask with at least one of their
  4 (2-D) or 6 (3-D) neighbours outside it; beyond the grid counts as outside. A distance is the Euclidean one from an
  outline pixel to the nearest pixel of the other outline, between centres. HD95 is the larger of the two directed 95th
  percentiles (linear interpolation), not the percentile of both together; ASSD is the mean over both sets of distances
  together; surface Dice is the share of both sets that is ≤ the tolerance, each outline pixel counted once, not by its
  length or area as DeepMind's ``surface-distance`` does. Unit: mm where ``spacing_mm`` is given, otherwise px. Other
  libraries differ here, so name the library beside it.

What is returned where a mask is empty or full; nan says that the metric is undefined, and no warning is given:

=============================  ====  ===  ===========  ===========  ==  ===  ==========  ============
case                           Dice  IoU  sensitivity  specificity  HM  XOR  HD95, ASSD  surface Dice
=============================  ====  ===  ===========  ===========  ==  ===  ==========  ============
both empty                     1     1    nan          1            0   0    0           1
only the prediction is empty   0     0    0            1            1   1    diagonal    0
only the ground truth is       0     0    nan          (N−|P|) / N  1   nan  diagonal    0
the ground truth fills all     –     –    –            nan          –   –    –           –
=============================  ====  ===  ===========  ===========  ==  ===  ==========  ============

A dash: as defined above. The diagonal is that of the whole grid, √Σ (side · spacing)², more than any two outlines can
be apart. MONAI gives nan there, which drops a missed object from the mean and so rewards the method that misses it
(MONAI issue 9095); an infinite value would make the mean useless.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from msformer.errors import ConfigError, ImageError
from msformer.evaluation.protocols import Protocol, Selection, require_masks
from msformer.image import Mask

OVERLAP_METRICS = ("dice", "iou", "sensitivity", "specificity", "hm_error", "xor_error")
SURFACE_METRICS = ("hausdorff95", "assd", "surface_dice")
METRICS = OVERLAP_METRICS + SURFACE_METRICS
"""Names of the metrics in ``Scores``."""
LOWER_IS_BETTER = frozenset({"hm_error", "xor_error", "hausdorff95", "assd"})
"""Those of them that are 0 for a perfect mask; the others are 1."""


@dataclass(frozen=True)
class Scores:
    """All metrics of one case under one protocol.

    Attributes:
        protocol: How the scored mask came about.
        dice: In [0, 1].
        iou: In [0, 1].
        sensitivity: In [0, 1]; nan without a ground truth object.
        specificity: In [0, 1]; nan where the ground truth fills the grid.
        hm_error: 1 − IoU, in [0, 1].
        xor_error: As released, ≥ 0; nan where only the ground truth is empty.
        hausdorff95: HD95 in ``unit``.
        assd: Average symmetric surface distance in ``unit``.
        surface_dice: At ``tolerance``, in [0, 1].
        tolerance: Of the surface Dice, in ``unit``.
        unit: Of distances: "mm" where the spacing was given, otherwise "px".
    """

    protocol: Protocol
    dice: float
    iou: float
    sensitivity: float
    specificity: float
    hm_error: float
    xor_error: float
    hausdorff95: float
    assd: float
    surface_dice: float
    tolerance: float
    unit: Literal["mm", "px"]

    def to_record(self) -> dict[str, str | float]:
        """The scores as one row of a table; names of distances end in their unit, so that units never mix."""
        record = dict(vars(self))
        unit = record.pop("unit")
        return {
            f"{name}_{unit}" if name in ("hausdorff95", "assd", "tolerance") else name: value
            for name, value in record.items()
        }


def score_masks(
    *,
    mask_pred: Mask,
    mask_gt: Mask,
    spacing_mm: tuple[float, ...] | None = None,
    tolerance_mm: float = 2.0,
    tolerance_px: float = 2.0,
    protocol: Protocol = "automatic",
) -> Scores:
    """Score a mask against the ground truth.

    Args:
        mask_pred: Boolean, ``(H, W)`` or ``(D, H, W)``.
        mask_gt: Boolean, of the same shape.
        spacing_mm: Size of a pixel along each axis, in the order of the axes; distances are then in mm.
        tolerance_mm: Tolerance of the surface Dice where the spacing is given.
        tolerance_px: Tolerance of the surface Dice where it is not.
        protocol: How ``mask_pred`` came about; "automatic" is right only if no ground truth was involved.

    Raises:
        ImageShapeError: The shapes differ, or have not two or three axes.
        ImageError: A mask is not boolean, or the spacing is not one positive number an axis.
        ConfigError: The tolerance is negative or not finite.
    """
    require_masks(mask_pred=mask_pred, mask_gt=mask_gt)
    if spacing_mm is not None and not (
        len(spacing_mm) == mask_gt.ndim and all(math.isfinite(side) and side > 0 for side in spacing_mm)
    ):
        raise ImageError(f"spacing_mm must be {mask_gt.ndim} positive numbers, one an axis; got {spacing_mm}")
    unit: Literal["mm", "px"] = "px" if spacing_mm is None else "mm"
    tolerance = tolerance_px if spacing_mm is None else tolerance_mm
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ConfigError(f"tolerance_{unit} must be finite and at least 0; got {tolerance}")
    spacing = (1.0,) * mask_gt.ndim if spacing_mm is None else tuple(float(side) for side in spacing_mm)

    pred, truth = int(np.count_nonzero(mask_pred)), int(np.count_nonzero(mask_gt))
    both = int(np.count_nonzero(mask_pred & mask_gt))
    either = pred + truth - both
    iou = both / either if either else 1.0
    if pred and truth:
        hausdorff95, assd, surface_dice = _surface_scores(mask_pred, mask_gt, spacing, tolerance)
    elif either:
        sides = [count * side for count, side in zip(mask_gt.shape, spacing, strict=True)]
        hausdorff95, assd, surface_dice = math.hypot(*sides), math.hypot(*sides), 0.0
    else:
        hausdorff95, assd, surface_dice = 0.0, 0.0, 1.0
    return Scores(
        protocol=protocol,
        dice=2 * both / (pred + truth) if either else 1.0,
        iou=iou,
        sensitivity=both / truth if truth else math.nan,
        specificity=(mask_gt.size - either) / (mask_gt.size - truth) if truth < mask_gt.size else math.nan,
        hm_error=(either - both) / either if either else 0.0,
        xor_error=(either - both) / truth if truth else (math.nan if pred else 0.0),
        hausdorff95=hausdorff95,
        assd=assd,
        surface_dice=surface_dice,
        tolerance=float(tolerance),
        unit=unit,
    )


def score_selection(
    selection: Selection,
    *,
    mask_gt: Mask,
    spacing_mm: tuple[float, ...] | None = None,
    tolerance_mm: float = 2.0,
    tolerance_px: float = 2.0,
) -> Scores:
    """Score what a protocol gave; the scores carry its name. Arguments and errors are those of ``score_masks``."""
    return score_masks(
        mask_pred=selection.mask,
        mask_gt=mask_gt,
        spacing_mm=spacing_mm,
        tolerance_mm=tolerance_mm,
        tolerance_px=tolerance_px,
        protocol=selection.protocol,
    )


def _surface_scores(
    mask_pred: Mask, mask_gt: Mask, spacing: tuple[float, ...], tolerance: float
) -> tuple[float, float, float]:
    """HD95, ASSD and surface Dice of two masks that are not empty: distances once, then three numbers of them."""
    box = ndimage.find_objects((mask_pred | mask_gt).view(np.uint8))[0]  # beyond it there is no outline
    pred, truth = (np.argwhere(_outline(mask[box])) * np.array(spacing) for mask in (mask_pred, mask_gt))
    to_truth, to_pred = _nearest(pred, truth), _nearest(truth, pred)
    both = np.concatenate([to_truth, to_pred])
    hausdorff95 = max(np.percentile(to_truth, 95), np.percentile(to_pred, 95))
    return float(hausdorff95), float(both.mean()), float((both <= np.float32(tolerance)).mean())


def _outline(mask: Mask) -> Mask:
    """Pixels of a mask with a neighbour outside of it; beyond the grid is outside."""
    inner: Mask = ndimage.binary_erosion(mask)
    return mask & ~inner


def _nearest(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each of ``(n, axes)`` points to the nearest of others; of a tree, since outlines are thin.

    As single precision has it, so that .3 is .3 and not more where it came of a root: what is as far as the tolerance
    is within it.
    """
    distances = spatial.KDTree(others, leafsize=32).query(points)[0]
    return np.asarray(distances, dtype=np.float32).astype(np.float64)
