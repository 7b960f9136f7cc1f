"""Objects of Pillow, SimpleITK, nibabel, pydicom and xarray → what they hold, told by their class, never by a guess.

None of these libraries is imported before one of its objects was given.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import RAS_OF_LPS, Geometry
from msformer.interop.axes import as_given, axes_of_names
from msformer.interop.given import Given
from msformer.io.medical import read_volume
from msformer.io.nifti import geometry_of_header, voxels_of
from msformer.io.photo import pixels_of


def reader_for(source: object) -> Callable[[Any], Given] | None:
    """What reads such an object; None where it is of no library that is known."""
    for kind in type(source).__mro__:
        library = kind.__module__.split(".")[0]
        if (found := READERS.get((library, kind.__name__))) is not None:
            return found
    return None


def of_pillow(image: Any) -> Given:
    """An image of Pillow: upright, palettes expanded, alpha over black, as files are read."""
    from PIL import ImageOps

    pixels = pixels_of(ImageOps.exif_transpose(image))
    return Given(pixels, "yxc"[: pixels.ndim])


def of_itk(image: Any) -> Given:
    """An image of SimpleITK, of two or three axes, of one channel or several."""
    if image.GetDimension() not in (2, 3):
        raise ImageError(
            f"image of SimpleITK must have 2 or 3 axes; got {image.GetDimension()}: choose one, as image[:, :, :, 0]"
        )
    import SimpleITK as sitk  # noqa: N813 - the name everyone gives it

    is_flat = image.GetDimension() == 2
    values = sitk.GetArrayFromImage(image)
    spacing, origin, direction = image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    if is_flat:
        a, b, c, d = direction
        direction = (a, b, 0.0, c, d, 0.0, 0.0, 0.0, 1.0)
        spacing, origin = (*spacing, 1.0), (*origin, 0.0)
    geometry = Geometry(spacing, origin, direction, is_stated=(True, True, not is_flat), is_flat=is_flat)
    axes = ("yx" if is_flat else "zyx") + ("c" if image.GetNumberOfComponentsPerPixel() > 1 else "")
    return Given(values, axes, partial(_as_itk, geometry=geometry), geometry)


def _as_itk(planes: NDArray[Any], geometry: Geometry) -> Any:
    import SimpleITK as sitk  # noqa: N813

    planes, axes = _stored(planes), 2 if geometry.is_flat else 3
    made = sitk.GetImageFromArray(planes[0] if axes == 2 else planes)
    made.SetSpacing(geometry.spacing_mm[:axes])
    made.SetOrigin(geometry.origin_mm[:axes])
    made.SetDirection(np.array(geometry.direction).reshape(3, 3)[:axes, :axes].ravel().tolist())
    return made


def of_nibabel(image: Any) -> Given:
    """An image of nibabel: its axes are x, y, z, then volumes over time, of which there may be one, then channels."""
    import nibabel as nib

    shape = image.shape
    if len(shape) > 5 or len(shape) < 2 or (len(shape) > 3 and shape[3] != 1):
        raise ImageError(
            f"image of nibabel must be one volume of 2 or 3 axes; got shape {tuple(shape)}: choose one volume, as "
            "image.slicer[..., 0]"
        )
    values = np.asanyarray(image.dataobj)
    values = values[:, :, :, 0] if values.ndim > 3 else values
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    voxels = voxels_of(values, min(len(shape), 3))
    if isinstance(image, nib.Nifti1Pair):
        mended = type(image)(image.dataobj, image.affine, image.header).header  # a copy, by the affine of the image
        geometry = geometry_of_header(mended, mended, is_flat=len(shape) == 2)
    else:
        geometry = Geometry.from_affine(RAS_OF_LPS @ image.affine)
    axes = "zyx" + ("c" if voxels.ndim == 4 else "")
    back = partial(_as_nibabel, like=(type(image), image.affine, image.header.copy()), n_axes=min(len(shape), 3))
    return Given(voxels, axes, back, geometry)


def _as_nibabel(planes: NDArray[Any], like: tuple[Any, Any, Any], n_axes: int) -> Any:
    import nibabel as nib

    kind, affine, header = like
    values = _stored(planes).transpose(2, 1, 0)
    values = values[:, :, 0] if n_axes == 2 else values
    if not issubclass(kind, nib.Nifti1Pair):  # other formats hold fewer types
        return nib.Nifti1Image(values, affine)
    made = kind(values, affine, header.copy())
    made.header.set_data_dtype(values.dtype)
    made.header["cal_min"] = made.header["cal_max"] = 0
    return made


def of_pydicom(dataset: Any) -> Given:
    """A data set of pydicom, read as a file of it would be: in Hounsfield units, with palettes and padding."""
    with tempfile.TemporaryDirectory(prefix="msformer-") as folder:
        path = Path(folder) / "dataset.dcm"
        try:
            _save(dataset, path)
        except Exception as error:  # pydicom raises many kinds for what a data set lacks
            raise ReadError(f"data set of pydicom cannot be read: {type(error).__name__}: {error}") from error
        try:
            volume = read_volume([path], max_voxels=MOST_VOXELS)
        except (ReadError, ImageError) as error:
            raise type(error)(str(error).replace(f"{path}: ", "data set of pydicom: ")) from error
    axes = "zyx" + ("c" if volume.voxels.ndim == 4 else "")
    return Given(volume.voxels, axes, None, volume.geometry, volume.modality, volume.padding_value, volume.notes)


def _save(dataset: Any, path: Path) -> None:
    """Write a data set by the transfer syntax that it has; one that has none was never compressed."""
    meta = getattr(dataset, "file_meta", None)
    if meta is not None and "TransferSyntaxUID" in meta:
        dataset.save_as(path, enforce_file_format=False)
    else:
        dataset.save_as(path, enforce_file_format=False, implicit_vr=True, little_endian=True)


def of_xarray(array: Any) -> Given:
    """An array of xarray: names of its dimensions tell what they are."""
    axes = axes_of_names([str(name) for name in array.dims])
    if axes is None:
        return Given(np.asarray(array.values))
    kept = [name for name, letter in zip(array.dims, axes, strict=True) if letter != "c"]
    coords = {name: one for name, one in array.coords.items() if set(one.dims) <= set(kept)}
    return Given(np.asarray(array.values), axes, partial(_as_xarray, axes=axes, dims=kept, coords=coords))


def _as_xarray(planes: NDArray[Any], axes: str, dims: list[Any], coords: dict[Any, Any]) -> Any:
    import xarray as xr

    return xr.DataArray(as_given(planes, axes), dims=dims, coords=coords)


def _stored(planes: NDArray[Any]) -> NDArray[Any]:
    """Masks as bytes: neither library stores booleans."""
    return planes.astype(np.uint8) if planes.dtype == np.bool_ else planes


MOST_VOXELS = 2**31
"""What is in memory already is not refused for its size."""
READERS: dict[tuple[str, str], Callable[[Any], Given]] = {
    ("PIL", "Image"): of_pillow,
    ("SimpleITK", "Image"): of_itk,
    ("nibabel", "SpatialImage"): of_nibabel,
    ("pydicom", "Dataset"): of_pydicom,
    ("xarray", "DataArray"): of_xarray,
}
"""By library and class; subclasses are found too."""
