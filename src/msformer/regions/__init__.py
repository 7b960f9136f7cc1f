"""Image → nested regions that could be the object, and what is seen of each. No ground truth in any signature."""

from msformer.regions.descriptors import NAMES, Ground, describe
from msformer.regions.features import FEATURES, region_features
from msformer.regions.find import coarse_masks, find_regions, overlaps
from msformer.regions.grid import region_view
from msformer.regions.placed import PlacedRegions
from msformer.regions.region import Region

__all__ = [
    "FEATURES",
    "NAMES",
    "Ground",
    "PlacedRegions",
    "Region",
    "coarse_masks",
    "describe",
    "find_regions",
    "overlaps",
    "region_features",
    "region_view",
]
