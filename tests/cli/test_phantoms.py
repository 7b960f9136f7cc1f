from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import run_program

from msformer import phantoms
from msformer.cli.phantoms import Kind
from msformer.io import read_image
from msformer.phantoms import PHANTOM_KINDS, make_phantom


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_knows_all_kinds() -> None:
    assert tuple(kind.value for kind in Kind) == PHANTOM_KINDS


def test_all_kinds_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch, "phantoms", "-o", tmp_path, "--count", "1") == 0
    assert "15 images with their masks" in capsys.readouterr().out
    files = contents(tmp_path)
    expected = {
        f"{kind}/{side}/{kind}-d{percent}-s0.png"
        for kind in PHANTOM_KINDS
        for side in ("images", "masks")
        for percent in ("010", "030", "060")
    }
    assert set(files) == expected | {"phantoms.json"}
    for name in expected:
        pixels = read_image(tmp_path / name).pixels
        assert pixels.dtype == np.uint8
        if "/masks/" in name:
            assert set(np.unique(pixels)) == ({0} if name.startswith("empty") else {0, 255})
            assert read_image(tmp_path / name.replace("masks", "images")).shape == pixels.shape


def test_files_hold_what_the_listing_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--kind", "lung_ct", "--kind", "cells", "--kind", "cells", "--count", "2", "--seed", "7"]
    assert run_program(monkeypatch, "phantoms", "-o", tmp_path, *arguments, "--difficulty", "0.8") == 0
    listing = json.loads((tmp_path / "phantoms.json").read_text())
    assert (listing["kinds"], listing["count"], listing["seed"], listing["difficulties"]) == (
        ["lung_ct", "cells"], 2, 7, [0.8],
    )  # fmt: skip
    assert listing["versions"]["msformer"]
    assert listing["options"]["lung_ct"] == {"values": "8-bit"}
    assert [entry["name"] for entry in listing["phantoms"]] == [
        "lung_ct-d080-s7", "lung_ct-d080-s8", "cells-d080-s7", "cells-d080-s8",
    ]  # fmt: skip
    for entry in listing["phantoms"]:
        options = listing["options"][entry["kind"]]
        phantom = make_phantom(entry["kind"], seed=entry["seed"], difficulty=entry["difficulty"], **options)
        np.testing.assert_array_equal(read_image(tmp_path / entry["image"]).pixels, phantom.image)
        np.testing.assert_array_equal(read_image(tmp_path / entry["mask"]).pixels > 0, phantom.mask)
        assert entry["object_px"] == phantom.mask.sum()


def test_the_same_options_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        arguments = ["--kind", "ultrasound", "--kind", "dermoscopy", "--count", "2"]
        assert run_program(monkeypatch, "phantoms", "-o", tmp_path / name, *arguments) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    images = [data for name, data in contents(tmp_path / "one").items() if "/images/" in name]
    assert len(set(images)) == len(images) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--out"),
        (["-o", "FILE"], "must be a folder"),
        (["-o", "OUT", "--kind", "brain"], "brain"),
        (["-o", "OUT", "--count", "0"], "--count"),
        (["-o", "OUT", "--seed", "-1"], "--seed"),
        (["-o", "OUT", "--difficulty", "1.5"], "--difficulty"),
        (["-o", "OUT", "--difficulty", "nan"], "--difficulty"),
        (["-o", "OUT", "--difficulty", "0.301", "--difficulty", "0.3"], "differ in whole percent"),
    ],
)
def test_usage_errors_are_2_and_write_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    places = {"OUT": tmp_path / "out", "FILE": Path(phantoms.__file__)}
    assert run_program(monkeypatch, "phantoms", *[places.get(argument, argument) for argument in arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
