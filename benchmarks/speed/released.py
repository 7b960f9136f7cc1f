"""A plain implementation of the released network and loop, written from the description of the method.

It is what speed is compared with: the arithmetic in the order and layout of the released code (channels first for
attention and convolutions, tokens first for the rest, the first map of the feed-forward computed twice, fresh memory
for every result), without its CUDA calls. Parameters carry the released names, so that ``msformer.network`` can load
them and be compared number by number.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Embedding(nn.Module):
    def __init__(self, in_channels: int, dim: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=3, stride=stride, padding=1)
        self.norm = nn.BatchNorm2d(dim)

    def forward(self, image: Tensor) -> tuple[Tensor, int, int]:
        grid = self.norm(self.proj(image))
        return grid.flatten(2).transpose(1, 2), grid.shape[2], grid.shape[3]


class _Attention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.keys = nn.Conv2d(dim, dim, 1)
        self.queries = nn.Conv2d(dim, dim, 1)
        self.values = nn.Conv2d(dim, dim, 1)
        self.reprojection = nn.Conv2d(dim, dim, 1)

    def forward(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        batch, dim, height, width = grid.shape
        keys = F.softmax(self.keys(grid).reshape(batch, dim, -1), dim=2)
        queries = F.softmax(self.queries(grid).reshape(batch, dim, -1), dim=1)
        values = self.values(grid).reshape(batch, dim, -1)
        context = keys @ values.transpose(1, 2)
        attended = (context.transpose(1, 2) @ queries).reshape(batch, dim, height, width)
        return self.reprojection(attended), context


class _DepthwiseConvolution(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, 1, 1, groups=dim)

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        grid = tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)
        mixed: Tensor = self.dwconv(grid)
        return mixed.flatten(2).transpose(1, 2)


class _FeedForward(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.dwconv = _DepthwiseConvolution(4 * dim)
        self.norm1 = nn.LayerNorm(4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        mixed = self.dwconv(self.fc1(tokens), height, width) + self.fc1(tokens)
        contracted: Tensor = self.fc2(F.gelu(self.norm1(mixed)))
        return contracted


class _Block(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = _Attention(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = _FeedForward(dim)

    def forward(self, tokens: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        grid = self.norm1(tokens).transpose(1, 2).reshape(len(tokens), -1, height, width)
        attended, context = self.attn(grid)
        added = tokens + attended.flatten(2).transpose(1, 2)
        return added + self.mlp(self.norm2(added), height, width), context


class ReleasedNetwork(nn.Module):
    """The dual-branch network with the released parameter names; square images of a side of 32 k + 1 px only."""

    def __init__(self, in_channels: int = 3, dim: int = 100, depth: int = 2, patch: int = 32) -> None:
        super().__init__()
        self.patch = patch
        self.patch_embed_s = _Embedding(in_channels, dim, stride=1)
        self.patch_embed_l = _Embedding(in_channels, dim, stride=2)
        self.block_s = nn.ModuleList(_Block(dim) for _ in range(depth))
        self.block_l = nn.ModuleList(_Block(dim) for _ in range(depth))
        self.bn2_s = nn.ModuleList(nn.BatchNorm2d(dim) for _ in range(depth))
        self.bn2_l = nn.ModuleList(nn.BatchNorm2d(dim) for _ in range(depth))
        self.linear_up = nn.Linear(dim, 4 * dim, bias=False)
        self.linear_down = nn.Linear(2 * dim, dim, bias=False)
        self.bn3 = nn.BatchNorm2d(dim)
        self.to_patch_embedding = nn.ModuleList([nn.Identity(), nn.Linear(patch * patch * dim, dim)])

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits ``(1, D, H, W)``, affinity ``(1, n, n)``, and the contexts of the fine and the coarse branch."""
        height, width = image.shape[2:]
        fine, context_fine = _branch(image, self.patch_embed_s, self.block_s, self.bn2_s)
        coarse, context_coarse = _branch(image, self.patch_embed_l, self.block_l, self.bn2_l)
        batch, dim, rows, columns = coarse.shape
        up = self.linear_up(coarse.flatten(2).transpose(1, 2)).reshape(batch, rows, columns, 2, 2, dim)
        up = up.transpose(2, 3).reshape(batch, 2 * rows, 2 * columns, dim)[:, :height, :width]
        both = torch.cat([up.permute(0, 3, 1, 2), fine], dim=1)
        logits = self.linear_down(both.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        normed = self.bn3(logits)
        queries = self.to_patch_embedding[1](self._patches(normed[:, :, 1:, 1:]))
        keys = self.to_patch_embedding[1](self._patches(normed[:, :, :-1, :-1]))
        return logits, F.softmax(queries @ keys.transpose(1, 2) * 64**-0.5, dim=-1), context_fine, context_coarse

    def _patches(self, grid: Tensor) -> Tensor:
        batch, dim, height, width = grid.shape
        side = self.patch
        tiles = grid.reshape(batch, dim, height // side, side, width // side, side).permute(0, 2, 4, 3, 5, 1)
        return tiles.reshape(batch, -1, side * side * dim)


def _branch(image: Tensor, embedding: nn.Module, blocks: nn.ModuleList, norms: nn.ModuleList) -> tuple[Tensor, Tensor]:
    tokens, height, width = embedding(image)
    context = grid = tokens
    for block, norm in zip(blocks, norms, strict=True):
        tokens, context = block(tokens, height, width)
        grid = norm(tokens.transpose(1, 2).reshape(len(tokens), -1, height, width))
        tokens = grid.flatten(2).transpose(1, 2)
    return grid, context


class ReleasedLoop:
    """The released optimisation at its demonstration's settings: SGD with .1 and .9, weights 1 : 2 : 1.2."""

    def __init__(self, network: ReleasedNetwork, image: Tensor) -> None:
        self.network = network
        self.image = image
        self.optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)

    def step(self) -> int:
        """One update; tells the number of labels before it."""
        self.optimiser.zero_grad()
        logits, affinity, fine, coarse = self.network(self.image)
        labels = logits.argmax(dim=1)
        loss = F.cross_entropy(logits, labels)
        loss = loss + 2.0 * (1 - F.cosine_similarity(fine, coarse, dim=-1).mean())
        loss = loss + 1.2 * (affinity - torch.eye(affinity.shape[-1])).abs().mean()
        loss.backward()
        self.optimiser.step()
        return len(labels.unique())
