"""Outlines → a zip of ImageJ's ROIs, which its ROI Manager opens, by roifile."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WriteError
from msformer.io.atomic import atomic_path
from msformer.io.outlines.polygons import Outline, Polygon, Ring, outlines_of
from msformer.io.segments import Segment

MAX_PLACE = 60535
"""ImageJ keeps places in 16 bits, of which it takes those above for negative ones."""
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say; the true one would make every file another one."""
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""Steps of a path in Java."""


def write_rois(path: Path, labels: NDArray[np.uint8 | np.uint16], segments: Sequence[Segment]) -> None:
    """Write labels ``(D, H, W)``, an ROI for each label in each slice; of several slices it has its position.

    What has holes or several parts is one composite ROI.

    Args:
        path: The file.
        labels: 0 is no segment; where nothing else is, the zip has no ROI.
        segments: What the labels are called, from 1 without gaps.

    Raises:
        WriteError: The image is too large for ImageJ.
    """
    if max(labels.shape[1:]) > MAX_PLACE:
        raise WriteError(f"imagej-roi holds places up to {MAX_PLACE} px; got an image of {labels.shape[1:]}")
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for outline in outlines_of(labels):
            segment = segments[outline.label - 1]
            name = segment.name if len(labels) == 1 else f"{outline.plane + 1:04d} {segment.name}"
            roi = _roi(outline, segment, name)
            if len(labels) > 1:
                roi.position = outline.plane + 1
            entry = zipfile.ZipInfo(f"{name.replace('/', '-')}.roi", BEGINNING)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, roi.tobytes())


def _roi(outline: Outline, segment: Segment, name: str) -> Any:
    import roifile

    first = outline.polygons[0]
    if len(outline.polygons) == 1 and not first.holes:
        roi = roifile.ImagejRoi.frompoints(first.shell, name=name)
        roi.roitype = roifile.ROI_TYPE.TRACED
        x, y, width, height = outline.box
        roi.left, roi.top, roi.right, roi.bottom = x, y, x + width, y + height
    else:
        path = _path(outline.polygons)
        x, y, width, height = outline.box
        roi = roifile.ImagejRoi(
            roitype=roifile.ROI_TYPE.RECT,
            name=name,
            left=x,
            top=y,
            right=x + width,
            bottom=y + height,
            shape_roi_size=len(path),
            multi_coordinates=path,
        )
    roi.version = 228
    roi.stroke_color = bytes((255, *segment.colour))
    return roi


def _path(polygons: Sequence[Polygon]) -> NDArray[np.float32]:
    """All rings one after another, as ImageJ's composite ROIs have them: filled by the even-odd rule."""
    steps = chain.from_iterable(_steps(ring) for polygon in polygons for ring in polygon.rings)
    return np.fromiter(steps, dtype=np.float32)


def _steps(ring: Ring) -> list[float]:
    kinds = np.full(len(ring), LINE)
    kinds[0] = MOVE
    return [*np.column_stack([kinds, ring]).ravel().tolist(), CLOSE]
