"""What speed is compared with: the arithmetic of the recorded released runs, and all products of a step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.speed.floor import Floor, Product, products
from benchmarks.speed.page import ratios, write_page
from benchmarks.speed.released import ReleasedLoop, ReleasedNetwork
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "parity" / "tiny_demo.npz") as archive:
        return {name: archive[name] for name in archive.files}


def released_network(recorded: dict[str, np.ndarray]) -> ReleasedNetwork:
    state = {
        name.removeprefix("state/"): torch.from_numpy(value)
        for name, value in recorded.items()
        if name.startswith("state/")
    }
    dim = state["linear_down.weight"].shape[0]
    patch = round((state["to_patch_embedding.1.weight"].shape[1] / dim) ** 0.5)
    depth = len({name.split(".")[1] for name in state if name.startswith("block_s.")})
    network = ReleasedNetwork(state["patch_embed_s.proj.weight"].shape[1], dim, depth, patch).double()
    network.load_state_dict(state, strict=False)
    return network


def test_reference_computes_what_the_released_network_did(recorded: dict[str, np.ndarray]) -> None:
    found = released_network(recorded)(torch.from_numpy(recorded["input"]))
    names = ("logits", "attention", "context_small", "context_large")
    for value, name in zip(found, names, strict=True):
        np.testing.assert_allclose(value.detach().numpy(), recorded[f"forward/{name}"], rtol=0, atol=1e-9, err_msg=name)


def test_reference_loop_follows_the_recorded_number_of_labels(recorded: dict[str, np.ndarray]) -> None:
    columns = json.loads(str(recorded["meta"]))["trace_columns"]
    counts = recorded["trace"][:, columns.index("labels_before_update")].astype(int).tolist()
    loop = ReleasedLoop(released_network(recorded), torch.from_numpy(recorded["input"]))
    assert [loop.step() for _ in counts] == counts


def test_operations_of_a_product_and_its_gradients() -> None:
    assert Product(2, 3, 5).operations == 2 * 2 * 3 * 5 * 3
    assert Product(2, 3, 5, times=4, gradients=1).operations == 2 * 2 * 3 * 5 * 4 * 2


def test_floor_holds_every_product_of_a_step() -> None:
    # By hand, for 5 × 5 px, 2 channels, one block, patches of 2 × 2, one input channel: 25 fine and 9 coarse tokens.
    n_tokens = 25 + 9
    block = 2 * 6 + 2 * 2 + 2 * 2 * 2 + 2 * 8 + 8 * 2  # keys, queries, values; context; two squares; feed-forward
    others = 9 * 2 * 8 + 25 * 4 * 2 + 8 * 8 * 2  # upsampling, fusion, two sets of 4 patches of 8 values
    expected = 2 * 3 * (n_tokens * block + others) + 2 * 2 * n_tokens * 9 * 2  # embedding: one gradient
    assert sum(one.operations for one in products(side=5, dim=2, depth=1, patch=2, in_channels=1)) == expected


def test_floor_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.speed.floor.products", lambda: products(side=9, dim=3, depth=1, patch=4))
    Floor(torch.float32).step()


def test_page_is_made_of_the_results(tmp_path: Path) -> None:
    results = json.loads((ROOT / "docs" / "performance" / "results.json").read_text())
    text = write_page(tmp_path, results)
    assert text == (tmp_path / "performance.md").read_text() == (ROOT / "docs" / "performance.md").read_text()
    assert (tmp_path / "performance" / "steps.png").stat().st_size > 5000


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([{"seconds": 6.0}, {"seconds": 9.0}], [{"seconds": 2.0}, {"seconds": 1.0}]) == [3.0, 9.0]
