from __future__ import annotations

import numpy as np
import pytest
import torch

from msformer.network import build_network
from msformer.network.network import patch_offsets


def make(seed: int = 0, in_channels: int = 3) -> torch.nn.Module:
    return build_network(
        in_channels, embed_dim=7, depth=1, patch_size=32, generator=torch.Generator().manual_seed(seed)
    )


@pytest.mark.parametrize("shape", [(33, 33), (33, 65), (65, 33), (34, 47), (64, 64), (101, 39)])
@pytest.mark.parametrize("in_channels", [1, 2, 3, 5])
def test_any_size_and_number_of_channels(shape: tuple[int, int], in_channels: int) -> None:
    output = make(in_channels=in_channels)(torch.rand(1, in_channels, *shape))
    assert output.logits.shape == (1, 7, *shape)
    assert output.context_fine.shape == output.context_coarse.shape == (1, 7, 7)
    count = -(-(shape[0] - 1) // 32) * -(-(shape[1] - 1) // 32)
    assert output.affinity.shape == (1, count, count)
    np.testing.assert_allclose(output.affinity.sum(dim=2).detach().numpy(), 1, atol=1e-5)


def test_patches_tile_exactly_where_the_released_ones_do() -> None:
    assert patch_offsets(96, 32) == [0, 32, 64]
    assert patch_offsets(32, 32) == [0]


def test_patches_cover_every_pixel_and_stay_inside() -> None:
    for length in range(32, 200):
        offsets = patch_offsets(length, 32)
        covered = {pixel for offset in offsets for pixel in range(offset, offset + 32)}
        assert covered == set(range(length)), length


def test_a_seed_gives_the_same_parameters_and_leaves_the_global_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = make(1).state_dict(), make(1).state_dict(), make(2).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["fuse.weight"], other["fuse.weight"])


def test_parameters_start_within_the_bounds_of_the_released_initialisation() -> None:
    weights = make().state_dict()
    for name, fan_in in {"fine.embedding.projection": 27, "upsample": 7, "affinity.projection": 32 * 32 * 7}.items():
        bound = fan_in**-0.5
        largest = weights[f"{name}.weight"].abs().max().item()
        assert 0.8 * bound < largest <= bound, name
