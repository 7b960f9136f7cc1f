"""The regions of an image together with the place on it that their grid stands for."""

from __future__ import annotations

from dataclasses import dataclass

from msformer.regions.region import Region, Window


@dataclass(frozen=True, eq=False)
class PlacedRegions:
    """Regions on a coarse grid that is stretched over a part of an image.

    Attributes:
        regions: The regions; nested, apart, or, where they come from different maps, overlapping.
        grid: Rows and columns of their grid.
        window: Rows and columns of the image that the grid is stretched over.
    """

    regions: tuple[Region, ...]
    grid: tuple[int, int]
    window: Window
