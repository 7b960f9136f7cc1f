"""The floor of a step: its products alone, into memory that is used again and again."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Product:
    """A product of a step, ``(rows, inner)`` by ``(inner, columns)``, and how often it occurs.

    Attributes:
        gradients: How many of the two gradient products there are; the image itself needs none.
    """

    rows: int
    inner: int
    columns: int
    times: int = 1
    gradients: int = 2

    @property
    def operations(self) -> int:
        """Floating-point operations, forward and backward."""
        return 2 * self.rows * self.inner * self.columns * self.times * (1 + self.gradients)


def products(side: int = 257, dim: int = 100, depth: int = 2, patch: int = 32, in_channels: int = 3) -> list[Product]:
    """All products of one step of the method as it is published, each computed once; the depthwise sums are none."""
    coarse = (side + 1) // 2
    n_patches = ((side - 1) // patch) ** 2
    found = []
    for n_tokens in (side**2, coarse**2):
        found += [
            Product(n_tokens, 9 * in_channels, dim, gradients=1),  # embedding
            Product(n_tokens, dim, 3 * dim, depth),  # keys, queries, values
            Product(dim, n_tokens, dim, depth),  # context
            Product(n_tokens, dim, dim, 2 * depth),  # queries by context, reprojection
            Product(n_tokens, dim, 4 * dim, depth),  # expansion
            Product(n_tokens, 4 * dim, dim, depth),  # contraction
        ]
    found += [
        Product(coarse**2, dim, 4 * dim),  # upsampling
        Product(side**2, 2 * dim, dim),  # fusion
        Product(2 * n_patches, patch**2 * dim, dim),  # patches
    ]
    return found


class Floor:
    """Runs the products; matrices are views of three buffers that are allocated once."""

    def __init__(self, dtype: torch.dtype, device: str = "cpu") -> None:
        self._products = products()
        sizes = [(p.rows * p.inner, p.inner * p.columns, p.rows * p.columns) for p in self._products]
        self._left, self._right, self._result, self._gradient = (
            torch.rand(max(column), dtype=torch.float32).to(device, dtype)
            for column in (*zip(*sizes, strict=True), [max(size) for size in sizes])
        )

    def step(self) -> None:
        """Every product of a step, and those of its gradient."""
        for product in self._products:
            left = self._left[: product.rows * product.inner].view(product.rows, product.inner)
            right = self._right[: product.inner * product.columns].view(product.inner, product.columns)
            result = self._result[: product.rows * product.columns].view(product.rows, product.columns)
            for _ in range(product.times):
                torch.mm(left, right, out=result)
                torch.mm(left.T, result, out=self._gradient[: right.numel()].view(right.shape))
                if product.gradients == 2:
                    torch.mm(result, right.T, out=self._gradient[: left.numel()].view(left.shape))
