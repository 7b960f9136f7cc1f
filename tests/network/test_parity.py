"""Runs of the released network in float64, followed to the tolerances of docs/fidelity.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from msformer.config import FitSettings, LossWeights
from msformer.fit import fit
from msformer.network import MSFormerNet, from_released, load_released
from msformer.objective import objective


class ParityRun:
    """One recorded run of the released code."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as archive:
            self.arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
        self.meta = json.loads(str(self.arrays["meta"]))
        self.weights = LossWeights(
            cluster=self.meta["weight_cross_entropy"],
            inter_scale=self.meta["weight_inter"],
            intra_scale=self.meta["weight_intra"],
        )

    def tensors(self, prefix: str) -> dict[str, torch.Tensor]:
        return {
            name.removeprefix(prefix): torch.from_numpy(value)
            for name, value in self.arrays.items()
            if name.startswith(prefix)
        }

    def network(self) -> MSFormerNet:
        return load_released(self.tensors("state/"), dtype=torch.float64)


@pytest.fixture(scope="module", params=["tiny_demo", "tiny_scored"])
def run(request: pytest.FixtureRequest, shared: Path) -> ParityRun:
    return ParityRun(shared / "parity" / f"{request.param}.npz")


def test_first_forward_is_that_of_the_released_network(run: ParityRun) -> None:
    output = run.network()(torch.from_numpy(run.arrays["input"]))
    for name, ours in {
        "logits": output.logits,
        "attention": output.affinity,
        "context_small": output.context_fine,
        "context_large": output.context_coarse,
    }.items():
        np.testing.assert_allclose(
            ours.detach().numpy(), run.arrays[f"forward/{name}"], rtol=0, atol=1e-9, err_msg=name
        )


def test_every_gradient_of_the_first_step_is_that_of_the_released_network(run: ParityRun) -> None:
    network = run.network()
    output = network(torch.from_numpy(run.arrays["input"]))
    objective(output, output.logits.argmax(dim=1), run.weights).total.backward()  # type: ignore[no-untyped-call]
    expected = from_released(run.tensors("grad/"))
    ours = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert set(ours) == set(expected)
    for name, gradient in ours.items():
        assert gradient is not None
        np.testing.assert_allclose(gradient.numpy(), expected[name].numpy(), rtol=0, atol=1e-9, err_msg=name)


def test_loop_follows_the_released_trace_to_the_same_labels(run: ParityRun) -> None:
    trace = run.arrays["trace"]
    settings = FitSettings(
        max_iter=len(trace) if run.meta["size"] == 65 else 50,
        min_clusters=run.meta["min_labels"],
        learning_rate=run.meta["learning_rate"],
        momentum=run.meta["momentum"],
        loss_weights=run.weights,
        precision="float64",
    )
    result = fit(run.network(), run.arrays["input"][0], settings)
    ours = [
        [step.n_labels, *(step.losses[name] for name in ("total", "cluster", "inter_scale", "intra_scale"))]
        for step in result.history
    ]
    np.testing.assert_allclose(ours, trace, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(result.logits.argmax(axis=0), run.arrays["final/labels"])


def test_prepared_image_is_the_released_input(run: ParityRun) -> None:
    """The recorded image, brought to [0, 1] by the paper preset's rule, is the recorded input."""
    from msformer.config import PrepareSettings
    from msformer.image import Image
    from msformer.prepare import prepare

    image = run.arrays["image"]
    settings = PrepareSettings(
        working_size=run.meta["size"],
        keep_aspect=False,
        interpolation="bilinear",
        colour="rgb",
        padding=0,
        no_data=False,
    )
    # The recorded image is stored in the order in which the network saw it, so no reversal here.
    prepared = prepare(Image.from_array(image), settings)
    np.testing.assert_allclose(prepared.network_input, run.arrays["input"][0], rtol=0, atol=1e-7)
