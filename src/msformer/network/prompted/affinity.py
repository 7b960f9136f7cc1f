"""Stability within a scale for a batch of fused maps (paper section 2.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH = 4
"""Side in tokens of the patches whose affinity with the patches one token further is to be the identity."""
SHARPNESS = 10.0
"""Scale of cosines between patches before the softmax."""


def patch_affinity(fused: Tensor) -> Tensor:
    """How much each patch of ``(B, D, h, w)`` resembles each patch one token further: ``(B, n, n)``, rows sum to 1."""
    first, second = (
        F.normalize(F.unfold(one, PATCH, stride=PATCH), dim=1) for one in (fused[:, :, :-1, :-1], fused[:, :, 1:, 1:])
    )
    return torch.softmax(SHARPNESS * (second.transpose(1, 2) @ first), dim=-1)
