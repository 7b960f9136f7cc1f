"""``report.json`` and the tables, from records that are read and never kept."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from tests.batch.report.made import REGION, done, draw_previews, failed, report

OBJECT = {
    "label": 1, "area_px": 4, "area_mm2": None, "diameter_px": 2.0, "diameter_mm": None, "perimeter_px": 6.0,
    "perimeter_mm": None, "solidity": 1.0, "centroid": [0.5, 0.5], "bbox": [0, 0, 2, 2], "touches_frame": True,
    "mean_intensity": [9.0, 8.0],
}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_are_as_wide_as_the_widest_case(tmp_path: Path) -> None:
    wide = done("wide", regions=[REGION | {"mean_intensity": [1.0, 2.0, 4.5]}], objects=[OBJECT], n_objects=1)
    report(tmp_path, [done("narrow"), wide, failed("bad")])
    rows = rows_of(tmp_path / "regions.csv")
    assert [(row["case_id"], row["kind"], row["mean_intensity_1"], row["mean_intensity_3"]) for row in rows] == [
        ("narrow", "foreground", "3", None), ("narrow", "label", "3", None),
        ("wide", "foreground", "3", None), ("wide", "label", "1", "4.5"),
    ]  # fmt: skip
    (row,) = rows_of(tmp_path / "objects.csv")
    assert (row["case_id"], row["perimeter_px"], row["mean_intensity_2"], row["touches_frame"]) == (
        "wide",
        "6",
        "8",
        "1",
    )
    report(tmp_path, [done("narrow")])
    assert not (tmp_path / "objects.csv").exists()


def test_the_report_has_a_case_a_line_and_is_json_without_any(tmp_path: Path) -> None:
    report(tmp_path, [done("a\nb"), failed("c")])
    text = (tmp_path / "report.json").read_text()
    cases = json.loads(text)["cases"]
    assert [case["case_id"] for case in cases] == ["a\nb", "c"]
    assert "regions" not in cases[0]
    assert len(re.findall('^  {"case_id".*}', text, re.M)) == 2
    report(tmp_path, [])
    assert json.loads((tmp_path / "report.json").read_text())["cases"] == []


def test_the_report_is_there_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By it a run knows that all others are: none is there yet when a page cannot be written."""
    (tmp_path / "index.html").mkdir()
    with pytest.raises(OSError):
        report(tmp_path, [done("a")])
    assert not (tmp_path / "report.json").exists()


def test_files_of_others_are_told_wherever_they_lie(tmp_path: Path) -> None:
    records = [done("mine")]
    draw_previews(tmp_path, [*records, done("sub/folder/theirs")])
    report(tmp_path, records)
    report(tmp_path, records)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["left_from_other_runs"] == ["preview/sub/folder/theirs.png"]
