"""What differs between two masks, small enough to keep for every step: the same again takes it back."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from msformer.errors import ReadError
from msformer.image import Mask


@dataclass(frozen=True)
class Change:
    """The pixels that change, within the box that holds them.

    Attributes:
        top: First row of the box.
        left: First column.
        height: Rows of the box; 0 where nothing changes.
        width: Its columns.
        bits: Its pixels, row by row, eight in a byte, deflated.
    """

    top: int
    left: int
    height: int
    width: int
    bits: bytes

    @classmethod
    def between(cls, before: Mask, after: Mask) -> Change:
        """What changes from one mask ``(H, W)`` to another."""
        differs = before != after
        rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
        if len(rows) == 0:
            return cls(0, 0, 0, 0, b"")
        window = differs[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        packed = zlib.compress(np.packbits(window).tobytes(), level=1)
        return cls(int(rows[0]), int(columns[0]), window.shape[0], window.shape[1], packed)

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return self.height == 0

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def pixels(self) -> Mask:
        """``(height, width)``, True where a pixel changes."""
        count = self.height * self.width
        if count == 0:
            return np.zeros((self.height, self.width), dtype=bool)
        packed = np.frombuffer(zlib.decompressobj().decompress(self.bits, (count + 7) // 8), dtype=np.uint8)
        return np.unpackbits(packed, count=count).astype(bool).reshape(self.height, self.width)

    def apply(self, mask: Mask) -> Mask:
        """The mask after the change, or before it where it is the one after."""
        result = mask.copy()
        result[self.window] ^= self.pixels
        return result

    def to_json(self) -> dict[str, Any]:
        """For a line of a journal."""
        return {
            "box": [self.top, self.left, self.height, self.width],
            "bits": base64.b64encode(self.bits).decode("ascii"),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any], shape: tuple[int, int]) -> Change:
        """Read it again.

        Raises:
            ReadError: It is none of a mask ``shape``.
        """
        try:
            top, left, height, width = (int(side) for side in said["box"])
            bits = base64.b64decode(said["bits"], validate=True)
            change = cls(top, left, height, width, bits)
            fits = min(top, left, height, width) >= 0 and top + height <= shape[0] and left + width <= shape[1]
            if not fits:
                raise ValueError(f"box {said['box']} lies outside of {shape}")
            change.pixels  # noqa: B018 - whether they are there
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise ReadError(f"a step's change cannot be read: {error}") from error
        return change
