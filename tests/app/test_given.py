"""Corrections that 3D Slicer and QuPath made are shown on the desk, and taught from."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import slicerio
from tests.app.helpers import SHAPE as PICTURE
from tests.app.test_volume import SHAPE, out, scanned

from msformer.app.desk import Desk, Task
from msformer.batch.learn.corrections import find_corrections, read_correction
from msformer.geometry import RAS_OF_LPS

__all__ = ["out", "scanned"]
AFFINE = RAS_OF_LPS @ np.diag([0.7, 0.9, 3.0, 1.0])
"""Of the scan, in LPS as Slicer's files have it."""


def save(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    one = {"id": "Segment_1", "name": "object", "labelValue": 1, "color": [1, 0, 0], "layer": 0}
    slicerio.write_segmentation(str(path), {"voxels": voxels, "ijkToLPS": affine, "segments": [one]})


def test_a_scan_that_slicer_cropped(out: Path) -> None:
    crop = np.eye(4)
    crop[:3, 3] = 31, 22, 2  # first column, row and slice
    save(out / "corrections" / "head.seg.nrrd", np.ones((7, 5, 2), np.uint8), AFFINE @ crop)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[2:4, 22:27, 31:38] = True
    desk = Desk(Task(out))
    assert [row["state"] for row in desk.listing.rows()] == ["corrected"]
    with desk.case("head") as case:
        for number in (2, 3):
            np.testing.assert_array_equal(case.sheet(number).mask, expected[number])
    job, _ = desk.listing.job("head")
    found = find_corrections([job], out / "corrections", is_named=True)
    taught = read_correction(job, found["head"])
    assert taught.keys() == {"head/slice0002", "head/slice0003"}
    np.testing.assert_array_equal(taught["head/slice0002"], expected[2])


def test_a_picture_that_qupath_outlined(segmented: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(segmented / "out", tmp_path / "results"))
    ring = [[10, 20], [40, 20], [40, 50], [10, 50], [10, 20]]
    said = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    (results / "corrections").mkdir()
    (results / "corrections" / "lesion-01.geojson").write_text(json.dumps([said]))
    expected = np.zeros(PICTURE, dtype=bool)
    expected[20:50, 10:40] = True
    desk = Desk(Task(results))
    with desk.case("lesion-01") as case:
        np.testing.assert_array_equal(case.sheet(None).mask, expected)
    shown = desk.show("lesion-01", None)
    desk.act("lesion-01", None, shown["revision"], {"verdict": "accepted"})
    assert [path.name for path in (results / "corrections").iterdir()] == ["lesion-01.png"]


def test_a_picture_that_slicer_read_itself(segmented: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(segmented / "out", tmp_path / "results"))
    voxels = np.zeros((*PICTURE[::-1], 1), np.uint8)
    voxels[10:40, 20:50, 0] = 1
    save(results / "corrections" / "lesion-02.seg.nrrd", voxels, np.eye(4))
    with Desk(Task(results)).case("lesion-02") as case:
        mask = case.sheet(None).mask
    assert mask[20:50, 10:40].all()
    assert mask.sum() == 900


def test_the_script_for_slicer_finds_images_and_masks_and_saves_where_they_are_read(out: Path) -> None:
    script = Path(__file__).parents[2] / "plugins" / "slicer" / "msformer_slicer.py"
    cases = runpy.run_path(str(script))["Cases"](out)
    assert cases.names == ["head"]
    assert cases.image("head").name == "head.nii.gz"
    assert cases.image("head").is_file()
    assert cases.mask("head") == out / "masks" / "head.nii.gz"
    save(cases.correction("head"), np.ones(SHAPE[::-1], np.uint8), AFFINE)
    assert cases.mask("head") == out / "corrections" / "head.seg.nrrd"
    with Desk(Task(out)).case("head") as case:
        assert case.sheet(0).mask.all()
