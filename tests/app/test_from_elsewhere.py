"""Results whose inputs were named by relative paths, opened from another folder, and moved together with them."""

from __future__ import annotations

import runpy
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.app.helpers import write_lesions
from tests.io.dicom_files import make_series

from msformer.app.desk import Desk, Task
from msformer.batch.journal import read_records
from msformer.batch.learn.jobs import case_of
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config

SCRIPT = Path(__file__).parents[2] / "plugins" / "slicer" / "msformer_slicer.py"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, fast: Config) -> Path:
    """``scans`` with two pictures and two series in one folder, ``results`` of them, told from there."""
    folder = tmp_path_factory.mktemp("ward")
    write_lesions(folder / "scans", 2, shape=(60, 64))
    voxels = np.zeros((60, 64), np.int16)
    voxels[20:40, 20:44] = 900
    size: dict[str, Any] = {"Rows": 60, "Columns": 64, "PixelData": voxels.tobytes()}
    for number in (1, 2):
        series: dict[str, Any] = {"SeriesInstanceUID": f"1.2.3.{number}", "SeriesNumber": number}
        for path in make_series(folder / f"series{number}", **size, **series):
            (folder / "scans" / "head").mkdir(exist_ok=True)
            path.rename(folder / "scans" / "head" / f"{number}-{path.name}")
    with chdir(folder):
        run_cases(
            plan_cases(["scans"], recursive=True), fast.replace(write={"formats": ("seg.nrrd",)}), Path("results")
        )
    return folder


def opened(out: Path) -> dict[str, tuple[int, int]]:
    """The size of each picture and slice as the page shows it."""
    desk = Desk(Task(out))
    sizes = {}
    for row in desk.listing.rows():
        with desk.case(row["name"]) as case:
            sizes[row["name"]] = case.sheet(0 if case.job.is_volume else None).mask.shape
    return sizes


def test_from_another_folder(ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    records, _ = read_records(ward / "results")
    assert {record["source_from"] for record in records} == {".."}
    assert {str(Path(record["source"]).parent) for record in records} == {"scans"}
    sizes = opened(ward / "results")
    assert len(sizes) == 4
    assert set(sizes.values()) == {(60, 64)}


def test_moved_together_and_through_a_link(ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ward, tmp_path / "elsewhere" / "ward")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "ward" / "results")
    monkeypatch.chdir("/")
    assert len(opened(tmp_path / "link")) == 4
    record = next(iter(read_records(tmp_path / "link")[0]))
    assert (tmp_path / "elsewhere" / "ward") in case_of(record, tmp_path / "link").source.parents


def test_results_that_were_moved_alone_find_what_is_here(
    ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = Path(shutil.copytree(ward / "results", tmp_path / "deep" / "er" / "results"))
    monkeypatch.chdir(ward)
    assert len(opened(results)) == 4


def test_the_script_for_slicer_names_a_file_of_the_right_series(
    ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = runpy.run_path(str(SCRIPT))["Cases"](ward / "results")
    images = {cases.image(name) for name in cases.names}
    assert all(path.is_file() for path in images)
    assert {path.name.split("-")[0] for path in images if path.suffix == ".dcm"} == {"1", "2"}
