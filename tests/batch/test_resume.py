"""The same call again does what is missing, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer.batch import work
from msformer.batch.one_case import Steps
from msformer.batch.part import Part
from msformer.batch.plan import plan_cases
from msformer.batch.resume import Redo, ToDo
from msformer.batch.run import Order, look_ahead, run_cases
from msformer.config import Config


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        rng = np.random.default_rng(seed)
        picture = rng.integers(180, 200, (48, 60, 3)).astype(np.uint8)
        picture[10:30, 15:40] -= 120
        Pillow.fromarray(picture).save(folder / f"{name}.png")
    (folder / "text.png").write_text("no image")
    return folder


class Runs:
    """Calls of the same command."""

    def __init__(self, images: Path, out: Path, config: Config) -> None:
        self.images, self.out, self.config = images, out, config
        self.done: list[str] = []

    def __call__(self, config: Config | None = None, **more: Any) -> list[str]:
        """The names of what was done."""
        self.done, self.told = [], ""

        def remember(todo: ToDo) -> None:
            self.told = str(todo)

        run_cases(
            plan_cases([str(self.images)]), config or self.config, self.out,
            on_record=lambda record: self.done.append(record["case_id"]), on_plan=remember, **more,
        )  # fmt: skip
        return sorted(self.done)

    def report(self) -> dict[str, str]:
        cases = json.loads((self.out / "report.json").read_text())["cases"]
        return {case["case_id"]: case["status"] for case in cases}

    def bytes_of(self) -> dict[str, bytes]:
        kinds = ("masks", "labels", "preview")
        return {f"{kind}/{path.name}": path.read_bytes() for kind in kinds for path in (self.out / kind).iterdir()}


@pytest.fixture
def runs(images: Path, tmp_path: Path, fast: Config) -> Iterator[Runs]:
    runs = Runs(images, tmp_path / "out", fast)
    assert runs() == ["a", "b", "c", "text"]
    yield runs
    assert not list(runs.out.glob(".staging*"))
    assert not list(runs.out.glob(".msformer-lock*"))


def test_nothing_is_done_twice(runs: Runs) -> None:
    before = (runs.out / "report.json").stat().st_mtime_ns
    assert runs() == []
    assert runs.told == "4 of 4 are finished; to do: nothing"
    assert (runs.out / "report.json").stat().st_mtime_ns == before, "and nothing is written"


def test_what_changed_is_done(runs: Runs) -> None:
    shutil.copy(runs.images / "b.png", runs.images / "a.png")
    shutil.copy(runs.images / "b.png", runs.images / "new.png")
    (runs.out / "masks" / "c.png").unlink()
    assert runs() == ["a", "c", "new"]
    assert runs.told == "2 of 5 are finished; to do: 1 changed, 1 with results missing, 1 new"
    found = runs.bytes_of()
    assert found["masks/a.png"] == found["masks/b.png"] == found["masks/new.png"]


def test_an_input_with_another_time_is_the_same(runs: Runs) -> None:
    os.utime(runs.images / "a.png", (1, 1))
    assert runs() == []


def test_a_result_of_another_size_is_made_again(runs: Runs) -> None:
    before = runs.bytes_of()
    (runs.out / "labels" / "b.png").write_bytes(b"half")
    assert runs() == ["b"]
    assert runs.bytes_of() == before


@pytest.mark.parametrize("what", ["seed", "spacing", "limit", "version"])
def test_other_settings_do_everything_and_list_nothing_else(
    runs: Runs, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "seed":
        assert len(runs(runs.config.replace(random_state=5))) == 4
    elif what == "spacing":
        assert len(runs(spacing_mm=(0.5, 0.5))) == 4
    elif what == "limit":
        assert len(runs(max_pixels=10_000)) == 4
    else:
        monkeypatch.setattr("msformer.batch.fingerprint.__version__", "9.9")
        assert len(runs()) == 4
    assert len(runs()) == (4 if what != "version" else 0), "and back again"


def test_failures_that_pass_are_tried_again_others_when_asked(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    (runs.images / "d.png").write_bytes((runs.images / "a.png").read_bytes())

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError("the share is away for a moment")

    with monkeypatch.context() as patch:
        patch.setattr(work, "IMAGE", Steps(fail, fail, fail))
        assert runs() == ["d"]
    assert runs.report()["d"] == "failed"
    assert runs() == ["d"]
    assert runs.told.endswith("1 failed for a passing reason")
    assert runs.report()["d"] == "done"
    assert runs() == []
    assert runs(redo=Redo(failed=True)) == ["text"]
    assert runs(redo=Redo(everything=True)) == ["a", "b", "c", "d", "text"]


def test_what_vanished_stays_finished(runs: Runs) -> None:
    before = runs.bytes_of()
    cases = plan_cases([str(runs.images)])
    (runs.images / "a.png").unlink()
    records = run_cases(cases, runs.config, runs.out)
    assert [record["status"] for record in records] == ["done", "done", "done", "failed"]
    assert runs() == []
    assert runs.bytes_of() == before
    assert runs.report() == {"a": "done", "b": "done", "c": "done", "text": "failed"}


def test_half_of_other_settings_is_not_told_as_this_run(runs: Runs) -> None:
    def stop(record: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cases(plan_cases([str(runs.images)]), runs.config.replace(random_state=5), runs.out, on_record=stop)
    report = json.loads((runs.out / "report.json").read_text())
    assert report["config"]["random_state"] == 5
    assert [case["case_id"] for case in report["cases"]] == ["a"]
    assert (report["planned"], report["interrupted"]) == (4, True)
    assert len(report["left_from_other_runs"]) == 10


def test_parts_together_are_the_whole(runs: Runs, tmp_path: Path) -> None:
    shared = Runs(runs.images, tmp_path / "shared", runs.config)
    assert shared(part=Part(0, 2)) == ["a", "c"]
    assert json.loads((shared.out / "report.json").read_text())["interrupted"]
    assert shared(part=Part(1, 2)) == ["b", "text"]
    assert shared.bytes_of() == runs.bytes_of()
    assert shared.report() == runs.report()
    assert not json.loads((shared.out / "report.json").read_text())["interrupted"]
    assert shared() == [], "the whole goes on with what parts did"


def test_the_first_failure_ends_it_where_that_is_asked(images: Path, tmp_path: Path, fast: Config) -> None:
    (images / "a.png").write_text("no image either")
    runs = Runs(images, tmp_path / "out", fast)
    assert runs(stops_at_failure=True) == ["a"]
    assert runs() == ["b", "c", "text"]


def test_looking_ahead_writes_nothing(images: Path, tmp_path: Path, fast: Config) -> None:
    order = Order(plan_cases([str(images)]), fast)
    assert len(look_ahead(order, tmp_path / "out").cases) == 4
    assert not (tmp_path / "out").exists()
    run_cases(order.cases, fast, tmp_path / "out")
    assert look_ahead(order, tmp_path / "out").cases == []
