"""Whatever holds a picture or a volume → ``Image`` or ``Volume``, and how to give results back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ConfigError, ImageError, ImageShapeError
from msformer.geometry import Geometry, flat_geometry, with_spacing
from msformer.image import Image
from msformer.interop.axes import as_given, image_axes, ordered, volume_axes
from msformer.interop.given import GiveBack, Given, Make
from msformer.interop.libraries import reader_for
from msformer.io.medical import checked
from msformer.io.reading import read
from msformer.volume import Volume

KNOWN = "Pillow, SimpleITK, nibabel, pydicom or xarray"
ARRAY = Path("array")
"""What stands for the file of a volume that came from none."""


def as_image(
    source: Any, *, axes: str | None = None, spacing_mm: tuple[float, float] | None = None
) -> tuple[Image, GiveBack]:
    """Take a picture.

    Args:
        source: A path; an array of numpy, dask, zarr or what else numpy takes for one; an image of Pillow, SimpleITK,
            nibabel or xarray, a data set of pydicom; an ``Image``; a ``Volume`` of one slice.
        axes: What its axes are, by the letters z, y, x and c, where the shape leaves it open.
        spacing_mm: Size of a pixel (row, column) in mm, over what the source says.

    Returns:
        The picture, and what makes the same kind of thing of a label map or a mask.

    Raises:
        ImageError: It is no picture, or could be a volume as well.
        ConfigError: ``axes`` do not fit.
        ReadError: The file cannot be read.
    """
    found = take(source)
    if isinstance(found, Image):
        image = found if spacing_mm is None else replace(found, spacing_mm=spacing_mm)
        return image, GiveBack(_giver("yx"), flat_geometry(image.spacing_mm), (), _name(image.source))
    if isinstance(found, Volume):
        found = _of_volume(found)
    letters = image_axes(found.values.shape, _stated(axes, found))
    planes = ordered(found.values, letters)
    if spacing_mm is None and found.geometry is not None:
        spacing_mm = found.geometry.spacing_of(0)
    image = Image.from_array(
        planes[0],
        spacing_mm=spacing_mm,
        source=found.source,
        modality=found.modality,
        padding_value=found.padding_value,
        notes=found.notes,
    )
    geometry = found.geometry
    if spacing_mm is not None:
        geometry = with_spacing(geometry, spacing_mm)
    return image, GiveBack(found.give_back or _giver(letters), geometry, found.instances, _name(found.source))


def as_volume(
    source: Any, *, axes: str | None = None, spacing_mm: tuple[float, float, float] | None = None
) -> tuple[Volume, GiveBack]:
    """Take a volume; see ``as_image``.

    Args:
        source: As there.
        axes: What its axes are, where the shape leaves it open.
        spacing_mm: Size of a voxel (slice, row, column) in mm, over what the source says.
    """
    found = take(source)
    if isinstance(found, Image):
        raise ImageShapeError(f"a picture of shape {found.pixels.shape} is no volume: segment(…) takes it")
    if isinstance(found, Volume):
        volume, make = found, _giver("zyx")
    else:
        letters = volume_axes(found.values.shape, _stated(axes, found))
        voxels = ordered(found.values, letters)
        volume = checked(
            Volume(
                voxels,
                found.geometry,
                "array",
                found.source or ARRAY,
                modality=found.modality,
                notes=found.notes,
                padding_value=found.padding_value,
            )
        )
        make = found.give_back or _giver(letters)
    if spacing_mm is not None:
        volume = replace(volume, geometry=_sized(volume.geometry, spacing_mm))
    return volume, GiveBack(make, volume.geometry, volume.instances, _name(volume.source))


def take(source: Any) -> Image | Volume | Given:
    """What somebody gave, before its axes are told.

    Raises:
        ImageError: It is nothing that holds numbers.
        ReadError: The file cannot be read.
    """
    if isinstance(source, Image | Volume):
        return source
    if isinstance(source, str | Path):
        return read(source)
    if (reader := reader_for(source)) is not None:
        return reader(source)
    if isinstance(source, np.ma.MaskedArray):
        return Given(_without_masked(source))
    try:
        array = np.asarray(source)
    except Exception as error:  # foreign arrays raise what they like
        raise ImageError(f"image must be an array; got {type(source).__name__}, which is none: {error}") from error
    if array.dtype == object:
        raise ImageError(f"image must be an array, a path, or an image of {KNOWN}; got {type(source).__name__}")
    return Given(array)


def _stated(axes: str | None, found: Given) -> str | None:
    """What the axes are by what was given, or by the caller.

    Raises:
        ConfigError: Both say something.
    """
    if axes is not None and found.axes is not None:
        raise ConfigError(f"axes is for arrays whose axes nothing names; got {axes!r} for what is {found.axes!r}")
    return found.axes if axes is None else axes


def _of_volume(volume: Volume) -> Given:
    axes = "zyx" + ("c" if volume.voxels.ndim == 4 else "")
    return Given(
        volume.voxels,
        axes,
        _giver("zyx"),
        volume.geometry,
        volume.modality,
        volume.padding_value,
        volume.notes,
        volume.source,
        volume.instances,
    )


def _giver(axes: str) -> Make:
    return partial(as_given, axes=axes)


def _name(source: Path | None) -> str:
    return "" if source is None or source == ARRAY else source.name


def _without_masked(array: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    """Masked values as NaN, which is no data; where nothing is masked the data as they are."""
    mask = np.ma.getmaskarray(array)
    if not mask.any():
        return np.asarray(array.data)
    if array.dtype.kind not in "buif":
        raise ImageError(f"image must hold booleans, integers or floats of at most 64 bits; got {array.dtype}")
    wide = array.dtype if array.dtype.kind == "f" else np.float32 if array.dtype.itemsize <= 2 else np.float64
    return np.where(mask, np.nan, array.data).astype(wide)


def _sized(geometry: Geometry | None, spacing_mm: tuple[float, float, float]) -> Geometry:
    """A geometry with the size of a voxel (slice, row, column) that a caller states."""
    try:
        depth, row, column = (float(side) for side in spacing_mm)
    except (TypeError, ValueError):
        raise ImageError(
            f"spacing_mm must be three positive numbers (slice, row, column); got {spacing_mm!r}"
        ) from None
    plane = with_spacing(geometry, (row, column))
    return replace(plane, spacing_mm=(column, row, depth), is_stated=(True, True, True))
