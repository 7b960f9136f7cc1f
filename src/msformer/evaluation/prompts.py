"""What a person who knows the object would point at: clicks and boxes made from a ground truth.

Nothing here is random but the jitter of a box, whose generator is given, so that every method is asked the same.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ImageShapeError
from msformer.image import Mask
from msformer.morphology import depth_of

Click = tuple[int, int, int]
"""Row and column in px, and 1 on the object, -1 beside it."""
Box = tuple[int, int, int, int]
"""First row, first column, end row, end column in px."""
JITTER = 0.1
"""How far a border of a jittered box is moved at most, as a share of the side that it bounds in length."""


def largest_component(mask: Mask) -> Mask:
    """The largest component ``(H, W)`` of a mask, joined by edges; the first of several. Empty where the mask is."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def middle_click(mask: Mask) -> tuple[int, int]:
    """Row and column of the pixel of the largest component that is farthest from its border; the frame is one too.

    Of several that are as far, the one nearest to their mean, then the first.

    Args:
        mask: ``(H, W)``.

    Raises:
        ImageError: The mask is empty.
    """
    if not mask.any():
        raise ImageError("mask must hold an object to click on; got an empty one")
    piece = largest_component(mask)
    top, left, bottom, right = box_of(piece)
    depth = depth_of(np.pad(piece[top:bottom, left:right], 1))[1:-1, 1:-1]
    deepest = np.argwhere(depth >= depth.max() - 1e-4)
    away = ((deepest - deepest.mean(axis=0)) ** 2).sum(axis=1)
    row, column = deepest[int(away.argmin())]
    return top + int(row), left + int(column)


def next_click(truth: Mask, answer: Mask) -> Click | None:
    """The click in the middle of the largest error; None where there is none.

    The sign says what is missing or too much: 1 where the truth is missed, -1 where the answer lies beside it.

    Args:
        truth: ``(H, W)``.
        answer: ``(H, W)``; an empty one gives the first click.

    Raises:
        ImageShapeError: The shapes differ.
    """
    if truth.shape != answer.shape:
        raise ImageShapeError(f"answer must have the shape of the truth, {truth.shape}; got {answer.shape}")
    # Missed and too much are apart even where they touch: one click cannot be of both.
    pieces = [largest_component(truth & ~answer), largest_component(answer & ~truth)]
    missed, extra = (int(np.count_nonzero(one)) for one in pieces)
    if missed == extra == 0:
        return None
    sign = 1 if missed >= extra else -1
    return (*middle_click(pieces[0] if sign > 0 else pieces[1]), sign)


def next_object(objects: NDArray[np.integer], answer: Mask) -> Click | None:
    """The click on the largest of many objects that is wrong as a whole; None where there is none.

    A person adds an object of which less than half is there, and takes away a piece of which less than half is of any
    object; borders that are not quite right are not clicked at.

    Args:
        objects: ``(H, W)``, 0 on the ground, a number for each object.
        answer: ``(H, W)``.

    Raises:
        ImageShapeError: The shapes differ.
    """
    if objects.shape != answer.shape:
        raise ImageShapeError(f"answer must have the shape of the objects, {objects.shape}; got {answer.shape}")
    areas = np.bincount(objects.ravel())
    areas[0] = 0
    missed = areas * (2 * np.bincount(objects.ravel(), weights=answer.ravel()) < areas)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(answer.astype(np.uint8), connectivity=4)
    extra = stats[:, cv2.CC_STAT_AREA].copy()
    extra[0] = 0
    extra *= 2 * np.bincount(pieces.ravel(), weights=(objects > 0).ravel(), minlength=len(extra)) < extra
    if missed.max(initial=0) == extra.max(initial=0) == 0:
        return None
    if missed.max(initial=0) >= extra.max(initial=0):
        return (*middle_click((objects == int(missed.argmax())) & ~answer), 1)
    return (*middle_click((pieces == int(extra.argmax())) & (objects == 0)), -1)


def box_of(mask: Mask) -> Box:
    """The smallest box around a mask ``(H, W)``.

    Raises:
        ImageError: The mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        raise ImageError("mask must hold an object to draw a box around; got an empty one")
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def jittered(box: Box, rng: np.random.Generator, shape: tuple[int, int], share: float = JITTER) -> Box:
    """A box as a hurried hand draws it: each border moved by up to ``share`` of its side, either way, evenly drawn.

    Args:
        box: The box.
        rng: Where the four draws come from.
        shape: Rows and columns of the picture, which the box stays in; it keeps at least one px a side.
        share: The largest move, as a share of height or width.
    """
    moves = rng.uniform(-share, share, 4)
    result = []
    for axis in (0, 1):
        first, end = box[axis], box[axis + 2]
        side = end - first
        low = min(max(round(first + moves[axis] * side), 0), shape[axis] - 1)
        result.append((low, min(max(round(end + moves[axis + 2] * side), low + 1), shape[axis])))
    (top, bottom), (left, right) = result
    return top, left, bottom, right


def intersection_over_union(first: Mask, second: Mask) -> float:
    """How much two masks share, in [0, 1]; 1 where both are empty."""
    union = int(np.count_nonzero(first | second))
    return 1.0 if union == 0 else int(np.count_nonzero(first & second)) / union
