"""k-means of the prepared channels (whitened Lab in the default preset), pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.baselines.base import Counted, Method, one_hot, seed_32
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

N_INIT = 10
"""Starts (k-means++) of which the one with the least inertia is kept."""


def group(prepared: Prepared, settings: Config, count: int) -> Clustering:
    """Put the pixels into ``count`` clusters, or fewer where the image has fewer colours."""
    channels = prepared.channels
    labels = group_points(channels.reshape(-1, channels.shape[2]), count, seed_32(settings))
    return Clustering(one_hot(labels.reshape(prepared.shape)), "not_iterative")


def group_points(
    points: NDArray[np.floating], n_clusters: int, seed: int, weights: NDArray[np.floating] | None = None
) -> NDArray[np.int32]:
    """Cluster points.

    Args:
        points: ``(n, C)``.
        n_clusters: Clusters, at most; there are never more than distinct points.
        seed: 32 bits.
        weights: ``(n,)``, all 1 if left out.

    Returns:
        Labels ``(n,)`` from 0.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n_clusters = min(n_clusters, len(np.unique(points, axis=0)))
    model = KMeans(n_clusters, n_init=N_INIT, random_state=seed)
    with threadpool_limits(1):  # several threads add up in any order, which the last digits show
        labels: NDArray[np.int32] = model.fit_predict(points.astype(np.float64), sample_weight=weights)
    return labels


METHODS = tuple(
    Method(
        name=f"kmeans-{n_clusters}",
        cluster=Counted(group, n_clusters),
        seeded=True,
        reference=f"Lloyd, IEEE Trans. IT 28 (1982) 129-137; sklearn.cluster.KMeans, k-means++, n_init={N_INIT}",
        limits="Sees no neighbours and must be told k: more clusters shatter the object, fewer merge it.",
    )
    for n_clusters in (2, 3, 5, 8)
)
