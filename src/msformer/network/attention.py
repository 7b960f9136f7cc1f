"""Efficient attention with one head (paper section 2.1; Shen et al., WACV 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EfficientAttention(nn.Module):
    """Global attention whose cost is linear in the number of tokens.

    Keys are normalised over positions and queries over channels, so keysᵀ · values can be formed first. That
    product is the *context*: what the branch has seen in the whole image, independent of the number of tokens.
    """

    def __init__(self, dim: int) -> None:
        """Create the layer.

        Args:
            dim: Number of channels D of tokens, keys, queries and values.
        """
        super().__init__()
        # The released code keeps three maps; one product of three times the width gives the same numbers faster.
        self.keys_queries_values = nn.Linear(dim, 3 * dim)
        self.reprojection = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from every token to the context of all tokens.

        Args:
            tokens: ``(B, N, D)``.

        Returns:
            The attended tokens ``(B, N, D)`` and the context ``(B, D, D)``, rows indexed by key channel.
        """
        keys, queries, values = self.keys_queries_values(tokens).chunk(3, dim=-1)  # 3 × (b, n, d)
        keys = torch.softmax(keys, dim=1)  # over positions
        queries = torch.softmax(queries, dim=2)  # over channels
        context = keys.transpose(1, 2) @ values  # (b, d, n) @ (b, n, d) -> (b, d, d)
        return self.reprojection(queries @ context), context
