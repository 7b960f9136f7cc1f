"""A part of a job array: several runs share a folder, each with every n-th case and a journal of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from msformer.errors import ConfigError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Part:
    """Which of how many.

    Attributes:
        number: From 0.
        count: 1 where there are no parts.
    """

    number: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"--num-parts must be at least 1; got {self.count}")
        if not 0 <= self.number < self.count:
            raise ConfigError(f"--part-id must be from 0 to --num-parts - 1, {self.count - 1}; got {self.number}")

    @property
    def name(self) -> str:
        """What its files are called by."""
        return "all" if self.count == 1 else f"part-{self.number}-of-{self.count}"

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Its share of the items."""
        return items[self.number :: self.count]
