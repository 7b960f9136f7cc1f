"""Outlines → GeoJSON as QuPath reads it: a feature for each label in each slice, in px of the image."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.io.outlines.polygons import Outline, Polygon, outlines_of
from msformer.io.segments import Segment
from msformer.io.write import text_file

ALL_CHANNELS = -1
"""What QuPath calls a plane that is of no one channel."""


def write_geojson(
    path: Path,
    labels: NDArray[np.unsignedinteger],
    segments: Sequence[Segment],
    *,
    seed: str,
    scale: tuple[float, float] = (1.0, 1.0),
) -> None:
    """Write labels ``(D, H, W)`` as annotations; of several slices each says its own in ``geometry.plane``.

    Args:
        path: The file.
        labels: 0 is no segment.
        segments: What the labels are called, from 1 without gaps.
        seed: What tells identifiers from those of other results of the same labels.
        scale: Columns and rows of the image that one of ``labels`` has, where these are of a smaller level.
    """
    content = hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()
    colours = {one.class_name: one.colour for one in reversed(segments)}  # a class has that of its first segment
    with text_file(path) as file:
        file.write('{"type":"FeatureCollection","features":[')
        for index, outline in enumerate(outlines_of(labels)):
            segment = segments[outline.label - 1]
            name = f"msformer {content} {seed} {outline.plane} {outline.label}"
            feature = {
                "type": "Feature",
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),  # QuPath takes nothing else
                "geometry": _geometry(outline.polygons, scale) | (_plane(outline) if len(labels) > 1 else {}),
                "properties": {
                    "objectType": "annotation",
                    "name": segment.name,
                    "color": segment.colour,
                    "classification": {"name": segment.class_name, "color": colours[segment.class_name]},
                },
            }
            file.write((",\n" if index else "\n") + json.dumps(feature, separators=(",", ":")))
        file.write("\n]}\n")


def _geometry(polygons: Sequence[Polygon], scale: tuple[float, float]) -> dict[str, Any]:
    scaled = [[ring if scale == (1.0, 1.0) else ring * scale for ring in polygon.rings] for polygon in polygons]
    rings = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon] for polygon in scaled]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _plane(outline: Outline) -> dict[str, Any]:
    return {"plane": {"c": ALL_CHANNELS, "z": outline.plane, "t": 0}}
