"""The mask's way from where it was chosen to its final outline on the detail grid: the steps in their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import RefineSettings
from msformer.image import Mask
from msformer.morphology import closed_each, dice, hull_of_each
from msformer.refine.boundary import refine_boundary
from msformer.refine.cells import grow_cells
from msformer.refine.wall import hull_at_wall


def refine_mask(
    mask: Mask,
    appearance: NDArray[np.float32],
    valid: Mask,
    settings: RefineSettings,
    *,
    blue_stain: NDArray[np.float32] | None = None,
    midline: int | None = None,
) -> Mask:
    """Move the border, grow cells, drop crumbs, close gaps, take hulls: what the settings ask for.

    Where the outline of that has too little in common with the mask (``keeps``), the mask stays as it was.

    Args:
        mask: ``(h, w)``.
        appearance: ``(h, w)``, the values that tell object and surroundings apart.
        valid: ``(h, w)``, what counts.
        settings: Which steps, and how.
        blue_stain: ``(h, w)``, for cells.
        midline: Column across which no hull reaches, between two lungs.
    """
    chosen = mask
    if settings.boundary_rounds > 0:
        mask = refine_boundary(mask, appearance, valid, settings, midline=midline)
    if settings.cells and blue_stain is not None:
        mask = grow_cells(mask, blue_stain)
    if settings.min_relative_area > 0:
        mask = drop_crumbs(mask, settings.min_relative_area)
    if settings.wall and midline is not None:
        mask = hull_at_wall(mask, midline) & valid
    if settings.closing > 0:
        mask = closed_each(mask, round(settings.closing * float(np.sqrt(mask.size)))) & valid
    if settings.hull:
        if midline is not None:
            mask = mask & (np.arange(mask.shape[1]) != midline)
        mask = hull_of_each(mask) & valid
    return mask if dice(mask, chosen) >= settings.keeps else chosen


def drop_crumbs(mask: Mask, share: float) -> Mask:
    """Drop components under a share of the typical area, the mean weighted by area: that in which most pixels lie."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    areas = np.bincount(labels.ravel()).astype(np.float64)
    areas[0] = 0
    typical = float((areas**2).sum() / areas.sum())
    return np.asarray((areas >= share * typical)[labels] & mask)
