"""GeoJSON of this program, of QuPath's kind and of other libraries → pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geojson
import numpy as np
import pytest
import shapely
from tests.io.outlines.filling import Mask, filled, hard_masks

from msformer.errors import ReadError
from msformer.io.outlines.geojson import write_geojson
from msformer.io.outlines.read_geojson import read_geojson
from msformer.io.segments import instance_segments, object_segment

SQUARE = [[2, 3], [7, 3], [7, 5], [2, 5], [2, 3]]  # columns 2 to 6, rows 3 and 4
SQUARE_PX = {(row, column) for row in (3, 4) for column in range(2, 7)}


def pixels(mask: Mask) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(mask)}


def feature(geometry: Any, name: str | None = None) -> dict[str, Any]:
    about = {} if name is None else {"classification": {"name": name, "color": [1, 2, 3]}}
    return {"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation", **about}}


def read(path: Path, said: Any, shape: tuple[int, int, int] = (1, 11, 13)) -> Mask:
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return read_geojson(path, shape)


@pytest.mark.parametrize("name", hard_masks())
def test_what_another_library_passes_on_is_the_same_mask(tmp_path: Path, name: str) -> None:
    mask = hard_masks()[name]
    write_geojson(tmp_path / "a.geojson", mask[None].astype(np.uint8), [object_segment()], seed="1")
    passed_on = geojson.loads((tmp_path / "a.geojson").read_text())
    assert passed_on.is_valid
    assert all(shapely.from_geojson(geojson.dumps(one.geometry)).is_valid for one in passed_on.features)
    found = read(tmp_path / "b.geojson", geojson.dumps(passed_on), (1, *mask.shape))
    np.testing.assert_array_equal(found[0], mask)


def test_names_colours_and_slices_come_through_another_library(tmp_path: Path) -> None:
    labels = np.zeros((3, 11, 13), dtype=np.uint8)
    labels[1, 3:5, 2:7] = 1
    labels[2, 6:9, 1:4] = 2
    segments = instance_segments(2)
    write_geojson(tmp_path / "a.geojson", labels, segments, seed="1")
    passed_on = geojson.loads((tmp_path / "a.geojson").read_text())
    told = [
        (one.properties["name"], tuple(one.properties["color"]), one.geometry["plane"]["z"])
        for one in passed_on.features
    ]
    assert told == [("object 1", segments[0].colour, 1), ("object 2", segments[1].colour, 2)]
    np.testing.assert_array_equal(read(tmp_path / "b.geojson", geojson.dumps(passed_on), labels.shape), labels != 0)


def test_corners_between_pixels_are_filled_as_a_library_of_geometry_says(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    for number in range(20):
        angles = np.sort(random.uniform(0, 2 * np.pi, 9))
        radii = random.uniform(2, 9, 9)
        corners = np.stack([11 + radii * np.cos(angles), 9 + radii * np.sin(angles)], axis=1)
        shape = shapely.Polygon(corners)
        expected = np.array([[shape.contains(shapely.Point(x + 0.5, y + 0.5)) for x in range(23)] for y in range(19)])
        found = read(tmp_path / f"{number}.geojson", feature(json.loads(shapely.to_geojson(shape))), (1, 19, 23))
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(found[0], filled([corners], (19, 23)))


def test_what_qupath_writes(tmp_path: Path) -> None:
    other = {"type": "MultiPolygon", "coordinates": [[[[9, 9], [11, 9], [11, 10], [9, 10], [9, 9]]]]}
    said = [
        feature({"type": "Polygon", "coordinates": [SQUARE], "plane": {"c": -1, "z": 0, "t": 0}}, "object"),
        feature({"type": "GeometryCollection", "geometries": [other]}),
        feature({"type": "Polygon", "coordinates": [[[0, 0], [13, 0], [13, 11], [0, 11]]]}, "Ignore*"),
        feature({"type": "LineString", "coordinates": [[0, 0], [12, 10]]}),
        feature({"type": "Point", "coordinates": [1, 1]}),
    ]
    assert pixels(read(tmp_path / "list.geojson", said)[0]) == SQUARE_PX | {(9, 9), (9, 10)}
    assert pixels(read(tmp_path / "one.geojson", said[0])[0]) == SQUARE_PX
    assert not read(tmp_path / "none.geojson", {"type": "FeatureCollection", "features": []}).any()


def test_beyond_the_image_there_is_nothing(tmp_path: Path) -> None:
    beyond = [[-5, 9], [3, 9], [3, 400], [-5, 400]]
    assert pixels(read(tmp_path / "a.geojson", feature({"type": "Polygon", "coordinates": [beyond]}))[0]) == {
        (row, column) for row in (9, 10) for column in (0, 1, 2)
    }


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{", "cannot be read as GeoJSON"),
        ({"a": 1}, "must hold GeoJSON features; got none"),
        (feature({"type": "Polygon", "coordinates": [[[1, 2]]]}), "feature 1 cannot be read: a ring must be three"),
        (feature({"type": "Polygon", "coordinates": [[[1, 2], [1e9, 2], [3, 4]]]}), "of at most 1e"),
        (feature({"type": "Polygon", "coordinates": [SQUARE], "plane": {"z": 4}}), "from 0 to 0; got 4"),
    ],
)
def test_what_is_no_area_is_told(tmp_path: Path, said: Any, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read(tmp_path / "a.geojson", said)
