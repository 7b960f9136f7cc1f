"""The next image of a folder: corrections lie where ``msformer app`` saves them, and both go on from each other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer.app.folder import Folder
from msformer.io import read_image
from napari_msformer.panel import Panel
from napari_msformer.sheets import InFolder, Results

Wait = Callable[[Panel], None]


@pytest.fixture
def out(segmented: Path, tmp_path: Path) -> Path:
    """A folder of results of one's own."""
    shutil.copytree(segmented / "out", tmp_path / "out")
    return tmp_path / "out"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_corrections_are_saved_as_the_page_saves_them(panel: Panel, wait: Wait, out: Path) -> None:
    panel.open_folder(out)
    wait(panel)
    session = panel.session
    assert session is not None
    assert isinstance(session.sheets, InFolder)
    name = session.sheets.name
    records = {one["case_id"]: one for one in json.loads((out / "report.json").read_text())["cases"]}
    assert records[name]["confidence"] == min(one["confidence"] for one in records.values()), "the least certain first"
    assert panel.case.text().startswith(f"1 of 3: {name} — untouched")
    automatic = np.asarray(Pillow.open(out / records[name]["outputs"]["masks"])) > 0
    np.testing.assert_array_equal(session.labels.data != 0, automatic)

    session.labels.paint((5, 5), 1)
    wait(panel)
    given = np.asarray(Pillow.open(out / "corrections" / f"{name}.png")) > 0
    assert given[5, 5]
    np.testing.assert_array_equal(given, session.labels.data != 0)
    kinds = [one["action"]["kind"] for one in lines(out / "editing" / f"{name}.jsonl") if "action" in one]  # type: ignore[index]
    assert kinds == ["redraw"]
    assert "corrected" in panel.case.text()

    panel.step(1, "accepted")
    wait(panel)
    assert panel.session is not None
    assert isinstance(panel.session.sheets, InFolder)
    assert panel.session.sheets.name != name
    assert lines(out / "editing" / f"{name}.jsonl")[-1] == {"verdict": "accepted"}
    assert (out / "editing" / f"{name}.makers.png").exists()
    assert [layer.name for layer in panel.viewer.layers if layer.name.startswith(name)] == []

    rejected = panel.session.sheets.name
    panel.step(1, "rejected")
    wait(panel)
    assert Folder(out).notebook(rejected).verdict == "rejected"
    assert not (out / "corrections" / f"{rejected}.png").exists()

    panel.step(-2)
    wait(panel)
    assert panel.session.image.name == name
    assert panel.undo.text() == "Undo drawing", "steps of an earlier day can be taken back"
    panel.undo.click()
    wait(panel)
    np.testing.assert_array_equal(panel.session.labels.data != 0, automatic)


def test_what_another_program_drew_is_kept_beside_what_is_drawn_here(panel: Panel, wait: Wait, out: Path) -> None:
    panel.open_folder(out)
    wait(panel)
    session = panel.session
    assert session is not None
    name = session.image.name
    elsewhere = InFolder(Results(out), name)
    pixels = np.zeros(session.shape, dtype=bool)
    pixels[:9, :9] = True
    elsewhere.draw((), pixels, pixels)
    place = session.shape[0] - 12, session.shape[1] - 12
    session.labels.paint(place, 1)
    wait(panel)
    shown = np.asarray(session.labels.data) > 0
    assert shown[:9, :9].all()
    assert shown[place]
    given = read_image(out / "corrections" / f"{name}.png").pixels > 0
    np.testing.assert_array_equal(given, shown)
