"""What can be seen of a region: numbers that mean the same in every kind of picture.

No absolute colour and no name of a map: an object differs from its ring, has a border of its own, and lies somewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

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
    def sample(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Flat places, and standard planes ``(P, n)``, of about ``SAMPLE`` pixels spread over the field."""
        places = np.flatnonzero(self.valid)
        places = places[:: max(len(places) // SAMPLE, 1)]
        return places, self.layers[: self.planes.shape[2]].take(places, axis=1)

    @cached_property
    def frame(self) -> Mask:
        """Pixels of the field beside the frame or beside what is no data."""
        padded = np.pad(self.valid, 1).astype(np.uint8)
        return np.asarray(self.valid & (cv2.erode(padded, ellipse(1))[1:-1, 1:-1] == 0))

    @cached_property
    def layers(self) -> NDArray[np.float64]:
        """The standard planes, texture and rank, ``(P + 2, h · w)``."""
        layers = [*np.moveaxis(self.standard, 2, 0), self.texture, self.rank]
        return np.stack([layer.ravel() for layer in layers]).astype(np.float64)

    @cached_property
    def changes(self) -> NDArray[np.float64]:
        """The gradients down, those to the right, and the edges, ``(2 P + 1, h · w)``."""
        down, right = self.gradients
        layers = [*np.moveaxis(down, 2, 0), *np.moveaxis(right, 2, 0), self.edges]
        return np.stack([layer.ravel() for layer in layers]).astype(np.float64)

    @cached_property
    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Sums over boxes, as ``_box_sum`` takes them: of the light, of the edges in the field, and of the field."""
        valid = self.valid.astype(np.float64)
        light, edges = self.standard[:, :, 0].astype(np.float64), self.edges * valid
        first, second, third = (np.asarray(cv2.integral(layer), dtype=np.float64) for layer in (light, edges, valid))
        return first, second, third


def _box_sum(sums: NDArray[np.float64], top: int, bottom: int, left: int, right: int) -> float:
    return float(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])


@cache
def _disc(radius: int) -> NDArray[np.uint8]:
    return ellipse(radius)


@dataclass(frozen=True, eq=False)
class _Close:
    """A region in a window with room for its ring; places are flat ones in the window.

    Attributes:
        window: Rows and columns on the grid.
        mask: 1 inside, 0 outside.
        wide: The region with its ring, 1 and 0.
        core: What lies deeper in the region than the band.
        inside: Places of the region.
        ring: Places of the ring, or those of the region where it has none.
        band: Which places of the region are not of the core.
        rim: Places of the outline, or those of the region where it has none.
    """

    window: Window
    mask: NDArray[np.uint8]
    wide: NDArray[np.uint8]
    core: NDArray[np.uint8]
    inside: NDArray[np.intp]
    ring: NDArray[np.intp]
    band: Mask
    rim: NDArray[np.intp]

    @classmethod
    def of(cls, region: Region, ground: Ground, radius: float) -> _Close:
        height, width = ground.valid.shape
        band = min(max(round(RING * radius), RING_LIMITS[0]), RING_LIMITS[1])
        rows, columns = region.window
        top, left = max(rows.start - band - 1, 0), max(columns.start - band - 1, 0)
        window = (slice(top, min(rows.stop + band + 1, height)), slice(left, min(columns.stop + band + 1, width)))
        mask = np.zeros((window[0].stop - top, window[1].stop - left), dtype=np.uint8)
        mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = region.mask
        wide = cv2.dilate(mask, _disc(band))
        # Behind the frame the region may go on: there it has no rim.
        core = cv2.erode(mask, _disc(band), borderValue=1)
        inside = np.flatnonzero(mask)
        ring = np.flatnonzero((wide > mask) & ground.valid[window])
        rim = np.flatnonzero(cv2.erode(mask, _disc(1), borderValue=1) < mask)
        return cls(
            window,
            mask,
            np.asarray(wide, np.uint8),
            np.asarray(core, np.uint8),
            inside,
            ring if len(ring) else inside,
            core.ravel().take(inside) == 0,
            rim if len(rim) else inside,
        )

    def on(self, places: NDArray[np.intp], width: int) -> NDArray[np.intp]:
        """Places on the whole grid of some width."""
        rows, columns = self.window
        own = columns.stop - columns.start
        return np.asarray(places + (places // own) * (width - own) + (rows.start * width + columns.start))


def describe(region: Region, ground: Ground) -> NDArray[np.float32]:
    """The numbers of a region, or of several components that are meant together, in the order of ``NAMES``.

    Differences are in units of the picture's own spread, gradients in those of its mean gradient, lengths in radii, so
    that they mean the same in every picture.
    """
    shape = _shape(region)
    close = _Close.of(region, ground, math.sqrt(shape["typical_area"] / math.pi))
    width, n_planes = ground.valid.shape[1], ground.planes.shape[2]
    inside = close.on(close.inside, width)
    values, around = ground.layers.take(inside, axis=1), ground.layers.take(close.on(close.ring, width), axis=1)
    means_in, means_ring = values.sum(axis=1) / values.shape[1], around.sum(axis=1) / around.shape[1]
    mean_in, mean_ring = means_in[:n_planes], means_ring[:n_planes]
    delta = mean_in - mean_ring
    distance = math.sqrt(delta @ delta)
    direction = delta / max(distance, TINY)
    middle = float((mean_in + mean_ring) @ direction) / 2
    x_in, x_ring = direction @ values[:n_planes], direction @ around[:n_planes]
    band = x_in[close.band]
    of_in, of_ring = _moments(x_in), _moments(x_ring)
    numbers = {
        "light": _clipped(float(delta[0]), -FAR, FAR),
        "colour": min(distance / math.sqrt(n_planes), FAR),
        "ring_split": _split(of_in, of_ring),
        "band_split": _split(_moments(band) if len(band) else of_in, of_ring),
        "ring_differs": int(np.count_nonzero(x_ring < middle)) / len(x_ring),
        "inside_alike": int(np.count_nonzero(x_in > middle)) / len(x_in),
        "inside_spread": math.sqrt(of_in[1]),
        "ring_spread": math.sqrt(of_ring[1]),
        "texture": float(means_in[-2]),
        "ring_texture": float(means_ring[-2]),
        "inside_rank": float(means_in[-1]),
        "ring_rank": float(means_ring[-1]),
        "is_colour": float(n_planes > 1),
        **_border(region, close, ground, direction, inside),
        **shape,
        **_place(region, close, ground, shape["typical_area"]),
        **_rest(region, close, ground, direction, middle, of_in[0]),
        **_around(region, ground, float(mean_in[0])),
    }
    return np.array([numbers[name] for name in NAMES], dtype=np.float32)


def _border(
    region: Region, close: _Close, ground: Ground, direction: NDArray[np.float64], inside: NDArray[np.intp]
) -> dict[str, float]:
    """The outline: how strong the change is, how strong where it is weak, whether it faces outwards; the frame.

    Of the frame, the share of the outline along it, and the share of the picture's four sides that are touched.
    """
    height, width = ground.valid.shape
    rim = close.on(close.rim, width)
    changes = ground.changes.take(rim, axis=1)
    count, n_planes = len(rim), len(direction)
    on_rim = changes[-1]
    # The outward normal is that of the blurred mask, so that noise along the outline averages out.
    soft = cv2.GaussianBlur(close.mask.astype(np.float32), (0, 0), 1.5)
    down, right = (cv2.Sobel(soft, cv2.CV_32F, *order).ravel().take(close.rim) for order in ((0, 1), (1, 0)))
    steps_down, steps_right = direction @ changes[:n_planes], direction @ changes[n_planes : 2 * n_planes]
    facing = (steps_down * down + steps_right * right) / (np.sqrt(down * down + right * right) + TINY)
    strength = np.sqrt(steps_down * steps_down + steps_right * steps_right) + TINY
    mean = float(on_rim.sum()) / count
    rows, columns = close.window
    box = rows.start, rows.stop, columns.start, columns.stop
    n_seen = _box_sum(ground.sums[2], *box)
    usual = _box_sum(ground.sums[1], *box) / n_seen if n_seen > 0 else 1.0
    within = cv2.mean(ground.edges[close.window], mask=close.core)[0] if close.core.any() else 1.0
    frame = ground.frame.ravel()
    along = int(np.count_nonzero(frame.take(inside)))
    outline = max(count + along - int(np.count_nonzero(frame.take(rim))), 1)
    rows, columns = region.window
    sides = (rows.start <= 1, rows.stop >= height - 1, columns.start <= 1, columns.stop >= width - 1)
    return {
        "edge": min(mean, STRONG),
        "edge_weak": min(_percentile(on_rim, WEAK), STRONG),
        "edge_aligned": float((facing / strength).sum()) / count,
        "edge_facing": _clipped(float(facing.sum()) / count / max(usual, TINY), -FAR, STRONG),
        "sharpness": min(mean / max(within, 0.1), STRONG),
        "frame": along / outline,
        "sides": sum(sides) / 4,
    }


def _place(region: Region, close: _Close, ground: Ground, typical_area: float) -> dict[str, float]:
    """Size as the logarithm of the share of the field; place as shares of height and width from the middle."""
    height, width = ground.valid.shape
    rows, columns = close.window
    own = columns.stop - columns.start
    down = int((close.inside // own).sum())
    right = int(close.inside.sum()) - own * down
    row = (rows.start + down / region.area + 0.5) / height - 0.5
    column = (columns.start + right / region.area + 0.5) / width - 0.5
    return {
        "size": math.log(region.area / ground.n_valid + TINY),
        "typical_size": math.log(typical_area / ground.n_valid + TINY),
        "row": row,
        "column": abs(column),  # left and right are alike, top and bottom are not
        "centre": math.exp(-8 * (row**2 + column**2)),  # a Gaussian of a quarter of the side
    }


def _rest(
    region: Region, close: _Close, ground: Ground, direction: NDArray[np.float64], middle: float, mean_in: float
) -> dict[str, float]:
    """Is there more of it elsewhere, and how much of all variance does it explain (Otsu 1979)?"""
    places, sample = ground.sample
    values = direction @ sample
    wide = np.zeros(ground.valid.shape, dtype=bool)
    wide[close.window] = close.wide
    elsewhere = values[~wide.ravel().take(places)]
    outside = max(ground.n_valid - int(np.count_nonzero(close.wide)), 0)
    alike = int(np.count_nonzero(elsewhere > middle)) / max(len(elsewhere), 1) * outside
    share = region.area / ground.n_valid
    mean, variance = _moments(values)
    between = share / max(1 - share, TINY) * (mean_in - mean) ** 2
    mean_far = float(elsewhere.sum()) / len(elsewhere) if len(elsewhere) else mean
    return {
        "like_elsewhere": math.log1p(alike / region.area),
        "explained": min(between / (variance + TINY), 1.0),
        "unlike_rest": abs(mean_in - mean_far) / FAR,
    }


def _around(region: Region, ground: Ground, inside: float) -> dict[str, float]:
    """Light below, above and beside minus that inside: a shadow goes on downwards, an echo is brighter below."""
    height, width = ground.valid.shape
    rows, columns = region.window
    reach = max(int(math.sqrt(region.area / math.pi)), 3)
    quarter = (columns.stop - columns.start) // 4
    middle = columns.start + quarter, max(columns.stop - quarter, columns.start + quarter + 1)
    below = (min(rows.stop + 1, height - 1), min(rows.stop + 1 + reach, height), *middle)
    above = (max(rows.start - reach - 1, 0), max(rows.start - 1, 1), *middle)
    left = (rows.start, rows.stop, max(columns.start - reach, 0), max(columns.start, 1))
    right = (rows.start, rows.stop, min(columns.stop, width - 1), min(columns.stop + reach, width))
    means = {}
    for name, boxes in (("below", (below,)), ("above", (above,)), ("beside", (left, right))):
        total = sum(_box_sum(ground.sums[0], *box) for box in boxes)
        means[name] = total / sum((box[1] - box[0]) * (box[3] - box[2]) for box in boxes)
    return {name: _clipped(mean - inside, -FAR, FAR) for name, mean in means.items()}


def _shape(region: Region) -> dict[str, float]:
    """Shape of the components, means weighted by their areas; areas in px."""
    contours, _ = cv2.findContours(region.mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rows = [_outline_shape(np.asarray(outline, dtype=np.int32)) for outline in contours]
    areas = [row[0] for row in rows]
    total = sum(areas)
    mean = total / len(rows)
    solidity, compact, slender, extent = (sum(row[0] * row[at] for row in rows) / total for at in range(1, 5))
    return {
        "solidity": solidity,
        "compact": compact,
        "slender": slender,
        "extent": extent,
        "count": math.log(len(rows)),
        "uneven": math.sqrt(sum((area - mean) ** 2 for area in areas) / len(rows)) / mean,
        "typical_area": sum(area**2 for area in areas) / total,
    }


def _outline_shape(outline: NDArray[np.int32]) -> tuple[float, float, float, float, float]:
    """Area, solidity, compactness, slenderness and extent of one component."""
    perimeter = cv2.arcLength(outline, closed=True)
    # Outlines run through the pixels' centres; half a pixel is missing all around.
    area = cv2.contourArea(outline) + perimeter / 2 + 1
    hull = cv2.convexHull(outline)
    hull_area = cv2.contourArea(hull) + cv2.arcLength(hull, closed=True) / 2 + 1
    _, _, wide, high = cv2.boundingRect(outline)
    moments = cv2.moments(outline)
    mass = max(moments["m00"], 1.0)
    down, right, both = (moments[name] / mass for name in ("mu02", "mu20", "mu11"))
    root = math.sqrt((right - down) ** 2 + 4 * both**2)
    slender = math.sqrt((max((right + down - root) / 2, 0) + 0.25) / (max((right + down + root) / 2, 0) + 0.25))
    compact = 4 * math.pi * area / (perimeter + math.pi) ** 2
    return area, min(area / hull_area, 1.0), min(compact, 1.0), slender, min(area / (wide * high), 1.0)


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _percentile(values: NDArray[np.float64], percent: float) -> float:
    """``numpy.percentile`` of few values."""
    place = percent / 100 * (len(values) - 1)
    low = int(place)
    near = np.sort(values)[low : low + 2].tolist()
    return float(near[0] + (near[-1] - near[0]) * (place - low))


def _moments(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and variance."""
    mean = float(values.sum()) / len(values)
    off = values - mean
    return mean, float(off @ off) / len(values)


def _split(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Share of the variance of two groups that their difference explains (Otsu), both weighted alike."""
    difference = first[0] - second[0]
    within = (first[1] + second[1]) / 2
    return difference**2 / (difference**2 + 4 * within + TINY)
