"""Objects one by one, from the image to the scores."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name everyone gives it
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.helpers import page_cases, run_program

from msformer import baselines
from msformer.batch import image_case
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.benchmark.datasets import discover
from msformer.benchmark.report import write_report
from msformer.benchmark.run import plan_tasks, run_tasks
from msformer.benchmark.table import Table
from msformer.config import Config
from msformer.io import read_image
from msformer.pipeline import segment
from msformer.render import OUTLINE_COLOUR, preview
from msformer.segmentation import Segmentation
from msformer.volume import Volume
from msformer.volumes import segment_volume

SHAPE = 140, 180
PLACES = [(40, 40), (40, 66), (100, 50), (100, 130)]
"""Discs of radius 15; the first two touch."""
NUCLEI = Config.from_preset("nuclei").replace(prepare={"detail_size": 150})


def true_objects() -> NDArray[np.uint16]:
    rows, columns = np.indices(SHAPE)
    truth = np.zeros(SHAPE, dtype=np.uint16)
    for number, (row, column) in enumerate(PLACES, start=1):
        truth[((rows - row) ** 2 + (columns - column) ** 2 <= 15**2) & (truth == 0)] = number
    return truth


def discs() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 12, SHAPE)
    return np.where(true_objects() > 0, 180 + noise, 20 + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def found() -> Segmentation:
    return segment(discs(), NUCLEI, spacing_mm=(0.5, 0.5))


def test_many_objects_are_told_apart_and_measured(found: Segmentation) -> None:
    assert found.instances is not None
    assert found.instances.dtype == np.uint16
    np.testing.assert_array_equal(found.instances > 0, found.mask)
    assert [one.label for one in found.objects] == [1, 2, 3, 4]
    assert found.record()["n_objects"] == 4
    assert sum(one.area_px for one in found.objects) == found.mask.sum()
    for one in found.objects:
        assert one.diameter_px == pytest.approx(31, abs=2.5)
        assert one.diameter_mm == one.diameter_px / 2
        assert 150 < one.mean_intensity[0] < 192  # a rim of ground may be in it
        assert not one.touches_frame
    centres = sorted((round(one.centroid[0], -1), round(one.centroid[1], -1)) for one in found.objects)
    assert centres == [(40, 40), (40, 70), (100, 50), (100, 130)]


def test_other_settings_have_no_objects_one_by_one() -> None:
    result = segment(discs(), NUCLEI.replace(foreground={"objects": "any"}))
    assert (result.instances, result.objects, result.record()["n_objects"]) == (None, (), None)


def test_neck_of_the_settings_is_that_of_the_parting(found: Segmentation) -> None:
    assert segment(discs(), NUCLEI.replace(refine={"neck": 0.0})).record()["n_objects"] == 3
    assert len(found.objects) == 4


def test_an_image_without_contrast_has_none() -> None:
    result = segment(np.full(SHAPE, 7, dtype=np.uint8), NUCLEI)
    assert result.instances is not None
    assert (int(result.instances.max()), result.record()["n_objects"]) == (0, 0)


def test_a_region_of_interest_keeps_the_places() -> None:
    result = segment(discs(), NUCLEI.replace(hints={"region": (70, 0, 140, 180)}))
    assert {(round(one.centroid[0], -1), round(one.centroid[1], -1)) for one in result.objects} == {
        (100, 50),
        (100, 130),
    }


def test_slices_of_volumes_are_not_parted() -> None:
    volume = Volume(np.stack([discs(), discs()]), None, "tiff", Path("x.tif"))
    result = segment_volume(volume, NUCLEI)
    assert result.middle.instances is None
    assert result.mask.any()


def test_what_a_method_itself_calls_the_object_is_parted_too() -> None:
    result = baselines.segment(discs(), "chan-vese", NUCLEI, own_foreground=True)
    assert result.instances is not None
    np.testing.assert_array_equal(result.instances > 0, result.mask)
    assert len(result.objects) == result.instances.max()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def a_run(folder: Path, config: Config = NUCLEI, kinds: tuple[str, ...] = ("same",)) -> tuple[Path, Any]:
    Pillow.fromarray(discs()).save(folder / "a.png")
    out = folder / "out"
    run_cases(plan_cases([str(folder / "a.png")]), config.replace(write={"formats": kinds}), out, spacing_mm=(0.5, 0.5))
    return out, json.loads((out / "report.json").read_text())["cases"][0]


def test_files_tables_and_page_have_the_objects(tmp_path: Path, found: Segmentation) -> None:
    out, case = a_run(tmp_path)
    assert case["outputs"]["instances"] == "instances/a.png"
    with Pillow.open(out / "instances/a.png") as opened:
        assert opened.mode == "I;16"  # 16 bit, though four objects need 8
    np.testing.assert_array_equal(read_image(out / "instances/a.png").pixels, found.instances)
    assert case["n_objects"] == 4
    assert "objects" not in case
    rows = rows_of(out / "objects.csv")
    assert [row["label"] for row in rows] == ["1", "2", "3", "4"]
    for row, one in zip(rows, found.objects, strict=True):
        assert row["case_id"] == "a"
        assert int(row["area_px"]) == one.area_px
        assert float(row["area_mm2"]) == one.area_px / 4
        assert float(row["perimeter_mm"]) == pytest.approx(one.perimeter_px / 2, rel=1e-5)
        assert float(row["solidity"]) == pytest.approx(one.solidity, abs=1e-4)
        assert float(row["mean_intensity_1"]) == pytest.approx(one.mean_intensity[0], rel=1e-5)
        assert row["touches_frame"] == "0"
    assert any(fact.startswith("4 objects") for fact in page_cases(out)["a"]["facts"])
    assert ["objects", "./instances/a.png"] in page_cases(out)["a"]["files"]


def test_other_kinds_of_files_hold_the_same_numbers(tmp_path: Path, found: Segmentation) -> None:
    out, case = a_run(tmp_path, kinds=("tif", "nii.gz", "seg.nrrd"))
    assert case["outputs"]["instances"] == "instances/a.tif"
    np.testing.assert_array_equal(tifffile.imread(out / "instances/a.tif"), found.instances)
    for name, axes in (("nii.gz", 2), ("seg.nrrd", 3)):  # of two axes as the picture is, but for 3D Slicer
        assert case["outputs"][f"instances.{name}"] == f"instances/a.{name}"
        written = sitk.GetArrayFromImage(sitk.ReadImage(str(out / f"instances/a.{name}")))
        assert written.ndim == axes
        np.testing.assert_array_equal(written.squeeze(), found.instances)
    assert '"object 4"' in (out / "instances/a_labels.txt").read_text()


def test_a_later_run_without_objects_leaves_no_table_of_them(tmp_path: Path) -> None:
    out, _ = a_run(tmp_path)
    _, case = a_run(tmp_path, NUCLEI.replace(foreground={"objects": "one"}))
    assert not (out / "objects.csv").exists()
    assert "instances" not in case["outputs"]
    report = json.loads((out / "report.json").read_text())
    assert report["left_from_other_runs"] == []
    assert not (out / "instances" / "a.png").exists(), "a new result replaces the older one as a whole"


def test_more_objects_than_a_map_can_hold_are_in_the_table_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_case, "MAX_LABELS", 3)
    out, case = a_run(tmp_path)
    assert "instances" not in case["outputs"]
    assert case["notes"] == ["no instance map is written: it holds at most 3 objects; got 4, which objects.csv has"]
    assert len(rows_of(out / "objects.csv")) == 4


def test_measure_takes_instance_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Segmentation) -> None:
    out, _ = a_run(tmp_path)
    assert run_program(monkeypatch, "measure", out / "instances", "-o", tmp_path / "sizes.csv") == 0
    rows = rows_of(tmp_path / "sizes.csv")
    assert [int(row["n_voxels"]) for row in rows] == [one.area_px for one in found.objects]


def test_previews_outline_each_object(found: Segmentation) -> None:
    assert found.instances is not None
    from msformer.image import Image

    image = Image.from_array(discs())
    pictures = [
        preview(image, found.label_map, shown, found.intensity_range) for shown in (found.mask, found.instances)
    ]
    outlined = [int((picture == OUTLINE_COLOUR).all(axis=2).sum()) for picture in pictures]
    assert outlined[1] > outlined[0]


def a_set(folder: Path) -> Path:
    truth = true_objects()
    folders: dict[str, NDArray[Any]] = {
        "images": discs(),
        "masks": ((truth > 0) * 255).astype(np.uint8),
        "instances": truth,
    }
    for kind, pixels in folders.items():
        (folder / kind).mkdir(parents=True)
        Pillow.fromarray(pixels).save(folder / kind / "a.png")
    return folder


@pytest.mark.parametrize("truth", ["set", "set/masks"])
def test_evaluate_compares_objects_where_a_set_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], truth: str
) -> None:
    out, _ = a_run(tmp_path)
    a_set(tmp_path / "set")
    scores = tmp_path / "scores"
    assert run_program(monkeypatch, "evaluate", out, tmp_path / truth, "-o", scores) == 0
    told = capsys.readouterr().out
    assert "instances: F1 mean 1.000" in told
    assert "4 of 4 objects found, 4 marked" in told
    (row,) = rows_of(scores / "cases-instances.csv")
    assert (row["case_id"], row["f1"], row["n_pred"], row["n_gt"], row["n_matched"]) == ("a", "1", "4", "4", "4")
    assert 0.8 < float(row["aji"]) <= 1
    summary = json.loads((scores / "summary.json").read_text())
    assert summary["instances"]["metrics"]["f1"]["mean"] == summary["instances"]["pooled"]["f1"] == 1
    assert set(summary["protocols"]) >= {"automatic", "oracle-cluster"}
    assert "Objects one by one, 1 cases" in (scores / "index.html").read_text()


def test_evaluate_takes_folders_and_files_of_instance_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = a_set(tmp_path / "set") / "instances"
    pred = tmp_path / "pred"
    pred.mkdir()
    joined = true_objects()
    joined[joined == 2] = 1  # the two that touch as one: of 4 true ones 2 are found for sure, and 1 of more than half
    Pillow.fromarray(joined).save(pred / "a.png")
    Pillow.fromarray(joined).save(pred / "b.png")
    scores = tmp_path / "scores"
    assert run_program(monkeypatch, "evaluate", pred, truth, "-o", scores, "--as", "instances") == 1  # b has no truth
    assert "only in PRED, not scored: b" in capsys.readouterr().out
    (row,) = rows_of(scores / "cases-instances.csv")
    areas = np.bincount(true_objects().ravel())[1:]
    n_matched = 2 + int(areas[0] / (areas[0] + areas[1]) > 0.5)
    assert int(row["n_matched"]) == n_matched
    assert float(row["f1"]) == pytest.approx(2 * n_matched / (3 + 4), rel=1e-5)
    assert [path.name for path in scores.glob("cases-*.csv")] == ["cases-instances.csv"]
    summary = json.loads((scores / "summary.json").read_text())
    assert (summary["n_paired"], summary["n_scored"], summary["protocols"]) == (1, 1, {})
    again = tmp_path / "again"
    assert run_program(monkeypatch, "evaluate", pred / "a.png", truth / "a.png", "-o", again, "--as", "instances") == 0
    # A later evaluation of masks leaves no table of objects.
    assert run_program(monkeypatch, "evaluate", truth.parent / "masks", truth.parent / "masks", "-o", again) == 0
    assert not (again / "cases-instances.csv").exists()


def test_evaluate_tells_masks_and_failures_among_instance_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = a_set(tmp_path / "set")
    arguments: list[str | Path] = ["-o", tmp_path / "scores", "--as", "instances"]
    assert run_program(monkeypatch, "evaluate", data / "masks", data / "instances", *arguments) == 0
    assert "the instance map of the prediction holds one number, 255: is it a mask?" in capsys.readouterr().out
    other = tmp_path / "other"
    other.mkdir()
    Pillow.fromarray(true_objects()[1:]).save(other / "a.png")
    assert run_program(monkeypatch, "evaluate", other, data / "instances", *arguments) == 1
    assert "must have the size of the ground truth" in capsys.readouterr().err
    Pillow.fromarray(np.dstack([discs(), discs(), 255 - discs()])).save(other / "a.png")
    assert run_program(monkeypatch, "evaluate", other, data / "instances", *arguments) == 1
    assert "must be grey" in capsys.readouterr().err


def test_benchmark_scores_objects_where_a_set_has_them(tmp_path: Path) -> None:
    a_set(tmp_path / "data" / "discs")
    truth = a_set(tmp_path / "data" / "plain") / "instances"
    (truth / "a.png").unlink()
    truth.rmdir()
    found = discover(tmp_path / "data")
    assert [case.instances is not None for case in found.cases] == [True, False]
    tasks = plan_tasks(found.cases, ["kmeans-3", "otsu-2"], [0], NUCLEI)
    out = tmp_path / "out"
    records = run_tasks(tasks, out, workers=1)
    objects = {(record["set"], record["method"]): record["objects"] for record in records}
    assert objects["plain", "otsu-2"] is None
    assert objects["discs", "otsu-2"]["parted"]["f1"] == 1
    # Three components, the touching pair as one: two of them match, and of the pair neither or one.
    assert objects["discs", "otsu-2"]["components"]["n_pred"] == 3
    assert objects["discs", "otsu-2"]["components"]["f1"] < 1
    table = Table(records)
    assert table.objects("plain") == []
    row = next(row for row in table.objects("discs") if row.method == "otsu-2")
    assert (row.n, row.n_found, row.n_true, row.parted[0]) == (1, 4, 4, 1)
    write_report(out, records, command="x", markdown=tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "## Objects one by one" in page
    assert "| otsu-2 | 1 | 1.000 |" in page
    assert "Objects one by one" in (out / "index.html").read_text()
    assert json.loads((out / "summary.json").read_text())["objects"]["plain"] == []
    # What objects are compared with is part of what a run depends on.
    assert tasks[0].fingerprint() != replace(tasks[0], case=replace(tasks[0].case, instances=None)).fingerprint()


def test_a_failed_run_counts_as_nothing_found_and_one_without_objects_does_not_count() -> None:
    scores = {"f1": 0.8, "aji": 0.6, "pq": 0.5, "n_pred": 9, "n_gt": 10}
    done = {"set": "s", "method": "m", "seed": 0, "status": "done"}
    records = [
        {**done, "case": "a", "objects": {"parted": scores, "components": {**scores, "f1": 0.4}}},
        {**done, "case": "b", "objects": {"parted": None, "components": scores}},
        {**done, "case": "c", "status": "failed"},
    ]
    (row,) = Table(records).objects("s")
    assert (row.n, row.n_found, row.n_true) == (2, 9, 10)
    assert row.parted == pytest.approx((0.4, 0.3, 0.25))
    assert row.components[0] == pytest.approx(0.2)
