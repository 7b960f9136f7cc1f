"""The border moves to where the image changes: on discs whose edge is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import RefineSettings
from msformer.image import Mask
from msformer.refine import refine_boundary

SIDE = 193
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
MIDDLE = (96, 96)
EVERYWHERE = np.ones((SIDE, SIDE), dtype=bool)
NOWHERE = ~EVERYWHERE

pytestmark = pytest.mark.filterwarnings("error")


def disc(radius: float, centre: tuple[float, float] = MIDDLE) -> Mask:
    return np.asarray(np.hypot(ROWS - centre[0], COLUMNS - centre[1]) <= radius)


def soft_disc(radius: float, width: float) -> NDArray[np.float32]:
    """1 inside, 0 outside, and one half on the circle."""
    distance = np.hypot(ROWS - MIDDLE[0], COLUMNS - MIDDLE[1])
    return np.asarray(0.5 - 0.5 * np.tanh((distance - radius) / width), dtype=np.float32)


def refined(mask: Mask, appearance: NDArray[Any], valid: Mask = EVERYWHERE, **changes: Any) -> Mask:
    settings = RefineSettings(**{"boundary_rounds": 3, "boundary_level": 0.3, "boundary_reach": 0.08, **changes})
    return refine_boundary(mask, appearance.astype(np.float32), valid, settings)


def farthest(one: Mask, other: Mask) -> float:
    """Largest distance in px from the border of one mask to that of the other (Hausdorff's)."""
    borders = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    away = [ndimage.distance_transform_edt(~border) for border in borders]
    return float(max(away[1][borders[0]].max(), away[0][borders[1]].max()))


def equal_radius(mask: Mask) -> float:
    """Radius of the disc of the same area."""
    return float(np.sqrt(mask.sum() / np.pi))


@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("noise", [0, 0.1])
@pytest.mark.parametrize("radius", [20, 50, 70])
def test_a_border_within_reach_of_an_edge_ends_on_it(bright: bool, noise: float, radius: float) -> None:
    truth = disc(radius)
    image = (1.0 if bright else -1.0) * truth + noise * np.random.default_rng(0).normal(size=truth.shape)
    for offset in (-15, -8, -2, 0, 2, 8, 15):  # the reach is .08 x 193 = 15.4 px
        assert farthest(refined(disc(radius + offset), image), truth) <= 1


@pytest.mark.parametrize("offset", [-40, -30, 30])
def test_more_rounds_reach_further(offset: float) -> None:
    truth = disc(50)
    assert farthest(refined(disc(50 + offset), truth, boundary_rounds=1), truth) > 10
    assert farthest(refined(disc(50 + offset), truth, boundary_rounds=3), truth) <= 1


@pytest.mark.parametrize(("scale", "offset"), [(0.001, 0), (1000, 0), (1, 500), (-1, 0.5)])
def test_the_unit_and_the_zero_of_the_image_do_not_matter(scale: float, offset: float) -> None:
    image = soft_disc(50, 4)
    mask = disc(40)
    assert farthest(refined(mask, scale * image + offset), refined(mask, image)) <= 1


@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("level", [0.3, 0.5])
@pytest.mark.parametrize(("width", "tolerance"), [(3, 1), (6, 1), (10, 2)])
def test_on_a_soft_edge_the_border_ends_where_the_level_is_crossed(
    bright: bool, level: float, width: float, tolerance: float
) -> None:
    """½ − ½ tanh((r − 45) / w) = level at r = 45 + w artanh(1 − 2 level)."""
    crossed = 45 + width * float(np.arctanh(1 - 2 * level))
    image = soft_disc(45, width) * (1 if bright else -1)
    for start in (38, 45, 52):
        end = refined(disc(start), image, boundary_level=level)
        assert equal_radius(end) == pytest.approx(crossed, abs=tolerance)
        assert farthest(end, disc(crossed)) <= tolerance + 1


def test_a_slope_of_the_light_does_not_carry_the_border_away() -> None:
    truth = disc(50)
    image = truth + 0.5 * COLUMNS / SIDE
    assert farthest(refined(disc(42), image), truth) <= 1
    assert farthest(refined(disc(58), image), truth) <= 1


@pytest.mark.parametrize(("centre", "radius"), [((0, 96), 40), ((0, 0), 60), ((192, 96), 50), ((96, 96), 110)])
def test_an_object_that_the_frame_cuts_is_followed_too(centre: tuple[float, float], radius: float) -> None:
    truth = disc(radius, centre)  # the last one covers 92 % of the picture
    assert farthest(refined(disc(radius - 10, centre), truth), truth) <= 1


def test_two_objects_are_both_kept_and_each_ends_on_its_own_edge() -> None:
    truth = disc(25, (60, 60)) | disc(20, (130, 130))
    end = refined(disc(18, (60, 60)) | disc(28, (130, 130)), truth)
    assert ndimage.label(end)[1] == 2
    assert farthest(end, truth) <= 1


def test_what_looks_alike_but_was_not_in_the_mask_stays_out() -> None:
    one, other = disc(25, (60, 60)), disc(20, (130, 130))
    assert farthest(refined(disc(20, (60, 60)), one | other), one) <= 1


def test_holes_are_filled() -> None:
    ring = disc(50) & ~disc(10)
    assert farthest(refined(disc(45), ring), disc(50)) <= 1


@pytest.mark.parametrize(
    ("mask", "image"),
    [
        (NOWHERE, disc(30)),
        (EVERYWHERE, disc(30)),
        (disc(30), NOWHERE),
        (disc(30), np.full((SIDE, SIDE), 0.7)),
        (disc(200) & (COLUMNS > 2), disc(30)),
    ],
    ids=["empty mask", "full mask", "black image", "grey image", "no ground far enough"],
)
@pytest.mark.parametrize("valid", [EVERYWHERE, NOWHERE], ids=["all valid", "nothing valid"])
def test_without_an_object_a_ground_or_a_difference_the_mask_stays(
    mask: Mask, image: NDArray[Any], valid: Mask
) -> None:
    np.testing.assert_array_equal(refined(mask, image, valid), mask)


def test_the_mask_ends_where_the_image_stops_to_count() -> None:
    valid, truth = COLUMNS < 96, disc(40)
    np.testing.assert_array_equal(refined(disc(35), truth, valid), truth & valid)


def test_what_does_not_count_is_no_ground() -> None:
    """Black corners would otherwise be the ground, and skin the object."""
    valid, truth = np.hypot(ROWS - 96, COLUMNS - 96) < 85, disc(50)
    image = np.where(valid, -1.0 * truth, -3.0)
    assert farthest(refined(disc(42), image, valid), truth) <= 1


@pytest.mark.parametrize(
    "change",
    [{"boundary_rounds": 1}, {"boundary_level": 0.5}, {"boundary_reach": 0.04}],
    ids=lambda change: str(change),
)
def test_every_setting_matters(change: dict[str, Any]) -> None:
    image, mask = soft_disc(60, 8), disc(30)
    assert (refined(mask, image, **change) != refined(mask, image)).sum() > 500


def test_no_rounds_change_nothing_and_the_input_is_left_alone() -> None:
    mask, image = disc(30), soft_disc(60, 8)
    copies = mask.copy(), image.copy()
    np.testing.assert_array_equal(refined(mask, image, boundary_rounds=0), mask)
    refined(mask, image)
    np.testing.assert_array_equal(mask, copies[0])
    np.testing.assert_array_equal(image, copies[1])


def test_a_component_that_falls_in_two_keeps_both_and_drops_crumbs() -> None:
    """Two discs joined by a bridge that is not there in the image, as two lungs that clusters let meet."""
    two = disc(24, (96, 50)) | disc(19, (96, 120))
    bridge = (np.abs(ROWS - 96) <= 3) & (COLUMNS > 50) & (COLUMNS < 120)
    crumb = disc(3, (96, 87))
    result = refined(two | bridge, two | crumb)
    assert farthest(result, two) <= 1.5


def test_what_lies_next_to_the_object_but_was_not_in_the_mask_stays_out() -> None:
    lesion, neighbour = disc(24, (96, 60)), disc(12, (96, 104))
    assert not (refined(lesion, lesion | neighbour) & neighbour).any()


def scattered(radii: Sequence[float]) -> Mask:
    """Discs of these radii on a grid, 48 px apart."""
    return np.asarray(np.any([disc(r, (24 + 48 * (i // 4), 24 + 48 * (i % 4))) for i, r in enumerate(radii)], axis=0))


def moved_by(mask: Mask, image: Mask) -> float:
    """How far one round at the objects' own reach takes the mask outwards, in px."""
    end = refined(mask, image, boundary_rounds=1, boundary_level=0.5, boundary_reach="own")
    return float(ndimage.distance_transform_edt(~mask)[end].max())


@pytest.mark.parametrize("radius", [3, 5, 8])
def test_own_reach_is_the_radius_of_the_objects(radius: int) -> None:
    """An object that goes on for 2 px more than its radius is followed so far, and by the share of the side further."""
    small, large = scattered([radius] * 5), scattered([2 * radius + 2] * 5)
    assert radius - 1 <= moved_by(small, large) <= radius + 0.5
    by_share = refined(small, large, boundary_rounds=1, boundary_level=0.5, boundary_reach=0.08)
    assert ndimage.distance_transform_edt(~small)[by_share].max() > radius + 0.5


def test_own_reach_is_the_typical_objects_and_not_the_largest_ones() -> None:
    """The median of the areas of 4, 4, 4, 4 and 20; the mean of their radii would be 7."""
    small, large = scattered([4, 4, 4, 4, 20]), scattered([10, 10, 10, 10, 23])
    assert moved_by(small, large) <= 4.5


def test_specks_say_nothing_about_own_reach() -> None:
    """Seven specks of 5 px, r = 1.3, beside three discs of 7."""
    small, large = scattered([7, 7, 7] + [1] * 7), scattered([11, 11, 11] + [1] * 7)
    assert moved_by(small, large) > 3


def test_objects_of_a_pixel_still_move_by_one() -> None:
    """r = .56 would not reach the next pixel; 1.5 does."""
    small, large = scattered([0] * 5), scattered([1] * 5)
    assert moved_by(small, large) == 1


def test_own_reach_of_nothing_changes_nothing() -> None:
    assert not refined(NOWHERE, disc(30), boundary_reach="own").any()
