"""The pieces of a mask, each with a number, the largest first."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask


@dataclass(frozen=True)
class Piece:
    """A piece of a mask: pixels that touch, also at corners.

    Attributes:
        number: From 1, the largest first.
        area_px: Its pixels.
        area_mm2: Its area; None where the size of a pixel is unknown.
        row: Of its centre, to a tenth.
        column: Of its centre.
    """

    number: int
    area_px: int
    area_mm2: float | None
    row: float
    column: float


def pieces_of(mask: Mask, spacing: tuple[float, float] | None) -> tuple[NDArray[np.int32], list[Piece]]:
    """``(H, W)`` with the number of the piece that a pixel belongs to, 0 on the ground; and the pieces.

    Args:
        mask: ``(H, W)``.
        spacing: Height and width of a pixel in mm.
    """
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1
    ranks = np.zeros(count, dtype=np.int32)
    ranks[order] = np.arange(1, count)
    pieces = []
    for index in order:
        area = int(stats[index, cv2.CC_STAT_AREA])
        column, row = (round(float(value), 1) for value in centres[index])
        size = None if spacing is None else area * spacing[0] * spacing[1]
        pieces.append(Piece(int(ranks[index]), area, size, row, column))
    return ranks[labels], pieces
