"""Segmentations to 3D Slicer and back, through readers and writers that are not this program's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import slicerio
from numpy.typing import NDArray

from msformer.errors import ImageError
from msformer.geometry import Geometry
from msformer.io.export import write_labels
from msformer.io.segments import object_segment, segments_of
from msformer.io.slicer import is_slicer_segmentation, read_slicer_mask

SHAPE = 5, 11, 13
TURN = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
PLACE = Geometry((0.7, 0.9, 2.5), (-31.0, 17.5, 4.25), TURN)
MOST = 10_000


def labels() -> NDArray[np.uint8]:
    found = np.zeros(SHAPE, dtype=np.uint8)
    found[1:3, 2:7, 3:5] = 1
    found[3, 8:10, 1:12] = 2
    return found


def write(path: Path, values: NDArray[np.uint8], geometry: Geometry | None = PLACE, n_labels: int = 2) -> None:
    segments = segments_of(n_labels) if n_labels > 1 else [object_segment()]
    write_labels(path, values, "seg.nrrd", segments=segments, geometry=geometry, description="", seed="")


def test_slicer_reads_voxels_place_names_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    write(path, labels())
    read = slicerio.read_segmentation(str(path))
    np.testing.assert_array_equal(read["voxels"].T, labels())
    for index in ((0, 0, 0), (12, 10, 4), (3, 7, 2)):
        np.testing.assert_allclose((read["ijkToLPS"] @ [*index, 1])[:3], (PLACE.affine @ [*index, 1])[:3], atol=1e-9)
    told = [(one["labelValue"], one["name"], [round(part * 255) for part in one["color"]]) for one in read["segments"]]
    assert told == [(one.label, one.name, list(one.colour)) for one in segments_of(2)]
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), labels())
    np.testing.assert_allclose(image.GetSpacing(), PLACE.spacing_mm)
    np.testing.assert_allclose(image.GetOrigin(), PLACE.origin_mm)
    np.testing.assert_allclose(image.GetDirection(), PLACE.direction)


def save_as_slicer(path: Path, voxels: NDArray[Any], affine: NDArray[np.float64], n_segments: int = 1) -> None:
    """Voxels ``(I, J, K)``, or ``(layer, I, J, K)``, written by slicerio."""
    segmentation: dict[str, Any] = {"voxels": voxels, "ijkToLPS": affine}
    segmentation["segments"] = [
        {
            "id": f"Segment_{number + 1}",
            "name": f"drawn {number + 1}",
            "labelValue": 1,
            "color": [0.1, 0.2, 0.3],
            "layer": number if voxels.ndim == 4 else 0,
        }
        for number in range(n_segments)
    ]
    slicerio.write_segmentation(str(path), segmentation)


def test_what_slicer_corrects_comes_back_to_the_voxel(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "a.seg.nrrd", tmp_path / "b.seg.nrrd"
    write(ours, (labels() == 1).astype(np.uint8), n_labels=1)
    read = slicerio.read_segmentation(str(ours))
    read["voxels"] = read["voxels"].copy()
    read["voxels"][11, 1, 4] = 1  # i, j, k: column, row, slice
    slicerio.write_segmentation(str(theirs), read)
    expected = labels() == 1
    expected[4, 1, 11] = True
    assert is_slicer_segmentation(theirs)
    np.testing.assert_array_equal(read_slicer_mask(theirs, SHAPE, [PLACE], MOST), expected)
    kept = slicerio.read_segmentation(str(theirs))["segments"][0]
    assert kept["name"] == "object"
    assert [round(part * 255) for part in kept["color"]] == list(object_segment().colour)


def test_cropped_turned_and_mirrored_voxels_find_their_place(tmp_path: Path) -> None:
    expected = labels() != 0
    whole = expected.astype(np.uint8).T  # column, row, slice
    crop = np.eye(4)
    crop[:3, 3] = 1, 2, 1
    save_as_slicer(tmp_path / "crop.seg.nrrd", whole[1:13, 2:11, 1:4], PLACE.affine @ crop)
    mirror = np.diag([-1.0, 1.0, -1.0, 1.0])
    mirror[:3, 3] = 12, 0, 4
    save_as_slicer(tmp_path / "mirror.seg.nrrd", whole[::-1, :, ::-1], PLACE.affine @ mirror)
    turn = np.eye(4)[[1, 2, 0, 3]]  # its axes are slices, columns, rows
    save_as_slicer(tmp_path / "turn.seg.nrrd", whole.transpose(2, 0, 1), PLACE.affine @ turn)
    wide = np.zeros((17, 13, 7), dtype=np.uint8)
    wide[2:15, 1:12, 1:6] = whole
    wide[0, 0, 0] = 1  # outside of the image
    beyond = np.eye(4)
    beyond[:3, 3] = -2, -1, -1
    save_as_slicer(tmp_path / "wide.seg.nrrd", wide, PLACE.affine @ beyond)
    for name in ("crop", "mirror", "turn", "wide"):
        found = read_slicer_mask(tmp_path / f"{name}.seg.nrrd", SHAPE, [PLACE], MOST)
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_layers_of_segments_that_overlap_are_one_mask(tmp_path: Path) -> None:
    layers = np.zeros((2, *SHAPE[::-1]), dtype=np.uint8)
    layers[0, 2:5, 3:6, 1] = 1
    layers[1, 4:9, 5:8, 1] = 1
    save_as_slicer(tmp_path / "a.seg.nrrd", layers, PLACE.affine, n_segments=2)
    found = read_slicer_mask(tmp_path / "a.seg.nrrd", SHAPE, [PLACE], MOST)
    np.testing.assert_array_equal(found.T, (layers != 0).any(axis=0))


@pytest.mark.parametrize("change", [np.diag([2.0, 2.0, 1.0, 1.0]), np.eye(4) + np.eye(4, k=3) * 0.4])
def test_voxels_that_are_none_of_the_image_are_refused(tmp_path: Path, change: NDArray[np.float64]) -> None:
    save_as_slicer(tmp_path / "a.seg.nrrd", np.ones(SHAPE[::-1], np.uint8), PLACE.affine @ change)
    with pytest.raises(ImageError, match=r"a\.seg\.nrrd: voxels must be those of the image"):
        read_slicer_mask(tmp_path / "a.seg.nrrd", SHAPE, [PLACE], MOST)
