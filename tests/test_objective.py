from __future__ import annotations

import math

import pytest
import torch

from msformer.config import LossWeights
from msformer.network import NetworkOutput
from msformer.objective import cluster_loss, inter_scale_loss, intra_scale_loss, objective


def test_cluster_loss_by_hand() -> None:
    """One row of two pixels, two clusters: −ln(e²/(e²+1)) and −ln(1/2), averaged."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]]).view(1, 2, 1, 2)
    expected = (-math.log(math.exp(2) / (math.exp(2) + 1)) - math.log(0.5)) / 2
    assert cluster_loss(logits, torch.tensor([[[0, 1]]])).item() == pytest.approx(expected, abs=1e-6)


def test_inter_scale_loss_by_hand() -> None:
    """Rows at 0°, 90° and 180°: cosines 1, 0 and −1, mean 0."""
    fine = torch.tensor([[[3.0, 0.0], [2.0, 0.0], [1.0, 1.0]]])
    coarse = torch.tensor([[[1.0, 0.0], [0.0, 5.0], [-2.0, -2.0]]])
    assert inter_scale_loss(fine, coarse).item() == pytest.approx(1.0, abs=1e-6)
    assert inter_scale_loss(fine, fine).item() == pytest.approx(0.0, abs=1e-6)


def test_intra_scale_loss_by_hand() -> None:
    """|0.75 − 1|, 0.25, 0.5, |0.5 − 1|: sum 1.5 over 4 entries."""
    affinity = torch.tensor([[[0.75, 0.25], [0.5, 0.5]]])
    assert intra_scale_loss(affinity).item() == pytest.approx(0.375)
    assert intra_scale_loss(torch.eye(3)[None]).item() == 0.0


def test_objective_weighs_each_term_once() -> None:
    output = NetworkOutput(
        logits=torch.tensor([[2.0, 0.0], [0.0, 0.0]]).view(1, 2, 1, 2),
        affinity=torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]),
        context_fine=torch.tensor([[[3.0, 0.0], [2.0, 0.0]]]),
        context_coarse=torch.tensor([[[1.0, 0.0], [0.0, 5.0]]]),
    )
    losses = objective(output, torch.tensor([[[0, 1]]]), LossWeights(cluster=3, inter_scale=5, intra_scale=7))
    assert losses.total.item() == pytest.approx(3 * losses.cluster.item() + 5 * 0.5 + 7 * 0.375, abs=1e-5)
