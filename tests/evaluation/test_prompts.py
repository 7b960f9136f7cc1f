"""Clicks and boxes on masks that are small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.errors import ImageError, ImageShapeError
from msformer.evaluation.prompts import (
    box_of,
    intersection_over_union,
    jittered,
    largest_component,
    middle_click,
    next_click,
    next_object,
)
from msformer.image import Mask

SHAPE = 13, 19


def drawn(*boxes: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_the_middle_of_a_square_is_its_middle() -> None:
    assert middle_click(drawn((2, 4, 7, 9))) == (4, 6)


def test_of_a_long_box_the_middle_of_its_ridge_is_clicked() -> None:
    # Rows 3 to 5, columns 2 to 12: depth 2 along row 4 from column 3 to 11, whose mean is column 7.
    assert middle_click(drawn((3, 2, 6, 13))) == (4, 7)


def test_the_frame_is_a_border() -> None:
    # Five columns at the left frame: were the frame no border, column 0 would be the deepest.
    assert middle_click(drawn((0, 0, 13, 5))) == (6, 2)


def test_the_thickest_part_of_the_largest_component_is_clicked() -> None:
    long_tail = drawn((1, 1, 6, 6), (3, 6, 4, 18))  # 25 + 12 px in one piece
    other = drawn((7, 12, 13, 18))  # 36 px, thicker, but smaller
    assert middle_click(long_tail | other) == (3, 3)


def test_components_are_joined_by_edges_and_not_by_corners() -> None:
    corner = drawn((0, 0, 2, 2), (2, 2, 5, 5))
    np.testing.assert_array_equal(largest_component(corner), drawn((2, 2, 5, 5)))
    assert not largest_component(drawn()).any()


def test_nothing_cannot_be_pointed_at() -> None:
    with pytest.raises(ImageError, match="mask must hold an object"):
        middle_click(drawn())
    with pytest.raises(ImageError, match="mask must hold an object"):
        box_of(drawn())


def test_the_first_click_is_that_into_the_middle() -> None:
    truth = drawn((2, 4, 7, 9))
    assert next_click(truth, drawn()) == (4, 6, 1)


def test_the_next_click_goes_where_most_is_wrong_with_its_sign() -> None:
    truth = drawn((2, 2, 11, 7))
    # Missed: rows 8 to 10 (3 × 5 px). Too much: columns 7 to 11 of rows 2 to 7 (6 × 5 px), which is more.
    answer = drawn((2, 2, 8, 12))
    row, column, sign = next_click(truth, answer) or (0, 0, 0)
    assert (column, sign) == (9, -1)
    assert row in (4, 5)
    # With two columns too much (12 px) the missed rows are more.
    assert next_click(truth, drawn((2, 2, 8, 9))) == (9, 4, 1)


def test_missed_and_too_much_are_apart_where_they_touch() -> None:
    # Together one piece of 18 px; apart 9 each, and missing counts first.
    assert next_click(drawn((2, 2, 5, 5)), drawn((2, 5, 5, 8))) == (3, 3, 1)


def test_where_all_is_right_there_is_no_next_click() -> None:
    assert next_click(drawn((2, 4, 7, 9)), drawn((2, 4, 7, 9))) is None
    with pytest.raises(ImageShapeError, match=r"\(13, 19\); got \(13, 17\)"):
        next_click(drawn(), np.zeros((13, 17), dtype=bool))


def test_a_box_ends_behind_the_last_pixel() -> None:
    assert box_of(drawn((2, 4, 7, 9), (8, 1, 9, 2))) == (2, 1, 9, 9)
    assert box_of(drawn((0, 0, *SHAPE))) == (0, 0, *SHAPE)


def test_a_jittered_box_moves_by_at_most_its_share_and_by_its_seed() -> None:
    box = 100, 300, 200, 500  # 100 × 200 px
    drawn_boxes = [jittered(box, np.random.default_rng(seed), (1009, 1013)) for seed in range(200)]
    moves = np.array(drawn_boxes) - box
    assert (np.abs(moves) <= [10, 20, 10, 20]).all()
    assert (np.abs(moves).max(axis=0) >= [9, 18, 9, 18]).all()
    assert (moves.min(axis=0) < 0).all()
    assert jittered(box, np.random.default_rng(7), (1009, 1013)) == drawn_boxes[7] != drawn_boxes[8]
    assert jittered(box, np.random.default_rng(7), (1009, 1013), share=0) == box


def test_a_jittered_box_stays_in_the_picture_and_keeps_a_pixel() -> None:
    for seed in range(50):
        top, left, bottom, right = jittered((0, 0, *SHAPE), np.random.default_rng(seed), SHAPE)
        assert 0 <= top < bottom <= SHAPE[0]
        assert 0 <= left < right <= SHAPE[1]
        top, left, bottom, right = jittered((12, 18, 13, 19), np.random.default_rng(seed), SHAPE, share=0.9)
        assert 0 <= top < bottom <= SHAPE[0]
        assert 0 <= left < right <= SHAPE[1]


def test_what_two_masks_share() -> None:
    assert intersection_over_union(drawn((0, 0, 2, 4)), drawn((0, 2, 2, 6))) == pytest.approx(4 / 12)
    assert intersection_over_union(drawn(), drawn()) == 1


def test_of_many_the_largest_that_is_wrong_as_a_whole_is_clicked_at() -> None:
    objects = np.zeros((40, 60), dtype=np.int32)
    objects[5:15, 5:15] = 1  # found, but for a border
    objects[5:15, 30:36] = 2  # missed: 60 px
    objects[25:30, 5:10] = 3  # missed: 25 px
    answer = np.zeros((40, 60), dtype=bool)
    answer[6:15, 5:15] = True
    click = next_object(objects, answer)
    assert click is not None
    assert (objects[click[:2]], click[2]) == (2, 1)
    answer[25:35, 40:50] = True  # 100 px of nothing
    click = next_object(objects, answer)
    assert click is not None
    assert (25 <= click[0] < 35, 40 <= click[1] < 50, click[2]) == (True, True, -1)
    answer = objects > 0
    answer[5, 5:15] = False
    assert next_object(objects, answer) is None
    with pytest.raises(ImageShapeError, match=r"\(40, 60\)"):
        next_object(objects, answer[1:])
