from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tests.conftest import MakeSquare
from tests.helpers import FAST, released_state, run_program

from msformer.config import Config


@pytest.fixture
def image(tmp_path: Path, square_image: MakeSquare) -> Path:
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    Pillow.fromarray(square_image()).save(path)
    return path


def test_all_done_is_0(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch, "segment", image.parent, "-o", tmp_path / "out", *FAST) == 0
    assert "1 of 1 images segmented" in capsys.readouterr().out
    assert (tmp_path / "out" / "masks" / "a.png").exists()


def test_some_failed_is_1_and_says_which(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (image.parent / "b.png").write_text("x")
    assert run_program(monkeypatch, "segment", image.parent, "-o", tmp_path / "out", "--progress", "none", *FAST) == 1
    captured = capsys.readouterr()
    assert "1 of 2 images segmented" in captured.out
    assert "b.png" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "-o", "OUT"], "at least one image"),
        (["segment", "absent.png", "-o", "OUT"], "absent.png"),
        (["segment", "IMAGE", "-o", "IMAGE"], "must be a folder that can be written to"),
        (["segment", "IMAGE", "-o", "OUT", "--preset", "nope"], "preset must be one of"),
        (["segment", "IMAGE", "-o", "OUT", "--set", "fit.max_iter=-3"], "got -3"),
        (["segment", "IMAGE", "-o", "OUT", "--set", "fit.max_iter"], "group.name=value"),
        (["segment", "IMAGE", "-o", "OUT", "--config", "absent.toml"], "absent.toml"),
        (["segment", "IMAGE", "-o", "OUT", "--weights", "IMAGE"], "--weights"),
        (["segment", "IMAGE", "-o", "OUT", "--max-cases", "0"], "max-cases"),
        (["segment", "IMAGE", "-o", "OUT", "--spacing-mm", "nan", "1"], "two positive numbers"),
        (["segment", "IMAGE", "-o", "OUT", "--set", "fit.device=cuda:77"], "fit.device must be a device"),
        (["segment", "IMAGE", "-o", "OUT", "--set", "=5"], "must be named like group.name"),
        (["segment", "IMAGE", "-o", "/proc/out"], "can be written to"),
        (["segment", "IMAGE", "-o", "OUT", "--progress", "loud"], "loud"),
        (["nope"], "nope"),
    ],
)
def test_usage_errors_are_2_without_a_traceback(
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    places = {"IMAGE": str(image), "OUT": str(tmp_path / "out")}
    assert run_program(monkeypatch, *[places.get(argument, argument) for argument in arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_interrupted_is_130_and_keeps_what_was_done(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from msformer.batch import work

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "run_case", interrupt)
    assert run_program(monkeypatch, "segment", image, "-o", tmp_path / "out", *FAST) == 130
    assert json.loads((tmp_path / "out" / "report.json").read_text())["interrupted"] is True


def printed_config(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str | Path
) -> Config:
    assert run_program(monkeypatch, "segment", "--print-config", *arguments) == 0
    file = tmp_path / "printed.toml"
    file.write_text(capsys.readouterr().out)
    return Config.from_toml(file)


def test_command_line_over_environment_over_file_over_preset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "my.toml"
    file.write_text('preset = "paper-demo"\nrandom_state = 5\n[fit]\nmax_iter = 7\n')
    assert printed_config(monkeypatch, capsys, tmp_path) == Config.from_preset()
    config = printed_config(monkeypatch, capsys, tmp_path, "--config", file)
    assert (config.preset, config.random_state, config.fit.max_iter, config.network.embed_dim) == (
        "paper-demo", 5, 7, 100,
    )  # fmt: skip
    monkeypatch.setenv("MSFORMER_SEED", "6")
    assert printed_config(monkeypatch, capsys, tmp_path, "--config", file).random_state == 6
    file.write_text("random_state = 5\n[fit]\nmax_iter = 7\n")
    config = printed_config(
        monkeypatch, capsys, tmp_path, "--config", file, "--seed", "8", "--preset", "paper-scored",
        "--set", "fit.loss_weights.cluster=0.5", "--set", "foreground.polarity=darker",
    )  # fmt: skip
    assert (config.random_state, config.preset, config.network.embed_dim, config.fit.max_iter) == (
        8, "paper-scored", 100, 7,
    )  # fmt: skip
    assert config.fit.loss_weights.cluster == 0.5
    assert config.foreground.polarity == "darker"


def test_options_reach_the_results(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, square_image: MakeSquare
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    (image.parent / "sub").mkdir()
    Pillow.fromarray(square_image()).save(image.parent / "sub" / "b.png")
    out = tmp_path / "out"
    code = run_program(
        monkeypatch, "segment", image.parent, "-o", out, "-r", "--spacing-mm", "0.5", "0.25", "--seed", "3",
        "--threads", "2", "--progress", "bar", *FAST,
    )  # fmt: skip
    assert code == 0
    assert asked[0] == 2
    report = json.loads((out / "report.json").read_text())
    assert [case["case_id"] for case in report["cases"]] == ["a", "sub/b"]
    assert {case["seed"] for case in report["cases"]} == {3}
    assert report["cases"][0]["spacing_mm"] == [0.5, 0.25]
    assert (out / "labels" / "sub" / "b.png").exists()
    assert run_program(monkeypatch, "segment", image.parent, "-o", out, "-r", "--max-cases", "1", *FAST) == 0
    assert json.loads((out / "report.json").read_text())["planned"] == 1


def test_workers_share_out_a_folder(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pillow.open(image).save(image.parent / "b.png")
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", image.parent, "-o", out, "--workers", "2", *FAST) == 0
    report = json.loads((out / "report.json").read_text())
    assert (report["workers"], report["threads"]) == (2, 1)
    assert [case["case_id"] for case in report["cases"]] == ["a", "b"]
    assert (out / "masks" / "a.png").read_bytes() == (out / "masks" / "b.png").read_bytes()


def test_device_is_tried_before_the_first_image(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed_config(monkeypatch, capsys, tmp_path, "--device", "cuda:7").fit.device == "cuda:7"
    assert run_program(monkeypatch, "segment", image, "-o", tmp_path / "out", "--device", "nonsense") == 2
    assert "got 'nonsense'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_larger_images_need_the_option(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", image, "-o", out, "--max-pixels", "2000", *FAST) == 1
    assert "max_pixels=2000" in json.loads((out / "report.json").read_text())["cases"][0]["error"]
    assert run_program(monkeypatch, "segment", image, "-o", out, "--max-pixels", "10000", *FAST) == 0


def test_released_weights_are_loaded(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    state = {
        name: value if "num_batches" in name else torch.rand(value.shape, generator=generator) - 0.5
        for name, value in released_state(dim=6, depth=1, patch=8).items()
    }
    torch.save(state, tmp_path / "weights.pt")
    code = run_program(
        monkeypatch, "segment", image, "-o", tmp_path / "out", "--weights", tmp_path / "weights.pt", *FAST
    )
    assert code == 0
    (case,) = json.loads((tmp_path / "out" / "report.json").read_text())["cases"]
    assert max(case["cluster_channels"]) < 6
    assert case["network"] == {"embed_dim": 6, "depth": 1, "patch_size": 8, "affinity_shift": 1}
    first, digest = (tmp_path / "out" / "labels" / "a.png").read_bytes(), case["initial_weights_digest"]
    state["linear_down.weight"] = state["linear_down.weight"].flip(0) * 2
    torch.save(state, tmp_path / "weights.pt")
    run_program(monkeypatch, "segment", image, "-o", tmp_path / "out", "--weights", tmp_path / "weights.pt", *FAST)
    (case,) = json.loads((tmp_path / "out" / "report.json").read_text())["cases"]
    assert case["initial_weights_digest"] != digest
    assert (tmp_path / "out" / "labels" / "a.png").read_bytes() != first


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == "msformer 0.1.0\n"


def test_preset_over_a_file_of_another_preset_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.toml").write_text('preset = "paper-demo"\n')
    arguments = ["segment", "--print-config", "--config", str(tmp_path / "my.toml"), "--preset", "general"]
    assert run_program(monkeypatch, *arguments) == 2
    assert "starts from 'paper-demo'" in capsys.readouterr().err


def test_results_may_lie_beside_the_images(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):  # the second run must not take the results of the first for images
        assert run_program(monkeypatch, "segment", image.parent, "-o", image.parent, "-r", *FAST) == 0
    assert json.loads((image.parent / "report.json").read_text())["planned"] == 1


def test_info_as_json_and_as_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(monkeypatch, "info", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["versions"]["torch"] == torch.__version__
    assert {"general", "paper-demo", "paper-scored"} <= set(facts["presets"])
    assert run_program(monkeypatch, "info") == 0
    assert torch.__version__ in capsys.readouterr().out


def test_demo_scores_its_phantoms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch, "demo", "-o", tmp_path / "demo") == 0
    text = capsys.readouterr().out
    assert "phantom_cells" in text
    report = json.loads((tmp_path / "demo" / "results" / "report.json").read_text())
    assert (report["done"], report["failed"]) == (8, 0)


@pytest.mark.parametrize(
    "arguments", [["-c", "import msformer"], ["-m", "msformer", "--help"], ["-m", "msformer", "segment", "--help"]]
)
def test_import_and_help_do_not_load_torch(arguments: list[str]) -> None:
    """Heavy libraries would cost seconds before the first word; what is loaded is told by the import log."""
    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "msformer" in loaded or "msformer.cli" in loaded
    assert not loaded & {"torch", "numpy", "scipy", "cv2", "skimage", "monai"}


def test_masks_are_the_same_on_a_second_run(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        assert run_program(monkeypatch, "segment", image, "-o", tmp_path / name, *FAST) == 0
    first, second = (np.asarray(Pillow.open(tmp_path / name / "labels" / "a.png")) for name in ("one", "two"))
    np.testing.assert_array_equal(first, second)
