"""What somebody meets who has never called the program before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.helpers import run_program

from msformer.cli import EXAMPLES, place
from msformer.cli.options import PRESETS
from msformer.config import preset_names

FAST = ("--workers", "0", "--preset", "dermoscopy", "--progress", "none")


def write_picture(path: Path) -> Path:
    pixels = np.full((60, 80, 3), 210, dtype=np.uint8)
    pixels[20:40, 30:50] = (120, 60, 40)
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)
    return path


def test_alone_it_says_what_it_can_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(monkeypatch) == 0
    alone = capsys.readouterr().out
    for call, _ in EXAMPLES:
        assert call in alone
    assert run_program(monkeypatch, "-h") == 0
    assert capsys.readouterr().out == alone


@pytest.mark.parametrize(
    "command", ["segment", "learn", "app", "evaluate", "measure", "grow", "report", "slide", "info", "demo"]
)
def test_every_command_knows_h(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch, command, "-h") == 0
    assert f"msformer {command}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["segment"]], ids=["picture alone", "segment"])
def test_a_picture_is_segmented_into_a_folder_beside_it(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = write_picture(tmp_path / "here" / "my mole.png")
    assert run_program(monkeypatch, *words, picture, *FAST) == 0
    made = tmp_path / "here" / "my mole-msformer"
    assert (made / "masks" / "my mole.png").is_file()
    assert f"look at {(made / 'index.html').as_uri()}" in capsys.readouterr().out


def test_options_may_come_before_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = write_picture(tmp_path / "a.png")
    assert run_program(monkeypatch, *FAST, "-o", tmp_path / "out", picture) == 0
    assert (tmp_path / "out" / "masks" / "a.png").is_file()


def test_what_is_no_command_and_no_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_program(monkeypatch, "segmnt") == 2
    assert "Did you mean 'segment'?" in capsys.readouterr().err
    assert run_program(monkeypatch, "absent.png") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "'absent.png', which does not exist" in told


def test_places_beside_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = tmp_path / "scans"
    write_picture(scans / "a.png")
    write_picture(scans / "b.png")
    (scans / "ct.nii.gz").touch()
    monkeypatch.chdir(tmp_path)
    assert place.results_beside(["scans"]) == Path("scans-msformer")
    assert place.results_beside(["scans/"]) == Path("scans-msformer")
    assert place.results_beside(["scans/a.png"]) == Path("scans/a-msformer")
    assert place.results_beside(["scans/ct.nii.gz"]) == Path("scans/ct-msformer")
    assert place.results_beside(["scans/a.png", "scans/b.png"]) == Path("scans/msformer-results")
    assert place.results_beside(["scans/*.png"]) == Path("scans/msformer-results")
    monkeypatch.chdir(scans)
    assert place.results_beside(["."]) == tmp_path / "scans-msformer"
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # a read-only disk
    assert place.results_beside([str(tmp_path / "scans")]) == Path("scans-msformer")


def test_calls_are_told_as_they_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Path(sys.executable).with_name("msformer")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert place.call("app", "my folder").endswith("msformer app 'my folder'")
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    assert place.call("app", Path("a b")) == "msformer app 'a b'"
    fake = tmp_path / ".venv" / "bin" / "msformer"
    fake.parent.mkdir(parents=True)
    fake.touch()
    monkeypatch.setattr(sys, "executable", str(fake.with_name("python")))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.chdir(tmp_path)
    assert place.call("demo") == ".venv/bin/msformer demo"


def test_help_names_the_presets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert preset_names() == PRESETS
    monkeypatch.setenv("COLUMNS", "200")
    assert run_program(monkeypatch, "segment", "--help") == 0
    told = capsys.readouterr().out
    assert all(name in told for name in PRESETS)
    assert run_program(monkeypatch, "info", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)["presets"]) == PRESETS


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "msformer segment --preset d", "COMP_CWORD": "3"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "msformer segment --preset d"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "msformer segment --preset d", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete(shell: str, words: dict[str, Any]) -> None:
    program = Path(sys.executable).with_name("msformer")
    if not program.exists():
        pytest.skip("the program is not installed beside Python")
    done = subprocess.run(
        [program],
        env=os.environ | {"_MSFORMER_COMPLETE": f"complete_{shell}"} | words,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "dermoscopy" in done.stdout
    assert "general" not in done.stdout
