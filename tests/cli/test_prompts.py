"""Prompts of one image never reach another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer.cli import app
from msformer.errors import ConfigError

SHAPE = 90, 120


def two_discs(path: Path) -> None:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    pixels = np.random.default_rng(0).normal(205, 3, (*SHAPE, 3))
    for centre in (35, 85):
        pixels[(rows - 45) ** 2 + (columns - centre) ** 2 <= 16**2] -= 90
    Pillow.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        two_discs(folder / f"{name}.png")
    return folder


def mask(out: Path, name: str) -> np.ndarray:
    return np.asarray(Pillow.open(out / "masks" / f"{name}.png")) > 0


def run(*arguments: object) -> int:
    try:
        app([str(one) for one in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("said", [("--point", 45, 85), ("--box", 28, 68, 62, 102)])
def test_one_point_or_box_is_not_for_a_folder(
    images: Path, tmp_path: Path, said: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("segment", images, "-o", tmp_path / "out", *said) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "these are 3" in told
    assert "--prompts" in told
    assert not (tmp_path / "out").exists()
    assert run("segment", images / "a.png", "-o", tmp_path / "out", *said) == 0


def test_each_image_has_its_own_and_a_new_one_is_done_again(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "prompts.json"
    said = {"a": {"point": [45, 35]}, "b": {"point": [45, 85]}}
    file.write_text(json.dumps(said))
    call = ("segment", images, "-o", out, "--preset", "general", "--prompts", file, "--progress", "none")
    assert run(*call) == 0
    assert (mask(out, "a")[45, 35], mask(out, "a")[45, 85]) == (True, False)
    assert (mask(out, "b")[45, 35], mask(out, "b")[45, 85]) == (False, True)
    capsys.readouterr()
    file.write_text(json.dumps(said | {"b": {"point": [45, 35]}}))
    assert run(*call) == 0
    assert "2 of 3 are finished; to do: 1 changed" in capsys.readouterr().err
    assert (mask(out, "b")[45, 35], mask(out, "b")[45, 85]) == (True, False)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"z": {"point": [1, 2]}}, "'z' is none of the 3 images"),
        ({"a": {"point": [1]}}, "'a': point"),
        ({"a": {"pointt": [1, 2]}}, "'a': pointt"),
        ({"a": 3}, "'a'"),
        ([1], "must hold an object by names; got list"),
        ("not JSON", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_told_before_anything_is_done(
    images: Path, tmp_path: Path, said: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "prompts.json"
    file.write_text(said if isinstance(said, str) else json.dumps(said))
    with pytest.raises((ConfigError, SystemExit)) as caught:
        app(["segment", str(images), "-o", str(tmp_path / "out"), "--prompts", str(file)])
    told = " ".join((str(caught.value) + capsys.readouterr().err).split())
    assert words in told
    assert not (tmp_path / "out").exists()
