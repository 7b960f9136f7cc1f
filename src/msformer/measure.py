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
    """Measure every label ≥ 1 that occurs in ``label_map``, ``(H, W)`` on the grid of ``image``; by label.

    Raises:
        ImageShapeError: The map is of another size.
    """
    if label_map.shape != image.shape:
        raise ImageShapeError(f"label_map must have the size of the image, {image.shape}; got {label_map.shape}")
    size = size_of(None, (1, *label_map.shape), image.spacing_mm)
    tally = _tally(label_map[None], image.pixels[None])
    regions = []
    for index, label in enumerate(tally.labels):
        count = int(tally.n_voxels[index])
        _, first_row, first_column, _, end_row, end_column = tally.bbox(index)
        _, row, column = tally.centroid(index)
        regions.append(
            Region(
                label=int(label),
                area_px=count,
                area_mm2=_times(count, size.pixel_mm2),
                area_share=count / label_map.size,
                mean_intensity=tally.mean_intensity(index),
                bbox=(first_row, first_column, end_row, end_column),
                centroid=(row, column),
            )
        )
    return regions


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
    tally = _tally(labels, voxels)
    depth, height, width = labels.shape
    size = size_of(geometry, (depth, height, width))
    # The area of a single slice is that of the slice there is, not of the lines that slices meet it in.
    largest = tally.largest_area if size.plane is None else tally.n_voxels
    regions = []
    for index, label in enumerate(tally.labels):
        count, centroid = int(tally.n_voxels[index]), tally.centroid(index)
        regions.append(
            VolumeRegion(
                label=int(label),
                n_voxels=count,
                area_mm2=None if size.plane is None else _times(count, size.pixel_mm2),
                volume_ml=_times(count, size.voxel_ml),
                volume_share=count / labels.size,
                bbox=tally.bbox(index),
                centroid=centroid,
                centroid_mm=None if geometry is None or not geometry.is_placed else _in_patient(geometry, *centroid),
                mean_intensity=None if voxels is None else tally.mean_intensity(index),
                largest_slice=int(tally.largest_slice[index]),
                largest_area_px=int(largest[index]),
                largest_area_mm2=_times(int(largest[index]), size.pixel_mm2),
            )
        )
    return regions


@dataclass(frozen=True)
class _Tally:
    """What is counted of each label while the slices go by; ``K`` labels, axes in the order slice, row, column.

    Attributes:
        labels: ``(K,)``, in order, without 0.
        n_voxels: ``(K,)``.
        totals: ``(3, K)``, sum of the places of the voxels.
        first: ``(3, K)``, the first place.
        last: ``(3, K)``, the last place.
        intensity: ``(C, K)``, sum of each channel.
        largest_area: ``(K,)``, voxels in the slice that has most of them.
        largest_slice: ``(K,)``, that slice; the first of several.
    """

    labels: NDArray[Any]
    n_voxels: NDArray[np.int64]
    totals: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    intensity: NDArray[np.float64]
    largest_area: NDArray[np.int64]
    largest_slice: NDArray[np.int64]

    def bbox(self, index: int) -> tuple[int, int, int, int, int, int]:
        """First places, then those after the last."""
        a, b, c = (int(place) for place in self.first[:, index])
        d, e, f = (int(place) + 1 for place in self.last[:, index])
        return a, b, c, d, e, f

    def centroid(self, index: int) -> tuple[float, float, float]:
        """Mean place."""
        slice_, row, column = (float(total) for total in self.totals[:, index] / self.n_voxels[index])
        return slice_, row, column

    def mean_intensity(self, index: int) -> tuple[float, ...]:
        """Mean of each channel."""
        return tuple(float(total) for total in self.intensity[:, index] / self.n_voxels[index])


def _tally(labels: NDArray[Any], voxels: NDArray[Any] | None) -> _Tally:
    """Count every label of ``(D, H, W)`` and sum what ``voxels``, ``(D, H, W[, C])``, has there.

    It goes by runs: neighbours in a row that have the same label count as one, since label maps are mostly runs.
    """
    found = _labels_of(labels)
    count = len(found)
    n_channels = 0 if voxels is None else 1 if voxels.ndim == 3 else voxels.shape[3]
    tally = _Tally(
        labels=found,
        n_voxels=np.zeros(count, dtype=np.int64),
        totals=np.zeros((3, count)),
        first=np.full((3, count), np.iinfo(np.int64).max),
        last=np.full((3, count), -1),
        intensity=np.zeros((n_channels, count)),
        largest_area=np.zeros(count, dtype=np.int64),
        largest_slice=np.zeros(count, dtype=np.int64),
    )
    for number, plane in enumerate(labels if count else ()):
        in_slice = np.zeros(count, dtype=np.int64)
        for part in row_strips(plane.shape):
            runs = _runs_of(plane[part])
            kept = runs.label != 0
            which, length = np.searchsorted(found, runs.label[kept]), runs.length[kept]
            row, column = runs.row[kept] + part.start, runs.column[kept]
            in_slice += np.bincount(which, length, count).astype(np.int64)
            for axis, first, last in ((1, row, row), (2, column, column + length - 1)):
                tally.totals[axis] += np.bincount(which, (first + last) / 2 * length, count)
                np.minimum.at(tally.first[axis], which, first)
                np.maximum.at(tally.last[axis], which, last)
            if voxels is None:
                continue
            channels = voxels[number, part].reshape(-1, n_channels)
            for channel in range(n_channels):
                values = channels[:, channel].astype(np.float64)
                sums = np.add.reduceat(values, runs.start)[kept]
                tally.intensity[channel] += np.bincount(which, sums, count)
        present = in_slice > 0
        tally.first[0, present] = np.minimum(tally.first[0, present], number)
        tally.last[0, present] = number
        tally.totals[0] += number * in_slice
        larger = in_slice > tally.largest_area
        tally.largest_area[larger], tally.largest_slice[larger] = in_slice[larger], number
        tally.n_voxels[:] += in_slice
    return tally


@dataclass(frozen=True)
class _Runs:
    """Neighbours of one label in a row, of a strip ``(h, W)``, from the top; all arrays are ``(N,)``.

    Attributes:
        label: The label.
        row: The row.
        column: The first column.
        length: Number of pixels.
        start: Number of the first pixel, counted along the rows.
    """

    label: NDArray[Any]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    length: NDArray[np.int64]
    start: NDArray[np.int64]


def _runs_of(strip: NDArray[Any]) -> _Runs:
    flat, width = strip.ravel(), strip.shape[1]
    begins = np.ones(flat.size, dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True
    start = np.flatnonzero(begins)
    row, column = np.divmod(start, width)
    return _Runs(flat[start], row, column, np.diff(start, append=flat.size), start)


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
            values = np.unique(_runs_of(plane[part]).label)
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
