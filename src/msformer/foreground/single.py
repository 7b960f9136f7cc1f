"""One object: the region for which the evidence is best, of all regions of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msformer.config import ForegroundSettings
from msformer.foreground.asked import asked_evidence, hear, object_map
from msformer.foreground.evidence import region_evidence
from msformer.foreground.scene import Scene, box_overlap
from msformer.image import Mask
from msformer.regions import NAMES, Ground, Region, find_regions, region_features

if TYPE_CHECKING:
    from msformer.prompting import Looked

OTHER = 0.5
"""Regions that share less than this (intersection over union) with the chosen one are another answer."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Regions that could be the object, the best first.

    Attributes:
        regions: The regions.
        features: ``(n, len(FEATURES))``.
        expected: ``(n,)``, the Dice that each has in the mean, descending.
    """

    regions: list[Region]
    features: NDArray[np.float32]
    expected: NDArray[np.float64]

    @property
    def margin(self) -> float:
        """How much better the first is than the best that is another answer; its own value where there is none."""
        first = self.regions[0]
        for region, expected in zip(self.regions, self.expected, strict=True):
            if _overlap(first, region) < OTHER:
                return float(self.expected[0] - expected)
        return float(self.expected[0])


def rank_regions(
    ground: Ground, scene: Scene, settings: ForegroundSettings, looked: Looked | None = None
) -> Ranked | None:
    """Find and rank the regions that fit the settings and what the user said; None where none does.

    Args:
        ground: The picture on the grid of the regions.
        scene: The same grid, with point, box and sign.
        settings: What is known of the object without having seen it.
        looked: The same picture as the grown network sees it, where that has a say.
    """
    maps = None if looked is None else {"objects": object_map(looked, ground.valid)}
    regions = find_regions(ground.planes, ground.valid, maps)
    if not regions:
        return None
    features = region_features(regions, ground)
    expected = region_evidence().probability(features)
    if looked is not None:
        heard = hear(regions, expected, ground, looked)
        regions, features, expected = heard.regions, heard.features, asked_evidence().probability(heard.said)
    fits = np.array([_fits(region, row, scene, settings) for region, row in zip(regions, features, strict=True)])
    if scene.box is not None:
        expected = expected * [box_overlap(_box(region), scene.box) for region in regions]
    if not fits.any():
        return None
    order = np.flatnonzero(fits)
    order = order[np.argsort(-expected[order], kind="stable")]
    return Ranked([regions[index] for index in order], features[order], expected[order])


def _fits(region: Region, features: NDArray[np.float32], scene: Scene, settings: ForegroundSettings) -> bool:
    size = scene.valid.size
    if not (settings.min_share * size <= region.area <= settings.max_share * size):
        return False
    if region.area < settings.min_area * size:
        return False
    if scene.point is not None:
        row, column = (place - part.start for place, part in zip(scene.point, region.window, strict=True))
        inside = 0 <= row < region.mask.shape[0] and 0 <= column < region.mask.shape[1] and region.mask[row, column]
        if not inside:
            return False
    if scene.sign * features[NAMES.index("light")] < 0:
        return False
    return settings.touches_frame or not bool((region.on(scene.shape) & scene.frame).any())


def _overlap(first: Region, second: Region) -> float:
    rows = slice(max(first.window[0].start, second.window[0].start), min(first.window[0].stop, second.window[0].stop))
    columns = slice(
        max(first.window[1].start, second.window[1].start), min(first.window[1].stop, second.window[1].stop)
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return 0.0
    shared = int(np.count_nonzero(_part(first, rows, columns) & _part(second, rows, columns)))
    return float(shared / (first.area + second.area - shared))


def _part(region: Region, rows: slice, columns: slice) -> Mask:
    down, right = region.window[0].start, region.window[1].start
    return region.mask[rows.start - down : rows.stop - down, columns.start - right : columns.stop - right]


def _box(region: Region) -> tuple[int, int, int, int]:
    rows, columns = region.window
    return rows.start, columns.start, rows.stop, columns.stop
