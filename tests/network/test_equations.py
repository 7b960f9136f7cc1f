"""The method's equations once more, in plain numpy with loops where loops are clearer, against the real network.

Needs no recorded run. Sizes are different primes (or differ otherwise), so that swapped axes cannot pass.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msformer.config import FitSettings, LossWeights
from msformer.fit import fit
from msformer.network import MSFormerNet, build_network
from msformer.objective import objective

Array = NDArray[np.float64]
Parameters = dict[str, Array]

CHANNELS, DIM, DEPTH, PATCH = 2, 5, 2, 4
WEIGHTS = LossWeights(cluster=1.0, inter_scale=2.0, intra_scale=1.2)


def softmax(x: Array, axis: int) -> Array:
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=axis, keepdims=True))


def erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf)(x))


def batch_norm(tokens: Array, p: Parameters, name: str) -> Array:
    mean, variance = tokens.mean(axis=0), tokens.var(axis=0)
    return np.asarray((tokens - mean) / np.sqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"])


def layer_norm(tokens: Array, p: Parameters, name: str) -> Array:
    mean, variance = tokens.mean(axis=1, keepdims=True), tokens.var(axis=1, keepdims=True)
    return np.asarray((tokens - mean) / np.sqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"])


def linear(x: Array, p: Parameters, name: str) -> Array:
    return np.asarray(x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", np.zeros(1)))


def convolve(image: Array, weight: Array, bias: Array, stride: int) -> Array:
    """3 × 3, zero padding of 1; ``(C, H, W)`` to ``(D, h, w)``."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
    result = np.empty((len(weight), rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = padded[:, row * stride : row * stride + 3, column * stride : column * stride + 3]
            result[:, row, column] = np.tensordot(weight, window, axes=3) + bias
    return result


def depthwise(tokens: Array, p: Parameters, name: str, grid: tuple[int, int]) -> Array:
    planes = tokens.reshape(*grid, -1).transpose(2, 0, 1)
    mixed = [
        convolve(plane[None], p[f"{name}.weight"][c][None], p[f"{name}.bias"][c : c + 1], 1)[0]
        for c, plane in enumerate(planes)
    ]
    return np.stack(mixed).transpose(1, 2, 0).reshape(tokens.shape)


def block(tokens: Array, p: Parameters, name: str, grid: tuple[int, int]) -> tuple[Array, Array]:
    normed = layer_norm(tokens, p, f"{name}.attention_norm")
    keys, queries, values = np.split(linear(normed, p, f"{name}.attention.keys_queries_values"), 3, axis=1)
    context = softmax(keys, 0).T @ values
    tokens = tokens + linear(softmax(queries, 1) @ context, p, f"{name}.attention.reprojection")
    u = linear(layer_norm(tokens, p, f"{name}.feed_forward_norm"), p, f"{name}.feed_forward.expand")
    v = layer_norm(depthwise(u, p, f"{name}.feed_forward.depthwise", grid) + u, p, f"{name}.feed_forward.norm")
    return tokens + linear(v * 0.5 * (1 + erf(v / math.sqrt(2))), p, f"{name}.feed_forward.contract"), context


def branch(image: Array, p: Parameters, name: str, stride: int) -> tuple[Array, tuple[int, int], Array]:
    projection = f"{name}.embedding.projection"
    grid = convolve(image, p[f"{projection}.weight"], p[f"{projection}.bias"], stride)
    shape = (grid.shape[1], grid.shape[2])
    tokens = batch_norm(grid.reshape(DIM, -1).T, p, f"{name}.embedding.norm")
    context = np.zeros((DIM, DIM))
    for index in range(DEPTH):
        tokens, context = block(tokens, p, f"{name}.blocks.{index}", shape)
        tokens = batch_norm(tokens, p, f"{name}.norms.{index}")
    return tokens, shape, context


def affinity(score_map: Array, p: Parameters, shift: int) -> Array:
    height, width, _ = score_map.shape
    normed = batch_norm(score_map.reshape(-1, DIM), p, "affinity.norm").reshape(score_map.shape)

    def embed(shifted: Array) -> Array:
        starts = []
        for length in (height - shift, width - shift):
            count = -(-length // PATCH)
            starts.append([round(i * (length - PATCH) / max(count - 1, 1)) for i in range(count)])
        patches = [shifted[r : r + PATCH, c : c + PATCH].reshape(-1) for r in starts[0] for c in starts[1]]
        return linear(np.stack(patches), p, "affinity.projection")

    return softmax(embed(normed[shift:, shift:]) @ embed(normed[:-shift, :-shift]).T / 8, 1)  # 64^(-1/2) = 1/8


def forward(image: Array, p: Parameters, shift: int = 1) -> tuple[Array, Array, Array, Array]:
    _, height, width = image.shape
    fine, _, context_fine = branch(image, p, "fine", 1)
    coarse, (rows, columns), context_coarse = branch(image, p, "coarse", 2)
    wide = linear(coarse, p, "upsample").reshape(rows, columns, 2, 2, DIM)
    upsampled = np.empty((2 * rows, 2 * columns, DIM))
    for row in range(2 * rows):
        for column in range(2 * columns):
            upsampled[row, column] = wide[row // 2, column // 2, row % 2, column % 2]
    both = np.concatenate([upsampled[:height, :width], fine.reshape(height, width, DIM)], axis=2)
    logits = linear(both, p, "fuse")
    return logits, affinity(logits, p, shift), context_fine, context_coarse


def loss(image: Array, p: Parameters, labels: NDArray[np.intp], shift: int = 1) -> float:
    logits, attention, fine, coarse = forward(image, p, shift)
    probabilities = softmax(logits, 2)
    cluster = -np.log(np.take_along_axis(probabilities, labels[:, :, None], 2)).mean()
    cosines = (fine * coarse).sum(1) / (np.linalg.norm(fine, axis=1) * np.linalg.norm(coarse, axis=1))
    inter = 1 - cosines.mean()
    intra = np.abs(attention - np.eye(len(attention))).mean()
    return float(cluster + 2.0 * inter + 1.2 * intra)


def build(shift: int = 1) -> MSFormerNet:
    generator = torch.Generator().manual_seed(3)
    network = build_network(
        CHANNELS,
        embed_dim=DIM,
        depth=DEPTH,
        patch_size=PATCH,
        affinity_shift=shift,
        generator=generator,
        dtype=torch.float64,
    )
    with torch.no_grad():  # norms start at 1 and 0, where a forgotten one would not show
        for name, parameter in network.named_parameters():
            if "norm" in name:
                parameter.add_(torch.empty_like(parameter).uniform_(-0.3, 0.3, generator=generator))
    return network


def parameters(network: MSFormerNet) -> Parameters:
    return {name: parameter.detach().numpy().copy() for name, parameter in network.named_parameters()}


def image(height: int, width: int) -> Array:
    return np.random.default_rng(11).random((CHANNELS, height, width))


@pytest.mark.parametrize(
    ("height", "width", "shift"),
    [(13, 9, 1), (9, 13, 1), (11, 17, 1), (16, 14, 1), (7, 19, 1), (14, 10, 2), (13, 9, 2), (11, 17, 2), (7, 19, 3)],
)
def test_forward_equals_the_equations(height: int, width: int, shift: int) -> None:
    """13 × 9 is k · patch + 1 on both axes, as the released code demands, 14 × 10 the same for the paper's 2 px."""
    network, pixels = build(shift), image(height, width)
    output = network(torch.from_numpy(pixels)[None])
    logits, attention, fine, coarse = forward(pixels, parameters(network), shift)
    pairs: list[tuple[torch.Tensor, Any]] = [
        (output.logits[0], logits.transpose(2, 0, 1)),
        (output.affinity[0], attention),
        (output.context_fine[0], fine),
        (output.context_coarse[0], coarse),
    ]
    for ours, expected in pairs:
        np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("shift", [1, 2])
def test_objective_equals_the_equations(shift: int) -> None:
    network, pixels = build(shift), image(13, 11)
    output = network(torch.from_numpy(pixels)[None])
    labels = output.logits.argmax(dim=1)
    ours = objective(output, labels, WEIGHTS).total.item()
    assert ours == pytest.approx(loss(pixels, parameters(network), labels[0].numpy(), shift), abs=1e-11)


def test_two_updates_equal_momentum_descent_on_the_equations() -> None:
    """Gradients by central differences of the numpy loss, momentum by hand: the loop must land on the same values."""
    network, pixels = build(), image(9, 7)
    probes = [
        ("fine.embedding.projection.weight", (1, 1, 0, 2)),
        ("fine.blocks.0.attention.keys_queries_values.weight", (3, 2)),
        ("coarse.blocks.1.feed_forward.depthwise.weight", (7, 0, 2, 0)),
        ("upsample.weight", (13, 3)),
        ("fuse.weight", (2, 7)),
        ("affinity.projection.weight", (1, 33)),
    ]
    other = build()
    states = []
    for updates in range(3):
        network = build()
        fit(network, pixels, FitSettings(max_iter=updates, min_clusters=1, precision="float64", loss_weights=WEIGHTS))
        states.append(parameters(network))
    assert all(np.array_equal(states[0][name], value) for name, value in parameters(other).items())

    def gradient(state: Parameters, name: str, place: tuple[int, ...]) -> float:
        labels = forward(pixels, state)[0].argmax(axis=2)
        values = []
        for step in (1e-5, -1e-5):
            moved = {key: value.copy() for key, value in state.items()}
            moved[name][place] += step
            values.append(loss(pixels, moved, labels))
        return (values[0] - values[1]) / 2e-5

    for name, place in probes:
        first, second = gradient(states[0], name, place), gradient(states[1], name, place)
        assert states[1][name][place] == pytest.approx(states[0][name][place] - 0.1 * first, abs=1e-8), name
        expected = states[1][name][place] - 0.1 * (0.9 * first + second)
        assert states[2][name][place] == pytest.approx(expected, abs=1e-8), name
