"""Labels → a label picture of OME-Zarr (NGFF 0.5) in levels: a folder that napari, vizarr and others open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WriteError
from msformer.geometry import Geometry
from msformer.io.ome_zarr import NEEDS_ZARR
from msformer.io.segments import Segment

VERSION = "0.5"
SMALLEST = 256
"""Levels are halved until no side in a slice is longer."""
CHUNK = (1, 512, 512)


def write_label_zarr(
    folder: Path,
    labels: NDArray[np.uint8 | np.uint16],
    segments: Sequence[Segment],
    geometry: Geometry | None,
    *,
    name: str,
) -> None:
    """Write labels ``(D, H, W)`` as axes z, y, x; of what is flat y, x. Each level has every second row and column.

    The scale is in mm where the size of a voxel is known, the translation the origin; without directions, which the
    format has no place for.

    Args:
        folder: Made here.
        labels: 0 is no segment.
        segments: Names and colours.
        geometry: Place and size of the voxels.
        name: What the picture calls itself.

    Raises:
        WriteError: zarr is not installed.
    """
    try:
        import zarr
    except ImportError:
        raise WriteError(NEEDS_ZARR) from None
    is_flat = len(labels) == 1 and (geometry is None or geometry.is_flat)
    axes = "yx" if is_flat else "zyx"
    group = zarr.open_group(str(folder), mode="w", zarr_format=3)
    level: NDArray[Any] = labels[0] if is_flat else labels
    step = 1
    datasets: list[Any] = []
    while True:
        chunks = tuple(min(side, most) for side, most in zip(level.shape, CHUNK[-level.ndim :], strict=True))
        place = str(len(datasets))
        array = group.create_array(
            place, shape=level.shape, chunks=chunks, dtype=level.dtype, dimension_names=list(axes), fill_value=0
        )
        array[...] = np.ascontiguousarray(level)
        datasets.append({"path": place, "coordinateTransformations": _transformations(axes, geometry, step)})
        if max(level.shape[-2:]) <= SMALLEST:
            break
        level, step = level[..., ::2, ::2], 2 * step
    known = _is_known(geometry)
    group.attrs["ome"] = {
        "version": VERSION,
        "multiscales": [
            {
                "name": name,
                "axes": [
                    {"name": axis, "type": "space"} | ({"unit": "millimeter"} if known[axis] else {}) for axis in axes
                ],
                "datasets": datasets,
                "type": "nearest",
            }
        ],
        "image-label": {
            "colors": [{"label-value": one.label, "rgba": [*one.colour, 255]} for one in segments],
            "properties": [{"label-value": one.label, "name": one.name} for one in segments],
        },
    }


def _is_known(geometry: Geometry | None) -> dict[str, bool]:
    return dict(zip("xyz", (False,) * 3 if geometry is None else geometry.is_stated, strict=True))


def _transformations(axes: str, geometry: Geometry | None, step: int) -> list[dict[str, Any]]:
    """Scale and, where there is one, translation of a level that has every ``step``-th row and column."""
    known = _is_known(geometry)
    sizes = dict(zip("xyz", (1.0,) * 3 if geometry is None else geometry.spacing_mm, strict=True))
    shifts = dict(zip("xyz", (0.0,) * 3 if geometry is None else geometry.origin_mm, strict=True))
    scale = [(sizes[axis] if known[axis] else 1.0) * (1 if axis == "z" else step) for axis in axes]
    shift = [shifts[axis] if known[axis] else 0.0 for axis in axes]
    found: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    return [*found, {"type": "translation", "translation": shift}] if any(shift) else found
