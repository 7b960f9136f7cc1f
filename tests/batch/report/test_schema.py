"""Real reports against the published schema, by a validator that knows nothing of this program."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image as Pillow
from tests.batch.test_learn import Folder, rectangle, small_network, write_phantom
from tests.conftest import MakeSquare

from msformer.batch.plan import plan_inputs
from msformer.batch.run import run_cases
from msformer.config import Config

__all__ = ["small_network"]  # a fixture that is used by itself
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text(encoding="utf-8"))


def errors_of(report: Any) -> list[str]:
    return [f"{one.json_path}: {one.message}" for one in Draft202012Validator(SCHEMA).iter_errors(report)]


def read(out: Path) -> Any:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, fast: Config, square_image: MakeSquare) -> Any:
    """Of an image, a volume, failures of two kinds, and what was passed over."""
    folder = tmp_path_factory.mktemp("all")
    (folder / "in").mkdir()
    Pillow.fromarray(square_image()).save(folder / "in" / "a.png")
    (folder / "in" / "broken.png").write_text("no image")
    (folder / "in" / "notes.txt").write_text("passed over")
    voxels = np.random.default_rng(2).integers(0, 900, (47, 53, 3)).astype(np.int16)
    nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(folder / "in" / "head.nii.gz")
    plan = plan_inputs([str(folder / "in")])
    skipped = [one.record() for one in plan.skipped]
    run_cases(plan.cases, fast, folder / "out", skipped=skipped)
    return read(folder / "out")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_report_of_everything_is_what_the_schema_says(report: Any) -> None:
    assert report["schema_version"] == "1.1"
    assert {(one["case_id"], one["status"]) for one in report["cases"]} == {
        ("a", "done"), ("broken", "failed"), ("head", "done"),
    }  # fmt: skip
    assert len(report["skipped"]) == 1
    assert errors_of(report) == []


def test_restarts_many_objects_auto_and_the_network_are_in_it_too(
    tmp_path: Path, fast: Config, square_image: MakeSquare
) -> None:
    Pillow.fromarray(square_image()).save(tmp_path / "a.png")
    cases = plan_inputs([str(tmp_path / "a.png")]).cases
    network = fast.replace(cluster={"method": "network"}, restarts=2, foreground={"objects": "many"})
    for name, config in (("network", network), ("auto", Config.from_preset("auto"))):
        run_cases(cases, config, tmp_path / name, spacing_mm=(0.5, 0.25))
        told = read(tmp_path / name)
        assert errors_of(told) == []
        (case,) = told["cases"]
        assert case["spacing_mm"] == [0.5, 0.25]
        assert case["history"] or name == "auto"
        assert bool(case["compared"]) == (name == "auto")


def test_what_a_folder_learned_is_in_it(tmp_path: Path, fast: Config) -> None:
    (tmp_path / "in").mkdir()
    for seed, name in enumerate("abc"):
        write_phantom(tmp_path / "in" / f"{name}.png", seed)
    run_cases(plan_inputs([str(tmp_path / "in")]).cases, fast, tmp_path / "out")
    folder = Folder(tmp_path / "out")
    folder.correct("a", rectangle())
    folder.learn()
    told = read(tmp_path / "out")
    assert {one["case_id"]: one["learned"]["source"] for one in told["cases"]}["a"] == "corrected"
    assert told["learned"]["corrected"] == 1
    assert errors_of(told) == []


def _drop(report: Any) -> None:
    del report["cases"][0]["confidence"]


def _unknown(report: Any) -> None:
    report["cases"][0]["colour"] = "red"


def _certain(report: Any) -> None:
    report["cases"][0]["confidence"] = 1.5


def _version(report: Any) -> None:
    report["schema_version"] = "2.0"


def _status(report: Any) -> None:
    report["cases"][1]["status"] = "perhaps"


@pytest.mark.parametrize("spoil", [_drop, _unknown, _certain, _version, _status])
def test_another_report_is_refused(report: Any, spoil: Callable[[Any], None]) -> None:
    other = copy.deepcopy(report)
    spoil(other)
    assert errors_of(other)
