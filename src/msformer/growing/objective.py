"""What the network is grown for: right masks, right expectations, objects without a prompt, the method's two terms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from msformer.network.prompted import Decoded, Features, patch_affinity
from msformer.objective import inter_scale_loss, intra_scale_loss

OF_ALL = 0.1
"""Weight of the mean over the three alternatives beside the best one: without it, two of them learn nothing."""
EXPECTED = 0.2
OBJECTS = 0.2
BORDERS = 0.1
SCALES = 0.05
"""Weights of the expected Dice, of objects and borders without a prompt, and of the method's two terms, beside the
masks at 1: each of them helps the masks and must not lead them."""


@dataclass(frozen=True)
class MaskLoss:
    """Loss of the prompted masks.

    Attributes:
        total: Scalar.
        dice: ``(n, 3)``, hard Dice of each alternative.
    """

    total: Tensor
    dice: Tensor


def mask_loss(decoded: Decoded, truths: Tensor) -> MaskLoss:
    """Cross-entropy and Dice of the best alternative for each prompt, and how well its Dice was expected.

    Args:
        decoded: n answers.
        truths: ``(n, H, W)``, 0 or 1; prompts without a px of truth do not count.
    """
    asked = (truths.sum(dim=(1, 2)) > 0).float()
    truth = truths[:, None].expand_as(decoded.logits)
    entropy = F.binary_cross_entropy_with_logits(decoded.logits, truth, reduction="none").mean(dim=(2, 3))
    share = torch.sigmoid(decoded.logits)
    overlap = 2 * (share * truth).sum(dim=(2, 3)) + 1
    soft = overlap / (share.sum(dim=(2, 3)) + truth.sum(dim=(2, 3)) + 1)
    each = 4 * entropy + 1 - soft
    best = each.amin(dim=1) + OF_ALL * each.mean(dim=1)
    dice = hard_dice(decoded.logits, truths)
    expected = F.binary_cross_entropy_with_logits(decoded.expected, dice, reduction="none").mean(dim=1)
    return MaskLoss(((best + EXPECTED * expected) * asked).sum() / asked.sum().clamp(min=1), dice)


def hard_dice(logits: Tensor, truths: Tensor) -> Tensor:
    """Dice of ``logits > 0`` ``(n, k, H, W)`` with truths ``(n, H, W)``: ``(n, k)``."""
    mask = (logits > 0).float()
    truth = truths[:, None]
    return 2 * (mask * truth).sum(dim=(2, 3)) / (mask.sum(dim=(2, 3)) + truth.sum(dim=(2, 3))).clamp(min=1)


def unprompted_loss(objects: Tensor, borders: Tensor, truth_objects: Tensor, truth_borders: Tensor) -> Tensor:
    """Cross-entropy, and for objects Dice, of maps ``(B, h, w)`` with truths ``(B, H, W)`` in [0, 1]."""
    shape = objects.shape[1], objects.shape[2]
    truths = torch.stack([truth_objects, truth_borders], dim=1)  # (b, 2, h, w)
    truth_objects, truth_borders = F.adaptive_avg_pool2d(truths, shape).unbind(dim=1)
    share = torch.sigmoid(objects)
    soft = (2 * (share * truth_objects).sum(dim=(1, 2)) + 1) / ((share + truth_objects).sum(dim=(1, 2)) + 1)
    of_objects = F.binary_cross_entropy_with_logits(objects, truth_objects) + (1 - soft).mean()
    return OBJECTS * of_objects + BORDERS * F.binary_cross_entropy_with_logits(borders, truth_borders)


def scale_losses(features: Features) -> Tensor:
    """The method's consistency between scales and stability within one (paper section 2.2), for a batch.

    Contexts are compared as in the paper. The affinity is of patches of the fused map as they are: the paper's
    normalisation and projection would be parameters that nothing else uses.
    """
    intra = intra_scale_loss(patch_affinity(features.fused.float()))
    if features.context_fine is None or features.context_coarse is None:
        return SCALES * intra
    inter = inter_scale_loss(features.context_fine.float(), features.context_coarse.float())
    return SCALES * (inter + intra)
