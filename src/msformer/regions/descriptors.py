"""What can be seen of a region: numbers that mean the same in every kind of picture.

No absolute colour and no name of a map: an object differs from its ring, has a border of its own, and lies somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.morphology import ellipse
from msformer.regions.region import Region, Window

RING = 0.35
"""Width of ring and inner band, in radii of the disc of the same area."""
RING_LIMITS = (2, 8)
"""The same in px: less is blur, more is somewhere else."""
SMOOTHED = 0.008
"""Width of the Gaussian against noise, as a share of the side: one pixel of 128."""
SAMPLE = 1500
"""Pixels that stand for the whole field."""
FAR = 4.0
"""Differences count up to so many spreads of the picture."""
STRONG = 8.0
"""Gradients count up to so many mean gradients of the picture."""
WEAK = 20
"""Percentile of the gradient along the outline that stands for where it is weak."""
TINY = 1e-6


NAMES = (
    # contrast across the border
    "light", "colour", "ring_split", "band_split", "ring_differs", "inside_alike",
    # the border itself
    "edge", "edge_weak", "edge_aligned", "edge_facing", "sharpness",
    # the frame
    "frame", "sides",
    # shape, means over the components weighted by their areas
    "solidity", "compact", "slender", "extent", "count", "uneven",
    # size and place
    "size", "typical_size", "row", "column", "centre",
    # inside and ring
    "inside_spread", "ring_spread", "texture", "ring_texture", "inside_rank", "ring_rank",
    # the rest of the picture
    "like_elsewhere", "explained", "unlike_rest", "is_colour",
    # what lies below, above and beside: shadows, echoes, layers
    "below", "above", "beside",
)  # fmt: skip
"""What ``describe`` gives, in this order; ``docs/regions.md`` says what each is."""


@dataclass(frozen=True)
class Ground:
    """What regions are compared with: the picture on the grid of the regions.

    Attributes:
        planes: ``(h, w, P)``, what tells things apart, the light first; noise is smoothed here.
        valid: ``(h, w)``.
    """

    planes: NDArray[np.float32]
    valid: Mask

    @classmethod
    def of(cls, planes: NDArray[np.float32], valid: Mask) -> Ground:
        """Smooth the planes of a view."""
        sigma = SMOOTHED * float(np.sqrt(valid.size))
        return cls(np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma), np.float32).reshape(planes.shape), valid)

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """Spread of each plane over the field."""
        spread = self.planes[self.valid].std(axis=0, dtype=np.float64)
        return np.asarray(np.maximum(spread, 0.1 * spread.max(initial=TINY) + TINY))

    @cached_property
    def standard(self) -> NDArray[np.float32]:
        """The planes in units of their spread."""
        return np.asarray(self.planes / self.scale, dtype=np.float32)

    @cached_property
    def gradients(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Change of each standard plane down and right, ``(h, w, P)`` each."""
        down = np.gradient(self.standard, axis=0).astype(np.float32)
        right = np.gradient(self.standard, axis=1).astype(np.float32)
        return down, right

    @cached_property
    def edges(self) -> NDArray[np.float32]:
        """Strength of the change over all planes, ``(h, w)``, with mean 1 over the field."""
        down, right = self.gradients
        strength = np.sqrt((down**2 + right**2).sum(axis=2))
        return np.asarray(strength / max(float(strength[self.valid].mean()), TINY), dtype=np.float32)

    @cached_property
    def texture(self) -> NDArray[np.float32]:
        """Fine contrast of the light, ``(h, w)``, with mean 1."""
        light = self.standard[:, :, 0]
        fine = cv2.GaussianBlur(np.abs(light - cv2.GaussianBlur(light, (0, 0), 1.5)), (0, 0), 1.5)
        return np.asarray(fine / max(float(fine[self.valid].mean()), TINY), dtype=np.float32)

    @cached_property
    def rank(self) -> NDArray[np.float32]:
        """Rank of the light in the field, 0 to 1."""
        light = self.planes[:, :, 0]
        seen = np.sort(light[self.valid])
        return np.asarray(np.searchsorted(seen, light) / max(len(seen), 1), dtype=np.float32)

    @cached_property
    def n_valid(self) -> int:
        """Pixels of the field."""
        return max(int(np.count_nonzero(self.valid)), 1)

    @cached_property
    def sample(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Rows, columns and standard planes ``(n, P)`` of about ``SAMPLE`` pixels spread over the field."""
        rows, columns = np.nonzero(self.valid)
        step = max(len(rows) // SAMPLE, 1)
        rows, columns = rows[::step], columns[::step]
        return rows, columns, self.standard[rows, columns]

    @cached_property
    def frame(self) -> Mask:
        """Pixels of the field beside the frame or beside what is no data."""
        padded = np.pad(self.valid, 1).astype(np.uint8)
        return np.asarray(self.valid & (cv2.erode(padded, ellipse(1))[1:-1, 1:-1] == 0))


@dataclass(frozen=True, eq=False)
class _Close:
    """A region in a window with room for its ring."""

    window: Window
    inside: Mask
    ring: Mask
    wide: Mask
    core: Mask
    rim: Mask
    radius: float

    @classmethod
    def of(cls, region: Region, ground: Ground, radius: float) -> _Close:
        height, width = ground.valid.shape
        band = int(np.clip(round(RING * radius), *RING_LIMITS))
        rows, columns = region.window
        top, left = max(rows.start - band - 1, 0), max(columns.start - band - 1, 0)
        window = (slice(top, min(rows.stop + band + 1, height)), slice(left, min(columns.stop + band + 1, width)))
        mask = np.zeros((window[0].stop - top, window[1].stop - left), dtype=np.uint8)
        mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = region.mask
        inside = mask > 0
        wide = cv2.dilate(mask, ellipse(band)) > 0
        # Behind the frame the region may go on: there it has no rim.
        core = cv2.erode(mask, ellipse(band), borderValue=1) > 0
        rim = inside & (cv2.erode(mask, ellipse(1), borderValue=1) == 0)
        ring = wide & ~inside & ground.valid[window]
        return cls(window, inside, ring if ring.any() else inside, wide, core, rim if rim.any() else inside, radius)


def describe(region: Region, ground: Ground) -> NDArray[np.float32]:
    """The numbers of a region, or of several components that are meant together, in the order of ``NAMES``.

    Differences are in units of the picture's own spread, gradients in those of its mean gradient, lengths in radii, so
    that they mean the same in every picture.
    """
    shape = _shape(region)
    close = _Close.of(region, ground, float(np.sqrt(shape["typical_area"] / np.pi)))
    planes = ground.standard[close.window]
    values, around = planes[close.inside], planes[close.ring]
    mean_in, mean_ring = values.mean(axis=0, dtype=np.float64), around.mean(axis=0, dtype=np.float64)
    delta = mean_in - mean_ring
    distance = float(np.sqrt((delta**2).sum()))
    direction = (delta / max(distance, TINY)).astype(np.float32)
    middle = float((mean_in + mean_ring) / 2 @ direction)
    x_in, x_ring = values @ direction, around @ direction
    inner = close.inside & ~close.core
    band = planes[inner] @ direction if inner.any() else x_in
    numbers = {
        "light": float(np.clip(delta[0], -FAR, FAR)),
        "colour": min(distance / float(np.sqrt(planes.shape[2])), FAR),
        "ring_split": _split(x_in, x_ring),
        "band_split": _split(band, x_ring),
        "ring_differs": float((x_ring < middle).mean()),
        "inside_alike": float((x_in > middle).mean()),
        "inside_spread": float(x_in.std()),
        "ring_spread": float(x_ring.std()),
        "is_colour": float(planes.shape[2] > 1),
        **_border(close, ground, direction),
        **_frame(region, close, ground),
        **shape,
        **_place(region, close, ground, shape["typical_area"]),
        **_texture(close, ground),
        **_rest(region, close, ground, direction, middle, float(x_in.mean())),
        **_around(region, ground, float(mean_in[0])),
    }
    return np.array([numbers[name] for name in NAMES], dtype=np.float32)


def _border(close: _Close, ground: Ground, direction: NDArray[np.float32]) -> dict[str, float]:
    """Change along the outline: how strong, how strong where it is weak, and whether it faces outwards."""
    rim = close.rim
    edges = ground.edges[close.window]
    on_rim = edges[rim]
    # The outward normal is that of the blurred mask, so that noise along the outline averages out.
    soft = cv2.GaussianBlur(close.inside.astype(np.float32), (0, 0), 1.5)
    down, right = cv2.Sobel(soft, cv2.CV_32F, 0, 1)[rim], cv2.Sobel(soft, cv2.CV_32F, 1, 0)[rim]
    steps_down, steps_right = (steps[close.window][rim] @ direction for steps in ground.gradients)
    facing = (steps_down * down + steps_right * right) / (np.sqrt(down**2 + right**2) + TINY)
    strength = np.sqrt(steps_down**2 + steps_right**2) + TINY
    mean = float(on_rim.mean())
    seen = ground.valid[close.window]
    usual = float(edges[seen].mean()) if seen.any() else 1.0
    within = float(edges[close.core].mean()) if close.core.any() else 1.0
    return {
        "edge": min(mean, STRONG),
        "edge_weak": min(float(np.percentile(on_rim, WEAK)), STRONG),
        "edge_aligned": float((facing / strength).mean()),
        "edge_facing": float(np.clip(float(facing.mean()) / max(usual, TINY), -FAR, STRONG)),
        "sharpness": min(mean / max(within, 0.1), STRONG),
    }


def _frame(region: Region, close: _Close, ground: Ground) -> dict[str, float]:
    """Share of the outline along the frame of the field, and share of the picture's four sides that are touched."""
    height, width = ground.valid.shape
    rows, columns = region.window
    along = ground.frame[close.window] & close.inside
    outline = max(int(np.count_nonzero(close.rim | along)), 1)
    sides = (rows.start <= 1, rows.stop >= height - 1, columns.start <= 1, columns.stop >= width - 1)
    return {"frame": int(np.count_nonzero(along)) / outline, "sides": sum(sides) / 4}


def _place(region: Region, close: _Close, ground: Ground, typical_area: float) -> dict[str, float]:
    """Size as the logarithm of the share of the field; place as shares of height and width from the middle."""
    height, width = ground.valid.shape
    moments = cv2.moments(close.inside.astype(np.uint8), binaryImage=True)
    row = (close.window[0].start + moments["m01"] / region.area + 0.5) / height - 0.5
    column = (close.window[1].start + moments["m10"] / region.area + 0.5) / width - 0.5
    return {
        "size": float(np.log(region.area / ground.n_valid + TINY)),
        "typical_size": float(np.log(typical_area / ground.n_valid + TINY)),
        "row": row,
        "column": abs(column),  # left and right are alike, top and bottom are not
        "centre": float(np.exp(-8 * (row**2 + column**2))),  # a Gaussian of a quarter of the side
    }


def _texture(close: _Close, ground: Ground) -> dict[str, float]:
    """Fine contrast over the picture's mean, and rank of the light, inside and in the ring."""
    texture, rank = ground.texture[close.window], ground.rank[close.window]
    return {
        "texture": float(texture[close.inside].mean()),
        "ring_texture": float(texture[close.ring].mean()),
        "inside_rank": float(rank[close.inside].mean()),
        "ring_rank": float(rank[close.ring].mean()),
    }


def _rest(
    region: Region, close: _Close, ground: Ground, direction: NDArray[np.float32], middle: float, mean_in: float
) -> dict[str, float]:
    """Is there more of it elsewhere, and how much of all variance does it explain (Otsu 1979)?"""
    rows, columns, sample = ground.sample
    values = sample @ direction
    top, left = close.window[0].start, close.window[1].start
    far = (rows < top) | (rows >= close.window[0].stop) | (columns < left) | (columns >= close.window[1].stop)
    near = ~far
    far[near] = ~close.wide[rows[near] - top, columns[near] - left]
    elsewhere = values[far] if far.any() else values
    outside = max(ground.n_valid - int(np.count_nonzero(close.wide)), 0)
    alike = float((elsewhere > middle).mean()) * outside if far.any() else 0.0
    share = region.area / ground.n_valid
    between = share / max(1 - share, TINY) * (mean_in - float(values.mean())) ** 2
    return {
        "like_elsewhere": float(np.log1p(alike / region.area)),
        "explained": min(between / (float(values.var()) + TINY), 1.0),
        "unlike_rest": abs(mean_in - float(elsewhere.mean())) / FAR,
    }


def _around(region: Region, ground: Ground, inside: float) -> dict[str, float]:
    """Light below, above and beside minus that inside: a shadow goes on downwards, an echo is brighter below."""
    height, width = ground.valid.shape
    light = ground.standard[:, :, 0]
    rows, columns = region.window
    reach = max(int(np.sqrt(region.area / np.pi)), 3)
    quarter = (columns.stop - columns.start) // 4
    middle = slice(columns.start + quarter, max(columns.stop - quarter, columns.start + quarter + 1))
    below = light[min(rows.stop + 1, height - 1) : min(rows.stop + 1 + reach, height), middle]
    above = light[max(rows.start - reach - 1, 0) : max(rows.start - 1, 1), middle]
    left = light[rows, max(columns.start - reach, 0) : max(columns.start, 1)]
    right = light[rows, min(columns.stop, width - 1) : min(columns.stop + reach, width)]
    means = {
        "below": float(below.mean()),
        "above": float(above.mean()),
        "beside": (float(left.sum()) + float(right.sum())) / (left.size + right.size),
    }
    return {name: float(np.clip(mean - inside, -FAR, FAR)) for name, mean in means.items()}


def _shape(region: Region) -> dict[str, float]:
    """Shape of the components, means weighted by their areas; areas in px."""
    contours, _ = cv2.findContours(region.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rows = []
    for outline in contours:
        perimeter = cv2.arcLength(outline, closed=True)
        # Outlines run through the pixels' centres; half a pixel is missing all around.
        area = cv2.contourArea(outline) + perimeter / 2 + 1
        hull = cv2.convexHull(outline)
        hull_area = cv2.contourArea(hull) + cv2.arcLength(hull, closed=True) / 2 + 1
        _, _, wide, high = cv2.boundingRect(outline)
        moments = cv2.moments(outline)
        mass = max(moments["m00"], 1.0)
        down, right, both = (moments[name] / mass for name in ("mu02", "mu20", "mu11"))
        root = float(np.sqrt((right - down) ** 2 + 4 * both**2))
        slender = np.sqrt((max((right + down - root) / 2, 0) + 0.25) / (max((right + down + root) / 2, 0) + 0.25))
        compact = 4 * np.pi * area / (perimeter + np.pi) ** 2
        extent = area / (wide * high)
        rows.append((area, min(area / hull_area, 1.0), min(compact, 1.0), float(slender), min(extent, 1.0)))
    table = np.array(rows)
    areas = table[:, 0]
    solidity, compact, slender, extent = (float(mean) for mean in np.average(table[:, 1:], axis=0, weights=areas))
    return {
        "solidity": solidity,
        "compact": compact,
        "slender": slender,
        "extent": extent,
        "count": float(np.log(len(table))),
        "uneven": float(areas.std() / areas.mean()),
        "typical_area": float((areas**2).sum() / areas.sum()),
    }


def _split(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Share of the variance of two groups that their difference explains (Otsu), both weighted alike."""
    difference = float(first.mean()) - float(second.mean())
    within = (float(first.var()) + float(second.var())) / 2
    return difference**2 / (difference**2 + 4 * within + TINY)
