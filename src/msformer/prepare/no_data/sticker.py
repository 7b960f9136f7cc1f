"""Coloured stickers at the frame: large, flat, vivid, and of a colour that is nowhere else in the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.prepare.no_data.common import has_colour, nothing, to_bytes

SIDE = 128
"""Side in px of the grid that is looked at: stickers are large, and hair on them is gone."""
CHROMA = 25.0
"""Least chroma in Lab of blue, green and violet."""
FLESH_CHROMA = 50.0
"""The same from red to yellow, where skin, flesh, fat and blood are."""
FLESH = (-20.0, 85.0)
"""Those hues, in degrees of Lab's a and b."""
FOREIGN = 24.0
"""Least distance from the picture's median colour in Lab's a and b: lesions are darker skin, hardly another hue."""
LIGHT = 0.6
"""Least lightness, as a share of the picture's median: stickers throw light back, stained nuclei swallow it."""
SAME = 14.0
"""Colours in Lab's a and b that are closer are the same."""
MOST_COLOURS = 3
PRINTED = 0.8
"""Least share of one that is of its few colours: prints are flat, wounds and tissue are not."""
MIN_AREA = 0.008
"""Smallest one, as a share of the picture."""
SOLID = 0.85
"""Least share of its convex hull, with the parts of a print of several colours: discs and rectangles."""
ONLY_HERE = 0.75
"""Share of the pixels of that colour that lie in stickers: foreign to the rest of the picture."""


def find_stickers(scaled: NDArray[np.float32], outside: Mask | None = None) -> Mask:
    """Where coloured stickers are, ``(h, w)``; nowhere in grey pictures.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
        outside: ``(h, w)``, padding that is known already and counts as frame.
    """
    picture = to_bytes(scaled)
    if not has_colour(picture):
        return nothing(scaled)
    height, width = scaled.shape[:2]
    scale = min(SIDE / float(np.sqrt(height * width)), 1.0)
    size = max(round(width * scale), 8), max(round(height * scale), 8)
    small = cv2.medianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 3)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), dtype=np.float32)
    valid = np.ones(lab.shape[:2], dtype=bool)
    if outside is not None:
        valid = cv2.resize(outside.astype(np.float32), size, interpolation=cv2.INTER_AREA) < 0.01
    if not valid.any():
        return nothing(scaled)
    typical = np.median(lab[valid], axis=0)
    chroma, distance = np.hypot(lab[..., 1], lab[..., 2]), np.hypot(*np.moveaxis(lab[..., 1:] - typical[1:], 2, 0))
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    vivid = chroma > np.where((hue > FLESH[0]) & (hue < FLESH[1]), FLESH_CHROMA, CHROMA)
    foreign = valid & vivid & (distance > FOREIGN) & (lab[..., 0] > LIGHT * typical[0])
    stickers = _patches(foreign, lab, valid)
    if not stickers.any():
        return nothing(scaled)
    # Its blended rim, half a px of this grid and of the median filter.
    stickers = ndimage.binary_dilation(stickers, np.ones((3, 3), dtype=bool))
    large = cv2.resize(stickers.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large > 0.5)


def _patches(foreign: Mask, lab: NDArray[np.float32], valid: Mask) -> Mask:
    """Of what is foreign, the patches at the frame that are stickers."""
    opened = ndimage.binary_opening(np.pad(foreign, 2, mode="edge"), np.ones((3, 3), dtype=bool))[2:-2, 2:-2]
    components, count = ndimage.label(opened)
    frame = ~ndimage.binary_erosion(valid)  # of the picture, or beside padding
    kept = np.zeros_like(foreign)
    colours = []
    for name in range(1, count + 1):
        patch = components == name
        if patch.mean() < MIN_AREA or not (patch & frame).any():
            continue
        points = cv2.findNonZero(patch.astype(np.uint8))
        hull = cv2.fillConvexPoly(np.zeros(patch.shape, np.uint8), cv2.convexHull(points), 1) > 0
        found = _printed(lab[patch][:, 1:])
        if found is not None and patch.sum() >= SOLID * hull.sum():
            kept |= hull
            colours.extend(found)
    for colour in colours:
        same = valid & (np.hypot(lab[..., 1] - colour[0], lab[..., 2] - colour[1]) < SAME)
        if (same & kept).sum() < ONLY_HERE * same.sum():  # whatever has it is no sticker
            names, _ = ndimage.label(kept)
            kept &= ~np.isin(names, np.unique(names[same & kept]))
    return kept


def _printed(colours: NDArray[np.float32]) -> list[NDArray[np.float32]] | None:
    """The few colours that most of some pixels, ``(n, 2)`` of Lab's a and b, have; None where they are no print."""
    rest = colours
    found: list[NDArray[np.float32]] = []
    while len(rest) > (1 - PRINTED) * len(colours):
        if len(found) == MOST_COLOURS:
            return None
        bins = np.floor(rest / SAME).astype(np.intp)
        _, inverse, counts = np.unique(bins, axis=0, return_inverse=True, return_counts=True)
        colour = np.median(rest[inverse.ravel() == counts.argmax()], axis=0)
        found.append(colour)
        rest = rest[np.hypot(*(rest - colour).T) >= SAME]
    return found
