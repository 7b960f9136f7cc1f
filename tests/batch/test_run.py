from __future__ import annotations

import csv
import json
import logging
import os
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.conftest import MakeSquare
from tests.helpers import page_cases
from tests.io.test_dicom import make_slice, save

from msformer import processes
from msformer.batch import files as batch_files
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases, split_cases
from msformer.config import Config
from msformer.errors import WorkerDiedError
from msformer.executors import Here, Processes
from msformer.io import read_image, write_mask
from msformer.pipeline import segment
from msformer.processes import Split

OF_A = ["colours/a.png", "labels/a.png", "masks/a.png", "overlays/a.jpg", "preview/a.png"]
"""What there is of a picture."""


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory, square_image: MakeSquare) -> Path:
    """Every kind of trouble beside good images."""
    folder = tmp_path_factory.mktemp("mixed")
    good = square_image()
    Pillow.fromarray(good).save(folder / "good.png")
    Pillow.fromarray(good).save(folder / "cut.jpg")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no image")
    Pillow.new("RGB", (1, 1)).save(folder / "dot.png")
    Pillow.new("RGB", (64, 48), (90, 90, 90)).save(folder / "constant.png")
    tifffile.imwrite(folder / "deep.tif", square_image(channels=1, dtype=np.uint16) * 20)
    Pillow.fromarray(np.dstack([good, np.full(good.shape[:2], 255, np.uint8)])).save(folder / "alpha.png")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(square_image(channels=1)).save(folder / "turned.jpg", exif=exif)
    return folder


@pytest.fixture(scope="module")
def results(mixed_folder: Path, fast: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("out") / "with space" / "new"
    records = run_cases(plan_cases([str(mixed_folder)]), fast, out, spacing_mm=(0.5, 0.5))
    return out, records


GOOD = {"alpha", "constant", "deep", "good", "turned"}
TIFF = {("labels", "deep"), ("masks", "deep")}
"""Results of a TIFF are TIFFs."""
BAD = {"cut": "runcated", "dot": "at least 33 px", "text": "no image format"}


def test_every_readable_case_has_results_and_every_other_a_reason(results: tuple[Path, Any]) -> None:
    _, records = results
    assert {record["case_id"] for record in records if record["status"] == "done"} == GOOD
    for record in records:
        if record["status"] == "failed":
            assert BAD[record["case_id"]] in record["error"]
            assert record["case_id"] in record["error"]
            assert record["files"] == [record["source"]]


def test_a_series_that_fails_names_its_files(tmp_path: Path, fast: Config) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    files = [
        save(make_slice(np.full((40, 44), 9 * number, np.uint16), 2.0 * number, number), folder / f"s{number}.dcm")
        for number in range(1, 4)
    ]
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[:-1000])
    run_cases(plan_cases([str(folder)]), fast, tmp_path / "out")
    (failed,) = json.loads((tmp_path / "out" / "report.json").read_text())["cases"]
    assert (failed["status"], failed["source"]) == ("failed", str(folder))
    assert failed["files"] == [str(path) for path in files]


def test_nothing_is_half_written(results: tuple[Path, Any]) -> None:
    out, _ = results
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    expected = {
        f"{kind}/{name}{'.tif' if (kind, name) in TIFF else '.png'}"
        for kind in ("labels", "masks", "preview")
        for name in GOOD
    }
    expected |= {f"{kind}/{name}.jpg" for kind in ("overlays", "thumbnails") for name in GOOD}
    expected |= {f"colours/{name}.png" for name in GOOD}
    assert files == expected | {"report.json", "journal/all.jsonl", "regions.csv", "index.html", ".msformer"}


def test_results_have_the_size_of_the_upright_image(results: tuple[Path, Any], mixed_folder: Path) -> None:
    out, _ = results
    sizes = {}
    for name in GOOD - {"deep"}:
        with Pillow.open(out / "labels" / f"{name}.png") as labels, Pillow.open(out / "masks" / f"{name}.png") as mask:
            sizes[name] = labels.size
            assert mask.size == labels.size
            assert set(np.unique(np.asarray(mask))) <= {0, 255}
            assert np.asarray(labels).min() == 1
    assert sizes["turned"] == (71, 97)  # width, height: stored as 97 × 71, turned by a quarter
    assert sizes["good"] == (97, 71)


def test_files_hold_what_the_pipeline_gives(results: tuple[Path, Any], mixed_folder: Path, fast: Config) -> None:
    out, _ = results
    expected = segment(read_image(mixed_folder / "good.png"), fast)
    np.testing.assert_array_equal(read_image(out / "labels" / "good.png").pixels, expected.label_map)
    np.testing.assert_array_equal(read_image(out / "masks" / "good.png").pixels > 0, expected.mask)


def test_report_tells_all_of_the_run(results: tuple[Path, Any], fast: Config) -> None:
    out, _ = results
    report = json.loads((out / "report.json").read_text())
    assert (report["planned"], report["done"], report["failed"], report["interrupted"]) == (8, 5, 3, False)
    assert Config.from_mapping(report["config"]) == fast
    assert report["config_digest"] == fast.digest
    by_name = {case["case_id"]: case for case in report["cases"]}
    assert by_name["text"]["error_type"] == "ReadError"
    assert by_name["constant"]["stop_reason"] == "blank"
    assert by_name["deep"]["dtype"] == "uint16"
    for name in GOOD:
        for path in by_name[name]["outputs"].values():
            assert (out / path).is_file()


def test_region_table_adds_up(results: tuple[Path, Any]) -> None:
    out, _ = results
    with (out / "regions.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["case_id"] == "good"]
    labels = [row for row in rows if row["kind"] == "label"]
    assert sum(int(row["area_px"]) for row in labels) == 71 * 97
    assert [int(row["label"]) for row in labels] == list(range(1, len(labels) + 1))
    for row in rows:
        assert float(row["area_mm2"]) == pytest.approx(int(row["area_px"]) * 0.25, rel=1e-4)
        assert float(row["mean_intensity_3"]) > 0


def test_page_shows_every_case_and_needs_nothing_from_outside(results: tuple[Path, Any]) -> None:
    out, _ = results
    cases = page_cases(out)
    assert set(cases) == GOOD | set(BAD)
    assert all(cases[name]["picture"].startswith("data:image/jpeg;base64,") for name in GOOD)
    assert all(cases[name]["state"] == "failed" and "picture" not in cases[name] for name in BAD)
    for name in GOOD:
        words = [word for word, _ in cases[name]["files"]]
        assert words == ["outline on the image", "clusters in colours", "mask", "labels", "preview"]
        assert all((out / address).is_file() for _, address in cases[name]["files"])


def test_a_very_long_image_has_a_low_preview_and_still_a_page(tmp_path: Path, fast: Config) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (33, 3000), dtype=np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "strip.png")
    records = run_cases(plan_cases([str(tmp_path / "strip.png")]), fast, tmp_path / "out")
    assert records[0]["status"] == "done"
    assert Pillow.open(tmp_path / "out" / "preview" / "strip.png").height < 33
    assert "data:image/jpeg;base64," in (tmp_path / "out" / "index.html").read_text()


def test_a_case_that_fails_now_keeps_the_results_of_an_earlier_run_but_does_not_list_them(
    tmp_path: Path, fast: Config, square_image: MakeSquare
) -> None:
    source, out = tmp_path / "a.png", tmp_path / "out"
    Pillow.fromarray(square_image()).save(source)
    run_cases(plan_cases([str(source)]), fast, out)
    before = {path: path.read_bytes() for path in out.rglob("a.png")}
    assert len(before) == 4
    source.write_text("broken")
    run_cases(plan_cases([str(source)]), fast, out)
    assert {path: path.read_bytes() for path in out.rglob("a.png")} == before
    report = json.loads((out / "report.json").read_text())
    assert [case["status"] for case in report["cases"]] == ["failed"]
    assert report["left_from_other_runs"] == OF_A


def test_an_unexpected_error_is_a_record_too(
    tmp_path: Path, fast: Config, square_image: MakeSquare, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.fromarray(square_image()).save(tmp_path / "a.png")
    Pillow.fromarray(square_image()).save(tmp_path / "b.png")
    calls: list[Path] = []

    def fail_once(path: Path, mask: Any) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise OSError("no space left on device")
        write_mask(path, mask)

    monkeypatch.setattr(batch_files, "write_mask", fail_once)
    records = run_cases(plan_cases([str(tmp_path)]), fast, tmp_path / "out")
    assert [record["status"] for record in records] == ["failed", "done"]
    assert records[0]["error"] == "no space left on device"
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"b.png"}


def test_an_interruption_in_the_middle_of_a_case_leaves_nothing_of_it(
    tmp_path: Path, fast: Config, square_image: MakeSquare, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.fromarray(square_image()).save(tmp_path / "a.png")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_files, "write_mask", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_cases(plan_cases([str(tmp_path / "a.png")]), fast, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.png"))


def test_names_too_long_to_write_do_not_stop_the_others(tmp_path: Path, fast: Config, square_image: MakeSquare) -> None:
    for name in ("n" * 250 + ".png", "n" * 250 + ".jpg", "z.png"):
        Pillow.fromarray(square_image()).save(tmp_path / name)
    records = run_cases(plan_cases([str(tmp_path)]), fast, tmp_path / "out")
    assert [record["status"] for record in records] == ["failed", "failed", "done"]


def test_a_name_that_is_no_text_is_reported_as_an_escape(
    tmp_path: Path, fast: Config, square_image: MakeSquare, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    Pillow.fromarray(square_image()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    run_cases(plan_cases([str(tmp_path)]), fast, tmp_path / "out")
    for name in ("report.json", "regions.csv", "index.html"):
        assert "udcff" in (tmp_path / "out" / name).read_text()
    assert "udcff" in caplog.text
    caplog.text.encode()  # plain text


def test_results_of_other_settings_in_the_same_folder_are_told_and_not_listed(
    tmp_path: Path, fast: Config, square_image: MakeSquare
) -> None:
    for seed, name in enumerate("ab"):
        Pillow.fromarray(square_image()).save(tmp_path / f"{name}.png")
        settings = fast.replace(random_state=seed)
        run_cases(plan_cases([str(tmp_path / f"{name}.png")]), settings, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [case["case_id"] for case in report["cases"]] == ["b"]
    assert report["left_from_other_runs"] == OF_A
    assert "5 files here are of other runs" in (tmp_path / "out" / "index.html").read_text()


def test_a_second_call_with_other_images_of_the_same_settings_adds_to_the_report(
    tmp_path: Path, fast: Config, square_image: MakeSquare
) -> None:
    for name in "ab":
        Pillow.fromarray(square_image()).save(tmp_path / f"{name}.png")
        run_cases(plan_cases([str(tmp_path / f"{name}.png")]), fast, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [case["case_id"] for case in report["cases"]] == ["a", "b"]
    assert (report["planned"], report["left_from_other_runs"]) == (2, [])


def test_interruption_writes_the_report_of_what_was_done(
    tmp_path: Path, fast: Config, square_image: MakeSquare
) -> None:
    for name in "abc":
        Pillow.fromarray(square_image()).save(tmp_path / f"{name}.png")

    def interrupt(record: Any) -> None:
        if record["case_id"] == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cases(plan_cases([str(tmp_path)]), fast, tmp_path / "out", on_record=interrupt)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["planned"], report["done"], report["interrupted"]) == (3, 2, True)
    assert "interrupted after 2 of 3" in (tmp_path / "out" / "index.html").read_text()


def test_labels_do_not_depend_on_order_or_company(tmp_path: Path, fast: Config, mixed_folder: Path) -> None:
    alone = run_cases(plan_cases([str(mixed_folder / "good.png")]), fast, tmp_path / "alone")
    backwards = [case for case in reversed(plan_cases([str(mixed_folder)])) if case.case_id in GOOD]
    run_cases(backwards, fast, tmp_path / "together")
    assert alone[0]["status"] == "done"
    assert (tmp_path / "alone/labels/good.png").read_bytes() == (tmp_path / "together/labels/good.png").read_bytes()


def test_two_processes_give_what_one_gives_in_the_order_of_the_cases(
    results: tuple[Path, Any], mixed_folder: Path, fast: Config, tmp_path: Path
) -> None:
    out, serial = results
    told: list[str] = []
    two = Processes(2)
    parallel = run_cases(
        plan_cases([str(mixed_folder)]),
        fast,
        tmp_path,
        spacing_mm=(0.5, 0.5),
        executor=two,
        on_record=lambda record: told.append(record["case_id"]),
    )
    two.close()
    assert sorted(told) == [record["case_id"] for record in parallel] == [record["case_id"] for record in serial]
    timed = {"elapsed_s", "timings_s"}
    for one, other in zip(parallel, serial, strict=True):
        assert {k: v for k, v in one.items() if k not in timed} == {k: v for k, v in other.items() if k not in timed}
    for path in out.rglob("*.png"):
        assert path.read_bytes() == (tmp_path / path.relative_to(out)).read_bytes()
    assert (tmp_path / "regions.csv").read_bytes() == (out / "regions.csv").read_bytes()


def test_a_case_whose_process_dies_twice_fails_and_the_others_go_on(
    mixed_folder: Path, fast: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = plan_cases([str(mixed_folder / "good.png"), str(mixed_folder / "deep.tif")])

    class Dying(Here):
        tried: ClassVar[list[tuple[str, bool]]] = []

        def submit(self, call: Any, item: Any, *, is_alone: bool = False) -> Future[Any]:
            if item.case_id == "good":
                return super().submit(call, item)
            self.tried.append((item.case_id, is_alone))
            dead: Future[Any] = Future()
            dead.set_exception(WorkerDiedError("its process died of SIGKILL"))
            return dead

    records = run_cases(cases, fast, tmp_path, executor=Dying())
    assert [record["status"] for record in records] == ["done", "failed"]
    assert records[1]["error"] == "its process died of SIGKILL"
    assert Dying.tried == [("deep", False), ("deep", True)]
    assert records[1]["files"] == [str(mixed_folder / "deep.tif")]
    assert {path.stem for path in tmp_path.rglob("*.png")} == {"good"}


def test_split_is_wide_for_small_cases_and_deep_for_heavy_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "usable_cores", lambda: 4)
    monkeypatch.setattr(processes, "free_memory", lambda: 9 * 2**30)
    assert split_cases(100, Config.from_preset()) == Split(4, 1)
    assert split_cases(100, Config.from_preset("paper-demo")) == Split(2, 2)  # 2.6 GB each


def test_larger_images_than_allowed_fail_with_limit_and_option(
    mixed_folder: Path, fast: Config, tmp_path: Path
) -> None:
    cases = plan_cases([str(mixed_folder / "good.png"), str(mixed_folder / "deep.tif")])
    for record in run_cases(cases, fast, tmp_path, max_pixels=71 * 97 - 1):
        assert record["status"] == "failed"
        assert f"max_pixels={71 * 97 - 1}" in record["error"]
        assert str(71 * 97) in record["error"]
        assert "--max-pixels" in record["error"]
    assert all(record["status"] == "done" for record in run_cases(cases, fast, tmp_path, max_pixels=71 * 97))
