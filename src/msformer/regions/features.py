"""Regions of one picture → one row of numbers each: what is seen of it, and how it ranks among the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.regions.descriptors import NAMES, Ground, describe
from msformer.regions.find import coarse_masks
from msformer.regions.region import Region

INSIDE = 0.95
"""A region lies inside of another if that covers this share of it."""
AMONG = ("support", "promise", "contains", "inside")
"""What a region is among the others: share of maps that have it, promise of its contour, how many it holds, and how
many hold it (logarithms)."""
FEATURES = (*NAMES, *AMONG, *(f"rank of {name}" for name in (*NAMES, *AMONG)))
"""The columns of ``region_features``."""


def region_features(regions: list[Region], ground: Ground) -> NDArray[np.float32]:
    """Describe the regions of one picture, ``(n, len(FEATURES))``.

    The second half holds the ranks of the first among the regions, from 0 to 1: what is unusual depends on the picture.
    """
    seen = np.stack([describe(region, ground) for region in regions])
    small = (coarse_masks(regions, ground.valid.shape) > 0.5).astype(np.float32)
    shared = small @ small.T
    area = small.sum(axis=1)
    among = np.stack(
        [
            np.array([region.support for region in regions]),
            np.log1p([region.promise for region in regions]),
            np.log1p((shared > INSIDE * area[None]).sum(axis=1)) / 4,
            np.log1p((shared > INSIDE * area[:, None]).sum(axis=1)) / 4,
        ],
        axis=1,
    )
    rows = np.concatenate([np.nan_to_num(seen), among], axis=1)
    ranks = rows.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / max(len(rows) - 1, 1)
    return np.asarray(np.concatenate([rows, ranks], axis=1), dtype=np.float32)
