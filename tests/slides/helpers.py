"""A made pyramid whose objects lie across the seams of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

SIDE, MARGIN = 256, 64
SHAPE = 512, 768
CENTRES = [(256, 256), (256, 100), (100, 512), (400, 512), (60, 60), (420, 300), (250, 400), (128, 330)]
"""Two lie on a seam, one on a corner of four tiles; nothing is on the right of column 600."""


def made(path: Path, *, mpp: float | None = 0.5) -> NDArray[np.bool_]:
    """A pyramid of three levels with dark blue discs of radius 15 on pink; the truth."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = np.zeros(SHAPE, dtype=bool)
    for row, column in CENTRES:
        truth |= (rows - row) ** 2 + (columns - column) ** 2 < 15**2
    image = np.where(truth[..., None], (80, 60, 130), (225, 180, 215)) + rng.integers(-6, 7, (*SHAPE, 1))
    image[:, 600:] = (240, 240, 240)
    pixels = image.clip(0, 255).astype(np.uint8)
    metadata: dict[str, Any] = {"axes": "YXS"}
    if mpp is not None:
        metadata |= {f"PhysicalSize{axis}": mpp for axis in "XY"} | {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(pixels, subifds=2, tile=(128, 128), photometric="rgb", metadata=metadata)
        for step in (2, 4):
            file.write(pixels[::step, ::step], subfiletype=1, tile=(128, 128), photometric="rgb")
    return truth
