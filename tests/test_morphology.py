"""Small operations on masks drawn by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from msformer.image import Mask
from msformer.morphology import (
    closed_each,
    components,
    convex_hull,
    depth_of,
    dilated,
    ellipse,
    filled,
    hull_of_each,
    mirrored,
    opened,
)


def drawn(*rows: str) -> Mask:
    return np.array([[character == "#" for character in row] for row in rows])


def shown(mask: Mask) -> list[str]:
    return ["".join("#" if value else "." for value in row) for row in mask]


def test_the_smallest_discs() -> None:
    assert ellipse(0).tolist() == [[1]]
    assert shown(ellipse(1) > 0) == [".#.", "###", ".#."]
    assert shown(ellipse(2) > 0) == ["..#..", "#####", "#####", "#####", "..#.."]


def test_opening_cuts_off_what_is_thin_but_not_at_the_frame() -> None:
    mask = drawn(
        "###....",
        "###....",
        "###.###",
        "....###",
        "....###",
        ".......",
        "#######",
    )
    assert shown(opened(mask, 1)) == [
        "###....",  # beyond the frame the block goes on
        "###....",
        "##...##",  # a cross of 3 x 3 does not reach corners
        "....###",
        ".....##",  # on the right the frame keeps it
        ".......",
        "#######",  # thin, but it may go on below
    ]
    assert opened(mask, 0) is mask


def test_opening_leaves_no_thread_inside() -> None:
    """The cross fits with its middle on the last column of the block, and its arm keeps one pixel of the thread."""
    mask = drawn(".......", ".###...", ".######", ".###...", ".......")
    assert shown(opened(mask, 1)) == [".......", "..##...", ".####..", "..##...", "......."]


def test_dilation_is_a_disc_and_ends_at_the_frame() -> None:
    mask = np.zeros((5, 7), dtype=bool)
    mask[2, 3] = mask[0, 0] = True
    assert shown(dilated(mask, 1)) == ["##.....", "#..#...", "..###..", "...#...", "......."]


def test_closing_joins_within_a_component_and_never_two() -> None:
    """A bay of 1 px is closed but for its mouth, a hole is filled, a gap of 1 px between two components stays open."""
    mask = drawn(
        "...............",
        ".#####.#####...",
        ".##.##.#...#...",
        ".##.##.#####...",
        "...............",
    )
    assert shown(closed_each(mask, 1)) == [
        "...............",
        ".#####.#####...",
        ".#####.#####...",
        ".##.##.#####...",
        "...............",
    ]


def test_closing_by_radius() -> None:
    """A cut of 3 rows into a block of 11 x 13: radius 2 closes it but for its mouth, radius 1 does not."""
    block = np.zeros((17, 19), dtype=bool)
    block[3:14, 3:16] = True
    cut = block.copy()
    cut[7:10, 3:12] = False
    np.testing.assert_array_equal(closed_each(cut, 1)[8, 3:8], np.zeros(5, bool))
    assert closed_each(cut, 2)[8, 6:12].all()
    assert not closed_each(cut, 2)[~block].any()
    np.testing.assert_array_equal(closed_each(cut, 0), cut)
    assert closed_each(~cut & False, 2).sum() == 0


def test_closing_does_not_stop_at_the_frame() -> None:
    """What closing takes away at a frame, the mask must not lose."""
    mask = np.ones((5, 7), dtype=bool)
    assert closed_each(mask, 2).all()


def test_holes_are_filled_and_bays_not() -> None:
    assert shown(filled(drawn("####.", "#..#.", "####.", "#..#."))) == ["####.", "####.", "####.", "#..#."]


def test_hulls_of_all_and_of_each() -> None:
    mask = drawn(
        "#......#",
        "#......#",
        "###..###",
        "........",
    )
    assert shown(convex_hull(mask)) == ["########", "########", "########", "........"]
    assert shown(hull_of_each(mask)) == ["#......#", "##....##", "###..###", "........"]
    assert shown(convex_hull(drawn("#..", "...", "..#"))) == ["#..", ".#.", "..#"]
    assert not convex_hull(np.zeros((3, 5), bool)).any()


def test_a_hull_holds_its_component_and_is_convex() -> None:
    rows, columns = np.mgrid[:31, :37]
    moon = (np.hypot(rows - 15, columns - 15) < 13) & (np.hypot(rows - 15, columns - 22) > 9)
    hull = hull_of_each(moon)
    assert hull[moon].all()
    for row in hull:  # no gap along any row
        held = np.flatnonzero(row)
        assert len(held) == 0 or held[-1] - held[0] + 1 == len(held)
    assert hull.sum() > 1.2 * moon.sum()


def test_components_come_in_the_order_of_their_first_pixels() -> None:
    mask = drawn("..#", "#..", "#.#")
    assert [shown(part) for part in components(mask)] == [
        ["..#", "...", "..."],
        ["...", "#..", "#.."],
        ["...", "...", "..#"],
    ]
    assert list(components(np.zeros((2, 3), bool))) == []


@pytest.mark.parametrize(
    ("midline", "expected"),
    [
        (3, ["....##.", "#......"]),
        (1, ["##.....", "......."]),
        (5, [".......", "....#.."]),
        (6, [".......", "......#"]),
    ],
)
def test_mirror_image_about_a_column(midline: int, expected: list[str]) -> None:
    """Columns 1 and 2, and 6: about 3 they go to 5 and 4, and 0; what would come from beyond the frame is empty."""
    assert shown(mirrored(drawn(".##....", "......#"), midline)) == expected


@pytest.mark.parametrize(
    "operation",
    [
        lambda mask: opened(mask, 1),
        lambda mask: dilated(mask, 2),
        lambda mask: closed_each(mask, 1),
        filled,
        convex_hull,
        hull_of_each,
        lambda mask: mirrored(mask, 4),
    ],
)
def test_shape_and_type_stay_and_the_input_is_left_alone(operation: Callable[[Mask], Mask]) -> None:
    mask = np.random.default_rng(3).random((13, 17)) < 0.4
    before = mask.copy()
    result = operation(mask)
    assert result.shape == (13, 17)
    assert result.dtype == np.bool_
    np.testing.assert_array_equal(mask, before)


def test_distances_are_those_of_another_library_to_the_last_bit_wherever_memory_lies() -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        mask = rng.random(tuple(rng.integers(20, 90, 2))) > 0.03
        held = [np.empty(int(size), np.uint8) for size in rng.integers(1, 4000, 5)]  # moves what is allocated next
        expected = ndimage.distance_transform_edt(mask).astype(np.float32)
        np.testing.assert_array_equal(depth_of(mask), expected)
        del held
    assert (depth_of(np.ones((9, 9), bool)) > 1e6).all()
    assert not depth_of(np.zeros((9, 9), bool)).any()
