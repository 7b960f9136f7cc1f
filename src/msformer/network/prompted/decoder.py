"""Features and a prompt → three nested masks with the Dice that each expects."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from msformer.network.prompted.blocks import Convolution, Residual
from msformer.network.prompted.encoder import STEM, Features
from msformer.network.prompted.prompts import PROMPT_CHANNELS, Prompts, prompt_maps

ALTERNATIVES = 3
"""A part, the object, the whole: what a click can mean."""
HEADS = 8
"""Ways in which a place can be like the clicked one."""
HEAD_WIDTH = 6


@dataclass(frozen=True)
class Decoded:
    """Answers to n prompts.

    Attributes:
        logits: ``(n, 3, H, W)``; nested: a pixel of one mask is of all that follow.
        expected: ``(n, 3)``, logit of the Dice that each mask expects.
    """

    logits: Tensor
    expected: Tensor


class PromptDecoder(nn.Module):
    """A small U-Net over what the encoder knows, what was said, and how alike each place is to what was said."""

    def __init__(self, dim: int, widths: tuple[int, int, int] = (48, 80, 112)) -> None:
        super().__init__()
        quarter, eighth, sixteenth = widths
        self.kind = nn.Conv2d(dim, HEADS * HEAD_WIDTH, 1)
        self.enter = Convolution(dim + 3 * HEADS + PROMPT_CHANNELS, quarter, size=1)
        self.quarter = Residual(quarter)
        self.to_eighth = Convolution(quarter, eighth, stride=2)
        self.eighth = Residual(eighth)
        self.to_sixteenth = Convolution(eighth, sixteenth, stride=2)
        self.sixteenth = nn.Sequential(Residual(sixteenth), Residual(sixteenth))
        self.from_sixteenth = Convolution(sixteenth + eighth, eighth, size=1)
        self.eighth_again = Residual(eighth)
        self.from_eighth = Convolution(eighth + quarter, quarter, size=1)
        self.quarter_again = Residual(quarter)
        self.to_half = nn.Conv2d(quarter, 4 * STEM, 1)
        self.finest = nn.Sequential(Convolution(2 * STEM, STEM, size=1), Convolution(STEM, STEM))
        self.masks = nn.Conv2d(STEM, 4 * ALTERNATIVES, 1)
        self.judge = nn.Sequential(nn.Linear(2 * quarter + sixteenth, 64), nn.GELU(), nn.Linear(64, ALTERNATIVES))

    def forward(self, features: Features, prompts: Prompts) -> Decoded:
        """Answer n prompts from the features of n pictures."""
        grid = (features.fused.shape[2], features.fused.shape[3])
        drawn, of_it, not_of_it = prompt_maps(prompts, grid)
        alike = self._alike(features.fused, [of_it, not_of_it, _of_mask(prompts.previous, grid)])
        quarter = self.quarter(self.enter(torch.cat([features.fused, alike, drawn.to(alike)], dim=1)))
        eighth = self.eighth(self.to_eighth(quarter))
        lowest = self.sixteenth(self.to_sixteenth(eighth))
        eighth = self.eighth_again(self.from_sixteenth(torch.cat([_grown(lowest, eighth), eighth], dim=1)))
        quarter = self.quarter_again(self.from_eighth(torch.cat([_grown(eighth, quarter), quarter], dim=1)))
        half = F.pixel_shuffle(self.to_half(quarter), 2)
        half = self.finest(torch.cat([half, features.detail], dim=1))
        first, *more = F.pixel_shuffle(self.masks(half), 2).float().chunk(ALTERNATIVES, dim=1)
        logits = [first]
        for step in more:  # each alternative is the one before and something around it
            logits.append(logits[-1] + F.softplus(step))
        answer = torch.cat(logits, dim=1)
        share = torch.sigmoid(F.avg_pool2d(answer[:, 1:2], 4))
        share = share / share.sum(dim=(2, 3), keepdim=True).clamp(min=1e-3)
        pooled = torch.cat(
            [quarter.mean((2, 3)), (quarter * share.to(quarter)).sum((2, 3)), lowest.mean((2, 3))], dim=1
        )
        return Decoded(answer, self.judge(pooled).float())

    def _alike(self, fused: Tensor, shares: list[Tensor]) -> Tensor:
        """Cosine between every place and the mean of the places that something was said of, ``(n, 3 * HEADS, ...)``."""
        kinds = self.kind(fused)
        kinds = kinds.view(len(kinds), HEADS, HEAD_WIDTH, *kinds.shape[2:])
        kinds = F.normalize(kinds, dim=2)
        result = []
        for share in shares:
            mean = (kinds * share[:, :, None].to(kinds)).sum(dim=(3, 4), keepdim=True)
            result.append((kinds * mean).sum(dim=2))
        return torch.cat(result, dim=1)


def _of_mask(previous: Tensor, grid: tuple[int, int]) -> Tensor:
    """Share of the mask so far in every place, ``(n, 1, h, w)``, sum 1; 0 where there is none."""
    small = F.adaptive_avg_pool2d(torch.nan_to_num(previous), grid)
    return small / small.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)


def _grown(maps: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(maps, size=like.shape[2:], mode="nearest")
