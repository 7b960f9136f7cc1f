"""From files to the page, on phantoms, with a network that was never grown."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.interaction.__main__ import main
from benchmarks.interaction.methods import METHODS
from benchmarks.interaction.run import Job, Options, measure, run
from benchmarks.interaction.sets import GROUP_OF_SET, cases_of, targets_of

from msformer.errors import WeightsError
from msformer.io import write_mask, write_png
from msformer.network.prompted import PromptedSizes, build_prompted
from msformer.phantoms import make_phantom
from msformer.prompting.model import write_model

SHAPE = 83, 109


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for seed, name in enumerate(("dermoscopy_ph2", "polyps_kvasir")):
        _write(root / name, seed)
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    sizes = PromptedSizes(dim=16, depth_fine=1, depth_coarse=1)
    network = build_prompted(sizes, torch.Generator().manual_seed(0))
    write_model(tmp_path / "random.safetensors", network, {"sizes": asdict(sizes)}, [])
    return tmp_path / "random.safetensors"


def test_every_method_is_measured_and_the_page_is_made_from_the_rows_alone(
    data: Path, model: Path, tmp_path: Path
) -> None:
    out, markdown = tmp_path / "out", tmp_path / "docs" / "interaction.md"
    main(["--data", str(data), "--out", str(out), "--markdown", str(markdown), "--model", str(model)])
    results = json.loads((out / "interaction.json").read_text(encoding="utf-8"))
    assert results["failures"] == []
    assert {(row["set"], row["method"]) for row in results["rows"]} == {
        (name, method) for name in ("dermoscopy_ph2", "polyps_kvasir") for method in METHODS
    }
    counts = [sum(row["method"] == method for row in results["rows"]) for method in METHODS]
    # Seven protocols of two pictures, six where nothing must be said; the forest and those that guide themselves
    # know two; two are not asked for further clicks; three have an answer without a prompt.
    assert counts == [12, 14, 8, 4, 4, 14, 8, 12, 12, 14, 4]
    text = markdown.read_text(encoding="utf-8")
    assert str(tmp_path) not in text + json.dumps(results)
    again = tmp_path / "again.md"
    main(["--out", str(out), "--markdown", str(again), "--page-only"])
    assert again.read_text(encoding="utf-8") == text


def test_a_file_that_is_no_network_is_told_before_anything_is_measured(data: Path, tmp_path: Path) -> None:
    for name in ("grown", "grown, border of the region tree", "grown, self-guided", "random weights, self-guided"):
        with pytest.raises(WeightsError, match="there is no such file"):
            run(Options(data, methods=(name,), model=tmp_path / "missing.safetensors"))


def test_only_the_first_pictures_of_the_sets_that_are_named(data: Path) -> None:
    _write(data / "polyps_kvasir", 5, "later")
    _write(data / "another_set", 3)
    assert [case.set_name for case in cases_of(data, (), None)] == ["dermoscopy_ph2", "polyps_kvasir", "polyps_kvasir"]
    assert [case.name for case in cases_of(data, ("polyps_kvasir",), 1)] == ["case"]


def test_of_many_the_largest_and_of_a_pair_the_larger_are_asked_for(tmp_path: Path) -> None:
    instances = np.zeros(SHAPE, dtype=np.uint16)
    areas = {}
    for name, (row, side) in enumerate(((2, 5), (12, 11), (30, 7), (50, 9)), start=1):
        instances[row : row + side, 3 : 3 + side] = name
        areas[name] = side * side
    for set_name in ("nuclei_dsb2018", "lung_ct_konya"):
        _write(tmp_path / set_name, 0)
        write_mask(tmp_path / set_name / "masks" / "case.png", instances > 0)
    (tmp_path / "nuclei_dsb2018" / "instances").mkdir()
    write_png(tmp_path / "nuclei_dsb2018" / "instances" / "case.png", instances)
    lung, nuclei = cases_of(tmp_path, (), None)
    assert [int(one.truth.sum()) for one in targets_of(nuclei)] == [121, 81, 49]
    assert [int(one.truth.sum()) for one in targets_of(lung)] == [121]
    rows = measure(Job(nuclei, Options(tmp_path, methods=("watershed",)), None)).rows
    assert [(row["object"], row["protocol"]) for row in rows] == [
        (index, protocol) for index in range(3) for protocol in ("one-click", "best-of-3")
    ]


def test_slow_methods_are_asked_for_further_clicks_on_request(data: Path) -> None:
    name = "random walker"
    case = cases_of(data, ("polyps_kvasir",), None)[0]
    few, all_of_them = (
        [row["protocol"] for row in measure(Job(case, Options(data, methods=(name,), all_clicks=asked), None)).rows]
        for asked in (False, True)
    )
    assert few == ["one-click", "best-of-3", "box", "box-jittered"]
    assert all_of_them == [*few, "clicks-85", "clicks-90"]
    assert Options(data, all_clicks=True).sayings(name, "many") == ("click",), "one of many is told by a click alone"


def test_what_cannot_be_read_or_used_is_a_failure_and_counts_as_nothing(data: Path, tmp_path: Path) -> None:
    case = cases_of(data, ("polyps_kvasir",), None)[0]
    missing = Options(data, methods=("grown",), model=tmp_path / "missing.safetensors")
    outcome = measure(Job(case, missing, None))
    assert [row["value"] for row in outcome.rows] == [0, 0, 0, 0, 0, 20, 20]
    assert "there is no such file" in outcome.failures[0]["error"]
    write_mask(case.truth, np.ones((41, 43), dtype=bool))
    outcome = measure(Job(case, Options(data, methods=("watershed",)), None))
    assert outcome.rows == []
    assert "(41, 43)" in outcome.failures[0]["error"]


def test_options_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path)])
    assert "--data is needed" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--out", str(tmp_path), "--limit", "0"])
    assert "at least 1; got 0" in capsys.readouterr().err
    assert set(GROUP_OF_SET.values()) == {"single", "many", "side"}


def _write(folder: Path, seed: int, name: str = "case") -> None:
    phantom = make_phantom("dermoscopy", seed=seed, shape=SHAPE)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    write_png(folder / "images" / f"{name}.png", phantom.image)
    write_mask(folder / "masks" / f"{name}.png", phantom.mask)
