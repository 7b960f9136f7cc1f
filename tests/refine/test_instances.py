from __future__ import annotations

import cv2
import numpy as np
import pytest

from msformer.image import Mask
from msformer.refine import instances as module
from msformer.refine import part_instances

NECK = 0.9


def drawn(shape: tuple[int, int], *discs: tuple[int, int, int]) -> Mask:
    """Discs of row, column and radius."""
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    for row, column, radius in discs:
        mask |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return mask


def an_ellipse(across: int, down: int, angle: float) -> Mask:
    canvas = np.zeros((160, 160), dtype=np.uint8)
    cv2.ellipse(canvas, (80, 80), (across, down), angle, 0, 360, 1, -1)
    return canvas > 0


def test_two_discs_that_overlap_by_a_third_of_their_width_are_two() -> None:
    # Centres 4/3 of a radius apart; the line between them is column 50, where the neck is.
    mask = drawn((80, 100), (40, 40, 15), (40, 60, 15))
    instances = part_instances(mask, NECK)
    assert set(np.unique(instances)) == {0, 1, 2}
    np.testing.assert_array_equal(instances > 0, mask)
    assert (instances[mask & (np.indices(mask.shape)[1] < 49)] == 1).all()
    assert (instances[mask & (np.indices(mask.shape)[1] > 51)] == 2).all()


@pytest.mark.parametrize("angle", [0, 17, 45, 90])
@pytest.mark.parametrize("size", [(15, 5), (30, 10), (60, 20)])
def test_an_ellipse_three_times_as_long_as_wide_is_one(size: tuple[int, int], angle: float) -> None:
    assert part_instances(an_ellipse(*size, angle), NECK).max() == 1


def test_a_bent_object_is_one() -> None:
    rows, columns = np.indices((120, 120))
    radius = np.hypot(rows - 60, columns - 60)
    assert part_instances((radius > 30) & (radius < 46) & (rows < 60), NECK).max() == 1


def test_a_long_wavy_object_is_one_and_round_ones_with_the_same_necks_are_many() -> None:
    columns = np.arange(200)
    half_width = 6 + np.cos(columns * 2 * np.pi / 50)  # waves of 5 to 7 px: necks of 5/7 = .71
    rows = np.indices((60, 200))[0]
    wavy = np.abs(rows - 30) <= half_width
    wavy[:, :10] = wavy[:, -10:] = False
    assert part_instances(wavy, NECK).max() == 1
    # Centres 1.4 radii apart have a neck of √(1 − .7²) = .71 too.
    assert part_instances(drawn((60, 120), (30, 30, 10), (30, 44, 10), (30, 58, 10)), NECK).max() == 3


def test_three_in_a_row_are_numbered_from_the_one_whose_first_pixel_comes_first() -> None:
    instances = part_instances(drawn((80, 140), (40, 30, 16), (38, 54, 16), (36, 78, 16)), NECK)
    assert [int(instances[row, column]) for row, column in ((40, 30), (38, 54), (36, 78))] == [3, 2, 1]


def test_a_ring_is_one() -> None:
    ring = drawn((100, 100), (50, 50, 40)) & ~drawn((100, 100), (50, 50, 25))
    instances = part_instances(ring, NECK)
    assert instances.max() == 1
    assert instances[50, 50] == 0


def test_single_pixels_and_specks_are_objects_of_their_own() -> None:
    mask = np.zeros((40, 50), dtype=bool)
    mask[3, 4] = mask[0, 9] = mask[39, 49] = True
    mask[20, 10:30] = True  # a line
    instances = part_instances(mask, NECK)
    assert [int(instances[at]) for at in ((0, 9), (3, 4), (20, 15), (39, 49))] == [1, 2, 3, 4]
    assert instances.max() == 4


def test_nothing_is_nothing_and_everything_is_one() -> None:
    assert part_instances(np.zeros((40, 50), dtype=bool), NECK).max() == 0
    everything = part_instances(np.ones((40, 50), dtype=bool), NECK)
    assert (everything == 1).all()
    assert everything.dtype == np.uint16


def test_discs_cut_by_the_frame_are_parted_like_others() -> None:
    mask = drawn((60, 100), (0, 40, 16), (0, 62, 16))
    instances = part_instances(mask, NECK)
    assert instances.max() == 2
    assert (instances[0, 40], instances[0, 62]) == (1, 2)
    assert part_instances(drawn((60, 100), (30, 0, 20)), NECK).max() == 1


def test_discs_that_touch_at_a_corner_only_are_two_components() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[5:15, 5:15] = mask[15:25, 15:25] = True
    assert part_instances(mask, 0).max() == 2


def test_neck_says_how_narrow_a_neck_has_to_be() -> None:
    mask = drawn((80, 100), (40, 40, 15), (40, 60, 15))  # neck √(1 − (2/3)²) = .745
    assert [int(part_instances(mask, neck).max()) for neck in (0.0, 0.5, 0.7, 0.85, 0.95)] == [1, 1, 1, 2, 2]


def test_a_small_one_on_a_large_one_counts_by_its_own_width() -> None:
    # Radius 12 on radius 40: the circles cross 9 px off the line of centres, a neck of .75 of the small one.
    mask = drawn((140, 160), (70, 60, 40), (70, 107, 12))
    instances = part_instances(mask, NECK)
    assert instances.max() == 2
    assert instances[70, 112] != instances[70, 60]


def test_more_objects_than_16_bits_hold_take_32() -> None:
    mask = np.zeros((520, 520), dtype=bool)
    mask[::2, ::2] = True
    instances = part_instances(mask, NECK)
    assert instances.dtype == np.uint32
    assert instances.max() == 260 * 260  # 67,600
    assert instances[518, 518] == 67_600


def test_large_components_are_parted_on_a_coarser_grid_and_no_pixel_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = drawn((161, 203), (80, 70, 41), (80, 130, 41))
    whole = part_instances(mask, NECK)
    monkeypatch.setattr(module, "WINDOW_PIXELS", 2_000)
    coarse = part_instances(mask, NECK)
    np.testing.assert_array_equal(coarse > 0, mask)
    assert coarse.max() == whole.max() == 2
    assert (coarse == whole)[mask].mean() > 0.98


def test_every_number_is_used_and_each_object_is_connected() -> None:
    rng = np.random.default_rng(3)
    places = rng.integers(0, 300, (80, 2))
    mask = drawn((300, 300), *((int(row), int(column), int(rng.integers(4, 16))) for row, column in places))
    instances = part_instances(mask, NECK)
    names = np.unique(instances)
    assert names.tolist() == list(range(int(instances.max()) + 1))
    assert all(
        cv2.connectedComponents((instances == name).astype(np.uint8), connectivity=4)[0] == 2 for name in names[1:]
    )
    firsts = [int(np.flatnonzero(instances == name)[0]) for name in names[1:]]
    assert firsts == sorted(firsts)
