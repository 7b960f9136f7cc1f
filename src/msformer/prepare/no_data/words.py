"""Burnt-in words and calipers: thin sharp strokes, brighter than all that is beside them, in lines or as crosses."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph

from msformer.image import Mask
from msformer.prepare.no_data.common import chroma, has_colour, nothing, to_bytes, to_grey, widened

STROKE = 5
"""Width in px that strokes do not reach at 190 to 400 px."""
CONTRASTS = (35, 60, 100)
"""By how many grey values a stroke is brighter than what is beside it. Grey words need a low one, words on bright
tissue a high one that parts their letters."""
SHARP = 0.6
"""Least step to the darker of the pixels left and right, as a share of the contrast, somewhere in each row of a letter:
print is sharp, ultrasound is blurred along its rows."""
MIN_HEIGHT, MAX_HEIGHT = 4, 0.1
"""Of a letter: in px, and as a share of the side."""
FULL = 0.8
"""Largest share of its box that a letter fills."""
LETTERS = 4
"""Fewest letters of a word: chance puts two or three strokes side by side."""
BRIGHT_LETTERS = 3
"""The same at the highest of ``CONTRASTS``, which little but print reaches."""
SAME_HEIGHT = 0.7
"""Least overlap of the rows of neighbours in a line."""
GAP = 1.3
"""Largest gap between letters, in heights."""
ARM = 3
"""Shortest of the four arms of a caliper's cross in px."""
LONGEST_ARM = 0.04
"""Longest one, as a share of the side."""
EVEN_ARMS = 2.0
"""Largest quotient of its arms."""
BESIDE = 6
"""Letters this near to a cross, in px, are its number."""
COLOURED = 64
"""Difference of the channels from which on a pixel is coloured, where all the rest is grey."""
MOST_STROKES = 1500
"""More strokes than that are texture, in which chance makes lines."""


def find_words(scaled: NDArray[np.float32]) -> Mask:
    """Where words and calipers are, ``(h, w)``, of a picture ``(h, w, C)`` in [0, 1]."""
    picture = to_bytes(scaled)
    grey = to_grey(picture)
    thin = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((STROKE, STROKE), np.uint8)))
    step = np.zeros_like(grey)
    step[:, 1:-1] = cv2.subtract(grey[:, 1:-1], np.minimum(grey[:, :-2], grey[:, 2:]))
    found = nothing(grey)
    for contrast in CONTRASTS:
        strokes = thin > contrast
        found |= _in_lines(strokes, step > SHARP * contrast, BRIGHT_LETTERS if contrast == CONTRASTS[-1] else LETTERS)
        if contrast > CONTRASTS[0]:
            found |= _crosses(strokes)
    if picture.ndim == 3 and not has_colour(picture):
        found |= chroma(picture) > COLOURED
    return widened(found)


def _in_lines(strokes: Mask, sharp: Mask, letters: int) -> Mask:
    """The strokes that are letters in a line."""
    count, components, stats, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    width, height, area = (stats[:, part] for part in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    side = float(np.sqrt(strokes.size))
    is_letter = (
        (height >= MIN_HEIGHT)
        & (np.maximum(height, width / 3) <= max(MAX_HEIGHT * side, MIN_HEIGHT))
        & (np.bincount(components[sharp & strokes], minlength=count) >= height)
        & (area <= np.maximum(FULL * width * height, 2 * np.maximum(width, height)))
    )
    is_letter[0] = False
    names = np.flatnonzero(is_letter)
    keep = np.zeros(count, dtype=bool)
    if len(names) <= MOST_STROKES:
        for line in lines(stats[names, :4].astype(np.int32), letters):
            keep[names[line]] = True
    return np.asarray(keep[components])


def _crosses(strokes: Mask) -> Mask:
    """Crosses of four even arms, with the numbers beside them."""
    length = 2 * ARM + 1
    binary = strokes.astype(np.uint8)
    across = np.asarray(cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))) > 0
    down = np.asarray(cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))) > 0
    found = np.zeros_like(strokes)
    longest = LONGEST_ARM * float(np.sqrt(strokes.size))
    count, _, _, centres = cv2.connectedComponentsWithStats((across & down).astype(np.uint8))
    for column, row in np.rint(centres[1:]).astype(int)[:MOST_STROKES]:
        arms = _arms(across, row, column), _arms(down.T, column, row)
        lengths = [*arms[0], *arms[1]]
        if min(lengths) < ARM or max(lengths) > min(longest, EVEN_ARMS * min(lengths)):
            continue
        for thickness in (-1, 0, 1):
            found[np.clip(row + thickness, 0, len(found) - 1), column - arms[0][0] : column + arms[0][1] + 1] = True
            found[row - arms[1][0] : row + arms[1][1] + 1, np.clip(column + thickness, 0, found.shape[1] - 1)] = True
    if found.any():
        count, components, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
        near = cv2.dilate(found.astype(np.uint8), np.ones((2 * BESIDE + 1, 2 * BESIDE + 1), np.uint8)) > 0
        is_small = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= 2 * longest
        is_small[0] = False
        is_near = np.bincount(components[near], minlength=count) > 0
        found |= (is_small & is_near)[components]
    return found


def _arms(lines_found: Mask, row: int, column: int) -> tuple[int, int]:
    """How far a line goes on before and behind a pixel of its row."""
    line = lines_found[row]
    before, behind = np.flatnonzero(~line[:column][::-1]), np.flatnonzero(~line[column + 1 :])
    return (
        int(before[0]) if len(before) else column,
        int(behind[0]) if len(behind) else len(line) - 1 - column,
    )


def lines(boxes: NDArray[np.int32], letters: int) -> list[NDArray[np.intp]]:
    """Indices of the letters of each line of at least so many, of boxes (x, y, width, height) ``(n, 4)``.

    A box that is wider than high holds letters that touch; but at most one box less than letters.
    """
    if len(boxes) < letters - 1:
        return []
    left, top, width, height = (boxes[:, part].astype(np.float64) for part in range(4))
    right, bottom = left + width, top + height
    taller = np.maximum(height[:, None], height)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    _, names = csgraph.connected_components((gap <= GAP * taller) & (overlap >= SAME_HEIGHT * taller), directed=False)
    is_line = (np.bincount(names) >= letters - 1) & (
        np.bincount(names, np.maximum(np.floor(width / height), 1)) >= letters
    )
    return [np.flatnonzero(names == name) for name in np.flatnonzero(is_line)]
