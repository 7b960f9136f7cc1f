"""GeoJSON read by the JSON of the standard library and by shapely."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely.geometry
from numpy.typing import NDArray
from tests.io.outlines.filling import Mask, filled, hard_masks

from msformer.io.export import write_labels
from msformer.io.segments import Segment, instance_segments, object_segment


def write(path: Path, labels: NDArray[Any], segments: list[Segment], seed: str = "1") -> Any:
    assert write_labels(path, labels, "geojson", segments=segments, geometry=None, description="", seed=seed) == [path]
    return json.loads(path.read_bytes())


def pixels_of(feature: Any, shape: tuple[int, int]) -> Mask:
    geometry = shapely.geometry.shape(feature["geometry"])
    assert geometry.is_valid
    rings = [ring for one in shapely.get_parts(geometry) for ring in (one.exterior, *one.interiors)]
    return filled((np.asarray(ring.coords) for ring in rings), shape)


@pytest.mark.parametrize("name", ["one pixel", "corner to corner", "island at a corner of its hole", "random 3"])
def test_a_mask_is_one_annotation(tmp_path: Path, name: str) -> None:
    mask = hard_masks()[name]
    read = write(tmp_path / "a.geojson", mask[None].astype(np.uint8), [object_segment()])
    assert read["type"] == "FeatureCollection"
    (feature,) = read["features"]
    assert feature["type"] == "Feature"
    assert "plane" not in feature["geometry"]
    assert feature["properties"] == {
        "objectType": "annotation", "name": "object", "color": [255, 230, 0],
        "classification": {"name": "object", "color": [255, 230, 0]},
    }  # fmt: skip
    np.testing.assert_array_equal(pixels_of(feature, (*mask.shape,)), mask)
    for ring in _rings(feature["geometry"]):
        assert ring[0] == ring[-1]
        assert all(isinstance(number, int) for point in ring for number in point)


def _rings(geometry: Any) -> Any:
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [ring for part in parts for ring in part]


def test_objects_are_annotations_of_one_class(tmp_path: Path) -> None:
    labels = np.zeros((1, 11, 13), np.uint16)
    labels[0, 1:4, 2:5], labels[0, 2, 3], labels[0, 6:9, 7:12], labels[0, 10, 0] = 1, 0, 2, 3
    features = write(tmp_path / "a.geojson", labels, instance_segments(3))["features"]
    assert [one["properties"]["name"] for one in features] == ["object 1", "object 2", "object 3"]
    blue = [0, 114, 178]
    assert {json.dumps(one["properties"]["classification"]) for one in features} == {
        json.dumps({"name": "object", "color": blue})
    }
    assert [one["properties"]["color"] for one in features] == [blue, [230, 159, 0], [0, 158, 115]]
    for number, feature in enumerate(features, start=1):
        np.testing.assert_array_equal(pixels_of(feature, (11, 13)), labels[0] == number)


def test_slices_say_their_plane(tmp_path: Path) -> None:
    labels = np.zeros((5, 7, 3), np.uint8)
    labels[1, 2:5, 1], labels[4, 0, :2] = 1, 1
    features = write(tmp_path / "a.geojson", labels, [object_segment()])["features"]
    assert [one["geometry"]["plane"] for one in features] == [{"c": -1, "z": 1, "t": 0}, {"c": -1, "z": 4, "t": 0}]
    for feature in features:
        np.testing.assert_array_equal(pixels_of(feature, (7, 3)), labels[feature["geometry"]["plane"]["z"]])


def test_identifiers_follow_from_the_labels(tmp_path: Path) -> None:
    labels = np.zeros((5, 7, 3), np.uint8)
    labels[1, 2:5, 1], labels[4, 0, :2] = 1, 1
    first = write(tmp_path / "a.geojson", labels, [object_segment()])
    write(tmp_path / "b.geojson", labels, [object_segment()])
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()
    other = write(tmp_path / "c.geojson", labels, [object_segment()], seed="2")
    found = [one["id"] for read in (first, other) for one in read["features"]]
    assert len({uuid.UUID(one) for one in found}) == 4


def test_nothing_found(tmp_path: Path) -> None:
    read = write(tmp_path / "a.geojson", np.zeros((1, 3, 5), np.uint8), [object_segment()])
    assert read == {"type": "FeatureCollection", "features": []}
