"""What the regions of a label map are: area or volume, place, colour; in mm², ml and mm where spacing is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ImageShapeError
from msformer.geometry import Geometry
from msformer.image import Image, Mask, row_strips

MM3_OF_ML = 1000.0
MAX_LABELS = 65535
"""More values than a 16-bit label map can hold are those of an image; each costs memory and a row of the table."""


@dataclass(frozen=True)
class UnitSize:
    """What one pixel and one voxel measure; None for what nobody states or what there is none of.

    Attributes:
        plane: The axis that a single slice lies across; None of a volume.
        pixel_mm2: Area of a pixel of a slice: of the one there is, or of those along the first axis.
        voxel_ml: Volume of a voxel; None of a single slice.
    """

    plane: int | None
    pixel_mm2: float | None
    voxel_ml: float | None


def size_of(
    geometry: Geometry | None, shape: tuple[int, ...], spacing_mm: tuple[float, float] | None = None
) -> UnitSize:
    """The rule for areas and volumes, for images, volumes, ``segment`` and ``measure`` alike.

    What has one slice, across whichever axis, has an area and no volume: the thickness that some files tell is a
    setting of the scanner. What has several has a volume. Both exist only where the file, or the user, states all the
    sizes that they are made of.

    Args:
        geometry: Of the voxels.
        shape: ``(D, H, W)``.
        spacing_mm: Size (row, column) of the pixels of an image, in place of ``geometry``.
    """
    plane = next((axis for axis, side in enumerate(shape) if side == 1), None)
    across = 0 if plane is None else plane
    if geometry is None:
        return UnitSize(plane, None if spacing_mm is None else spacing_mm[0] * spacing_mm[1], None)
    steps = geometry.affine[:3, :3]
    one, other = (2 - axis for axis in range(3) if axis != across)
    is_known = geometry.is_stated[one] and geometry.is_stated[other]
    # Of the two steps in a slice, not of their lengths: in a sheared slice pixels are parallelograms.
    pixel_mm2 = float(np.linalg.norm(np.cross(steps[:, one], steps[:, other]))) if is_known else None
    voxel_ml = geometry.voxel_mm3 / MM3_OF_ML if plane is None and all(geometry.is_stated) else None
    return UnitSize(plane, pixel_mm2, voxel_ml)


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
    for part in row_strips(label_map.shape):  # strips bound the wide copies
        strip = label_map[part].astype(np.intp)
        rows = np.arange(len(strip))[:, None] * size
        in_rows[part] = _counts(strip + rows, len(strip), size)
        in_columns += _counts(strip + columns, width, size)
        for channel in range(planes.shape[2]):
            values = planes[part, :, channel].ravel()
            intensity_sum[channel] += np.bincount(strip.ravel(), values, size)
    area = in_rows.sum(axis=0)
    row_sum, column_sum = np.arange(height) @ in_rows, np.arange(width) @ in_columns
    pixel_mm2 = size_of(None, (1, height, width), image.spacing_mm).pixel_mm2
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


@dataclass(frozen=True)
class InstanceRow:
    """One of many objects.

    Attributes:
        label: Its number in the instance map.
        area_px: Number of pixels.
        area_mm2: Area in mm², None where the spacing is unknown.
        diameter_px: Diameter of the disc of the same area, in px.
        diameter_mm: The same in mm, None where the spacing is unknown.
        perimeter_px: Length of the outline through the centres of its pixels, by scikit-image, in px: 0 of one pixel.
        perimeter_mm: The same in mm, None where the spacing is unknown or not that of squares.
        solidity: Share of its convex hull that it fills, by scikit-image, in [0, 1].
        mean_intensity: Mean of each channel, in the units of the image.
        bbox: First row, first column, row and column after the last, in px.
        centroid: Mean row and column in px, centres of pixels at whole numbers.
        touches_frame: Whether it touches the frame of the image, beyond which it may go on.
    """

    label: int
    area_px: int
    area_mm2: float | None
    diameter_px: float
    diameter_mm: float | None
    perimeter_px: float
    perimeter_mm: float | None
    solidity: float
    mean_intensity: tuple[float, ...]
    bbox: tuple[int, int, int, int]
    centroid: tuple[float, float]
    touches_frame: bool


def measure_instances(image: Image, instances: NDArray[np.integer]) -> tuple[InstanceRow, ...]:
    """Measure every object of a map ``(H, W)`` on the grid of ``image``, 0 on the ground; by number.

    Raises:
        ImageShapeError: The map is of another size.
    """
    from skimage.measure import regionprops

    if instances.shape != image.shape:
        raise ImageShapeError(f"instances must have the size of the image, {image.shape}; got {instances.shape}")
    height, width = image.shape
    row_mm, column_mm = image.spacing_mm or (None, None)
    pixel_mm2 = size_of(None, (1, height, width), image.spacing_mm).pixel_mm2
    side_mm = row_mm if row_mm == column_mm else None
    rows = []
    for one in regionprops(instances):  # type: ignore[no-untyped-call]
        first_row, first_column, end_row, end_column = (int(bound) for bound in one.bbox)
        pixels = image.pixels[first_row:end_row, first_column:end_column][one.image]
        area, perimeter = int(one.area), float(one.perimeter)
        diameter = 2 * float(np.sqrt(area / np.pi))
        rows.append(
            InstanceRow(
                label=int(one.label),
                area_px=area,
                area_mm2=None if pixel_mm2 is None else area * pixel_mm2,
                diameter_px=diameter,
                diameter_mm=None if pixel_mm2 is None else diameter * float(np.sqrt(pixel_mm2)),
                perimeter_px=perimeter,
                perimeter_mm=None if side_mm is None else perimeter * side_mm,
                solidity=float(one.solidity),
                mean_intensity=tuple(float(mean) for mean in np.atleast_1d(pixels.mean(axis=0, dtype=np.float64))),
                bbox=(first_row, first_column, end_row, end_column),
                centroid=(float(one.centroid[0]), float(one.centroid[1])),
                touches_frame=first_row == 0 or first_column == 0 or end_row == height or end_column == width,
            )
        )
    return tuple(rows)


@dataclass(frozen=True)
class VolumeRegion:
    """One label of a label volume ``(D, H, W)``.

    Attributes:
        label: The label.
        n_voxels: Number of voxels.
        area_mm2: Area in mm² of what has a single slice; None of volumes, and where the size is unknown.
        volume_ml: Volume in ml (1000 mm³); None of a single slice, and where the size is unknown.
        volume_share: Share of the volume, in [0, 1].
        bbox: First slice, row, column, then slice, row, column after the last, in voxels.
        centroid: Mean slice, row, column in voxels, centres of voxels at whole numbers.
        centroid_mm: The same place in the patient (LPS: to the left, the back, the head), None where it is unknown.
        mean_intensity: Mean of each channel, in the units of the image; None without an image.
        largest_slice: The slice, from 0, in which the label has the largest area; the first of several.
        largest_area_px: The area there, in px; of a single slice across another axis than the first the whole.
        largest_area_mm2: The area there, in mm²; None where the size is unknown.
    """

    label: int
    n_voxels: int
    area_mm2: float | None
    volume_ml: float | None
    volume_share: float
    bbox: tuple[int, int, int, int, int, int]
    centroid: tuple[float, float, float]
    centroid_mm: tuple[float, float, float] | None
    mean_intensity: tuple[float, ...] | None
    largest_slice: int
    largest_area_px: int
    largest_area_mm2: float | None

    @property
    def first_slice(self) -> int:
        """The first slice, from 0, that the label is in."""
        return self.bbox[0]

    @property
    def last_slice(self) -> int:
        """The last slice, from 0, that the label is in."""
        return self.bbox[3] - 1


def measure_volume(
    labels: NDArray[Any], geometry: Geometry | None = None, voxels: NDArray[Any] | None = None
) -> list[VolumeRegion]:
    """Measure every label ≥ 1 that occurs; by label. Beside its input it needs memory for a part of a slice.

    Args:
        labels: ``(D, H, W)``, whole numbers from 0 up; floats that are whole are taken, as NIfTI files have them.
        geometry: Place and size of the voxels.
        voxels: ``(D, H, W)`` or ``(D, H, W, C)``, the image on the grid of ``labels``.

    Raises:
        ImageShapeError: ``labels`` has not three axes, or ``voxels`` is of another grid.
        ImageError: The labels are no whole numbers from 0 up, or too many; or the image does not hold numbers.
    """
    _check_volume(labels, voxels)
    found = _labels_of(labels)
    count = len(found)
    n_voxels = np.zeros(count, dtype=np.int64)
    largest, largest_slice = np.zeros((2, count), dtype=np.int64)
    totals = np.zeros((3, count))
    first = np.full((3, count), np.iinfo(np.int64).max)
    last = np.full((3, count), -1)
    n_channels = 0 if voxels is None else 1 if voxels.ndim == 3 else voxels.shape[3]
    intensity = np.zeros((n_channels, count))
    for number in range(len(labels)):
        in_slice = np.zeros(count, dtype=np.int64)
        for part in row_strips(labels.shape[1:]):
            start, strip = part.start, labels[number, part]
            rows, columns = np.nonzero(strip)
            which = np.searchsorted(found, strip[rows, columns])
            in_strip = np.bincount(which, minlength=count)
            in_slice += in_strip
            for axis, places in ((1, rows + start), (2, columns)):
                totals[axis] += np.bincount(which, places, count)
                np.minimum.at(first[axis], which, places)
                np.maximum.at(last[axis], which, places)
            if voxels is not None:
                values = voxels[number, part][rows, columns].reshape(len(rows), n_channels)
                for channel in range(n_channels):
                    intensity[channel] += np.bincount(which, values[:, channel].astype(np.float64), count)
        present = in_slice > 0
        first[0, present] = np.minimum(first[0, present], number)
        last[0, present] = number
        totals[0] += number * in_slice
        larger = in_slice > largest
        largest[larger], largest_slice[larger] = in_slice[larger], number
        n_voxels += in_slice
    depth, height, width = labels.shape
    size = size_of(geometry, (depth, height, width))
    if size.plane is not None:  # its area is that of the slice there is, not of the lines that slices meet it in
        largest = n_voxels
    regions = []
    for index in range(count):
        slice_, row, column = (float(total) for total in totals[:, index] / n_voxels[index])
        bounds = [*first[:, index], *(last[:, index] + 1)]
        a, b, c, d, e, f = (int(bound) for bound in bounds)
        regions.append(
            VolumeRegion(
                label=int(found[index]),
                n_voxels=int(n_voxels[index]),
                area_mm2=None if size.plane is None else _times(int(n_voxels[index]), size.pixel_mm2),
                volume_ml=_times(int(n_voxels[index]), size.voxel_ml),
                volume_share=int(n_voxels[index]) / labels.size,
                bbox=(a, b, c, d, e, f),
                centroid=(slice_, row, column),
                centroid_mm=None
                if geometry is None or not geometry.is_placed
                else _in_patient(geometry, slice_, row, column),
                mean_intensity=None
                if voxels is None
                else tuple(float(total) for total in intensity[:, index] / n_voxels[index]),
                largest_slice=int(largest_slice[index]),
                largest_area_px=int(largest[index]),
                largest_area_mm2=_times(int(largest[index]), size.pixel_mm2),
            )
        )
    return regions


def _times(count: int, unit: float | None) -> float | None:
    return None if unit is None else count * unit


def _in_patient(geometry: Geometry, slice_: float, row: float, column: float) -> tuple[float, float, float]:
    x, y, z, _ = geometry.affine @ (column, row, slice_, 1.0)
    return float(x), float(y), float(z)


def _check_volume(labels: NDArray[Any], voxels: NDArray[Any] | None) -> None:
    if labels.ndim != 3:
        raise ImageShapeError(f"labels must have shape (D, H, W); got {labels.shape}")
    if labels.dtype.kind not in "buif":
        raise ImageError(f"labels must be whole numbers; got {labels.dtype}")
    if voxels is None:
        return
    if voxels.ndim not in (3, 4) or voxels.shape[:3] != labels.shape:
        raise ImageShapeError(f"voxels must be on the grid of the labels, {labels.shape}; got {voxels.shape}")
    if voxels.dtype.kind not in "buif":
        raise ImageError(f"voxels must be numbers; got {voxels.dtype}")


def _labels_of(labels: NDArray[Any]) -> NDArray[Any]:
    """The labels that occur, in order, without 0; what is no label is refused."""
    found = np.zeros(0, dtype=labels.dtype)
    for plane in labels if labels.size else ():
        for part in row_strips(plane.shape):
            values = np.unique(plane[part])
            if labels.dtype.kind == "f":
                whole = np.isfinite(values) & (np.floor(values) == values)
                if not whole.all():
                    raise ImageError(f"labels must be whole numbers from 0 up; got {values[~whole][0]:g}")
            if labels.dtype.kind in "if" and values[0] < 0:
                raise ImageError(f"labels must be whole numbers from 0 up; got {values[0]:g}")
            found = np.union1d(found, values[values != 0])
            if len(found) > MAX_LABELS:
                raise ImageError(f"labels must be at most {MAX_LABELS} different ones; got more: is it an image?")
    return found
