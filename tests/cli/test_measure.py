from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from tests.helpers import FAST, run_program

from msformer.io import write_label_map, write_mask, write_png

SHAPE = 37, 41
STEPS_RAS = np.array([[1.2, -2.4, 0, 10], [1.6, 1.8, 0, 20], [0, 0, 5, 30], [0, 0, 0, 1.0]])
"""Columns go 2 mm along (.6, .8, 0), rows 3 mm along (-.8, .6, 0), slices 5 mm up; voxels of 30 mm³. In RAS."""


def label_map() -> NDArray[np.uint8]:
    """Label 2: 3 rows × 2 columns; label 5: one pixel."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:5, 10:12] = 2
    labels[30, 7] = 5
    return labels


def label_volume() -> NDArray[np.uint8]:
    """Label 4: 3 rows × 2 columns of slice 1, 1 row × 2 columns of slice 2."""
    labels = np.zeros((3, 5, 7), dtype=np.uint8)
    labels[1, 1:4, 2:4] = 4
    labels[2, 2, 2:4] = 4
    return labels


def write_nifti(path: Path, voxels: NDArray[Any], affine: NDArray[np.float64] = STEPS_RAS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels.transpose(2, 1, 0), affine).to_filename(path)
    return path


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def numbers(row: dict[str, str], *names: str) -> list[float]:
    return [float(row[name]) for name in names]


def test_label_map_with_its_image_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.zeros((*SHAPE, 3), dtype=np.uint8)
    pixels[2:5, 10:12] = (10, 20, 30)
    pixels[4, 11] = (70, 20, 30)
    write_label_map(tmp_path / "labels" / "sub" / "a.png", label_map())
    write_png(tmp_path / "images" / "sub" / "a.png", pixels)
    arguments: list[str | Path] = ["--images", tmp_path / "images", "--spacing-mm", "0.5", "0.2"]
    assert run_program(monkeypatch, "measure", tmp_path / "labels", *arguments) == 0
    first, second = table(capsys.readouterr().out)
    assert first["file"] == (tmp_path / "labels" / "sub" / "a.png").as_posix()
    assert (first["label"], first["n_voxels"], second["label"], second["n_voxels"]) == ("2", "6", "5", "1")
    assert numbers(first, "area_mm2", "largest_area_mm2", "share") == pytest.approx([0.6, 0.6, 6 / 1517], rel=1e-5)
    assert numbers(first, "centroid_slice", "centroid_row", "centroid_column") == [0, 3, 10.5]
    bbox = [first[f"bbox_{end}_{axis}"] for end in ("first", "end") for axis in ("slice", "row", "column")]
    assert bbox == ["0", "2", "10", "1", "5", "12"]
    assert [first[f"mean_intensity_{channel}"] for channel in (1, 2, 3)] == ["20", "20", "30"]
    assert second["mean_intensity_1"] == "0"
    assert (first["volume_ml"], first["centroid_x_mm"]) == ("", "")


def test_mask_is_one_object_with_its_own_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_mask(tmp_path / "mask.png", label_map() > 0)
    assert run_program(monkeypatch, "measure", tmp_path / "mask.png") == 0
    (row,) = table(capsys.readouterr().out)
    assert (row["label"], row["n_voxels"], row["area_mm2"], row["largest_area_mm2"]) == ("255", "7", "", "")
    assert "mean_intensity_1" not in row


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_oblique_nifti_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dtype: type
) -> None:
    path = write_nifti(tmp_path / "labels" / "case.nii.gz", label_volume().astype(dtype))
    voxels = np.zeros((3, 5, 7), dtype=np.int16)
    voxels[1], voxels[2] = 100, 20
    write_nifti(tmp_path / "images" / "case.nii", voxels)
    assert run_program(monkeypatch, "measure", path, "--images", tmp_path / "images") == 0
    (row,) = table(capsys.readouterr().out)
    assert (row["label"], row["n_voxels"], row["area_mm2"], row["volume_ml"]) == ("4", "8", "", "0.24")
    assert numbers(row, "centroid_slice", "centroid_row", "centroid_column") == [1.25, 2, 2.5]
    # In RAS 10 + 1.2 · 2.5 - 2.4 · 2, 20 + 1.6 · 2.5 + 1.8 · 2, 30 + 5 · 1.25; in LPS the first two are negative.
    assert numbers(row, "centroid_x_mm", "centroid_y_mm", "centroid_z_mm") == [-8.2, -27.6, 36.25]
    assert (row["largest_slice"], row["largest_area_px"], row["largest_area_mm2"]) == ("1", "6", "36")
    assert row["mean_intensity_1"] == "80"  # (6 · 100 + 2 · 20) / 8


@pytest.mark.parametrize("suffix", ["nrrd", "seg.nrrd", "mha"])
def test_other_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    image = sitk.GetImageFromArray(label_volume())
    image.SetSpacing((2.0, 3.0, 5.0))
    image.SetOrigin((-10.0, -20.0, 30.0))
    sitk.WriteImage(image, str(tmp_path / f"case.{suffix}"))
    sitk.WriteImage(image * 10, str(tmp_path / "case.mha" if suffix != "mha" else tmp_path / "case.nrrd"))
    assert run_program(monkeypatch, "measure", tmp_path / f"case.{suffix}") == 0
    (row,) = table(capsys.readouterr().out)
    assert (row["volume_ml"], row["largest_area_mm2"]) == ("0.24", "36")
    assert numbers(row, "centroid_x_mm", "centroid_y_mm", "centroid_z_mm") == [-5, -14, 36.25]


def test_pages_of_a_tiff_are_slices_and_ome_tells_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = np.zeros((3, *SHAPE), dtype=np.uint8)
    stack[1] = label_map()
    tifffile.imwrite(tmp_path / "plain.tif", stack, photometric="minisblack")
    size = {"PhysicalSizeX": 2000.0, "PhysicalSizeY": 3.0, "PhysicalSizeYUnit": "mm", "PhysicalSizeZ": 5.0}
    sizes = {**size, "PhysicalSizeZUnit": "mm", "axes": "ZYX"}  # X is in µm, which OME means where no unit stands
    tifffile.imwrite(tmp_path / "told.ome.tif", stack, photometric="minisblack", ome=True, metadata=sizes)
    assert run_program(monkeypatch, "measure", tmp_path, "--spacing-mm", "0.5", "0.2") == 0
    plain, _, told, _ = table(capsys.readouterr().out)
    assert (plain["largest_slice"], plain["largest_area_mm2"], plain["volume_ml"]) == ("1", "0.6", "")
    assert (told["largest_area_mm2"], told["volume_ml"]) == ("0.6", "0.003")  # 6 · .5 · .2 · 5 mm³
    assert run_program(monkeypatch, "measure", tmp_path / "told.ome.tif") == 0
    told = table(capsys.readouterr().out)[0]
    assert (told["largest_area_mm2"], told["volume_ml"], told["centroid_x_mm"]) == ("36", "0.18", "")


def test_spacing_goes_over_that_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_nifti(tmp_path / "case.nii", label_volume())
    assert run_program(monkeypatch, "measure", path, "--spacing-mm", "1", "4") == 0
    (row,) = table(capsys.readouterr().out)
    assert (row["largest_area_mm2"], row["volume_ml"]) == ("24", "0.16")  # 8 · 1 · 4 · 5 mm³


def test_one_slice_has_an_area_and_no_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_nifti(tmp_path / "case.nii", label_volume()[1:2])
    assert run_program(monkeypatch, "measure", path) == 0
    (row,) = table(capsys.readouterr().out)
    assert (row["area_mm2"], row["volume_ml"]) == ("36", "")


def dicom_series(folder: Path, count: int = 4) -> list[Path]:
    """Slices of one series, 2 mm apart, the highest first by name; each holds its number from below."""
    folder.mkdir(parents=True)
    paths = []
    for number in range(count):
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        data.ImagePositionPatient, data.ImageOrientationPatient = [10, 20, 30 + 2 * number], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.InstanceNumber = [3, 2], number + 1
        data.SliceThickness = 3
        data.pop("SpacingBetweenSlices", None)
        data.RescaleSlope, data.RescaleIntercept = 1, -1000
        data.PixelData = np.full((128, 128), 1000 + number, dtype=np.int16).tobytes()
        paths.append(folder / f"{count - number}.dcm")
        data.save_as(paths[-1])
    return paths


def write_seg(path: Path, planes: NDArray[np.uint8], sources: list[Path], kind: str = "BINARY") -> None:
    """Planes ``(D, H, W, number of segments)`` as a DICOM segmentation; empty slices are left out."""
    import highdicom
    from pydicom.sr.codedict import codes

    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number + 1,
            segment_label=f"segment {number}",
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type="MANUAL",
        )
        for number in range(planes.shape[3])
    ]
    made = highdicom.seg.Segmentation(
        source_images=[pydicom.dcmread(source) for source in sources],
        pixel_array=planes,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="0",
        device_serial_number="0",
    )
    made.save_as(path)


def test_dicom_segmentation_of_a_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = dicom_series(tmp_path / "images" / "case")
    planes = np.zeros((4, 128, 128, 2), dtype=np.uint8)
    planes[1, 10:13, 20:22, 0] = 1
    planes[2, 11, 20:22, 0] = 1
    planes[2, 11, 21:25, 1] = 1  # overlaps
    write_seg(tmp_path / "case.dcm", planes, sources)
    assert run_program(monkeypatch, "measure", tmp_path / "case.dcm", "--images", tmp_path / "images") == 0
    first, second = table(capsys.readouterr().out)
    assert (first["label"], first["n_voxels"], first["volume_ml"]) == ("1", "8", "0.096")  # 8 · 2 · 3 · 2 mm³
    assert (second["label"], second["n_voxels"], second["volume_ml"]) == ("2", "4", "0.048")
    assert numbers(first, "centroid_slice", "centroid_row", "centroid_column") == [1.25, 11, 20.5]
    assert numbers(first, "centroid_x_mm", "centroid_y_mm", "centroid_z_mm") == [51, 53, 32.5]
    assert (first["mean_intensity_1"], second["mean_intensity_1"]) == ("1.25", "2")  # slices 1 and 2: 6 · 1 + 2 · 2
    assert float(first["share"]) == pytest.approx(8 / (4 * 128 * 128), rel=1e-5)

    # Alone it has only the slices that it has frames of, at the same place.
    assert run_program(monkeypatch, "measure", tmp_path / "case.dcm") == 0
    first, _ = table(capsys.readouterr().out)
    assert (first["volume_ml"], first["centroid_z_mm"], first["bbox_first_slice"]) == ("0.096", "32.500", "0")
    assert (first["centroid_slice"], first["largest_slice"]) == ("0.250", "0")


def test_dicom_that_is_no_segmentation_of_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = dicom_series(tmp_path / "images", 2)
    write_seg(tmp_path / "soft.dcm", np.ones((2, 128, 128, 1), dtype=np.uint8), sources, "FRACTIONAL")
    data = (tmp_path / "soft.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(data[: len(data) // 4])
    assert run_program(monkeypatch, "measure", sources[0], tmp_path / "soft.dcm", tmp_path / "cut.dcm") == 1
    image, soft, cut = capsys.readouterr().err.splitlines()
    assert image == f"failed: {sources[0]}: labels in DICOM must be a segmentation (SEG); got an image (CT)"
    assert "must be BINARY or LABELMAP; got FRACTIONAL" in soft
    assert cut.startswith(f"failed: {tmp_path / 'cut.dcm'}: ")


def test_segment_then_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of `segment` and this one agree on what both have."""
    pixels = np.random.default_rng(0).integers(190, 200, (71, 97)).astype(np.uint8)
    pixels[20:40, 30:60] = 60
    write_png(tmp_path / "images" / "a.png", pixels)
    results = tmp_path / "results"
    spacing = ["--spacing-mm", "0.5", "0.2"]
    assert run_program(monkeypatch, "segment", tmp_path / "images", "-o", results, *spacing, *FAST) == 0
    capsys.readouterr()
    assert run_program(monkeypatch, "measure", results, "--images", tmp_path / "images", *spacing) == 0
    rows = table(capsys.readouterr().out)
    theirs = table((results / "regions.csv").read_text())
    theirs = [row for row in theirs if row["kind"] == "label"] + [row for row in theirs if row["kind"] == "foreground"]
    assert len(rows) == len(theirs) > 1
    assert rows[-1]["label"] == "255"
    for row, expected in zip(rows, theirs, strict=True):
        assert row["n_voxels"] == expected["area_px"]
        for name in ("area_mm2", "centroid_row", "centroid_column", "bbox_end_column", "mean_intensity_1"):
            assert row[name] == expected[name]


def test_contents_say_what_in_a_folder_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, out = tmp_path / "labels", tmp_path / "out.csv"
    write_label_map(labels / "a.png", label_map())
    (labels / "a.png").rename(labels / "a.dat")
    write_nifti(labels / "b.nii", label_volume())
    (labels / "b.nii").rename(labels / "b")
    (labels / "notes.txt").write_text("no image")
    (labels / ".hidden.png").write_bytes((labels / "a.dat").read_bytes())
    with zipfile.ZipFile(labels / "c.zip", "w") as packed:
        packed.write(labels / "a.dat")
    assert run_program(monkeypatch, "measure", labels, "-o", out) == 0
    found = [(Path(row["file"]).name, row["label"], row["n_voxels"]) for row in table(out.read_text())]
    assert found == [("a.dat", "2", "6"), ("a.dat", "5", "1"), ("b", "4", "8")]


def test_failures_are_1_and_are_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, images = tmp_path / "labels", tmp_path / "images"
    for name in ("fits", "wide", "alone"):
        write_label_map(labels / f"{name}.png", label_map())
    (labels / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, extra in (("fits", 0), ("wide", 2), ("broken", 0)):
        write_png(images / f"{name}.png", np.zeros((SHAPE[0], SHAPE[1] + extra), dtype=np.uint8))
    out = tmp_path / "out.csv"
    assert run_program(monkeypatch, "measure", labels, "--images", images, "-o", out) == 1
    captured = capsys.readouterr()
    assert captured.out == f"1 of 4 files measured, 2 labels; look at {out}\n"
    alone, broken, wide = captured.err.splitlines()
    assert alone == (
        f"failed: {labels / 'alone.png'}: --images must have one image of the name 'alone'; {str(images)!r} has none"
    )
    assert broken.startswith(f"failed: {labels / 'broken.png'}: ")
    assert wide == (
        f"failed: {labels / 'wide.png'}: labels must have the size of their image, nothing is ever resized; got "
        f"1 slices × 37 rows × 41 columns, {images / 'wide.png'} has 1 slices × 37 rows × 43 columns"
    )
    assert [(row["file"], row["label"]) for row in table(out.read_text())] == [
        ((labels / "fits.png").as_posix(), "2"),
        ((labels / "fits.png").as_posix(), "5"),
    ]


def test_labels_at_another_place_than_their_image_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_nifti(tmp_path / "labels" / "case.nii", label_volume())
    moved = STEPS_RAS.copy()
    moved[2, 3] += 1.5
    image = write_nifti(tmp_path / "images" / "case.nii", label_volume(), moved)
    assert run_program(monkeypatch, "measure", path, "--images", tmp_path / "images") == 1
    assert capsys.readouterr().err == (
        f"failed: {path}: labels must lie at the place of their image, to 0.2 mm; got corners that are 1.5 mm from "
        f"those of {image}\n"
    )
    moved[2, 3] -= 1.4
    write_nifti(image, label_volume(), moved)
    assert run_program(monkeypatch, "measure", path, "--images", tmp_path / "images") == 0


def test_two_images_of_one_name_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_label_map(tmp_path / "a.png", label_map())
    for folder in ("first", "second"):
        write_png(tmp_path / "images" / folder / "a.png", np.zeros(SHAPE, dtype=np.uint8))
    assert run_program(monkeypatch, "measure", tmp_path / "a.png", "--images", tmp_path / "images") == 1
    assert "has first/a, second/a" in capsys.readouterr().err
    (tmp_path / "images" / "second" / "a.png").unlink()
    assert run_program(monkeypatch, "measure", tmp_path / "a.png", "--images", tmp_path / "images") == 0


def save_colours(path: Path) -> None:
    write_png(path, np.stack([label_map(), label_map(), label_map() * 2], axis=-1))


def save_jpeg(path: Path) -> None:
    Pillow.fromarray(label_map()).save(path, format="JPEG")


def save_fractions(path: Path) -> None:
    tifffile.imwrite(path, label_map() / np.float32(4))


def save_uneven_pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(label_map())
        file.write(label_map().T)


def save_ct(path: Path) -> None:
    write_nifti(path.with_suffix(".nii"), label_volume().astype(np.int16) - 1024).rename(path)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (save_colours, "labels must be grey, one value a voxel; got 3 channels"),
        (save_jpeg, "labels must not be a JPEG"),
        (save_fractions, "labels must be whole numbers from 0 up; got 0.5"),
        (save_ct, "labels must be whole numbers from 0 up; got -1024"),
        (save_uneven_pages, "pages must be of one size"),
        (lambda path: path.write_text("nothing"), "no image format"),
    ],
)
def test_what_is_no_label_map_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], save: Any, message: str
) -> None:
    path = tmp_path / "file"
    save(path)
    assert run_program(monkeypatch, "measure", path) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"failed: {path}: ")
    assert message in captured.err
    assert captured.err.count(str(path)) == 1
    assert table(captured.out) == []


def test_grey_stored_as_colour_is_a_label_map_and_an_empty_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(tmp_path / "grey.png", np.stack([label_map()] * 3, axis=-1))
    write_mask(tmp_path / "none.png", np.zeros(SHAPE, dtype=bool))
    assert run_program(monkeypatch, "measure", f"{tmp_path}/*.png") == 0
    captured = capsys.readouterr()
    assert [row["n_voxels"] for row in table(captured.out)] == ["6", "1"]
    assert captured.err == f"note: {tmp_path / 'none.png'} holds no label\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "LABELS"),
        (["absent"], "got 'absent', which has none"),
        (["EMPTY"], "which has none"),
        (["FILE", "-o", "EMPTY"], "must be a file"),
        (["FILE", "-o", "FILE"], "must not be one of the LABELS"),
        (["FILE", "--images", "absent"], "absent"),
        (["FILE", "--images", "FILE"], "--images"),
        (["FILE", "--images", "EMPTY"], "which has none"),
        (["FILE", "--spacing-mm", "0", "1"], "spacing_mm"),
        (["FILE", "--max-pixels", "0"], "--max-pixels"),
    ],
)
def test_usage_errors_are_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    places = {"FILE": tmp_path / "a.png", "EMPTY": tmp_path / "empty"}
    places["EMPTY"].mkdir()
    write_label_map(places["FILE"], label_map())
    before = places["FILE"].read_bytes()
    assert run_program(monkeypatch, "measure", *[places.get(argument, argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert not captured.out
    assert places["FILE"].read_bytes() == before


def test_limit_on_voxels_reaches_every_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_label_map(tmp_path / "a.png", label_map())
    write_nifti(tmp_path / "b.nii.gz", label_volume())
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((2, *SHAPE), dtype=np.uint8), photometric="minisblack")
    assert run_program(monkeypatch, "measure", tmp_path, "--max-pixels", "104") == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [str(path) for path in sorted(tmp_path.iterdir())]
    assert all("max_pixels=104" in line for line in lines)


def test_interruption_is_130_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write_label_map(tmp_path / "a.png", label_map())
    monkeypatch.setattr("msformer.batch.remeasure.measure_volume", interrupt)
    assert run_program(monkeypatch, "measure", tmp_path / "a.png", "-o", tmp_path / "out.csv") == 130
    assert capsys.readouterr().err == "interrupted; nothing is written\n"
    assert not (tmp_path / "out.csv").exists()


def test_help_says_what_it_does_and_loads_no_heavy_library() -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "msformer", "measure", "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "numpy", "scipy", "cv2", "SimpleITK", "nibabel", "pydicom", "highdicom"}
    text = " ".join(done.stdout.replace("│", " ").split())
    for word in ("LABELS", "--images", "--out", "--spacing-mm", "--max-pixels", "Exit codes: 0", "255", "DICOM SEG"):
        assert word in text
