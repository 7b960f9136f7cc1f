"""COCO's own program finds the pixels that went in."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from tests.io.outlines.filling import hard_masks

from msformer.io.export import write_labels
from msformer.io.segments import Segment, instance_segments, object_segment


def write(path: Path, labels: NDArray[Any], segments: list[Segment]) -> Any:
    given: dict[str, Any] = {"geometry": None, "description": "found", "seed": "1", "source_name": "cat.jpg"}
    assert write_labels(path, labels, "coco", segments=segments, **given) == [path]
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.mark.parametrize("name", [name for name in hard_masks() if name != "nothing"])
def test_a_mask(tmp_path: Path, name: str) -> None:
    mask = hard_masks()[name]
    read = write(tmp_path / "a.json", mask[None].astype(np.uint8), [object_segment()])
    assert read.dataset["images"] == [
        {"id": 1, "file_name": "cat.jpg", "height": mask.shape[0], "width": mask.shape[1]}
    ]
    assert read.dataset["categories"] == [{"id": 1, "name": "object"}]
    (one,) = read.dataset["annotations"]
    np.testing.assert_array_equal(read.annToMask(one), mask)
    rows, columns = np.nonzero(mask)
    wide, high = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    assert one["bbox"] == [columns.min(), rows.min(), wide, high]
    assert (one["area"], one["iscrowd"], one["image_id"], one["category_id"]) == (mask.sum(), 0, 1, 1)


def test_runs_of_pixels_only_where_there_are_holes(tmp_path: Path) -> None:
    without, with_hole = hard_masks()["corner to corner"], hard_masks()["hole"]
    (one,) = write(tmp_path / "a.json", without[None].astype(np.uint8), [object_segment()]).dataset["annotations"]
    assert one["segmentation"] == [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2], [2, 2, 3, 2, 3, 3, 2, 3]]
    (one,) = write(tmp_path / "b.json", with_hole[None].astype(np.uint8), [object_segment()]).dataset["annotations"]
    assert one["segmentation"] == {"size": [3, 4], "counts": [0, 4, 1, 2, 1, 4]}
    framed = np.pad(with_hole, ((1, 2), (2, 1)))
    (one,) = write(tmp_path / "c.json", framed[None].astype(np.uint8), [object_segment()]).dataset["annotations"]
    assert one["segmentation"] == {"size": [6, 7], "counts": [13, 3, 3, 1, 1, 1, 3, 1, 1, 1, 3, 3, 8]}


def test_objects_have_one_category(tmp_path: Path) -> None:
    labels = np.zeros((1, 11, 13), np.uint16)
    labels[0, 1:4, 2:5], labels[0, 2, 3], labels[0, 6:9, 7:12], labels[0, 10, 0] = 1, 0, 2, 3
    read = write(tmp_path / "a.json", labels, instance_segments(3))
    assert read.dataset["categories"] == [{"id": 1, "name": "object"}]
    assert sorted(read.getAnnIds(imgIds=[1], catIds=[1])) == [1, 2, 3]
    for one in read.dataset["annotations"]:
        np.testing.assert_array_equal(read.annToMask(one), labels[0] == one["id"])


def test_each_slice_is_an_image(tmp_path: Path) -> None:
    labels = np.zeros((3, 7, 5), np.uint8)
    labels[0, 2:5, 1], labels[2, 0, :2] = 1, 1
    read = write(tmp_path / "a.json", labels, [object_segment()])
    assert [one["file_name"] for one in read.dataset["images"]] == [
        "cat.jpg/slice0000", "cat.jpg/slice0001", "cat.jpg/slice0002",
    ]  # fmt: skip
    for plane, numbers in enumerate(labels):
        found = [read.annToMask(read.anns[one]) for one in read.getAnnIds(imgIds=[plane + 1])]
        np.testing.assert_array_equal(sum(found, np.zeros((7, 5), np.uint8)), numbers)


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    labels = hard_masks()["random 5"][None].astype(np.uint8)
    for name in "ab":
        write(tmp_path / name, labels, [object_segment()])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_found(tmp_path: Path) -> None:
    write(tmp_path / "a.json", np.zeros((1, 3, 5), np.uint8), [object_segment()])
    assert json.loads((tmp_path / "a.json").read_bytes())["annotations"] == []
