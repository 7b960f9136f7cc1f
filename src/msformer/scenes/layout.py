"""Where the objects lie and how large they are. Lengths in px, places (row, column)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask, Plane
from msformer.phantoms.shapes import plane
from msformer.scenes.draws import Draws
from msformer.scenes.looks import TYPES, outlines
from msformer.scenes.outlines import Outline, turned


@dataclass(frozen=True, eq=False)
class Placed:
    """A thing's outline, its middle and its radius, in px."""

    points: Outline
    centre: NDArray[np.float64]
    radius: float


def depth_map(allowed: Mask) -> Plane:
    """Distance in px from what is not allowed, ``(H, W)``; the frame is no limit."""
    reach = float(np.hypot(*allowed.shape))
    return plane(np.minimum(cv2.distanceTransform(allowed.astype(np.uint8), cv2.DIST_L2, 3), reach))


def place_objects(draws: Draws, allowed: Mask) -> list[Placed]:
    """Draw the type of the scene, and place its objects."""
    kind = draws.among(TYPES)
    depth = depth_map(allowed)
    if kind == "nothing":
        return []
    if kind == "single":
        return [_single(draws, depth)]
    return _pair(draws, depth) if kind == "pair" else _many(draws, depth)


def _single(draws: Draws, depth: Plane) -> Placed:
    rng = draws.rng("place")
    side = min(depth.shape)
    radius = _fitting(draws.scale("radius") * side, depth)
    shape = outlines(draws, "outline", 1)[0] * radius
    if draws.happens("cut"):
        centre = np.array(rng.uniform(0.15, 0.85, 2) * depth.shape)
        axis = rng.integers(2)
        centre[axis] = rng.choice([0.35 * radius, depth.shape[axis] - 1 - 0.35 * radius])
        if depth[tuple(centre.astype(int))] > 0:
            return Placed(shape + centre, centre, radius)
    spread = 0.3 if draws.happens("off_centre") else 0.09
    centre = spot(rng, depth, 0.7 * radius, np.array(depth.shape) / 2, spread * np.array(depth.shape))
    # As much of it as fits lies inside the frame.
    reach = np.abs(shape).max(0)
    if (2 * reach < depth.shape).all():
        centre = np.clip(centre, 0.9 * reach, depth.shape - 0.9 * reach)
    centre = _inside(centre, depth)
    return Placed(shape + centre, centre, radius)


def _pair(draws: Draws, depth: Plane) -> list[Placed]:
    rng = draws.rng("place")
    height, width = depth.shape
    side = min(depth.shape)
    shape = outlines(draws, "outline", 1)[0]
    radius = _fitting(min(draws.scale("radius"), 0.22) * side, depth / 1.5)
    middle = np.array([height, width]) / 2 + rng.normal(0, 0.04, 2) * side
    if rng.random() < 0.7:  # left and right, mirrored
        shape = shape * [1.25, 0.8] if rng.random() < 0.6 else shape
        gap = max(rng.uniform(1.1, 1.6) * float(np.abs(shape[:, 1]).max()) * radius, 0.1 * side)
        level = np.array([rng.normal(0, 0.03) * side, 2 * gap])
        spots = [middle - np.array([0, gap]), middle - np.array([0, gap]) + level]
        shapes = [shape, shape * [rng.uniform(0.85, 1.1), -rng.uniform(0.85, 1.1)]]
    else:
        first = spot(rng, depth, radius, middle, np.array([0.25 * height, 0.25 * width]))
        tries = [spot(rng, depth, radius, middle, np.array([0.3 * height, 0.3 * width])) for _ in range(8)]
        spots = [first, max(tries, key=lambda one: float(np.hypot(*(one - first))))]
        shapes = [shape, turned(shape, rng.uniform(0, 6)) * rng.uniform(0.8, 1.1)]
    spots = [_inside(one, depth) for one in spots]
    return [Placed(one * radius + centre, centre, radius) for one, centre in zip(shapes, spots, strict=True)]


def _many(draws: Draws, depth: Plane) -> list[Placed]:
    rng = draws.rng("place")
    count = round(draws.scale("count"))
    side = min(depth.shape)
    area = float((depth > 0).sum())
    radius = float(np.clip(np.sqrt(draws.number("fill") * area / (count * np.pi)), 1.8, 0.22 * side))
    draws.properties["radius"] = radius / side
    touching, clustered = draws.happens("touching"), draws.happens("clustered")
    return scatter(draws, "outline", depth, count, radius, touching=touching, clustered=clustered, rng=rng)


def scatter(
    draws: Draws,
    layer: str,
    depth: Plane,
    count: int,
    radius: float,
    *,
    touching: bool,
    clustered: bool,
    rng: np.random.Generator,
) -> list[Placed]:
    """Place ``count`` things of one kind of about one radius."""
    shapes = outlines(draws, layer, min(count, 8))
    rows, columns = np.nonzero(depth > 0)
    pick = rng.integers(0, len(rows), (count, 10))
    tries = np.stack([rows[pick], columns[pick]], axis=-1) + rng.random((count, 10, 2))
    if clustered:
        middles = tries[: int(rng.integers(1, 4)), 0]
        spread = rng.uniform(0.08, 0.2) * min(depth.shape)
        tries = middles[rng.integers(0, len(middles), (count, 10))] + rng.normal(0, spread, tries.shape)
    scatter_of_size = rng.uniform(0.03, 0.3)
    placed: list[Placed] = []
    taken = np.zeros((0, 2))
    for candidates in tries:
        size = float(radius * np.exp(np.clip(rng.normal(0, scatter_of_size), -0.7, 0.7)))
        centre = candidates[0]
        if not touching and len(taken):
            nearest = np.hypot(*(candidates[:, None] - taken).transpose(2, 0, 1)).min(1)
            if nearest.max() < 2.1 * radius and len(placed) >= 4:
                continue  # no room: rather fewer than touching
            centre = candidates[int(nearest.argmax())]
        centre = _inside(centre, depth)
        points = turned(shapes[rng.integers(len(shapes))], rng.uniform(0, 2 * np.pi)) * size
        placed.append(Placed(points + centre, centre, size))
        taken = np.vstack([taken, centre])
    return placed


def spot(
    rng: np.random.Generator, depth: Plane, room: float, middle: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A place around ``middle`` that has ``room`` px around it; the roomiest of several draws where none has."""
    tries = np.clip(rng.normal(middle, spread, (16, 2)), 0, np.array(depth.shape) - 1)
    found = depth[tries[:, 0].astype(int), tries[:, 1].astype(int)]
    enough = np.nonzero(found >= room)[0]
    return np.asarray(tries[enough[0] if len(enough) else int(found.argmax())])


def _fitting(radius: float, depth: Plane) -> float:
    """The radius, or as much of it as the largest allowed place can take."""
    return max(min(radius, 0.85 * float(depth.max())), 1.5)


def _inside(centre: NDArray[np.float64], depth: Plane) -> NDArray[np.float64]:
    """The place, or the nearest allowed one."""
    centre = np.clip(centre, 0, np.array(depth.shape) - 1)
    if depth[tuple(centre.astype(int))] > 0:
        return centre
    allowed = np.argwhere(depth > 0)
    return np.asarray(allowed[((allowed - centre) ** 2).sum(1).argmin()], dtype=np.float64)
