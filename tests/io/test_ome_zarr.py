"""OME-Zarr: pictures that another program wrote are read, and it finds nothing wrong with the labels of this one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from ome_zarr_io import Reader, Writer, validate

from msformer.batch.plan import plan_inputs
from msformer.batch.remeasure import read_labels
from msformer.batch.run import Order, look_ahead, run_cases
from msformer.config import Config
from msformer.errors import ReadError, WriteError
from msformer.geometry import Geometry
from msformer.io import read_image
from msformer.io.export import write_labels
from msformer.io.medical import read_volume
from msformer.io.need import bytes_needed
from msformer.io.segments import segments_of

RNG = np.random.default_rng(11)
PICTURE: NDArray[Any] = RNG.integers(0, 255, (3, 67, 83)).astype(np.uint8)
STACK: NDArray[Any] = RNG.integers(0, 900, (5, 61, 71)).astype(np.uint16)


def write(path: Path, image: NDArray[Any], dims: str, scale: dict[str, float], levels: int = 1) -> Path:
    units = {axis: "micrometer" for axis in dims if axis in "zyx"} | ({"t": "second"} if "t" in dims else {})
    Writer(
        path=path,
        image=image,
        dims=list(dims),
        axis_units=units,
        scale_transformations=scale,
        downscale_levels=levels,
        downscale_method="nearest",
    ).write()
    return path


def old(path: Path, array: NDArray[Any], axes: str, unit: str = "millimeter") -> Path:
    """A picture of version 0.4, in zarr's second format."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("0", data=array)
    steps: Any = [
        {"type": "scale", "scale": [0.5] * array.ndim},
        {"type": "translation", "translation": [3.0] * array.ndim},
    ]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": axis, "type": "space", "unit": unit} for axis in axes],
            "datasets": [{"path": "0", "coordinateTransformations": steps}],
            "coordinateTransformations": [{"type": "scale", "scale": [2.0] * array.ndim}],
        }
    ]
    return path


def test_a_picture_of_another_program(tmp_path: Path) -> None:
    image = read_image(write(tmp_path / "a.ome.zarr", PICTURE, "cyx", {"y": 0.5, "x": 0.25}))
    np.testing.assert_array_equal(image.pixels, PICTURE.transpose(1, 2, 0))
    assert image.spacing_mm == pytest.approx((0.0005, 0.00025))


def test_a_volume_of_another_program(tmp_path: Path) -> None:
    volume = read_volume([write(tmp_path / "v.zarr", STACK, "zyx", {"z": 2.0, "y": 0.5, "x": 0.25})], max_voxels=10**6)
    np.testing.assert_array_equal(volume.voxels, STACK)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == pytest.approx((0.00025, 0.0005, 0.002))


def test_version_04_with_any_order_of_axes_and_both_transformations(tmp_path: Path) -> None:
    path = old(tmp_path / "v.zarr", STACK.transpose(2, 0, 1), "xzy")
    volume = read_volume([path], max_voxels=10**6)
    np.testing.assert_array_equal(volume.voxels, STACK)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (1.0, 1.0, 1.0), ".5 mm, then all of it twice as large"
    assert volume.geometry.origin_mm == (6.0, 6.0, 6.0)
    assert not volume.geometry.is_placed


def test_a_scale_without_a_unit_is_no_size(tmp_path: Path) -> None:
    assert read_volume([old(tmp_path / "v.zarr", STACK, "zyx", "parsnip")], max_voxels=10**6).geometry is None


def test_of_times_one_is_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "v.zarr", STACK[:, None], "tzyx", {"z": 1.0, "y": 1.0, "x": 1.0, "t": 1.0})
    (case,) = plan_inputs([str(path)]).cases
    assert case.instances == (path,)
    np.testing.assert_array_equal(read_volume([path], frame=3, max_voxels=10**6).voxels, STACK[3:4])
    with pytest.raises(ReadError, match="holds 5 volumes"):
        read_volume([path], max_voxels=10**6)


def test_the_largest_level_that_may_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", PICTURE[0], "yx", {"y": 0.5, "x": 0.25})
    image = read_image(path, max_pixels=67 * 83 - 1)
    assert image.shape == (33, 41)
    assert image.spacing_mm == pytest.approx((0.001, 0.0005), rel=0.05)
    assert image.notes == ("level of 41 × 33 × 1, the largest of at most max_pixels=5560; the whole has 83 × 67 × 1",)
    with pytest.raises(ReadError, match=r"at most max_pixels=100 voxels; got 1 × 33 × 41"):
        read_image(path, max_pixels=100)


def test_more_than_four_channels_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", np.stack([PICTURE[0]] * 5), "cyx", {"y": 1.0, "x": 1.0})
    with pytest.raises(ReadError, match="at most 4 channels; got 5"):
        read_image(path)


def _cut(path: Path) -> None:
    (path / "zarr.json").write_text((path / "zarr.json").read_text()[:50])


def _outside(path: Path) -> None:
    text = (path / "zarr.json").read_text()
    (path / "zarr.json").write_text(text.replace('"path": "0"', '"path": "../b.zarr/0"'))


def _lost(path: Path) -> None:
    shutil.rmtree(path / "0")


def _huge(path: Path) -> None:
    said = json.loads((path / "0" / "zarr.json").read_text())
    said["chunk_grid"]["configuration"]["chunk_shape"] = [10**6, 10**6]
    (path / "0" / "zarr.json").write_text(json.dumps(said))


def _torn(path: Path) -> None:
    chunk = next(one for one in (path / "0" / "c").rglob("*") if one.is_file())
    chunk.write_bytes(chunk.read_bytes()[:20])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_outside, "must lie in the folder"),
        (_lost, "broken OME-Zarr: 0/"),
        (_huge, "chunk must have at most"),
        (_torn, "broken zarr array '0'"),
    ],
)
def test_a_broken_one_is_an_error_that_names_it(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    path = write(tmp_path / "a.zarr", PICTURE[0], "yx", {"y": 1.0, "x": 1.0})
    spoil(path)
    with pytest.raises(ReadError, match=message) as caught:
        read_image(path)
    assert str(caught.value).startswith(str(path))


def test_what_is_no_json_is_no_picture(tmp_path: Path) -> None:
    _cut(write(tmp_path / "a.zarr", PICTURE[0], "yx", {"y": 1.0, "x": 1.0}))
    write(tmp_path / "b.zarr", PICTURE[0], "yx", {"y": 1.0, "x": 1.0})
    assert [one.case_id for one in plan_inputs([str(tmp_path)]).cases] == ["b"]


def test_in_a_folder_it_is_one_case_and_labels_are_none(tmp_path: Path) -> None:
    write(tmp_path / "a.ome.zarr", PICTURE, "cyx", {"y": 0.5, "x": 0.25})
    write(tmp_path / "v.zarr", STACK, "zyx", {"z": 2.0, "y": 0.5, "x": 0.25})
    zarr.open_group(str(tmp_path / "plate.zarr"), mode="w")
    write(tmp_path / "plate.zarr" / "0", PICTURE[0], "yx", {"y": 1.0, "x": 1.0})
    labels = np.ones((1, 67, 83), dtype=np.uint8)
    write_labels(
        tmp_path / "l.ome.zarr", labels, "ome-zarr", segments=segments_of(1), geometry=None, description="", seed=""
    )
    plan = plan_inputs([str(tmp_path)])
    found = {case.case_id: case.instances for case in plan.cases}
    assert found == {"a": (), "v": (tmp_path / "v.zarr",), "plate.zarr/0": ()}
    assert {(one.path.name, one.why) for one in plan.skipped} == {("l.ome.zarr", "label map"), ("zarr.json", "unknown")}


def test_memory_is_told_from_the_headers(tmp_path: Path) -> None:
    path = write(tmp_path / "v.zarr", STACK, "zyx", {"z": 1.0, "y": 1.0, "x": 1.0})
    assert bytes_needed(path, None, (path,)) > STACK.nbytes + 64 * 2**20
    with pytest.raises(ReadError, match="at most max_pixels=50 voxels"):
        bytes_needed(path, None, (path,), max_pixels=50)


def test_labels_are_valid_and_hold_the_numbers_names_and_sizes(tmp_path: Path) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (3, 601, 307)).astype(np.uint8)
    path = tmp_path / "v.ome.zarr"
    geometry = Geometry((0.25, 0.5, 2.0), (7.0, 11.0, 13.0))
    for _ in range(2):  # the second in the place of the first
        write_labels(
            path,
            labels,
            "ome-zarr",
            segments=segments_of(3),
            geometry=geometry,
            description="",
            seed="",
            source_name="",
        )
    assert [one.name for one in tmp_path.iterdir()] == ["v.ome.zarr"]
    assert validate(path).is_valid
    reader = Reader(path)
    assert (reader.dims, reader.n_levels) == (["z", "y", "x"], 3)
    assert reader.get_voxel_size() == pytest.approx({"z": 2.0, "y": 0.5, "x": 0.25})
    group = zarr.open_group(str(path), mode="r")
    np.testing.assert_array_equal(np.asarray(group["0"]), labels)
    np.testing.assert_array_equal(np.asarray(group["2"]), labels[:, ::4, ::4])
    said: Any = group.attrs["ome"]
    assert said["multiscales"][0]["datasets"][1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [2.0, 1.0, 0.5]},
        {"type": "translation", "translation": [13.0, 11.0, 7.0]},
    ]
    assert [one["name"] for one in said["image-label"]["properties"]] == ["cluster 1", "cluster 2", "cluster 3"]
    ((_, again),) = read_labels(path, 10**7)
    np.testing.assert_array_equal(again.voxels, labels)
    assert again.geometry == Geometry((0.25, 0.5, 2.0), (7.0, 11.0, 13.0), is_placed=False)


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (1, 601, 307)).astype(np.uint8)
    for name in ("one", "two"):
        path = tmp_path / name / "a.ome.zarr"
        write_labels(path, labels, "ome-zarr", segments=segments_of(3), geometry=None, description="", seed="")
    one, two = (
        {
            file.relative_to(tmp_path / name): file.read_bytes()
            for file in (tmp_path / name).rglob("*")
            if file.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) > 4


def test_a_run_goes_on_and_does_again_what_changed_or_is_lost(tmp_path: Path, fast: Config) -> None:
    path = write(tmp_path / "in" / "a.ome.zarr", PICTURE, "cyx", {"y": 0.5, "x": 0.25})
    out = tmp_path / "out"
    cases = plan_inputs([str(tmp_path / "in")]).cases
    (record,) = run_cases(cases, fast, out)
    assert record["outputs"]["masks"] == "masks/a.tif", "what is read again is a file"
    assert record["outputs"]["masks.ome-zarr"] == "masks/a.ome.zarr"
    assert record["spacing_mm"] == pytest.approx([0.0005, 0.00025])
    assert not look_ahead(Order(cases, fast), out).cases
    chunk = next(one for one in (out / "masks" / "a.ome.zarr" / "0").rglob("*") if one.is_file())
    chunk.unlink()
    assert look_ahead(Order(cases, fast), out).reasons == {"with results missing": 1}
    run_cases(cases, fast, out)
    assert chunk.is_file()
    assert not look_ahead(Order(cases, fast), out).cases
    array: Any = zarr.open_group(str(path), mode="r+")["0"]
    array[0, 5, 5] = 255 - int(array[0, 5, 5])
    assert look_ahead(Order(plan_inputs([str(tmp_path / "in")]).cases, fast), out).reasons == {"changed": 1}


def test_without_zarr_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.zarr", PICTURE[0], "yx", {"y": 1.0, "x": 1.0})
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ReadError, match=r"pip install 'msformer\[zarr\]'"):
        read_image(path)
    with pytest.raises(WriteError, match=r"pip install 'msformer\[zarr\]'"):
        write_labels(
            tmp_path / "l.ome.zarr",
            np.ones((1, 40, 40), np.uint8),
            "ome-zarr",
            segments=segments_of(1),
            geometry=None,
            description="",
            seed="",
        )
    assert not (tmp_path / "l.ome.zarr").exists()
