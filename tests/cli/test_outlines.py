"""Formats of outlines from the command line: which files there are, and that they are of the mask beside them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import roifile
import SimpleITK as sitk  # noqa: N813
from PIL import Image as Pillow
from tests.cli.test_volumes import AFFINE, DEPTH, HEIGHT, QUICK, WIDTH, report_of, voxels
from tests.helpers import run_program
from tests.io.outlines.filling import filled

from msformer.batch.learn.corrections import find_corrections
from msformer.errors import ConfigError

ALL = [word for name in ("geojson", "coco", "imagej-roi", "same") for word in ("--format", name)]
PICTURES = {"preview", "overlays", "colours"}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Three dark discs, one of them with a bright middle."""
    rows, columns = np.mgrid[:83, :101]
    pixels = np.full((83, 101), 200, np.uint8)
    for row, column in ((20, 25), (55, 30), (45, 75)):
        pixels[np.hypot(rows - row, columns - column) < 12] = 40
    pixels[np.hypot(rows - 45, columns - 75) < 5] = 200
    (tmp_path / "in").mkdir()
    Pillow.fromarray(pixels).save(tmp_path / "in" / "discs.png")
    return tmp_path / "in" / "discs.png"


def rings_of(feature: Any) -> list[Any]:
    geometry = feature["geometry"]
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [ring[:-1] for part in parts for ring in part]


def test_outlines_of_a_picture_are_beside_its_mask(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    options = (*ALL, *QUICK, "--objects", "many")
    assert run_program(monkeypatch, "segment", picture, "-o", out, *options) == 0
    (case,) = report_of(out)["cases"]
    outputs = case["outputs"]
    assert {name for name in outputs if name not in PICTURES} == {
        "labels", "masks", "masks.geojson", "masks.coco", "masks.imagej-roi",
        "instances", "instances.geojson", "instances.coco", "instances.imagej-roi",
    }  # fmt: skip
    assert outputs["masks.imagej-roi"] == "masks/discs.roi.zip"
    assert all((out / path).is_file() for path in outputs.values())
    mask = np.asarray(Pillow.open(out / outputs["masks"])) > 0
    objects = np.asarray(Pillow.open(out / outputs["instances"]))
    assert 0 < mask.sum() < mask.size
    (feature,) = json.loads((out / outputs["masks.geojson"]).read_bytes())["features"]
    np.testing.assert_array_equal(filled(rings_of(feature), (83, 101)), mask)
    features = json.loads((out / outputs["instances.geojson"]).read_bytes())["features"]
    assert len(features) == case["n_objects"] > 1
    rois = roifile.roiread(out / outputs["instances.imagej-roi"])
    assert isinstance(rois, list)
    for number, (feature, roi) in enumerate(zip(features, rois, strict=True), start=1):
        np.testing.assert_array_equal(filled(rings_of(feature), (83, 101)), objects == number)
        np.testing.assert_array_equal(filled(roi.coordinates(multi=True), (83, 101)), objects == number)
    coco = json.loads((out / outputs["instances.coco"]).read_bytes())
    assert coco["images"] == [{"id": 1, "file_name": "discs.png", "height": 83, "width": 101}]
    assert [one["area"] for one in coco["annotations"]] == np.bincount(objects.ravel())[1:].tolist()
    assert "discs.geojson" in (out / "index.html").read_text()


def test_outlines_alone(picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", picture, "-o", out, "--format", "geojson", *QUICK) == 0
    (case,) = report_of(out)["cases"]
    assert set(case["outputs"]) == {"masks.geojson", *PICTURES}
    assert not (out / "labels").exists()
    # A run with other formats leaves none of the old files of the case.
    assert run_program(monkeypatch, "segment", picture, "-o", out, "--overwrite", *QUICK) == 0
    assert not (out / "masks" / "discs.geojson").exists()


def test_a_folder_cannot_learn_from_outlines_alone(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", picture, "-o", out, "--format", "coco", "--learn", *QUICK) == 2
    assert "at least 1 format of pixels" in " ".join(capsys.readouterr().err.split())
    assert not out.exists()  # told before the first image
    assert run_program(monkeypatch, "segment", picture, "-o", out, "--format", "coco", *QUICK) == 0
    assert run_program(monkeypatch, "learn", "--again", out) == 2


def test_slices_of_a_volume_have_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume, out = tmp_path / "brain.nii.gz", tmp_path / "out"
    nibabel.save(nibabel.Nifti1Image(voxels(), AFFINE), volume)
    assert run_program(monkeypatch, "segment", volume, "-o", out, *ALL, *QUICK, "--slices", "1:4") == 0
    outputs = report_of(out)["cases"][0]["outputs"]
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(out / outputs["masks"]))) > 0
    assert mask.any(axis=(1, 2)).tolist() == [False, True, True, True, False]
    features = json.loads((out / outputs["masks.geojson"]).read_bytes())["features"]
    rois = roifile.roiread(out / outputs["masks.imagej-roi"])
    assert isinstance(rois, list)
    assert [one["geometry"]["plane"]["z"] for one in features] == [roi.position - 1 for roi in rois] == [1, 2, 3]
    for feature, roi in zip(features, rois, strict=True):
        plane = mask[roi.position - 1]
        np.testing.assert_array_equal(filled(rings_of(feature), (HEIGHT, WIDTH)), plane)
        np.testing.assert_array_equal(filled(roi.coordinates(multi=True), (HEIGHT, WIDTH)), plane)
    coco = json.loads((out / outputs["masks.coco"]).read_bytes())
    assert [one["file_name"] for one in coco["images"]] == [f"brain.nii.gz/slice{plane:04d}" for plane in range(DEPTH)]
    assert [one["image_id"] for one in coco["annotations"]] == [2, 3, 4]
    with zipfile.ZipFile(out / outputs["masks.imagej-roi"]) as opened:
        assert opened.namelist()[0] == "0002 object.roi"


def test_a_structure_set_of_what_is_no_dicom_is_refused(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", picture, "-o", out, "--format", "rtstruct", *QUICK) == 1
    error = report_of(out)["cases"][0]["error"]
    assert ".staging" not in error
    assert "(rtstruct) must refer to at least 1 DICOM image; got 0 (the input is no DICOM)" in error
    assert not list(out.rglob("*.dcm"))


def test_a_structure_set_is_beside_the_segmentation_of_a_series(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shared / "data" / "volumes" / "example_ct_dicom"
    out = tmp_path / "out"
    options = ("--window", "lung", "--format", "dicom-seg", "--format", "rtstruct", *QUICK, "--slices", "8:10")
    assert run_program(monkeypatch, "segment", source, "-o", out, *options) == 0
    outputs = report_of(out)["cases"][0]["outputs"]
    assert outputs["masks"] == "masks/example_ct_dicom.dcm"
    assert outputs["masks.rtstruct"] == "masks/example_ct_dicom.rtstruct.dcm"
    segmentation, contours = (pydicom.dcmread(out / outputs[name]) for name in ("masks", "masks.rtstruct"))
    frames = segmentation.pixel_array.reshape(-1, 512, 512)
    mask_of = {
        str(groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID): frame > 0
        for frame, groups in zip(frames, segmentation.PerFrameFunctionalGroupsSequence, strict=True)
    }
    headers = {path.name: pydicom.dcmread(path, stop_before_pixels=True) for path in source.iterdir()}
    by_uid = {str(one.file_meta.MediaStorageSOPInstanceUID): one for one in headers.values()}
    drawn: dict[str, list[Any]] = {}
    for contour in contours.ROIContourSequence[0].ContourSequence:
        uid = str(contour.ContourImageSequence[0].ReferencedSOPInstanceUID)
        header = by_uid[uid]
        points = np.array(contour.ContourData, float).reshape(-1, 3) - np.array(header.ImagePositionPatient, float)
        drawn.setdefault(uid, []).append(points[:, :2] / np.array(header.PixelSpacing, float)[::-1] + 0.5)
    assert drawn.keys() == mask_of.keys()
    for uid, rings in drawn.items():
        np.testing.assert_array_equal(filled(rings, (512, 512)), mask_of[uid])
    # Contours are no label maps: what measures a folder of results passes over them.
    assert run_program(monkeypatch, "measure", out, "-o", tmp_path / "sizes.csv") == 0
    assert "rtstruct" not in (tmp_path / "sizes.csv").read_text()
    private = next(iter(headers.values())).StudyDate
    assert private not in (out / "report.json").read_text()


def test_outlines_are_no_corrections(tmp_path: Path) -> None:
    jobs: list[Any] = [SimpleNamespace(case=SimpleNamespace(case_id="a"))]
    (tmp_path / "a.png").touch()
    assert find_corrections(jobs, tmp_path, is_named=True) == {"a": tmp_path / "a.png"}
    (tmp_path / "a.geojson").touch()
    with pytest.raises(ConfigError, match=r"a\.geojson' is of no image of this folder, which has a"):
        find_corrections(jobs, tmp_path, is_named=True)
