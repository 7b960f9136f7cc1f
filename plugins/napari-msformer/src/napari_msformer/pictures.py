"""Image layers → arrays that ``msformer`` takes: a plane or a stack at a time, and never more of a dask array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from msformer.errors import ImageShapeError
from msformer.io import MAX_PIXELS

Index = tuple[int, ...]
"""Of a plane: one number for each axis before rows and columns."""


@dataclass(frozen=True)
class Grid:
    """The grid of a layer that masks are made on.

    Attributes:
        shape: Of the masks: axes before rows and columns, rows, columns.
        level: Which level of a pyramid it is; 0 of a layer without.
        factors: How many px of the layer one px of the grid is, an axis each.
    """

    shape: tuple[int, ...]
    level: int
    factors: tuple[float, ...]

    @property
    def lead(self) -> tuple[int, ...]:
        """Sides of the axes before rows and columns."""
        return self.shape[:-2]

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape[-2], self.shape[-1]


def grid_of(layer: Image) -> Grid:
    """The finest grid of a layer of which a plane has at most ``MAX_PIXELS``.

    Raises:
        ImageShapeError: It has less than two axes, or no such grid.
    """
    if layer.ndim < 2:
        raise ImageShapeError(f"{layer.name}: layer must have rows and columns; it has {layer.ndim} axis")
    levels = list(layer.data) if layer.multiscale else [layer.data]
    whole = _shape(levels[0], layer)
    for number, data in enumerate(levels):
        shape = _shape(data, layer)
        if shape[-1] * shape[-2] <= MAX_PIXELS:
            return Grid(shape, number, tuple(one / other for one, other in zip(whole, shape, strict=True)))
    raise ImageShapeError(
        f"{layer.name}: a plane must have at most {MAX_PIXELS} px, or a smaller level that has; got {whole}"
    )


def plane(layer: Image, grid: Grid, index: Index) -> NDArray[Any]:
    """``(H, W)`` or ``(H, W, 3)``, one plane; computed if it is lazy."""
    return _opaque(np.asarray(_level(layer, grid)[index]), layer)


def stack(layer: Image, grid: Grid, lead: Index) -> NDArray[Any]:
    """``(D, H, W)`` or ``(D, H, W, 3)``, the stack at a place of the axes before its own three."""
    return _opaque(np.asarray(_level(layer, grid)[lead]), layer)


def placement(layer: Image, grid: Grid) -> dict[str, Any]:
    """What puts a layer of the grid where the image is, and points and shapes in its px."""
    return {
        "scale": np.asarray(layer.scale) * grid.factors,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine.affine_matrix,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def _level(layer: Image, grid: Grid) -> Any:
    return layer.data[grid.level] if layer.multiscale else layer.data


def _shape(data: Any, layer: Image) -> tuple[int, ...]:
    sides = tuple(int(side) for side in data.shape)
    return sides[:-1] if layer.rgb else sides


def _opaque(pixels: NDArray[Any], layer: Image) -> NDArray[Any]:
    """Colours without their alpha, over black, as files of pictures are read."""
    if not layer.rgb or pixels.shape[-1] != 4:
        return pixels
    most = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    colours = pixels[..., :3] * (pixels[..., 3:] / most)
    return colours.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(colours).astype(pixels.dtype)
