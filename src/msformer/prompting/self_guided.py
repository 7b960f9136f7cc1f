"""The grown network guides itself on one picture: a few updates by the method's own losses, and by what was said.

The encoder alone is updated: what is known of a picture changes, not what a prompt means. The objective is the paper's
(section 2.2), with the fused map as logits of its clusters, and where something was said, that the answer agrees with
it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from msformer.network.prompted import Features, PromptedNet, patch_affinity
from msformer.objective import cluster_loss, inter_scale_loss, intra_scale_loss
from msformer.prompting.looked import Looked, Said
from msformer.threads import torch_threads

RATE = 0.02
"""Learning rate of plain gradient descent; set by hand, no other was measured."""
AGREEMENT = 1.0
"""Weight of the agreement with what was said, beside the paper's 1 : 2 : 1.2."""
WEIGHTS = (1.0, 2.0, 1.2)
"""Weights of the clusters, of the two scales and of the stability within one (paper section 3)."""


@torch_threads(1)
def self_guided(looked: Looked, said: Sequence[Said], updates: int) -> Looked:
    """The same part of a picture, after some updates of the encoder on it.

    Args:
        looked: The picture as the network sees it.
        said: What is said of objects in it; none, and the method's losses alone guide.
        updates: How many; 0 changes nothing.
    """
    if updates == 0:
        return looked
    network = copy.deepcopy(looked.network).requires_grad_(False)
    parameters = [one.requires_grad_(True) for one in network.encoder.parameters()]
    image = looked.input()
    for _ in range(updates):
        features = network.encode(image)
        loss = method_losses(features)
        if said:
            loss = loss + AGREEMENT * _disagreement(network, features, looked, said)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=RATE)
    network.requires_grad_(False)
    with torch.inference_mode():
        return replace(looked, network=network, features=network.encode(image))


def method_losses(features: Features) -> Tensor:
    """The paper's objective on the features of one picture."""
    cluster, inter, intra = WEIGHTS
    logits = features.fused.float()
    loss = cluster * cluster_loss(logits, logits.detach().argmax(dim=1))
    loss = loss + intra * intra_scale_loss(patch_affinity(logits))
    if features.context_fine is not None and features.context_coarse is not None:
        loss = loss + inter * inter_scale_loss(features.context_fine.float(), features.context_coarse.float())
    return loss


def _disagreement(network: PromptedNet, features: Features, looked: Looked, said: Sequence[Said]) -> Tensor:
    """Cross-entropy of the likeliest alternative at the clicks that were made; boxes say nothing of single pixels."""
    prompts = looked.prompts(list(said), None)
    decoded = network.decode(features.of(torch.zeros(len(said), dtype=torch.long)), prompts)
    best = decoded.expected.argmax(dim=1)
    logits = decoded.logits[torch.arange(len(said)), best]
    height, width = logits.shape[1:]
    rows = prompts.clicks[:, :, 0].round().long().clamp(0, height - 1)
    columns = prompts.clicks[:, :, 1].round().long().clamp(0, width - 1)
    at_clicks = logits.flatten(1).gather(1, rows * width + columns)  # (n, m)
    signs = prompts.clicks[:, :, 2]
    entropy = F.softplus(-at_clicks * signs)
    return (entropy * signs.abs()).sum() / signs.abs().sum().clamp(min=1)
