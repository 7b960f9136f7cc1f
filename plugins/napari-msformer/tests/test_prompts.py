"""Places of napari and of ``msformer``: half a px apart, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.editing import Box, Lasso, Merge, Point, Scribble, Split
from msformer.errors import ConfigError
from napari_msformer import prompts

SHAPE = 47, 61


def test_a_click_is_on_the_pixel_with_the_nearest_middle() -> None:
    said = prompts.point(np.array([5.0, 12.4, 30.6]), is_on=False, mode="more")
    assert said == Point(row=12, column=31, is_on=False, mode="more")
    assert prompts.index_of(np.array([[5.2, 12.4, 30.6]])) == (5,)
    with pytest.raises(ConfigError, match="within the image; got -1, 3"):
        prompts.point(np.array([-0.6, 3.0]), is_on=True, mode="here")


def test_a_box_has_the_pixels_whose_middle_it_holds() -> None:
    corners = np.array([[2.2, 3.5], [2.2, 9.0], [7.9, 9.0], [7.9, 3.5]])
    said = prompts.shape(corners, "rectangle", SHAPE, is_on=True, mode="here", line="scribble")
    assert said == Box(top=3, left=4, bottom=8, right=10)
    beyond = corners + np.array([30.0, 55.0])
    said = prompts.shape(beyond, "rectangle", SHAPE, is_on=True, mode="more", line="scribble")
    assert said == Box(top=33, left=59, bottom=38, right=61, mode="more")
    with pytest.raises(ConfigError, match="47 × 61 px; this one holds none"):
        prompts.shape(corners + 100, "rectangle", SHAPE, is_on=True, mode="here", line="scribble")


def test_closed_shapes_are_lassos_and_open_ones_what_a_line_means() -> None:
    corners = np.array([[1.0, 2.0], [1.0, 7.0], [5.0, 7.0]])
    path = ((1.5, 2.5), (1.5, 7.5), (5.5, 7.5))
    closed = prompts.shape(corners, "polygon", SHAPE, is_on=False, mode="here", line="split")
    assert closed == Lasso(path=path, is_on=False)
    expected = {"scribble": Scribble(path=path), "split": Split(path=path), "merge": Merge(path=path)}
    for line, action in expected.items():
        assert prompts.shape(corners, "path", SHAPE, is_on=True, mode="here", line=line) == action  # type: ignore[arg-type]


def test_an_ellipse_is_a_lasso_of_its_area() -> None:
    corners = np.array([[10.0, 10.0], [10.0, 30.0], [20.0, 30.0], [20.0, 10.0]])  # half axes of 5 and 10
    said = prompts.shape(corners, "ellipse", SHAPE, is_on=True, mode="here", line="scribble")
    assert isinstance(said, Lasso)
    rows, columns = np.array(said.path).T
    assert rows.mean() == pytest.approx(15.5)
    assert columns.mean() == pytest.approx(20.5)
    area = abs(np.dot(rows, np.roll(columns, -1)) - np.dot(columns, np.roll(rows, -1))) / 2
    assert area == pytest.approx(np.pi * 5 * 10, rel=0.01)


def test_a_shape_across_planes_is_refused() -> None:
    with pytest.raises(ConfigError, match="one plane"):
        prompts.index_of(np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 3.0]]))


def test_what_was_said_is_drawn_where_it_was_said() -> None:
    corners = np.array([[2.5, 3.5], [2.5, 9.5], [7.5, 9.5], [7.5, 3.5]])
    box = prompts.shape(corners, "rectangle", SHAPE, is_on=True, mode="here", line="scribble")
    lasso = prompts.shape(corners[:3], "polygon", SHAPE, is_on=False, mode="here", line="scribble")
    shapes, is_on = prompts.drawn_shapes((4,), [box, Point(row=1, column=2), lasso])
    assert [kind for _, kind in shapes] == ["rectangle", "polygon"]
    assert is_on == [True, False]
    np.testing.assert_allclose(shapes[0][0], np.insert(corners, 0, 4, axis=1))
    np.testing.assert_allclose(shapes[1][0], np.insert(corners[:3], 0, 4, axis=1))
    assert prompts.drawn_points((4,), [box, Point(row=1, column=2, is_on=False)]) == ([[4, 1, 2]], [False])
