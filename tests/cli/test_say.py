"""What a user says of the object on the command line, and what comes out for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.helpers import page_cases, run_program

LEFT, RIGHT = (slice(30, 60), slice(12, 40)), (slice(40, 55), slice(80, 97))
"""Two dark squares of 840 and 255 px."""
QUICK = ["--preset", "general", "--set", "cluster.method=kmeans", "--progress", "none"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).normal(190, 3, (89, 113, 1)).repeat(3, axis=2)
    pixels[LEFT] -= 90
    pixels[RIGHT] -= 90
    path = tmp_path / "in" / "two.png"
    path.parent.mkdir()
    Pillow.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, image: Path, *arguments: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """The mask and the record of the case."""
    out = image.parent.parent / "out"
    assert run_program(monkeypatch, "segment", image, "-o", out, *QUICK, *arguments) == 0
    record = json.loads((out / "report.json").read_text())["cases"][0]
    return np.asarray(Pillow.open(out / "masks" / "two.png")) > 0, record


def holds(mask: NDArray[Any]) -> tuple[bool, bool]:
    """Whether the mask holds most of the left and of the right square."""
    return bool(mask[LEFT].mean() > 0.8), bool(mask[RIGHT].mean() > 0.8)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--objects", "one"], (True, False)),
        (["--objects", "many", "--polarity", "darker"], (True, True)),
        (["--point", "47", "88"], (False, True)),
        (["--box", "38", "78", "57", "99"], (False, True)),
        (["--region", "20", "60", "80", "110"], (False, True)),
        (["--share", "0.01", "0.05", "--objects", "one"], (False, True)),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_what_is_said_chooses_the_object(
    monkeypatch: pytest.MonkeyPatch, image: Path, arguments: list[str], expected: tuple[bool, bool]
) -> None:
    mask, _ = run(monkeypatch, image, *arguments)
    assert holds(mask) == expected


def test_clusters_limits_the_labels(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    assert run(monkeypatch, image, "--clusters", "2")[1]["n_labels"] == 2


def test_restarts_write_a_stability_map_and_leave_none_of_an_earlier_run(
    monkeypatch: pytest.MonkeyPatch, image: Path
) -> None:
    mask, record = run(monkeypatch, image, "--restarts", "3")
    path = image.parent.parent / "out" / record["outputs"]["stability"]
    stability = np.asarray(Pillow.open(path))
    assert stability.shape == mask.shape
    assert set(np.unique(stability)) <= {0, 85, 170, 255}  # thirds
    assert stability[LEFT].mean() > 200
    assert 0 <= record["agreement"] <= 1
    _, record = run(monkeypatch, image)
    assert "stability" not in record["outputs"]


def test_auto_says_which_preset_and_why(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    out = image.parent.parent / "out"
    assert run_program(monkeypatch, "segment", image, "-o", out, "--progress", "none") == 0
    record = json.loads((out / "report.json").read_text())["cases"][0]
    compared = record["compared"]
    assert set(compared) == {"lung-ct", "chest-xray", "ultrasound", "nuclei", "general"}  # no colour, no header
    first, second = list(compared)[:2]  # in the order in which they stand
    assert (record["preset"], record["config"]["preset"]) == (first, first)
    assert f"{first} fits best ({compared[first]:.2f}), then {second}" in record["preset_reason"]
    assert f"then {second}" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--objects", "seven"], 2, "foreground.objects"),
        (["--polarity", "pink"], 2, "foreground.polarity"),
        (["--share", "0.2", "1.5"], 2, "foreground.max_share"),
        (["--clusters", "1"], 2, "cluster.n_clusters"),
        (["--restarts", "0"], 2, "restarts"),
        (["--point", "99", "5"], 1, "hints.point must lie in rows 0 to 88"),
        (["--region", "0", "0", "20", "20"], 1, "hints.region must be at least 33 px"),
        (["--box", "5", "5", "5", "9"], 1, "hints.box must be"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_an_error_with_its_limit(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    image: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    out = image.parent.parent / "out"
    assert run_program(monkeypatch, "segment", image, "-o", out, *QUICK, *arguments) == code
    told = capsys.readouterr().err + (out / "report.json").read_text() if code == 1 else capsys.readouterr().err
    assert message in told


def test_the_report_shows_the_least_certain_case_first(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    blank = np.random.default_rng(1).normal(120, 3, (89, 113)).clip(0, 255).astype(np.uint8)
    Pillow.fromarray(blank).save(image.parent / "a-noise.png")
    Pillow.fromarray(np.asarray(Pillow.open(image))).save(image.parent / "a-first.png")
    out = image.parent.parent / "out"
    assert run_program(monkeypatch, "segment", image.parent, "-o", out, *QUICK) == 0
    records = {case["case_id"]: case["confidence"] for case in json.loads((out / "report.json").read_text())["cases"]}
    assert records["a-noise"] < records["two"]
    names = list(page_cases(out))
    assert names[0] == "a-noise"
    assert set(names) == {"a-noise", "a-first", "two"}
