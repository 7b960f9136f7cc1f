"""A mask of many objects → objects one by one, touching ones parted where the mask has a neck.

Two convex objects that touch leave a neck between them, and one convex object has none: the distance to the border
has one top in each object and one saddle in each neck (Vincent & Soille 1991). So the tops are seeds, but only where
the way to a higher one leads through a neck that is narrow *beside the smaller of both parts*, whatever the size of
the objects; an elongated nucleus is as wide in its middle as anywhere and stays whole. A watershed of the distance
draws the line. Shape alone decides: brightness inside of a nucleus varies more than between neighbours.

Components are taken one by one in their own windows, so that beside the labels memory is that of the largest one, and
of that on a coarser grid where it is very large.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask, row_strips
from msformer.morphology import SPECK, depth_of

Instances: TypeAlias = NDArray[np.uint16 | np.uint32]
"""``(H, W)``; 0 on the ground, 1 to n without gaps, one number an object."""
SMOOTHING, LEAST_SMOOTHING = 0.05, 1.0
"""Standard deviation of the blur of the distance, in radii of the component's widest part, and at least in px: steps of
the outline that pixels or noise have made are shorter, necks are longer."""
FLAT = 1.0
"""Convexity defects of fewer px are those of the pixels: a component without deeper ones is convex, thus one object."""
SLENDER = 2.0
"""Area of a part in discs as wide as it is; about length by width. Where most parts of a component are longer, they
are rather pieces of one long wavy object than objects that lie end to end."""
SURER = 4
"""Power to which the share is raised for them: .9 becomes .66, a neck that no wave of an outline is."""
WINDOW_PIXELS = 2**21
"""Larger windows are parted on a coarser grid: 60 MB, and objects that touch in so large a component are not small."""


def part_instances(mask: Mask, neck: float) -> Instances:
    """Number the objects of a mask, touching ones parted.

    Args:
        mask: ``(H, W)``; components are of neighbours that share an edge.
        neck: In [0, 1): parts are objects of their own where the neck between them is narrower than this share of the
            width of the smaller one; 0 parts nothing, so that each component is an object.

    Returns:
        ``(H, W)``, 0 exactly where the mask is not; in the order of the objects' first pixels, row by row. 16 bit,
        or 32 where there are more than 65,535 objects.
    """
    found = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    count, labels, stats = found[0], np.asarray(found[1], dtype=np.int32), found[2]
    for name in range(1, count) if neck > 0 else ():
        column, row, width, height, area = (int(value) for value in stats[name])
        if area < 2 * SPECK:  # two objects that could be judged have more
            continue
        window = labels[row : row + height, column : column + width]
        component = np.pad(window == name, 1)  # beyond the frame is not the object
        if _is_convex(component):
            continue
        parts = _parts(component, neck)[1:-1, 1:-1]
        n_parts = int(parts.max())
        # The first part keeps the component's number.
        window[parts > 1] = parts[parts > 1] + (count - 2)
        count += n_parts - 1
    return _in_reading_order(labels, count - 1)


def _is_convex(component: Mask) -> bool:
    """Whether no point of the outer outline is farther from the convex hull than ``FLAT`` px."""
    outlines, _ = cv2.findContours(component.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)[:, 0].astype(np.float32)
    hull = cv2.convexHull(outline)[:, 0]
    if len(hull) < 3:  # a line
        return True
    starts, sides = hull, np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(*sides.T)
    nearest = np.full(len(outline), np.inf, dtype=np.float32)
    for (x, y), (across, down), length in zip(starts, sides, lengths, strict=True):
        # All of the outline is on one side, so the distance to the line is that to the hull's side where it counts.
        distance = np.abs((outline[:, 0] - x) * down - (outline[:, 1] - y) * across) / length
        np.minimum(nearest, distance, out=nearest)
    return bool(nearest.max() < FLAT)


def _parts(component: Mask, neck: float) -> NDArray[np.int32]:
    """One component in its window, False around it, as parts 1 to n; 0 outside."""
    step = int(np.ceil(np.sqrt(component.size / WINDOW_PIXELS)))
    coarse = _coarser(component, step)
    depth = depth_of(coarse)
    sigma = max(SMOOTHING * float(depth.max()), LEAST_SMOOTHING)
    blurred = cv2.GaussianBlur(depth, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    smooth = np.where(coarse, blurred, 0).astype(np.float32)
    parts = _between_necks(smooth, coarse, neck)
    if (n_parts := int(parts.max())) > 1:
        names = np.arange(1, n_parts + 1)
        widest = np.asarray(ndimage.maximum(depth, parts, names))
        if float(np.median(np.bincount(parts.ravel())[1:] / (np.pi * widest**2))) > SLENDER:
            parts = _between_necks(smooth, coarse, neck**SURER)
    if step > 1:
        rows, columns = (np.arange(side) // step for side in component.shape)
        parts = parts[np.ix_(rows, columns)]  # no part is lost: every square of one has a pixel of it
        parts[~component] = 0
    return parts


def _between_necks(smooth: NDArray[np.float32], component: Mask, neck: float) -> NDArray[np.int32]:
    """Parts 1 to n of a component whose depth is ``smooth``, 0 outside; ``neck`` as in ``part_instances``."""
    from skimage.measure import label
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    # Differences of logarithms are ratios of widths; one px more, so that a px more or less is no neck.
    height = np.log1p(smooth.astype(np.float64))
    # The tops of what is left when all is cut by so much: scikit-image's h_maxima keeps tops of equal height apart.
    cut = reconstruction(height + np.log(neck), height)  # type: ignore[no-untyped-call]
    seeds = label(local_maxima(cut), connectivity=2)  # type: ignore[no-untyped-call]
    if seeds.max() <= 1:
        return component.astype(np.int32)
    return np.asarray(watershed(-smooth, seeds, mask=component), dtype=np.int32)  # type: ignore[no-untyped-call]


def _coarser(mask: Mask, step: int) -> Mask:
    """Squares of ``step`` px, True where any of their pixels is; so every pixel has a square."""
    if step == 1:
        return mask
    height, width = (-(-side // step) for side in mask.shape)
    padded = np.pad(mask, ((0, height * step - mask.shape[0]), (0, width * step - mask.shape[1])))
    return np.asarray(padded.reshape(height, step, width, step).any(axis=(1, 3)))


def _in_reading_order(labels: NDArray[np.int32], count: int) -> Instances:
    """Labels 0 to ``count``, renumbered by the first pixel of each."""
    width = labels.shape[1]
    first = np.zeros(count + 1, dtype=np.int64)
    for part in reversed([*row_strips(labels.shape)]):
        strip = labels[part].ravel()[::-1]
        first[strip] = np.arange(len(strip) - 1, -1, -1) + part.start * width  # the last one that is written stays
    number = np.zeros(count + 1, dtype=np.uint16 if count <= np.iinfo(np.uint16).max else np.uint32)
    number[1 + np.argsort(first[1:])] = np.arange(1, count + 1)
    instances: Instances = np.empty(labels.shape, dtype=number.dtype)
    for part in row_strips(labels.shape):  # strip by strip: numpy widens what it indexes with
        instances[part] = number[labels[part]]
    return instances
