"""Which part runs, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from benchmarks.evidence.pages import NETWORK, SEVERAL

from benchmarks.evidence import __main__ as program
from benchmarks.evidence import asked as asked_module
from msformer.foreground.asked import SAID
from msformer.foreground.evidence import Evidence
from msformer.network.prompted import PromptedSizes, build_prompted
from msformer.phantoms import make_phantom
from msformer.prompting import Grown, model, read_model, write_model

PAGE = "# Page\n\nHead.\n\n## One\n\nstays\n\n## Last\n\nstays too\n"


def serial(call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    return [call(item) for item in items]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    network = build_prompted(PromptedSizes(dim=8, depth_fine=1, depth_coarse=1), torch.Generator().manual_seed(5))
    write_model(path, network, {"sizes": network.describe()}, [])
    return read_model(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets of single objects with a picture each, and one that is of no single object."""
    rows, columns = np.mgrid[:97, :131]
    for index, name in enumerate(("polyps_kvasir", "wounds_fuseg", "lung_ct_konya")):
        mask = (rows - 41) ** 2 + (columns - 47 - 20 * index) ** 2 <= 23**2
        pixels = np.asarray(50 + 130 * mask + np.random.default_rng(index).integers(0, 9, mask.shape), dtype=np.uint8)
        for kind, picture in (("images", pixels), ("masks", np.asarray(255 * mask, dtype=np.uint8))):
            (tmp_path / "data" / name / kind).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "data" / name / kind / "a.png"), picture)
    return tmp_path / "data"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grown: Grown) -> Path:
    """Where weights are written to; everything runs in this process."""
    (tmp_path / "package" / "foreground").mkdir(parents=True)
    monkeypatch.setattr(program, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(program, "pooled", serial)
    for module in (program, asked_module):
        monkeypatch.setattr(module, "grown_network", lambda: grown)
    return tmp_path / "package"


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_the_network_says_alone(tmp_path: Path, data: Path, package: Path, grown: Grown) -> None:
    page = tmp_path / "docs" / "evidence.md"
    page.parent.mkdir()
    page.write_text(PAGE, encoding="utf-8")
    arguments = ["--data", str(data), "--only", "asked", "--asked", "2", "--markdown", str(page)]
    program.main([*arguments, "--write"])
    assert files(package) == ["foreground/asked.json"]
    written = json.loads((package / "foreground" / "asked.json").read_text(encoding="utf-8"))
    command = "python -m benchmarks.evidence --write --only asked"
    assert written["fitted_on"] == f"{command}: 2 random scenes, no real image; network {grown.digest[:12]}"
    assert list(written["features"]) == list(SAID)
    assert np.isfinite(Evidence.from_mapping(written, SAID).probability(np.zeros(len(SAID))))
    assert files(page.parent) == ["evidence.md"]
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(f"{NETWORK}\n")
    section, after = rest.split("## Last")
    assert before + "## Last" + after == PAGE
    assert [line.split(" | ")[:2] for line in section.splitlines() if "_" in line and line.startswith("|")] == [
        ["| polyps_kvasir", "1"],
        ["| wounds_fuseg", "1"],
    ]


def test_without_write_nothing_is_written(data: Path, package: Path) -> None:
    program.main(["--data", str(data), "--only", "asked", "--asked", "1"])
    assert files(package) == []


@pytest.mark.parametrize("only", ["asked", "several"])
def test_a_page_that_is_not_there_has_no_section(
    only: str, tmp_path: Path, data: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.md"
    with pytest.raises(SystemExit) as end:
        program.main(["--data", str(data), "--only", only, "--markdown", str(missing)])
    assert end.value.code == 2
    assert "there is no" in capsys.readouterr().err
    assert not missing.exists()


def test_several_objects_alone(tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sets of lungs and two of nuclei, a phantom each; its section is renewed and no weight is written."""
    for index, (name, kind) in enumerate(
        (("lung_ct_konya", "lung_ct"), ("lung_ct_lungsegdb", "lung_ct"), ("nuclei_dsb2018", "cells"),
         ("nuclei_dsb2018_more", "cells"))
    ):  # fmt: skip
        options: dict[str, Any] = {"values": "8-bit"} if kind == "lung_ct" else {"count": 7}
        phantom = make_phantom(kind, seed=index, shape=(97, 113), **options)
        for part, picture in (("images", phantom.image), ("masks", np.asarray(255 * phantom.mask, dtype=np.uint8))):
            (tmp_path / "sets" / name / part).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "sets" / name / part / "a.png"), picture)
    monkeypatch.setattr(program, "SEVERAL_PHANTOMS", 1)
    page = tmp_path / "evidence.md"
    page.write_text(PAGE, encoding="utf-8")
    arguments = ["--data", str(tmp_path / "sets"), "--only", "several", "--several", "4", "--markdown", str(page)]
    program.main([*arguments, "--write"])
    assert files(package) == []
    before, rest = page.read_text(encoding="utf-8").split(f"{SEVERAL}\n")
    section, after = rest.split("## Last")
    assert before + "## Last" + after == PAGE
    lines = [line.split(" | ") for line in section.splitlines()]
    rows = {line[0]: line for line in lines if line[0].startswith(("| lung", "| nuclei")) and line[1] == "1"}
    assert list(rows) == ["| lung_ct_konya", "| lung_ct_lungsegdb", "| nuclei_dsb2018", "| nuclei_dsb2018_more"]
    for row in rows.values():
        assert 0 < float(row[3]) <= float(row[2]), "by hand, at most what the best candidate has"
        assert all(float(cell.split(" ")[0]) <= float(row[2]) for cell in row[4:8])
    assert "on 7 random scenes and phantoms" in section


@pytest.mark.parametrize("only", [[], ["--only", "asked"], ["--only", "several"], ["--only", "trust"]])
def test_without_the_network_it_ends_at_once(
    only: list[str], data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model, "SHIPPED", "none.safetensors")
    monkeypatch.setattr(program, "pooled", lambda *_: pytest.fail("nothing may be computed"))
    model.grown_network.cache_clear()
    try:
        with pytest.raises(SystemExit) as end:
            program.main(["--data", str(data), *only])
    finally:
        model.grown_network.cache_clear()
    assert end.value.code == 2
    assert "needs the grown network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("only", "steps"),
    [
        (None, ["evidence", "asked", "confidence"]),
        ("asked", ["asked"]),
        ("several", ["several"]),
        ("trust", ["confidence"]),
    ],
)
def test_the_steps_come_in_the_order_in_which_they_depend_on_each_other(
    only: str | None, steps: list[str], data: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    results: dict[str, Any] = {"evidence": ([], None), "asked": [], "several": [], "confidence": (None, [])}

    def stand_in(name: str) -> Callable[..., Any]:
        def step(*_: Any, **__: Any) -> Any:
            done.append(name)
            return results[name]

        return step

    for name in results:
        monkeypatch.setattr(program, f"fit_{name}", stand_in(name))
    program.main(["--data", str(data), *(["--only", only] if only else [])])
    assert done == steps
