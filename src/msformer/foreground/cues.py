"""What speaks for a candidate. Each cue sees the scene and one mask, and gives a number in [0, 1].

Cues are multiplied, each raised to its weight, so a weight of 0 takes one out and none can be bought off by another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.foreground.scene import Scene
from msformer.image import Mask
from msformer.morphology import SPECK, dilated

Cue = Callable[[Mask, Scene], float]
RING_WIDTH = 0.05
"""Width of the ring around a candidate, as a share of the image's side."""
CENTRE_SPREAD = 0.25
"""Spread of the prior of place, as a share of height and width: two thirds of it lie in the middle half."""
SURROUND = 2.0
"""Area of what is just around an object, in areas of the object."""


def explained(mask: Mask, scene: Scene) -> float:
    """Share of the variance that the split into mask and rest explains (Otsu 1979), 0 on the wrong side."""
    inside = mask[scene.valid]
    return otsu_fraction(inside, scene.seen, scene.spread) if _is_right_side(inside, scene) else 0.0


def frame(mask: Mask, scene: Scene) -> float:
    """Share of the field's frame that is left free: objects lie inside, surroundings reach the frame."""
    return 1 - frame_share(mask, scene)


def ring(mask: Mask, scene: Scene) -> float:
    """Share of the ring around the mask that lies on the other side of half way between mask and rest.

    A part of something larger has its like in the ring. What lies outside of the field or the image counts as like:
    where nothing is seen, nothing speaks for a border.
    """
    rest = scene.valid & ~mask
    if not rest.any() or not mask.any():
        return 0.0
    inside, outside = float(scene.appearance[mask].mean()), float(scene.appearance[rest].mean())
    half = (inside + outside) / 2
    differs = scene.valid & (scene.appearance > half if outside > inside else scene.appearance < half)
    width = max(round(RING_WIDTH * scene.side), 1)
    padded = np.pad(mask, width)
    around = dilated(padded, width) & ~padded
    return float(np.pad(differs, width)[around].mean())


def solidity(mask: Mask, scene: Scene) -> float:
    """Area over that of the convex hull, mean over components weighted by their area."""
    areas, hulls = [], []
    for component, _ in _objects(mask):
        area = int(component.sum())
        points = cv2.findNonZero(component.astype(np.uint8))
        outline = cv2.convexHull(points)
        # The hull runs through the pixels' centres; half an outline is missing all around.
        hull = cv2.contourArea(outline) + cv2.arcLength(outline, closed=True) / 2 + 1
        areas.append(area)
        hulls.append(min(area / hull, 1.0))
    return float(np.average(hulls, weights=areas)) if areas else 0.0


def centre(mask: Mask, scene: Scene) -> float:
    """Mean over the mask of a Gaussian about the image's centre: pictures are taken of what is in their middle."""
    rows, columns = np.nonzero(mask)
    height, width = scene.shape
    down = ((rows + 0.5) / height - 0.5) / CENTRE_SPREAD
    right = ((columns + 0.5) / width - 0.5) / CENTRE_SPREAD
    return float(np.exp(-0.5 * (down**2 + right**2)).mean()) if len(rows) else 0.0


def separate(mask: Mask, scene: Scene) -> float:
    """How well objects differ from what is just around each: Otsu fraction of object and ring, 0 on the wrong side.

    The mean of the objects' median, which one large artefact does not move, and their mean by area, which many
    specks do not move.
    """
    areas, fractions = [], []
    for component, window in _objects(mask, grow=True):
        area = int(component.sum())
        radius = np.sqrt(area / np.pi)
        width = max(2, int(np.ceil(radius * (np.sqrt(1 + SURROUND) - 1))))
        distance = cv2.distanceTransform((~component).astype(np.uint8), cv2.DIST_L2, 3)
        near = (distance <= width) & ~mask[window] & scene.valid[window]
        if int(near.sum()) < 4:
            continue
        values = scene.appearance[window]
        difference = float(values[component].mean()) - float(values[near].mean())
        both = component | near
        is_right = scene.sign == 0 or difference * scene.sign > 0
        fractions.append(otsu_fraction(component[both], values[both]) if is_right else 0.0)
        areas.append(area)
    return (float(np.median(fractions)) + float(np.average(fractions, weights=areas))) / 2 if areas else 0.0


def air(mask: Mask, scene: Scene) -> float:
    """How far the mask's mean is on the way from the rest of the body to air: lungs are mostly air, fat is not.

    1 where no air is known.
    """
    rest = scene.valid & ~mask
    if scene.air is None or not rest.any() or not mask.any():
        return 1.0
    body = float(np.median(scene.appearance[rest]))
    way = body - scene.air
    return float(np.clip((body - float(scene.appearance[mask].mean())) / way, 0, 1)) if way > 0 else 1.0


CUES: Mapping[str, Cue] = MappingProxyType(
    {
        "frame": frame,
        "explained": explained,
        "air": air,
        "centre": centre,
        "ring": ring,
        "solidity": solidity,
        "separate": separate,
    }
)
"""Every cue by the name of its weight in ``CueWeights``, the cheap ones first."""


def frame_share(mask: Mask, scene: Scene) -> float:
    """Share of the field's frame that the mask covers."""
    return float(mask[scene.frame].mean())


def otsu_fraction(mask: NDArray[np.bool_], values: NDArray[np.floating], spread: float | None = None) -> float:
    """Share of the variance of ``values`` that the split into mask and rest explains, in [0, 1] (Otsu 1979).

    ``spread`` is the variance, where it is known already.
    """
    inside = int(np.count_nonzero(mask))
    outside = mask.size - inside
    spread = float(values.var(dtype=np.float64)) if spread is None else spread
    if inside == 0 or outside == 0 or spread == 0:
        return 0.0
    total = float(values.sum(dtype=np.float64))
    within = float(values[mask].sum(dtype=np.float64))
    difference = within / inside - (total - within) / outside
    return min(inside * outside / mask.size**2 * difference**2 / spread, 1.0)


def _is_right_side(inside: NDArray[np.bool_], scene: Scene) -> bool:
    if scene.sign == 0 or inside.all() or not inside.any():
        return True
    difference = float(scene.seen[inside].mean()) - float(scene.seen[~inside].mean())
    return difference * scene.sign > 0


def _objects(mask: Mask, *, grow: bool = False) -> list[tuple[Mask, tuple[slice, slice]]]:
    """Components of at least ``SPECK`` px, each in its own window, on request with room for its surroundings.

    Where all are smaller, the largest one.
    """
    labels, count = ndimage.label(mask)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    least = min(SPECK, int(areas.max(initial=0)))
    found = []
    for name, box in enumerate(ndimage.find_objects(labels), start=1):
        if areas[name - 1] < least:
            continue
        more = max(2, int(np.ceil(np.sqrt(areas[name - 1] / np.pi)))) if grow else 0
        window = tuple(slice(max(part.start - more, 0), part.stop + more) for part in box)
        found.append((labels[window] == name, (window[0], window[1])))
    return found
