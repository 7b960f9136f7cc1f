"""Losses, worked out by hand on a few px."""

from __future__ import annotations

import math

import pytest
import torch

from msformer.growing.objective import (
    BORDERS,
    EXPECTED,
    OBJECTS,
    OF_ALL,
    hard_dice,
    mask_loss,
    unprompted_loss,
)
from msformer.network.prompted import Decoded, patch_affinity

LOG2 = math.log(2)


def test_hard_dice_counts_px_above_0() -> None:
    logits = torch.tensor([[[[1.0, -1.0, 2.0, -3.0]], [[1.0, 1.0, 1.0, 1.0]], [[-1.0, -1.0, -1.0, 0.0]]]])
    truth = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    # 2 · 1 / (2 + 2), 2 · 2 / (4 + 2), nothing: 0 is not above 0.
    torch.testing.assert_close(hard_dice(logits, truth), torch.tensor([[0.5, 2 / 3, 0.0]]))
    assert hard_dice(logits[:, 2:], torch.zeros(1, 1, 4)).item() == 0, "nothing found of nothing is no division by 0"


def test_mask_loss_of_an_answer_that_says_nothing() -> None:
    """All logits 0: shares are a half everywhere, two of four px are of the truth."""
    truth = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    loss = mask_loss(Decoded(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3)), truth)
    soft = (2 * 0.5 * 2 + 1) / (0.5 * 4 + 2 + 1)  # 3 / 5
    each = 4 * LOG2 + 1 - soft
    assert loss.total.item() == pytest.approx(each * (1 + OF_ALL) + EXPECTED * LOG2, rel=1e-5)
    assert torch.equal(loss.dice, torch.zeros(1, 3))


def test_mask_loss_takes_the_best_alternative_and_a_little_of_all() -> None:
    truth = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    right = 40 * truth - 20
    logits = torch.stack([-right, right, torch.full((1, 2, 2), 0.0)], dim=1)
    loss = mask_loss(Decoded(logits, torch.tensor([[-20.0, 20.0, -20.0]])), truth)
    wrong_each = 4 * 20 + 1 - (0 + 1) / (2 + 2 + 1)
    even_each = 4 * LOG2 + 1 - 3 / 5
    assert loss.total.item() == pytest.approx(OF_ALL * (wrong_each + 0 + even_each) / 3, abs=1e-4)
    assert loss.dice.tolist() == [[0.0, 1.0, 0.0]]


def test_what_was_not_asked_does_not_count() -> None:
    truth = torch.zeros(2, 2, 2)
    truth[0, 0] = 1
    one = Decoded(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3))
    both = Decoded(torch.cat([torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 9.0)]), torch.ones(2, 3) * 0.0)
    assert mask_loss(both, truth).total.item() == pytest.approx(mask_loss(one, truth[:1]).total.item())
    assert mask_loss(one, truth[1:]).total.item() == 0


def test_the_dice_that_is_expected_is_compared_with_the_one_that_is_reached() -> None:
    truth = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    logits = torch.stack([torch.tensor([[[1.0, -1.0], [1.0, -1.0]]])] * 3, dim=1)  # Dice 2 · 1 / 4
    sure, unsure = (
        mask_loss(Decoded(logits, torch.full((1, 3), value)), truth).total.item() for value in (math.log(3), 0.0)
    )
    # Of a half, expected .75: -(log .75 + log .25) / 2; expected .5: log 2.
    assert sure - unsure == pytest.approx(EXPECTED * (-(math.log(0.75) + math.log(0.25)) / 2 - LOG2), rel=1e-4)


def test_loss_without_a_prompt() -> None:
    objects, borders = torch.zeros(1, 1, 2), torch.zeros(1, 1, 2)
    truth_objects = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]])  # halves to 1, 0
    truth_borders = torch.tensor([[[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]])  # halves to .5, 0
    found = unprompted_loss(objects, borders, truth_objects, truth_borders).item()
    soft = (2 * 0.5 + 1) / (1 + 1 + 1)
    assert found == pytest.approx(OBJECTS * (LOG2 + 1 - soft) + BORDERS * LOG2, rel=1e-5)
    right = unprompted_loss(
        torch.tensor([[[20.0, -20.0]]]), torch.tensor([[[0.0, -20.0]]]), truth_objects, truth_borders
    ).item()
    assert right == pytest.approx(BORDERS * LOG2 / 2, rel=1e-4)


def test_the_affinity_of_patches_tells_which_patch_each_is() -> None:
    generator = torch.Generator().manual_seed(0)
    fused = torch.randn(2, 5, 13, 9, generator=generator)
    affinity = patch_affinity(fused)
    assert affinity.shape == (2, 6, 6)  # 12 x 8 tokens in patches of 4 x 4
    torch.testing.assert_close(affinity.sum(dim=-1), torch.ones(2, 6))
    # Each of six patches has a channel of its own: nine of sixteen tokens stay in it one token further.
    blocks = torch.eye(6).view(1, 6, 3, 2).repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    own = patch_affinity(torch.nn.functional.pad(blocks, (0, 1, 0, 1), mode="replicate"))
    assert torch.equal(own.argmax(dim=-1), torch.arange(6)[None])
    # The last one is itself: cosine 1 with itself and 0 with others, times 10.
    assert own[0, 5, 5].item() == pytest.approx(math.e**10 / (math.e**10 + 5), rel=1e-5)
