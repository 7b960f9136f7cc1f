"""What a header claims that its file holds, before any of it is read; each reader tells it of its own kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Claim:
    """What there will be in memory.

    Attributes:
        shape: Slices, rows, columns of what is kept; 1 slice of a picture.
        channels: Numbers of each voxel.
        dtype: Of what is kept, or a wider one where only the values decide.
        read_bytes: What reading takes at its peak, with what is kept.
    """

    shape: tuple[int, int, int]
    channels: int
    dtype: np.dtype[Any]
    read_bytes: int

    @property
    def n_voxels(self) -> int:
        """Number of pixels or voxels."""
        return math.prod(self.shape)

    @property
    def kept_bytes(self) -> int:
        """What stays in memory while it is segmented."""
        return self.n_voxels * self.channels * self.dtype.itemsize
