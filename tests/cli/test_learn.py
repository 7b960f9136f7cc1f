"""``msformer learn``, and ``segment`` with --learn, --corrections and --model: what they write, and their misuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.helpers import FAST, run_program
from tests.learning.helpers import network

from msformer import prompting
from msformer.batch import learn as batch_learn
from msformer.io import read_image
from msformer.learning import forest, member
from msformer.phantoms import make_phantom
from msformer.prompting.model import Grown

SHAPE = 64, 72


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(prompting, "grown_network", lambda: Grown(network(), "small", {}, ()))
    monkeypatch.setattr(forest, "N_TREES", 9)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for seed, name in enumerate("ab"):
        Pillow.fromarray(make_phantom("dermoscopy", seed=seed, shape=SHAPE).image).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    (tmp_path / "given").mkdir()
    write_correction(tmp_path / "given" / "a.png", 10)
    return tmp_path / "given"


def write_correction(path: Path, top: int) -> None:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[top : top + 30, 20:50] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(mask).save(path)


def first_row(out: Path) -> int:
    """Where the mask of the corrected image begins."""
    return int(np.nonzero(read_image(out / "masks" / "a.png").pixels)[0][0])


def test_learn_segments_and_learns_and_learns_again(
    images: Path, corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = [
        "learn",
        images,
        "-o",
        out,
        "--corrections",
        corrections,
        "--updates",
        "1",
        "--seed",
        "3",
    ]
    assert run_program(monkeypatch, *words, *FAST) == 0
    captured = capsys.readouterr()
    assert "2 of 2 images segmented" in captured.out
    assert "taught by 1 corrected images" in captured.err
    assert "teaching" not in captured.err, "of one image no student is taught"
    assert first_row(out) == 10
    assert {one.name for one in (out / "masks-alone").iterdir()} == {"a.png", "b.png"}
    about = json.loads((out / "model" / "model.json").read_text())
    assert (about["how"]["updates"], about["how"]["seed"]) == (0, 3)
    assert json.loads((out / "report.json").read_text())["learned"]["corrected"] == 1

    write_correction(out / "corrections" / "a.png", 20)  # where it looks by itself
    first = (out / "masks-alone" / "a.png").read_bytes()
    assert run_program(monkeypatch, "learn", out, "--again", "--updates", "1") == 0
    captured = capsys.readouterr()
    assert "segmented" not in captured.out
    assert "looking at" not in captured.err
    assert first_row(out) == 20
    assert (out / "masks-alone" / "a.png").read_bytes() == first


def test_segment_learns_and_another_folder_is_decided_by_it(
    images: Path, corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    words: list[str | Path] = ["segment", images, "-o", out, *FAST, "--learn", "--corrections", corrections]
    monkeypatch.setattr(member, "teach", lambda start, *_: start)  # sixty updates would take their time
    assert run_program(monkeypatch, *words) == 0
    assert "taught by 1 corrected images" in capsys.readouterr().err
    assert first_row(out) == 10
    assert json.loads((out / "model" / "model.json").read_text())["how"]["updates"] == 0
    words = ["segment", images / "b.png", "-o", other, *FAST, "--model", out / "model", "--progress", "none"]
    assert run_program(monkeypatch, *words) == 0
    assert "taught" not in capsys.readouterr().err, "without progress nothing is told"
    report = json.loads((other / "report.json").read_text())
    assert "decided by the model" in report["learned"]["reason"]
    assert report["cases"][0]["learned"]["worth_correcting"] == 0
    assert not (other / "model").exists()


def test_an_image_that_fails_is_1_and_the_others_are_learned_from(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "a.png").write_text("no image")
    assert run_program(monkeypatch, "learn", images, "-o", tmp_path / "out", *FAST) == 1
    captured = capsys.readouterr()
    assert "a.png" in captured.err
    assert "nothing was learned: without corrections it takes 40 images" in captured.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["learned"]["images"] == 1
    assert ["learned" in case for case in report["cases"]] == [False, True]


def test_corrections_inside_of_the_input_are_no_images(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_correction(images / "given" / "a.png", 10)
    out = images / "out"
    write_correction(out / "corrections" / "a.png", 10)
    words: list[str | Path] = ["segment", images, "-r", "-o", out, *FAST, "--learn", "--corrections", images / "given"]
    monkeypatch.setattr(batch_learn, "teach_group", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run_program(monkeypatch, *words) == 130
    assert [case["case_id"] for case in json.loads((out / "report.json").read_text())["cases"]] == ["a", "b"]


def test_interrupted_while_it_teaches_is_130_and_says_how_to_go_on(
    images: Path, corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(batch_learn, "teach_group", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert run_program(patch, "learn", images / "a.png", "-o", out, "--corrections", corrections, *FAST) == 130
    assert f"msformer learn --again {out}" in capsys.readouterr().err
    words = ("learn", "--again", out, "--corrections", corrections, "--updates", "1")
    assert run_program(monkeypatch, *words) == 0
    assert "looking at" not in capsys.readouterr().err, "what was seen is kept"
    assert first_row(out) == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["segment", "IN", "-o", "OUT", "--corrections", "GIVEN"], ["--corrections", "goes with --learn"]),
        (["segment", "IN", "-o", "OUT", "--corrections", "GIVEN", "--model", "GIVEN"], ["--corrections"]),
        (["segment", "IN", "-o", "OUT", "--learn", "--model", "GIVEN"], ["--model", "either --learn or --model"]),
        (
            ["segment", "IN", "-o", "OUT", "--learn", "--model", "GIVEN", "--corrections", "GIVEN"],
            ["--corrections", "not with --model"],
        ),
        (["segment", "IN", "-o", "OUT", "--model", "GIVEN"], ["--model", "given", "model.json"]),
        (["segment", "IN", "-o", "OUT", "--model", "absent"], ["--model", "absent", "model.json"]),
        (["segment", "IN", "-o", "OUT", "--learn", "--corrections", "absent"], ["--corrections", "absent"]),
        (["learn", "IN", "-o", "OUT", "--corrections", "absent"], ["--corrections", "absent"]),
        (["learn", "IN"], ["--out", "say where the results go"]),
        (["learn"], ["INPUT"]),
        (["learn", "absent", "-o", "OUT"], ["absent"]),
        (["learn", "IN", "-o", "OUT", "--preset", "nope"], ["preset must be one of"]),
        (["learn", "IN", "-o", "OUT", "--updates", "0"], ["--updates"]),
        (["learn", "IN", "-o", "OUT", "--updates", "10001"], ["--updates"]),
        (["learn", "IN", "--again"], ["in", "must be a folder that msformer segment wrote", "journal"]),
        (["learn", "absent", "--again"], ["absent", "must be a folder that msformer segment wrote"]),
        (["learn", "IN/a.png", "--again"], ["a.png", "must be a folder that msformer segment wrote"]),
        (["learn", "IN", "--again", "--out", "OUT"], ["--again", "without --out"]),
        (["learn", "IN", "OUT", "--again"], ["--again", "the one folder"]),
        (["learn", "IN", "--again", "--preset", "general"], ["--again", "settings are those of the folder"]),
        (["learn", "IN", "--again", "--seed", "0"], ["--again", "settings are those of the folder"]),
        (["learn", "IN", "--again", "-r"], ["--again", "settings are those of the folder"]),
    ],
)
def test_wrong_uses_are_2_and_name_the_option(
    images: Path,
    corrections: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    places = {"IN": images, "OUT": tmp_path / "out", "GIVEN": corrections, "IN/a.png": images / "a.png"}
    assert run_program(monkeypatch, *[places.get(argument, argument) for argument in arguments]) == 2
    message = capsys.readouterr().err
    for word in words:
        assert word in message
    assert "Traceback" not in message
    assert not (tmp_path / "out").exists(), "before anything was segmented"


@pytest.mark.parametrize("text", ["", "{", "[]\n", "null\n", "{}\n{", '{"n": 1, "run": 3}\n', "[" * 50_000, "\x00\n"])
def test_a_journal_of_nonsense_is_2_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "all.jsonl").write_text(text)
    assert run_program(monkeypatch, "learn", tmp_path, "--again") == 2
    message = capsys.readouterr().err
    assert "has no journal" in message
    assert "Traceback" not in message
