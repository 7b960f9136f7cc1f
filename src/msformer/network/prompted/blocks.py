"""The blocks of the paper for several pictures at a time, and the residual block of the decoder.

:class:`BatchedBlock` computes what :class:`~msformer.network.blocks.TransformerBlock` computes, with parameters of the
same names and shapes, for ``(B, N, D)`` instead of ``(N, D)``. Between blocks, tokens are normalised one by one instead
of over all tokens at hand: what the network says of a picture must not depend on what lies beside it in a batch, nor on
how many pixels of padding a picture has.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 8
"""Groups of channels that the convolutional parts normalise together."""


class BatchedAttention(nn.Module):
    """Efficient attention over ``(B, N, D)`` (paper section 2.1; Shen et al., WACV 2021)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.keys_queries_values = nn.Linear(dim, 3 * dim)
        self.reprojection = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attended tokens ``(B, N, D)`` and the context ``(B, D, D)``, rows by key channel."""
        keys, queries, values = self.keys_queries_values(tokens).chunk(3, dim=-1)
        context = torch.softmax(keys, dim=1).transpose(1, 2) @ values  # (b, n, d) -> (b, d, d)
        return self.reprojection(torch.softmax(queries, dim=-1) @ context), context


class BatchedFeedForward(nn.Module):
    """Expansion, depthwise 3 × 3 convolution with a skip, LayerNorm, GELU, contraction; ``(B, N, D)``."""

    def __init__(self, dim: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = expansion * dim
        self.expand = nn.Linear(dim, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel_size=3, padding=1, groups=hidden)
        self.norm = nn.LayerNorm(hidden)
        self.contract = nn.Linear(hidden, dim)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map tokens that lie on ``grid`` (rows, columns)."""
        expanded = self.expand(tokens)
        mixed = tokens_of(self.depthwise(on_grid(expanded, grid))) + expanded
        mapped: Tensor = self.contract(F.gelu(self.norm(mixed)))
        return mapped


class BatchedBlock(nn.Module):
    """LayerNorm → efficient attention → residual → LayerNorm → mixing feed-forward → residual."""

    def __init__(self, dim: int, expansion: int = 4) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = BatchedAttention(dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = BatchedFeedForward(dim, expansion)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return tokens ``(B, N, D)`` and the attention's context ``(B, D, D)``."""
        attended, context = self.attention(self.attention_norm(tokens))
        tokens = tokens + attended
        return tokens + self.feed_forward(self.feed_forward_norm(tokens), grid), context


class BatchedBranch(nn.Module):
    """One scale: an embedding with a stride, then ``depth`` blocks, each followed by a normalisation."""

    def __init__(self, in_channels: int, dim: int, depth: int, stride: int, expansion: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(in_channels, dim, kernel_size=3, stride=stride, padding=1)
        self.embedding_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(BatchedBlock(dim, expansion) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))

    def forward(self, image: Tensor) -> tuple[Tensor, tuple[int, int], Tensor]:
        """``(B, C, H, W)`` → tokens ``(B, h * w, D)``, their grid, and the last block's context."""
        embedded = self.embedding(image)
        grid = (embedded.shape[2], embedded.shape[3])
        tokens, context = self.embedding_norm(tokens_of(embedded)), embedded
        for block, norm in zip(self.blocks, self.norms, strict=True):
            tokens, context = block(tokens, grid)
            tokens = norm(tokens)
        return tokens, grid, context


class Residual(nn.Module):
    """Two 3 × 3 convolutions with group normalisation around a skip; ``(B, D, h, w)``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(dim, dim), Convolution(dim, dim, activate=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Keep the shape."""
        return F.relu(maps + self.second(self.first(maps)))


class Convolution(nn.Module):
    """Convolution, group normalisation and, unless told not to, a rectifier."""

    def __init__(self, before: int, after: int, *, size: int = 3, stride: int = 1, activate: bool = True) -> None:
        super().__init__()
        self.map = nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False)
        self.norm = nn.GroupNorm(GROUPS, after)
        self.activate = activate

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, before, h, w)`` → ``(B, after, h / stride, w / stride)``."""
        mapped: Tensor = self.norm(self.map(maps))
        return F.relu(mapped) if self.activate else mapped


def tokens_of(maps: Tensor) -> Tensor:
    """``(B, D, h, w)`` → ``(B, h * w, D)``."""
    return maps.flatten(2).transpose(1, 2)


def on_grid(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """``(B, h * w, D)`` → ``(B, D, h, w)``; a view whose channels stay last in memory."""
    return tokens.view(len(tokens), *grid, -1).permute(0, 3, 1, 2)
