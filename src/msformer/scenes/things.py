"""What lies around the objects: a body, other things, tubes, rings. Lengths in px."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from msformer.image import Mask, Plane
from msformer.phantoms.shapes import curves, plane, smooth_noise
from msformer.scenes.draws import Draws, log_uniform
from msformer.scenes.layout import Placed, scatter
from msformer.scenes.looks import Palette, as_colour, other_look, outlines
from msformer.scenes.outlines import outline
from msformer.scenes.paint import Canvas, filled


def body(draws: Draws, shape: tuple[int, int]) -> Mask | None:
    """The inside of a large body, ``(H, W)``, if the scene has one."""
    if not draws.happens("container"):
        return None
    rng = draws.rng("container")
    size = np.array(shape) * rng.uniform(0.36, 0.62, 2)
    if rng.random() < 0.35:  # a disc, as an eyepiece or a tube sees it
        size[:] = min(shape) * rng.uniform(0.42, 0.6)
    elif rng.random() < 0.2:  # a limb: it leaves the frame
        size[rng.integers(2)] *= 2.5
    points = outline(rng, "waves", rng.uniform(0, 0.35), 1.0) * size
    return filled(points + np.array(shape) * rng.uniform(0.45, 0.55, 2), shape)


def skin(draws: Draws, palette: Palette, canvas: Canvas, inside: Mask) -> None:
    """Draw the outermost layer of a body, as skin, skull or the wall of a tube; objects stay within it."""
    if not draws.happens("skin"):
        return
    rng = draws.rng("skin")
    height, width = inside.shape
    padded = np.pad(inside, 1, constant_values=bool(rng.random() < 0.8))  # most bodies end at the frame without a wall
    distance = cv2.distanceTransform(padded.astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    thick = (
        min(height, width) * log_uniform(rng, (0.012, 0.07)) * (1 + 0.3 * smooth_noise(rng, (height, width), width / 8))
    )
    layer = inside & (distance <= np.maximum(thick, 1)) & canvas.allowed
    if not (canvas.allowed & ~layer).any():
        return
    look = other_look(draws, palette, len(set(canvas.kinds)) + 1, (height, width), "skin look", (0.4, 1.5))
    canvas.lay(plane(layer), look)
    canvas.allowed = canvas.allowed & ~layer


def outside_colour(draws: Draws, palette: Palette) -> Palette:
    """The palette of what lies around a body: mostly black."""
    rng = draws.rng("outside")
    level = rng.choice([rng.uniform(0, 0.06), rng.uniform(0.85, 1), rng.random()], p=[0.7, 0.1, 0.2])
    further = None if palette.further is None else float(level)
    return replace(palette, ground=as_colour(np.full(palette.channels, level)), further=further)


def other_things(draws: Draws, palette: Palette, canvas: Canvas, depth: Plane, objects: list[Placed]) -> None:
    """Draw the things of other kinds that lie under the objects: smaller, or fainter, or at the frame."""
    shape = depth.shape
    side = min(shape)
    rng = draws.rng("others")
    largest = max((one.radius for one in objects), default=0.12 * side)
    if draws.happens("frame_things"):
        look = other_look(draws, palette, len(set(canvas.kinds)) + 1, shape, "frame look", (0.4, 1.1))
        centre = rng.uniform(0, 1, 2) * shape
        centre[rng.integers(2)] = rng.choice([-0.1, 1.1]) * side
        points = outlines(draws, "frame outline", 1)[0] * rng.uniform(0.12, 0.4) * side
        canvas.paint(points + centre, look, rng)
    if draws.happens("crowd") and draws.properties.get("single"):
        look = other_look(draws, palette, len(set(canvas.kinds)) + 1, shape, "crowd look", (0.25, 0.7))
        radius = float(np.clip(largest * rng.uniform(0.4, 0.95), 0.03 * side, 0.1 * side))
        count = int(min(rng.uniform(0.2, 0.7) * depth.size / (np.pi * radius**2), 50))
        for one in scatter(draws, "crowd outline", depth, count, radius, touching=True, clustered=False, rng=rng):
            canvas.paint(one.points, look, rng)
    count = round(draws.number("distractors", 1.5))
    for group in np.array_split(np.arange(count), int(rng.integers(1, 4))):
        if not len(group):
            continue
        name = f"others {group[0]}"
        faint = rng.random() < 0.35  # either as small as they are strong, or as faint as they are large
        look = other_look(draws, palette, len(set(canvas.kinds)) + 1, shape, name, (0.1, 0.4) if faint else (0.4, 1.1))
        radius = max(largest * (rng.uniform(0.4, 1.2) if faint else log_uniform(rng, (0.12, 0.6))), 1.2)
        for one in scatter(
            draws, name + " outline", depth, len(group), radius, touching=True, clustered=False, rng=rng
        ):
            canvas.paint(one.points, look, rng)


def lines(draws: Draws, palette: Palette, canvas: Canvas, *, over: bool) -> None:
    """Draw tubes and rings, if it is their turn: over the objects, or before them."""
    if over != draws.happens("crossing"):
        return
    rng = draws.rng("lines")
    height, width = canvas.image.shape[:2]
    shape = height, width
    for name, strength in (("tubes", (0.3, 1.0)), ("rings", (0.3, 0.9))):
        if not draws.happens(name):
            continue
        look = other_look(draws, palette, len(set(canvas.kinds)) + 1, shape, name, strength)
        look = replace(look, texture=None, opacity=rng.uniform(0.4, 1))
        for share in _tubes(rng, shape) if name == "tubes" else _rings(rng, shape):
            canvas.lay(share, look)


def _tubes(rng: np.random.Generator, shape: tuple[int, int]) -> list[Plane]:
    """Curves that bend at random and grow thinner, parallel ones or a tree, each ``(H, W)`` in [0, 1]."""
    side = min(shape)
    count = int(rng.integers(1, 9))
    width = side * log_uniform(rng, (0.006, 0.06))
    together, heading = rng.random() < 0.5, rng.uniform(0, 2 * np.pi)
    root = rng.uniform(0, 1, 2) * shape
    result = []
    for index in range(count):
        direction = heading + rng.normal(0, 0.15) if together else rng.uniform(0, 2 * np.pi)
        across = np.array([np.cos(heading), -np.sin(heading)])
        start = rng.uniform(-0.1, 1.1, 2) * shape if not together else root + (index - count / 2) * 0.16 * side * across
        steps = (
            direction + np.cumsum(rng.normal(0, rng.uniform(0.02, 0.25), 30)) + rng.uniform(-0.04, 0.04) * np.arange(30)
        )
        path = start + 0.05 * side * np.cumsum(np.stack([np.sin(steps), np.cos(steps)], axis=1), axis=0)
        if together:
            path = path - path[15] + start
        widths = width * rng.uniform(0.5, 1.2) * np.linspace(1, rng.uniform(0.2, 1), 6)
        parts = [(path[5 * part : 5 * part + 6], max(1, round(float(wide)))) for part, wide in enumerate(widths)]
        result.append(curves(shape, parts))
    return result


def _rings(rng: np.random.Generator, shape: tuple[int, int]) -> list[Plane]:
    """Closed curves, each ``(H, W)`` in [0, 1]."""
    side = min(shape)
    result = []
    for _ in range(int(rng.integers(1, 4))):
        points = outline(rng, "waves", rng.uniform(0, 0.4), rng.uniform(1, 1.8)) * log_uniform(rng, (0.05, 0.35)) * side
        points = np.vstack([points, points[:1]]) + rng.uniform(0, 1, 2) * shape
        ring = curves(shape, [(points, max(1, round(side * log_uniform(rng, (0.006, 0.03)))))])
        result.append(plane(cv2.GaussianBlur(ring, (0, 0), 0.7)) if rng.random() < 0.5 else ring)
    return result
