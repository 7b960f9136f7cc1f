"""A click on one of several things whose size is known from the others."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from msformer.image import Mask
from msformer.prompting.looked import SURE, Answered, Looked, Said, answer, interval

OTHERS = 3
"""So many others show how large one of several is."""
DIAMETERS = 6.0
"""Side of what is looked at around a click, in diameters of the others: it and some of its neighbours."""
MOST = 4.0
"""One of several is at most so many times as large as the others; where nothing like that is seen, a disc of their size
is meant."""
LARGER, SMALLER = 0.5, 0.1
"""Exponents of how much larger or smaller it is: half of a thing is seen often, something twice as large is mostly
another thing."""


def one_of_several(looked: Looked, down: float, right: float, others: Mask) -> Answered:
    """Answer a click on one of several things.

    It is looked at from as near as they are large as well, since what is a few px wide in the whole picture is not seen
    there. Of all answers the one counts that expects most and is about as large as the others. Where these are fewer
    than ``OTHERS``, it is answered as if it were alone.

    Args:
        looked: The picture.
        down: Place of the click, as a share of the height.
        right: The same of the width.
        others: ``(H, W)``, what is there already, on any grid over the whole picture.
    """
    said = Said(((down, right, True),))
    sizes = cv2.connectedComponentsWithStats(others.astype(np.uint8), connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    if len(sizes) < OTHERS:
        return answer(looked, said)
    height, width = looked.valid.shape
    area = float(np.median(sizes)) / others.size * height * width
    side = DIAMETERS * 2 * float(np.sqrt(area / np.pi))
    (top, bottom), (left, end) = interval(down, side / height), interval(right, side / width)
    found = [answer(looked, said)]
    if (top, left, bottom, end) != looked.window:
        near = looked.nearer((top, left, bottom, end))
        found.append(Answered.of(near, near.ask([said])[0]))
    areas = np.array([[max(int(np.count_nonzero(plane > 0)), 1) for plane in one.maps] for one in found])
    likely = np.stack([one.expected for one in found]) * np.where(
        areas > area, (area / areas) ** LARGER, (areas / area) ** SMALLER
    )
    likely[areas > MOST * area] = 0.0
    if not likely.any():
        rows, columns = np.ogrid[:height, :width]
        away = (rows + 0.5 - down * height) ** 2 + (columns + 0.5 - right * width) ** 2
        disc = np.where(away <= area / np.pi, SURE, -SURE).astype(np.float32)
        return Answered(looked, np.stack([disc] * 3), np.zeros(3, dtype=np.float32), 1)
    view, best = (int(place) for place in np.unravel_index(int(likely.argmax()), likely.shape))
    return replace(found[view], best=best)
