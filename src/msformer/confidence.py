"""How far a mask can be trusted: an estimate of its Dice from the image and the mask alone.

Four pieces of evidence go through one logistic function, in which more of any of them never lowers the result.
Its constants were fitted on phantoms, scenes without an object among them, and on no real image;
``docs/confidence.md`` has the command that fits them again and what it gives on real images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.foreground import otsu_fraction
from msformer.image import Mask
from msformer.morphology import dice
from msformer.prepare import View
from msformer.refine import enlarge

BAND_WIDTH = 0.05
"""Width of the two bands along the border that are compared, as a share of the image's side."""
BAND_FEWEST = 3
"""Least width of a band in px; a band of fewer pixels than this gives way to all of its side."""
FRAME_WIDTH = 2
"""Width in px of the image's frame."""
CONTRAST_LIMITS = (3.0, 30.0)
"""Grey levels (of 255) between which contrast counts. Less is what noise alone gives; more says nothing more."""

FREE_LEAST = 0.7
"""Less of the frame being free does not count: an object that fills the picture may cover any share of it."""


@dataclass(frozen=True)
class Calibration:
    """Constants of the estimate: the offset of the logistic function and the weight of each evidence, none negative.

    Attributes:
        offset: Log-odds of a mask that keeps its outline, leaves the frame free and has full contrast, but whose
            border separates nothing.
        separation: For separation from 0 to 1.
        contrast: For each e-fold of contrast within ``CONTRAST_LIMITS``.
        kept: For the overlap before and after refinement from 0 to 1.
        free: For the free share of the frame from 0 to 1, of which only the part above ``FREE_LEAST`` counts.
    """

    offset: float
    separation: float
    contrast: float
    kept: float
    free: float


CALIBRATION = Calibration(offset=0.54, separation=3.83, contrast=2.55, kept=8.89, free=5.75)
"""Fitted on phantoms by ``python -m benchmarks.confidence``, which says whether these are still the ones it finds."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for a mask.

    Attributes:
        separation: Share in [0, 1] of the variance of appearance in two bands along the border, one inside and one
            outside, that the border explains: contrast in units of the spread beside it, d²/(4 + d²) for bands alike
            in size and spread.
        contrast: Difference of the mean brightness of mask and rest, in grey levels of 255. 8-bit images count as
            they are; those of other types are first stretched to their own range, so noise alone may reach far.
        kept: Dice of the mask before and after its refinement, in [0, 1]: where the border runs far from where the
            clusters had it, one of the two is wrong. 1 where there is nothing to compare.
        free: Share of the image's frame, ``FRAME_WIDTH`` px wide, that the mask leaves free.
        agreement: Mean Dice with the masks of other seeds, in [0, 1]; 1 for a single seed.
    """

    separation: float
    contrast: float
    kept: float
    free: float
    agreement: float = 1.0

    @classmethod
    def of(cls, mask: Mask, start: Mask | None, view: View, agreement: float = 1.0) -> Evidence:
        """Gather it on the detail grid, in a few ms. A mask of nothing or of the whole field has none.

        Args:
            mask: ``(h, w)``, the object in its final outline.
            start: The object before refinement, on any grid; None where refinement was to take another object,
                as the cell around a nucleus, and the two are not comparable.
            view: What the image is like, ``(h, w)``.
            agreement: Of the seeds.
        """
        inside = mask & view.valid
        rest = view.valid & ~mask
        if not inside.any() or not rest.any():
            return cls(separation=0.0, contrast=0.0, kept=0.0, free=0.0, agreement=agreement)
        brightness = view.brightness
        contrast = 255 * abs(float(brightness[inside].mean()) - float(brightness[rest].mean()))
        return cls(
            separation=_separation(inside, rest, view.appearance),
            contrast=contrast,
            kept=1.0 if start is None else dice(enlarge(start, view.shape), mask),
            free=_free_share(mask),
            agreement=agreement,
        )

    @property
    def terms(self) -> tuple[float, float, float, float]:
        """What the weights of a calibration multiply, in the order of its fields: all rise with their evidence."""
        low, high = CONTRAST_LIMITS
        contrast = math.log(min(max(self.contrast, low), high) / high)
        return self.separation, contrast, self.kept - 1, max(self.free, FREE_LEAST) - 1


def estimate_confidence(evidence: Evidence, calibration: Calibration = CALIBRATION) -> float:
    """Estimate the Dice of a mask, in [0, 1]; seeds that disagree lower it in proportion.

    Examples:
        >>> clear = Evidence(separation=0.8, contrast=60, kept=0.97, free=1.0)
        >>> noise = Evidence(separation=0.3, contrast=8, kept=0.85, free=0.8)
        >>> round(estimate_confidence(clear), 1), round(estimate_confidence(noise), 1)
        (1.0, 0.0)
    """
    weights = (calibration.separation, calibration.contrast, calibration.kept, calibration.free)
    odds = calibration.offset + sum(weight * term for weight, term in zip(weights, evidence.terms, strict=True))
    return evidence.agreement * (1 + math.tanh(odds / 2)) / 2


def _separation(inside: Mask, rest: Mask, appearance: NDArray[np.float32]) -> float:
    width = max(BAND_FEWEST, BAND_WIDTH * math.sqrt(inside.size))
    bands = []
    for part, other in ((inside, rest), (rest, inside)):
        # The frame is no border: behind it the object may go on, and so may its surroundings.
        away = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 3)
        near = part & (away <= width)
        bands.append(appearance[near if np.count_nonzero(near) >= BAND_FEWEST else part])
    is_inside = np.repeat([True, False], [len(band) for band in bands])
    return otsu_fraction(is_inside, np.concatenate(bands))


def _free_share(mask: Mask) -> float:
    frame = np.ones(mask.shape, dtype=bool)
    frame[FRAME_WIDTH:-FRAME_WIDTH, FRAME_WIDTH:-FRAME_WIDTH] = False
    return 1 - float(mask[frame].mean())
