"""Picture → features, once for all prompts: the method's two branches on a stem, or a U-Net of equal cost."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from msformer.network.prompted.blocks import BatchedBranch, Convolution, Residual, on_grid

STEM = 24
"""Channels at half of the picture's resolution, where borders are drawn."""
QUARTER = 64
"""Channels of the stem at a quarter of it, where the branches begin."""


@dataclass(frozen=True)
class Features:
    """What the encoder knows of pictures ``(B, C, H, W)``.

    Attributes:
        fused: ``(B, D, H / 4, W / 4)``, both scales together; in the method's words the logits of D clusters.
        detail: ``(B, STEM, H / 2, W / 2)``.
        context_fine: ``(B, D, D)``, what the last block of the fine branch attends to; None in a U-Net.
        context_coarse: The same of the coarse branch.
    """

    fused: Tensor
    detail: Tensor
    context_fine: Tensor | None = None
    context_coarse: Tensor | None = None

    def of(self, index: Tensor) -> Features:
        """The features of some of the pictures, ``index`` ``(n,)``, repeats allowed: one for each prompt."""
        return Features(self.fused[index], self.detail[index])


class DualBranchEncoder(nn.Module):
    """The method's network (paper figure 1) between a convolutional stem and one more look at neighbours.

    Two branches with strides 1 and 2, efficient attention, upsampling and fusion are the paper's. They see what a stem
    makes of a quarter of the picture's resolution, so that patches are of 4 and 8 px and one pass over 128 × 128 px
    takes tens of milliseconds; convolutions before a transformer also let it learn from far fewer pictures.
    """

    def __init__(self, in_channels: int, dim: int, depth_fine: int, depth_coarse: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(Convolution(in_channels, STEM, stride=2), Convolution(STEM, STEM))
        self.quarter = nn.Sequential(Convolution(STEM, QUARTER, stride=2), Residual(QUARTER))
        self.fine = BatchedBranch(QUARTER, dim, depth_fine, stride=1)
        self.coarse = BatchedBranch(QUARTER, dim, depth_coarse, stride=2)
        self.upsample = nn.Linear(dim, 4 * dim, bias=False)
        self.fuse = nn.Linear(2 * dim, dim, bias=False)
        self.mix = Residual(dim)

    def forward(self, image: Tensor) -> Features:
        """``(B, C, H, W)``, sides multiples of 8."""
        detail = self.stem(image)
        quarter = self.quarter(detail)
        fine, grid, context_fine = self.fine(quarter)
        coarse, small, context_coarse = self.coarse(quarter)
        # Depth to space, as in the released network: (b, h*w, 4d) -> (b, d, 2h, 2w).
        coarse = F.pixel_shuffle(on_grid(self.upsample(coarse), small), 2)
        coarse = coarse.permute(0, 2, 3, 1).flatten(1, 2)
        fused = self.fuse(torch.cat([coarse, fine], dim=-1))
        return Features(self.mix(on_grid(fused, grid)), detail, context_fine, context_coarse)


class UNetEncoder(nn.Module):
    """What the two branches are compared with: convolutions at four scales with skips, at the same cost."""

    def __init__(self, in_channels: int, dim: int) -> None:
        super().__init__()
        widths = (64, 96, 112)
        self.stem = nn.Sequential(Convolution(in_channels, STEM, stride=2), Convolution(STEM, STEM))
        before = (STEM, *widths[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(Convolution(one, width, stride=2), Residual(width))
            for one, width in zip(before, widths, strict=True)
        )
        self.lowest = Residual(widths[2])
        self.up_16 = Convolution(widths[2] + widths[1], widths[1], size=1)
        self.mix_16 = Residual(widths[1])
        self.up_32 = Convolution(widths[1] + widths[0], dim, size=1)
        self.mix_32 = Residual(dim)

    def forward(self, image: Tensor) -> Features:
        """``(B, C, H, W)``, sides multiples of 16."""
        detail = self.stem(image)
        first = self.down[0](detail)
        second = self.down[1](first)
        lowest = self.lowest(self.down[2](second))
        second = self.mix_16(self.up_16(torch.cat([_twice(lowest), second], dim=1)))
        fused = self.mix_32(self.up_32(torch.cat([_twice(second), first], dim=1)))
        return Features(fused, detail)


def _twice(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="nearest")
