"""DeepCluster, written here after the paper, with pixels in the place of images.

M. Caron, P. Bojanowski, A. Joulin, M. Douze, "Deep clustering for unsupervised learning of visual features", ECCV 2018,
LNCS 11218, 139-156, arXiv 1807.05520. Two steps take turns: k-means of the network's features, reduced by principal
components, whitened and scaled to length 1, gives each item a label; the network and a new linear classifier on top of
it are then fitted to tell these labels, with classes drawn equally often. In the end the features are clustered into as
many groups as are wanted.

Written from memory of the paper, without its program. Departures:

* Pixels of one image are the items, where the paper has a million photographs; five rounds of ten updates, so that the
  number of updates is that of the other methods that learn here.
* The small network of DFC and SGSCN. k-means sees a sample of ``SAMPLE`` pixels and labels all.
* Classes count equally by weights in the loss, since all pixels are seen at each update.
* Other light and mirroring stand for the paper's crops.
* Eight principal components where the paper keeps 256 of 4,096.
* The prepared channels of the settings in place of the image filtered by Sobel, as for every other method here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.baselines.base import Counted, LearningSettings, Method, one_hot, seed_32
from msformer.baselines.kmeans import group_points
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

LEARNING = LearningSettings(width=32)
ROUNDS = 5
"""How often labels are made anew; the updates are spread over the rounds."""
OVER = 10
"""Labels of a round, a class wanted: the paper found that ten times as many clusters as classes serve best."""
COMPONENTS = 8
SAMPLE = 5_000


def whitened(features: NDArray[np.floating], components: int) -> NDArray[np.float64]:
    """Principal components of ``(n, D)``, each of variance 1, then rows of length 1: ``(n, ≤ components)``.

    Directions without variance are left out.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))  # ascending
    kept = np.flatnonzero(variances > variances[-1] * 1e-6)[-components:][::-1]
    scores = centred @ directions[:, kept] / np.sqrt(variances[kept])
    lengths = np.linalg.norm(scores, axis=1, keepdims=True)
    return np.asarray(scores / np.maximum(lengths, 1e-12))


def labels_by_sample(points: NDArray[np.float64], count: int, seed: int) -> NDArray[np.intp]:
    """k-means of a sample of points ``(n, C)``, and of all points the nearest centre: ``(n,)`` from 0."""
    rng = np.random.default_rng(seed)
    sample = points[rng.choice(len(points), SAMPLE, replace=False)] if len(points) > SAMPLE else points
    labels = group_points(sample, count, seed)
    centres = np.stack([sample[labels == label].mean(axis=0) for label in np.unique(labels)])
    distances = (centres**2).sum(axis=1) - 2 * points @ centres.T  # less the same number for all
    _, names = np.unique(distances.argmin(axis=1), return_inverse=True)
    return names


def group(prepared: Prepared, settings: Config, count: int) -> Clustering:
    """Put the pixels into at most ``count`` classes.

    Raises:
        FitDivergedError: The loss became NaN or infinite.
    """
    import torch
    import torch.nn.functional as F

    from msformer.baselines.self_labelling import Learner, jittered
    from msformer.threads import one_blas_thread, torch_threads

    seed = seed_32(settings)
    with torch_threads(1), one_blas_thread():
        learner = Learner(prepared, settings, LEARNING)
        for start in range(ROUNDS):
            final = learner.final()
            points = whitened(final.reshape(len(final), -1).T, COMPONENTS)
            names = labels_by_sample(points, OVER * count, (seed + start) % 2**32)
            targets = torch.from_numpy(names.reshape(final.shape[1:])).to(learner.image.device)[None]
            sizes = torch.bincount(targets.flatten()).to(torch.float32)
            weights = sizes.sum() / (len(sizes) * sizes)
            classifier = learner.new_classifier(len(sizes))
            for step in range(LEARNING.max_iter // ROUNDS):
                axes = [axis for bit, axis in ((1, 2), (2, 3)) if step & bit]
                responses = learner.responses(jittered(learner.image, learner.generator).flip(axes)).flip(axes)
                logits = torch.einsum("kd,bdhw->bkhw", classifier, responses)
                loss = F.cross_entropy(logits, targets, weight=weights)
                learner.update({"classification": loss}, targets)
        final = learner.final()
        points = whitened(final.reshape(len(final), -1).T, COMPONENTS)
        names = labels_by_sample(points, count, seed)
        return learner.clustering(one_hot(names.reshape(final.shape[1:])))


METHODS = tuple(
    Method(
        name=f"deepcluster-{count}",
        cluster=Counted(group, count),
        seeded=True,
        reference="Caron, Bojanowski, Joulin & Douze, ECCV 2018, LNCS 11218, 139-156; after the paper, on pixels",
        limits="Its classes are as equal in size as k-means makes them, and its features mix borders with insides.",
    )
    for count in (2, 3)
)
