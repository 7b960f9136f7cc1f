"""Lung-CT-like phantoms: one axial slice of a chest, with two lungs, vessels, bones and the patient table.

Place is told in shares: ``down`` and ``right`` run from −1 to 1 over the frame, whatever its aspect.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask, Plane
from msformer.phantoms.base import Layers, Phantom, check_choice, check_count, check_range, check_shape, to_uint8
from msformer.phantoms.shapes import bend, curves, grid, lowest, plane, smooth_noise, smoothstep, soft_edge

AIR, FAT, MUSCLE, HEART, BONE, TABLE = -1000, -100, 45, 70, 420, -350
"""Hounsfield units."""
PADDING = -2000
"""What scanners write outside of a round field of view."""
BRIGHTEST = 700
"""White of the 8-bit values; black is air, or the padding where there is some."""


def make_lung_ct(
    *,
    seed: int,
    difficulty: float = 0.3,
    shape: tuple[int, int] = (256, 256),
    values: Literal["hu", "8-bit"] = "hu",
    lung_extent: float | None = None,
    lung_hu: float | None = None,
    vessels: int | None = None,
    table: bool = True,
    field_of_view: bool = False,
    noise: float | None = None,
) -> Phantom:
    """Draw a slice through a chest; the truth is both lungs with the vessels inside them.

    With difficulty 0 to 1 the lungs' density rises from −880 to −480 HU towards the muscle's 45, the
    vessels from 6 to 16 a lung, the noise and its streaks from 8 to 110 HU. The truth does not depend on the
    difficulty.

    Args:
        seed: Seed of every draw.
        difficulty: In [0, 1]; gives the defaults below their values.
        shape: Height and width, each at least 33 px.
        values: Hounsfield units as int16, or uint8 from air or padding (black) to 700 HU (white).
        lung_extent: Share of the room in the chest beside the mediastinum that the lungs fill, in [.05, 1]; by default
            drawn from .65 to .95. Small lungs are those of a slice near the base, where the rest is heart and liver;
            of the smallest there may be only one. Splinters by the wall are left out.
        lung_hu: Mean density of the lungs without vessels, in [-950, 0] HU.
        vessels: Branches from the root of each lung, 0 to 100.
        table: Whether the patient table lies below the body.
        field_of_view: Whether everything outside of a round field is padding (−2000 HU).
        noise: Standard deviation in HU, in [0, 1000].

    Returns:
        A phantom with an image ``(H, W)``, int16 or uint8.

    Raises:
        ConfigError: An option is out of range.
    """
    layers = Layers("lung_ct", seed, difficulty)
    shape = check_shape(shape)
    check_choice("values", values, ("hu", "8-bit"))
    lung_hu = check_range("lung_hu", layers.between(-880, -480) if lung_hu is None else lung_hu, -950, 0)
    vessels = check_count("vessels", round(layers.between(6, 16)) if vessels is None else vessels, 100)
    noise = check_range("noise", layers.between(8, 110) if noise is None else noise, 0, 1000)
    rng = layers.rng("body")
    rows, columns = grid(shape)
    flat_down, flat_right = 2 * rows / (shape[0] - 1) - 1, 2 * columns / (shape[1] - 1) - 1
    down, right = _warped(layers, plane(flat_down), "down"), _warped(layers, plane(flat_right), "right")
    height, width = rng.uniform(0.64, 0.74), rng.uniform(0.88, 0.95)
    fat = rng.uniform(0.03, 0.09)
    body = (np.abs(right) / width) ** 2.3 + (np.abs(down) / height) ** 2.3
    flesh = (np.abs(right) / (width - fat)) ** 2.3 + (np.abs(down) / (height - fat)) ** 2.3
    chest_height, chest_width = height - fat - rng.uniform(0.09, 0.12), width - fat - rng.uniform(0.1, 0.14)
    chest = np.hypot(right / chest_width, down / chest_height)
    lungs, dome = _lungs(layers, down, right, chest, lung_extent)

    hu = np.full(shape, AIR, dtype=np.float32)
    if table:
        below = flat_down - (height + 0.05) + 0.16 * flat_right**2  # a hollow, seen from its foot
        hu = _paint(hu, (np.abs(below) < 0.01) | (np.abs(below - 0.13) < 0.01), TABLE)
    hu = _paint(hu, body < 1, FAT)
    hu = _paint(hu, flesh < 1, MUSCLE + 12 * smooth_noise(rng, shape, shape[0] / 40))
    hu = _paint(hu, _bones(layers, down, right, chest, chest_height), BONE)
    hu = _paint(hu, (chest < 0.97) & (right**2 + (down / 1.3) ** 2 < 0.4), FAT + 60)
    hu = _paint(hu, (chest < 0.93) & (dome < 0.92 * dome[lungs].min()), HEART)
    hu = _paint(hu, np.hypot(right - 0.09, down - chest_height + 0.22) < 0.06, HEART + 25)  # aorta, by the spine
    hu = _paint(hu, lungs, lung_hu + 25 * smooth_noise(layers.rng("parenchyma"), shape, shape[0] / 25))
    tubes = _vessels(layers, lungs, vessels) * soft_edge(lungs, 0.8)
    hu += tubes * (MUSCLE - hu)
    hu += noise * _grain(layers, shape)
    if field_of_view:
        hu[np.hypot(flat_down, flat_right) > 0.99] = PADDING
    if values == "hu":
        return layers.phantom(np.clip(np.rint(hu), PADDING, 3000).astype(np.int16), lungs)
    black = PADDING if field_of_view else AIR
    return layers.phantom(to_uint8(255 * (hu - black) / (BRIGHTEST - black)), lungs)


def _warped(layers: Layers, coordinate: Plane, axis: str) -> Plane:
    """Shift and warp a coordinate a little, so that no outline is a perfect curve in the very middle."""
    rng = layers.rng(f"warp {axis}")
    shape = coordinate.shape
    noise = smooth_noise(rng, (shape[0], shape[1]), min(shape) / 7)
    return plane(coordinate + 0.018 * noise + rng.uniform(-0.02, 0.02))


def _lungs(layers: Layers, down: Plane, right: Plane, chest: Plane, extent: float | None) -> tuple[Mask, Plane]:
    """The two halves of the chest less what lies nearest to the heart, and the distance from the heart."""
    rng = layers.rng("lungs")
    drawn = float(rng.uniform(0.65, 0.95))
    extent = check_range("lung_extent", drawn if extent is None else extent, 0.05, 1)
    gap = 0.05 + 0.06 * smoothstep(down, -0.4, -0.1) + 0.06 * smoothstep(down, 0.05, 0.3)  # wide before the spine
    sharp = (chest < 0.93) & (np.abs(right) > gap)
    halves = cv2.GaussianBlur(sharp.astype(np.float32), (0, 0), min(down.shape) / 45) > 0.5  # round corners
    dome = np.hypot((right - rng.uniform(0.06, 0.16)) / 1.15, down + rng.uniform(0.08, 0.2))
    level = np.where(halves, -dome, 0)  # what lies farthest from the heart stays lung
    room = lowest(plane(level), round(extent * int(halves.sum())))
    lungs = _largest(room & (right < 0)) | _largest(room & (right > 0))
    return lungs, plane(dome)


def _largest(mask: Mask) -> Mask:
    parts, count = ndimage.label(mask)
    return np.asarray(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])) if count else mask


def _bones(layers: Layers, down: Plane, right: Plane, chest: Plane, chest_height: float) -> Mask:
    rng = layers.rng("bones")
    angle = np.arctan2(down, right)
    ribs = np.zeros(down.shape, dtype=bool)
    for side in (0.0, np.pi):
        for middle in np.linspace(-1.15, 1.15, 6) + rng.normal(0, 0.05, 6):
            turn = np.abs((angle - side - middle + np.pi) % (2 * np.pi) - np.pi)
            centre = rng.uniform(1.06, 1.1)
            ribs |= ((turn / rng.uniform(0.1, 0.2)) ** 2 + ((chest - centre) / 0.045) ** 2) < 1
    behind = chest_height - 0.06
    spine = np.hypot(right / 0.115, (down - behind) / 0.1) < 1
    process = (np.abs(right) < 0.025) & (np.abs(down - behind - 0.15) < 0.08)
    arms = (np.abs(down - behind - 0.1 - 0.3 * np.abs(right)) < 0.02) & (np.abs(right) < 0.2)
    canal = np.hypot(right / 0.05, (down - behind - 0.1) / 0.035) < 1
    sternum = np.hypot(right / 0.12, (down + chest_height + 0.035) / 0.032) < 1
    return np.asarray((ribs | spine | process | arms | sternum) & ~canal)


def _vessels(layers: Layers, lungs: Mask, count: int) -> Plane:
    """Trees that start at each lung's root, in the middle of its medial side, and taper."""
    rng = layers.rng("vessels")
    width = lungs.shape[1]
    wide: list[tuple[NDArray[np.floating], int]] = []
    thin: list[tuple[NDArray[np.floating], int]] = []
    for half in (slice(0, width // 2), slice(width // 2, width)):
        rows, columns = np.nonzero(lungs[:, half])
        if not len(rows):
            continue
        columns = columns + half.start
        root_row = rows[int(0.45 * len(rows))]
        level = columns[rows == root_row]
        root = np.array([root_row, level.max() if half.start == 0 else level.min()], dtype=float)
        for _ in range(count):
            target = int(rng.integers(len(rows)))
            end = np.array([rows[target], columns[target]], dtype=float)
            trunk = bend((root[0], root[1]), (end[0], end[1]), rng.normal(0, 0.12))
            wide.append((trunk[:7], max(1, round(width / 85))))
            wide.append((trunk[6:12], max(1, round(width / 128))))
            thin.append((trunk[11:], max(1, round(width / 256))))
            for fork in rng.integers(6, 22, 3):
                tip = trunk[fork] + rng.normal(0, 0.045 * width, 2)
                thin.append((bend(tuple(trunk[fork]), tuple(tip), rng.normal(0, 0.1)), max(1, round(width / 256))))
    shape = lungs.shape[0], width
    return plane(np.maximum(0.9 * curves(shape, wide), 0.45 * curves(shape, thin)))  # thin ones: partial volume


def _grain(layers: Layers, shape: tuple[int, int]) -> Plane:
    """Noise of deviation 1: grain, and streaks along the rows, where the shoulders take the dose."""
    rng = layers.rng("noise")
    streaks = smooth_noise(rng, shape, (0.5, shape[1] / 12))
    return plane(0.9 * smooth_noise(rng, shape, 0.6) + 0.44 * streaks)


def _paint(hu: Plane, where: Mask, value: float | Plane) -> Plane:
    share = soft_edge(where, 0.7)
    return plane(hu + share * (value - hu))
