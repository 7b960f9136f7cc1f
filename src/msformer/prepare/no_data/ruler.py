"""Rulers: thin marks at even steps along a line."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.prepare.no_data.common import nothing, to_bytes, to_grey, widened

Labels: TypeAlias = NDArray[np.int32]
THIN = 5
"""Side in px of the square that marks do not hold: at 190 to 400 px, they are one or two px wide."""
CONTRASTS = (25, 60)
"""By how many grey values a mark is darker or brighter than its surroundings at least: marks may be faint on even
skin, and on speckle only strong ones stand out."""
LONGEST_MARK = 0.09
"""Of a mark that stands alone, as a share of the side: hair and vessels are longer."""
SLENDER = 0.3
"""Largest area of such a mark, as a share of its squared diagonal: a round dot has .39, small nuclei in a row."""
REACH = 0.05
"""Marks closer than this share of the side are looked at together."""
MIN_LENGTH = 0.2
"""Shortest ruler, as a share of the side."""
MAX_BREADTH = 0.2
"""Broadest one, as a share of its length: what is as long as its marks."""
MIN_STEPS = 6
"""Fewest steps: chance makes short rows."""
SHORTEST_STEP = 3
PERIODIC = 0.45
"""Least autocorrelation of the marks along the line at their step; 1 is a perfect comb, hair is near 0."""
STRAIGHT = 1.5
"""How far from one line marks begin, end or have their middles, in px: cells in a row follow a bend."""
UNEVEN = 0.45
"""Least deviation of the marks along the line, as a share of their mean: the stairs of a slanted line have less."""
MOST_GROUPS = 40
"""Where there are more rows than that, they are texture; the longest are looked at."""


def find_rulers(scaled: NDArray[np.float32]) -> Mask:
    """Where rulers' marks are, ``(h, w)``, of a picture ``(h, w, C)`` in [0, 1]: dark ones and bright ones."""
    grey = to_grey(to_bytes(scaled))
    element = np.ones((THIN, THIN), np.uint8)
    found = nothing(scaled)
    for operation in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
        depth = np.asarray(cv2.morphologyEx(grey, operation, element))
        for contrast in CONTRASTS:
            found |= _combs(depth > contrast)
    return widened(found)


def _combs(thin: Mask) -> Mask:
    """Lone marks in a row, and marks that are joined by a line."""
    side = float(np.sqrt(thin.size))
    parts, stats = _components(thin.astype(np.uint8))
    extent = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    is_long = extent > MIN_LENGTH * side
    is_long[0] = False
    is_mark = (extent <= LONGEST_MARK * side) & (extent >= SHORTEST_STEP)
    is_mark &= stats[:, cv2.CC_STAT_AREA] <= SLENDER * extent**2
    is_mark[0] = False
    found = _groups(thin, parts, stats, is_long)
    marks = is_mark[parts]
    reach = round(REACH * side)
    near = cv2.dilate(marks.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    groups, stats = _components(np.asarray(near))
    is_row = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) > MIN_LENGTH * side
    is_row[0] = False
    return found | _groups(marks, groups, stats, is_row)


def _components(mask: NDArray[np.integer]) -> tuple[Labels, Labels]:
    """The number of each pixel's component, 0 outside, and what OpenCV knows of each component."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return np.asarray(labels, dtype=np.int32), np.asarray(stats, dtype=np.int32)


def _groups(marks: Mask, groups: Labels, stats: Labels, chosen: NDArray[np.bool_]) -> Mask:
    """The marks of those groups that are combs."""
    found = np.zeros_like(marks)
    side = float(np.sqrt(marks.size))
    names = np.flatnonzero(chosen)
    size = np.hypot(stats[names, cv2.CC_STAT_WIDTH], stats[names, cv2.CC_STAT_HEIGHT])
    for name in names[np.argsort(-size)][:MOST_GROUPS]:
        x, y, w, h = stats[name, :4]
        window = np.s_[y : y + h, x : x + w]
        own = marks[window] & (groups[window] == name)
        if is_comb(np.argwhere(own), MIN_LENGTH * side):
            found[window] |= own
    return found


def is_comb(points: NDArray[np.intp], min_length: float) -> bool:
    """Whether pixels ``(n, 2)`` are a straight row of marks at even steps."""
    if len(points) < 3 * MIN_STEPS:
        return False
    centred = points - points.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(centred.T.astype(np.float64)))
    across, along = (centred @ directions).T
    length = float(np.ptp(along))
    if length < min_length or np.ptp(across) > MAX_BREADTH * length:
        return False
    places = np.rint(along - along.min()).astype(np.intp)
    if not _is_straight(places, across):
        return False
    profile = np.bincount(places).astype(np.float64)
    profile = np.minimum(profile, 3 * profile.mean())  # long marks at tens count no more than others
    if profile.std() < UNEVEN * profile.mean():
        return False
    profile -= profile.mean()
    count = len(profile)
    correlation = np.correlate(profile, profile, "full")[count - 1 : count + count // MIN_STEPS]
    correlation *= count / (count - np.arange(len(correlation))) / max(float(correlation[0]), 1e-9)
    below = np.flatnonzero(correlation < 0)
    first = max(int(below[0]) if len(below) else len(correlation), SHORTEST_STEP)
    return bool((correlation[first:] >= PERIODIC).any())


def _is_straight(places: NDArray[np.intp], across: NDArray[np.float64]) -> bool:
    """Whether two thirds of the marks begin, or end, or have their middles, on one line."""
    low, high = np.full((2, places.max() + 1), np.inf)
    np.minimum.at(low, places, across)
    np.minimum.at(high, places, -across)
    taken = np.flatnonzero(np.isfinite(low))
    for edge in (low[taken], high[taken], low[taken] - high[taken]):
        near = np.ones(len(taken), dtype=bool)
        for _ in range(2):  # the second time without the worst third: hair that crosses, longer marks
            off = np.abs(edge - np.polyval(np.polyfit(taken[near], edge[near], 1), taken))
            near = off <= np.percentile(off, 67)
        if np.percentile(off, 67) <= STRAIGHT:
            return True
    return False
