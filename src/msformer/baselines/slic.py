"""SLIC superpixels, then k-means of their mean colours: the regions come first, so the borders are connected."""

from __future__ import annotations

import numpy as np

from msformer.baselines.base import Method, one_hot, seed_32
from msformer.baselines.kmeans import group_points
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

SEGMENT_AREA = 25
"""Working pixels of a superpixel, about."""
COMPACTNESS = 0.1
"""First weight of distance against colour; SLICO then sets it for each superpixel from the colours in it, because no
single weight suits smooth photographs and speckle."""
N_CLUSTERS = 3
"""An object, its surroundings and one thing more, such as dark corners or the air around a body."""


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Cluster superpixels by their mean channels, each with the weight of its area."""
    from skimage.segmentation import slic

    channels = prepared.channels
    n_segments = max(prepared.brightness.size // SEGMENT_AREA, N_CLUSTERS)
    segments = slic(
        channels,
        n_segments,
        compactness=COMPACTNESS,
        slic_zero=True,
        start_label=0,
        channel_axis=-1,
        convert2lab=False,
    ).ravel()
    area = np.bincount(segments)
    planes = channels.reshape(-1, channels.shape[2]).T
    means = np.stack([np.bincount(segments, plane) for plane in planes], axis=1) / np.maximum(area, 1)[:, None]
    used = area > 0
    labels = np.zeros(len(area), dtype=np.int32)
    labels[used] = group_points(means[used], N_CLUSTERS, seed_32(settings), area[used].astype(np.float64))
    return Clustering(one_hot(labels[segments].reshape(prepared.shape)), "not_iterative")


METHODS = (
    Method(
        name="slic-kmeans",
        cluster=cluster,
        seeded=True,
        reference=(
            "Achanta et al., IEEE TPAMI 34 (2012) 2274-2282; skimage.segmentation.slic (SLICO), "
            f"{SEGMENT_AREA} px a superpixel, then k-means with k={N_CLUSTERS}"
        ),
        limits="Objects smaller than a superpixel are lost, and k is fixed.",
    ),
)
