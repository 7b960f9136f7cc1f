from __future__ import annotations

import pytest
import torch
from tests.helpers import released_state

from msformer.errors import WeightsError
from msformer.network import load_released


def test_every_released_parameter_arrives_and_none_is_left_over() -> None:
    state = released_state()
    network = load_released(state)
    ours = network.state_dict()
    assert ours["coarse.blocks.1.feed_forward.norm.bias"][0] == state["block_l.1.mlp.norm1.bias"][0]
    assert ours["fine.blocks.0.attention_norm.weight"][0] == state["block_s.0.norm1.weight"][0]
    maps = ours["fine.blocks.1.attention.keys_queries_values.weight"]
    for rows, name in ((slice(0, 5), "keys"), (slice(5, 10), "queries"), (slice(10, 15), "values")):
        assert (maps[rows] == state[f"block_s.1.attn.{name}.weight"].flatten(1)).all()
    read = {float(value.flatten()[0]) for value in ours.values()}
    # keys, queries and values share one tensor of ours, whose first element is that of the keys
    expected = {
        float(value.flatten()[0])
        for name, value in state.items()
        if "running" not in name and "num_batches" not in name and "queries" not in name and "values" not in name
    }
    assert read == expected


def test_prefix_of_a_parallel_wrapper_is_removed() -> None:
    state = {f"module.{name}": value for name, value in released_state().items()}
    assert load_released(state)(torch.rand(1, 3, 9, 13)).logits.shape == (1, 5, 9, 13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bn3.weight": None}, "affinity.norm.weight"),
        ({"surprise": torch.zeros(1)}, "surprise"),
        ({"linear_up.weight": torch.zeros(3, 3)}, "upsample.weight"),
        ({"block_s.0.attn.values.bias": None}, "block_s.0.attn.values.bias"),
        ({"patch_embed_s.proj.weight": None}, "fine.embedding.projection.weight"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, torch.Tensor | None], message: str) -> None:
    state = {name: value for name, value in (released_state() | change).items() if value is not None}
    with pytest.raises(WeightsError, match=message):
        load_released(state)
