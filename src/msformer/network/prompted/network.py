"""The network that is grown from random scenes: pictures and prompts in, nested masks out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from msformer.network.network import draw_maps
from msformer.network.prompted.decoder import Decoded, PromptDecoder
from msformer.network.prompted.encoder import DualBranchEncoder, Features, UNetEncoder
from msformer.network.prompted.prompts import Prompts

IN_CHANNELS = 4
"""Three of colour, standardised, 0 where there is no data; and whether there is data."""
SIDE_MULTIPLE = 16
"""Sides of pictures are multiples of this many px."""


@dataclass(frozen=True)
class PromptedSizes:
    """Sizes of the network.

    Attributes:
        encoder: ``dual-branch``, the method's two scales, or ``unet``, convolutions at the same cost.
        dim: Channels D of both branches and of the fused map.
        depth_fine: Blocks of the branch with patches of 4 px.
        depth_coarse: Blocks of the branch with patches of 8 px.
    """

    encoder: Literal["dual-branch", "unet"] = "dual-branch"
    dim: int = 80
    depth_fine: int = 2
    depth_coarse: int = 4


class PromptedNet(nn.Module):
    """An encoder that runs once a picture, a decoder that runs once a prompt, and two heads that need no prompt."""

    def __init__(self, sizes: PromptedSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder: nn.Module = (
            UNetEncoder(IN_CHANNELS, sizes.dim)
            if sizes.encoder == "unet"
            else DualBranchEncoder(IN_CHANNELS, sizes.dim, sizes.depth_fine, sizes.depth_coarse)
        )
        self.decoder = PromptDecoder(sizes.dim)
        self.unprompted = nn.Conv2d(sizes.dim, 2 * 4, 1)

    def encode(self, image: Tensor) -> Features:
        """Look at pictures ``(B, IN_CHANNELS, H, W)`` once."""
        features: Features = self.encoder(image)
        return features

    def decode(self, features: Features, prompts: Prompts) -> Decoded:
        """Answer one prompt for each picture in ``features``."""
        decoded: Decoded = self.decoder(features, prompts)
        return decoded

    def without_prompt(self, features: Features) -> tuple[Tensor, Tensor]:
        """Logits ``(B, H / 2, W / 2)`` of being part of an object, and of lying on a border of anything."""
        maps = F.pixel_shuffle(self.unprompted(features.fused), 2).float()
        return maps[:, 0], maps[:, 1]

    def describe(self) -> dict[str, str | int]:
        """The sizes as plain data."""
        return asdict(self.sizes)


def build_prompted(sizes: PromptedSizes, generator: torch.Generator) -> PromptedNet:
    """Build a network whose parameters are drawn from ``generator`` alone, by PyTorch's default rule."""
    with torch.random.fork_rng(devices=[]):
        network = PromptedNet(sizes)
    draw_maps(network, generator)
    # Few pixels are objects or borders, and nobody has said anything yet.
    if network.unprompted.bias is not None:
        nn.init.constant_(network.unprompted.bias, -2.0)
    return network
