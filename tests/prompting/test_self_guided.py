"""Updates on one picture: the losses fall, what was said is heard, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msformer.network.prompted import PromptedNet, PromptedSizes, build_prompted
from msformer.prompting import Said, look
from msformer.prompting.self_guided import method_losses, self_guided


@pytest.fixture
def network() -> PromptedNet:
    sizes = PromptedSizes(dim=16, depth_fine=1, depth_coarse=1)
    return build_prompted(sizes, torch.Generator().manual_seed(0)).eval().requires_grad_(False)


def picture() -> tuple[np.ndarray, np.ndarray]:
    pixels = np.full((96, 128), 200, dtype=np.float32)
    pixels[30:60, 40:80] = 60
    return pixels, np.ones((96, 128), dtype=bool)


def test_the_method_s_objective_falls(network: PromptedNet) -> None:
    looked = look(network, *picture())
    guided = self_guided(looked, [], 6)
    with torch.no_grad():
        before, after = (float(method_losses(one.network.encode(one.input()))) for one in (looked, guided))
    assert after < before


def test_a_click_is_agreed_with(network: PromptedNet) -> None:
    looked = look(network, *picture())
    on_it, beside = (Said(((0.47, 0.47, sign),)) for sign in (True, False))
    row, column = int(0.47 * looked.shape[0]), int(0.47 * looked.shape[1])
    for said, sign in ((on_it, 1), (beside, -1)):
        first, last = (
            one.ask([said])[0].logits[one.ask([said])[0].best][row, column]
            for one in (looked, self_guided(looked, [said], 12))
        )
        assert sign * last > sign * first


def test_the_network_that_was_given_stays_as_it_is(network: PromptedNet) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    looked = look(network, *picture())
    guided = self_guided(looked, [Said(((0.5, 0.5, True),))], 2)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    decoder = guided.network.decoder.state_dict()
    for name, value in network.decoder.state_dict().items():
        torch.testing.assert_close(decoder[name], value, rtol=0, atol=0)
    assert self_guided(looked, [], 0) is looked
