"""Notebooks run from the first cell to the last, and what is kept of them is what their plain text says."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import nibabel as nib
import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image as Pillow
from scripts.build_notebooks import NOTEBOOKS, from_source, notebook_names, run

from msformer.phantoms import make_phantom

ALL = ("MSFormer", "learning", "quickstart", "volumes")
LARGEST = 300_000
"""Bytes of a notebook with its pictures."""


def texts(notebook: NotebookNode) -> str:
    """What the cells said, and the plain form of what they show."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def test_these_are_all() -> None:
    assert tuple(notebook_names()) == ALL
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_notebook_is_its_plain_text_with_the_outputs_of_one_run(name: str) -> None:
    path = NOTEBOOKS / f"{name}.ipynb"
    kept, made = nbformat.read(path, as_version=4), from_source(name)
    assert [(cell.id, cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.id, cell.cell_type, cell.source) for cell in made.cells
    ], "run scripts/build_notebooks.py"
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert path.stat().st_size < LARGEST
    assert not re.search(r"/(tmp|home|root|Users)/| at 0x", texts(kept)), "a place of the machine that it ran on"


def test_the_published_notebook_colours_the_pictures_that_it_finds(tmp_path: Path) -> None:
    done = run(from_source("MSFormer"), tmp_path)
    names = {path.name for path in (tmp_path / "input" / "image").iterdir()}
    assert len(names) == 2
    for name in names:
        coloured = np.asarray(Pillow.open(tmp_path / "results" / f"m_mask_{name}"))
        mask = np.asarray(Pillow.open(tmp_path / "results" / f"b_mask_{name}"))
        shape = np.asarray(Pillow.open(tmp_path / "input" / "image" / name)).shape
        assert coloured.shape == shape
        assert len(np.unique(coloured.reshape(-1, 3), axis=0)) >= 2
        assert mask.shape == shape[:2]
        assert set(np.unique(mask)) == {0, 255}
    assert "same seed, equal result: True" in texts(done)


def test_the_published_notebook_leaves_a_readers_pictures_alone(tmp_path: Path) -> None:
    folder = tmp_path / "input" / "image"
    folder.mkdir(parents=True)
    Pillow.fromarray(make_phantom("dermoscopy", seed=1, shape=(61, 83)).image).save(folder / "mine.jpg")
    notebook = from_source("MSFormer")
    listing = next(number for number, cell in enumerate(notebook.cells) if "paths = files(IMAGES)" in cell.source)
    notebook.cells = notebook.cells[: listing + 1]
    done = run(notebook, tmp_path)
    assert texts(done).strip() == str(Path("input/image/mine.jpg"))
    assert [path.name for path in folder.iterdir()] == ["mine.jpg"]


def test_the_quick_start_saves_what_it_says(tmp_path: Path) -> None:
    done = run(from_source("quickstart"), tmp_path)
    mask = np.asarray(Pillow.open(tmp_path / "saved" / "mask.png")) > 0
    volume = np.asarray(nib.load(tmp_path / "saved" / "mask.nii.gz").dataobj)  # type: ignore[attr-defined]
    assert np.array_equal(np.squeeze(volume).T > 0, mask)
    for point in ((39, 115), (104, 76)):
        assert f"{point}" in "".join(cell.source for cell in done.cells)
    corrected = np.asarray(Pillow.open(tmp_path / "saved" / "corrected.png")) > 0
    assert corrected[104, 76]
    before, clicked, undone = (int(count) for count in re.findall(r"(?m)^(\d+) px(?: after.*)?$", texts(done))[-3:])
    assert before == undone != clicked == corrected.sum()


def test_a_volume_keeps_its_place(tmp_path: Path) -> None:
    done = run(from_source("volumes"), tmp_path)
    ct, mask = nib.load(tmp_path / "ct.nii.gz"), nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_allclose(mask.affine, ct.affine)  # type: ignore[attr-defined]
    assert mask.shape == ct.shape == (128, 128, 8)  # type: ignore[attr-defined]
    assert float(re.findall(r"Dice ([\d.]+)", texts(done))[0]) > 0.9


def test_two_corrections_teach_the_others(tmp_path: Path) -> None:
    done = run(from_source("learning"), tmp_path)
    assert "4 of 6 masks changed by what was learned, 2 given by a person" in texts(done)
    results = tmp_path / "results"
    for number in (0, 2, 4, 5):  # the patch is in the right half, the mole in the left one
        alone, taught = (
            np.asarray(Pillow.open(results / folder / f"skin{number}.png")) > 0 for folder in ("masks-alone", "masks")
        )
        assert alone[:, :64].sum() > alone[:, 64:].sum()
        assert taught[:, 64:].sum() > taught[:, :64].sum()
