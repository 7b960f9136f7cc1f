"""A pair of lungs in a radiograph: which part of their border lies against the chest's wall, and what that means.

A ray that grazes the lung at the wall crosses hardly any of it, under ribs seen along their length: the light falls off
slowly, and the lung ends at the foot of that slope. The diaphragm is met edge-on, and the lung ends half way. The wall
is convex; diaphragm and heart bulge into the lungs, so that a whole hull would take them in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.morphology import hull_of_each

GRAZED = 0.05
"""Level of the border where it lies against the wall: the foot of the slope, over the noise."""
EDGE_ON = 0.5
"""Level of the lower border: a sharp edge that is blurred lies half way."""


def beside_wall(mask: Mask, midline: int) -> Mask:
    """Where only the wall can be: on each side of the midline, beyond the mask in its row, or above all of it."""
    beyond = np.zeros_like(mask)
    for inwards in (np.arange(midline), np.arange(mask.shape[1] - 1, midline - 1, -1)):
        side = mask[:, inwards]
        beyond[:, inwards] = ~np.logical_or.accumulate(side, axis=1)
        rows = np.flatnonzero(side.any(axis=1))
        if len(rows) > 0:
            beyond[rows[-1] + 1 :, inwards] = False
    return beyond


def wall_levels(mask: Mask, midline: int, level: float) -> NDArray[np.float32]:
    """The level of the nearest border for each pixel ``(h, w)``.

    Args:
        mask: ``(h, w)``, neither empty nor everything.
        midline: Column between the lungs.
        level: Level of the borders that are neither wall nor base: those towards the heart.
    """
    # Of a pixel of the mask the nearest one inside is itself, and the other way round.
    outside = ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
    inside = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    down = outside[0] - inside[0]
    across = np.abs(outside[1] - inside[1])
    levels = np.where(beside_wall(mask, midline)[tuple(outside)], GRAZED, level)
    return np.where(down > across, EDGE_ON, levels).astype(np.float32)


def hull_at_wall(mask: Mask, midline: int) -> Mask:
    """The mask, parted at the midline, and what the hull of each component adds beside the wall."""
    parted = mask & (np.arange(mask.shape[1]) != midline)
    return np.asarray(parted | (hull_of_each(parted) & beside_wall(parted, midline)))
