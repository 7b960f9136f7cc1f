"""A random forest that tells the Dice of a region from its features and where the click lies in it; fitted on masks."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.interaction.methods.base import Answer, Box, Click, Picture
from benchmarks.interaction.methods.tree import Found, alternatives, find_regions_of, holds
from msformer.image import Mask
from msformer.prepare import resample
from msformer.regions import Region

TREES = 100
SMALLEST_LEAF = 5
SEEN = 0.33
"""Share of the features that a split chooses from."""
Table = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Rows ``(n, F)`` of a picture's regions, and the Dice of each ``(n,)``."""


def told(found: Found, click: Click) -> tuple[list[int], NDArray[np.float32]]:
    """The regions that hold a click, and a row of numbers for each: its own features, and where the click is in it."""
    places = found.places([click])
    if not places:
        return [], np.zeros((0, found.features.shape[1] + 3), dtype=np.float32)
    row, column, _ = places[0]
    held = [index for index, region in enumerate(found.regions) if holds(region, row, column)]
    where = np.array([_where(found.regions[index], row, column, found.grid) for index in held], dtype=np.float32)
    return held, np.concatenate([found.features[held], where.reshape(len(held), 3)], axis=1)


def table_of(picture: Picture, truth: Mask, click: Click) -> Table | None:
    """What a picture teaches: the regions that hold the click, and their Dice; None where there are none."""
    found = find_regions_of(picture)
    if found is None:
        return None
    held, rows = told(found, click)
    if not held:
        return None
    small = resample(truth.astype(np.float32), found.grid, "area")[:, :, 0]
    shared = [float(small[found.regions[i].window][found.regions[i].mask].sum()) for i in held]
    area = np.array([found.regions[i].area for i in held])
    return rows, np.asarray(2 * np.array(shared) / (area + float(small.sum())), dtype=np.float32)


def fit(tables: Sequence[tuple[str, Table]], seed: int) -> Any:
    """Fit a forest on tables of sets; every set counts alike, and every picture in it."""
    from sklearn.ensemble import RandomForestRegressor

    names = [name for name, _ in tables]
    weights = [np.full(len(dice), 1 / names.count(name) / len(dice)) for name, (_, dice) in tables]
    forest = RandomForestRegressor(
        TREES, min_samples_leaf=SMALLEST_LEAF, max_features=SEEN, random_state=seed, n_jobs=1
    )
    rows = np.concatenate([rows for _, (rows, _) in tables])
    target = np.concatenate([dice for _, (_, dice) in tables])
    return forest.fit(rows, target, sample_weight=np.concatenate(weights))


class Forest:
    """A picture in its regions, which a forest judges."""

    def __init__(self, path: Path, picture: Picture) -> None:
        self._model = _load(path)
        self._found = find_regions_of(picture)

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """The regions around the first click that the forest expects the most of; it knows no more than that click."""
        if self._found is None or not clicks:
            return []
        held, rows = told(self._found, clicks[0])
        if not held:
            return []
        guess = self._model.predict(rows)
        values = dict(zip(held, guess, strict=True))
        chosen = alternatives(self._found, [held[i] for i in np.argsort(-guess, kind="stable")])
        return [(self._found.native(self._found.regions[i], clicks[:1]), float(values[i])) for i in chosen]


def _where(region: Region, row: int, column: int, grid: tuple[int, int]) -> tuple[float, float, float]:
    """Depth of the click in a region as a share of the deepest, its way from the middle in radii, the region's size."""
    padded = np.pad(region.mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    down, right = row - region.window[0].start, column - region.window[1].start
    middle = np.argwhere(region.mask).mean(axis=0)
    away = np.hypot(down - middle[0], right - middle[1]) / np.sqrt(region.area / np.pi)
    return float(depth[down, right] / depth.max()), float(away), float(np.log(region.area / (grid[0] * grid[1])))


@cache
def _load(path: Path) -> Any:
    """A forest that this run has written itself."""
    return pickle.loads(path.read_bytes())
