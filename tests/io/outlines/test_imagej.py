"""ROIs of ImageJ, read back by roifile."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
from numpy.typing import NDArray
from tests.io.outlines.filling import Mask, filled, hard_masks

from msformer.errors import WriteError
from msformer.io.export import write_labels
from msformer.io.segments import Segment, instance_segments, object_segment


def write(path: Path, labels: NDArray[Any], segments: list[Segment]) -> list[Any]:
    given: dict[str, Any] = {"geometry": None, "description": "", "seed": "1"}
    assert write_labels(path, labels, "imagej-roi", segments=segments, **given) == [path]
    read = roifile.roiread(path)
    return read if isinstance(read, list) else [read]


def pixels_of(roi: Any, shape: tuple[int, int]) -> Mask:
    """By the even-odd rule, with which ImageJ fills composite ROIs."""
    return filled(roi.coordinates(multi=True), shape)


@pytest.mark.parametrize("name", [name for name in hard_masks() if name != "nothing"])
def test_a_mask(tmp_path: Path, name: str) -> None:
    mask = hard_masks()[name]
    (roi,) = write(tmp_path / "a.zip", mask[None].astype(np.uint8), [object_segment()])
    np.testing.assert_array_equal(pixels_of(roi, (*mask.shape,)), mask)
    rows, columns = np.nonzero(mask)
    assert (roi.left, roi.top, roi.right, roi.bottom) == (
        columns.min(), rows.min(), columns.max() + 1, rows.max() + 1,
    )  # fmt: skip
    assert (roi.name, roi.position) == ("object", 0)
    assert roi.hexcolor(roi.stroke_color) == "#ffe600"


def test_what_is_whole_is_traced_and_holes_make_it_composite(tmp_path: Path) -> None:
    (whole,) = write(tmp_path / "a.zip", hard_masks()["all"][None].astype(np.uint8), [object_segment()])
    assert whole.roitype == roifile.ROI_TYPE.TRACED
    assert not whole.composite
    for name, rings in (("hole", 2), ("corner to corner", 3)):
        (several,) = write(tmp_path / "b.zip", hard_masks()[name][None].astype(np.uint8), [object_segment()])
        assert several.roitype == roifile.ROI_TYPE.RECT
        assert several.composite
        assert len(several.coordinates(multi=True)) == rings


def test_objects_by_name(tmp_path: Path) -> None:
    labels = np.zeros((1, 11, 13), np.uint16)
    labels[0, 1:4, 2:5], labels[0, 2, 3], labels[0, 6:9, 7:12], labels[0, 10, 0] = 1, 0, 2, 3
    rois = write(tmp_path / "a.zip", labels, instance_segments(3))
    assert [roi.name for roi in rois] == ["object 1", "object 2", "object 3"]
    for number, roi in enumerate(rois, start=1):
        np.testing.assert_array_equal(pixels_of(roi, (11, 13)), labels[0] == number)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.namelist() == ["object 1.roi", "object 2.roi", "object 3.roi"]


def test_slices_have_their_position(tmp_path: Path) -> None:
    labels = np.zeros((5, 7, 3), np.uint8)
    labels[1, 2:5, 1], labels[4, 0, :2] = 1, 1
    rois = write(tmp_path / "a.zip", labels, [object_segment()])
    assert [(roi.position, roi.name) for roi in rois] == [(2, "0002 object"), (5, "0005 object")]
    for roi in rois:
        np.testing.assert_array_equal(pixels_of(roi, (7, 3)), labels[roi.position - 1])


def test_far_from_the_corner(tmp_path: Path) -> None:
    labels = np.zeros((1, 2, 60535), np.uint8)
    labels[0, :, 7:60531] = 1
    (roi,) = write(tmp_path / "a.zip", labels, [object_segment()])
    assert {tuple(point) for point in roi.coordinates().tolist()} == {(7, 0), (60531, 0), (60531, 2), (7, 2)}
    with pytest.raises(WriteError, match=r"b\.zip: imagej-roi holds places up to 60535 px; got .*\(1, 60536\)"):
        write(tmp_path / "b.zip", np.zeros((1, 1, 60536), np.uint8), [object_segment()])
    assert not (tmp_path / "b.zip").exists()


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    labels = hard_masks()["random 5"][None].astype(np.uint8)
    for name in ("a.zip", "b.zip"):
        write(tmp_path / name, labels, [object_segment()])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert {one.date_time for one in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_found(tmp_path: Path) -> None:
    given: dict[str, Any] = {"segments": [object_segment()], "geometry": None, "description": "", "seed": "1"}
    write_labels(tmp_path / "a.zip", np.zeros((1, 3, 5), np.uint8), "imagej-roi", **given)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.namelist() == []
