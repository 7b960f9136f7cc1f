"""Volumes on the desk: a sheet for each slice, one file of corrections."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from tests.app.helpers import wait_until
from tests.app.test_desk import brush

from msformer.app.desk import Desk, Task
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.errors import ConfigError

SHAPE = 5, 71, 97
"""Slices, rows, columns."""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, fast: Config) -> Path:
    folder = tmp_path_factory.mktemp("scanned")
    voxels = np.random.default_rng(3).normal(40, 4, SHAPE).astype(np.float32)
    voxels[1:4, 20:50, 30:70] += 100
    affine = np.diag([0.7, 0.9, 3.0, 1.0])
    (folder / "in").mkdir()
    nibabel.Nifti1Image(voxels.transpose(2, 1, 0), affine).to_filename(folder / "in" / "head.nii.gz")
    run_cases(plan_cases([str(folder / "in")]), fast, folder / "out")
    return folder


@pytest.fixture
def out(scanned: Path, tmp_path: Path) -> Path:
    shutil.copytree(scanned / "out", tmp_path / "out")
    return tmp_path / "out"


def act(desk: Desk, number: int, *acts: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = desk.show("head", number)
    for one in acts:
        told = desk.act("head", number, told["revision"], one)
    return told


def corrected(out: Path) -> Any:
    image: Any = nibabel.load(out / "corrections" / "head.nii.gz")
    return np.asarray(image.dataobj).transpose(2, 1, 0) > 0


def test_the_slice_with_most_of_the_mask_is_opened(out: Path) -> None:
    desk = Desk(Task(out))
    shown = desk.show("head", None)
    assert shown["slices"] == [0, 1, 2, 3, 4]
    sizes = [desk.show("head", number)["pixels"] for number in range(5)]
    assert shown["pixels"] == max(sizes)
    assert desk.picture("head", 2)[1] == "application/octet-stream"
    with pytest.raises(ConfigError, match="slice must be one of those that were segmented, 0 to 4; got 5"):
        desk.show("head", 5)


def test_only_slices_that_were_touched_are_corrected(out: Path) -> None:
    desk = Desk(Task(out))
    act(desk, 2, brush(5, 5))
    mask = corrected(out)
    assert mask.shape == SHAPE
    assert mask[2, 5, 5]
    assert not mask[[0, 1, 3, 4]].any()
    image: Any = nibabel.load(out / "corrections" / "head.nii.gz")
    np.testing.assert_allclose(image.affine, np.diag([0.7, 0.9, 3.0, 1.0]), atol=1e-6)
    assert not list((out / "corrections").glob("*labels*"))
    act(desk, 2, {"undo": True})
    assert not (out / "corrections" / "head.nii.gz").exists()


def test_what_is_accepted_is_corrected_as_a_whole(out: Path) -> None:
    desk = Desk(Task(out))
    automatic = [desk.show("head", number)["pixels"] for number in range(5)]
    act(desk, 2, brush(5, 5), {"verdict": "accepted"})
    mask = corrected(out)
    assert mask[2, 5, 5]
    for number in (0, 1, 3, 4):
        assert np.count_nonzero(mask[number]) == automatic[number]
    assert desk.listing.rows()[0]["state"] == "accepted"
    again = Desk(Task(out))
    assert again.show("head", 2)["verdict"] == "accepted"
    assert again.show("head", 2)["undoes"] == "brush"
    act(again, 3, {"verdict": "open"})
    assert not corrected(out)[3].any()
    act(again, 3, {"verdict": "rejected"})
    assert not (out / "corrections" / "head.nii.gz").exists()


def test_slices_that_were_corrected_elsewhere_stay(out: Path) -> None:
    given = np.zeros(SHAPE, dtype=np.uint8)
    given[1, 30:40, 30:40] = 1
    (out / "corrections").mkdir()
    path = out / "corrections" / "head.nii.gz"
    nibabel.Nifti1Image(given.transpose(2, 1, 0), np.diag([0.7, 0.9, 3.0, 1.0])).to_filename(path)
    desk = Desk(Task(out))
    act(desk, 3, brush(5, 5))
    mask = corrected(out)
    np.testing.assert_array_equal(mask[1], given[1] > 0)
    assert mask[3, 5, 5]
    assert desk.show("head", 1)["pixels"] == 100


def test_learning_reads_what_was_drawn(out: Path) -> None:
    desk = Desk(Task(out, learning=("--updates", "1", "--workers", "0")))
    act(desk, 2, brush(5, 5))
    drawn = corrected(out)[2]
    desk.learn()
    wait_until(lambda: not desk.jobs.is_busy, 180)
    job = desk.told()
    assert job is not None
    assert job["status"] == "done", job["lines"]
    image: Any = nibabel.load(out / "masks" / "head.nii.gz")
    mask = np.asarray(image.dataobj).transpose(2, 1, 0) > 0
    np.testing.assert_array_equal(mask[2], drawn)


def test_a_volume_is_saved_with_its_geometry_and_a_picture_of_its_largest_slice(out: Path) -> None:
    desk = Desk(Task(out))
    act(desk, 2, {"verdict": "accepted"})
    for name, file in (("nrrd", "nrrd/head.nrrd"), ("pictures", "pictures/head.png"), ("csv", "objects.csv")):
        desk.export(name, "accepted")
        wait_until(lambda: not desk.jobs.is_busy)
        assert (out / "exports" / file).is_file(), desk.told()
    desk.export("dicom-seg", "accepted")
    wait_until(lambda: not desk.jobs.is_busy)
    assert "1 cannot be held by this format" in str(desk.told())
