"""Hair → skin: thin dark lines are found by their shape and painted over from both sides."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask

ELEMENT = 9
"""Diameter in px of the closing: hairs are thinner than this at 193 px, lesions are not."""
DEPTH = 16 / 255
"""How much darker than its surroundings a hair is at least."""
GRAIN = 4
"""The same in units of the picture's grain, the lower quartile of the closing's depth: noise makes no hair."""
MIN_LENGTH = 0.12
"""Smallest diagonal of a hair's bounding box, as a share of the image's side: dots and globules are shorter."""
MAX_FILL = 0.12
"""Largest area of a hair as a share of its squared diagonal: streaks of a lesion's rim fill more.

A mesh that reaches across the whole picture may fill any share: many hairs that cross are one component whose diagonal
grows no further, and a lesion's pigment network seldom reaches that far."""
PAINT_RADIUS = 3


def remove_hair(scaled: NDArray[np.float32]) -> tuple[NDArray[np.float32], Mask]:
    """Paint over hair.

    Found as in DullRazor (Lee et al. 1997) by a morphological closing, here kept only where the shape is a hair's;
    filled by fast marching (Telea 2004).

    Args:
        scaled: ``(h, w, C)`` in [0, 1], at about 193² px, for which the constants are.

    Returns:
        The image without hair, and where the hair was.
    """
    grey = np.rint(scaled.mean(axis=2) * 255).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (ELEMENT, ELEMENT))
    depth = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, ellipse))
    hair = _hair_shaped(depth > max(DEPTH * 255, GRAIN * float(np.percentile(depth, 25))))
    if not hair.any():
        return scaled, hair
    hair = ndimage.binary_dilation(hair, np.ones((3, 3), dtype=bool))
    painted = [
        cv2.inpaint(np.rint(plane * 255).astype(np.uint8), hair.astype(np.uint8), PAINT_RADIUS, cv2.INPAINT_TELEA)
        for plane in np.moveaxis(scaled, 2, 0)
    ]
    filled = np.stack(painted, axis=2).astype(np.float32) / np.float32(255)
    return np.where(hair[:, :, None], filled, scaled), hair


def _hair_shaped(thin: Mask) -> Mask:
    components, count = ndimage.label(thin, np.ones((3, 3), dtype=bool))
    side = float(np.sqrt(thin.size))
    areas = np.bincount(components.ravel(), minlength=count + 1)
    kept = np.zeros(count + 1, dtype=bool)
    for name, box in enumerate(ndimage.find_objects(components), start=1):
        squared = sum(float(part.stop - part.start) ** 2 for part in box)
        slender = areas[name] < MAX_FILL * squared or squared > side**2
        kept[name] = squared > (MIN_LENGTH * side) ** 2 and slender
    return np.asarray(kept[components])
