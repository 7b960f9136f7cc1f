"""Feed-forward that mixes neighbours by a depthwise convolution with a skip (paper section 2.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from msformer.network.products import compute_dtype, correlate, project
from msformer.network.strips import MOST_BYTES_KEPT, row_strips


class MixingFeedForward(nn.Module):
    """Expansion, depthwise 3 × 3 convolution with a skip, LayerNorm, GELU, contraction."""

    def __init__(self, dim: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = expansion * dim
        self.expand = nn.Linear(dim, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel_size=3, padding=1, groups=hidden)
        self.norm = nn.LayerNorm(hidden)
        self.contract = nn.Linear(hidden, dim)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map tokens ``(N, D)`` that lie on ``grid`` (rows, columns) to tokens of the same shape."""
        layers = (self.expand, self.depthwise, self.norm, self.contract)
        parameters = [parameter for layer in layers for parameter in layer.parameters()]  # weight and bias of each
        dtype = compute_dtype(tokens)
        if len(tokens) * self.expand.out_features * dtype.itemsize > MOST_BYTES_KEPT:
            mapped: Tensor = _InStrips.apply(tokens, grid, *parameters)  # type: ignore[no-untyped-call]
            return mapped
        *inner, contract, contract_bias = (parameter.to(dtype) for parameter in parameters)
        with torch.autocast(tokens.device.type, enabled=False):
            hidden = _hidden(tokens.to(dtype).view(*grid, -1), None, *inner)
            return project(hidden, contract, contract_bias)


def _hidden(
    rows: Tensor,
    keep: slice | None,
    expand: Tensor,
    expand_bias: Tensor,
    depthwise: Tensor,
    depthwise_bias: Tensor,
    norm: Tensor,
    norm_bias: Tensor,
) -> Tensor:
    """All but the contraction: rows of tokens ``(r, w, D)`` to ``(n, 4 D)``, for the rows to keep, or all."""
    height, width, dim = rows.shape
    expanded = project(rows.reshape(-1, dim), expand, expand_bias).view(height, width, -1)
    # A view: channels stay last in memory, which is what the convolution and the products both want.
    on_grid = expanded[None].permute(0, 3, 1, 2)  # (h, w, 4d) -> (1, 4d, h, w)
    mixed = F.conv2d(on_grid, depthwise, depthwise_bias, padding=1, groups=len(depthwise))
    mixed = mixed.permute(0, 2, 3, 1).squeeze(0)
    if keep is not None:  # the gradient of a slice fills an array with zeros first
        mixed, expanded = mixed[keep], expanded[keep]
    mixed = mixed + expanded
    return F.gelu(F.layer_norm(mixed, mixed.shape[-1:], norm, norm_bias)).flatten(0, 1)


class _InStrips(torch.autograd.Function):
    """The layer strip by strip; see ``strips``. A strip's own gradient is PyTorch's."""

    @staticmethod
    def forward(ctx, tokens, grid, *parameters):  # type: ignore[no-untyped-def]
        dtype = compute_dtype(tokens)
        *inner, contract, contract_bias = (parameter.to(dtype) for parameter in parameters)
        rows, n_hidden = tokens.view(*grid, -1), contract.shape[1]
        mapped = torch.empty_like(rows, dtype=dtype)
        with torch.autocast(tokens.device.type, enabled=False):
            for strip, with_edges in row_strips(rows.shape[0], rows.shape[1], n_hidden):
                hidden = _hidden(rows[with_edges].to(dtype), _inside(strip, with_edges), *inner)
                mapped[strip] = project(hidden, contract, contract_bias).view(-1, *rows.shape[1:])
        ctx.save_for_backward(tokens, *parameters)
        ctx.grid, ctx.dtype = grid, dtype
        return mapped.view(tokens.shape)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        tokens, *parameters = ctx.saved_tensors
        *inner, contract, _ = (parameter.to(ctx.dtype) for parameter in parameters)
        inner = [parameter.detach().requires_grad_() for parameter in inner]
        rows, n_hidden = tokens.view(*ctx.grid, -1), contract.shape[1]
        tokens_gradient = torch.zeros_like(rows)
        *inner_gradients, contract_gradient, _ = (torch.zeros_like(parameter) for parameter in parameters)
        for strip, with_edges in row_strips(rows.shape[0], rows.shape[1], n_hidden):
            here = rows[with_edges].to(ctx.dtype).detach().requires_grad_()
            with torch.enable_grad():
                hidden = _hidden(here, _inside(strip, with_edges), *inner)
            outer = gradient.view(rows.shape)[strip].flatten(0, 1)
            contract_gradient += correlate(outer, hidden.detach())
            found = torch.autograd.grad(hidden, [here, *inner], project(outer, contract.T))
            tokens_gradient[with_edges] += found[0]
            for total, part in zip(inner_gradients, found[1:], strict=True):
                total += part
        return tokens_gradient.view(tokens.shape), None, *inner_gradients, contract_gradient, gradient.sum(dim=0)


def _inside(strip: slice, with_edges: slice) -> slice:
    """Where the strip's own rows lie among those with edges."""
    start = strip.start - with_edges.start
    return slice(start, start + strip.stop - strip.start)
