"""Which kernels multiply on a CPU: the same sums run as 1 × 1 convolutions or as matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kernel: TypeAlias = Literal["convolution", "matrix"]
SMALL, LARGE = (9_409, 48, 192), (16_641, 100, 400)
"""Tokens, channels in and out of what stands for small and large shapes: of the preset ``general``, and of the coarse
branch at the released size."""
BOUNDARY = 2.4e8
"""Multiplications from which a shape is a large one: the geometric mean of those two."""


@dataclass(frozen=True)
class Kernels:
    """What multiplies.

    Attributes:
        small: In shapes like those of small images.
        large: In shapes like those of the released size.
    """

    small: Kernel = "convolution"
    large: Kernel = "convolution"

    def of(self, tokens: int, channels_in: int, channels_out: int) -> Kernel:
        """The kernel of a shape."""
        return self.large if tokens * channels_in * channels_out >= BOUNDARY else self.small

    def __str__(self) -> str:
        return self.small if self.small == self.large else f"{self.small} / {self.large}"


_used: ContextVar[Kernels] = ContextVar("kernels", default=Kernels())  # noqa: B039 - it is frozen


def in_use() -> Kernels:
    """Those that multiply here and now."""
    return _used.get()


@contextmanager
def use(kernels: Kernels) -> Iterator[None]:
    """Multiply with these, in this thread."""
    token = _used.set(kernels)
    try:
        yield
    finally:
        _used.reset(token)
