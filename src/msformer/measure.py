"""What the regions of a label map are: area, place, colour. Areas in px, and in mm² where spacing is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.image import Image, Mask

STRIP_ROWS = 256


@dataclass(frozen=True)
class Region:
    """One label of a label map, or the foreground.

    Attributes:
        label: The label; 0 for the foreground mask.
        area_px: Number of pixels.
        area_mm2: Area in mm², None where the spacing is unknown.
        area_share: Share of the image, in [0, 1].
        mean_intensity: Mean of each channel, in the units of the image.
        bbox: First row, first column, row and column after the last, in px.
        centroid: Mean row and column in px, centres of pixels at whole numbers.
    """

    label: int
    area_px: int
    area_mm2: float | None
    area_share: float
    mean_intensity: tuple[float, ...]
    bbox: tuple[int, int, int, int]
    centroid: tuple[float, float]


def measure_regions(image: Image, label_map: NDArray[np.integer]) -> list[Region]:
    """Measure every label ≥ 1 that occurs in ``label_map``, ``(H, W)`` on the grid of ``image``; by label."""
    height, width = label_map.shape
    size = int(label_map.max()) + 1 if label_map.size else 1
    planes = image.pixels[:, :, None] if image.pixels.ndim == 2 else image.pixels
    in_rows, in_columns = np.zeros((height, size), dtype=np.intp), np.zeros((width, size), dtype=np.intp)
    intensity_sum = np.zeros((planes.shape[2], size))
    columns = np.arange(width) * size
    for start in range(0, height, STRIP_ROWS):  # strips bound the wide copies
        strip = label_map[start : start + STRIP_ROWS].astype(np.intp)
        rows = np.arange(len(strip))[:, None] * size
        in_rows[start : start + len(strip)] = _counts(strip + rows, len(strip), size)
        in_columns += _counts(strip + columns, width, size)
        for channel in range(planes.shape[2]):
            values = planes[start : start + STRIP_ROWS, :, channel].ravel()
            intensity_sum[channel] += np.bincount(strip.ravel(), values, size)
    area = in_rows.sum(axis=0)
    row_sum, column_sum = np.arange(height) @ in_rows, np.arange(width) @ in_columns
    pixel_mm2 = None if image.spacing_mm is None else image.spacing_mm[0] * image.spacing_mm[1]
    regions = []
    for label in range(1, size):
        if not (count := int(area[label])):
            continue
        its_rows, its_columns = np.flatnonzero(in_rows[:, label]), np.flatnonzero(in_columns[:, label])
        regions.append(
            Region(
                label=label,
                area_px=count,
                area_mm2=None if pixel_mm2 is None else count * pixel_mm2,
                area_share=count / label_map.size,
                mean_intensity=tuple(float(total) for total in intensity_sum[:, label] / count),
                bbox=(int(its_rows[0]), int(its_columns[0]), int(its_rows[-1]) + 1, int(its_columns[-1]) + 1),
                centroid=(float(row_sum[label] / count), float(column_sum[label] / count)),
            )
        )
    return regions


def _counts(index: NDArray[np.intp], n_lines: int, size: int) -> NDArray[np.intp]:
    """How often each label occurs in each line: ``(n_lines, size)`` of pixels numbered line · size + label."""
    return np.bincount(index.ravel(), minlength=n_lines * size).reshape(n_lines, size)


def measure_mask(image: Image, mask: Mask) -> Region | None:
    """Measure a foreground mask ``(H, W)`` as a region with label 0; None where it is empty."""
    regions = measure_regions(image, mask.astype(np.uint8))
    return None if not regions else Region(**{**vars(regions[0]), "label": 0})
