"""Labels that are larger than memory → OME-TIFF in tiles and levels, as viewers of slides open them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.io.atomic import atomic_path

TILE = 512
SMALLEST = 512
"""Levels are halved until no side is longer."""


def write_pyramid(path: Path, labels: NDArray[Any], spacing_mm: tuple[float, float] | None, *, seed: str) -> None:
    """Write labels ``(H, W)``, read tile by tile; each level has every second row and column of the one before.

    Args:
        path: The file.
        labels: Unsigned, such as a file mapped into memory.
        spacing_mm: Size of a pixel (row, column).
        seed: What tells its identifier from others; the same labels and seed give the same bytes.
    """
    count = 0
    while max(labels.shape) >> count > SMALLEST:
        count += 1
    metadata: dict[str, Any] = {
        "axes": "YX",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"msformer {path.name} {seed}")),
    }
    if spacing_mm is not None:
        for axis, size in zip("YX", spacing_mm, strict=True):
            metadata |= {f"PhysicalSize{axis}": size * 1000, f"PhysicalSize{axis}Unit": "µm"}
    shared: dict[str, Any] = {"tile": (TILE, TILE), "photometric": "minisblack", "compression": "zlib"}
    with atomic_path(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=True, ome=True) as file:
        for number in range(count + 1):
            level = labels[:: 2**number, :: 2**number]
            more: dict[str, Any] = {"subfiletype": 1} if number else {"subifds": count, "metadata": metadata}
            file.write(_tiles(level), shape=level.shape, dtype=level.dtype, software="msformer", **shared, **more)


def _tiles(labels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    height, width = labels.shape
    for row in range(0, height, TILE):
        for column in range(0, width, TILE):
            tile = np.zeros((TILE, TILE), dtype=labels.dtype)
            part = labels[row : row + TILE, column : column + TILE]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile
