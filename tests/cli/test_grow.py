"""``msformer grow``: its files, that it goes on where it stopped, and that it stops when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from tests.growing.helpers import TINY
from tests.helpers import run_program

from msformer.growing import loop, recipe, shard
from msformer.growing_files import read_checkpoint
from msformer.prompting.model import read_model


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe.RECIPES, "short", TINY)
    monkeypatch.setattr(shard, "EXAMINED", 4)


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def stop_after(monkeypatch: pytest.MonkeyPatch, updates: int, number: int, *, times: int = 1) -> None:
    """Send this process a signal while an update is done."""
    kept = loop._update

    def update(state: loop.State, *rest: Any) -> None:
        kept(state, *rest)
        if state.step == updates:
            for _ in range(times):
                signal.raise_signal(number)

    monkeypatch.setattr(loop, "_update", update)


def test_a_network_and_all_that_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "new" / "a.safetensors"
    arguments = ("grow", "-o", model, "--recipe", "short", "--seed", 5, "--steps", 2, "--every", 1, "--processes", 1)
    assert run_program(monkeypatch, *map(str, arguments)) == 0
    captured = capsys.readouterr()
    assert "update 1: one click" in captured.err
    assert names(model.parent) == {"a.safetensors", "a.svg", "a.png", "a.json"}
    grown = read_model(model)
    facts = json.loads((model.parent / "a.json").read_text(encoding="utf-8"))
    assert facts["digest"] == grown.digest
    assert grown.digest[:16] in captured.out
    assert facts["recipe"] == grown.recipe
    assert (facts["recipe"]["seed"], facts["recipe"]["steps"]) == (5, 2)
    assert [row["step"] for row in facts["curve"]] == [1, 2]
    assert facts["curve"] == list(grown.curve)
    assert (facts["processes"], facts["threads"]) == (1, 1)
    assert facts["seconds"] > 0
    assert {"torch", "msformer", "python"} <= set(facts["versions"])
    assert facts["machine"]["processor"]
    with Pillow.open(model.parent / "a.png") as sheet:
        assert sheet.width > 1000
    assert (model.parent / "a.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_keeps_a_checkpoint_and_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    words = ("--recipe", "short", "--processes", "1")
    assert run_program(monkeypatch, "grow", "-o", tmp_path / "whole.safetensors", *words) == 0
    part = tmp_path / "part" / "a.safetensors"
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        stop_after(patch, 2, number)
        assert run_program(patch, "grow", "-o", part, *words, "--every", "3") == code
    assert signal.getsignal(signal.SIGINT) is before
    assert "at update 2" in capsys.readouterr().err
    assert names(part.parent) == {"a.state.safetensors"}
    assert run_program(monkeypatch, "grow", "-o", part, *words, "--every", "3") == 0
    assert "going on from update 2 of 3" in capsys.readouterr().err
    assert read_model(part).digest == read_model(tmp_path / "whole.safetensors").digest
    assert names(part.parent) == {"a.safetensors", "a.svg", "a.png", "a.json"}


def test_a_second_ctrl_c_ends_at_once_and_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("grow", "-o", tmp_path / "a.safetensors", "--recipe", "short", "--processes", "1", "--every", "2")
    with monkeypatch.context() as patch:
        stop_after(patch, 3, signal.SIGINT, times=2)
        assert run_program(patch, *words) == 130
    assert "last checkpoint" in capsys.readouterr().err
    assert names(tmp_path) == {"a.state.safetensors"}
    assert read_checkpoint(tmp_path / "a.state.safetensors", TINY).step == 2


def test_a_second_process_that_dies_is_told_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = loop._Gradients.__call__

    def dies(self: loop._Gradients, step: int) -> Any:
        if step == 2:
            raise EOFError  # as a closed pipe does
        return kept(self, step)

    words = ("grow", "-o", tmp_path / "a.safetensors", "--recipe", "short", "--processes", "1", "--every", "3")
    with monkeypatch.context() as patch:
        patch.setattr(loop._Gradients, "__call__", dies)
        assert run_program(patch, *words) == 2
    message = capsys.readouterr().err
    assert "second process ended at update 2" in message
    assert "Traceback" not in message
    assert read_checkpoint(tmp_path / "a.state.safetensors", TINY).step == 2


def test_another_recipe_does_not_go_on_from_a_checkpoint_unless_told_to_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("grow", "-o", tmp_path / "a.safetensors", "--recipe", "short", "--processes", "1")
    with monkeypatch.context() as patch:
        stop_after(patch, 1, signal.SIGINT)
        assert run_program(patch, *words) == 130
    kept = (tmp_path / "a.state.safetensors").read_bytes()
    assert run_program(monkeypatch, *words, "--seed", "1") == 2
    assert "seed is 1 here and 0 there" in capsys.readouterr().err
    assert run_program(monkeypatch, *words, "--encoder", "unet") == 2
    assert "sizes.encoder" in capsys.readouterr().err
    assert (tmp_path / "a.state.safetensors").read_bytes() == kept
    assert run_program(monkeypatch, *words, "--seed", "1", "--steps", "1", "--overwrite") == 0
    assert read_model(tmp_path / "a.safetensors").recipe["seed"] == 1
    assert run_program(monkeypatch, *words, "--seed", "1", "--steps", "1") == 2
    assert "exists already" in capsys.readouterr().err


def test_the_number_of_processes_is_that_of_the_cores_but_at_most_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from msformer import processes

    seen: list[int] = []

    def none(_: object, state: loop.State, *, processes: int, examine_every: int) -> Iterator[None]:
        seen.append(processes)
        state.step = state.step + 1  # as if some were done
        return
        yield

    monkeypatch.setattr(loop, "grow", none)
    for cores, more in ((1, ()), (2, ()), (16, ()), (16, ("--processes", "1"))):
        monkeypatch.setattr(processes, "usable_cores", lambda cores=cores: cores)
        run_program(monkeypatch, "grow", "-o", tmp_path / "a.safetensors", "--recipe", "short", *more)
    assert seen == [1, 2, 2, 1]


def test_a_place_that_cannot_be_written_is_74(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch, "grow", "-o", "/proc/none/a.safetensors", "--recipe", "short") == 74
    assert "/proc/none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "OUT/a.pt"), ".safetensors"),
        (("-o", "OUT/a.safetensors", "--recipe", "long"), "long"),
        (("-o", "OUT/a.safetensors", "--processes", "3"), "--processes"),
        (("-o", "OUT/a.safetensors", "--steps", "0"), "--steps"),
        (("-o", "OUT/a.safetensors", "--every", "0"), "--every"),
        (("-o", "OUT/a.safetensors", "--seed", "-1"), "--seed"),
        (("-o", "OUT/a.safetensors", "--seed", str(recipe.LARGEST_SEED + 1)), "--seed"),
        (("-o", "OUT/a.safetensors", "--encoder", "resnet"), "resnet"),
        ((), "--out"),
    ],
)
def test_usage_errors_are_2_and_write_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    given = [word.replace("OUT", str(tmp_path)) for word in words]
    assert run_program(monkeypatch, "grow", *given) == 2
    captured = capsys.readouterr().err
    assert message in captured
    assert "Traceback" not in captured
    assert not names(tmp_path)


LONG = """
from dataclasses import replace
from msformer.growing import recipe, shard
from tests.growing.helpers import TINY

shard.EXAMINED = 2
recipe.RECIPES["short"] = replace(TINY, steps=10_000)
from msformer.__main__ import main

main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
def test_ctrl_c_reaches_both_processes_and_still_leaves_a_checkpoint(tmp_path: Path) -> None:
    root, state = Path(__file__).parents[2], tmp_path / "a.state.safetensors"
    program = subprocess.Popen(
        [
            sys.executable, "-c", LONG, "grow", "-o", str(tmp_path / "a.safetensors"), "--recipe", "short",
            "--processes", "2", "--every", "1",
        ],
        cwd=root, start_new_session=True, stderr=subprocess.PIPE, text=True,
        env={"PYTHONPATH": f"{root / 'src'}:{root}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert program.stderr is not None
    try:
        for line in program.stderr:  # told after an update that both took part in
            if line.startswith("update 1:"):
                break
        os.killpg(program.pid, signal.SIGINT)
        rest = program.stderr.read()
        assert program.wait(timeout=60) == 130
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
    assert "Traceback" not in rest
    assert "the same command goes on from" in rest
    assert names(tmp_path) == {state.name}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _is_alive(program.pid):
        time.sleep(0.1)
    assert not _is_alive(program.pid), "no process is left"


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_short_recipe_is_the_full_one_with_fewer_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    full, short = recipe.RECIPES["full"], recipe.RECIPES["short"]
    assert short.steps < full.steps / 4
    assert replace(short, steps=full.steps) == full
