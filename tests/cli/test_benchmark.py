from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.helpers import run_program


def test_several_values_after_one_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_program(monkeypatch, "phantoms", "-o", tmp_path / "data", "--kind", "cells", "empty", "--count", "1") == 0
    )
    code = run_program(
        monkeypatch, "benchmark", "--data", tmp_path / "data", "--methods", "otsu-2", "disc", "--seeds", "3", "4",
        "-o", tmp_path / "out", "--workers", "1", "--max-cases", "1", "--set", "prepare.working_size=41",
        "--markdown", tmp_path / "page.md", "--no-progress",
    )  # fmt: skip
    assert code == 0
    assert "4 of 4 runs done" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "--methods otsu-2 disc --seeds 3 4" in summary["command"]
    records = [json.loads(path.read_text()) for path in (tmp_path / "out" / "runs").rglob("*.json")]
    assert {(record["set"], record["method"], record["seed"]) for record in records} == {
        (name, method, 3) for name in ("cells", "empty") for method in ("otsu-2", "disc")
    }
    assert {record["config"]["prepare"]["working_size"] for record in records} == {41}
    assert (tmp_path / "page.md").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "absent", "-o", "out"], "--data must be a folder"),
        (["--data", ".", "-o", "out", "--methods", "nope"], "nope"),
        (["-o", "out"], "--data"),
    ],
)
def test_wrong_usage_is_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    run_program(monkeypatch, "phantoms", "-o", ".", "--kind", "empty", "--count", "1")
    assert run_program(monkeypatch, "benchmark", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_failed_run_is_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run_program(
        monkeypatch, "phantoms", "-o", tmp_path / "data", "--kind", "cells", "--count", "1", "--difficulty", "0.1"
    )
    (image,) = (tmp_path / "data" / "cells" / "images").iterdir()
    image.write_text("broken")
    out = tmp_path / "out"
    code = run_program(
        monkeypatch, "benchmark", "--data", tmp_path / "data", "--methods", "disc", "-o", out, "--workers", "1"
    )
    assert code == 1
    captured = capsys.readouterr()
    assert "0 of 1 runs done" in captured.out
    assert "no image format" in captured.err
