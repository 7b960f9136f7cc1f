"""GrabCut from a centred ellipse: colour mixtures inside and outside, and a cut between neighbours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.baselines.base import Method, one_hot, seed_32
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

ELLIPSE_SHARE = 2 / 3
"""Axes of the first guess, as a share of the sides."""
N_ITER = 5
"""Rounds of fitting the mixtures and cutting."""


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Cut the object out; cluster 1 is the object.

    The first guess is an ellipse of two thirds of the sides. Only what lies outside the largest ellipse in the frame,
    the corners, is certain to be surroundings: an object may reach the frame, but cannot become everything. OpenCV
    takes three channels of 8 bits: the three strongest are used, or the last is repeated.
    """
    channels = prepared.channels
    picks = np.minimum(np.arange(3), channels.shape[2] - 1)
    pixels = np.ascontiguousarray(np.rint(channels[:, :, picks] * 255).astype(np.uint8))
    # OpenCV's random state belongs to a thread and cannot be read, so it could not be put back in the caller's.
    with ThreadPoolExecutor(max_workers=1) as own_thread:
        inside = own_thread.submit(_cut, pixels, seed_32(settings)).result()
    return Clustering(one_hot(inside.astype(np.intp)), "max_iter", N_ITER)


def centred_ellipse(shape: tuple[int, int], share: float) -> NDArray[np.bool_]:
    """The ellipse ``(h, w)`` in the middle, with axes of ``share`` of the sides."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down = (rows - (shape[0] - 1) / 2) / (share * shape[0] / 2)
    across = (columns - (shape[1] - 1) / 2) / (share * shape[1] / 2)
    ellipse: NDArray[np.bool_] = down**2 + across**2 <= 1
    return ellipse


def _cut(pixels: NDArray[np.uint8], seed: int) -> NDArray[np.bool_]:
    cv2.setRNGSeed(seed % 2**31)
    shape = pixels.shape[0], pixels.shape[1]
    marks = np.where(centred_ellipse(shape, ELLIPSE_SHARE), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[~centred_ellipse(shape, 1.0)] = cv2.GC_BGD
    outside_model, inside_model = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, marks, None, outside_model, inside_model, N_ITER, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    inside: NDArray[np.bool_] = marks == cv2.GC_PR_FGD
    return inside


METHODS = (
    Method(
        name="grabcut",
        cluster=cluster,
        seeded=True,
        reference=(
            "Rother, Kolmogorov & Blake, ACM TOG 23 (2004) 309-314; cv2.grabCut from a centred ellipse of "
            f"2/3 of the sides, only the corners certain, {N_ITER} rounds"
        ),
        limits="Made for a user who draws the first guess: from a blind one, noisy images often end without an object.",
        object_label=1,
    ),
)
