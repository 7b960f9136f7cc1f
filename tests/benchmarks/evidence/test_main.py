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
from benchmarks.evidence.pages import NETWORK

from benchmarks.evidence import __main__ as program
from benchmarks.evidence import asked as asked_module
from msformer.foreground.asked import SAID
from msformer.foreground.evidence import Evidence
from msformer.network.prompted import PromptedSizes, build_prompted
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


def test_a_page_that_is_not_there_has_no_section(
    tmp_path: Path, data: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.md"
    with pytest.raises(SystemExit) as end:
        program.main(["--data", str(data), "--only", "asked", "--markdown", str(missing)])
    assert end.value.code == 2
    assert "there is no" in capsys.readouterr().err
    assert not missing.exists()


@pytest.mark.parametrize("only", [[], ["--only", "asked"], ["--only", "trust"]])
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
    [(None, ["evidence", "asked", "confidence"]), ("asked", ["asked"]), ("trust", ["confidence"])],
)
def test_the_steps_come_in_the_order_in_which_they_depend_on_each_other(
    only: str | None, steps: list[str], data: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    results: dict[str, Any] = {"evidence": ([], None), "asked": [], "confidence": (None, [])}

    def stand_in(name: str) -> Callable[..., Any]:
        def step(*_: Any, **__: Any) -> Any:
            done.append(name)
            return results[name]

        return step

    for name in results:
        monkeypatch.setattr(program, f"fit_{name}", stand_in(name))
    program.main(["--data", str(data), *(["--only", only] if only else [])])
    assert done == steps
