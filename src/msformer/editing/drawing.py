"""Strokes and commands on masks ``(H, W)``; nothing here looks at the picture. Inputs are never written to."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.morphology import depth_of

Places = Sequence[tuple[float, float]]
SHIFT = 4
"""Binary digits after the point in which places are told to OpenCV."""


def stroke(shape: tuple[int, int], path: Places, radius: float) -> Mask:
    """What a round brush covers: pixels whose middle is at most ``radius`` px away from the path."""
    pad = int(np.ceil(radius)) + 2  # a path may run beside the picture and still reach into it
    wide = shape[0] + 2 * pad, shape[1] + 2 * pad
    moved = [(row + pad, column + pad) for row, column in path]
    covered = np.zeros(wide, dtype=bool)
    rows, columns = (np.array([place[axis] for place in moved], dtype=np.float64) for axis in (0, 1))
    window = _around(wide, rows, columns, pad) if moved else None
    if window is not None:
        away = depth_of(~_line(moved, window))
        # The line has a px of its own already: half of it on either side.
        covered[window] = away <= max(radius - 0.5, 0.0)
    return covered[pad:-pad, pad:-pad]


def line(shape: tuple[int, int], path: Places) -> Mask:
    """The pixels that a path runs through, joined by edges: nothing that is joined by edges can pass between them."""
    whole = (slice(0, shape[0]), slice(0, shape[1]))
    return _line(path, whole)


def enclosed(shape: tuple[int, int], path: Places) -> Mask:
    """What a closed path encloses, by the parity of crossings: pixels whose middle is inside."""
    canvas = np.zeros(shape, dtype=np.uint8)
    # OpenCV counts from the middle of the first pixel, and draws the border too.
    points = np.array([[(column - 0.5), (row - 0.5)] for row, column in path], dtype=np.float64)
    fixed = np.rint(points * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], 1, lineType=cv2.LINE_8, shift=SHIFT)
    return canvas.astype(bool)


def smoothed(mask: Mask, width: float) -> Mask:
    """The mask with a smoother border: blurred by a Gaussian and cut at a half; the frame is no border."""
    reach = int(np.ceil(4 * width)) + 1
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return mask.copy()
    window = _around(mask.shape, rows.astype(np.float64), columns.astype(np.float64), reach)
    if window is None:
        return mask.copy()
    result = mask.copy()
    soft = cv2.GaussianBlur(mask[window].astype(np.float32), (0, 0), width, borderType=cv2.BORDER_REPLICATE)
    result[window] = soft >= 0.5
    return result


def split(mask: Mask, path: Places) -> Mask:
    """The mask without the pixels of a line."""
    cut = mask & ~line((mask.shape[0], mask.shape[1]), path)
    return np.asarray(cut)


def merged(mask: Mask, path: Places) -> Mask:
    """The pieces that a line touches, joined: closed by the smallest disc that makes them one piece.

    Where none does before a quarter of the longer side, the line itself joins them.
    """
    names = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1]
    touched = line((mask.shape[0], mask.shape[1]), path)
    wanted = np.unique(names[touched & mask])
    if len(wanted) < 2:
        return mask.copy()
    pieces = np.isin(names, wanted)
    rows, columns = np.flatnonzero(pieces.any(axis=1)), np.flatnonzero(pieces.any(axis=0))
    most = max(max(len(rows), len(columns)) // 4, 1)
    window = _around(mask.shape, rows.astype(np.float64), columns.astype(np.float64), 1)
    if window is None:
        return mask.copy()
    part = np.pad(pieces[window].astype(np.uint8), most + 1)
    radius = 1
    while radius <= most:
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        closed = np.asarray(cv2.morphologyEx(part, cv2.MORPH_CLOSE, element), dtype=np.uint8)
        if _is_one(closed, part):
            return np.asarray(mask | _back(closed, window, mask.shape, most + 1))
        radius = max(radius + 1, round(1.5 * radius))
    bridge = stroke((mask.shape[0], mask.shape[1]), path, 1.5)
    return np.asarray(mask | bridge)


def _is_one(closed: NDArray[np.uint8], part: NDArray[np.uint8]) -> bool:
    names = cv2.connectedComponents(closed, connectivity=4)[1]
    return len(np.unique(names[part > 0])) == 1


def _back(part: NDArray[np.uint8], window: tuple[slice, slice], shape: tuple[int, ...], margin: int) -> Mask:
    whole = np.zeros(shape, dtype=bool)
    whole[window] = part[margin:-margin, margin:-margin] > 0
    return whole


def _line(path: Places, window: tuple[slice, slice]) -> Mask:
    """Pixels of a window that a path runs through, joined by edges."""
    rows, columns = window
    shape = rows.stop - rows.start, columns.stop - columns.start
    canvas = np.zeros(shape, dtype=np.uint8)
    points = np.array(
        [[int(np.floor(column)) - columns.start, int(np.floor(row)) - rows.start] for row, column in path],
        dtype=np.int32,
    )
    if len(points) == 1:
        points = np.repeat(points, 2, axis=0)
    cv2.polylines(canvas, [points], isClosed=False, color=1, thickness=1, lineType=cv2.LINE_4)
    return canvas.astype(bool)


def _around(
    shape: tuple[int, ...], rows: NDArray[np.float64], columns: NDArray[np.float64], margin: float
) -> tuple[slice, slice] | None:
    """The window of places and a margin; None where it lies outside of the picture."""
    top, bottom = int(np.floor(rows.min() - margin)), int(np.ceil(rows.max() + margin)) + 1
    left, right = int(np.floor(columns.min() - margin)), int(np.ceil(columns.max() + margin)) + 1
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, shape[0]), min(right, shape[1])
    return None if top >= bottom or left >= right else (slice(top, bottom), slice(left, right))
