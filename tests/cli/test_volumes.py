"""The command line on medical files, as a user calls it; results are read by libraries that did not write them."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image as Pillow
from tests.helpers import run_program
from tests.io.test_dicom import make_slice, save

QUICK = ("--progress", "none", "--set", "cluster.method=kmeans", "--set", "cluster.n_clusters=3", "--preset", "general")
AFFINE = np.array([[-0.7, 0, 0, 12.5], [0, -0.9, 0, 40.25], [0, 0, 2.5, -80], [0, 0, 0, 1]])
DEPTH, HEIGHT, WIDTH = 5, 61, 53


def voxels() -> Any:
    """(column, row, slice), as NIfTI has them: a bright box on dark ground."""
    array = np.random.default_rng(0).normal(100, 4, (WIDTH, HEIGHT, DEPTH))
    array[15:35, 20:45, :] += 400
    return array.astype(np.int16)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "scans" / "brain.nii.gz"
    path.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image(voxels(), AFFINE), path)
    return path


def report_of(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def test_a_nifti_gives_a_nifti_with_its_geometry_and_the_object_in_it(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", volume.parent, "-o", out, *QUICK) == 0
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {
        "labels/brain.nii.gz", "labels/brain_labels.txt", "masks/brain.nii.gz", "masks/brain_labels.txt",
        "preview/brain.png", "thumbnails/brain.jpg", "overlays/brain.jpg", "colours/brain.png",
        "regions.csv", "journal/all.jsonl", "report.json", "index.html", ".msformer",
    }  # fmt: skip
    source = sitk.ReadImage(str(volume))
    for kind in ("labels", "masks"):
        image = sitk.ReadImage(str(out / kind / "brain.nii.gz"))
        assert image.GetSize() == source.GetSize()
        assert image.GetSpacing() == source.GetSpacing()
        assert image.GetOrigin() == source.GetOrigin()
        assert image.GetDirection() == source.GetDirection()
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "masks" / "brain.nii.gz"))) > 0
    truth = np.zeros((DEPTH, HEIGHT, WIDTH), dtype=bool)
    truth[:, 20:45, 15:35] = True
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.95


def test_report_and_table_tell_of_the_volume_in_millilitres(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", volume, "-o", out, "--slices", "1:4", *QUICK) == 0
    (case,) = report_of(out)["cases"]
    assert case["shape"] == [DEPTH, HEIGHT, WIDTH]
    assert case["slices"] == [1, 2, 3]
    assert case["spacing_mm"] == pytest.approx([2.5, 0.9, 0.7])
    assert case["labels_followed"] >= case["labels_changed"] == 0
    with (out / "regions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row for row in rows if row["kind"] == "label"]
    assert sum(int(row["area_px"]) for row in labels) == 3 * HEIGHT * WIDTH
    for row in rows:
        assert float(row["volume_ml"]) == pytest.approx(int(row["area_px"]) * 0.7 * 0.9 * 2.5 / 1000, rel=1e-4)
    assert "5 slices" not in (out / "index.html").read_text()
    assert "3 slices" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["lung"], "lung"), (["40", "400"], [40.0, 400.0]), (["-600", "1500.5"], [-600.0, 1500.5])],
)
def test_a_window_is_a_name_or_two_numbers(
    words: list[str], expected: Any, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import tomllib

    assert run_program(monkeypatch, "segment", "--window", *words, volume, "-o", tmp_path, "--print-config") == 0
    assert tomllib.loads(capsys.readouterr().out)["prepare"]["window"] == expected


@pytest.mark.parametrize(
    "words", [["--window", "heart"], ["--window", "40", "-400"], ["--window", "40", "--window", "x"]]
)
def test_other_windows_are_refused(
    words: list[str], volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_program(monkeypatch, "segment", volume, "-o", tmp_path / "out", *words, *QUICK)
    assert code in (1, 2)
    told = capsys.readouterr().err + json.dumps(report_of(tmp_path / "out") if code == 1 else {})
    assert "window" in told
    assert "Traceback" not in told


def test_a_named_window_is_for_ct_alone(volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_program(monkeypatch, "segment", volume, "-o", tmp_path / "out", "--window", "lung", *QUICK) == 1
    assert "Hounsfield" in report_of(tmp_path / "out")["cases"][0]["error"]


def test_of_a_file_of_several_volumes_one_must_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series = np.stack([voxels(), voxels() * 0 + 7, voxels()], axis=3)
    nibabel.save(nibabel.Nifti1Image(series, AFFINE), tmp_path / "functional.nii")
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / "functional.nii", "-o", out, *QUICK) == 1
    error = report_of(out)["cases"][0]["error"]
    assert "functional.nii" in error
    assert "3 volumes" in error
    assert run_program(monkeypatch, "segment", tmp_path / "functional.nii", "-o", out, "--frame", "2", *QUICK) == 0
    assert sitk.ReadImage(str(out / "masks" / "functional.nii.gz")).GetSize() == (WIDTH, HEIGHT, DEPTH)


def test_a_frame_is_of_what_holds_several_and_the_rest_of_a_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "mixed", tmp_path / "out"
    folder.mkdir()
    series = np.stack([voxels(), voxels()[::-1], voxels()[:, ::-1]], axis=3)
    nibabel.save(nibabel.Nifti1Image(series, AFFINE), folder / "functional.nii")
    nibabel.save(nibabel.Nifti1Image(voxels(), AFFINE), folder / "plain.nii")
    Pillow.fromarray((voxels()[:, :, 0] / 3).astype(np.uint8)).save(folder / "picture.png")
    slices = [np.ascontiguousarray(voxels()[:, :, number].T).astype(np.uint16) for number in range(2)]
    for number, pixels in enumerate(slices):
        save(make_slice(pixels, 2.0 * number, number), folder / f"slice{number}.dcm")
    with zipfile.ZipFile(folder / "packed.zip", "w") as packed:
        for number, pixels in enumerate(slices):
            path = save(make_slice(pixels, 2.0 * number, number, SeriesInstanceUID="1.2.4"), tmp_path / "one.dcm")
            packed.write(path, f"{number}.dcm")
    assert run_program(monkeypatch, "segment", folder, "-o", out, "--frame", "2", *QUICK) == 0
    cases = {case["case_id"]: case for case in report_of(out)["cases"]}
    assert set(cases) == {"functional", "plain", "picture", "mixed", "packed"}
    told = {name: [note for note in case["notes"] if "--frame 2" in note] for name, case in cases.items()}
    assert told.pop("functional") == []
    assert all(len(notes) == 1 for notes in told.values()), told
    chosen = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "masks" / "functional.nii.gz"))).transpose(2, 1, 0)
    inside = np.zeros((WIDTH, HEIGHT), dtype=bool)
    inside[15:35, HEIGHT - 45 : HEIGHT - 20] = True  # the box of the third volume, whose columns are turned round
    assert ((chosen[:, :, 2] > 0) == inside).mean() > 0.97
    assert run_program(monkeypatch, "segment", folder, "-o", out, "--frame", "3", *QUICK) == 1
    failed = [case for case in report_of(out)["cases"] if case["status"] == "failed"]
    assert [case["case_id"] for case in failed] == ["functional"]
    assert "read.frame must be from 0 to 2 in this file; got 3" in failed[0]["error"]


@pytest.mark.parametrize("name", ["plain.nii", "picture.png"])
def test_what_is_all_that_is_given_must_have_the_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "plain.nii":
        nibabel.save(nibabel.Nifti1Image(voxels(), AFFINE), tmp_path / name)
    else:
        Pillow.fromarray((voxels()[:, :, 0] / 3).astype(np.uint8)).save(tmp_path / name)
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / name, "-o", out, "--frame", "3", *QUICK) == 1
    (case,) = report_of(out)["cases"]
    assert f"{name}: read.frame must be 0, or left out" in case["error"]
    assert "got 3" in case["error"]
    assert run_program(monkeypatch, "segment", tmp_path / name, "-o", out, "--frame", "0", *QUICK) == 0


def test_frames_over_time_at_one_place_become_a_nifti_and_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "cine", tmp_path / "out"
    folder.mkdir()
    for number in range(3):
        pixels = np.ascontiguousarray(voxels()[:, :, number].T).astype(np.uint16)
        place = {"FrameOfReferenceUID": "1.2.9", "TriggerTime": 40 * number}
        save(make_slice(pixels, 2.0, number, **place), folder / f"phase{number}.dcm")
    assert run_program(monkeypatch, "segment", folder, "-o", out, *QUICK) == 0
    (case,) = report_of(out)["cases"]
    assert case["outputs"]["masks"] == "masks/cine.nii.gz"
    reason = "slices of a DICOM segmentation must be at places of their own; these 3 are at 1"
    assert case["notes"][-1] == f"written as NIfTI, because a DICOM segmentation could not be: {reason}"


def test_several_formats_hold_the_same_voxels(volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    formats = ("same", "nrrd", "seg.nrrd", "mha", "tif")
    options = [word for name in formats for word in ("--format", name)]
    assert run_program(monkeypatch, "segment", volume, "-o", out, *options, *QUICK) == 0
    outputs = report_of(out)["cases"][0]["outputs"]
    for kind in ("labels", "masks"):
        arrays = [
            sitk.GetArrayFromImage(sitk.ReadImage(str(out / path)))
            for name, path in outputs.items()
            if name.split(".")[0] == kind and not path.endswith(".txt")
        ]
        assert len(arrays) == 5
        for other in arrays[1:]:
            np.testing.assert_array_equal(other, arrays[0])


def test_a_photograph_can_be_written_as_medical_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image as Pillow

    pixels = np.full((50, 60), 200, np.uint8)
    pixels[10:30, 20:45] = 40
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    out = tmp_path / "out"
    options = ("--format", "nrrd", "--format", "png", "--spacing-mm", "0.5", "0.25")
    assert run_program(monkeypatch, "segment", tmp_path / "a.png", "-o", out, *options, *QUICK) == 0
    image = sitk.ReadImage(str(out / "labels" / "a.nrrd"))
    assert image.GetSpacing() == (0.25, 0.5)  # column, row
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), np.asarray(Pillow.open(out / "labels" / "a.png")))
    assert run_program(monkeypatch, "segment", tmp_path / "a.png", "-o", out, "--format", "dicom-seg", *QUICK) == 1
    assert "dicom-seg" in report_of(out)["cases"][0]["error"] or "DICOM" in report_of(out)["cases"][0]["error"]


def test_a_broken_volume_does_not_stop_the_others(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gzip.decompress(volume.read_bytes())
    (volume.parent / "cut.nii").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", volume.parent, "-o", out, *QUICK) == 1
    cases = {case["case_id"]: case for case in report_of(out)["cases"]}
    assert cases["brain"]["status"] == "done"
    assert cases["cut"]["status"] == "failed"
    assert cases["cut"]["error"].startswith(str(volume.parent / "cut.nii"))
    assert not list(out.rglob("cut*"))


def test_a_ct_series_gives_a_segmentation_object_and_a_nifti_that_agree(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shared / "data" / "volumes" / "example_ct_dicom"
    out = tmp_path / "out"
    formats = ("--window", "lung", "--format", "dicom-seg", "--format", "nii.gz", "--preset", "lung-ct")
    assert run_program(monkeypatch, "segment", source, "-o", out, *formats, "--progress", "none") == 0
    headers = {
        header.SOPInstanceUID or header.file_meta.MediaStorageSOPInstanceUID: header  # the data set's was emptied
        for header in (pydicom.dcmread(path, stop_before_pixels=True) for path in source.iterdir())
    }
    heights = sorted(float(header.ImagePositionPatient[2]) for header in headers.values())
    for kind in ("labels", "masks"):
        image: Any = nibabel.load(out / kind / "example_ct_dicom.nii.gz")
        array = np.asarray(image.dataobj).transpose(2, 1, 0)
        seg = pydicom.dcmread(out / kind / "example_ct_dicom.dcm")
        frames = seg.pixel_array
        found = np.zeros_like(array)
        for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
            reference = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
            # A single segment is said once for all frames.
            where = groups if "SegmentIdentificationSequence" in groups else seg.SharedFunctionalGroupsSequence[0]
            number = where.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            place = heights.index(float(headers[reference].ImagePositionPatient[2]))
            assert not (found[place][frame > 0]).any()  # segments do not overlap
            found[place][frame > 0] = number
        np.testing.assert_array_equal(found, array)
        assert array.any()
        assert image.affine[2, 3] == pytest.approx(heights[0])
    first = next(iter(headers.values()))
    assert (seg.PatientID, seg.StudyDate, seg.FrameOfReferenceUID) == (
        first.PatientID, first.StudyDate, first.FrameOfReferenceUID,
    )  # fmt: skip
    for private in (first.StudyDate, first.StationName, first.FrameOfReferenceUID):
        assert private not in (out / "report.json").read_text()
        assert private not in (out / "index.html").read_text()


def test_dicom_without_places_is_written_as_nifti_unless_a_segmentation_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydicom.data import get_testdata_file

    source = tmp_path / "cine.dcm"
    source.write_bytes(Path(str(get_testdata_file("examples_ybr_color.dcm"))).read_bytes())  # ultrasound, 30 frames
    out = tmp_path / "out"
    options = (*QUICK, "--slices", "0:2")
    assert run_program(monkeypatch, "segment", source, "-o", out, *options) == 0
    (case,) = report_of(out)["cases"]
    assert "NIfTI" in case["notes"][-1]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / case["outputs"]["labels"])))
    assert labels.shape == tuple(case["shape"])
    assert labels[:2].any()
    assert not labels[2:].any()
    assert run_program(monkeypatch, "segment", source, "-o", out, *options, "--format", "dicom-seg") == 1
    assert "the place of each" in report_of(out)["cases"][0]["error"]
    assert report_of(out)["left_from_other_runs"], "what the first run made is kept, and not listed"


def test_slices_too_small_are_told_with_the_file(volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_program(monkeypatch, "segment", volume, "-o", tmp_path / "out", "--axis", "1", *QUICK) == 1
    error = report_of(tmp_path / "out")["cases"][0]["error"]
    assert error.startswith(f"{volume}: slices across axis 1 must be at least 33 px")


def save_dicom(path: Path, pixels: Any, number: int, **elements: Any) -> None:
    """A slice of an MR series of 1 mm pixels with all that a segmentation must refer to."""
    data = make_slice(pixels, 0, number, Modality="MR", RescaleIntercept=0, PixelSpacing=[1, 1], **elements)
    data.StudyInstanceUID, data.FrameOfReferenceUID = "1.2.1", "1.2.2"
    save(data, path)


def scene(number: int) -> Any:
    """A bright box that moves with the number."""
    pixels = np.random.default_rng(number).normal(100, 4, (HEIGHT, WIDTH))
    pixels[15:35, 10 + 2 * number : 30 + 2 * number] += 400
    return pixels.astype(np.uint16)


def test_frames_over_time_are_all_segmented_and_one_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cine").mkdir()
    for number in (1, 2, 3, 4):
        save_dicom(tmp_path / "cine" / f"{number}.dcm", scene(number), number, TriggerTime=50 * number)
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / "cine", "-o", out, *QUICK, "--format", "nii.gz") == 0
    (case,) = report_of(out)["cases"]
    assert case["shape"] == [4, HEIGHT, WIDTH]
    assert any("4 frames at one place" in note for note in case["notes"])
    assert (case["modality"], case["body_part"]) == ("MR", None)
    assert case["from_header"] == ["modality", "geometry"]
    options = (*QUICK, "--format", "nii.gz", "--frame", "2")
    assert run_program(monkeypatch, "segment", tmp_path / "cine", "-o", out, *options) == 0
    (case,) = report_of(out)["cases"]
    assert case["shape"] == [1, HEIGHT, WIDTH]
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(out / case["outputs"]["masks"]))) > 0
    truth = np.zeros_like(mask)
    truth[0, 15:35, 16:36] = True
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9


def test_of_a_zip_of_several_series_one_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, echo in ((1, 2.5), (2, 5.0)):
        save_dicom(tmp_path / f"{number}.dcm", scene(number), number, EchoTime=echo)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for number in (1, 2):
            archive.write(tmp_path / f"{number}.dcm", f"{number}.dcm")
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / "study.zip", "-o", out, *QUICK) == 1
    error = report_of(out)["cases"][0]["error"]
    assert error.startswith(str(tmp_path / "study.zip"))
    assert "--series 0 to 1 (0: MR, 61 × 53 px, echo time 2.5; 1: MR, 61 × 53 px, echo time 5)" in error
    assert run_program(monkeypatch, "segment", tmp_path / "study.zip", "-o", out, *QUICK, "--series", "1") == 0
    assert report_of(out)["cases"][0]["shape"] == [1, HEIGHT, WIDTH]


def test_a_clip_whose_first_frames_are_grey_is_segmented_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.stack([np.dstack([(scene(number) // 4).astype(np.uint8)] * 3) for number in range(4)])
    frames[2:, 40:55, 5:30] = (230, 60, 40)
    data = make_slice(frames[..., 0], 0, 1, Modality="US", PhotometricInterpretation="RGB", NumberOfFrames=4)
    del data.ImagePositionPatient, data.RescaleIntercept, data.RescaleSlope
    data.SamplesPerPixel, data.PlanarConfiguration, data.PixelData = 3, 0, frames.tobytes()
    save(data, tmp_path / "clip.dcm")
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / "clip.dcm", "-o", out, *QUICK) == 0
    (case,) = report_of(out)["cases"]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / case["outputs"]["labels"])))
    assert labels.shape == (4, HEIGHT, WIDTH)
    assert (labels > 0).all()
