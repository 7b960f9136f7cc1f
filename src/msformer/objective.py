"""The three losses of the method and their sum (paper section 2.2, equations 3 to 6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from msformer.config import LossWeights
from msformer.network import NetworkOutput


@dataclass(frozen=True)
class Losses:
    """The terms before weighting and their weighted sum; scalars that carry gradients."""

    total: Tensor
    cluster: Tensor
    inter_scale: Tensor
    intra_scale: Tensor


def cluster_loss(logits: Tensor, pseudo_labels: Tensor) -> Tensor:
    """Cross-entropy of logits ``(B, K, H, W)`` against labels ``(B, H, W)``, mean over all pixels."""
    # Rows of channels, as they lie in memory.
    return F.cross_entropy(logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1]), pseudo_labels.flatten())


def inter_scale_loss(context_fine: Tensor, context_coarse: Tensor) -> Tensor:
    """1 − cosine similarity of the rows of two contexts ``(B, D, D)``, mean over rows; in [0, 2]."""
    return 1.0 - F.cosine_similarity(context_fine, context_coarse, dim=-1).mean()


def intra_scale_loss(affinity: Tensor) -> Tensor:
    """Mean absolute difference of an affinity ``(B, n, n)`` and the identity; in [0, 2 / n]."""
    identity = torch.eye(affinity.shape[-1], dtype=affinity.dtype, device=affinity.device)
    return (affinity - identity).abs().mean()


def objective(output: NetworkOutput, pseudo_labels: Tensor, weights: LossWeights) -> Losses:
    """Weighted sum of the three losses, and each of them.

    Args:
        output: A forward pass.
        pseudo_labels: ``(B, H, W)``, the target of the cluster cross-entropy; the method uses the argmax of the
            logits themselves.
        weights: Weight of each term.
    """
    cluster = cluster_loss(output.logits, pseudo_labels)
    inter_scale = inter_scale_loss(output.context_fine, output.context_coarse)
    intra_scale = intra_scale_loss(output.affinity)
    total = weights.cluster * cluster + weights.inter_scale * inter_scale + weights.intra_scale * intra_scale
    return Losses(total, cluster, inter_scale, intra_scale)
