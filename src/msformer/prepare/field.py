"""Which part of the picture shows anything: inside a round aperture, inside a body."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask

DARK = 0.42
"""Brightness below which a corner is outside of the aperture, as a share of the picture's own bright level."""
BEYOND = 0.70
"""Only what is further from the centre than this share of the half diagonal can be outside of the aperture."""
MIN_BODY = 0.05
"""A body covers at least this share of the picture."""


def aperture_field(scaled: NDArray[np.float32]) -> Mask:
    """Everything but the dark corners that a round aperture leaves.

    Corners are dark, far from the centre, and connected to a corner of the picture; a dark lesion at the frame is
    not, as it rarely reaches a corner from beyond that distance.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
    """
    height, width = scaled.shape[:2]
    side = float(np.sqrt(height * width))
    brightest = cv2.GaussianBlur(scaled.max(axis=2), (0, 0), side / 100)
    dark = (brightest < DARK * np.percentile(brightest, 95)) & (radius(height, width) > BEYOND)
    components, _ = ndimage.label(dark)
    corners = set(np.unique(components[[0, 0, -1, -1], [0, -1, 0, -1]])) - {0}
    if not corners:
        return np.ones((height, width), dtype=bool)
    outside = np.isin(components, list(corners))
    return np.asarray(~ndimage.binary_dilation(outside, iterations=max(round(side / 60), 1)))


def body_field(scaled: NDArray[np.float32]) -> Mask:
    """The largest bright thing with its holes filled, as the body stands in a CT slice on dark air.

    The threshold is Otsu's; where nothing large enough stands out, the whole picture is the field. Where scanners write
    something darker than air outside of a round field of view, that disc is the largest bright thing; its rim is air
    then, which a second threshold inside of it tells, and the body is what is bright there.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
    """
    grey = np.rint(scaled.mean(axis=2) * 255).astype(np.uint8)
    everything = np.ones(grey.shape, dtype=bool)
    body, _ = _largest_bright(grey, everything)
    width = max(round(float(np.sqrt(grey.size)) / 60), 1)
    rim = body & ~ndimage.binary_erosion(body, iterations=width, border_value=1)  # the frame is no rim
    if rim.any():
        within, level = _largest_bright(grey, body)
        if (grey[rim] <= level).mean() > 0.5 and within.mean() >= MIN_BODY:
            body = within
    return body if body.mean() >= MIN_BODY else everything


def radius(height: int, width: int) -> NDArray[np.float32]:
    """Distance of each pixel from the centre, ``(h, w)``, as a share of the half diagonal."""
    rows, columns = np.mgrid[:height, :width]
    centre_row, centre_column = (height - 1) / 2, (width - 1) / 2
    distance = np.hypot(rows - centre_row, columns - centre_column) / np.hypot(centre_row, centre_column)
    return np.asarray(distance, dtype=np.float32)


def _largest_bright(grey: NDArray[np.uint8], field: Mask) -> tuple[Mask, float]:
    """The largest component above Otsu's threshold of what is in ``field``, filled, and that threshold."""
    level, _ = cv2.threshold(grey[field][:, None], 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    bright = ((grey > level) & field).astype(np.uint8)
    # OpenCV's opening takes what lies behind the frame for bright too: SciPy's would cut the corners off.
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    components, count = ndimage.label(np.asarray(opened))
    if count == 0:
        return np.zeros(grey.shape, dtype=bool), level
    areas = np.bincount(components.ravel())
    areas[0] = 0
    return _fill_behind_frame(components == areas.argmax()), level


def _fill_behind_frame(body: Mask) -> Mask:
    """Fill holes, also those that the frame of the picture cuts open on one side.

    A body that is cut by the frame would leave its lungs open to it; each side is closed in turn, never two at once.
    """
    filled = ndimage.binary_fill_holes(body)
    for side in range(4):
        turned = np.rot90(filled, side)
        span = np.flatnonzero(turned[0])
        if len(span) == 0:
            continue
        closed = np.pad(turned, ((1, 0), (0, 0)))
        closed[0, span[0] : span[-1] + 1] = True
        filled = np.rot90(ndimage.binary_fill_holes(closed)[1:], -side)
    return np.ascontiguousarray(filled)
