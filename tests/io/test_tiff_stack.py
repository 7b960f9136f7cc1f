"""TIFFs that say what their pages are, written by tifffile with numbers that tell every axis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.helpers import run_program

from msformer.batch.plan import plan_cases
from msformer.errors import ReadError
from msformer.io.medical import read_volume
from msformer.io.tiff import is_stack

SIZES = {"T": 2, "Z": 3, "C": 4, "Y": 41, "X": 53}
STEPS = {"T": 20_000, "Z": 5_000, "C": 1_000, "Y": 10, "X": 1}


def numbers(axes: str) -> NDArray[np.uint16]:
    """Values whose digits are their indices."""
    grids = np.indices([SIZES[axis] for axis in axes])
    steps = np.array([STEPS[axis] for axis in axes])
    return np.tensordot(steps, grids, axes=1).astype(np.uint16)


def write(path: Path, axes: str, **metadata: Any) -> Path:
    tifffile.imwrite(path, numbers(axes), ome=True, photometric="minisblack", metadata={"axes": axes, **metadata})
    return path


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "CZYX", "ZCYX", "TZYX", "TCZYX"])
def test_axes_are_put_in_order(axes: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.ome.tif", axes)
    assert is_stack(path)
    volume = read_volume([path], frame=1 if "T" in axes else None, max_voxels=10**6)
    depth, channels = SIZES["Z"] if "Z" in axes else 1, SIZES["C"] if "C" in axes else None
    assert volume.voxels.shape == (depth, 41, 53) + (() if channels is None else (channels,))
    place = (depth - 1, 7, 11)
    for channel in range(channels or 1):
        expected = 7 * 10 + 11 + (20_000 if "T" in axes else 0) + 5_000 * (depth - 1) + 1_000 * channel
        assert volume.voxels[place if channels is None else (*place, channel)] == expected


def test_a_choice_among_times_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ome.tif", "TZYX")
    with pytest.raises(ReadError, match=r"a.ome.tif: .*2 volumes"):
        read_volume([path], max_voxels=10**6)


def test_physical_sizes_become_spacing(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 2.0}
    path = write(tmp_path / "a.ome.tif", "ZYX", **sizes, **{f"{name}Unit": "mm" for name in sizes})
    geometry = read_volume([path], max_voxels=10**6).geometry
    assert geometry is not None
    assert geometry.spacing_mm == (0.5, 0.25, 2.0)


def test_pages_without_axes_stay_images_of_their_own(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", numbers("ZYX"), photometric="minisblack", metadata=None)
    assert not is_stack(tmp_path / "pages.tif")
    assert [case.page for case in plan_cases([str(tmp_path)])] == [0, 1, 2]
    tifffile.imwrite(tmp_path / "pages.tif", numbers("YX"))
    assert not is_stack(tmp_path / "pages.tif")


def test_a_stack_gives_a_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 2.0}
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.ome.tif", "ZYX", **sizes, **{f"{name}Unit": "mm" for name in sizes})
    out = tmp_path / "out"
    options = ("--preset", "general", "--set", "cluster.method=kmeans", "--progress", "none")
    assert run_program(monkeypatch, "segment", tmp_path / "in", "-o", out, *options) == 0
    (case,) = json.loads((out / "report.json").read_text())["cases"]
    assert case["outputs"]["labels"] == "labels/a.tif"
    assert case["shape"] == [3, 41, 53]
    with tifffile.TiffFile(out / "labels" / "a.tif") as file:
        assert file.series[0].axes == "ZYX"
        assert file.series[0].shape == (3, 41, 53)
        assert 'PhysicalSizeZ="2.0"' in str(file.ome_metadata)
