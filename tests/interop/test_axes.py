"""What the axes of arrays are taken for, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.errors import ConfigError, ImageShapeError
from msformer.interop.axes import as_given, axes_of_names, image_axes, ordered, volume_axes


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((40, 50), "yx"),
        ((40, 50, 1), "yxc"),
        ((40, 50, 3), "yxc"),
        ((40, 50, 4), "yxc"),
        ((1, 40, 50), "zyx"),
        ((1, 40, 50, 3), "zyxc"),
    ],
)
def test_shapes_that_are_pictures(shape: tuple[int, ...], axes: str) -> None:
    assert image_axes(shape, None) == axes


@pytest.mark.parametrize("shape", [(122, 101, 30), (40, 50, 5), (3, 40, 50), (30, 40, 50)])
def test_a_shape_with_two_readings_is_an_error_that_names_both_calls(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageShapeError) as caught:
        image_axes(shape, None)
    text = str(caught.value)
    assert "segment(" in text
    assert "segment_volume(" in text
    assert "axes=" in text
    assert ", ".join(map(str, shape)) in text


@pytest.mark.parametrize("shape", [(40,), (), (2, 3, 4, 5, 6), (10, 40, 50, 3)])
def test_numbers_of_axes_that_no_picture_has(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageShapeError):
        image_axes(shape, None)


@pytest.mark.parametrize(
    ("shape", "axes"), [((30, 40, 50), "zyx"), ((3, 40, 50), "zyx"), ((40, 50, 1), "zyx"), ((30, 40, 50, 3), "zyxc")]
)
def test_shapes_that_are_volumes(shape: tuple[int, ...], axes: str) -> None:
    assert volume_axes(shape, None) == axes


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3), (10, 40, 50, 30), (5, 10, 40, 50, 3)])
def test_shapes_that_may_be_no_volume(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageShapeError, match=r"segment|axes"):
        volume_axes(shape, None)


@pytest.mark.parametrize("axes", ["", "y", "yy", "yxz", "xy", "abc", "yxcz", "YXC"])
def test_axes_that_do_not_fit_are_refused(axes: str) -> None:
    shape = (40, 50, 3)
    with pytest.raises((ConfigError, ImageShapeError), match="axes"):
        image_axes(shape, axes)


def test_a_picture_has_one_slice_and_a_volume_has_slices() -> None:
    assert image_axes((40, 50, 1), "yxz") == "yxz"
    with pytest.raises(ImageShapeError, match="segment_volume"):
        image_axes((40, 50, 2), "yxz")
    with pytest.raises(ImageShapeError, match=r"segment\("):
        volume_axes((40, 50, 3), "yxc")


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yxz", "zyxc", "cxyz", "xycz"])
def test_slices_go_back_to_where_they_came_from(axes: str) -> None:
    sides = {"z": 2, "y": 3, "x": 5, "c": 4}
    array = np.arange(np.prod([sides[one] for one in axes])).reshape([sides[one] for one in axes])
    planes = ordered(array, axes)
    assert planes.shape[:3] == (2, 3, 5)
    for z, y, x in ((0, 0, 0), (1, 2, 4), (0, 1, 3)):
        index = {"z": z, "y": y, "x": x, "c": 0}
        seen = planes[z, y, x] if "c" not in axes else planes[z, y, x, 0]
        assert seen == array[tuple(index[one] for one in axes)]
    grey = planes if "c" not in axes else planes[..., 0]
    expected = array if "c" not in axes else array.take(0, axis=axes.index("c"))
    np.testing.assert_array_equal(as_given(grey, axes), expected)


def test_a_picture_with_columns_first() -> None:
    array = np.arange(15).reshape(3, 5)
    planes = ordered(array, "xy")
    assert planes.shape == (1, 5, 3)
    np.testing.assert_array_equal(as_given(planes, "xy"), array)


def test_names_of_axes() -> None:
    assert axes_of_names(["row", "Column"]) == "yx"
    assert axes_of_names(["slice", "height", "width", "band"]) == "zyxc"
    assert axes_of_names(["dim_0", "dim_1"]) is None
    for names in (["x", "y", "time"], ["x", "column"]):
        with pytest.raises(ImageShapeError, match="rename"):
            axes_of_names(names)
