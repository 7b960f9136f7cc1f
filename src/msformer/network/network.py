"""The whole network of the paper's figure 1: fine branch, coarse branch, fusion, patch affinity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from msformer.network.blocks import BatchStatNorm, Branch
from msformer.network.products import project

AFFINITY_TEMPERATURE = 64**-0.5
"""Scale of the affinity's products. The released code fixes it at 64^(−1/2) whatever the number of channels."""


@dataclass(frozen=True)
class NetworkOutput:
    """What one forward pass over one image gives; B = 1.

    Attributes:
        logits: ``(B, K, H, W)``, one score per cluster and pixel; K = ``embed_dim``.
        affinity: ``(B, n, n)``, rows sum to 1: how much each patch resembles each shifted patch.
        context_fine: ``(B, K, K)``, what the last block of the fine branch attends to.
        context_coarse: The same of the coarse branch.
    """

    logits: Tensor
    affinity: Tensor
    context_fine: Tensor
    context_coarse: Tensor


class PatchAffinity(nn.Module):
    """Affinity between the patches of a score map and those of the same map shifted down and right.

    The released code shifts by one pixel, the paper's text by two.

    Rows of patches are spread evenly, from the first pixel to the last, and overlap where the side is no multiple
    of the patch; at (k · patch + shift) pixels they tile the map exactly as in the released code.
    """

    def __init__(self, dim: int, patch_size: int, shift: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.shift = shift
        self.norm = BatchStatNorm(dim)
        self.projection = nn.Linear(patch_size * patch_size * dim, dim)

    def forward(self, score_map: Tensor) -> Tensor:
        """Compute the affinity ``(n, n)`` of a score map ``(H, W, D)``."""
        shift = self.shift
        normed = self.norm(score_map.flatten(0, 1)).view(score_map.shape)
        # Both sets of patches in one product, whose weight is the largest array of the network.
        patches = torch.cat([self._patches(normed[shift:, shift:]), self._patches(normed[:-shift, :-shift])])
        queries, keys = self.projection(patches).chunk(2)  # (n, d) each
        return torch.softmax(queries @ keys.T * AFFINITY_TEMPERATURE, dim=-1)

    def _patches(self, score_map: Tensor) -> Tensor:
        """Cut ``(H, W, D)`` into patches flattened as (row, column, channel): ``(n, p * p * D)``."""
        size = self.patch_size
        score_map = _spread(_spread(score_map, 0, size), 1, size)  # sides become multiples of p
        height, width, dim = score_map.shape
        rows, columns = height // size, width // size
        tiles = score_map.reshape(rows, size, columns, size, dim).transpose(1, 2)  # (R, C, p, p, d)
        return tiles.reshape(rows * columns, size * size * dim)


def patch_offsets(length: int, patch_size: int) -> list[int]:
    """First pixels of the ⌈length / patch⌉ patches that cover ``length`` pixels, spread evenly."""
    count = max(math.ceil(length / patch_size), 1)
    if count == 1:
        return [0]
    return [round(index * (length - patch_size) / (count - 1)) for index in range(count)]


def _spread(score_map: Tensor, axis: int, patch_size: int) -> Tensor:
    """Lay the (possibly overlapping) patches of one axis side by side."""
    length = score_map.shape[axis]
    if length % patch_size == 0:
        return score_map
    # Slices and a concatenation, not an index: their gradient is summed in a fixed order on every device.
    return torch.cat(
        [score_map.narrow(axis, offset, patch_size) for offset in patch_offsets(length, patch_size)], dim=axis
    )


class MSFormerNet(nn.Module):
    """The dual-branch transformer of MS-Former.

    Args:
        in_channels: Channels of the input image.
        embed_dim: Channels D inside the network; also the number of clusters at the start.
        depth: Transformer blocks in each branch.
        patch_size: Side in px of the patches in the affinity.
        affinity_shift: How far in px, on both axes, the patches are shifted that they are compared with.
    """

    def __init__(
        self, in_channels: int, embed_dim: int = 100, depth: int = 2, patch_size: int = 32, affinity_shift: int = 1
    ) -> None:
        super().__init__()
        self.fine = Branch(in_channels, embed_dim, depth, stride=1)
        self.coarse = Branch(in_channels, embed_dim, depth, stride=2)
        self.upsample = nn.Linear(embed_dim, 4 * embed_dim, bias=False)
        self.fuse = nn.Linear(2 * embed_dim, embed_dim, bias=False)
        self.affinity = PatchAffinity(embed_dim, patch_size, affinity_shift)
        self.sizes = {
            "embed_dim": embed_dim,
            "depth": depth,
            "patch_size": patch_size,
            "affinity_shift": affinity_shift,
        }

    def forward(self, image: Tensor) -> NetworkOutput:
        """Run both branches on an image ``(1, C, H, W)`` in [0, 1], no side under ``patch_size + affinity_shift``."""
        height, width = image.shape[2:]
        fine, _, context_fine = self.fine(image)
        coarse, (rows, columns), context_coarse = self.coarse(image)
        to_coarse, to_fine = self.fuse.weight.chunk(2, dim=1)
        # Upsampling and fusion of the coarse branch are one map D -> 2 * 2 * K, since both are linear.
        upsample = (to_coarse @ self.upsample.weight.view(4, -1, to_coarse.shape[1])).flatten(0, 1)
        # Depth to space: (h*w, 2*2*k) -> (2h, 2w, k), cut to the fine grid.
        coarse = project(coarse, upsample).view(rows, columns, 2, 2, -1).transpose(1, 2)
        coarse = coarse.reshape(2 * rows, 2 * columns, -1)[:height, :width]
        score_map = coarse + project(fine, to_fine).view(height, width, -1)  # (h, w, k)
        return NetworkOutput(
            logits=score_map.permute(2, 0, 1)[None],
            affinity=self.affinity(score_map)[None],
            context_fine=context_fine[None],
            context_coarse=context_coarse[None],
        )


def build_network(
    in_channels: int,
    *,
    embed_dim: int,
    depth: int,
    patch_size: int,
    affinity_shift: int = 1,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> MSFormerNet:
    """Build a network whose parameters are drawn from ``generator`` alone; the global random state is not used.

    Linear maps and convolutions draw weights and biases from U(−b, b), b = 1 / √fan-in (the initialisation of the
    released code, which is PyTorch's default); normalisations start at 1 and 0.
    """
    # PyTorch draws parameters of its own first. (To build without them, on its meta device, imports 500 modules.)
    with torch.random.fork_rng(devices=[]):
        network = MSFormerNet(in_channels, embed_dim, depth, patch_size, affinity_shift).to(
            device=generator.device, dtype=dtype
        )
    draw_maps(network, generator)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm | BatchStatNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    return network


@torch.no_grad()
def draw_maps(network: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases of all linear maps and convolutions from U(−b, b), b = 1 / √fan-in."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            bound = 1.0 / math.sqrt(module.weight[0].numel())
            for parameter in module.parameters(recurse=False):
                parameter.uniform_(-bound, bound, generator=generator)
