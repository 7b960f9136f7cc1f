"""SGSCN, a spatial guided self-supervised clustering network, written here after the paper.

E. Ahn, D. Feng, J. Kim, "A spatial guided self-supervised clustering network for medical image segmentation", MICCAI
2021, LNCS 12901, 379-388, arXiv 2107.04934. The network, loop and first two losses (cross-entropy on the own labels,
"sparse spatial" = absolute differences of neighbouring logits) are those of DFC; new is the context-based consistency
loss, which draws the pixels of each cluster towards the cluster's centre. Known from the abstract and the authors'
program (github.com/osmond332/Spatial_Guided_Self_Supervised_Clustering); the text of the paper was not at hand.

Departures:

* The consistency loss takes the softmax of the logits as the share of a pixel in a cluster. The authors' program
  divides the raw responses, positive and negative, by their sum, which the normalisation makes nearly 0: a variance
  of "shares" that are no shares. There it is also off unless asked for; here it is on, because the abstract makes it
  a part of the method.
* Coordinates run from −1 to 1 at the centres of the outermost pixels; in that program they stop one pixel short.
* The prepared channels (whitened Lab at working size, reflected border) in place of BGR at full size, as for every
  other method here.

Weights, width, depth, step size and the limit of 50 updates are the defaults of the authors' program.
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
SPARSE_SPATIAL_WEIGHT = 5.0
CONSISTENCY_WEIGHT = 1.0


def objective(logits: Tensor, pseudo_labels: Tensor) -> Mapping[str, Tensor]:
    """The three losses, weighted."""
    from msformer.baselines.self_labelling import concentration_loss, continuity_loss, similarity_loss

    return {
        "similarity": similarity_loss(logits, pseudo_labels),
        "continuity": SPARSE_SPATIAL_WEIGHT * continuity_loss(logits),
        "consistency": CONSISTENCY_WEIGHT * concentration_loss(logits),
    }


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Cluster by a convolutional network that learns from its own labels and from where they lie."""
    from msformer.baselines.self_labelling import learn_labels

    return learn_labels(prepared, settings, objective, LEARNING)


METHODS = (
    Method(
        name="sgscn",
        cluster=cluster,
        seeded=True,
        reference="Ahn, Feng & Kim, MICCAI 2021, LNCS 12901, 379-388; written here after abstract and authors' program",
        limits="Wants every cluster in one compact place: scattered objects such as cells or two lungs cost it dearly.",
    ),
)
