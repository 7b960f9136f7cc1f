"""Padding and letterboxes: straight-edged areas of one value along the frame, and boxes of one value in its corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.prepare.no_data.common import DEAD, Bytes, is_flat, like, pixels_of, to_bytes, tolerance

ROW_ALIKE = 0.9
"""Share of a row of padding that is of its value: scanners print words and ticks into it."""
DEAD_SHARE = 0.8
"""Least share of padding that is its value to a grey level; the ringing of JPEG reaches a few px from its edge."""
MIN_DEPTH = 0.01
"""Narrowest strip, as a share of the side across: a gradient begins with a row or two that are alike."""
EDGE = 0.5
"""Share of the padding's inner edge along which the picture starts within ``EDGE_REACH`` rows: a letterbox ends
everywhere at once, air and dark ground end where a rounded body begins."""
EDGE_REACH = 3
MOST_PEELS = 8
"""Strips of different values are taken off one after the other; two a side are more than pictures have."""
MIN_BOX = 0.08
"""Smallest side of a box in a corner, as a share of the picture's: smaller ones are words and keys."""
MAX_BOX = 0.6
"""Largest one, as a share of the picture's: more would not be beside the picture."""
BOX_ALIKE = 0.97
"""Share of the box that is of its value: compression rings along its edges."""


def find_border(scaled: NDArray[np.float32]) -> Mask:
    """Where padding is, ``(h, w)``, of a picture ``(h, w, C)`` in [0, 1]: on any side, of any one value a side."""
    picture = to_bytes(scaled)
    top, bottom, left, right = content_box(picture)
    outside = np.ones(picture.shape[:2], dtype=bool)
    outside[top:bottom, left:right] = _corner_boxes(picture[top:bottom, left:right], tolerance(picture))
    return outside


def content_box(picture: Bytes) -> tuple[int, int, int, int]:
    """Rows and columns (first, end, first, end) that are left when strips of padding are taken off."""
    box = [0, picture.shape[0], 0, picture.shape[1]]
    most = tolerance(picture)
    for _ in range(MOST_PEELS):
        changed = False
        for side in range(4):
            block = picture[box[0] : box[1], box[2] : box[3]]
            turned = block if side < 2 else np.swapaxes(block, 0, 1)
            depth = _strip(turned if side % 2 == 0 else turned[::-1], most)
            box[side] += depth if side % 2 == 0 else -depth
            changed = changed or depth > 0
        if not changed:
            break
    return box[0], box[1], box[2], box[3]


def _strip(block: Bytes, most: int) -> int:
    """Number of rows of padding at the top of a block, with the row into which its edge was blended."""
    value = np.rint(np.median(block[0], axis=0)).astype(np.uint8)
    if like(block[:1], value, most).mean() < ROW_ALIKE:
        return 0
    alike = like(block, value, most)
    rows = alike.mean(axis=1) >= ROW_ALIKE
    if rows.all():
        return 0
    depth = int(rows.argmin())
    starts = (~alike[depth : depth + EDGE_REACH]).any(axis=0).mean()
    if depth < MIN_DEPTH * len(block) or starts < EDGE or like(block[:depth], value, DEAD).mean() < DEAD_SHARE:
        return 0
    if is_flat(pixels_of(block[depth:])):
        return 0
    return depth + 1 if depth + 1 < len(block) else 0


def _corner_boxes(picture: Bytes, most: int) -> Mask:
    """Rectangles of one value in the corners, as endoscopes have for pictures of their position."""
    found = np.zeros(picture.shape[:2], dtype=bool)
    for down, right in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        turned = picture[::down, ::right]
        least = [max(round(MIN_BOX * side), 2) for side in turned.shape[:2]]
        if not like(turned[: least[0], : least[1]], turned[0, 0], most).all():
            continue
        rows, columns = (int(MAX_BOX * side) for side in turned.shape[:2])
        if rows < least[0] or columns < least[1]:  # no corner is left of a line
            continue
        alike = like(turned[:rows, :columns], turned[0, 0], most)
        height, width = _largest_box(alike, least)
        if height == rows or width == columns:
            continue
        below = float((~alike[height : height + EDGE_REACH, :width]).any(axis=0).mean())
        beside = float((~alike[:height, width : width + EDGE_REACH]).any(axis=1).mean())
        is_dead = like(turned[:height, :width], turned[0, 0], DEAD).mean() >= DEAD_SHARE
        if min(below, beside) >= EDGE and is_dead:
            found[::down, ::right][: height + 1, : width + 1] = True
    return found


def _largest_box(alike: Mask, least: list[int]) -> tuple[int, int]:
    """Height and width of the largest rectangle at the upper left corner that is alike but for a few pixels."""
    area = np.outer(np.arange(1, alike.shape[0] + 1), np.arange(1, alike.shape[1] + 1))
    full = np.where(alike.cumsum(axis=0).cumsum(axis=1) >= BOX_ALIKE * area, area, 0)
    full[: least[0] - 1] = full[:, : least[1] - 1] = 0
    row, column = np.unravel_index(int(full.argmax()), full.shape)
    return int(row) + 1, int(column) + 1
