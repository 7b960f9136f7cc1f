"""What speaks for a candidate. Each cue sees the scene and one mask, and gives a number in [0, 1].

Cues are multiplied, each raised to its weight, so a weight of 0 takes one out and none can be bought off by another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

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
FEWEST_AROUND = 4
"""An object with fewer px around it, such as one that fills a corner, says nothing of how it differs from them."""
FLAT = 1e-12
"""Variance under which there is nothing to explain: what rounding leaves of equal values."""


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


def several(mask: Mask, scene: Scene) -> float:
    """How many objects of like size there are, n / (n + 1): one thing that holds all others is none of many.

    n is the number that counts by area, (Σ a)² / Σ a², so that specks beside a large object add nothing.
    """
    areas = _Objects.of(mask).areas.astype(np.float64)
    if len(areas) == 0:
        return 0.0
    count = float(areas.sum() ** 2 / (areas**2).sum())
    return count / (count + 1)


def solidity(mask: Mask, scene: Scene) -> float:
    """Area over that of the convex hull, the objects' median: that of a typical one, whatever a large clump is like."""
    found = _Objects.of(mask)
    shares = []
    for name, area, box in zip(found.names, found.areas, found.boxes, strict=True):
        part = (found.labels[box] == name).astype(np.uint8)
        outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        outline = cv2.convexHull(np.concatenate(outlines))
        # The hull runs through the pixels' centres; half an outline is missing all around.
        hull = cv2.contourArea(outline) + cv2.arcLength(outline, closed=True) / 2 + 1
        shares.append(min(float(area) / hull, 1.0))
    return float(np.median(shares)) if shares else 0.0


def centre(mask: Mask, scene: Scene) -> float:
    """Mean over the mask of a Gaussian about the image's centre: pictures are taken of what is in their middle."""
    rows, columns = np.nonzero(mask)
    height, width = scene.shape
    down = ((rows + 0.5) / height - 0.5) / CENTRE_SPREAD
    right = ((columns + 0.5) / width - 0.5) / CENTRE_SPREAD
    return float(np.exp(-0.5 * (down**2 + right**2)).mean()) if len(rows) else 0.0


def separate(mask: Mask, scene: Scene) -> float:
    """How well objects differ from what is just around each: Otsu fraction of object and ring, 0 on the wrong side.

    The objects' median, which one large artefact does not move. What lies between two objects is around the nearer one.
    """
    found = _Objects.of(mask)
    if len(found.names) == 0 or mask.all():
        return 0.0
    away, nearest = cv2.distanceTransformWithLabels(
        (found.labels == 0).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    inside = found.labels > 0
    name_of = np.zeros(int(nearest.max()) + 1, dtype=np.int32)
    name_of[nearest[inside]] = found.labels[inside]
    count = int(found.labels.max()) + 1
    width = np.zeros(count, dtype=np.float32)  # components that are no objects have no ring
    radii = np.sqrt(found.areas / np.pi)
    width[found.names] = np.maximum(2, np.ceil(radii * (np.sqrt(1 + SURROUND) - 1)))
    around = np.flatnonzero((away <= width.max()) & ~inside & scene.valid)
    owner = name_of[nearest.ravel()[around]]
    near = away.ravel()[around] <= width[owner]
    own = _sums(found.labels[inside], scene.appearance[inside], count)[:, found.names]
    ring = _sums(owner[near], scene.appearance.ravel()[around[near]], count)[:, found.names]
    own, ring = own[:, ring[0] >= FEWEST_AROUND], ring[:, ring[0] >= FEWEST_AROUND]
    if own.shape[1] == 0:
        return 0.0
    total = own + ring
    difference = own[1] / own[0] - ring[1] / ring[0]
    spread = total[2] / total[0] - (total[1] / total[0]) ** 2
    between = own[0] * ring[0] / total[0] ** 2 * difference**2
    fractions = np.divide(between, spread, out=np.zeros_like(between), where=spread > FLAT)
    if scene.sign != 0:
        fractions[difference * scene.sign <= 0] = 0
    return float(np.median(np.minimum(fractions, 1)))


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
        "several": several,
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


@dataclass(frozen=True)
class _Objects:
    """Components of at least ``SPECK`` px; where all are smaller, the largest ones.

    Attributes:
        labels: ``(h, w)``, all components.
        names: Those that count.
        areas: Of each, in px.
        boxes: Of each.
    """

    labels: NDArray[np.int32]
    names: NDArray[np.intp]
    areas: NDArray[np.int32]
    boxes: list[tuple[slice, slice]]

    @classmethod
    def of(cls, mask: Mask) -> _Objects:
        found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        stats = found[2]
        areas = stats[1:, cv2.CC_STAT_AREA]
        names = np.flatnonzero(areas >= min(SPECK, int(areas.max(initial=0)))) + 1
        boxes = [(slice(y, y + height), slice(x, x + width)) for x, y, width, height, _ in stats[names].tolist()]
        return cls(np.asarray(found[1], dtype=np.int32), names, stats[names, cv2.CC_STAT_AREA], boxes)


def _sums(names: NDArray[np.integer], values: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Number, sum and sum of squares of the values under each name, ``(3, count)``."""
    values = values.astype(np.float64)
    weights = (None, values, values**2)
    return np.stack([np.bincount(names, weight, minlength=count) for weight in weights]).astype(np.float64)
