"""Where labels lie for nibabel and for SimpleITK, which differ in which form of NIfTI they take; and 2-D stays 2-D."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from msformer.io.export import write_labels
from msformer.io.medical import read_volume
from msformer.io.segments import segments_of
from msformer.measure import measure_volume, size_of

LABELS = (np.arange(5 * 7 * 11) % 3 == 1).reshape(5, 7, 11).astype(np.uint8)
PLAIN = np.array([[-2, 0, 0, 30], [0, 3, 0, -40], [0, 0, 4, -20], [0, 0, 0, 1.0]])
TURNED = np.array([[0.8, -0.6, 0, 7], [0.6, 0.8, 0, -11], [0, 0, 1, 13], [0, 0, 0, 1]]) @ PLAIN


def nifti(path: Path, q: Any, q_code: int, s: Any, s_code: int, *, unit: str = "mm", flat: bool = False) -> Path:
    """A NIfTI with both forms just as given."""
    array = LABELS.transpose(2, 1, 0).astype(np.int16)
    image = nibabel.Nifti1Image(array[:, :, 0] if flat else array, None)
    image.header["pixdim"][1:4] = (2, 3, 4)
    if q is not None:
        image.header.set_qform(q, q_code)
    if s is not None:
        image.header.set_sform(s, s_code)
    image.header["qform_code"], image.header["sform_code"] = q_code, s_code
    image.header.set_xyzt_units(unit)
    path.write_bytes(image.to_bytes())
    return path


def as_labels(source: Path, out: Path, name: str = "nii.gz", labels: Any = LABELS) -> Any:
    volume = read_volume([source], max_voxels=10**6)
    write_labels(out, labels, name, segments=segments_of(1), geometry=volume.geometry, description="", seed="1")
    return volume


@pytest.mark.parametrize("unit", ["mm", "micron", "unknown"])
@pytest.mark.parametrize(
    ("q", "q_code", "s", "s_code", "n_notes"),
    [
        (None, 0, None, 0, 0),
        (PLAIN, 1, TURNED, 2, 1),
        (PLAIN, 1, TURNED, 1, 1),
        (PLAIN, 1, TURNED, 4, 1),
        (PLAIN, 2, PLAIN, 3, 0),
        (TURNED, 2, None, 0, 0),
        (None, 0, TURNED, 4, 0),
        (PLAIN, 0, TURNED, 0, 0),  # forms whose codes say that they mean nothing
    ],
)
def test_nibabel_and_simpleitk_find_labels_where_the_image_is(
    q: Any, q_code: int, s: Any, s_code: int, n_notes: int, unit: str, tmp_path: Path
) -> None:
    source, out = nifti(tmp_path / "a.nii", q, q_code, s, s_code, unit=unit), tmp_path / "b.nii.gz"
    volume = as_labels(source, out)
    assert len(volume.notes) == n_notes
    if n_notes:
        assert f"qform (code {q_code}) and sform (code {s_code})" in volume.notes[0]
    image, mask = nibabel.Nifti1Image.from_filename(str(source)), nibabel.Nifti1Image.from_filename(str(out))
    np.testing.assert_array_equal(mask.affine, image.affine)
    for name in ("qform_code", "sform_code", "pixdim", "qoffset_x", "quatern_d", "srow_x", "srow_y", "srow_z"):
        np.testing.assert_array_equal(mask.header[name], image.header[name])
    assert mask.header.get_xyzt_units()[0] == unit
    np.testing.assert_array_equal(np.asarray(mask.dataobj), LABELS.transpose(2, 1, 0))
    one, other = sitk.ReadImage(str(source)), sitk.ReadImage(str(out))
    assert one.GetSpacing() == other.GetSpacing()
    assert one.GetOrigin() == other.GetOrigin()
    assert one.GetDirection() == other.GetDirection()


def test_codes_of_0_state_sizes_and_no_place(tmp_path: Path) -> None:
    volume = read_volume([nifti(tmp_path / "a.nii", None, 0, None, 0)], max_voxels=10**6)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (2, 3, 4)
    (region,) = measure_volume(LABELS, volume.geometry)
    assert region.volume_ml == pytest.approx(int(LABELS.sum()) * 24 / 1000)
    assert region.centroid_mm is None


def test_a_size_of_0_is_none(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", None, 0, None, 0)
    raw = bytearray(path.read_bytes())
    raw[76 + 12 : 76 + 16] = bytes(4)  # pixdim[3]
    path.write_bytes(bytes(raw))
    geometry = read_volume([path], max_voxels=10**6).geometry
    assert geometry is not None
    (region,) = measure_volume(LABELS, geometry)
    assert region.volume_ml is None
    assert region.largest_area_mm2 == pytest.approx(region.largest_area_px * 6)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (1, 2)])
def test_flat_nifti_stays_flat(codes: tuple[int, int], tmp_path: Path) -> None:
    source, out = nifti(tmp_path / "a.nii", PLAIN, codes[0], TURNED, codes[1], flat=True), tmp_path / "b.nii.gz"
    as_labels(source, out, labels=LABELS[:1])
    image, mask = nibabel.Nifti1Image.from_filename(str(source)), nibabel.Nifti1Image.from_filename(str(out))
    assert mask.shape == image.shape == (11, 7)
    np.testing.assert_array_equal(mask.affine, image.affine)
    one, other = sitk.ReadImage(str(source)), sitk.ReadImage(str(out))
    assert one.GetDimension() == other.GetDimension() == 2
    assert (one.GetSpacing(), one.GetOrigin(), one.GetDirection()) == (
        other.GetSpacing(), other.GetOrigin(), other.GetDirection()
    )  # fmt: skip


@pytest.mark.parametrize("name", ["mha", "nrrd"])
def test_flat_itk_files_stay_flat(name: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(LABELS[0].astype(np.int16))
    image.SetSpacing((0.5, 0.75))
    image.SetOrigin((3, 4))
    image.SetDirection((0, 1, -1, 0))
    sitk.WriteImage(image, str(tmp_path / f"a.{name}"))
    as_labels(tmp_path / f"a.{name}", tmp_path / f"b.{name}", name, LABELS[:1])
    mask = sitk.ReadImage(str(tmp_path / f"b.{name}"))
    assert (mask.GetDimension(), mask.GetSpacing(), mask.GetOrigin()) == (2, (0.5, 0.75), (3, 4))
    assert mask.GetDirection() == (0, 1, -1, 0)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), LABELS[0])


def test_a_fifth_axis_holds_channels(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 99, (11, 7, 5, 2, 3)).astype(np.int16)
    nibabel.Nifti1Image(values, PLAIN).to_filename(tmp_path / "a.nii")
    voxels = read_volume([tmp_path / "a.nii"], frame=1, max_voxels=10**6).voxels
    np.testing.assert_array_equal(voxels, values[..., 1, :].transpose(2, 1, 0, 3))
    nibabel.Nifti1Image(values[:, :, :1, :1], PLAIN).to_filename(tmp_path / "b.nii")
    volume = as_labels(tmp_path / "b.nii", tmp_path / "c.nii.gz", labels=LABELS[:1])
    np.testing.assert_array_equal(volume.voxels, values[:, :, :1, 0].transpose(2, 1, 0, 3))
    mask = nibabel.Nifti1Image.from_filename(str(tmp_path / "c.nii.gz"))
    assert mask.shape == (11, 7, 1)
    np.testing.assert_array_equal(mask.affine, PLAIN)


def test_areas_are_of_a_single_slice_and_volumes_of_several(tmp_path: Path) -> None:
    geometry = read_volume([nifti(tmp_path / "a.nii", PLAIN, 1, PLAIN, 1)], max_voxels=10**6).geometry
    assert geometry is not None
    assert size_of(geometry, (5, 7, 11)).voxel_ml == pytest.approx(0.024)
    for axis, mm2 in ((0, 6), (1, 8), (2, 12)):  # columns of 2 mm, rows of 3, slices of 4
        shape = tuple(1 if other == axis else side for other, side in enumerate(LABELS.shape))
        one = size_of(geometry, shape)
        assert (one.plane, one.voxel_ml) == (axis, None)
        assert one.pixel_mm2 == pytest.approx(mm2)
        (region,) = measure_volume(np.ones(shape, dtype=np.uint8), geometry)
        area = 5 * 7 * 11 / LABELS.shape[axis]
        assert region.area_mm2 == pytest.approx(area * mm2)
        assert region.largest_area_mm2 == pytest.approx(area * mm2)
        assert region.volume_ml is None
    unknown = replace(geometry, is_stated=(True, True, False))
    assert size_of(unknown, (5, 7, 11)).voxel_ml is None
    assert size_of(unknown, (5, 7, 11)).pixel_mm2 == pytest.approx(6)
    assert size_of(unknown, (5, 1, 11)).pixel_mm2 is None


@pytest.mark.parametrize("fields", ["", "spacings: nan nan\n", 'spacings: 0.5 0.5\nunits: "um" "um"\n'])
def test_nrrd_without_sizes_in_mm_has_none(fields: str, tmp_path: Path) -> None:
    header = f"NRRD0004\ntype: uint8\ndimension: 2\nsizes: 11 7\n{fields}encoding: raw\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + LABELS[0].tobytes())
    geometry = read_volume([tmp_path / "a.nrrd"], max_voxels=10**6).geometry
    assert geometry is not None
    assert geometry.is_stated == (False, False, False)


@pytest.mark.parametrize(("fields", "is_stated"), [("", False), ("ElementSpacing = 0.5 0.5\n", True)])
def test_metaimage_states_sizes_or_has_none(fields: str, is_stated: bool, tmp_path: Path) -> None:
    header = f"ObjectType = Image\nNDims = 2\nDimSize = 11 7\n{fields}BinaryData = True\n"
    header += "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(header.encode() + LABELS[0].tobytes())
    geometry = read_volume([tmp_path / "a.mha"], max_voxels=10**6).geometry
    assert geometry is not None
    assert geometry.is_stated == (is_stated, is_stated, False)
