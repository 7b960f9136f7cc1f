"""What `segment` and `measure` say of the same files: areas, volumes, dimensions, notes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.helpers import run_program

OPTIONS = ("--preset", "general", "--set", "cluster.method=kmeans", "--progress", "none")
SHAPE = (61, 71)


def disc(dtype: Any = np.int16) -> NDArray[Any]:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    values = np.where((rows - 30) ** 2 + (columns - 35) ** 2 <= 12**2, 900, 300)
    return (values + np.random.default_rng(1).integers(0, 30, SHAPE)).astype(dtype)


def run(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> tuple[list[dict[str, Any]], Any]:
    """The cases of the report, and the rows of regions.csv that are of the object, by case."""
    assert run_program(monkeypatch, "segment", folder, "-o", out, *OPTIONS, *more) == 0
    with (out / "regions.csv").open() as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file) if row["kind"] == "foreground"}
    return json.loads((out / "report.json").read_text())["cases"], rows


def measured(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert run_program(monkeypatch, "measure", path) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    return row


def test_flat_files_have_areas_and_stay_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    nibabel.Nifti1Image(disc().T, np.diag([-0.5, -0.75, 1, 1])).to_filename(folder / "flat.nii.gz")
    nibabel.Nifti1Image(disc().T[:, None, :], np.diag([0.5, 2, 0.75, 1])).to_filename(folder / "coronal.nii.gz")
    image = sitk.GetImageFromArray(disc())
    image.SetSpacing((0.5, 0.75))
    image.SetOrigin((3, 4))
    sitk.WriteImage(image, str(folder / "meta.mha"))
    sitk.WriteImage(image, str(folder / "raw.nrrd"))
    cases, rows = run(folder, out, monkeypatch)
    for case in cases:
        row = rows[case["case_id"]]
        area = int(row["area_px"])
        assert area == pytest.approx(np.pi * 12**2, rel=0.1)
        assert float(row["area_mm2"]) == pytest.approx(area * 0.375, rel=1e-4)
        assert row["volume_ml"] == ""
        mask = out / case["outputs"]["masks"]
        again = measured(mask, monkeypatch, capsys)
        assert (again["area_mm2"], again["volume_ml"]) == (row["area_mm2"], "")
        (source,) = folder.glob(f"{case['case_id']}.*")
        one, other = sitk.ReadImage(str(source)), sitk.ReadImage(str(mask))
        assert one.GetSize() == other.GetSize()
        assert one.GetSpacing() == other.GetSpacing()
        assert one.GetOrigin() == other.GetOrigin()
        assert one.GetDirection() == other.GetDirection()


def test_a_calibrated_tiff_has_areas_and_a_volume_of_what_it_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    stack = np.stack([disc(np.uint16)] * 3)
    told: dict[str, Any] = {"imagej": True, "resolution": (2.0, 2.0)}
    tifffile.imwrite(folder / "page.tif", stack[0], **told, metadata={"unit": "mm"})
    tifffile.imwrite(folder / "stack.tif", stack, **told, metadata={"axes": "ZYX", "unit": "mm", "spacing": 7})
    tifffile.imwrite(folder / "thin.tif", stack, **told, metadata={"axes": "ZYX", "unit": "mm"})
    cases, rows = run(folder, out, monkeypatch)
    for case in cases:
        row = rows[case["case_id"]]
        again = measured(out / case["outputs"]["masks"], monkeypatch, capsys)
        assert (again["area_mm2"], again["volume_ml"]) == (row["area_mm2"], row["volume_ml"])
        count = int(row["area_px"])
        if case["case_id"] == "page":
            assert float(row["area_mm2"]) == pytest.approx(count * 0.25, rel=1e-4)
            assert row["volume_ml"] == ""
        else:
            assert row["area_mm2"] == ""
            expected = f"{count * 0.25 * 7 / 1000:.6g}" if case["case_id"] == "stack" else ""
            assert row["volume_ml"] == expected


def test_forms_that_disagree_and_animations_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    image = nibabel.Nifti1Image(np.stack([disc().T] * 2, axis=2), np.diag([1, 1, 3, 1]))
    image.set_qform(np.diag([1, 1, 3, 1]), 1)
    image.set_sform(np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]), 4)
    image.to_filename(folder / "a.nii")
    frames = [Pillow.fromarray(disc(np.uint16).clip(0, 1000).astype(np.float32).astype(np.uint8)) for _ in range(3)]
    frames[1] = frames[1].point(lambda value: 255 - value)
    frames[0].save(folder / "b.webp", save_all=True, append_images=frames[1:], lossless=True)
    cases, _ = run(folder, out, monkeypatch)
    notes = {case["case_id"]: case["notes"] for case in cases}
    assert "qform (code 1) and sform (code 4)" in notes["a"][0]
    assert notes["b"] == ["first of 3 frames; the others are left out"]
    page = (out / "index.html").read_text()
    assert "first of 3 frames" in page
    assert "qform (code 1)" in page
