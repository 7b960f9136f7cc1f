"""DICOM files and series; expected values are SimpleITK's, pydicom's, or worked out by hand from what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

from msformer.errors import ReadError
from msformer.io.dicom import group_series, read_instance, stream_size
from msformer.io.medical import find_volumes, kind_of, read_volume
from msformer.volume import Volume

LIMIT = 10_000_000
STORED = np.random.default_rng(3).integers(0, 2000, (5, 8, 6)).astype(np.uint16)


def make_slice(pixels: NDArray[Any], z: float, number: int, **elements: Any) -> Dataset:
    """A CT slice across the z axis, 0.5 mm between rows, 0.25 mm between columns, of series 1.2.3."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID = CTImageStorage, f"1.2.3.{number}", "1.2.3"
    data.Modality, data.InstanceNumber = "CT", number
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelSpacing, data.SliceThickness = [0.5, 0.25], 2
    data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [10, 20, z]
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = pixels.tobytes()
    for name, value in elements.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def save(data: Dataset, path: Path) -> Path:
    data.save_as(path, enforce_file_format=True)
    return path


def save_series(folder: Path, zs: list[float], **elements: Any) -> list[Path]:
    """Slices at ``zs``, numbered from 1 and named from the last to the first."""
    return [
        save(make_slice(STORED[index], z, index + 1, **elements), folder / f"{len(zs) - index:02d}")
        for index, z in enumerate(zs)
    ]


def read_all(paths: list[Path]) -> Volume:
    return read_volume(paths, max_voxels=LIMIT)


def sitk_pixels(path: Path) -> NDArray[Any]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    return np.asarray(sitk.GetArrayFromImage(reader.Execute()))


@pytest.mark.parametrize(("kind", "declared"), [(np.uint16, 63536), (np.int16, -2000), (np.int16, 63536)])
def test_declared_padding_is_told_as_the_pixels_are_meant(tmp_path: Path, kind: Any, declared: int) -> None:
    """63536 are −2000 in 16 bits; with an intercept of −1024 they are −3024 where pixels are signed."""
    pixels = STORED[0].astype(kind)
    pixels[:2] = np.array(63536, dtype=np.int64).astype(kind)
    path = save(make_slice(pixels, 0, 1, Modality="MR"), tmp_path / "a")
    assert read_all([path]).padding_value is None
    data = pydicom.dcmread(path)
    data.add_new("PixelPaddingValue", "US" if declared > 0 else "SS", declared)
    volume = read_all([save(data, tmp_path / "b")])
    expected = 63536 - 1024 if kind is np.uint16 else -2000 - 1024
    assert volume.padding_value == expected
    np.testing.assert_array_equal(volume.voxels[0] == expected, pixels == pixels[0, 0])


def test_padding_that_no_pixel_has_or_that_slices_disagree_on_is_none(tmp_path: Path) -> None:
    padded = [STORED[index].copy() for index in range(2)]
    for index, pixels in enumerate(padded):
        pixels[0] = 5000 + index
    slices = [make_slice(pixels, 2 * index, index + 1) for index, pixels in enumerate(padded)]
    for index, data in enumerate(slices):
        data.add_new("PixelPaddingValue", "US", 5000 + index)
    paths = [save(data, tmp_path / f"{index}") for index, data in enumerate(slices)]
    assert [read_all([path]).padding_value for path in paths] == [3976, 3977]
    assert read_all(paths).padding_value is None
    slices[0].PixelPaddingValue = 4000
    assert read_all([save(slices[0], tmp_path / "other")]).padding_value is None


def test_series_is_sorted_by_position_and_rescaled_to_hounsfield_units(tmp_path: Path) -> None:
    paths = save_series(tmp_path, [8, 2, 4, 6, 0])
    volume = read_all(paths)
    order = [4, 1, 2, 3, 0]
    np.testing.assert_array_equal(volume.voxels, STORED[order].astype(int) - 1024)
    assert volume.instances == tuple(paths[index] for index in order)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.25, 0.5, 2.0)
    assert volume.geometry.origin_mm == (10, 20, 0)
    assert volume.geometry.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert (volume.kind, volume.modality, volume.source, volume.notes) == ("dicom", "CT", tmp_path, ())


def test_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    paths = save_series(tmp_path, [0, 2, 4, 6, 8])
    one, other = read_all(paths), read_all(paths[::-1])
    np.testing.assert_array_equal(one.voxels, other.voxels)
    assert one.geometry == other.geometry


def test_slices_across_another_axis_are_sorted_along_their_normal(tmp_path: Path) -> None:
    """Coronal: rows run to the left, columns downwards, so that the normal, their product, points to the back."""
    orientation = [1, 0, 0, 0, 0, -1]
    for index, y in enumerate([3.0, 9.0, 6.0]):
        data = make_slice(STORED[index], 0, index + 1, ImageOrientationPatient=orientation)
        data.ImagePositionPatient = [1, y, 7]
        save(data, tmp_path / str(index))
    volume = read_all(sorted(tmp_path.iterdir()))
    np.testing.assert_array_equal(volume.voxels, STORED[[0, 2, 1]].astype(int) - 1024)
    assert volume.geometry is not None
    np.testing.assert_allclose(volume.geometry.affine @ [2, 3, 1, 1], [1 + 2 * 0.25, 6, 7 - 3 * 0.5, 1])


def test_tilted_gantry_is_told_and_every_voxel_keeps_its_place(tmp_path: Path) -> None:
    for index in range(4):  # each slice 2 mm up and 0.4 mm to the back
        data = make_slice(STORED[index], 0, index + 1)
        data.ImagePositionPatient = [10, 20 + 0.4 * index, 2 * index]
        save(data, tmp_path / str(index))
    volume = read_all(sorted(tmp_path.iterdir()))
    assert volume.geometry is not None
    assert not volume.geometry.is_orthonormal
    np.testing.assert_allclose(volume.geometry.affine @ [0, 0, 3, 1], [10, 21.2, 6, 1])
    assert volume.notes == ("tilted gantry: slices are shifted by 11.3° from their normal",)  # atan(0.4 / 2)


def test_uneven_steps_and_a_missing_slice_are_told(tmp_path: Path) -> None:
    volume = read_all(save_series(tmp_path, [0, 2, 4, 8, 10]))
    assert len(volume.voxels) == 5
    assert volume.notes == ("uneven steps between slices, 2 to 4 mm, 1 slices missing; 2 mm is taken for all",)
    volume = read_all(save_series(tmp_path, [0, 2, 4, 6, 8.5]))
    assert volume.notes == ("uneven steps between slices, 2 to 2.5 mm; 2 mm is taken for all",)


def test_duplicated_slices_are_left_out(tmp_path: Path) -> None:
    paths = save_series(tmp_path, [0, 2, 4, 6])
    (tmp_path / "copy").write_bytes(paths[1].read_bytes())
    volume = read_all([*paths, tmp_path / "copy"])
    np.testing.assert_array_equal(volume.voxels, STORED[:4].astype(int) - 1024)
    assert volume.notes == ("1 copies of the same slice left out",)
    other = save(make_slice(STORED[4], 2, 9), tmp_path / "other")  # another instance at the place of the second
    volume = read_all([*paths, other])
    np.testing.assert_array_equal(volume.voxels, STORED[:4].astype(int) - 1024)
    assert volume.notes == ("1 slices at the same place as another left out",)


def test_a_series_over_time_needs_a_choice(tmp_path: Path) -> None:
    paths = save_series(tmp_path, [0, 2])
    paths += [save(make_slice(STORED[2 + index], 2 * index, 3 + index), tmp_path / f"b{index}") for index in range(2)]
    with pytest.raises(ReadError, match=r"2 volumes .* --set read\.frame=0 to 1"):
        read_all(paths)
    for frame in range(2):
        volume = read_volume(paths, frame=frame, max_voxels=LIMIT)
        np.testing.assert_array_equal(volume.voxels, STORED[2 * frame : 2 * frame + 2].astype(int) - 1024)
    with pytest.raises(ReadError, match=r"read\.frame must be from 0 to 1 in this file; got 2"):
        read_volume(paths, frame=2, max_voxels=LIMIT)
    with pytest.raises(
        ReadError, match=r"read\.frame must be 0, or left out, where .* holds one volume or picture; got 1"
    ):
        read_volume(paths[:2], frame=1, max_voxels=LIMIT)


def test_mixed_series_are_told_apart(tmp_path: Path) -> None:
    first = save_series(tmp_path, [0, 2, 4])
    second = [
        save(make_slice(STORED[0], z, 20 + z, SeriesInstanceUID="1.2.4"), tmp_path / f"x{z}") for z in (0, 3, 6, 9)
    ]
    across = save(make_slice(STORED[0], 0, 40, ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), tmp_path / "y")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").write_bytes(across.read_bytes())
    assert find_volumes(tmp_path.iterdir()) == [sorted(first), sorted(second), [across]]
    assert [[one.path for one in group] for group in group_series(sorted(tmp_path.glob("x*")))] == [sorted(second)]
    with pytest.raises(ReadError, match=r"files must be of one series; got 3 series or volumes, of 3, 4, 1 files"):
        read_all([*first, *second, across])


def test_directions_that_differ_by_rounding_are_of_one_series(tmp_path: Path) -> None:
    first = make_slice(STORED[0], 0, 1, ImageOrientationPatient=[0.99999988, 0.0004999, 0, -0.0004999, 0.99999988, 0])
    second = make_slice(STORED[1], 2, 2, ImageOrientationPatient=[0.99999987, 0.0005001, 0, -0.0005001, 0.99999987, 0])
    paths = [save(first, tmp_path / "a"), save(second, tmp_path / "b")]
    assert find_volumes(paths) == [paths]


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"SpacingBetweenSlices": -3}, (0.25, 0.5, 3.0)),
        ({"SpacingBetweenSlices": 0}, (0.25, 0.5, 2.0)),
        ({"SpacingBetweenSlices": 0, "SliceThickness": 0}, (0.25, 0.5, 1.0)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": [-1, 1]}, None),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.2, 0.1]}, (0.1, 0.2, 2.0)),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, (0.25, 0.5, 2.0)),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, (0.25, 0.5, 2.0)),
        ({"RescaleSlope": 0}, (0.25, 0.5, 2.0)),
    ],
)
def test_bad_numbers_in_a_header(tmp_path: Path, elements: dict[str, Any], spacing: Any) -> None:
    volume = read_all([save(make_slice(STORED[0], 5, 1, **elements), tmp_path / "a")])
    np.testing.assert_array_equal(volume.voxels[0], STORED[0].astype(int) - 1024)
    assert (volume.geometry.spacing_mm if volume.geometry else None) == spacing


def test_monochrome1_is_inverted_within_its_bits(tmp_path: Path) -> None:
    elements: dict[str, Any] = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    path = save(make_slice(STORED[0], 0, 1, Modality="CR", **elements), tmp_path / "a")
    np.testing.assert_array_equal(read_all([path]).voxels[0], 4095 - STORED[0].astype(int) - 1024)
    signed = make_slice(STORED[0].astype(np.int16), 0, 1, Modality="CR", PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_all([save(signed, tmp_path / "b")]).voxels[0], -1 - STORED[0].astype(int) - 1024)


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm"])
def test_monochrome1_is_inverted_where_it_is_compressed(tmp_path: Path, name: str) -> None:
    data = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
    compressed = pydicom.dcmread(str(get_testdata_file(name)))
    compressed.PhotometricInterpretation = "MONOCHROME1"
    path = save(compressed, tmp_path / "a")
    np.testing.assert_array_equal(read_all([path]).voxels[0], -1 - data.pixel_array.astype(int))


def test_fractions_of_units_and_slices_of_different_scale(tmp_path: Path) -> None:
    first = save(make_slice(STORED[0], 0, 1, Modality="PT", RescaleSlope=0.5, RescaleIntercept=0), tmp_path / "a")
    second = save(make_slice(STORED[1], 2, 2, Modality="PT", RescaleSlope=3, RescaleIntercept=0), tmp_path / "b")
    voxels = read_all([second, first]).voxels
    np.testing.assert_array_equal(voxels, np.stack([STORED[0] * 0.5, STORED[1] * 3.0]))
    assert voxels.dtype == np.float32


def test_wide_values_do_not_overflow(tmp_path: Path) -> None:
    pixels = np.full((8, 6), 40_000, dtype=np.uint16)
    path = save(make_slice(pixels, 0, 1, RescaleSlope=2, RescaleIntercept=-1024), tmp_path / "a")
    assert (read_all([path]).voxels == 78_976).all()
    path = save(make_slice(pixels, 0, 1, RescaleIntercept=-30_000), tmp_path / "b")
    assert (read_all([path]).voxels == 10_000).all()


def test_wrapped_hounsfield_units_are_unwrapped_only_where_that_is_evident(tmp_path: Path) -> None:
    signed = (STORED[0].astype(np.int16) - 1000).astype(np.int16)
    path = save(make_slice(signed.view(np.uint16), 0, 1, RescaleIntercept=0), tmp_path / "a")
    volume = read_all([path])
    np.testing.assert_array_equal(volume.voxels[0], signed)
    assert volume.notes == ("values from 61440 on are negative numbers of 16 bits, which the header calls unsigned",)
    between = signed.view(np.uint16).copy()
    between[0, 0] = 45_000  # no value that CT would wrap to
    path = save(make_slice(between, 0, 1, RescaleIntercept=0), tmp_path / "b")
    np.testing.assert_array_equal(read_all([path]).voxels[0], between)


def test_bits_above_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    pixels = STORED[0] | 0x8000  # as overlays were stored once
    path = save(make_slice(pixels, 0, 1, BitsStored=12, HighBit=11), tmp_path / "a")
    np.testing.assert_array_equal(read_all([path]).voxels[0], STORED[0].astype(int) - 1024)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "JPEG2000.dcm", "JPGExtended.dcm",
        "JPEG-lossy.dcm", "J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm", "GDCMJ2K_TextGBR.dcm", "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_rgb_dcmtk_+eb+cy+n2.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_+eb+cy+s2.dcm", "SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_rgb_gdcm_KY.dcm",
        "SC_jpeg_no_color_transform.dcm", "SC_jpeg_no_color_transform_2.dcm", "SC_rgb_jpeg_app14_dcmd.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_small_odd_jpeg.dcm", "SC_rgb_jls_lossy_sample.dcm",
        "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle_2frame.dcm", "examples_palette.dcm", "examples_rgb_color.dcm",
        "examples_ybr_color.dcm", "examples_jpeg2k.dcm", "SC_ybr_full_422_uncompressed.dcm", "image_dfl.dcm",
        "JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm", "SC_rgb_jls_lossy_line.dcm", "rtdose.dcm",
    ],
)  # fmt: skip
def test_pixels_are_those_of_another_reader(name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    np.testing.assert_array_equal(read_all([path]).voxels, sitk_pixels(path))


@pytest.mark.parametrize("name", ["6154", "6247", "6278"])
def test_radiographs_of_monochrome1_are_those_of_another_reader(name: str) -> None:
    folder = Path(str(get_testdata_file("CT_small.dcm"))).parent / "dicomdirtests" / "77654033"
    path = next(folder.rglob(name))
    np.testing.assert_allclose(read_all([path]).voxels, sitk_pixels(path), rtol=1e-6)


@pytest.mark.parametrize("name", ["SC_rgb_rle_16bit.dcm", "SC_rgb_rle_16bit_2frame.dcm"])
def test_rle_colour_of_16_bit_is_that_of_8_bit_spread_out(name: str) -> None:
    """The files show the same picture; GDCM mixes up the bytes of this kind, pydicom does not."""
    eight = read_all([Path(str(get_testdata_file("SC_rgb_rle.dcm")))]).voxels
    voxels = read_all([Path(str(get_testdata_file(name)))]).voxels
    np.testing.assert_array_equal(voxels[0], eight[0].astype(np.uint16) * 257)


def test_big_endian_dose_is_the_little_endian_one() -> None:
    little, big = (read_all([Path(str(get_testdata_file(name)))]) for name in ("rtdose.dcm", "rtdose_expb.dcm"))
    np.testing.assert_array_equal(big.voxels, little.voxels)
    assert little.geometry is not None
    assert little.geometry == big.geometry
    image = sitk.ReadImage(str(get_testdata_file("rtdose.dcm")))
    assert little.geometry.spacing_mm == image.GetSpacing()
    assert little.geometry.origin_mm == image.GetOrigin()
    assert little.geometry.direction == image.GetDirection()


def make_enhanced(zs: list[float]) -> Dataset:
    data = make_slice(STORED[: len(zs)], 0, 1, PixelSpacing=None, SliceThickness=None, NumberOfFrames=len(zs))
    for name in ("ImageOrientationPatient", "ImagePositionPatient", "RescaleSlope", "RescaleIntercept"):
        delattr(data, name)
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 2
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    data.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for index, z in enumerate(zs):
        frame, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [1, 2, z]
        values.RescaleSlope, values.RescaleIntercept = 1 + index, -10
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [values]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    return data


def test_frames_have_their_own_place_and_scale(tmp_path: Path) -> None:
    volume = read_all([save(make_enhanced([0, 3, 6]), tmp_path / "up")])
    factors = np.array([1, 2, 3]).reshape(3, 1, 1)
    np.testing.assert_array_equal(volume.voxels, STORED[:3].astype(int) * factors - 10)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.25, 0.5, 3.0)
    assert volume.geometry.origin_mm == (1, 2, 0)
    volume = read_all([save(make_enhanced([6, 3, 0]), tmp_path / "down")])  # kept in the order of the file
    np.testing.assert_array_equal(volume.voxels, STORED[:3].astype(int) * factors - 10)
    assert volume.geometry is not None
    np.testing.assert_allclose(volume.geometry.affine @ [0, 0, 2, 1], [1, 2, 0, 1])
    path = save(make_enhanced([0, 3, 0]), tmp_path / "twice")
    with pytest.raises(ReadError, match=r"holds 2 volumes .*--frame 0 to 1"):
        read_all([path])
    volume = read_volume([path], frame=1, max_voxels=LIMIT)
    np.testing.assert_array_equal(volume.voxels, STORED[2:3].astype(int) * 3 - 10)


def test_files_without_preamble_are_dicom_when_they_are_images(tmp_path: Path) -> None:
    whole = save(make_slice(STORED[0], 5, 1), tmp_path / "whole").read_bytes()
    meta = 132 + 12 + int.from_bytes(whole[140:144], "little")
    for name, start in (("with meta", 132), ("bare", meta)):
        path = tmp_path / name
        path.write_bytes(whole[start:])
        assert kind_of(path) == "dicom", name
        np.testing.assert_array_equal(read_all([path]).voxels[0], STORED[0].astype(int) - 1024)
    (tmp_path / "noise").write_bytes(b"\x08\x00\x05\x00CS" + bytes(300))
    assert kind_of(tmp_path / "noise") is None


def test_deflated_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_slice(STORED[0], 5, 1)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(data, tmp_path / "a")
    np.testing.assert_array_equal(read_all([path]).voxels[0], STORED[0].astype(int) - 1024)
    monkeypatch.setattr("msformer.io.dicom.headers.MAX_INFLATED", 300)
    with pytest.raises(ReadError, match="deflated DICOM file must unpack to at most 300 bytes"):
        read_all([path])


def test_rle_by_pydicom(tmp_path: Path) -> None:
    data = make_slice(STORED[0], 5, 1)
    data.compress(RLELossless)
    np.testing.assert_array_equal(read_all([save(data, tmp_path / "a")]).voxels[0], STORED[0].astype(int) - 1024)


def test_sizes_in_compressed_streams() -> None:
    """JPEG and JPEG 2000 frames of 256 × 1024 px; a frame that claims 65535 × 65535 px is refused before decoding."""
    for name in ("JPEG2000.dcm", "JPGExtended.dcm"):
        data = pydicom.dcmread(str(get_testdata_file(name)))
        frame = next(iter(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1)))
        assert stream_size(frame) == (256, 1024), name
    data = pydicom.dcmread(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm")))
    assert stream_size(next(iter(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1)))) == (64, 64)
    assert stream_size(b"\xff\xd8\xff\xe0") is None
    assert stream_size(b"") is None


def test_a_compressed_frame_larger_than_its_header_is_refused(tmp_path: Path) -> None:
    data = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    at = data.PixelData.index(b"\xff\x4f\xff\x51")
    stream = bytearray(data.PixelData)
    stream[at + 8 : at + 16] = b"\x00\x00\xff\xff" * 2
    data.PixelData = bytes(stream)
    with pytest.raises(ReadError, match=r"256 × 1024 px as the header says; got \(65535, 65535\)"):
        read_all([save(data, tmp_path / "a")])


def test_too_many_voxels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    paths = save_series(tmp_path, [0, 2, 4])
    with pytest.raises(ReadError, match=r"at most max_pixels=143 voxels; got 3 × 8 × 6 = 144"):
        read_volume(paths, max_voxels=143)
    data = make_slice(STORED[0], 0, 1, NumberOfFrames=1_000_000)
    with pytest.raises(ReadError, match="at most max_pixels=10000000 voxels; got 1000000 × 8 × 6"):
        read_all([save(data, tmp_path / "many")])


def test_broken_images_are_named_and_other_objects_are_left_out(tmp_path: Path) -> None:
    whole = save(make_slice(STORED[0], 5, 1), tmp_path / "whole")
    broken = tmp_path / "broken"
    broken.write_bytes(whole.read_bytes()[:330])  # the header ends before its rows
    report = Path(str(get_testdata_file("reportsi.dcm")))
    segmentation = Path(str(get_testdata_file("liver_1frame.dcm")))
    assert find_volumes([whole, broken, report, segmentation]) == sorted([[broken], [whole]])
    with pytest.raises(ReadError, match="broken: broken or truncated DICOM image: no rows and columns"):
        read_all([broken])
    with pytest.raises(ReadError, match="holds no image"):
        read_instance(report)


def test_a_slice_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    paths = save_series(tmp_path, [0, 2, 4])
    paths[1].write_bytes(paths[1].read_bytes()[:-10])
    with pytest.raises(ReadError, match=rf"^{tmp_path}.*{paths[1].name}: pixels cannot be decoded"):
        read_all(paths)


def test_real_series_as_simpleitk_reads_it(shared: Path) -> None:
    folder = shared / "data" / "volumes" / "example_ct_dicom"
    volume = read_all(sorted(folder.iterdir(), reverse=True))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image))
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == image.GetSpacing()
    assert volume.geometry.origin_mm == image.GetOrigin()
    assert volume.geometry.direction == image.GetDirection()
    assert (volume.modality, volume.notes) == ("CT", ())


def test_real_series_with_a_missing_slice_a_copy_and_a_second_series(shared: Path, tmp_path: Path) -> None:
    paths = sorted((shared / "data" / "volumes" / "example_ct_dicom").iterdir())
    whole = read_all(paths)
    left = [path for path in paths if path != whole.instances[7]]
    copy = tmp_path / "copy"
    copy.write_bytes(whole.instances[3].read_bytes())
    volume = read_all([copy, *left])
    assert [note.split(";")[0] for note in volume.notes] == [
        "1 copies of the same slice left out",  # of one place, with the same pixels: these files have lost their UIDs
        "uneven steps between slices, 2 to 4 mm, 1 slices missing",
    ]
    np.testing.assert_array_equal(volume.voxels, np.delete(whole.voxels, 7, axis=0))
    for index, path in enumerate(paths[:5]):
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID = "1.2.3.4"
        data.save_as(tmp_path / f"other{index}")
    found = find_volumes([*paths, *tmp_path.glob("other*")])
    assert sorted(len(group) for group in found) == [5, 20]
