"""The blocks of one branch: embedding, transformer block, normalisation of tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from msformer.network.attention import EfficientAttention
from msformer.network.feed_forward import MixingFeedForward


class BatchStatNorm(nn.Module):
    """Batch normalisation of tokens that always uses the statistics of the tokens at hand.

    The method optimises one network on one image and never leaves training mode, so running averages would be
    written and never read; they are not kept.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """Normalise each channel over all tokens; ``(N, D)`` in and out."""
        normed: Tensor = F.batch_norm(tokens, None, None, self.weight, self.bias, training=True)
        return normed


class PatchEmbedding(nn.Module):
    """3 × 3 convolution from image channels to tokens, then batch normalisation (paper figure 1)."""

    def __init__(self, in_channels: int, dim: int, stride: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, dim, kernel_size=3, stride=stride, padding=1)
        self.norm = BatchStatNorm(dim)

    def forward(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Embed an image ``(1, C, H, W)`` as tokens ``(h * w, D)`` and tell the grid ``(h, w)``."""
        grid = self.projection(image)  # (1, d, h, w)
        height, width = grid.shape[-2:]
        tokens = grid.squeeze(0).flatten(1).T.contiguous()  # (1, d, h, w) -> (h*w, d)
        return self.norm(tokens), (height, width)


class TransformerBlock(nn.Module):
    """LayerNorm → efficient attention → residual → LayerNorm → mixing feed-forward → residual."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = EfficientAttention(dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = MixingFeedForward(dim)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return tokens ``(N, D)`` and the attention's context ``(D, D)``."""
        attended, context = self.attention(self.attention_norm(tokens))
        tokens = tokens + attended
        return tokens + self.feed_forward(self.feed_forward_norm(tokens), grid), context


class Branch(nn.Module):
    """One scale of the network: an embedding, then ``depth`` blocks, each followed by a normalisation."""

    def __init__(self, in_channels: int, dim: int, depth: int, stride: int) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(in_channels, dim, stride)
        self.blocks = nn.ModuleList(TransformerBlock(dim) for _ in range(depth))
        self.norms = nn.ModuleList(BatchStatNorm(dim) for _ in range(depth))

    def forward(self, image: Tensor) -> tuple[Tensor, tuple[int, int], Tensor]:
        """Run the branch.

        Args:
            image: ``(1, C, H, W)``.

        Returns:
            Tokens ``(h * w, D)``, their grid ``(h, w)`` with h = ⌈H / stride⌉, and the last block's context.
        """
        tokens, grid = self.embedding(image)
        for block, norm in zip(self.blocks, self.norms, strict=True):
            tokens, context = block(tokens, grid)
            tokens = norm(tokens)
        return tokens, grid, context
