"""A centred disc: no clustering at all. What it scores is the work of the photographer and of the boundary."""

from __future__ import annotations

import numpy as np

from msformer.baselines.base import Method, one_hot
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

RADIUS = 1 / 3
"""Of the shorter side; the disc has π/9 of that side's square, 26 % of an image of 4 : 3."""


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Cluster 1 is the disc, cluster 0 the rest."""
    height, width = prepared.shape
    rows, columns = np.ogrid[:height, :width]
    radius = RADIUS * min(height, width)
    inside = (rows - (height - 1) / 2) ** 2 + (columns - (width - 1) / 2) ** 2 <= radius**2
    return Clustering(one_hot(inside.astype(np.intp)), "not_iterative")


METHODS = (
    Method(
        name="disc",
        cluster=cluster,
        seeded=False,
        reference="No method: the same disc for every image, radius 1/3 of the shorter side",
        limits="Does not look at the image; whatever does not beat it has found nothing.",
        object_label=1,
    ),
)
