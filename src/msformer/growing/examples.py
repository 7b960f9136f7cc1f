"""Random scenes → what the network is shown, what it is asked, and what is right. Opens no file."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.prompting.view import as_input
from msformer.scenes import Scene, SceneOptions, make_scene

LEAST_AREA = 30
"""Things of fewer px are not asked for."""
ROLES = {"target": 5.0, "other": 1.0, "part": 1.0, "body": 1.0, "line": 0.25}
"""How often a thing of each role is asked for where a scene has several: mostly what a person would point at."""
MOST_CLICKS = 4
"""Clicks that a prompt can hold while the network grows; later there may be more."""
JITTER = 0.07
"""Deviation of a drawn box's borders, as a share of the box's sides."""


@dataclass(frozen=True, eq=False)
class Example:
    """A scene and what is asked of it.

    Attributes:
        image: ``(IN_CHANNELS, H, W)``.
        truths: ``(n, H, W)``: the things that are asked for.
        clicks: ``(n, MOST_CLICKS, 3)``: row, column, sign.
        boxes: ``(n, 4)``, NaN where there is none.
        objects: ``(H, W)``; what a person would point at without being asked.
        borders: ``(H, W)``; borders of all things but lines.
    """

    image: NDArray[np.float32]
    truths: NDArray[np.bool_]
    clicks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    objects: Mask
    borders: Mask


def make_example(seed: int, prompts: int, side: int, options: SceneOptions | None = None) -> Example:
    """Make the example of a seed, with ``prompts`` questions about a scene of ``side`` × ``side`` px."""
    scene = make_scene(seed, shape=(side, side), options=options)
    rng = np.random.default_rng([seed, 1])
    things = _askable(scene)
    truths = np.zeros((prompts, side, side), dtype=bool)
    clicks = np.zeros((prompts, MOST_CLICKS, 3), dtype=np.float32)
    boxes = np.full((prompts, 4), np.nan, dtype=np.float32)
    if things:
        weights = np.array([weight for _, weight in things])
        order = rng.choice(len(things), size=prompts, p=weights / weights.sum())
        for row, index in enumerate(order):
            truths[row] = things[index][0]
            _ask(rng, truths[row], clicks[row], boxes[row])
    image = as_input(_recoloured(scene.image, rng), scene.valid, (side, side))
    return Example(image, truths, clicks, boxes, scene.mask & scene.valid, _borders(scene))


def next_click(truth: Mask, answer: Mask, rng: np.random.Generator) -> tuple[int, int, int] | None:
    """A click deep in what is wrong, mostly in the largest piece of it: row, column, sign; None where all is right."""
    wrong = truth != answer
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA].astype(np.float64)
    piece = pieces == 1 + int(rng.choice(len(areas), p=areas**2 / (areas**2).sum()))
    row, column = _deep(rng, piece, 0.5)
    return row, column, 1 if truth[row, column] else -1


def _askable(scene: Scene) -> list[tuple[Mask, float]]:
    """Things with enough valid px, and how often each is asked for: roles by ``ROLES``, in a role by diameter."""
    found: list[tuple[Mask, str]] = []
    shape = scene.valid.shape
    for thing in scene.things:
        mask = thing.on((shape[0], shape[1])) & scene.valid
        if np.count_nonzero(mask) >= LEAST_AREA:
            found.append((mask, thing.role))
    areas = [float(np.sqrt(np.count_nonzero(mask))) for mask, _ in found]
    sums = {role: sum(area for area, (_, other) in zip(areas, found, strict=True) if other == role) for role in ROLES}
    return [(mask, ROLES[role] * area / sums[role]) for area, (mask, role) in zip(areas, found, strict=True)]


def _ask(rng: np.random.Generator, truth: Mask, clicks: NDArray[np.float32], box: NDArray[np.float32]) -> None:
    """Draw a prompt for a thing into ``clicks`` ``(MOST_CLICKS, 3)`` and ``box`` ``(4,)``."""
    kind = rng.random()
    with_box, n_clicks = kind < 0.25, 0 if kind < 0.2 else 1 if kind < 0.9 else int(rng.integers(2, MOST_CLICKS))
    if with_box:
        rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
        exact = np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1], dtype=np.float32)
        sides = np.array([exact[2] - exact[0], exact[3] - exact[1]] * 2)
        if rng.random() < 0.7:
            exact += np.clip(rng.normal(0, JITTER, 4), -0.2, 0.2) * sides
        box[:] = np.clip(exact, 0, [*truth.shape, *truth.shape])
    for index in range(n_clicks):
        if index and rng.random() < 0.5:
            near = cv2.dilate(truth.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
            beside = near & ~truth
            if beside.any():
                clicks[index] = (*_deep(rng, beside, 0.0), -1)
                continue
        clicks[index] = (*_deep(rng, truth, 0.5 if rng.random() < 0.6 else 0.0), 1)


def _deep(rng: np.random.Generator, mask: Mask, share: float) -> tuple[int, int]:
    """A random pixel of a mask whose distance from the border is at least ``share`` of the largest."""
    padded = np.pad(mask.astype(np.uint8), 1)  # the frame is a border too, or clicks crowd there
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= max(share * float(depth.max()), 0.5))
    pick = int(rng.integers(len(rows)))
    return int(rows[pick]), int(columns[pick])


def _borders(scene: Scene) -> Mask:
    shape = scene.valid.shape
    result = np.zeros(shape, dtype=bool)
    square = np.ones((3, 3), np.uint8)
    for thing in scene.things:
        if thing.role != "line":
            mask = thing.mask.astype(np.uint8)
            result[thing.window] |= cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, square) > 0
    return result & scene.valid


def _recoloured(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """The picture as floats, at times with its light or its colours turned round: the network is to know no colour."""
    pixels = image.astype(np.float32)
    if rng.random() < 0.15:
        pixels = 255 - pixels
    if pixels.ndim == 3 and rng.random() < 0.3:
        pixels = pixels[:, :, rng.permutation(pixels.shape[2])]
    return np.ascontiguousarray(pixels)
