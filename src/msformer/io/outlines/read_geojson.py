"""GeoJSON as QuPath writes it → the pixels that its areas cover."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.image import Mask

MAX_BYTES = 1 << 30
LARGEST = 1e7
"""Places farther away than this, in px, are none of an image."""
IGNORED = "*"
"""How the names of those classes end in QuPath that are not counted, such as ``Ignore*``."""


def read_geojson(path: Path, shape: tuple[int, int, int]) -> Mask:
    """Read areas as a mask ``(D, H, W)``: pixels whose middle lies in one of them.

    Features that are lines or points, and those of classes that QuPath ignores, cover nothing. Areas may overlap.

    Args:
        path: A feature, a list or a collection of them; in px of the image, slices in ``geometry.plane.z``, from 0.
        shape: Of the image.

    Raises:
        ReadError: It is no such file, or an area lies in a slice that is not there.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ReadError(f"{path}: GeoJSON must have at most {MAX_BYTES} bytes; got {path.stat().st_size}")
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(f"{path}: cannot be read as GeoJSON: {error}") from error
    mask = np.zeros(shape, dtype=bool)
    n_features = 0
    try:
        for geometry in _geometries(said):
            n_features += 1
            plane = int((geometry.get("plane") or {}).get("z", 0))
            if not 0 <= plane < shape[0]:
                raise ReadError(f"{path}: geometry.plane.z must be from 0 to {shape[0] - 1}; got {plane}")
            for polygon in _polygons(geometry):
                _fill(mask[plane], [_ring(corners) for corners in polygon])
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise ReadError(f"{path}: feature {n_features} cannot be read: {error}") from error
    if n_features == 0 and not _is_collection(said):
        raise ReadError(f"{path}: must hold GeoJSON features; got none")
    return mask


def _is_collection(said: Any) -> bool:
    return isinstance(said, list) or (isinstance(said, dict) and said.get("type") == "FeatureCollection")


def _geometries(said: Any) -> Iterator[Mapping[str, Any]]:
    features = said if isinstance(said, list) else said.get("features", [said]) if isinstance(said, dict) else []
    for feature in features:
        if isinstance(feature, dict) and feature.get("type") == "Feature" and feature.get("geometry"):
            about = (feature.get("properties") or {}).get("classification") or {}
            if not str(about.get("name") or "").endswith(IGNORED):
                yield feature["geometry"]


def _polygons(geometry: Mapping[str, Any]) -> Sequence[Any]:
    """The rings of each polygon; none of lines and points."""
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"]]
    if geometry["type"] == "MultiPolygon":
        return list(geometry["coordinates"])
    if geometry["type"] == "GeometryCollection":
        return [polygon for one in geometry["geometries"] for polygon in _polygons(one)]
    return []


def _ring(corners: Any) -> NDArray[np.float64]:
    ring = np.array([corner[:2] for corner in corners], dtype=np.float64)
    if ring.ndim != 2 or len(ring) < 3 or not (np.abs(ring) <= LARGEST).all():
        raise ValueError(f"a ring must be three places or more, of at most {LARGEST:g} px; got shape {ring.shape}")
    return ring


def _fill(mask: Mask, rings: Sequence[NDArray[np.float64]]) -> None:
    """Add what rings of (x, y) enclose by the even-odd rule, in place.

    OpenCV and Pillow draw borders as well, and scikit-image asks each pixel about each corner; along the edges of
    pixels every one of these is a pixel off, or slow.
    """
    places = np.concatenate(rings)
    height, width = mask.shape
    top, bottom = int(np.clip(np.floor(places[:, 1].min()), 0, height)), int(np.clip(places[:, 1].max() + 1, 0, height))
    turns = np.zeros((bottom - top, width + 1), dtype=np.int32)
    for ring in rings:
        x, y = ring[:, 0], ring[:, 1]
        for x_0, y_0, x_1, y_1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
            low, high = sorted((float(y_0), float(y_1)))
            rows = np.arange(max(int(np.ceil(low - 0.5)), top), min(int(np.ceil(high - 0.5)), bottom))
            if len(rows):
                crossing = x_0 + (rows + 0.5 - y_0) / (y_1 - y_0) * (x_1 - x_0)
                first = np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)  # the first middle to its right
                np.add.at(turns, (rows - top, first), 1)
    mask[top:bottom] |= np.cumsum(turns[:, :-1], axis=1) % 2 == 1
