"""Layers that work strip by strip give what they give at once; the equations themselves are held by test_equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from msformer.network import build_network, feed_forward, strips
from msformer.network.attention import EfficientAttention
from msformer.network.feed_forward import MixingFeedForward
from msformer.network.products import correlate, project

ROWS, COLUMNS, DIM = 13, 11, 5


def tokens(dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(ROWS * COLUMNS, DIM, generator=generator, dtype=dtype).requires_grad_()


@pytest.fixture
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of 2 rows for the feed-forward, of 29 tokens for the attention; nothing is kept."""
    monkeypatch.setattr(strips, "VALUES_PER_STRIP", 2 * COLUMNS * 4 * DIM)
    monkeypatch.setattr(feed_forward, "MOST_BYTES_KEPT", 0)


def reference_feed_forward(layer: MixingFeedForward, x: Tensor) -> Tensor:
    expanded = layer.expand(x)
    mixed = layer.depthwise(expanded.T.reshape(1, -1, ROWS, COLUMNS)).flatten(2)[0].T + expanded
    contracted: Tensor = layer.contract(torch.nn.functional.gelu(layer.norm(mixed)))
    return contracted


def reference_attention(layer: EfficientAttention, x: Tensor) -> tuple[Tensor, Tensor]:
    keys, queries, values = layer.keys_queries_values(x).chunk(3, dim=1)
    context = torch.softmax(keys, dim=0).T @ values
    return layer.reprojection(torch.softmax(queries, dim=1) @ context), context


def gradients(loss: Tensor, x: Tensor, layer: torch.nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [x, *layer.parameters()]))


def test_strips_cover_every_token_once() -> None:
    slices = list(strips.strips(143, 3 * DIM))
    assert [index for part in slices for index in range(143)[part]] == list(range(143))


@pytest.mark.usefixtures("small_strips")
def test_strips_of_rows_cover_every_row_once_and_see_one_more_on_each_side() -> None:
    pairs = list(strips.row_strips(ROWS, COLUMNS, 4 * DIM))
    assert [row for part, _ in pairs for row in range(ROWS)[part]] == list(range(ROWS))
    assert pairs[0] == (slice(0, 2), slice(0, 3))
    assert pairs[3] == (slice(6, 8), slice(5, 9))
    assert pairs[-1] == (slice(12, 13), slice(11, 13))


@pytest.mark.usefixtures("small_strips")
def test_feed_forward_and_its_gradient_strip_by_strip() -> None:
    layer, x = MixingFeedForward(DIM).double(), tokens()
    weights = torch.linspace(-1, 1, x.numel(), dtype=torch.float64).view(x.shape)
    expected, found = reference_feed_forward(layer, x), layer(x, (ROWS, COLUMNS))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for one, other in zip(
        gradients((found * weights).sum(), x, layer), gradients((expected * weights).sum(), x, layer), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 200.0], ids=["ordinary", "keys that would overflow"])
@pytest.mark.usefixtures("small_strips")
def test_attention_and_its_gradient_strip_by_strip(scale: float) -> None:
    layer = EfficientAttention(DIM).double()
    with torch.no_grad():
        layer.keys_queries_values.weight[:DIM] *= scale
    x = tokens()
    assert len(list(strips.strips(len(x), 3 * DIM))) == 5
    weights = torch.linspace(-1, 1, x.numel(), dtype=torch.float64).view(x.shape)
    corners = torch.linspace(-2, 1, DIM * DIM, dtype=torch.float64).view(DIM, DIM)
    results = []
    for attended, context in (layer(x), reference_attention(layer, x)):
        loss = (attended * weights).sum() + (context * corners).sum()  # both outputs carry gradients, as in the method
        results.append([attended, context, *gradients(loss, x, layer)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7)])
def test_products_by_convolution_are_the_products(shape: tuple[int, int]) -> None:
    wide, narrow = shape
    x, w, b = torch.randn(41, narrow).requires_grad_(), torch.randn(wide, narrow).requires_grad_(), torch.randn(wide)
    np.testing.assert_allclose(project(x, w, b).detach().numpy(), (x @ w.T + b).detach().numpy(), rtol=1e-5, atol=1e-5)
    y = torch.randn(41, wide)
    found = torch.autograd.grad(project(x, w), [x, w], y)
    np.testing.assert_allclose(found[0].numpy(), (y @ w).detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[1].numpy(), (y.T @ x).detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(correlate(y, y[:, :2]).numpy(), (y.T @ y[:, :2]).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.usefixtures("small_strips")
def test_network_in_other_precisions_is_near_that_in_float64(dtype: torch.dtype) -> None:
    network = build_network(3, embed_dim=7, depth=2, patch_size=8, generator=torch.Generator().manual_seed(0))
    image = torch.rand(1, 3, 37, 41, generator=torch.Generator().manual_seed(2))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = network(image).logits
    with torch.no_grad():
        exact = network.double()(image.double()).logits
    error = ((found - exact).abs().max() / exact.abs().max()).item()
    assert error < (1e-5 if dtype == torch.float32 else 0.05)
    assert error > 0  # it did run in the other precision
