"""DFC, differentiable feature clustering, written here after the paper.

W. Kim, A. Kanezaki, M. Tanaka, "Unsupervised learning of image segmentation based on differentiable feature
clustering", IEEE Transactions on Image Processing 29 (2020) 8055-8068, arXiv 2007.09990.

Network, loop and step size are also those of the authors' program (github.com/kanezaki/pytorch-unsupervised-
segmentation-tip, demo.py); what is said of the paper's experiments is from memory of the paper.

Departures:

* 50 updates at most, where the released program allows 1,000: seconds a case on a CPU. Most images end at this limit
  with more labels than three, and the foreground rule then joins them.
* The prepared channels (whitened Lab at working size, reflected border) in place of RGB at full size, as for every
  other method here.
* Two blocks, as in the released program (the paper's experiments have three), for the same seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msformer.baselines.base import LearningSettings, Method
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

if TYPE_CHECKING:
    from torch import Tensor

LEARNING = LearningSettings()
CONTINUITY_WEIGHT = 5.0
"""The paper's μ for its photographs of PASCAL VOC 2012 and BSD500; the program's default is 1."""


def objective(logits: Tensor, pseudo_labels: Tensor) -> Mapping[str, Tensor]:
    """Similarity of features and continuity in space, weighted."""
    from msformer.baselines.self_labelling import continuity_loss, similarity_loss

    return {
        "similarity": similarity_loss(logits, pseudo_labels),
        "continuity": CONTINUITY_WEIGHT * continuity_loss(logits),
    }


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Cluster by a convolutional network that learns from its own labels."""
    from msformer.baselines.self_labelling import learn_labels

    return learn_labels(prepared, settings, objective, LEARNING)


METHODS = (
    Method(
        name="dfc",
        cluster=cluster,
        seeded=True,
        reference="Kim, Kanezaki & Tanaka, IEEE TIP 29 (2020) 8055-8068; written here after the paper",
        limits=f"Cut off after {LEARNING.max_iter} updates, and the number of labels at the end depends on the seed.",
    ),
)
