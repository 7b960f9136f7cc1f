"""Prepared image → clusters: the network of the method, or k-means where it does as well in a fraction of the time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msformer.config import Config, Precision
from msformer.errors import ConfigError, WeightsError
from msformer.prepare import Prepared
from msformer.segmentation import StopReason

if TYPE_CHECKING:  # torch is imported when the first network is built, not with the package
    from torch import Tensor

    from msformer.fit import CancelToken, FitEvent, FitStep
    from msformer.network import MSFormerNet

N_STARTS = 4
"""Starts of k-means, of which the one with the least variance within is kept."""
MAX_ROUNDS = 20


@dataclass(frozen=True)
class Clustering:
    """The pixels of a prepared image in clusters.

    Attributes:
        logits: ``(K, h, w)`` on the working grid without border; the largest wins. Hard labels as 0 and 1.
        stop_reason: Why the method ended; ``not_iterative`` for those without a loop.
        n_iter: Number of updates.
        history: Losses before each update.
        network: Sizes of the network that was optimised, None where there was none.
        precision: What the network computed in, None where there was none.
        kernels: What multiplied on a CPU, None where there was no network.
        initial_weights_digest: SHA-256 of the weights that it started from, None where they were drawn.
        state: What the same method can go on from in a similar image: the centroids of k-means ``(K, C)``, the
            optimised network.
    """

    logits: NDArray[np.floating]
    stop_reason: StopReason
    n_iter: int = 0
    history: tuple[FitStep, ...] = ()
    network: Mapping[str, int] | None = None
    precision: Precision | None = None
    kernels: str | None = None
    initial_weights_digest: str | None = None
    state: NDArray[np.floating] | MSFormerNet | None = None


Clusterer = Callable[[Prepared, Config], Clustering]
"""A method that puts the pixels of a prepared image into clusters. It sees the image and nothing else."""


def chosen_clusterer(
    *,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> Clusterer:
    """The clusterer that the settings name; see ``pipeline.segment`` for the arguments."""
    network = network_clusterer(initial_weights=initial_weights, on_event=on_event, cancel=cancel)

    def cluster(prepared: Prepared, settings: Config) -> Clustering:
        # Weights to start from can only be meant for the network.
        by_kmeans = settings.cluster.method == "kmeans" and initial_weights is None
        return (kmeans_clusterer if by_kmeans else network)(prepared, settings)

    return cluster


def network_clusterer(
    *,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> Clusterer:
    """The method itself as a clusterer; see ``pipeline.segment`` for the arguments."""

    def cluster(prepared: Prepared, settings: Config) -> Clustering:
        import torch

        from msformer.network import build_network, load_released, weights_digest

        in_channels = prepared.network_input.shape[0]
        if initial_weights is not None:
            network = load_released(initial_weights, affinity_shift=settings.network.affinity_shift)
            if (expected := network.fine.embedding.projection.in_channels) != in_channels:
                raise WeightsError(
                    f"initial_weights are for {expected} channels; the prepared image has {in_channels} "
                    f"(prepare.colour={settings.prepare.colour!r})"
                )
        else:
            # Drawn on the CPU whatever the device, so that a seed means the same everywhere.
            network = build_network(
                in_channels,
                embed_dim=settings.network.embed_dim,
                depth=settings.network.depth,
                patch_size=settings.network.patch_size,
                affinity_shift=settings.network.affinity_shift,
                generator=torch.Generator().manual_seed(settings.random_state),
            )
        clustering = _optimised(network, prepared, settings, on_event=on_event, cancel=cancel)
        digest = None if initial_weights is None else weights_digest(initial_weights)
        return replace(clustering, initial_weights_digest=digest)

    return cluster


class FollowingClusterer:
    """A clusterer for images that resemble each other in a row: each starts from where the one before it ended.

    So a cluster keeps its number from slice to slice, and the network needs half of the updates from the second on.

    Args:
        initial_weights: See ``pipeline.segment``.
        on_event: The same.
        cancel: The same.

    Attributes:
        state: What the next image starts from; None where it is the first.
    """

    def __init__(
        self,
        *,
        initial_weights: Mapping[str, Tensor] | None = None,
        on_event: Callable[[FitEvent], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.state: NDArray[np.floating] | MSFormerNet | None = None
        self._on_event, self._cancel = on_event, cancel
        self._first = chosen_clusterer(initial_weights=initial_weights, on_event=on_event, cancel=cancel)

    def __call__(self, prepared: Prepared, settings: Config) -> Clustering:
        """Put the pixels of the next image into clusters."""
        if self.state is None:
            clustering = self._first(prepared, settings)
        elif isinstance(self.state, np.ndarray):
            clustering = kmeans_clusterer(prepared, settings, start=self.state)
        else:
            half = settings.replace(fit={"max_iter": -(-settings.fit.max_iter // 2)})
            clustering = _optimised(self.state, prepared, half, on_event=self._on_event, cancel=self._cancel)
        self.state = clustering.state
        return clustering


def _optimised(
    network: MSFormerNet,
    prepared: Prepared,
    settings: Config,
    *,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> Clustering:
    """Optimise a network, from the parameters it has, on a prepared image."""
    from msformer.fit import fit

    needed, shortest = (
        network.sizes["patch_size"] + network.sizes["affinity_shift"],
        min(prepared.network_input.shape[1:]),
    )
    if shortest < needed:
        raise ConfigError(
            f"network.patch_size + network.affinity_shift must be at most the shorter side of the network's input, "
            f"{shortest} px; got {network.sizes['patch_size']} + {network.sizes['affinity_shift']}"
        )
    result = fit(network, prepared.network_input, settings.fit, on_event=on_event, cancel=cancel)
    inside = slice(prepared.padding, -prepared.padding or None)
    return Clustering(
        result.logits[:, inside, inside],
        result.stop_reason,
        result.n_iter,
        result.history,
        network=network.sizes,
        precision=result.precision,
        kernels=result.kernels,
        state=network,
    )


def kmeans_clusterer(prepared: Prepared, settings: Config, start: NDArray[np.floating] | None = None) -> Clustering:
    """k-means (Lloyd 1982, k-means++ starts, SciPy's) of the same channels; only the valid pixels take part.

    Args:
        prepared: What is clustered.
        settings: Number of clusters, and the seed of the starts.
        start: Centroids ``(K, C)`` to start from instead; clusters that lose all their pixels keep their number, and
            where they are fewer than the settings want, those are added that are farthest from all others.
    """
    from scipy.cluster.vq import kmeans2

    channels = prepared.channels.reshape(-1, prepared.network_input.shape[0]).astype(np.float64)
    points = channels[prepared.working.valid.ravel()]
    if start is None:
        centroids = _best_start(points, settings)
    else:
        start = _filled_up(start, points, settings.cluster.n_clusters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a cluster that this image lacks keeps its place
            centroids, _ = kmeans2(points, start, iter=MAX_ROUNDS, minit="matrix", missing="warn")
    distances = ((channels[:, None, :] - centroids[None]) ** 2).sum(axis=2)
    names = distances.argmin(axis=1).reshape(prepared.shape)
    logits = np.asarray(np.arange(len(centroids))[:, None, None] == names, dtype=np.float32)
    return Clustering(logits, "not_iterative", state=centroids)


def _best_start(points: NDArray[np.float64], settings: Config) -> NDArray[np.float64]:
    from scipy.cluster.vq import kmeans2

    count = min(settings.cluster.n_clusters, len(np.unique(points, axis=0)))
    rng = np.random.default_rng(settings.random_state)
    best, least = points[:1], np.inf
    for _ in range(N_STARTS if count > 1 else 0):
        centroids, labels = kmeans2(points, count, iter=MAX_ROUNDS, minit="++", missing="warn", seed=rng)
        inertia = float(((points - centroids[labels]) ** 2).sum())
        if inertia < least:
            best, least = centroids, inertia
    return best


def _filled_up(centroids: NDArray[np.floating], points: NDArray[np.float64], count: int) -> NDArray[np.floating]:
    """Centroids of an image with fewer colours than clusters, and up to ``count`` the points farthest from all."""
    while len(centroids) < count:
        nearest = ((points[:, None, :] - centroids[None]) ** 2).sum(axis=2).min(axis=1)
        if nearest.max() == 0:
            break
        centroids = np.vstack([centroids, points[nearest.argmax()]])
    return centroids


def merged(clustering: Clustering, channels: NDArray[np.float32], count: int) -> Clustering:
    """Merge clusters until ``count`` are left: each time the pair whose union adds the least variance within (Ward).

    Args:
        clustering: Its surviving clusters are merged.
        channels: ``(h, w, C)``, what clusters are compared in.
        count: Number of clusters that stay; fewer where fewer survive.
    """
    winners = clustering.logits.argmax(axis=0)
    names, index = np.unique(winners, return_inverse=True)
    areas = np.bincount(index.ravel()).astype(np.float64)
    planes = channels.reshape(-1, channels.shape[2]).T
    means = np.stack([np.bincount(index.ravel(), plane) / areas for plane in planes], axis=1)
    logits = [clustering.logits[name] for name in names]
    while len(logits) > count:
        cost = ((means[:, None] - means[None]) ** 2).sum(axis=2) * areas[:, None] * areas / (areas[:, None] + areas)
        cost[np.tril_indices(len(logits))] = np.inf
        first, second = np.unravel_index(int(cost.argmin()), cost.shape)
        total = areas[first] + areas[second]
        means[first] = (means[first] * areas[first] + means[second] * areas[second]) / total
        areas[first] = total
        logits[first] = np.maximum(logits[first], logits[second])  # whoever won stays in the union
        means, areas = np.delete(means, second, axis=0), np.delete(areas, second)
        del logits[second]
    return replace(clustering, logits=np.stack(logits))
