"""One connected region of a picture, kept in its own window so that thousands of them stay small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msformer.image import Mask

Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Region:
    """A region without holes.

    Attributes:
        mask: ``(a, b)``, its pixels within its window.
        window: Rows and columns of that on the grid.
        area: Number of pixels.
        promise: How strong, short and free of the frame its contour is; what regions are thinned out by.
        source: The map that it came from.
        sign: 1 where it is above its surroundings in that map, -1 where below, 0 where the map has no sides.
        support: Share of the maps that have a region much like it, in [0, 1].
    """

    mask: Mask
    window: Window
    area: int
    promise: float
    source: str
    sign: int
    support: float = 0.0

    def on(self, shape: tuple[int, ...]) -> Mask:
        """Its pixels on the whole grid."""
        whole = np.zeros(shape, dtype=bool)
        whole[self.window] = self.mask
        return whole
