"""Points and shapes of napari ↔ what a person does to a mask, as ``msformer.editing`` says it.

napari counts from the middle of the first px, paths of ``msformer`` from its corner: half a px lies between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.editing import Action, Box, Lasso, Merge, Point, Scribble, Split
from msformer.errors import ConfigError
from napari_msformer.pictures import Index

Line: TypeAlias = Literal["scribble", "split", "merge"]
"""What a line means: that the object is there, that it is parted there, or that what it touches is one."""
Mode: TypeAlias = Literal["here", "more"]
Places: TypeAlias = NDArray[np.floating]
SHAPES: tuple[type[Action], ...] = (Box, Lasso, Scribble, Split, Merge)
"""What is drawn as shapes."""
ROUND = 64
"""Corners of an ellipse."""


def index_of(places: Places) -> Index:
    """The plane that places ``(N, D)`` lie in.

    Raises:
        ConfigError: They lie in several.
    """
    leads = np.unique(np.rint(places[:, :-2]).astype(int), axis=0)
    if len(leads) != 1:
        raise ConfigError("a shape must lie in one plane of rows and columns; this one lies in several")
    return tuple(int(one) for one in leads[0])


def point(place: Places, *, is_on: bool, mode: Mode) -> Point:
    """A click on the px whose middle is nearest to a place ``(D,)``.

    Raises:
        ConfigError: It lies outside of the image, before its first row or column.
    """
    row, column = (int(one) for one in np.rint(place[-2:]))
    if min(row, column) < 0:
        raise ConfigError(f"a place must lie within the image; got {row}, {column}")
    return Point(row=row, column=column, is_on=is_on, mode=mode)


def shape(places: Places, kind: str, shape: tuple[int, int], *, is_on: bool, mode: Mode, line: Line) -> Action:
    """What a shape with the corners ``(N, D)`` says of an image ``shape``.

    A rectangle is a box, what is closed a lasso, what is open a line.

    Raises:
        ConfigError: A box lies outside of the image.
    """
    corners = places[:, -2:]
    if kind == "rectangle":
        first = np.maximum(np.ceil(corners.min(axis=0)), 0).astype(int)  # px whose middle is inside
        end = np.minimum(np.floor(corners.max(axis=0)) + 1, shape).astype(int)
        if (first >= end).any():
            raise ConfigError(f"a box must hold px of the image of {shape[0]} × {shape[1]} px; this one holds none")
        return Box(top=first[0], left=first[1], bottom=end[0], right=end[1], mode=mode)
    if kind == "ellipse":
        angles = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
        half_one, half_other = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
        around = np.outer(np.cos(angles), half_one) + np.outer(np.sin(angles), half_other)
        corners = corners.mean(axis=0) + around
    path = tuple((float(row) + 0.5, float(column) + 0.5) for row, column in corners)
    if kind in ("polygon", "ellipse"):
        return Lasso(path=path, is_on=is_on)
    if line == "scribble":
        return Scribble(path=path, is_on=is_on)
    return Split(path=path) if line == "split" else Merge(path=path)


def drawn_points(index: Index, actions: Iterable[Action]) -> tuple[list[list[float]], list[bool]]:
    """The places of clicks in a plane, and whether each is on the object."""
    clicks = [one for one in actions if isinstance(one, Point)]
    return [[*index, one.row, one.column] for one in clicks], [one.is_on for one in clicks]


def drawn_shapes(index: Index, actions: Iterable[Action]) -> tuple[list[tuple[Places, str]], list[bool]]:
    """The corners and kinds of shapes in a plane, and whether each is on the object."""
    shapes: list[tuple[Places, str]] = []
    is_on: list[bool] = []
    for one in actions:
        if isinstance(one, Box):
            top, left, bottom, right = one.top - 0.5, one.left - 0.5, one.bottom - 0.5, one.right - 0.5
            shapes.append((_in_plane(index, [(top, left), (top, right), (bottom, right), (bottom, left)]), "rectangle"))
            is_on.append(True)
        elif isinstance(one, Lasso | Scribble | Split | Merge):
            corners = [(row - 0.5, column - 0.5) for row, column in one.path]
            corners = corners * 2 if len(corners) == 1 else corners
            shapes.append((_in_plane(index, corners), "polygon" if isinstance(one, Lasso) else "path"))
            is_on.append(getattr(one, "is_on", True))
    return shapes, is_on


def _in_plane(index: Index, corners: list[tuple[float, float]]) -> Places:
    return np.array([[*index, *one] for one in corners], dtype=float)
