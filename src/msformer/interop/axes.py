"""What the axes of an array are: slices, rows, columns and channels, by the letters z, y, x and c."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ConfigError, ImageShapeError

MOST_CHANNELS = 4
"""Sides up to this many may be channels: grey, grey with alpha, colours, colours with alpha."""
LETTERS = "zyxc"
"""Slice, row, column, channel: the order in which this program holds them."""
NAMES = {
    "z": ("z", "slice", "slices", "plane", "planes", "depth"),
    "y": ("y", "row", "rows", "height"),
    "x": ("x", "column", "columns", "col", "width"),
    "c": ("c", "channel", "channels", "band", "bands", "color", "colour", "rgb", "rgba"),
}
"""What other programs call them."""


def image_axes(shape: Sequence[int], axes: str | None) -> str:
    """The letters of the axes of a picture.

    Args:
        shape: Of the array.
        axes: The letters as the caller gave them; None leaves it to the shape: ``(H, W)``, ``(H, W, C)`` with at most
            four channels, or either with a further axis of 1 in front.

    Raises:
        ConfigError: ``axes`` are no letters for such a shape.
        ImageShapeError: The shape could be a volume as well as a picture, or is none.
    """
    if axes is not None:
        _check(shape, axes)
        if "z" in axes and shape[axes.index("z")] != 1:
            raise ImageShapeError(
                f"image must be one slice; got {shape[axes.index('z')]} along z of axes={axes!r}: segment_volume(…, "
                f"axes={axes!r}) takes all of them"
            )
        return axes
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3 and shape[0] == 1:
        return "zyx"
    if len(shape) == 3 and shape[2] <= MOST_CHANNELS < shape[0]:
        return "yxc"
    if len(shape) == 4 and shape[0] == 1 and shape[3] <= MOST_CHANNELS:
        return "zyxc"
    _check_number(shape)
    raise ImageShapeError(
        f"an array of shape {_said(shape)} may be a picture or a volume: segment(…, axes='yxc') takes the last axis, "
        "axes='cyx' the first one for channels, and segment_volume(…, axes='zyx') takes it for a volume of slices "
        "('xyz' as nibabel has them)"
    )


def volume_axes(shape: Sequence[int], axes: str | None) -> str:
    """The letters of the axes of a volume.

    Args:
        shape: Of the array.
        axes: The letters as the caller gave them; None leaves it to the shape: ``(D, H, W)``, or ``(D, H, W, C)`` with
            at most four channels.

    Raises:
        ConfigError: ``axes`` are no letters for such a shape.
        ImageShapeError: The shape could be a picture as well as a volume, or is none.
    """
    if axes is not None:
        _check(shape, axes)
        if "z" not in axes:
            raise ImageShapeError(
                f"a volume must have an axis z of slices; got axes={axes!r}: segment(…, axes={axes!r}) takes a picture"
            )
        return axes
    if len(shape) == 3 and (shape[2] > MOST_CHANNELS or shape[2] == 1):
        return "zyx"
    if len(shape) == 4 and shape[3] <= MOST_CHANNELS:
        return "zyxc"
    if len(shape) == 2:
        raise ImageShapeError(f"an array of shape {_said(shape)} is a picture, no volume: segment(…) takes it")
    _check_number(shape)
    raise ImageShapeError(
        f"an array of shape {_said(shape)} may be a picture or a volume: segment(…, axes='yxc') takes it for a picture "
        "with channels, segment_volume(…, axes='zyx') for a volume of slices ('xyz' as nibabel has them, 'zyxc' with "
        "channels); of several volumes over time give one"
    )


def axes_of_names(names: Sequence[str]) -> str | None:
    """Letters for the names of axes, as xarray has them; None where none of them is known.

    Raises:
        ImageShapeError: Some are known and others are not, or two mean the same.
    """
    letters = [next((letter for letter, known in NAMES.items() if name.lower() in known), "") for name in names]
    if not any(letters):
        return None
    if not all(letters) or len(set(letters)) < len(letters):
        known = ", ".join(name for names_of in NAMES.values() for name in names_of)
        raise ImageShapeError(
            f"names of axes must be known and different ({known}); got {', '.join(names)}: "
            "rename the others, or leave them out"
        )
    return "".join(letters)


def ordered(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """The array as slices, rows, columns and, where there are any, channels: ``(D, H, W)`` or ``(D, H, W, C)``."""
    there = [letter for letter in LETTERS if letter in axes]
    moved = array.transpose([axes.index(letter) for letter in there])
    return moved if "z" in axes else moved[np.newaxis]


def as_given(planes: NDArray[Any], axes: str) -> NDArray[Any]:
    """Slices ``(D, H, W)`` in the caller's order of axes, without that of channels."""
    letters = axes.replace("c", "")
    there = planes if "z" in letters else planes[0]
    held = [letter for letter in LETTERS if letter in letters]
    return there.transpose([held.index(letter) for letter in letters])


def _check(shape: Sequence[int], axes: str) -> None:
    is_set = isinstance(axes, str) and set(axes) <= set(LETTERS) and len(set(axes)) == len(axes)
    if not is_set or not {"y", "x"} <= set(axes) or len(axes) != len(shape):
        raise ConfigError(
            f"axes must name each axis of the array once, by z (slice), y (row), x (column) and c (channel), y and x "
            f"among them; got {axes!r} for shape {_said(shape)}"
        )


def _check_number(shape: Sequence[int]) -> None:
    if len(shape) not in (2, 3, 4):
        raise ImageShapeError(
            f"array must have 2 axes, rows and columns, or 3 or 4 with slices or channels; got {len(shape)} of shape "
            f"{_said(shape)}: of several volumes over time give one"
        )
    if len(shape) == 4:
        raise ImageShapeError(
            f"an array of shape {_said(shape)} may be a volume with channels, or several volumes: "
            "segment_volume(…, axes='zyxc') takes it for slices, rows, columns and channels; of several give one"
        )


def _said(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
