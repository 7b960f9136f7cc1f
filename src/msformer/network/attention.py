"""Efficient attention with one head (paper section 2.1; Shen et al., WACV 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from msformer.network.products import compute_dtype, correlate, project
from msformer.network.strips import strips


class EfficientAttention(nn.Module):
    """Global attention whose cost is linear in the number of tokens.

    Keys are normalised over positions and queries over channels, so keysᵀ · values can be formed first. That
    product is the *context*: what the branch has seen in the whole image, independent of the number of tokens.
    """

    def __init__(self, dim: int) -> None:
        """Create the layer.

        Args:
            dim: Number of channels D of tokens, keys, queries and values.
        """
        super().__init__()
        # The released code keeps three maps; one product of three times the width gives the same numbers faster.
        self.keys_queries_values = nn.Linear(dim, 3 * dim)
        self.reprojection = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from every token to the context of all tokens.

        Args:
            tokens: ``(N, D)``.

        Returns:
            The attended tokens ``(N, D)`` and the context ``(D, D)``, rows indexed by key channel.
        """
        maps = self.keys_queries_values
        context, queries = _Context.apply(tokens, maps.weight, maps.bias)  # type: ignore[no-untyped-call]
        # queries · context and the reprojection of that are one product with context · reprojection.
        return project(queries, self.reprojection.weight @ context.T, self.reprojection.bias), context


class _Context(torch.autograd.Function):
    """Context and queries strip by strip: keys and values are never in memory as a whole.

    They are computed again for the gradient. The softmax of the keys over positions is a running one: sums of
    exponentials relative to the largest key so far, rescaled when a larger one comes. Its gradient needs one number
    for each key channel from all positions, Σ keys · ∂keys, and that is what the context and its gradient have in
    common, Σ context · ∂context.
    """

    @staticmethod
    def forward(ctx, tokens, weight, bias):  # type: ignore[no-untyped-def]
        dtype = compute_dtype(tokens)
        dim = tokens.shape[1]
        largest = tokens.new_full((dim,), -torch.inf)
        total, context = tokens.new_zeros(dim), tokens.new_zeros(dim, dim)
        queries = tokens.new_empty(tokens.shape, dtype=dtype)
        maps = weight.to(dtype), bias.to(dtype)
        for strip in strips(len(tokens), 3 * dim):
            keys, strip_queries, values = torch.split(project(tokens[strip].to(dtype), *maps), dim, dim=1)
            keys = keys.float() if dtype is torch.bfloat16 else keys
            before, largest = largest, torch.maximum(largest, keys.amax(dim=0))
            shrink = torch.exp(before - largest)
            keys = torch.exp(keys - largest)
            total = total * shrink + keys.sum(dim=0)
            context = context * shrink[:, None] + correlate(keys.to(dtype), values)
            torch.softmax(strip_queries, dim=1, out=queries[strip])
        context = context / total[:, None]
        ctx.save_for_backward(tokens, weight, bias, queries, context, largest, total)
        return context, queries

    @staticmethod
    def backward(ctx, context_gradient, queries_gradient):  # type: ignore[no-untyped-def]
        tokens, weight, bias, queries, context, largest, total = ctx.saved_tensors
        dtype, dim = queries.dtype, tokens.shape[1]
        maps = weight.to(dtype), bias.to(dtype)
        to_keys, to_values = context_gradient.to(dtype), context_gradient.T.to(dtype)
        common = (context * context_gradient).sum(dim=1)
        tokens_gradient = torch.empty_like(tokens)
        weight_gradient, bias_gradient = torch.zeros_like(weight), torch.zeros_like(bias)
        for strip in strips(len(tokens), 3 * dim):
            here = tokens[strip].to(dtype)
            keys, _, values = torch.split(project(here, *maps), dim, dim=1)
            keys = torch.exp(keys - largest) / total
            strip_queries, gradient = queries[strip], queries_gradient[strip]
            maps_gradient = torch.cat(
                [
                    (keys * (project(values, to_keys) - common)).to(dtype),
                    torch.ops.aten._softmax_backward_data(gradient, strip_queries, 1, dtype),
                    project(keys.to(dtype), to_values),
                ],
                dim=1,
            )
            tokens_gradient[strip] = project(maps_gradient, maps[0].T)
            weight_gradient += correlate(maps_gradient, here)
            bias_gradient += maps_gradient.sum(dim=0)
        return tokens_gradient, weight_gradient, bias_gradient
