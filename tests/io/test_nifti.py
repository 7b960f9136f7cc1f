"""NIfTI files; expected values are nibabel's own, SimpleITK's, or worked out by hand from what was written."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from msformer.errors import ImageError, NonFiniteImageError, ReadError
from msformer.io.medical import kind_of, read_volume
from msformer.volume import Volume

VALUES = np.random.default_rng(5).integers(-500, 500, (6, 5, 4)).astype(np.int16)  # (column, row, slice)
OBLIQUE = np.array([[0.8, -0.6, 0, 7], [0.6, 0.8, 0, -3], [0, 0, 1, 2], [0, 0, 0, 1]]) @ np.diag([2, 3, 4, 1.0])
SHEARED = np.array([[2, 0.7, 0, 1], [0, 3, 0.5, 2], [0, 0, 4, 3], [0, 0, 0, 1.0]])


def save(path: Path, values: NDArray[Any], affine: Any = OBLIQUE, kind: Any = nibabel.Nifti1Image) -> Path:
    image = kind(values, affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(str(path))
    return path


def read_one(path: Path, frame: int | None = None) -> Volume:
    return read_volume([path], frame=frame, max_voxels=100_000)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_oblique_volume_agrees_with_nibabel_and_simpleitk(tmp_path: Path, suffix: str, kind: Any) -> None:
    path = save(tmp_path / f"a.{suffix}", VALUES, kind=kind)
    volume = read_one(path)
    np.testing.assert_array_equal(volume.voxels, VALUES.transpose(2, 1, 0))
    assert volume.voxels.dtype == np.int16
    assert (volume.kind, volume.source) == ("nifti", path)
    assert volume.geometry is not None
    in_ras = np.diag([-1.0, -1, 1, 1]) @ volume.geometry.affine
    np.testing.assert_allclose(in_ras, kind.from_filename(str(path)).affine, atol=1e-12)
    if kind is nibabel.Nifti2Image:
        return  # which ITK does not read
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image))
    np.testing.assert_allclose(volume.geometry.spacing_mm, image.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(volume.geometry.origin_mm, image.GetOrigin(), rtol=1e-6)
    np.testing.assert_allclose(volume.geometry.direction, image.GetDirection(), atol=1e-6)


def test_sheared_affine_is_kept(tmp_path: Path) -> None:
    volume = read_one(save(tmp_path / "a.nii", VALUES, SHEARED))
    assert volume.geometry is not None
    assert not volume.geometry.is_orthonormal
    np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ volume.geometry.affine, SHEARED, atol=1e-6)
    assert volume.geometry.voxel_mm3 == pytest.approx(2 * 3 * 4)


def test_contents_decide_not_the_suffix(tmp_path: Path) -> None:
    packed = save(tmp_path / "a.nii.gz", VALUES)
    path = packed.rename(tmp_path / "scan")
    assert kind_of(path) == "nifti"
    np.testing.assert_array_equal(read_one(path).voxels, VALUES.transpose(2, 1, 0))


def test_values_are_rescaled(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES, OBLIQUE)
    image.header.set_slope_inter(0.25, -3)
    image.to_filename(tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[352:] = VALUES.tobytes(order="F")  # nibabel would divide by the slope on the way
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    np.testing.assert_array_equal(read_one(tmp_path / "a.nii").voxels, VALUES.transpose(2, 1, 0) * 0.25 - 3)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_types_and_big_endian(tmp_path: Path, dtype: str) -> None:
    values = np.abs(VALUES // 4).astype(dtype)
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(dtype)
    nibabel.Nifti1Image(values, OBLIQUE, header).to_filename(tmp_path / "a.nii")
    assert (tmp_path / "a.nii").read_bytes()[:4] == b"\0\0\x01\x5c"
    volume = read_one(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.voxels, values.transpose(2, 1, 0))
    assert volume.voxels.dtype == np.dtype(dtype)


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5)])
def test_colours(tmp_path: Path, shape: tuple[int, ...]) -> None:
    colours = np.random.default_rng(1).integers(0, 255, (*shape, 3)).astype(np.uint8)
    triples = colours.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    volume = read_one(save(tmp_path / "a.nii", triples))
    assert volume.voxels.shape == (*((1,) * (3 - len(shape))), *shape[::-1], 3)
    expected = colours.swapaxes(0, 1)[None] if len(shape) == 2 else colours.transpose(2, 1, 0, 3)
    np.testing.assert_array_equal(volume.voxels, expected)


@pytest.mark.parametrize(("unit", "factor"), [("micron", 1e-3), ("meter", 1e3), ("mm", 1)])
def test_units_become_mm(tmp_path: Path, unit: str, factor: float) -> None:
    image = nibabel.Nifti1Image(VALUES, np.diag([2, 3, 4, 1]))
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "a.nii")
    geometry = read_one(tmp_path / "a.nii").geometry
    assert geometry is not None
    np.testing.assert_allclose(geometry.spacing_mm, np.array([2, 3, 4]) * factor)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_four_axes_need_a_choice(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(2).integers(0, 99, (6, 5, 4, 3)).astype(np.int16)
    path = save(tmp_path / f"a.{suffix}", values)
    with pytest.raises(ReadError, match=r"^.*a\.nii.*: file holds 3 volumes .* --set read\.frame=0 to 2"):
        read_one(path)
    for frame in range(3):
        np.testing.assert_array_equal(read_one(path, frame).voxels, values[..., frame].transpose(2, 1, 0))
    for frame in (-1, 3):
        with pytest.raises(ReadError, match=rf"read\.frame must be from 0 to 2 in this file; got {frame}"):
            read_one(path, frame)


def test_axes_of_one_do_not_count(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VALUES[..., None, None])
    np.testing.assert_array_equal(read_one(path).voxels, VALUES.transpose(2, 1, 0))
    with pytest.raises(
        ReadError, match=r"read\.frame must be 0, or left out, where .* holds one volume or picture; got 1"
    ):
        read_one(path, 1)
    assert read_one(save(tmp_path / "b.nii", VALUES[:, :, 0])).shape == (1, 5, 6)


@pytest.mark.parametrize("shape", [(6,), (2, 2, 2, 2, 2, 2)])
def test_other_numbers_of_axes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = save(tmp_path / "a.nii", np.zeros(shape, dtype=np.int16))
    with pytest.raises(ReadError, match=r"a\.nii: image must have 2 to 5 axes"):
        read_one(path)


def test_pairs_of_header_and_voxels(tmp_path: Path) -> None:
    save(tmp_path / "a.img", VALUES, kind=nibabel.Nifti1Pair)
    assert kind_of(tmp_path / "a.hdr") == "nifti"
    np.testing.assert_array_equal(read_one(tmp_path / "a.hdr").voxels, VALUES.transpose(2, 1, 0))
    (tmp_path / "a.img").unlink()
    with pytest.raises(ReadError, match=r"voxels must be beside it in a\.img"):
        read_one(tmp_path / "a.hdr")


def test_voxels_without_a_value_are_no_data_and_are_told_of(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32) - 7
    expected = values.copy()
    values[0, :2, 1] = math.nan
    darkest = np.delete(values.ravel(), np.flatnonzero(np.isnan(values))).min()
    expected[0, :2, 1] = np.nextafter(darkest, np.float32(-math.inf))
    volume = read_one(save(tmp_path / "a.nii", values))
    np.testing.assert_array_equal(volume.voxels, expected.transpose(2, 1, 0))
    assert volume.notes == ("2 values that are none (NaN) taken for no data",)
    assert volume.padding_value == expected[0, 0, 1]


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[0, 0, 0], values[1, 1, 1] = math.nan, math.inf
    with pytest.raises(NonFiniteImageError, match=r"a\.nii: volume must be finite; got 1 infinite .* 1 NaN of 120"):
        read_one(save(tmp_path / "a.nii", values))
    with pytest.raises(NonFiniteImageError, match="120 NaN of 120"):
        read_one(save(tmp_path / "c.nii", np.full_like(values, math.nan)))
    with pytest.raises(ImageError, match="at most 64 bits; got complex64"):
        read_one(save(tmp_path / "b.nii", VALUES.astype(np.complex64)))


def test_singular_affines_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VALUES)
    raw = bytearray(path.read_bytes())
    raw[280:328] = bytes(48)  # the rows of the sform, whose code stays
    path.write_bytes(bytes(raw))
    with pytest.raises(ImageError, match=r"a\.nii: geometry must be a finite, regular matrix"):
        read_one(path)


def test_extensions_of_any_stated_size_are_skipped(tmp_path: Path) -> None:
    """An extension that claims two billion bytes: the voxels are where the header says."""
    raw = save(tmp_path / "a.nii", VALUES).read_bytes()
    extended = bytearray(raw[:348] + b"\1\0\0\0" + (2**31 - 16).to_bytes(4, "little") + bytes(12) + raw[352:])
    extended[108:112] = np.float32(368).tobytes()  # vox_offset
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(extended)))
    np.testing.assert_array_equal(read_one(tmp_path / "b.nii.gz").voxels, VALUES.transpose(2, 1, 0))


def test_sizes_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    raw = bytearray(save(tmp_path / "a.nii", VALUES).read_bytes())
    huge = bytearray(raw)
    huge[42:48] = np.array([30_000, 30_000, 30_000], dtype="<i2").tobytes()
    (tmp_path / "b.nii").write_bytes(bytes(huge))
    with pytest.raises(ReadError, match=r"at most max_pixels=100000 voxels; got 30000 × 30000 × 30000"):
        read_one(tmp_path / "b.nii")
    far = bytearray(raw)
    far[108:112] = np.float32(2e9).tobytes()
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress(bytes(far)))
    with pytest.raises(ReadError, match="voxels must begin within 67108864 bytes; got 2000000000"):
        read_one(tmp_path / "c.nii.gz")


@pytest.mark.parametrize("name", ["example_ct.nii.gz", "example_ct_sm.nii.gz", "example_mr_sm.nii.gz"])
def test_real_volumes_agree_with_nibabel_and_simpleitk(shared: Path, name: str) -> None:
    path = shared / "data" / "volumes" / name
    volume, other = read_volume([path], max_voxels=10**8), sitk.ReadImage(str(path))
    image = nibabel.Nifti1Image.from_filename(str(path))
    np.testing.assert_array_equal(volume.voxels, np.asanyarray(image.dataobj).transpose(2, 1, 0))
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(other))
    assert volume.geometry is not None
    np.testing.assert_array_equal(np.diag([-1, -1, 1, 1]) @ volume.geometry.affine, image.affine)
    np.testing.assert_allclose(volume.geometry.spacing_mm, other.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(volume.geometry.origin_mm, other.GetOrigin(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(volume.geometry.direction, other.GetDirection(), atol=1e-6)
