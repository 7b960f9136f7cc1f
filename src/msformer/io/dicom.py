"""DICOM files → volumes: series sorted by position, pixels in Hounsfield units, larger always brighter.

Headers are read by pydicom; pixels by SimpleITK (GDCM), which knows every compression in use (RLE, JPEG, JPEG-LS,
JPEG 2000), turns YBR and palettes to RGB, and rescales.
"""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import Geometry
from msformer.io.photo import check_voxel_count
from msformer.volume import Volume

PREFIX_LENGTH, MAGIC = 128, b"DICM"
TAGS = [
    "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames",
    "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "SpacingBetweenSlices", "SliceThickness", "PhotometricInterpretation",
    "InstanceNumber", "SharedFunctionalGroupsSequence", "PixelData",
]  # fmt: skip
UNEVEN = 0.01
"""Steps between slices that differ from the usual one by a larger share are told of."""
TILTED_DEGREES = 0.5
"""A tilt under this is rounding of positions in the header."""

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its complaints about odd headers are not for users of ours


@dataclass(frozen=True)
class Instance:
    """What the header of one file says."""

    path: Path
    uid: str
    series: str
    modality: str | None
    rows: int
    columns: int
    samples: int
    frames: int
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    slice_step: float | None
    photometric: str
    number: int

    @property
    def group(self) -> tuple[Any, ...]:
        """What the slices of one volume have in common."""
        axes = None if self.orientation is None else tuple(round(value, 3) + 0.0 for value in self.orientation)
        alone = self.path if self.frames > 1 else None
        return self.series, self.rows, self.columns, self.samples, axes, alone


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do: any 128 bytes, then ``DICM``."""
    with path.open("rb") as file:
        return file.read(PREFIX_LENGTH + len(MAGIC))[PREFIX_LENGTH:] == MAGIC


def read_instance(path: Path) -> Instance:
    """Read the header of a file.

    Raises:
        ReadError: It is no DICOM image, or its header is broken.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every odd value
            data = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(TAGS))
            instance = _instance(path, data)
    except ReadError:
        raise
    except Exception as error:  # pydicom raises anything on broken headers
        raise ReadError(f"no readable DICOM header: {type(error).__name__}: {error}") from error
    if not (instance.rows > 0 and instance.columns > 0):
        raise ReadError("this DICOM file holds no image (no rows and columns)")
    return instance


def group_series(paths: Iterable[Path]) -> list[list[Instance]]:
    """Put files together that are slices of one volume, in the order of their first files; unreadable ones alone.

    Files whose header cannot be read raise nothing here: they are left out, and named when they are read alone.
    """
    groups: dict[tuple[Any, ...], list[Instance]] = defaultdict(list)
    for path in paths:
        try:
            instance = read_instance(path)
        except ReadError:
            continue
        groups[instance.group].append(instance)
    return list(groups.values())


def read_series(instances: Sequence[Instance], max_voxels: int) -> Volume:
    """Read the slices of one volume, sorted by their place along the normal of the slices.

    Slices at a place that is taken already, and copies of the same instance, are left out. Uneven steps, a tilted
    gantry and what was left out are told in the notes.

    Raises:
        ReadError: A file cannot be decoded, slices do not fit together, or there are more than ``max_voxels``.
    """
    ordered, geometry, notes = _arrange(instances)
    first = ordered[0]
    check_voxel_count((sum(one.frames for one in ordered), first.rows, first.columns), max_voxels)
    if len(ordered) == 1:
        voxels, found = _read_pixels(first)
        geometry = geometry if found is None else found
        if first.pixel_spacing is None and first.frames == 1:
            geometry = None
    else:
        slices: list[NDArray[Any]] = []
        for instance in ordered:
            pixels, _ = _read_pixels(instance)
            if slices and pixels.shape != slices[0].shape:
                raise ReadError(f"{instance.path}: slice of {pixels.shape[1:]} in a series of {slices[0].shape[1:]}")
            slices.append(pixels)
        voxels = np.concatenate(slices)
    if first.photometric == "MONOCHROME1":
        voxels = _inverted(voxels)
    return Volume(
        voxels,
        geometry,
        "dicom",
        first.path.parent if len(ordered) > 1 else first.path,
        tuple(instance.path for instance in ordered),
        first.modality,
        tuple(notes),
    )


def _instance(path: Path, data: Any) -> Instance:
    def numbers(name: str, count: int) -> tuple[float, ...] | None:
        value = data.get(name)
        try:
            found = tuple(float(one) for one in value)
        except (TypeError, ValueError):
            return None
        return found if len(found) == count and np.isfinite(found).all() else None

    def number(name: str) -> float | None:
        try:
            value = float(data.get(name))
        except (TypeError, ValueError):
            return None
        return value if np.isfinite(value) else None

    spacing = next(
        (
            found
            for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
            if (found := numbers(name, 2)) is not None and min(found) > 0
        ),
        None,
    )
    return Instance(
        path=path,
        uid=str(data.get("SOPInstanceUID", "")),
        series=str(data.get("SeriesInstanceUID", "")),
        modality=str(data.get("Modality", "")) or None,
        rows=int(number("Rows") or 0),
        columns=int(number("Columns") or 0),
        samples=int(number("SamplesPerPixel") or 1),
        frames=max(int(number("NumberOfFrames") or 1), 1),
        orientation=numbers("ImageOrientationPatient", 6),
        position=numbers("ImagePositionPatient", 3),
        pixel_spacing=None if spacing is None else (spacing[0], spacing[1]),
        slice_step=number("SpacingBetweenSlices") or number("SliceThickness"),
        photometric=str(data.get("PhotometricInterpretation", "")),
        number=int(number("InstanceNumber") or 0),
    )


def _arrange(instances: Sequence[Instance]) -> tuple[list[Instance], Geometry | None, list[str]]:
    """Slices in their order, without doubles; the geometry; what there is to tell."""
    notes: list[str] = []
    unique: dict[str, Instance] = {}
    for instance in instances:
        unique.setdefault(instance.uid or str(instance.path), instance)
    if (copies := len(instances) - len(unique)) > 0:
        notes.append(f"{copies} copies of the same slice left out")
    kept = sorted(unique.values(), key=lambda one: (one.number, str(one.path)))
    first = kept[0]
    if first.orientation is None or any(one.position is None for one in kept):
        if len(kept) > 1:
            notes.append("no positions in the headers: slices in the order of their numbers")
        return kept, _flat_geometry(first), notes
    row_step, column_step = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    normal = np.cross(row_step, column_step)
    if (length := np.linalg.norm(normal)) < 0.5:
        return kept, _flat_geometry(first), [*notes, "directions in the header are no plane: ignored"]
    normal = normal / length
    places = np.array([one.position for one in kept], dtype=np.float64)
    heights = places @ normal
    order = np.argsort(heights, kind="stable")
    step = _usual_step(heights[order])
    chosen = [int(order[0])]
    for index in order[1:]:
        if heights[index] - heights[chosen[-1]] > 0.01 * step:
            chosen.append(int(index))
    if (doubles := len(kept) - len(chosen)) > 0:
        notes.append(f"{doubles} slices at the same place as another left out")
    places, heights = places[chosen], heights[chosen]
    direction = normal
    spacing = first.slice_step or 1.0
    if len(chosen) > 1:
        steps = np.diff(heights)
        spacing = float(step)
        if (np.abs(steps - step) > UNEVEN * step).any():
            missing = int(sum(round(one / step) - 1 for one in steps if one > 1.5 * step))
            notes.append(
                f"uneven steps between slices, {steps.min():.4g} to {steps.max():.4g} mm"
                + (f", {missing} slices missing" if missing else "")
                + "; the volume is written with the usual one"
            )
        along = places[-1] - places[0]
        along = along / np.linalg.norm(along)
        tilt = float(np.degrees(np.arccos(np.clip(along @ normal, -1, 1))))
        if tilt > TILTED_DEGREES:
            notes.append(f"tilted gantry: slices are shifted by {tilt:.1f}° from their normal")
            direction = along
            spacing = float(step / np.cos(np.radians(tilt)))
    rows, columns = first.pixel_spacing or (1.0, 1.0)
    matrix = np.stack([row_step, column_step, direction], axis=1).ravel()
    a, b, c, d, e, f, g, h, i = (float(value) for value in matrix)
    x, y, z = (float(value) for value in places[0])
    try:
        geometry = Geometry((columns, rows, abs(spacing)), (x, y, z), (a, b, c, d, e, f, g, h, i))
    except ImageError:
        return [kept[index] for index in chosen], _flat_geometry(first), [*notes, "geometry in the header is no space"]
    return [kept[index] for index in chosen], geometry, notes


def _usual_step(heights: NDArray[np.float64]) -> float:
    """The median of the steps that are none between slices at the same place."""
    steps = np.diff(heights)
    steps = steps[steps > 1e-3]
    return float(np.median(steps)) if len(steps) else 1.0


def _flat_geometry(first: Instance) -> Geometry | None:
    if first.pixel_spacing is None:
        return None
    rows, columns = first.pixel_spacing
    return Geometry((columns, rows, abs(first.slice_step or 1.0)))


def _read_pixels(instance: Instance) -> tuple[NDArray[Any], Geometry | None]:
    """Pixels ``(frames, H, W[, C])`` of one file, and of a file of several frames its geometry."""
    from msformer.io.itk import read_with

    return read_with(instance.path, "GDCMImageIO", has_geometry=instance.frames > 1)


def _inverted(voxels: NDArray[Any]) -> NDArray[Any]:
    """MONOCHROME1: what is stored large is dark. The range of values stays."""
    low, high = voxels.min(), voxels.max()
    wide = voxels.astype(np.int64) if voxels.dtype.kind in "iu" else voxels
    return np.asarray(int(low) + int(high) - wide if voxels.dtype.kind in "iu" else low + high - wide, voxels.dtype)
