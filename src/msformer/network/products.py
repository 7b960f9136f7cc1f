"""Products of tokens with weights and with each other: the arithmetic that a step mostly consists of.

On a CPU, in float32 and bfloat16, they run as 1 × 1 convolutions over an image of one row or as matrix products,
whichever are faster on the processor (``kernels.py``): the sums are the same, the libraries behind them are not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from msformer.network import kernels

_DILATION = (2, 1)
"""Of kernels of one pixel: it changes nothing but PyTorch's choice, which on one thread would else be its own slow
convolution."""


def project(tokens: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear map of tokens ``(N, D)`` by a weight ``(E, D)`` and a bias ``(E,)``: ``(N, E)``.

    Computed in, and of, the type of autocast where it is on.
    """
    dtype = compute_dtype(tokens)
    tokens, weight, bias = tokens.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    if not _by_convolution(tokens, weight.shape[0]):
        return F.linear(tokens, weight, bias)
    projected: Tensor = _Product.apply(tokens, weight, bias)  # type: ignore[no-untyped-call]
    return projected


def correlate(left: Tensor, right: Tensor) -> Tensor:
    """Sum of outer products over tokens, leftᵀ · right: ``(N, A)`` and ``(N, B)`` to ``(A, B)``. Not differentiable."""
    if not _by_convolution(left, right.shape[1]):
        return left.T @ right
    if left.shape[1] < right.shape[1]:  # the kernels are twice as fast this way round
        return correlate(right, left).T
    shape = (left.shape[1], right.shape[1], 1, 1)
    product: Tensor = conv2d_weight(_as_row(right), shape, _as_row(left), dilation=_DILATION)  # type: ignore[no-untyped-call]
    return product[:, :, 0, 0]


def compute_dtype(tokens: Tensor) -> torch.dtype:
    """The type that products are computed in: that of autocast where it is on, else that of the tokens."""
    device = tokens.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else tokens.dtype


def _by_convolution(tokens: Tensor, channels: int) -> bool:
    """Whether tokens ``(N, D)`` are multiplied with ``channels`` others by convolutions."""
    if tokens.dtype not in (torch.float32, torch.bfloat16) or tokens.device.type != "cpu":
        return False
    return kernels.in_use().of(tokens.shape[0], tokens.shape[1], channels) == "convolution"


def _as_row(tokens: Tensor) -> Tensor:
    """Tokens as an image of one row, a view with channels last in memory: ``(n, d) -> (1, d, 1, n)``."""
    return tokens[None, None].permute(0, 3, 1, 2)


def _convolve(tokens: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.conv2d(_as_row(tokens), weight[:, :, None, None], bias, dilation=_DILATION).permute(0, 2, 3, 1)[0, 0]


class _Product(torch.autograd.Function):
    """``project`` with a gradient by the faster of the convolutions; PyTorch's own takes the slow one where E < D."""

    @staticmethod
    def forward(ctx, tokens, weight, bias):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(tokens, weight)
        ctx.has_bias = bias is not None
        return _convolve(tokens, weight, bias)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        tokens, weight = ctx.saved_tensors
        return (
            _convolve(gradient, weight.T) if ctx.needs_input_grad[0] else None,
            correlate(gradient, tokens) if ctx.needs_input_grad[1] else None,
            gradient.sum(dim=0) if ctx.has_bias else None,
        )
