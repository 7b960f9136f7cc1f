"""IIC, invariant information clustering, in its form for segmentation, written here after the paper.

X. Ji, J. F. Henriques, A. Vedaldi, "Invariant information clustering for unsupervised image classification and
segmentation", ICCV 2019, 9865-9874, arXiv 1807.06653. A network gives each pixel a distribution over the classes. It is
fitted so that the class of a pixel tells as much as it can of the class that the same place, and the places around it,
have in a changed copy of the image: the mutual information of both, which also rewards classes of equal size and so
keeps them alive. A second head with more classes (the paper's auxiliary over-clustering) is fitted beside it.

Written from memory of the paper, without its program. Departures:

* One image and no folder: each pair is the image and its own copy in other light, mirrored and turned back.
* The small network of DFC and SGSCN, whose last normalisation stays, and stochastic gradient descent with their step
  size, in place of a deeper network and Adam.
* Displacements of up to ``REACH`` = 2 px, where the paper goes up to 10.
* The prepared channels of the settings in place of the image, as for every other method here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msformer.baselines.base import Counted, LearningSettings, Method
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

if TYPE_CHECKING:
    from torch import Tensor

LEARNING = LearningSettings(width=32)
REACH = 2
"""Largest displacement in px, on both axes."""
OVER = 5
"""The auxiliary head has so many times the classes."""


def mutual_information(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """Mutual information of the classes of pixels and of their neighbours, mean over displacements, in nats.

    Args:
        first: Shares of each pixel in the classes, ``(K, h, w)``, sum over K is 1.
        second: The same of another view, on the same grid.
        reach: Displacements are −reach to reach px on both axes, so both sides must be longer than it.

    Returns:
        A scalar in [0, log K].

    Raises:
        ConfigError: The reach is negative or not under the shorter side.
    """
    import torch

    from msformer.errors import ConfigError

    height, width = first.shape[1:]
    if not 0 <= reach < min(height, width):
        raise ConfigError(f"reach must be at least 0 and under the shorter side, {min(height, width)} px; got {reach}")
    total = first.new_zeros(())
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            here = first[:, max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
            there = second[:, max(down, 0) : height - max(-down, 0), max(right, 0) : width - max(-right, 0)]
            joint = here.flatten(1) @ there.flatten(1).T  # (K, K)
            joint = ((joint + joint.T) / (2 * joint.sum())).clamp_min(1e-12)  # either view may be the first
            apart = joint.sum(dim=1, keepdim=True) * joint.sum(dim=0, keepdim=True)
            total = total + (joint * torch.log(joint / apart)).sum()
    return total / (2 * reach + 1) ** 2


def group(prepared: Prepared, settings: Config, count: int) -> Clustering:
    """Put the pixels into at most ``count`` classes.

    Raises:
        FitDivergedError: The loss became NaN or infinite.
    """
    import torch

    from msformer.baselines.self_labelling import Learner, jittered
    from msformer.threads import torch_threads

    with torch_threads(1):
        learner = Learner(prepared, settings, LEARNING, responses=count * (1 + OVER))
        for step in range(LEARNING.max_iter):
            axes = [axis for bit, axis in ((1, 2), (2, 3)) if step & bit]  # mirrored in one way after the other
            views = learner.responses(), learner.responses(jittered(learner.image, learner.generator).flip(axes))
            first, second = views[0][0], views[1].flip(axes)[0]
            terms = {
                name: -mutual_information(torch.softmax(first[part], 0), torch.softmax(second[part], 0), REACH)
                for name, part in (("classes", slice(count)), ("over_clustering", slice(count, None)))
            }
            learner.update(terms, first[:count].detach().argmax(dim=0))
        return learner.clustering(learner.final()[:count])


METHODS = tuple(
    Method(
        name=f"iic-{count}",
        cluster=Counted(group, count),
        seeded=True,
        reference="Ji, Henriques & Vedaldi, ICCV 2019, 9865-9874; written here after the paper, on one image",
        limits="Rewards classes of equal size, so that a small object shares its class with surroundings.",
    )
    for count in (2, 3)
)
