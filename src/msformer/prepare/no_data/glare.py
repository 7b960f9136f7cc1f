"""Specular spots: mirror images of the lamp on what is wet, in photographs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.prepare.no_data.common import SAMPLED, has_colour, nothing, to_bytes, widened

WHITE = 217
"""Least grey value of the darkest channel: the mirror image of a lamp is white, whatever colour is below."""
OVER_MEDIAN = 64
"""By how many grey values brighter than the median of the picture it is: pale ground of a slide is no glare."""
STEP = 31
"""By how many grey values it falls within ``RING`` px: mirrors are sharp, light that is scattered back is not."""
RING = 4
ALL_SHARP = 0.9
"""Least share of a spot from which it falls so."""
MAX_SPOT = 0.003
"""Largest spot, as a share of the picture: an optic disc is larger."""
MAX_ALL = 0.05
"""Where more than this share would be glare, it is what the picture is of."""


def find_glare(scaled: NDArray[np.float32]) -> Mask:
    """Where lamps mirror, ``(h, w)``, of a picture ``(h, w, C)`` in [0, 1]; nowhere in grey pictures."""
    picture = to_bytes(scaled)
    if not has_colour(picture):
        return nothing(scaled)
    white = np.minimum(np.minimum(picture[:, :, 0], picture[:, :, 1]), picture[:, :, 2])
    bright = white > max(WHITE, float(np.median(white[::SAMPLED, ::SAMPLED])) + OVER_MEDIAN)
    count, components, stats, _ = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
    area = stats[:, cv2.CC_STAT_AREA]
    is_small = area <= max(MAX_SPOT * white.size, 2)
    is_small[0] = False
    if not is_small.any():
        return nothing(scaled)
    darkest = cv2.blur(cv2.erode(white, np.ones((2 * RING + 1, 2 * RING + 1), np.uint8)), (RING, RING))
    falls = cv2.subtract(white, np.asarray(darkest)) > STEP
    is_sharp = np.bincount(components[falls], minlength=count) >= ALL_SHARP * area
    spots = np.asarray((is_small & is_sharp)[components])
    return widened(spots) if spots.mean() <= MAX_ALL else nothing(scaled)
