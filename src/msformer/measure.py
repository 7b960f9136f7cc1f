"""What the regions of a label map are: area, place, colour. Areas in px, and in mm² where spacing is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    labels = label_map.astype(np.intp, copy=False)
    size = int(labels.max()) + 1 if labels.size else 1
    planes = image.pixels[:, :, None] if image.pixels.ndim == 2 else image.pixels
    area = np.zeros(size)
    row_sum, column_sum = np.zeros(size), np.zeros(size)
    intensity_sum = np.zeros((planes.shape[2], size))
    columns = np.arange(labels.shape[1], dtype=np.float64)
    for start in range(0, labels.shape[0], STRIP_ROWS):  # strips bound the float64 copies
        strip = labels[start : start + STRIP_ROWS]
        flat = strip.ravel()
        rows = np.arange(start, start + len(strip), dtype=np.float64)
        area += np.bincount(flat, minlength=size)
        row_sum += np.bincount(flat, np.repeat(rows, strip.shape[1]), size)
        column_sum += np.bincount(flat, np.tile(columns, len(strip)), size)
        for channel in range(planes.shape[2]):
            values = planes[start : start + STRIP_ROWS, :, channel].ravel()
            intensity_sum[channel] += np.bincount(flat, values, size)
    pixel_mm2 = None if image.spacing_mm is None else image.spacing_mm[0] * image.spacing_mm[1]
    regions = []
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is None:
            continue
        count = int(area[label])
        regions.append(
            Region(
                label=label,
                area_px=count,
                area_mm2=None if pixel_mm2 is None else count * pixel_mm2,
                area_share=count / labels.size,
                mean_intensity=tuple(float(total) for total in intensity_sum[:, label] / count),
                bbox=(place[0].start, place[1].start, place[0].stop, place[1].stop),
                centroid=(float(row_sum[label] / count), float(column_sum[label] / count)),
            )
        )
    return regions


def measure_mask(image: Image, mask: Mask) -> Region | None:
    """Measure a foreground mask ``(H, W)`` as a region with label 0; None where it is empty."""
    regions = measure_regions(image, mask.astype(np.uint8))
    return None if not regions else Region(**{**vars(regions[0]), "label": 0})
