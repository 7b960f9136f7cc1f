"""GrabCut, random walker, geodesic distance, watershed: methods that grow from marks on a picture of a fixed size."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.interaction.methods.base import Answer, Box, Click, Picture, on_grid, reduced
from msformer.baselines.grabcut import ELLIPSE_SHARE, centred_ellipse
from msformer.image import Mask
from msformer.prepare import resample
from msformer.refine import smooth_to_native

SIDE = 256
"""Longest side in px of the picture that marks are set on."""
DISC = 3
"""Radius in px of the mark of a click."""
INNER = 0.5
"""Axes of the ellipse inside a box that is marked as object, as a share of the box's sides."""
ROUNDS = 5
"""Of GrabCut, as in ``msformer.baselines``."""
PARTS = 5
"""Of each of its two mixtures, which need as many px."""
FIRST_GUESS = 1 / 8
"""Radius of its first guess around a click, as a share of the shorter side: of none, 1/8, 1/4 and the whole picture the
best on two pictures of each set of single objects, in its favour."""
STEP = 0.01
"""What a px of a way costs where no colour changes, in the range of colours: without it, ways have no length there."""
BETA = 130
"""Of the random walker: scikit-image's own."""
OBJECT, GROUND = 1, 2
Marks = NDArray[np.int32]
"""``(h, w)``: ``OBJECT``, ``GROUND``, or 0 where nothing is known."""
Cut = Callable[[NDArray[np.float32], Marks, Box | None, Mask | None], tuple[Mask, float]]
"""Picture ``(h, w, 3)`` in [0, 1], marks, box and mask so far ``(h, w)`` → mask ``(h, w)`` and its expectation."""


class Marked:
    """A picture with marks on it."""

    def __init__(self, cut: Cut, picture: Picture) -> None:
        shape = reduced(picture.shape, SIDE)
        small = resample(picture.pixels, shape, "area")
        self._cut, self._native = cut, picture.shape
        self._pixels = np.ascontiguousarray(small[:, :, np.minimum(np.arange(3), small.shape[2] - 1)])
        self._field = on_grid(picture.no_data.field, shape)

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """One answer."""
        shape = self._field.shape[0], self._field.shape[1]
        scale = shape[0] / self._native[0], shape[1] / self._native[1]
        small_clicks = [(int((row + 0.5) * scale[0]), int((column + 0.5) * scale[1]), s) for row, column, s in clicks]
        small_box = None if box is None else _scaled(box, scale, shape)
        previous = None if previous_mask is None else on_grid(previous_mask, shape)
        if not clicks and box is None:
            previous = centred_ellipse(shape, ELLIPSE_SHARE)
        marks = marks_of(self._field, small_clicks, small_box)
        mask, expected = self._cut(self._pixels, marks, small_box, previous)
        return [(smooth_to_native(mask, self._native), expected)]


def marks_of(field: Mask, clicks: Sequence[Click], box: Box | None) -> Marks:
    """Marks of clicks and box; without a box the outermost px of the field, and all beyond, are ground.

    Args:
        field: ``(h, w)``, where the picture shows anything.
        clicks: On this grid; where discs meet, the later click counts.
        box: On this grid; what lies outside is ground.
    """
    height, width = field.shape
    marks = np.zeros(field.shape, dtype=np.int32)
    if box is None:
        inner = cv2.erode(np.pad(field.astype(np.uint8), 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
        marks[inner == 0] = GROUND
    else:
        marks[:] = GROUND
        marks[box[0] : box[2], box[1] : box[3]] = 0
    rows, columns = np.ogrid[:height, :width]
    if box is not None and not clicks:
        middle = (box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2
        reach = max(INNER * (box[2] - box[0]) / 2, 0.5), max(INNER * (box[3] - box[1]) / 2, 0.5)
        marks[((rows - middle[0]) / reach[0]) ** 2 + ((columns - middle[1]) / reach[1]) ** 2 <= 1] = OBJECT
    for row, column, sign in clicks:
        marks[(rows - row) ** 2 + (columns - column) ** 2 <= DISC**2] = OBJECT if sign > 0 else GROUND
    return marks


def grabcut(pixels: NDArray[np.float32], marks: Marks, box: Box | None, previous: Mask | None) -> tuple[Mask, float]:
    """Colour mixtures inside and outside, and a cut between neighbours (Rother, Kolmogorov & Blake 2004).

    The first guess is the mask so far, what is in the box, or a disc around the clicks; of the result the pieces count
    that were clicked on, if any was.
    """
    likely = np.zeros(marks.shape, dtype=bool) if previous is None else previous
    clicked = marks == OBJECT
    if box is not None:  # alone, as the method was meant
        marks = np.where(clicked, 0, marks)
        likely = likely | (marks == 0)
    elif not likely.any() and clicked.any():
        radius = FIRST_GUESS * min(marks.shape)
        likely = np.asarray(cv2.distanceTransform((~clicked).astype(np.uint8), cv2.DIST_L2, 5) <= radius)
    state = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[marks == OBJECT], state[marks == GROUND] = cv2.GC_FGD, cv2.GC_BGD
    inside = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if min(np.count_nonzero(inside), np.count_nonzero(~inside)) < PARTS:
        return inside, 0.0
    cv2.setRNGSeed(0)
    codes = np.rint(pixels * 255).astype(np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(codes, state, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    mask = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if box is None and clicked.any():
        _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
        mask = mask & np.isin(pieces, np.unique(pieces[clicked]))
    return mask, 1.0


def random_walker(
    pixels: NDArray[np.float32], marks: Marks, box: Box | None, previous: Mask | None
) -> tuple[Mask, float]:
    """Where a walker meets marks of the object first (Grady 2006)."""
    from skimage.segmentation import random_walker as walk

    if not ((marks == OBJECT).any() and (marks == GROUND).any() and (marks == 0).any()):
        return marks == OBJECT, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of faster solvers, and of marks that are cut off
        chances = walk(pixels, marks, beta=BETA, mode="cg_j", channel_axis=-1, return_full_prob=True)
    mask = np.asarray(chances[0] >= 0.5)
    return mask, float(chances[0][mask].mean()) if mask.any() else 0.0


def watershed(pixels: NDArray[np.float32], marks: Marks, box: Box | None, previous: Mask | None) -> tuple[Mask, float]:
    """Marks flood the gradient until they meet (Beucher & Meyer 1993)."""
    from skimage.filters import sobel
    from skimage.segmentation import watershed as flood

    smooth = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.0))
    slope = np.max([sobel(plane) for plane in np.moveaxis(smooth, 2, 0)], axis=0)  # type: ignore[no-untyped-call]
    return np.asarray(flood(slope, marks) == OBJECT), 1.0  # type: ignore[no-untyped-call]


def geodesic(pixels: NDArray[np.float32], marks: Marks, box: Box | None, previous: Mask | None) -> tuple[Mask, float]:
    """The nearer mark along ways that cross little change of colour (Bai & Sapiro 2007)."""
    from skimage.graph import MCP_Geometric

    if not ((marks == OBJECT).any() and (marks == GROUND).any()):
        return marks == OBJECT, 0.0
    smooth = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.0))
    steps = [cv2.magnitude(*(cv2.Sobel(plane, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1))))
             for plane in np.moveaxis(smooth, 2, 0)]  # fmt: skip
    costs = np.max(steps, axis=0).astype(np.float64) + STEP
    ways = [MCP_Geometric(costs).find_costs(np.argwhere(marks == kind))[0] for kind in (OBJECT, GROUND)]
    return np.asarray(ways[0] < ways[1]), 1.0


def _scaled(box: Box, scale: tuple[float, float], shape: tuple[int, int]) -> Box:
    """A box on the grid of the marks, at least one px a side."""
    top, left = min(round(box[0] * scale[0]), shape[0] - 1), min(round(box[1] * scale[1]), shape[1] - 1)
    return top, left, max(round(box[2] * scale[0]), top + 1), max(round(box[3] * scale[1]), left + 1)
