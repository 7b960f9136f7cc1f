"""What the user points at → the part that is looked at, in numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from msformer.config import HintSettings
from msformer.errors import ImageError
from msformer.focus import Focus, find_focus
from msformer.image import Image

SHAPE = (101, 151)


def focus(**hints: Any) -> Focus:
    return find_focus(SHAPE, HintSettings(**hints))


def part(found: Focus) -> tuple[int, int, int, int]:
    return found.rows.start, found.columns.start, found.rows.stop, found.columns.stop


def test_without_hints_the_whole_image_is_looked_at() -> None:
    image = Image.from_array(np.zeros(SHAPE, np.uint8))
    found = focus()
    assert found.is_whole
    assert part(found) == (0, 0, 101, 151)
    assert (found.point, found.box) == (None, None)
    assert found.cut(image) is image
    labels = np.ones(SHAPE, np.uint16)
    assert found.paste(labels) is labels


def test_a_region_is_cut_out_and_pasted_back() -> None:
    pixels = np.arange(101 * 151).reshape(SHAPE).astype(np.uint16)
    found = focus(region=(11, 23, 54, 90))
    assert not found.is_whole
    cut = found.cut(Image.from_array(pixels, spacing_mm=(0.5, 0.7)))
    np.testing.assert_array_equal(cut.pixels, pixels[11:54, 23:90])
    assert cut.spacing_mm == (0.5, 0.7)
    for kind in (np.bool_, np.uint16, np.float32):
        whole = found.paste(np.ones((43, 67), dtype=kind))
        assert whole.dtype == kind
        assert whole.shape == SHAPE
        assert whole[11:54, 23:90].all()
        assert whole.sum() == 43 * 67


def test_a_region_that_is_the_image_is_the_whole() -> None:
    assert focus(region=(0, 0, 101, 151)).is_whole


def test_a_point_is_told_in_shares_of_the_part() -> None:
    assert focus(point=(50, 0)).point == pytest.approx((50.5 / 101, 0.5 / 151))
    found = focus(region=(11, 23, 54, 90), point=(11, 89))
    assert found.point == pytest.approx((0.5 / 43, 66.5 / 67))
    assert part(found) == (11, 23, 54, 90)


def test_a_box_is_looked_at_with_half_its_side_around() -> None:
    """40 x 50 px with 20 and 25 more on each side; above only 10 are left."""
    found = focus(box=(10, 60, 50, 110))
    assert part(found) == (0, 35, 70, 135)
    assert found.box == pytest.approx((10 / 70, 25 / 100, 50 / 70, 75 / 100))


def test_a_box_in_a_region_leaves_the_region_as_it_is() -> None:
    found = focus(region=(1, 21, 101, 121), box=(11, 41, 61, 71))
    assert part(found) == (1, 21, 101, 121)
    assert found.box == pytest.approx((0.1, 0.2, 0.6, 0.5))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((50, 70, 53, 75), (35, 56, 68, 89)),  # 15 more than 3 on each side are 33; 14 more than 5 are 33
        ((0, 0, 3, 5), (0, 0, 33, 33)),
        ((98, 146, 101, 151), (68, 118, 101, 151)),
    ],
)
def test_around_a_small_box_there_is_room_for_the_smallest_image(
    box: tuple[int, int, int, int], expected: tuple[int, int, int, int]
) -> None:
    found = focus(box=box)
    assert part(found) == expected
    top, left, bottom, right = expected
    assert found.box is not None
    rows, columns = bottom - top, right - left
    assert found.box == pytest.approx(
        ((box[0] - top) / rows, (box[1] - left) / columns, (box[2] - top) / rows, (box[3] - left) / columns)
    )


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ({"region": (0, 0, 102, 151)}, r"hints\.region .*\(0, 0, 101, 151\); got \(0, 0, 102, 151\)"),
        ({"region": (-1, 0, 50, 50)}, r"hints\.region"),
        ({"region": (50, 0, 50, 60)}, r"hints\.region"),
        ({"region": (0, 60, 50, 20)}, r"hints\.region"),
        ({"region": (0, 0, 32, 60)}, r"at least 33 px .* got 32 × 60"),
        ({"region": (0, 0, 60, 32)}, r"at least 33 px .* got 60 × 32"),
        ({"box": (0, 0, 10, 152)}, r"hints\.box"),
        ({"box": (40, 40, 40, 50)}, r"hints\.box"),
        ({"box": (0, 0, 20, 20), "region": (10, 10, 60, 60)}, r"hints\.box .*\(10, 10, 60, 60\)"),
        ({"point": (101, 5)}, r"hints\.point .*rows 0 to 100 and columns 0 to 150; got \(101, 5\)"),
        ({"point": (5, -1)}, r"hints\.point"),
        ({"point": (5, 30), "region": (10, 10, 60, 60)}, r"hints\.point .*rows 10 to 59"),
    ],
)
def test_hints_outside_are_refused_with_limit_and_value(hints: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        focus(**hints)


def test_lists_are_taken_for_tuples() -> None:
    assert part(focus(region=[11, 23, 54, 90], point=[20, 30])) == (11, 23, 54, 90)
