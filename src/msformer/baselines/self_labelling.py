"""What DFC and SGSCN share: a small convolutional network that learns from its own labels, its losses, its loop.

The method itself has its one loop in ``fit.py``; this is the one loop of the other methods that learn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from msformer.baselines.base import LearningSettings
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.errors import FitDivergedError
from msformer.fit import FitStep, StopReason, find_device
from msformer.prepare import Prepared
from msformer.threads import torch_threads

POSITIVE = 1e-12
"""Keeps the mass of a cluster that holds nothing away from 0."""

Objective = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""Weighted terms of a loss from logits ``(1, K, h, w)`` and labels ``(1, h, w)``; their sum is minimised."""


class ConvNet(nn.Module):
    """Blocks of convolution 3 × 3, ReLU and batch normalisation, then convolution 1 × 1 and batch normalisation.

    The last normalisation keeps the responses of all clusters at one scale (Kim et al. 2020): without it one cluster
    soon wins everywhere. Statistics are those of the image, always.
    """

    def __init__(self, in_channels: int, width: int, depth: int) -> None:
        super().__init__()
        sizes = [in_channels] + [width] * depth
        self.blocks = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(sizes)
        )
        self.response = nn.Conv2d(width, width, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, track_running_stats=False) for _ in range(depth + 1))

    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits ``(1, width, h, w)`` of an image ``(1, C, h, w)``."""
        features = image
        *inner, last = self.norms
        for convolution, norm in zip(self.blocks, inner, strict=True):
            features = norm(torch.relu(convolution(features)))  # (1, width, h, w)
        logits: Tensor = last(self.response(features))
        return logits


def build_convnet(in_channels: int, width: int, depth: int, generator: torch.Generator) -> ConvNet:
    """Build a network whose parameters are drawn from ``generator`` alone, as PyTorch would draw them.

    Built without storage first, because PyTorch would otherwise draw from the caller's random state.
    """
    with torch.device("meta"):
        network = ConvNet(in_channels, width, depth)
    network = network.to_empty(device="cpu")
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                bound = 1.0 / math.sqrt(module.weight[0].numel())
                for parameter in module.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
    return network


def similarity_loss(logits: Tensor, pseudo_labels: Tensor) -> Tensor:
    """Cross-entropy of logits ``(1, K, h, w)`` against labels ``(1, h, w)``, mean over pixels."""
    return F.cross_entropy(logits, pseudo_labels)


def continuity_loss(logits: Tensor) -> Tensor:
    """Mean absolute difference of logits ``(1, K, h, w)`` to the pixel below, plus that to the pixel on the right."""
    down = logits[:, :, 1:] - logits[:, :, :-1]
    right = logits[:, :, :, 1:] - logits[:, :, :, :-1]
    return down.abs().mean() + right.abs().mean()


def concentration_loss(logits: Tensor) -> Tensor:
    """How far the pixels of each cluster lie from its centre: squared distance, mean in each cluster, sum over them.

    Args:
        logits: ``(1, K, h, w)``; a softmax over clusters makes the shares of which centres and means are taken.

    Returns:
        A scalar; rows and columns run from −1 to 1, whatever the size of the image.
    """
    height, width = logits.shape[2:]
    shares = torch.softmax(logits[0], dim=0)  # (K, h, w)
    shares = shares / (shares.sum(dim=(1, 2), keepdim=True) + POSITIVE)  # each cluster sums to 1
    total = logits.new_zeros(())
    # Rows and columns apart: the squared distance is a sum, and the variance needs one axis at a time.
    for axis, length in ((2, height), (1, width)):
        profile = shares.sum(dim=axis)  # (K, length)
        position = torch.linspace(-1, 1, length, dtype=logits.dtype, device=logits.device)
        centre = (profile * position).sum(dim=1, keepdim=True)  # (K, 1)
        total = total + (profile * (position - centre) ** 2).sum()
    return total


@torch_threads(1)
def learn_labels(
    prepared: Prepared,
    settings: Config,
    objective: Objective,
    learning: LearningSettings,
) -> Clustering:
    """Optimise a ``ConvNet`` on one image against its own labels; both published loops are this one.

    The network sees the reflected border of the prepared image, which is cut off afterwards, exactly as that of the
    method does. Of the settings, the seed and the device count; numbers are float32.

    Args:
        prepared: The image.
        settings: Of which ``random_state`` and ``fit.device`` are used.
        objective: The terms to minimise.
        learning: Sizes and limits.

    Raises:
        FitDivergedError: The loss became NaN or infinite.
    """
    generator = torch.Generator().manual_seed(settings.random_state)
    device = find_device(settings.fit.device)
    network = build_convnet(prepared.network_input.shape[0], learning.width, learning.depth, generator).to(device)
    image = torch.from_numpy(np.ascontiguousarray(prepared.network_input)).to(device)[None]
    optimiser = torch.optim.SGD(network.parameters(), lr=learning.learning_rate, momentum=learning.momentum)
    history: list[FitStep] = []
    stop_reason: StopReason = "max_iter"
    for step in range(learning.max_iter):
        logits = network(image)
        pseudo_labels = logits.detach().argmax(dim=1)  # (1, h, w)
        terms = objective(logits, pseudo_labels)
        total = torch.stack(list(terms.values())).sum()
        losses = {"total": total.item()} | {name: term.item() for name, term in terms.items()}
        if not math.isfinite(losses["total"]):
            raise FitDivergedError(f"the loss must be finite; got {losses} at step {step}")
        history.append(FitStep(step, int(torch.unique(pseudo_labels).numel()), losses))
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if history[-1].n_labels <= learning.min_labels:
            stop_reason = "min_clusters"
            break
    with torch.no_grad():
        final = network(image)[0].cpu().numpy()
    if not np.isfinite(final).all():
        raise FitDivergedError(f"the final logits must be finite; got NaN or infinity after {len(history)} updates")
    inside = slice(prepared.padding, -prepared.padding or None)
    return Clustering(final[:, inside, inside], stop_reason, len(history), tuple(history))
