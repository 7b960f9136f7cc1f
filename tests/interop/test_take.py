"""Images and volumes of other libraries, made by these libraries."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask.array as da
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name everyone gives it
import xarray as xr
import zarr
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from msformer import Image, ImageError, ReadError, Volume, read, segment, segment_volume
from msformer.errors import ConfigError, ImageShapeError
from msformer.interop import as_image, as_volume

PICTURE = np.arange(40 * 50, dtype=np.int16).reshape(40, 50) - 1000
from_array: Any = da.from_array  # without types
COLOUR = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
VOXELS = np.arange(6 * 40 * 50, dtype=np.int16).reshape(6, 40, 50)


def data_set(pixels: NDArray[np.int16], *, frames: int = 0) -> Dataset:
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID, found.SeriesInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3", "1.2"
    found.Modality, found.PhotometricInterpretation, found.SamplesPerPixel = "CT", "MONOCHROME2", 1
    found.Rows, found.Columns = pixels.shape[-2:]
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 16, 15, 1
    found.RescaleSlope, found.RescaleIntercept = 1, -24
    found.PixelSpacing = [0.5, 0.25]
    if frames:
        found.NumberOfFrames = frames
    found.PixelData = pixels.tobytes()
    return found


def test_arrays_of_numpy_dask_and_zarr_are_alike() -> None:
    for array in (PICTURE, PICTURE.tolist(), from_array(PICTURE), zarr.array(PICTURE)):
        np.testing.assert_array_equal(as_image(array)[0].pixels, PICTURE)
    for array in (VOXELS, from_array(VOXELS), zarr.array(VOXELS)):
        np.testing.assert_array_equal(as_volume(array)[0].voxels, VOXELS)


def test_channels_first() -> None:
    image, back = as_image(COLOUR.transpose(2, 0, 1), axes="cyx")
    np.testing.assert_array_equal(image.pixels, COLOUR)
    assert back(PICTURE[np.newaxis]).shape == (40, 50)


def test_masked_and_nan_are_no_data() -> None:
    masked = np.ma.MaskedArray(PICTURE, mask=np.broadcast_to(np.arange(50) < 7, (40, 50)))
    image, _ = as_image(masked)
    assert image.padding_value is not None
    assert (image.pixels[:, :7] == image.padding_value).all()
    np.testing.assert_array_equal(image.pixels[:, 7:], PICTURE[:, 7:])
    unmasked, _ = as_image(np.ma.MaskedArray(PICTURE))
    assert unmasked.pixels.dtype == PICTURE.dtype
    assert unmasked.padding_value is None
    voxels = VOXELS.astype(np.float32)
    voxels[0, :5] = np.nan
    volume, _ = as_volume(voxels)
    assert (volume.voxels[0, :5] == volume.padding_value).all()
    assert any("NaN" in note for note in volume.notes)


def test_pillow_is_read_as_its_files_are(tmp_path: Path) -> None:
    turned = Pillow.fromarray(COLOUR)
    turned.getexif()[0x0112] = 6  # shown turned by a quarter
    turned.save(tmp_path / "turned.png", exif=turned.getexif())
    with Pillow.open(tmp_path / "turned.png") as opened:
        image, _ = as_image(opened)
    np.testing.assert_array_equal(image.pixels, np.rot90(COLOUR, -1))
    found = read(tmp_path / "turned.png")
    assert isinstance(found, Image)
    np.testing.assert_array_equal(found.pixels, image.pixels)
    np.testing.assert_array_equal(as_image(Pillow.fromarray(COLOUR).convert("P").convert("L"))[0].shape, (40, 50))


def test_an_image_of_simple_itk_comes_back_with_its_geometry() -> None:
    given = sitk.GetImageFromArray(VOXELS)
    given.SetSpacing((0.7, 0.8, 3.0))
    given.SetOrigin((4.0, 5.0, -6.0))
    given.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    volume, back = as_volume(given)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.7, 0.8, 3.0)
    mask = back(VOXELS > 5)
    assert isinstance(mask, sitk.Image)
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(mask, name)() == getattr(given, name)()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), VOXELS > 5)
    flat = sitk.GetImageFromArray(COLOUR, isVector=True)
    flat.SetSpacing((0.25, 0.5))
    image, back = as_image(flat)
    np.testing.assert_array_equal(image.pixels, COLOUR)
    assert image.spacing_mm == (0.5, 0.25)
    assert back(PICTURE[np.newaxis] > 0).GetSpacing() == (0.25, 0.5)
    with pytest.raises(ImageError, match="axes"):
        as_volume(sitk.Image([4, 4, 4, 4], sitk.sitkUInt8))
    with pytest.raises(ImageShapeError, match="segment_volume"):
        as_image(given)


@pytest.mark.parametrize("codes", [(1, 4), (0, 2), (1, 1)])
def test_an_image_of_nibabel_comes_back_with_affine_and_codes(codes: tuple[int, int]) -> None:
    affine = np.array([[-0.8, 0, 0.1, 4], [0, 0.7, 0, 5], [0, 0, 3.0, 6], [0, 0, 0, 1]])
    given = nib.Nifti1Image(VOXELS.transpose(2, 1, 0), affine)
    given.header.set_qform(affine, codes[0], strip_shears=True)
    given.header.set_sform(affine, codes[1])
    volume, back = as_volume(given)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.geometry is not None
    np.testing.assert_allclose(volume.geometry.affine[:3, 3], (-4, -5, 6))
    mask = back(VOXELS > 5)
    assert isinstance(mask, nib.Nifti1Image)
    np.testing.assert_allclose(mask.affine, given.affine)
    assert (int(mask.header["qform_code"]), int(mask.header["sform_code"])) == codes
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(mask.dataobj), (VOXELS > 5).transpose(2, 1, 0))


def test_slope_and_four_axes_of_nibabel() -> None:
    given = nib.Nifti1Image(VOXELS.transpose(2, 1, 0)[..., np.newaxis], np.eye(4))
    np.testing.assert_array_equal(as_volume(given)[0].voxels, VOXELS)
    with pytest.raises(ImageError, match=r"slicer"):
        as_volume(nib.Nifti1Image(np.zeros((40, 50, 6, 2), dtype=np.int16), np.eye(4)))
    other, back = as_volume(nib.MGHImage(VOXELS.transpose(2, 1, 0).astype(np.int32), np.diag([2, 2, 2, 1])))
    np.testing.assert_array_equal(other.voxels, VOXELS)
    np.testing.assert_allclose(back(VOXELS > 5).affine, np.diag([2, 2, 2, 1]))
    flat = nib.Nifti1Image(PICTURE.T, np.diag([0.25, 0.5, 1, 1]))
    image, back = as_image(flat)
    np.testing.assert_array_equal(image.pixels, PICTURE)
    assert back(PICTURE[np.newaxis] > 0).shape == (50, 40)


@pytest.mark.parametrize("has_syntax", [True, False])
def test_a_data_set_of_pydicom_is_read_as_its_file_would_be(*, has_syntax: bool) -> None:
    given = data_set(PICTURE)
    if has_syntax:
        given.file_meta = FileMetaDataset()
        given.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image, _ = as_image(given)
    np.testing.assert_array_equal(image.pixels, PICTURE - 24)
    assert image.spacing_mm == (0.5, 0.25)
    assert image.modality == "CT"


def test_a_data_set_without_pixels_is_an_error_that_names_no_folder() -> None:
    with pytest.raises(ReadError, match="data set of pydicom") as caught:
        as_image(Dataset())
    assert "msformer-" not in str(caught.value)


def test_an_array_of_xarray_comes_back_with_names_and_coordinates() -> None:
    given = xr.DataArray(VOXELS.transpose(2, 0, 1), dims=("x", "slice", "row"), coords={"slice": np.arange(6) * 3.0})
    volume, back = as_volume(given)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    mask = back(VOXELS > 5)
    assert mask.dims == given.dims
    np.testing.assert_array_equal(mask.coords["slice"], given.coords["slice"])
    np.testing.assert_array_equal(mask.values, given.values > 5)
    colour = xr.DataArray(COLOUR, dims=("y", "x", "band"), coords={"band": ["r", "g", "b"]})
    image, back = as_image(colour)
    np.testing.assert_array_equal(image.pixels, COLOUR)
    assert back(PICTURE[np.newaxis] > 0).dims == ("y", "x")
    np.testing.assert_array_equal(as_image(xr.DataArray(PICTURE))[0].pixels, PICTURE)


def test_axes_are_for_arrays_alone() -> None:
    with pytest.raises(ConfigError, match="axes"):
        as_volume(nib.Nifti1Image(VOXELS.transpose(2, 1, 0), np.eye(4)), axes="xyz")


@pytest.mark.parametrize("source", [None, object(), {}, {"a": 1}, [["a"]], 3, b"x", "", "no such file"])
def test_what_is_no_image_is_an_error_of_ours(source: Any) -> None:
    for take in (as_image, as_volume):
        with pytest.raises((ImageError, ReadError)):
            take(source)


def test_spacing_of_the_caller_goes_first() -> None:
    assert as_image(data_set(PICTURE), spacing_mm=(2.0, 3.0))[0].spacing_mm == (2.0, 3.0)
    volume, _ = as_volume(VOXELS, spacing_mm=(3.0, 0.8, 0.7))
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.7, 0.8, 3.0)
    assert not volume.geometry.is_placed
    for wrong in ((1.0, 2.0), (1.0, 2.0, 0.0), ("a", 1, 1), 3.0):
        with pytest.raises(ImageError, match="positive"):
            as_volume(VOXELS, spacing_mm=wrong)  # type: ignore[arg-type]


def test_a_path_of_any_kind(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(VOXELS.transpose(2, 1, 0), np.eye(4)), tmp_path / "ct.nii.gz")
    found = read(tmp_path / "ct.nii.gz")
    assert isinstance(found, Volume)
    np.testing.assert_array_equal(found.voxels, VOXELS)
    with pytest.raises(ImageShapeError, match="segment_volume"):
        as_image(tmp_path / "ct.nii.gz")
    Pillow.fromarray(COLOUR).save(tmp_path / "photo.png")
    with pytest.raises(ImageShapeError, match=r"segment\("):
        as_volume(tmp_path / "photo.png")
    folder = tmp_path / "series"
    folder.mkdir()
    with pytest.raises(ReadError, match="got none"):
        read(folder)
    for number, plane in enumerate(VOXELS):
        one = data_set(plane)
        one.SOPInstanceUID, one.ImagePositionPatient = f"1.2.3.{number}", [0, 0, 3.0 * number]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    series = read(folder)
    assert isinstance(series, Volume)
    np.testing.assert_array_equal(series.voxels, VOXELS - 24)
    nib.save(nib.Nifti1Image(VOXELS, np.eye(4)), folder / "more.nii")
    with pytest.raises(ReadError, match="got 2"):
        read(folder)


def test_segment_gives_back_what_was_given() -> None:
    scene = np.full((64, 80), -900, dtype=np.int16)
    scene[20:44, 30:60] = 40
    plain = segment(scene, "general", seed=0)
    np.testing.assert_array_equal(plain.mask_image, plain.mask)
    turned = segment(scene.T, "general", seed=0, axes="xy")
    np.testing.assert_array_equal(turned.mask, plain.mask)
    np.testing.assert_array_equal(turned.mask_image, plain.mask.T)
    np.testing.assert_array_equal(turned.label_image, plain.label_map.T)
    stack = np.stack([scene] * 3, axis=-1)
    with pytest.raises(ImageShapeError):
        segment(np.stack([scene] * 30, axis=-1), "general")
    given = nib.Nifti1Image(stack.transpose(1, 0, 2), np.diag([-1, -1, 2.0, 1]))
    found = segment_volume(given, "general", seed=0)
    np.testing.assert_array_equal(np.asarray(found.mask_image.dataobj).transpose(2, 1, 0), found.mask)
    by_array = segment_volume(stack, "general", seed=0, axes="yxz")
    np.testing.assert_array_equal(by_array.mask, found.mask)
    np.testing.assert_array_equal(by_array.label_image, by_array.label_map.transpose(1, 2, 0))
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.mask_image.affine, found.mask_image.affine)
