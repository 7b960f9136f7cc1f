"""Other ways to learn from corrected images, pixel by pixel: a forest as in ilastik, and clusters of colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.learning import Lesson
from msformer.learning.lesson import HALF

SCALES = (1.0, 2.0, 4.0, 8.0)
"""Deviations of the Gaussians, in px of the view."""
TAUGHT_PIXELS = 3_000
"""Pixels that each corrected image teaches, at most, drawn evenly."""
TREES, LEAST_IN_LEAF = 50, 2
CLUSTERS = 8
CLUSTERED_PIXELS = 2_000
"""Pixels of each image of a folder that clusters are found in."""
Outlines = Mapping[str, NDArray[np.bool_]]
"""By image, ``(h, w)``."""


def pixel_features(lesson: Lesson) -> NDArray[np.float32]:
    """Of every pixel of the view ``(h * w, F)``: value, and at each scale blur, gradient, Laplacian, Hessian."""
    found = []
    for plane in lesson.view[:3]:
        found.append(plane)
        for scale in SCALES:
            blurred = cv2.GaussianBlur(plane, (0, 0), scale)
            down, right = np.gradient(blurred)
            (down_down, down_right), right_right = np.gradient(down), np.gradient(right)[1]
            half = (down_down + right_right) / 2
            root = np.sqrt(((down_down - right_right) / 2) ** 2 + down_right**2)
            found += [blurred, np.hypot(down, right), 2 * half, half + root, half - root]
    return np.stack(found, axis=-1).reshape(-1, len(found)).astype(np.float32)


def pixel_forest(lessons: Sequence[Lesson], seed: int) -> Outlines:
    """Outlines of the images that are not corrected, where a forest of pixels gives at least a half."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    rows, answers = [], []
    for lesson in lessons:
        if lesson.corrected is not None:
            places = rng.permutation(np.flatnonzero(lesson.valid))[:TAUGHT_PIXELS]
            rows.append(pixel_features(lesson)[places])
            answers.append(lesson.corrected.ravel()[places] >= HALF)
    forest = RandomForestClassifier(TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=seed)
    forest.fit(np.concatenate(rows), np.concatenate(answers))
    is_object = list(forest.classes_).index(True) if True in forest.classes_ else None
    found = {}
    for lesson in lessons:
        if lesson.corrected is None:
            chance = np.zeros(lesson.valid.size)
            if is_object is not None:
                chance = forest.predict_proba(pixel_features(lesson))[:, is_object]
            found[lesson.name] = np.asarray((chance.reshape(lesson.shape) >= HALF) & lesson.valid)
    return found


def folder_clusters(lessons: Sequence[Lesson], seed: int) -> Outlines:
    """Outlines where a pixel's colour is of a cluster of the folder that corrected masks are made of.

    Clusters are ordered by the share of them in corrected masks; as many are taken as give those the best Dice.
    """
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(seed)
    colours = [lesson.view[:3, lesson.valid].T for lesson in lessons]
    some = [one[rng.permutation(len(one))[:CLUSTERED_PIXELS]] for one in colours]
    means = KMeans(CLUSTERS, n_init=3, random_state=seed).fit(np.concatenate(some))
    inside, sizes = np.zeros(CLUSTERS), np.zeros(CLUSTERS)
    for lesson, own in zip(lessons, colours, strict=True):
        if lesson.corrected is not None:
            names = means.predict(own)
            inside += np.bincount(names, lesson.corrected[lesson.valid] >= HALF, CLUSTERS)
            sizes += np.bincount(names, minlength=CLUSTERS)
    order = np.argsort(-inside / np.maximum(sizes, 1), kind="stable")
    reached = 2 * np.cumsum(inside[order]) / np.maximum(np.cumsum(sizes[order]) + inside.sum(), 1)
    chosen = order[: int(reached.argmax()) + 1]
    found = {}
    for lesson, own in zip(lessons, colours, strict=True):
        if lesson.corrected is None:
            outline = np.zeros(lesson.shape, dtype=bool)
            outline[lesson.valid] = np.isin(means.predict(own), chosen)
            found[lesson.name] = outline
    return found
