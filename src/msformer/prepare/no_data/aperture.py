"""A round or many-sided field with nothing around it: eyepieces, endoscopes, cameras of the eye, sectors, rotations."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.prepare.no_data.common import SAMPLED, Bytes, is_flat, nothing, to_bytes, tolerance, widened

OPENED = 1 / 40
"""Width of the opening that parts words beside the field from it, as a share of the side."""
SPAN = 0.85
"""The field fills height or width to this share: whoever pads a field crops it first; a body on air has room."""
MIN_FIELD = 0.35
"""Smallest field, as a share of the picture: lone cells on dark ground are smaller."""
RIM = 0.03
"""Width of the rim of the field's convex hull that is looked at, as a share of the side."""
RIM_SHOWN = 0.75
"""Share of that rim which shows anything: a field is convex and sharp, scattered cells and shadows are not."""
MIN_OUTSIDE = 0.004
"""Less than this share of the picture in all is no aperture but corners that happen to be dark."""
ALIKE_OUTSIDE = 0.85
"""Share of what lies outside that is of the ground's value: the rest are words."""


def find_aperture(scaled: NDArray[np.float32], border: Mask | None = None) -> Mask:
    """Where nothing is shown around a field, ``(h, w)``.

    What is of the value of a corner, connected to it, and flatter than anything that was seen, is ground; the convex
    hull of the rest is the field, if its rim is a sharp edge. Nothing inside of the hull is ever taken, so that what is
    dark in the picture stays in.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
        border: ``(h, w)``, padding that is known already.
    """
    picture = to_bytes(scaled)
    border = nothing(picture) if border is None else border
    ground = _ground(picture, border)
    content = ~border
    if (ground & content).mean() < MIN_OUTSIDE:
        return nothing(picture)
    side = float(np.sqrt(ground.size))
    width = max(round(OPENED * side), 3)
    shown = np.pad((content & ~ground).astype(np.uint8), width, mode="edge")  # the frame is no edge
    opened = cv2.morphologyEx(shown, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))[width:-width, width:-width]
    count, components, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return nothing(picture)
    largest = (components == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    points = cv2.findNonZero(largest)
    hull = cv2.fillConvexPoly(np.zeros_like(largest), cv2.convexHull(points), 1)
    if not _is_field(hull > 0, largest > 0, content, round(RIM * side)):
        return nothing(picture)
    outside = content & (hull == 0)
    if outside.mean() < MIN_OUTSIDE or ground[outside].mean() < ALIKE_OUTSIDE:
        return nothing(picture)
    ground_pixels = picture[outside & ground]
    if not is_flat(ground_pixels.reshape(len(ground_pixels), -1)[::SAMPLED]):
        return nothing(picture)
    if is_flat(picture[hull > 0].reshape(int(np.count_nonzero(hull)), -1)[::SAMPLED]):
        return nothing(picture)
    return np.asarray(content & widened(outside))


def _ground(picture: Bytes, border: Mask) -> Mask:
    """What is of the value of a corner of the content and connected to it."""
    rows, columns = np.flatnonzero((~border).any(axis=1)), np.flatnonzero((~border).any(axis=0))
    if len(rows) == 0:
        return nothing(picture)
    most = (tolerance(picture),) * 3
    found = np.zeros((picture.shape[0] + 2, picture.shape[1] + 2), np.uint8)  # with the frame that OpenCV asks for
    how = 8 | (1 << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    for row in (int(rows[0]), int(rows[-1])):
        for column in (int(columns[0]), int(columns[-1])):
            if not found[row + 1, column + 1]:
                cv2.floodFill(picture, found, (column, row), 0, most, most, how)
    return np.asarray(found[1:-1, 1:-1] > 0)


def _is_field(hull: Mask, shown: Mask, content: Mask, width: int) -> bool:
    if hull.mean() < MIN_FIELD:
        return False
    height_span, width_span = (hull.any(axis=axis).sum() / max(content.any(axis=axis).sum(), 1) for axis in (1, 0))
    if max(height_span, width_span) < SPAN:
        return False
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    eroded = cv2.erode((hull | ~content).astype(np.uint8), square, borderValue=1)  # frame and padding are no rim
    rim = hull & content & (eroded == 0)
    return bool(rim.any() and shown[rim].mean() >= RIM_SHOWN)
