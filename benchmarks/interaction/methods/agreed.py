"""What the grown network answers, in the border of the region that is most like it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.interaction.methods.base import Answer, Box, Click, Picture, on_grid
from benchmarks.interaction.methods.grown import Engine, Grown
from benchmarks.interaction.methods.tree import Found, find_regions_of
from msformer.image import Mask
from msformer.regions import Region

ALIKE = 0.75
"""Least intersection over union with a region for its border to be taken: below, it is another thing."""


class Agreed:
    """A picture that an engine has looked at, and its regions."""

    def __init__(self, engine: Engine, picture: Picture) -> None:
        self._grown = Grown(engine, picture)
        self._found = find_regions_of(picture)

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """The engine's answers, each as the region that it is most like, or as it is where none is like it."""
        answers = self._grown.answer(clicks, box, previous_mask)
        if self._found is None:
            return answers
        return [(_in_region(self._found, mask, clicks), expected) for mask, expected in answers]


def _in_region(found: Found, mask: Mask, clicks: Sequence[Click]) -> Mask:
    small = on_grid(mask, found.grid)
    alike = [_overlap(small, region) for region in found.regions]
    best = int(np.argmax(alike))
    return found.native(found.regions[best], clicks) if alike[best] >= ALIKE else mask


def _overlap(mask: Mask, region: Region) -> float:
    """Intersection over union."""
    shared = np.count_nonzero(mask[region.window] & region.mask)
    return shared / (np.count_nonzero(mask) + region.area - shared)
