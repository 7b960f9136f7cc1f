"""What the other methods that learn share: a small convolutional network, losses on its own labels, the loop.

The method itself has its one loop in ``fit.py``; this is the one loop of the others, DFC, SGSCN, IIC and DeepCluster.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from msformer.baselines.base import LearningSettings
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.errors import FitDivergedError
from msformer.fit import FitStep, StopReason, find_device
from msformer.prepare import Prepared
from msformer.threads import torch_threads

JITTER = 0.1
"""How far the light of a channel is changed, of its range of 1."""
POSITIVE = 1e-12
"""Keeps the mass of a cluster that holds nothing away from 0."""

Objective = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""Weighted terms of a loss from logits ``(1, K, h, w)`` and labels ``(1, h, w)``; their sum is minimised."""


class ConvNet(nn.Module):
    """Blocks of convolution 3 × 3, ReLU and batch normalisation, then convolution 1 × 1 and batch normalisation.

    The last normalisation keeps the responses of all clusters at one scale (Kim et al. 2020): without it one cluster
    soon wins everywhere. Statistics are those of the image, always.
    """

    def __init__(self, in_channels: int, width: int, depth: int, responses: int) -> None:
        super().__init__()
        sizes = [in_channels] + [width] * depth
        self.blocks = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(sizes)
        )
        self.response = nn.Conv2d(width, responses, 1)
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(size, track_running_stats=False) for size in [width] * depth + [responses]
        )

    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits ``(1, responses, h, w)`` of an image ``(1, C, h, w)``."""
        features = image
        *inner, last = self.norms
        for convolution, norm in zip(self.blocks, inner, strict=True):
            features = norm(torch.relu(convolution(features)))  # (1, width, h, w)
        logits: Tensor = last(self.response(features))
        return logits


def build_convnet(
    in_channels: int, width: int, depth: int, generator: torch.Generator, responses: int | None = None
) -> ConvNet:
    """Build a network whose parameters are drawn from ``generator`` alone, as PyTorch would draw them.

    It has ``width`` responses unless their number is given. Built without storage first, because PyTorch would
    otherwise draw from the caller's random state.
    """
    with torch.device("meta"):
        network = ConvNet(in_channels, width, depth, width if responses is None else responses)
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
    learner = Learner(prepared, settings, learning)
    for _ in range(learning.max_iter):
        logits = learner.responses()
        pseudo_labels = logits.detach().argmax(dim=1)  # (1, h, w)
        if learner.update(objective(logits, pseudo_labels), pseudo_labels) <= learning.min_labels:
            learner.stop_reason = "min_clusters"
            break
    return learner.clustering(learner.final())


class Learner:
    """A ``ConvNet`` on its way on one image: its updates, what is recorded of them, and its end.

    Args:
        prepared: The image.
        settings: Of which ``random_state`` and ``fit.device`` are used.
        learning: Sizes and step size.
        responses: Channels of the network's last map; ``learning.width`` if left out.
    """

    def __init__(
        self, prepared: Prepared, settings: Config, learning: LearningSettings, responses: int | None = None
    ) -> None:
        self.generator = torch.Generator().manual_seed(settings.random_state)
        self.stop_reason: StopReason = "max_iter"
        self._device = find_device(settings.fit.device)
        in_channels = prepared.network_input.shape[0]
        network = build_convnet(in_channels, learning.width, learning.depth, self.generator, responses)
        self._network = network.to(self._device)
        self.image = torch.from_numpy(np.ascontiguousarray(prepared.network_input)).to(self._device)[None]
        self._learning = learning
        self._optimiser = self._descent([])
        self._history: list[FitStep] = []
        self._padding = prepared.padding

    def responses(self, image: Tensor | None = None) -> Tensor:
        """The network's map of an image ``(1, C, h, w)``; of its own where none is given."""
        logits: Tensor = self._network(self.image if image is None else image)
        return logits

    def new_classifier(self, classes: int) -> Tensor:
        """Weights ``(classes, responses)``, optimised from now on; those before and all momentum are gone."""
        size = self._network.response.out_channels
        bound = 1.0 / math.sqrt(size)
        drawn = torch.empty(classes, size).uniform_(-bound, bound, generator=self.generator)
        weights = drawn.to(self._device).requires_grad_()
        self._optimiser = self._descent([weights])
        return weights

    def _descent(self, further: list[Tensor]) -> torch.optim.SGD:
        parameters = [*self._network.parameters(), *further]
        return torch.optim.SGD(parameters, lr=self._learning.learning_rate, momentum=self._learning.momentum)

    def update(self, terms: Mapping[str, Tensor], labels: Tensor) -> int:
        """One step down the sum of the terms; returns how many labels there were.

        Raises:
            FitDivergedError: The sum is NaN or infinite.
        """
        total = torch.stack(list(terms.values())).sum()
        losses = {"total": total.item()} | {name: term.item() for name, term in terms.items()}
        step = len(self._history)
        if not math.isfinite(losses["total"]):
            raise FitDivergedError(f"the loss must be finite; got {losses} at step {step}")
        self._history.append(FitStep(step, int(torch.unique(labels).numel()), losses))
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return self._history[-1].n_labels

    @torch.no_grad()
    def final(self) -> NDArray[np.float32]:
        """The network's map ``(responses, h, w)`` of the image, border included.

        Raises:
            FitDivergedError: It holds NaN or infinity.
        """
        final: NDArray[np.float32] = self.responses()[0].cpu().numpy()
        if not np.isfinite(final).all():
            steps = len(self._history)
            raise FitDivergedError(f"the final logits must be finite; got NaN or infinity after {steps} updates")
        return final

    def clustering(self, logits: NDArray[np.float32]) -> Clustering:
        """What is handed back: the logits without the border, and the record."""
        inside = slice(self._padding, -self._padding or None)
        return Clustering(logits[:, inside, inside], self.stop_reason, len(self._history), tuple(self._history))


def jittered(image: Tensor, generator: torch.Generator) -> Tensor:
    """Other light: each channel of ``(1, C, h, w)`` times 1 ± up to JITTER, plus up to ± JITTER."""
    gain, bias = (
        torch.empty(image.shape[1]).uniform_(-JITTER, JITTER, generator=generator).to(image.device)[:, None, None]
        for _ in range(2)
    )
    return image * (1 + gain) + bias
