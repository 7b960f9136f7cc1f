"""What a person says of an object, as tensors, and as maps on the grid of features."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

PROMPT_CHANNELS = 11
NEAR = 3.0
"""Deviation in px of the Gaussian around a click: what it surely means."""
FAR = 64.0
"""Distance in px from which on a click is just far away."""


@dataclass(frozen=True)
class Prompts:
    """One prompt for each of n requests, in px of a picture ``(H, W)`` that the network sees.

    Attributes:
        clicks: ``(n, m, 3)``: row, column, and 1 on the object, -1 beside it, 0 for no click.
        box: ``(n, 4)``: first row, first column, end row, end column; NaN for no box.
        previous: ``(n, 1, H, W)``, probability of the mask so far; NaN for none.
    """

    clicks: Tensor
    box: Tensor
    previous: Tensor

    def __len__(self) -> int:
        return len(self.clicks)

    def of(self, index: Tensor) -> Prompts:
        """Some of the prompts."""
        return Prompts(*(getattr(self, one.name)[index] for one in fields(self)))


def prompt_maps(prompts: Prompts, grid: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Draw prompts on a grid of a quarter of the picture's resolution.

    Returns:
        ``(n, PROMPT_CHANNELS, h, w)`` for the network; ``(n, 1, h, w)`` how much each place is said to be of the
        object, and the same for what is not of it. The last two sum to 1, or to 0 where nothing is said.
    """
    clicks, box = prompts.clicks, prompts.box
    rows = 4 * torch.arange(grid[0], device=clicks.device) + 1.5
    columns = 4 * torch.arange(grid[1], device=clicks.device) + 1.5
    squared = (clicks[:, :, 0, None, None] - rows[:, None]) ** 2 + (clicks[:, :, 1, None, None] - columns) ** 2
    maps, said = [], []
    for sign in (1.0, -1.0):
        is_one = clicks[:, :, 2, None, None] == sign
        nearest = torch.where(is_one, squared, torch.inf).amin(dim=1, keepdim=True)
        near = torch.exp(-nearest / (2 * NEAR**2))
        maps += [near, torch.sqrt(nearest).clamp(max=FAR) / FAR]
        said.append(near)
    has_box = ~torch.isnan(box[:, :1, None, None])
    box = torch.nan_to_num(box)[:, :, None, None]
    inside = _inside(rows[:, None], box[:, 0:1], box[:, 2:3]) * _inside(columns, box[:, 1:2], box[:, 3:4])
    middle = _round_inside(rows[:, None], columns, box)
    maps += [torch.where(has_box, 2 * inside - 1, 0.0), torch.where(has_box, middle, 0.0)]
    said[0] = said[0] + torch.where(has_box, 0.2 * middle, 0.0)
    said[1] = said[1] + torch.where(has_box, 0.2 * (1 - inside), 0.0)
    has_mask = ~torch.isnan(prompts.previous[:, :, :1, :1])
    previous = torch.where(has_mask, 2 * torch.nan_to_num(prompts.previous) - 1, 0.0)
    halves = F.avg_pool2d(previous, 2)
    maps += [F.pixel_unshuffle(halves, 2), has_mask.expand(-1, -1, *grid).to(halves)]
    drawn = torch.cat([one.expand(-1, -1, *grid) for one in maps], dim=1)
    shares = [one / one.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6) for one in said]
    return drawn, shares[0], shares[1]


def _inside(places: Tensor, first: Tensor, end: Tensor) -> Tensor:
    """Share of a place of 4 px that lies between two borders, ``(n, 1, ...)``."""
    return ((places + 2 - first).clamp(0, 4) * (end - places + 2).clamp(0, 4) / 16).clamp(0, 1)


def _round_inside(rows: Tensor, columns: Tensor, box: Tensor) -> Tensor:
    """Inside of the ellipse of half the box's size: what is of the object whatever its shape."""
    middle = (box[:, 0:1] + box[:, 2:3]) / 2, (box[:, 1:2] + box[:, 3:4]) / 2
    reach = (box[:, 2:3] - box[:, 0:1]).clamp(min=4) / 2, (box[:, 3:4] - box[:, 1:2]).clamp(min=4) / 2
    distance = ((rows - middle[0]) / reach[0]) ** 2 + ((columns - middle[1]) / reach[1]) ** 2
    return torch.exp(-2 * distance)
