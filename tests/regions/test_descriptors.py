"""Every descriptor has a value that was worked out by hand, or by other code, on a picture small enough to be counted.

All pictures have fewer than 3000 px, so that the sample of the field is the field.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.regions import NAMES, Ground, Region, describe

SHAPE = (43, 61)
SIZE = 43 * 61
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]

pytestmark = pytest.mark.filterwarnings("error")


def disc(radius: float, row: float = 19, column: float = 29) -> Mask:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


def box(top: int, left: int, height: int, width: int, shape: tuple[int, int] = SHAPE) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def region_of(mask: Mask) -> Region:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    return Region(mask[window], window, int(mask.sum()), 1.0, "map", 1)


def ground_of(*planes: NDArray[np.generic], valid: Mask | None = None) -> Ground:
    """The planes as they are, without the smoothing of ``Ground.of``."""
    stacked = np.dstack(planes).astype(np.float32)
    return Ground(stacked, np.ones(stacked.shape[:2], dtype=bool) if valid is None else valid)


def seen(mask: Mask, ground: Ground) -> dict[str, float]:
    values = describe(region_of(mask), ground)
    assert values.dtype == np.float32
    assert values.shape == (len(NAMES),)
    assert np.isfinite(values).all()
    return dict(zip(NAMES, values.tolist(), strict=True))


def test_names_are_told_once() -> None:
    assert len(set(NAMES)) == len(NAMES) == 37


@pytest.mark.parametrize("sign", [1, -1])
def test_a_flat_disc_on_flat_ground(sign: int) -> None:
    """A share s of ones among zeros has the deviation √(s (1 - s)), and the two classes explain all variance."""
    mask = disc(11)
    share = 377 / SIZE
    contrast = 1 / np.sqrt(share * (1 - share))
    numbers = seen(mask, ground_of(sign * mask))
    assert int(mask.sum()) == 377
    assert contrast < 4
    assert numbers["light"] == pytest.approx(sign * contrast, rel=1e-5)
    assert numbers["colour"] == pytest.approx(contrast, rel=1e-5)
    assert numbers["unlike_rest"] == pytest.approx(contrast / 4, rel=1e-5)
    for name in ("ring_split", "band_split", "ring_differs", "inside_alike", "explained"):
        assert numbers[name] == pytest.approx(1, abs=1e-4), name
    for name in ("inside_spread", "ring_spread", "like_elsewhere", "is_colour", "frame", "sides", "count", "uneven"):
        assert numbers[name] == pytest.approx(0, abs=1e-5), name
    for name in ("below", "above", "beside"):
        # The box beside a disc reaches into it nowhere, so all of it is ground.
        assert numbers[name] == pytest.approx(-sign * contrast, rel=1e-5), name
    assert numbers["inside_rank"] == pytest.approx(1 - share if sign > 0 else 0, abs=1e-6)
    assert numbers["ring_rank"] == pytest.approx(0 if sign > 0 else share, abs=1e-6)
    assert numbers["edge_aligned"] > 0.95
    assert numbers["edge_facing"] > 0.5


def test_planes_that_show_nothing_thin_out_the_colour_and_only_that() -> None:
    mask = disc(11)
    flat = np.full(SHAPE, 0.5)
    one, three = seen(mask, ground_of(mask)), seen(mask, ground_of(mask, flat, flat))
    assert three["colour"] == pytest.approx(one["colour"] / np.sqrt(3), rel=1e-5)
    assert three["is_colour"] == 1
    for name in set(NAMES) - {"colour", "is_colour"}:
        assert three[name] == pytest.approx(one[name], abs=1e-4), name


def test_differences_count_up_to_four_spreads() -> None:
    """77 px of 2623 lie 5.7 spreads away."""
    numbers = seen(box(17, 23, 7, 11), ground_of(-1.0 * box(17, 23, 7, 11)))
    assert numbers["light"] == -4
    assert numbers["colour"] == 4
    assert (numbers["below"], numbers["above"], numbers["beside"]) == (4, 4, 4)


def test_a_ring_that_is_partly_like_the_inside() -> None:
    """A square of 10² px of a bright bar: its band is round(.35 · √(100 / π)) = 2 px wide.

    Dilating by OpenCV's disc of 5 px (rows of 1, 5, 5, 5 and 1 px) adds 88 px, of which 2 · 20 lie in the bar.
    """
    bar = (COLUMNS >= 23) & (COLUMNS < 33)
    numbers = seen(box(15, 23, 10, 10), ground_of(bar))
    assert numbers["ring_differs"] == pytest.approx(48 / 88)
    assert numbers["inside_alike"] == 1
    spread = np.sqrt(10 / 61 * 51 / 61)
    assert numbers["light"] == pytest.approx(48 / 88 / spread, rel=1e-5)
    p = 40 / 88
    assert numbers["ring_spread"] == pytest.approx(np.sqrt(p * (1 - p)) / spread, rel=1e-5)
    assert numbers["ring_split"] == pytest.approx((1 - p) ** 2 / ((1 - p) ** 2 + 2 * p * (1 - p)), rel=1e-4)


def test_spreads_inside_and_around_and_the_splits_that_they_make() -> None:
    """A rectangle of .8 | 1 on ground of 0 | .2, halved where the picture is: .8 apart, deviations of .1."""
    shape = (43, 60)
    right = np.mgrid[:43, :60][1] >= 30
    mask = box(13, 21, 11, 18, shape)
    picture = 0.2 * right + 0.8 * mask
    numbers = seen(mask, ground_of(picture))
    spread = picture.std()
    assert numbers["light"] == pytest.approx(0.8 / spread, rel=1e-5)
    assert numbers["inside_spread"] == pytest.approx(0.1 / spread, rel=1e-4)
    assert numbers["ring_spread"] == pytest.approx(0.1 / spread, rel=1e-4)
    assert numbers["ring_split"] == pytest.approx(0.64 / (0.64 + 4 * 0.01), rel=1e-4)
    assert numbers["band_split"] == pytest.approx(0.64 / (0.64 + 4 * 0.01), rel=1e-4)


def test_half_of_a_picture_that_is_bright() -> None:
    """17 × 13 px, 7 columns bright: a step of 1 is half a step on both of its columns, of 13, and nothing elsewhere.

    The window is 10 columns wide (band 2, and one more). Frame: 29 px lie along it, the rim has 17, both share 2.
    """
    shape = (17, 13)
    mask = box(0, 0, 17, 7, shape)
    numbers = seen(mask, ground_of(mask))
    assert numbers["edge"] == pytest.approx(6.5, rel=1e-5)
    assert numbers["edge_weak"] == pytest.approx(6.5, rel=1e-5)
    assert numbers["sharpness"] == 8  # nothing inside: up to the limit
    assert numbers["edge_aligned"] == pytest.approx(1, abs=1e-4)
    spread = np.sqrt(42) / 13
    assert numbers["edge_facing"] == pytest.approx(0.5 / spread / (2 * 6.5 / 10), rel=1e-4)
    assert numbers["frame"] == pytest.approx(29 / 44)
    assert numbers["sides"] == pytest.approx(3 / 4)
    assert numbers["size"] == pytest.approx(np.log(7 / 13), abs=1e-4)
    assert numbers["column"] == pytest.approx(3 / 13)  # the middle of columns 0 … 6 is that of 13 less 3
    assert numbers["row"] == pytest.approx(0, abs=1e-6)


def test_on_a_ramp_all_edges_are_mean_edges_and_ranks_are_the_order_of_pixels() -> None:
    """Values 0 … 2622 in reading order; the ring is the same on both sides, so its mean rank is that of the middle."""
    ramp = np.arange(SIZE).reshape(SHAPE)
    numbers = seen(box(17, 23, 7, 11), ground_of(ramp))
    for name in ("edge", "edge_weak", "sharpness"):
        assert numbers[name] == pytest.approx(1, abs=1e-3), name
    middle = (20 * 61 + 28) / SIZE
    assert numbers["inside_rank"] == pytest.approx(middle, abs=1e-5)
    assert numbers["ring_rank"] == pytest.approx(middle, abs=1e-5)
    assert abs(numbers["edge_aligned"]) < 0.01  # in on one side, out on the other
    assert abs(numbers["edge_facing"]) < 0.01


def test_where_the_border_is_weak() -> None:
    """A square whose right third fades out: a fifth of the outline and more has a small step."""
    mask = box(13, 21, 12, 12)
    sharp, faded = mask * 1.0, mask * np.where(COLUMNS >= 29, 0.05, 1.0)
    assert seen(mask, ground_of(sharp))["edge_weak"] > 3 * seen(mask, ground_of(faded))["edge_weak"]


def test_the_frame_is_where_the_field_ends_too() -> None:
    """A box of 7 × 11 px: its left side of 7 px is along no data, of an outline of 32 px; windows are of the grid."""
    mask, valid = box(17, 23, 7, 11), COLUMNS >= 23
    numbers = seen(mask, ground_of(mask, valid=valid))
    assert numbers["frame"] == pytest.approx(7 / 32)
    assert numbers["sides"] == 0
    assert numbers["size"] == pytest.approx(np.log(77 / (43 * 38)), abs=1e-4)


def test_the_ring_is_of_the_field() -> None:
    """What is no data is black on the left and bright on the right of a box on ground of .3."""
    mask, valid = box(17, 23, 7, 11), (COLUMNS >= 23) & (COLUMNS < 34)
    picture = np.where(valid, 0.3 + 0.4 * mask, np.where(COLUMNS < 23, 0, 9))
    numbers = seen(mask, ground_of(picture, valid=valid))
    share = 77 / (43 * 11)
    assert numbers["light"] == pytest.approx(1 / np.sqrt(share * (1 - share)), rel=1e-4)
    assert numbers["ring_spread"] == pytest.approx(0, abs=1e-5)


def test_the_shape_of_a_rectangle() -> None:
    """7 × 11 px: outline of 2 (6 + 10) through the centres, second moments 6² / 12 and 10² / 12."""
    mask = box(17, 23, 7, 11)
    numbers = seen(mask, ground_of(mask))
    assert numbers["solidity"] == pytest.approx(1)
    assert numbers["extent"] == pytest.approx(1)
    assert numbers["compact"] == pytest.approx(4 * np.pi * 77 / (32 + np.pi) ** 2, rel=1e-5)
    assert numbers["slender"] == pytest.approx(np.sqrt((36 / 12 + 0.25) / (100 / 12 + 0.25)), rel=1e-5)


def test_the_shape_of_a_cross_and_of_a_disc() -> None:
    """Arms of 5 of 17 px: 145 px in a hull of 17² - 4 · 12² / 2 / 2 = 217 px and a box of 289."""
    cross = box(12, 25, 17, 5) | box(18, 19, 5, 17)
    numbers = seen(cross, ground_of(cross))
    assert numbers["solidity"] == pytest.approx(145 / 217, abs=0.03)
    assert numbers["extent"] == pytest.approx(145 / 289, abs=0.02)
    assert numbers["slender"] == pytest.approx(1, abs=1e-5)
    round_ = seen(disc(13), ground_of(disc(13)))
    assert round_["solidity"] > 0.95
    assert round_["compact"] > 0.85  # an outline of px is longer than the circle
    assert round_["extent"] == pytest.approx(np.pi / 4, abs=0.06)
    assert numbers["compact"] < 0.6


def test_a_slanted_bar_is_as_slender_as_an_upright_one() -> None:
    upright = (abs(COLUMNS - 29) <= 2) & (abs(ROWS - 21) <= 14)
    slanted = (abs(COLUMNS - 29 + ROWS - 21) <= 3.5) & (abs(COLUMNS - 29 - ROWS + 21) <= 20)
    first, second = seen(upright, ground_of(upright)), seen(slanted, ground_of(slanted))
    assert second["slender"] == pytest.approx(first["slender"], abs=0.05)
    assert second["extent"] < first["extent"] / 2


def test_several_components_are_described_together() -> None:
    """7² and 3 · 5 px: 32 in the mean, ± 17; the typical area is (49² + 15²) / 64."""
    mask = box(7, 11, 7, 7) | box(29, 41, 3, 5)
    numbers = seen(mask, ground_of(mask))
    assert numbers["count"] == pytest.approx(np.log(2))
    assert numbers["uneven"] == pytest.approx(17 / 32)
    assert numbers["size"] == pytest.approx(np.log(64 / SIZE), abs=1e-4)
    assert numbers["typical_size"] == pytest.approx(np.log((49**2 + 15**2) / 64 / SIZE), abs=1e-4)
    square, bar = (4 * np.pi * area / (around + np.pi) ** 2 for area, around in ((49, 24), (15, 12)))
    assert numbers["compact"] == pytest.approx((49 * square + 15 * bar) / 64, rel=1e-5)


def test_the_place_of_a_box() -> None:
    """Rows 3 … 9 and columns 41 … 51 have their middle at 6.5 of 43 and 46.5 of 61."""
    mask = box(3, 41, 7, 11)
    numbers = seen(mask, ground_of(mask))
    row, column = 6.5 / 43 - 0.5, 46.5 / 61 - 0.5
    assert numbers["row"] == pytest.approx(row, rel=1e-5)
    assert numbers["column"] == pytest.approx(column, rel=1e-5)
    assert numbers["centre"] == pytest.approx(np.exp(-8 * (row**2 + column**2)), rel=1e-5)


def test_more_of_the_same_elsewhere() -> None:
    """A box of 77 px, and one of 3 · 13 px far away."""
    mask, other = box(7, 11, 7, 11), box(31, 41, 3, 13)
    numbers = seen(mask, ground_of(mask | other))
    assert numbers["like_elsewhere"] == pytest.approx(np.log1p(39 / 77), rel=1e-4)
    picture = (mask | other).astype(float)
    between = 77 / (SIZE - 77) * (1 - picture.mean()) ** 2
    assert numbers["explained"] == pytest.approx(between / picture.var(), rel=1e-4)


def test_a_shadow_lies_below_an_echo_above_and_neither_beside() -> None:
    """A box of .8 on ground of .4; what is below is 0, what is above is 1."""
    mask = box(17, 23, 7, 11)
    picture = np.full(SHAPE, 0.4)
    picture[24:, 23:34], picture[:17, 23:34], picture[mask] = 0, 1, 0.8
    numbers = seen(mask, ground_of(picture))
    spread = picture.std()
    assert numbers["below"] == pytest.approx(-0.8 / spread, rel=1e-5)
    assert numbers["above"] == pytest.approx(0.2 / spread, rel=1e-5)
    assert numbers["beside"] == pytest.approx(-0.4 / spread, rel=1e-5)
    turned = seen(mask[::-1], ground_of(picture[::-1]))
    assert turned["below"] == pytest.approx(numbers["above"], rel=1e-5)
    assert turned["above"] == pytest.approx(numbers["below"], rel=1e-5)


def test_the_shadow_of_a_disc() -> None:
    """A dark disc, and the ground below it darker than the ground beside it."""
    mask = disc(7)
    picture = np.where(mask, 0.2, np.where((ROWS > 19) & (abs(COLUMNS - 29) <= 7), 0.4, 0.8))
    numbers = seen(mask, ground_of(picture))
    assert 0 < numbers["below"] < numbers["beside"] - 0.5
    assert numbers["above"] == pytest.approx(0.6 / picture.std(), rel=1e-5)


def test_texture_is_fine_contrast_over_the_pictures_mean() -> None:
    """Noise in a box on flat ground, by scipy's Gaussians."""
    mask = box(11, 17, 17, 19)
    picture = np.random.default_rng(7).normal(0.5, 0.1, SHAPE) * mask + 0.5 * ~mask
    numbers = seen(mask, ground_of(picture))

    def smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.gaussian_filter(plane, 1.5, mode="mirror", truncate=4))

    fine = smooth(abs(picture - smooth(picture)))
    assert numbers["texture"] == pytest.approx(fine[mask].mean() / fine.mean(), rel=0.01)
    band = round(0.35 * np.sqrt(323 / np.pi))
    ring = cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(2, (2 * band + 1, 2 * band + 1))) > mask
    assert numbers["ring_texture"] == pytest.approx(fine[ring].mean() / fine.mean(), rel=0.02)


def painted(scale: int = 1) -> tuple[Mask, list[NDArray[np.float64]]]:
    """A dented disc off the middle and ground that is alike nowhere, in three planes."""
    rows, columns = (np.mgrid[: 43 * scale, : 61 * scale] + 0.5) / scale - 0.5
    mask = ((rows - 17) ** 2 + (columns - 23) ** 2 <= 121) & ~((rows < 13) & (columns > 25))
    waves = [np.sin(rows / 5 + columns / 7), np.cos(rows / 9 - columns / 4), np.sin(columns / 6)]
    return mask, [0.6 * mask * step + 0.1 * wave for step, wave in zip((1, -0.5, 0.2), waves, strict=True)]


@pytest.mark.parametrize("n", [1, 3])
def test_left_and_right_are_alike(n: int) -> None:
    mask, planes = painted()
    one = describe(region_of(mask), ground_of(*planes[:n]))
    other = describe(region_of(mask[:, ::-1]), ground_of(*(plane[:, ::-1] for plane in planes[:n])))
    # The polygon around a mask skips other pixels of its concave corners when it runs the other way.
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize(("gain", "shift"), [(255, 0), (0.01, 0.3), (3, -7)])
def test_the_scale_of_grey_values_does_not_matter(gain: float, shift: float) -> None:
    mask, planes = painted()
    one = describe(region_of(mask), ground_of(*planes))
    other = describe(region_of(mask), ground_of(*(gain * plane + shift for plane in planes)))
    np.testing.assert_allclose(other, one, rtol=2e-3, atol=2e-3)


def test_a_negative_changes_signs_only() -> None:
    mask, planes = painted()
    one, other = seen(mask, ground_of(planes[0])), seen(mask, ground_of(-planes[0]))
    for name in ("light", "below", "above", "beside"):
        assert other[name] == pytest.approx(-one[name], rel=1e-4), name
    for name in ("inside_rank", "ring_rank"):
        assert other[name] == pytest.approx(1 - one[name], abs=2e-3), name
    for name in set(NAMES) - {"light", "below", "above", "beside", "inside_rank", "ring_rank"}:
        assert other[name] == pytest.approx(one[name], rel=1e-3, abs=1e-3), name


def test_an_enlarged_picture_is_described_much_alike() -> None:
    mask, planes = painted()
    one = seen(mask, Ground.of(np.dstack(planes).astype(np.float32), np.ones(SHAPE, bool)))
    large, more = painted(2)
    other = seen(large, Ground.of(np.dstack(more).astype(np.float32), np.ones((86, 122), bool)))
    of_px = {"edge", "edge_weak", "sharpness", "edge_facing", "texture", "ring_texture"}  # not of shares of the side
    for name in NAMES:
        if name not in of_px:
            assert other[name] == pytest.approx(one[name], rel=0.12, abs=0.15), name


def test_noise_is_smoothed_by_a_pixel_of_128() -> None:
    """The Gaussian of one pixel leaves 1 / (4 π) of the variance of white noise."""
    noise = np.random.default_rng(7).normal(0, 1, (125, 125, 2)).astype(np.float32)
    ground = Ground.of(noise, np.ones((125, 125), bool))
    assert ground.planes.shape == noise.shape
    assert ground.planes.var() == pytest.approx(1 / (4 * np.pi), rel=0.1)
    assert Ground.of(noise[:, :, :1], ground.valid).planes.shape == (125, 125, 1)


def test_a_flat_picture_and_a_region_of_all_of_it_have_finite_numbers() -> None:
    everything = np.ones(SHAPE, bool)
    for picture in (np.zeros(SHAPE), np.full(SHAPE, 0.7), disc(11) * 1.0):
        for mask in (everything, disc(11), box(0, 0, 1, 61), box(0, 0, 43, 1), box(42, 60, 1, 1)):
            numbers = seen(mask, ground_of(picture))
            assert abs(numbers["light"]) <= 4


def test_the_input_is_left_alone() -> None:
    mask, planes = painted()
    stacked = np.dstack(planes).astype(np.float32)
    stacked.flags.writeable = mask.flags.writeable = False
    first = describe(region_of(mask), Ground(stacked, np.ones(SHAPE, bool)))
    np.testing.assert_array_equal(first, describe(region_of(mask), Ground(stacked, np.ones(SHAPE, bool))))
