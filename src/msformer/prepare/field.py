"""Which part of the picture shows anything: inside a round aperture, beside no air, inside a body."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from msformer.image import Mask

DARK = 0.42
"""Brightness below which a corner is outside of the aperture, as a share of the picture's own bright level."""
AIR = 0.30
"""The same for air beside a body, which lets the whole beam through."""
BEYOND = 0.70
"""Only what is further from the centre than this share of the half diagonal can be outside of the aperture."""
BESIDE = 0.5
"""Air can also be what is further from the middle column than this share of half the width: between an arm and the
trunk it comes nearer to the centre than a vignette does, while above the shoulders an apex of a lung is as near."""
AIR_STEP = 0.3
"""A rim is air and not fat if the step inwards from it is at least this share of the first one, from the outside to
the disc: from air to tissue it is half of it, from fat to muscle about a tenth."""
MIN_BODY = 0.05
"""A body covers at least this share of the picture."""


def aperture_field(scaled: NDArray[np.float32]) -> Mask:
    """Everything but the dark corners that a round aperture leaves.

    Corners are dark, far from the centre, and connected to a corner of the picture; a dark lesion at the frame is
    not, as it rarely reaches a corner from beyond that distance.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
    """
    far = radius(*scaled.shape[:2]) > BEYOND
    return _without_dark(scaled, DARK, far, [0, 0, -1, -1], [0, -1, 0, -1])


def air_field(scaled: NDArray[np.float32]) -> Mask:
    """Everything but the dark air beside a body, which is connected to the frame somewhere.

    As for an aperture, but along the whole frame, and nearer to the centre at the sides, where arms leave it; air in
    a radiograph is darker than a vignette.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
    """
    height, width = scaled.shape[:2]
    rows = np.r_[np.zeros(width), np.full(width, height - 1), np.arange(height), np.arange(height)].astype(np.intp)
    columns = np.r_[np.arange(width), np.arange(width), np.zeros(height), np.full(height, width - 1)].astype(np.intp)
    middle = (width - 1) / 2
    beside = np.abs(np.arange(width) - middle) > BESIDE * middle
    return _without_dark(scaled, AIR, (radius(height, width) > BEYOND) | beside, rows, columns)


def _without_dark(scaled: NDArray[np.float32], share: float, where: Mask, rows: ArrayLike, columns: ArrayLike) -> Mask:
    """Everything but what is dark, lies where it can be outside, and is connected to one of some pixels."""
    height, width = scaled.shape[:2]
    side = float(np.sqrt(height * width))
    brightest = cv2.GaussianBlur(scaled.max(axis=2), (0, 0), side / 100)
    dark = (brightest < share * np.percentile(brightest, 95)) & where
    components, _ = ndimage.label(dark)
    outer = set(np.unique(components[rows, columns])) - {0}
    if not outer:
        return np.ones((height, width), dtype=bool)
    outside = np.isin(components, list(outer))
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
    body, level = _largest_bright(grey, everything)
    step = _step(grey, everything, level)
    width = max(round(float(np.sqrt(grey.size)) / 60), 1)
    rim = body & ~ndimage.binary_erosion(body, iterations=width, border_value=1)  # the frame is no rim
    if rim.any():
        within, level = _largest_bright(grey, body)
        is_air = (grey[rim] <= level).mean() > 0.5 and _step(grey, body, level) > AIR_STEP * step
        if is_air and within.mean() >= MIN_BODY:
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


def _step(grey: NDArray[np.uint8], field: Mask, level: float) -> float:
    """Difference of the means above and below a level, 0 where one side is empty."""
    above, below = grey[field & (grey > level)], grey[field & (grey <= level)]
    return float(above.mean() - below.mean()) if len(above) and len(below) else 0.0


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
