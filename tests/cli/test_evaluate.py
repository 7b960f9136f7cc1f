from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.conftest import MakeSquare
from tests.helpers import FAST, run_program

from msformer.io import write_mask, write_png
from msformer.phantoms import make_phantom

SHAPE = 41, 53
METRIC_COLUMNS = (
    "dice", "iou", "sensitivity", "specificity", "hm_error", "xor_error", "hausdorff95_px", "assd_px", "surface_dice",
)  # fmt: skip


def block(first_row: int, rows: int = 10) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[first_row : first_row + rows, 7:27] = True
    return mask


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Dice .5, 1, 0 and, with both masks empty, 1."""
    pred, gt = tmp_path / "pred", tmp_path / "gt"
    nothing = np.zeros(SHAPE, dtype=bool)
    masks = {
        "half": (block(5), block(10)),
        "same": (block(10), block(10)),
        "none": (block(0), block(20)),
        "empty": (nothing, nothing),
    }
    for name, (mask_pred, mask_gt) in masks.items():
        write_mask(pred / f"{name}.png", mask_pred)
        write_mask(gt / f"{name}.png", mask_gt)
    return pred, gt, tmp_path / "out"


def strict_json(path: Path) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_scored_is_0_and_the_reports_agree(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pred, gt, out = folders
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out) == 0
    assert "automatic: Dice mean 0.625, median 0.750, 4 scored" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["cases-automatic.csv", "index.html", "summary.json"]

    rows = {row["case_id"]: row for row in table(out / "cases-automatic.csv")}
    assert {name: row["dice"] for name, row in rows.items()} == {"half": "0.5", "same": "1", "none": "0", "empty": "1"}
    assert set(METRIC_COLUMNS) | {"protocol", "tolerance_px"} <= set(rows["half"])
    assert rows["empty"]["sensitivity"] == ""
    assert (rows["half"]["area_pred_px"], rows["half"]["height_px"], rows["half"]["width_px"]) == ("200", "41", "53")

    summary = strict_json(out / "summary.json")
    assert (summary["n_paired"], summary["n_scored"], summary["failures"]) == (4, 4, [])
    (protocol,) = summary["protocols"].values()
    assert set(protocol["metrics"]) == set(METRIC_COLUMNS)
    assert protocol["metrics"]["dice"]["mean"] == (0.5 + 1 + 0 + 1) / 4
    assert protocol["metrics"]["sensitivity"]["n_undefined"] == 1
    assert summary["definitions"]["surface_library"] == "scipy, equal to monai.metrics"
    assert "95th percentiles" in summary["definitions"]["hausdorff95"]
    assert summary["versions"]["scipy"]


def test_one_case_has_no_interval_and_json_says_null(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pred, gt, out = folders
    assert run_program(monkeypatch, "evaluate", pred / "half.png", gt / "half.png", "-o", out) == 0
    assert strict_json(out / "summary.json")["protocols"]["automatic"]["metrics"]["dice"]["ci_low"] is None


def test_leftovers_and_failures_are_1_and_are_told(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pred, gt, out = folders
    (gt / "same.png").unlink()
    (pred / "none.png").unlink()
    write_mask(pred / "half.png", block(5)[:, :-4])
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out) == 1
    captured = capsys.readouterr()
    assert "only in PRED, not scored: same" in captured.out
    assert "only in GT, not scored: none" in captured.out
    assert "1 of 2 pairs scored" in captured.out
    assert "failed: half: ImageShapeError" in captured.err
    summary = strict_json(out / "summary.json")
    assert (summary["only_pred"], summary["only_gt"]) == (["same"], ["none"])
    (failure,) = summary["failures"]
    assert "41 rows × 49 columns, ground truth 41 rows × 53 columns" in failure["error"]
    assert "ImageShapeError" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    "change", [["gt", "same", False], ["pred", "same", False], ["pred", "half", True], ["gt", "half", True]]
)
def test_any_one_trouble_is_1(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, change: tuple[str, str, bool]
) -> None:
    side, name, is_broken = change
    file = folders[0].parent / side / f"{name}.png"
    file.write_text("no image") if is_broken else file.unlink()
    assert run_program(monkeypatch, "evaluate", folders[0], folders[1], "-o", folders[2]) == 1


def test_a_run_in_which_all_fail_still_has_its_reports(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pred, gt, out = folders
    (pred / "half.png").write_text("no image")
    assert run_program(monkeypatch, "evaluate", pred / "half.png", gt / "half.png", "-o", out) == 1
    assert strict_json(out / "summary.json")["protocols"] == {}
    assert "no image format" in (out / "index.html").read_text()
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "summary.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["PRED", "absent", "-o", "OUT"], "does not exist"),
        (["PRED", "GT/half.png", "-o", "OUT"], "two folders or two files"),
        (["PRED", "EMPTY", "-o", "OUT"], "no name in PRED is also in GT"),
        (["PRED", "GT"], "--out"),
        (["PRED", "GT", "-o", "PRED"], "a folder of its own"),
        (["PRED", "GT", "-o", "GT/half.png"], "must be a folder"),
        (["PRED", "GT", "-o", "OUT", "--tolerance-mm", "1"], "--spacing-mm"),
        (["PRED", "GT", "-o", "OUT", "--spacing-mm", "1", "1", "--tolerance-px", "1"], "--tolerance-px"),
        (["PRED", "GT", "-o", "OUT", "--spacing-mm", "1", "0"], "spacing_mm"),
        (["PRED", "GT", "-o", "OUT", "--tolerance-px", "-1"], "--tolerance-px"),
        (["PRED", "GT", "-o", "OUT", "--as", "nothing"], "nothing"),
        (["PRED", "GT", "-o", "OUT", "--worst", "-1"], "--worst"),
        (["PRED", "GT", "-o", "OUT", "--images", "absent"], "absent"),
        (["PRED", "GT", "-o", "OUT", "--images", "GT/half.png"], "must be a folder"),
    ],
)
def test_usage_errors_are_2_and_write_nothing(
    folders: tuple[Path, Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    pred, gt, out = folders
    (gt.parent / "empty").mkdir()
    places = {"PRED": pred, "GT": gt, "OUT": out, "EMPTY": gt.parent / "empty", "GT/half.png": gt / "half.png"}
    assert run_program(monkeypatch, "evaluate", *[places.get(argument, argument) for argument in arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_options_reach_the_reports(folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pred, gt, out = folders
    arguments = ["--spacing-mm", "0.5", "2", "--tolerance-mm", "0.25", "--as", "labels"]
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out, *arguments) == 0
    summary = strict_json(out / "summary.json")
    assert (summary["spacing_mm"], summary["tolerance_mm"], summary["as"]) == ([0.5, 2], 0.25, "labels")
    assert set(summary["protocols"]) == {"oracle-cluster", "oracle-components"}
    rows = {row["case_id"]: row for row in table(out / "cases-oracle-components.csv")}
    assert {row["tolerance_mm"] for row in rows.values()} == {"0.25"}
    assert rows["half"]["hausdorff95_mm"] == "2.5"  # 5 rows of 0.5 mm


def test_tables_of_an_earlier_run_are_removed_and_nothing_else(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pred, gt, out = folders
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out, "--as", "labels") == 0
    first = {"cases-oracle-cluster.csv", "cases-oracle-components.csv", "index.html", "summary.json"}
    assert {path.name for path in out.iterdir()} == first
    own = {"cases-mine.csv", "cases.csv"}
    for name in own:
        (out / name).write_text("not of this program")
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out) == 0
    assert {path.name for path in out.iterdir()} == {"cases-automatic.csv", "index.html", "summary.json"} | own
    assert {row["protocol"] for row in table(out / "cases-automatic.csv")} == {"automatic"}


def test_what_was_guessed_is_told(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pred, gt, out = folders
    for name in ("half", "same"):
        write_png(pred / f"{name}.png", block(10).astype(np.uint8) + np.uint8(1))
    (pred / "none.png").unlink()
    Pillow.fromarray(block(0)).convert("L").save(pred / "none.jpg")  # its edges are blurred
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out) == 1
    captured = capsys.readouterr()
    note = "note: files that hold more than 0 and one other value were taken for label maps; --as masks takes"
    assert note in captured.out
    assert "everything but 0 for the object (cases: 2)" in captured.out
    assert "note: the ground truth is empty (cases: 1)" in captured.out
    assert "failed: none: ImageError" in captured.err
    assert "must not be a JPEG" in (out / "index.html").read_text()


def figures(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('<figure data-name="')[1:]]


def test_page_is_self_contained_and_shows_the_worst_first(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pred, gt, out = folders
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out, "--worst", "2") == 0
    page = (out / "index.html").read_text()
    assert figures(page) == ["none", "half"]
    assert page.count("src=") == page.count('src="data:image/png;base64,') == 2
    assert not any(text in page for text in ("http:", "https:", "<link", "<script", "@import", "url("))
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out, "--worst", "0") == 0
    assert not figures((out / "index.html").read_text())


def test_images_are_shown_where_they_fit(folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pred, gt, out = folders
    images = pred.parent / "images"
    write_png(images / "half.png", np.full((*SHAPE, 3), 120, dtype=np.uint8))
    write_png(images / "none.png", np.full((SHAPE[0] + 2, SHAPE[1]), 120, dtype=np.uint8))
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out, "--images", images) == 0
    page = (out / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("data:image/png;base64,") == 3
    assert page.count("no image of this name") == 2
    assert "must have the size of the masks" in page


def test_names_are_escaped_in_the_page(folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pred, gt, out = folders
    evil = '<img src=x onerror="alert(1)">&{{ title }}'
    for folder in (pred, gt):
        shutil.copy(folder / "half.png", folder / f"{evil}.png")
    write_mask(pred / "<b>left.png", block(5))
    assert run_program(monkeypatch, "evaluate", pred, gt, "-o", out) == 1
    page = (out / "index.html").read_text()
    assert "<img src=x" not in page
    assert "<b>left" not in page
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;{{ title }}" in page
    assert "&lt;b&gt;left" in page


def test_each_protocol_has_a_table_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], square_image: MakeSquare
) -> None:
    """From images to scores, with what `segment` writes."""
    for number in (0, 1):
        phantom = make_phantom("cells", seed=number, shape=(71, 97))
        write_png(tmp_path / "images" / f"{phantom.name}.png", phantom.image)
        write_mask(tmp_path / "truth" / f"{phantom.name}.png", phantom.mask)
    Pillow.fromarray(square_image()).save(tmp_path / "images" / "extra.png")
    results, out = tmp_path / "results", tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / "images", "-o", results, "--progress", "none", *FAST) == 0
    assert run_program(monkeypatch, "evaluate", results, tmp_path / "truth", "-o", out) == 1
    assert "only in PRED, not scored: extra" in capsys.readouterr().out
    summary = strict_json(out / "summary.json")
    assert list(summary["protocols"]) == ["automatic", "oracle-cluster", "oracle-components", "released"]
    assert all(entry["n_cases"] == 2 for entry in summary["protocols"].values())
    rows = [row for protocol in summary["protocols"] for row in table(out / f"cases-{protocol}.csv")]
    assert [row["protocol"] for row in rows] == [name for name in summary["protocols"] for _ in range(2)]
    dice = {(row["protocol"], row["case_id"]): float(row["dice"]) for row in rows}
    assert len(dice) == len(rows) == 8
    for name in {row["case_id"] for row in rows}:
        assert dice["oracle-components", name] >= dice["oracle-cluster", name]
    page = (out / "index.html").read_text()
    assert page.count("<table>") == 8
    for protocol in summary["protocols"]:
        assert f"<h2>Protocol {protocol}, 2 cases</h2>" in page
    assert run_program(monkeypatch, "evaluate", results, tmp_path / "truth", "-o", results) == 2


@pytest.mark.parametrize("command", ["evaluate", "phantoms"])
def test_help_does_not_load_heavy_libraries(command: str) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "msformer", command, "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "msformer.cli.evaluate" in loaded
    assert not loaded & {"torch", "numpy", "scipy", "cv2", "monai", "msformer.evaluation", "msformer.phantoms"}
