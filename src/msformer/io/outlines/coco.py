"""Outlines → the JSON of COCO's instances: one file a case, an image a slice, an annotation for each label in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.io.outlines.polygons import Outline, outlines_of
from msformer.io.segments import Segment
from msformer.io.write import write_text


def write_coco(
    path: Path,
    labels: NDArray[np.uint8 | np.uint16],
    segments: Sequence[Segment],
    *,
    source_name: str,
    description: str,
) -> None:
    """Write labels ``(D, H, W)``: polygons, and runs of pixels (RLE, not compressed) where there are holes.

    Args:
        path: The file.
        labels: 0 is no segment.
        segments: What the labels are called, from 1 without gaps; their classes are the categories.
        source_name: What the image's file is called; of several slices each has its number behind it, from 0.
        description: Of the whole.
    """
    depth, height, width = labels.shape
    names = [source_name] if depth == 1 else [f"{source_name}/slice{plane:04d}" for plane in range(depth)]
    classes = list(dict.fromkeys(segment.class_name for segment in segments))
    annotations = [
        {
            "id": index,
            "image_id": outline.plane + 1,
            "category_id": classes.index(segments[outline.label - 1].class_name) + 1,
            "segmentation": _segmentation(outline, labels[outline.plane]),
            "area": outline.n_pixels,
            "bbox": outline.box,
            "iscrowd": 0,
        }
        for index, outline in enumerate(outlines_of(labels), start=1)
    ]
    images = [
        {"id": index, "file_name": name, "height": height, "width": width} for index, name in enumerate(names, start=1)
    ]
    categories = [{"id": index, "name": name} for index, name in enumerate(classes, start=1)]
    whole = {
        "info": {"description": description},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    write_text(path, json.dumps(whole, separators=(",", ":")) + "\n")


def _segmentation(outline: Outline, numbers: NDArray[Any]) -> Any:
    if any(polygon.holes for polygon in outline.polygons):
        return {"size": list(numbers.shape), "counts": _runs(outline, numbers)}
    return [polygon.shell.ravel().tolist() for polygon in outline.polygons]


def _runs(outline: Outline, numbers: NDArray[Any]) -> list[int]:
    """Lengths of runs of pixels down the columns, in turn outside and inside, outside first."""
    x, y, width, height = outline.box
    inside = np.pad(numbers[y : y + height, x : x + width] == outline.label, ((1, 1), (0, 0)))
    columns, rows = np.nonzero((inside[1:] != inside[:-1]).T)
    turns = ((x + columns) * len(numbers) + y + rows).tolist()
    ends = [0]
    for turn in turns:
        if len(ends) > 1 and ends[-1] == turn:  # from the foot of a column on to the head of the next one
            ends.pop()
        else:
            ends.append(turn)
    if ends[-1] < numbers.size:
        ends.append(numbers.size)
    return [end - start for start, end in pairwise(ends)]
