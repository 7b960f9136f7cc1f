"""Labels are written so that other programs' readers, or the bytes themselves, say what went in."""

from __future__ import annotations

import gzip
import itertools
import math
import os
import shlex
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from PIL import Image as Pillow

from msformer.config import FORMATS as SETTINGS
from msformer.errors import WriteError
from msformer.geometry import Geometry
from msformer.io.export import FOLDERS, FORMATS, OUTLINES, SUFFIXES, list_formats, write_itksnap_labels, write_labels
from msformer.io.medical import read_volume
from msformer.io.segments import Segment, object_segment, segments_of

VOLUMES = ("nii.gz", "nrrd", "seg.nrrd", "mha")
OF_DICOM = ("dicom-seg", "rtstruct")
THIRD = 1 / 3
# Each of these numbers is one that 32 bits hold, and so are the products.
EXACT = {
    "straight": Geometry((0.5, 0.75, 2.5), (-12.5, 3.25, 100.0)),
    "negative": Geometry((0.5, 0.75, 2.5), (12.5, -3.25, -100.0), (-1, 0, 0, 0, 1, 0, 0, 0, -1)),
    "left-handed": Geometry((0.5, 0.75, 2.5), (1.5, 2.5, 3.5), (1, 0, 0, 0, 1, 0, 0, 0, -1)),
    "sagittal": Geometry((0.5, 0.75, 2.5), (1.5, 2.5, 3.5), (0, 0, 1, 1, 0, 0, 0, -1, 0)),
}
INEXACT = {
    "fine": Geometry((0.1 + 0.2, THIRD, 1000 / 7), (1000 / 7, -1e-7 / 3, 123.45678901234567)),
    # A turn by rational numbers: each column has length 1.
    "oblique": Geometry(
        (0.3, 0.7, 2.1), (-10 / 7, 20 / 7, 30 / 7),
        (2 / 3, -THIRD, 2 / 3, 2 / 3, 2 / 3, -THIRD, -THIRD, 2 / 3, 2 / 3),
    ),
}  # fmt: skip
SHEARED = Geometry((0.3, 0.7, 2.1), (1 / 7, 2 / 7, 3 / 7), (1, 0, 0, 0, 1, 0.28, 0, 0, 0.96))


def labels_of(shape: tuple[int, int, int] = (3, 4, 5), largest: int = 3, dtype: Any = np.uint16) -> NDArray[Any]:
    """Labels without any symmetry, so that a swapped or turned axis is seen."""
    labels = np.random.default_rng(5).integers(0, largest + 1, shape).astype(dtype)
    labels[0, 0, 0], labels[-1, -1, -1] = 1, largest
    return labels


def write(path: Path, labels: NDArray[Any], name: str, geometry: Geometry | None, **more: Any) -> list[Path]:
    given = {"segments": segments_of(int(labels.max(initial=1))), "description": "", "seed": "1"} | more
    return write_labels(path, labels, name, geometry=geometry, **given)


def affine_of(spacing: Any, origin: Any, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.eye(4)
    for axis in range(3):
        affine[:3, axis] = columns[:, axis] * float(spacing[axis])
    affine[:3, 3] = origin
    return affine


def expected_affine(geometry: Geometry) -> NDArray[np.float64]:
    return affine_of(geometry.spacing_mm, geometry.origin_mm, np.array(geometry.direction).reshape(3, 3))


def in_32_bits(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return affine.astype(np.float32).astype(np.float64)


def parse_nrrd(path: Path) -> tuple[dict[str, str], NDArray[Any], NDArray[np.float64]]:
    """Fields, voxels ``(D, H, W)`` and affine in LPS, by the text of the header."""
    head, data = path.read_bytes().split(b"\n\n", 1)
    lines = [line for line in head.decode("ascii").splitlines()[1:] if not line.startswith("#")]
    fields = dict(line.split(":=", 1) if ":=" in line else line.split(": ", 1) for line in lines)
    assert fields["space"] == "left-posterior-superior"
    assert fields["encoding"] == "gzip"
    dtype = {"unsigned char": "u1", "unsigned short": "<u2"}[fields["type"]]
    assert dtype == "u1" or fields["endian"] == "little"
    sizes = [int(size) for size in fields["sizes"].split()]
    voxels = np.frombuffer(gzip.decompress(data), dtype).reshape(sizes[::-1])
    steps = [[float(part) for part in step.strip("()").split(",")] for step in fields["space directions"].split()]
    affine = np.eye(4)
    affine[:3, :3] = np.array(steps).T
    affine[:3, 3] = [float(part) for part in fields["space origin"].strip("()").split(",")]
    return fields, voxels, affine


def parse_mha(path: Path) -> tuple[dict[str, str], NDArray[Any], NDArray[np.float64]]:
    head, data = path.read_bytes().split(b"ElementDataFile = LOCAL\n", 1)
    fields = dict(line.split(" = ", 1) for line in head.decode("ascii").splitlines())
    assert fields["CompressedData"] == "True"
    assert fields["BinaryDataByteOrderMSB"] == "False"
    sizes = [int(size) for size in fields["DimSize"].split()]
    dtype = {"MET_UCHAR": "u1", "MET_USHORT": "<u2"}[fields["ElementType"]]
    voxels = np.frombuffer(zlib.decompress(data), dtype).reshape(sizes[::-1])
    numbers = {key: [float(part) for part in fields[key].split()] for key in ("ElementSpacing", "Offset")}
    turn = np.array([float(part) for part in fields["TransformMatrix"].split()]).reshape(3, 3)  # one axis a row
    return fields, voxels, affine_of(numbers["ElementSpacing"], numbers["Offset"], turn.T)


def parse(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Voxels and affine in LPS by readers that are not those of the package."""
    if path.suffix == ".gz":
        image: Any = nibabel.load(path)
        return np.asanyarray(image.dataobj).transpose(2, 1, 0), np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    _, voxels, affine = parse_mha(path) if path.suffix == ".mha" else parse_nrrd(path)
    return voxels, affine


def make_source(path: Path, name: str, voxels: NDArray[Any], geometry: Geometry) -> Path:
    """A file that the package did not write: raw bytes behind a header put together here, or nibabel's."""
    columns = np.array(geometry.direction).reshape(3, 3)
    origin = " ".join(map(repr, geometry.origin_mm))
    size = " ".join(map(str, voxels.shape[::-1]))
    if name == "nii.gz":
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ expected_affine(geometry)
        nibabel.save(nibabel.Nifti1Image(voxels.transpose(2, 1, 0), affine), path)
        return path
    if name == "mha":
        turn = " ".join(repr(float(value)) for value in columns.T.ravel())
        spacing = " ".join(map(repr, geometry.spacing_mm))
        head = (
            f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
            f"TransformMatrix = {turn}\nOffset = {origin}\nElementSpacing = {spacing}\nDimSize = {size}\n"
            "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
        )
    else:
        steps = [",".join(repr(float(part)) for part in expected_affine(geometry)[:3, axis]) for axis in range(3)]
        head = (
            f"NRRD0004\ntype: unsigned char\ndimension: 3\nspace: left-posterior-superior\nsizes: {size}\n"
            f"space directions: ({steps[0]}) ({steps[1]}) ({steps[2]})\nkinds: domain domain domain\n"
            f"encoding: raw\nspace origin: ({origin.replace(' ', ',')})\n\n"
        )
    path.write_bytes(head.encode("ascii") + voxels.astype(np.uint8).tobytes())
    return path


@pytest.mark.parametrize("geometry", [*EXACT.values(), *INEXACT.values()], ids=[*EXACT, *INEXACT])
@pytest.mark.parametrize("name", VOLUMES)
def test_other_readers_find_every_voxel_in_its_place(tmp_path: Path, name: str, geometry: Geometry) -> None:
    labels = labels_of()
    path = tmp_path / f"a{SUFFIXES[name]}"
    assert write(path, labels, name, geometry)[0] == path
    voxels, affine = parse(path)
    np.testing.assert_array_equal(voxels, labels)
    expected = expected_affine(geometry)
    np.testing.assert_array_equal(affine, in_32_bits(expected) if name == "nii.gz" else expected)


@pytest.mark.parametrize("geometry", [*EXACT.values(), *INEXACT.values()], ids=[*EXACT, *INEXACT])
def test_nifti_means_the_same_to_nibabel_and_simpleitk(tmp_path: Path, geometry: Geometry) -> None:
    labels = labels_of()
    write(tmp_path / "a.nii.gz", labels, "nii.gz", geometry)
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), labels)
    np.testing.assert_allclose(image.GetSpacing(), geometry.spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(image.GetOrigin(), geometry.origin_mm, rtol=1e-6)
    np.testing.assert_allclose(image.GetDirection(), geometry.direction, atol=1e-6)
    # Programs that know only the quaternion find the same place.
    header: Any = nibabel.load(tmp_path / "a.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=2e-6 * max(geometry.spacing_mm))
    np.testing.assert_allclose(header.get_zooms(), geometry.spacing_mm, rtol=1e-6)


@pytest.mark.parametrize("name", ["nii.gz", "nrrd", "mha"])
def test_a_sheared_volume_stays_sheared(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a{SUFFIXES[name]}"
    write(path, labels_of(), name, SHEARED)
    expected = expected_affine(SHEARED)
    np.testing.assert_array_equal(parse(path)[1], in_32_bits(expected) if name == "nii.gz" else expected)
    if name == "nii.gz":  # a quaternion has no shear: a program must not believe one
        header: Any = nibabel.load(path).header
        assert int(header["qform_code"]) == 0


def test_a_sheared_volume_is_refused_where_it_would_be_shown_wrongly(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"a\.seg\.nrrd: .*right angles.*0\.28.*nii\.gz"):
        write(tmp_path / "a.seg.nrrd", labels_of(), "seg.nrrd", SHEARED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("which", [*EXACT, *INEXACT])
@pytest.mark.parametrize(("first", "second"), list(itertools.product(VOLUMES, VOLUMES)))
def test_read_write_read(tmp_path: Path, first: str, second: str, which: str) -> None:
    geometry = (EXACT | INEXACT)[which]
    labels = labels_of(dtype=np.uint8)
    source = make_source(tmp_path / f"source{SUFFIXES[first]}", first, labels, geometry)
    read = read_volume([source], max_voxels=1000)
    np.testing.assert_array_equal(read.voxels, labels)
    target = tmp_path / f"target{SUFFIXES[second]}"
    write(target, read.voxels, second, read.geometry)

    voxels, affine = parse(target)
    np.testing.assert_array_equal(voxels, labels)
    expected = expected_affine(geometry)
    if "nii.gz" in (first, second):
        expected = in_32_bits(expected)
    again = read_volume([target], max_voxels=1000)
    np.testing.assert_array_equal(again.voxels, labels)
    assert again.geometry is not None
    if which in EXACT or second == "nii.gz":
        np.testing.assert_array_equal(affine, expected)
    if which in EXACT or second == "mha":
        assert again.geometry == read.geometry
    # NRRD and NIfTI hold steps, of which a reader makes length times direction: the last bit may differ after that.
    np.testing.assert_allclose(affine, expected, rtol=4e-16, atol=1e-15)
    np.testing.assert_allclose(again.geometry.affine, affine, rtol=4e-16, atol=1e-15)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in (*OF_DICOM, *OUTLINES, *FOLDERS)])
@pytest.mark.parametrize(("largest", "bits"), [(255, 8), (256, 16)])
def test_numbers_are_as_deep_as_they_must_be(tmp_path: Path, name: str, largest: int, bits: int) -> None:
    labels = labels_of((1, 20, 30), largest)
    path = tmp_path / f"a{SUFFIXES[name]}"
    write(path, labels, name, EXACT["straight"])
    voxels: Any = parse(path)[0] if name in VOLUMES else np.array(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[None]
    assert voxels.dtype.itemsize * 8 == bits
    np.testing.assert_array_equal(voxels, labels)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("png", *OF_DICOM, *FOLDERS)])
def test_the_same_labels_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    written = [tmp_path / f"{stem}{SUFFIXES[name]}" for stem in "ab"]
    for path in written:
        write(path, labels_of(), name, EXACT["straight"])
    assert written[0].read_bytes() == written[1].read_bytes()
    if name == "nii.gz":
        assert written[0].read_bytes()[3:8] == bytes(5)  # flags, of which one is a file name, and the time


def test_tiff_by_pillow(tmp_path: Path) -> None:
    labels = labels_of((3, 20, 30))
    assert write(tmp_path / "a.tif", labels, "tif", INEXACT["fine"]) == [tmp_path / "a.tif"]
    with Pillow.open(tmp_path / "a.tif") as opened:
        assert opened.n_frames == 3  # type: ignore[attr-defined]
        assert opened.info["compression"] == "tiff_adobe_deflate"
        tags: Any = opened.tag_v2  # type: ignore[attr-defined]
        assert tags[296] == 3  # pixels per cm
        assert (float(tags[282]), float(tags[283])) == pytest.approx((10 / 0.3, 30))
        root = ElementTree.fromstring(tags[270])
        for index in range(3):
            opened.seek(index)
            np.testing.assert_array_equal(np.asarray(opened), labels[index])
    pixels = root.find(".//{*}Pixels")
    assert pixels is not None
    sizes = [pixels.attrib[f"Size{axis}"] for axis in "XYZCT"]
    assert sizes == ["30", "20", "3", "1", "1"]
    assert [float(pixels.attrib[f"PhysicalSize{axis}"]) for axis in "XYZ"] == [0.1 + 0.2, THIRD, 1000 / 7]
    assert {pixels.attrib[f"PhysicalSize{axis}Unit"] for axis in "XYZ"} == {"mm"}


def test_tiff_of_a_photograph_says_no_size(tmp_path: Path) -> None:
    labels = labels_of((1, 20, 30))
    write(tmp_path / "a.tif", labels, "tif", None)
    with Pillow.open(tmp_path / "a.tif") as opened:
        np.testing.assert_array_equal(np.asarray(opened), labels[0])
        assert "PhysicalSize" not in opened.tag_v2[270]  # type: ignore[attr-defined]


def test_png_holds_one_slice(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"a\.png: png holds 1 slice; got 3.*nii\.gz"):
        write(tmp_path / "a.png", labels_of(), "png", None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nii.gz", "nrrd", "mha"])
def test_labels_of_a_photograph_lie_on_it_as_simpleitk_reads_it(tmp_path: Path, name: str) -> None:
    labels = labels_of((1, 20, 30))
    write(tmp_path / f"a{SUFFIXES[name]}", labels, name, None)
    Pillow.fromarray(labels[0].astype(np.uint8)).save(tmp_path / "photograph.png")
    written, photograph = (sitk.ReadImage(str(tmp_path / each)) for each in (f"a{SUFFIXES[name]}", "photograph.png"))
    assert written.GetSpacing()[:2] == photograph.GetSpacing()
    assert written.TransformIndexToPhysicalPoint([7, 11, 0][: written.GetDimension()])[:2] == (7.0, 11.0)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written).reshape(labels.shape), labels)


def test_segments_of_3d_slicer(tmp_path: Path) -> None:
    labels = np.zeros((4, 5, 6), dtype=np.uint8)
    labels[1:3, 2, 3:5] = 1
    labels[3, 4, 5] = 3
    path = tmp_path / "a.seg.nrrd"
    assert write(path, labels, "seg.nrrd", EXACT["straight"], segments=segments_of(3)) == [path]
    fields, voxels, _ = parse_nrrd(path)
    np.testing.assert_array_equal(voxels, labels)
    assert fields["dimension"] == "3"
    assert fields["kinds"] == "domain domain domain"
    assert fields["Segmentation_SourceRepresentation"] == "Binary labelmap"
    assert fields["Segmentation_MasterRepresentation"] == "Binary labelmap"
    assert fields["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"
    assert fields["Segmentation_ReferenceImageExtentOffset"] == "0 0 0"
    assert [fields[f"Segment{index}_Name"] for index in range(3)] == ["cluster 1", "cluster 2", "cluster 3"]
    assert [fields[f"Segment{index}_LabelValue"] for index in range(3)] == ["1", "2", "3"]
    assert [fields[f"Segment{index}_Layer"] for index in range(3)] == ["0", "0", "0"]
    assert len({fields[f"Segment{index}_ID"] for index in range(3)}) == 3
    extents = [fields[f"Segment{index}_Extent"] for index in range(3)]
    assert extents == ["3 4 2 2 1 2", "0 -1 0 -1 0 -1", "5 5 4 4 3 3"]
    colours = [[float(part) for part in fields[f"Segment{index}_Color"].split()] for index in range(3)]
    blue, orange, green = (0, 114, 178), (230, 159, 0), (0, 158, 115)  # of Okabe and Ito
    np.testing.assert_allclose(np.array(colours) * 255, [blue, orange, green], atol=1e-3)
    assert "Segment3_Name" not in fields


def test_3d_slicer_gets_three_axes_of_a_photograph(tmp_path: Path) -> None:
    labels = labels_of((1, 20, 30))
    write(tmp_path / "a.seg.nrrd", labels, "seg.nrrd", None)
    fields, voxels, affine = parse_nrrd(tmp_path / "a.seg.nrrd")
    assert fields["sizes"] == "30 20 1"
    np.testing.assert_array_equal(voxels, labels)
    np.testing.assert_array_equal(affine, np.eye(4))


@pytest.mark.parametrize("name", ["nii.gz", "nrrd", "mha"])
def test_names_for_itk_snap_are_beside_what_has_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"case.1{SUFFIXES[name]}"
    written = write(path, labels_of(), name, EXACT["straight"])
    assert written == [path, tmp_path / "case.1_labels.txt"]
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_label_descriptions_of_itk_snap(tmp_path: Path) -> None:
    odd = Segment(2, 'a "second" one', (230, 159, 0))
    write_itksnap_labels(tmp_path / "a.txt", [object_segment(), odd])
    lines = (tmp_path / "a.txt").read_text(encoding="utf-8").splitlines()
    assert "# ITK-SnAP Label Description File" in lines  # some programs look for just this line
    rows = [shlex.split(line) for line in lines if not line.startswith("#")]
    assert rows == [
        ["0", "0", "0", "0", "0", "0", "0", "Clear Label"],
        ["1", "255", "230", "0", "1", "1", "1", "object"],
        ["2", "230", "159", "0", "1", "1", "1", "a 'second' one"],
    ]


def test_names_and_colours_do_not_depend_on_how_many_there_are() -> None:
    assert segments_of(0) == []
    assert segments_of(2) == [Segment(1, "cluster 1", (0, 114, 178)), Segment(2, "cluster 2", (230, 159, 0))]
    assert segments_of(40)[:17] == segments_of(17)
    assert len({segment.colour for segment in segments_of(40)}) == 40


@pytest.mark.parametrize(
    ("labels", "segments", "message"),
    [
        (labels_of(), segments_of(2), r"from 0 to the number of segments, 2; got 3"),
        (labels_of(), segments_of(3)[1:], r"from 1 without gaps; got \[2, 3\]"),
        (labels_of()[0], segments_of(3), r"shape \(D, H, W\); got uint16 \(4, 5\)"),
        (labels_of(dtype=np.int64), segments_of(3), r"unsigned integers .* got int64"),
        (labels_of()[:0], segments_of(3), r"got uint16 \(0, 4, 5\)"),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_label_map_is_refused(
    tmp_path: Path, name: str, labels: NDArray[Any], segments: list[Segment], message: str
) -> None:
    with pytest.raises(WriteError, match=message):
        write(tmp_path / "a", labels, name, EXACT["straight"], segments=segments)
    assert list(tmp_path.iterdir()) == []


def test_the_list_of_formats_is_what_the_settings_take() -> None:
    formats = list_formats()
    assert ("same", *(one.name for one in formats)) == SETTINGS
    assert len({one.suffix for one in formats}) == len(formats)
    assert [one.name for one in formats if one.is_outline] == ["rtstruct", "geojson", "coco", "imagej-roi"]
    assert [one.name for one in formats if one.needs_dicom] == [*OF_DICOM]
    assert [one.name for one in formats if not one.has_slices] == ["png"]
    assert all(one.purpose for one in formats)


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"one of png, tif, .*; got jpg"):
        write(tmp_path / "a.jpg", labels_of(), "jpg", None)


def test_nifti_cannot_count_further(tmp_path: Path) -> None:
    write(tmp_path / "a.nii.gz", np.zeros((1, 1, 32767), np.uint8), "nii.gz", None)
    with pytest.raises(WriteError, match=r"b\.nii\.gz: NIfTI holds at most 32767 .* got \(1, 1, 32768\)"):
        write(tmp_path / "b.nii.gz", np.zeros((1, 1, 32768), np.uint8), "nii.gz", None)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in (*OF_DICOM, *FOLDERS)])
def test_a_folder_whose_name_is_no_utf8(tmp_path: Path, name: str) -> None:
    folder = tmp_path / os.fsdecode(b"no \xff UTF-8")
    labels = labels_of((1, 4, 5))
    written = write(folder / f"a{SUFFIXES[name]}", labels, name, EXACT["straight"])
    plain = write(tmp_path / f"a{SUFFIXES[name]}", labels, name, EXACT["straight"])
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in plain]
    assert sorted(folder.iterdir()) == sorted(written)


@pytest.mark.parametrize("name", ["example_ct_sm.nii.gz", "example_mr_sm.nii.gz"])
@pytest.mark.parametrize("format_name", VOLUMES)
def test_labels_of_a_real_volume_lie_on_it(tmp_path: Path, shared: Path, name: str, format_name: str) -> None:
    source = shared / "data" / "volumes" / name
    volume = read_volume([source], max_voxels=10**9)
    labels = (volume.voxels > np.median(volume.voxels)).astype(np.uint8)
    path = tmp_path / f"a{SUFFIXES[format_name]}"
    write(path, labels, format_name, volume.geometry, segments=[object_segment()])
    original: Any = nibabel.load(source)
    voxels, affine = parse(path)
    pixels = np.asanyarray(original.dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(voxels, pixels > np.median(pixels))
    expected = np.diag([-1.0, -1.0, 1.0, 1.0]) @ original.affine
    scale = math.sqrt((expected[:3, :3] ** 2).sum())
    np.testing.assert_allclose(affine, expected, rtol=0, atol=(0 if format_name == "nii.gz" else 1e-15) * scale)
