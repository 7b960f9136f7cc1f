"""The one call that every method answers to: a picture is looked at once, then asked about.

No ground truth is looked for in this folder, which does not know ``msformer.evaluation``; a forest is given its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.image import Image, Mask
from msformer.prepare import NoData, find_no_data_in, intensity_range, resample, to_unit_range

Click: TypeAlias = tuple[int, int, int]
"""Row and column in px, and 1 on the object, -1 beside it."""
Box: TypeAlias = tuple[int, int, int, int]
"""First row, first column, end row, end column in px."""
LONGEST = 640
"""Longest side in px of the picture that methods see; answers are of native size."""
Saying: TypeAlias = Literal["nothing", "click", "box", "clicks"]
"""What may be said of an object: nothing at all, one click, a box, or further clicks until the answer is right."""
Answer: TypeAlias = tuple[Mask, float]
"""A mask ``(H, W)`` at native size, and how good the method expects it to be; answers compare among themselves only."""


class Prompter(Protocol):
    """A picture that a method has looked at."""

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """Answer a prompt; where nothing is said, methods that the table says have one give an object of their own.

        Args:
            clicks: All clicks so far, the first one first; in px of the native picture.
            box: The box that the object fills, likewise.
            previous_mask: ``(H, W)``, the answer before the last click.

        Returns:
            One answer or several, in any order; none where nothing fits.
        """


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the program reads it.

    Attributes:
        image: At native size.
        no_data: What shows nothing in it.
        pixels: ``(h, w, C)`` in [0, 1], at most ``LONGEST`` px a side.
        valid: ``(h, w)``, False where nothing is shown.
    """

    image: Image
    no_data: NoData
    pixels: NDArray[np.float32]
    valid: Mask

    @classmethod
    def of(cls, image: Image) -> Picture:
        """Reduce an image, and find what is no data in it."""
        shape = reduced(image.shape, LONGEST)
        small = resample(image.pixels, shape, "area")
        no_data = find_no_data_in(image)
        pixels = to_unit_range(small, intensity_range(image.pixels, small, image.limits))
        return cls(image, no_data, pixels, on_grid(no_data.valid, shape))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the native picture."""
        return self.image.shape


Method: TypeAlias = Callable[[Picture], Prompter]


def reduced(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """Rows and columns with the longest side at most ``longest``; never enlarged."""
    scale = min(longest / max(shape), 1.0)
    return max(round(shape[0] * scale), 1), max(round(shape[1] * scale), 1)


def on_grid(mask: Mask, shape: tuple[int, int]) -> Mask:
    """A mask at another size: where it covers at least half of a pixel."""
    return np.asarray(resample(mask.astype(np.float32), shape, "area")[:, :, 0] >= 0.5)
