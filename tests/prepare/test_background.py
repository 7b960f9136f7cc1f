"""Slow changes are taken away: against sums written out here and against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.prepare.background import smooth, subtract_background, subtract_depth

HEIGHT, WIDTH = 61, 83
SIDE = np.sqrt(HEIGHT * WIDTH)
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
EVERYWHERE = np.ones((HEIGHT, WIDTH), dtype=bool)


def planes_of(*planes: Any) -> NDArray[np.float32]:
    return np.stack([np.broadcast_to(plane, (HEIGHT, WIDTH)) for plane in planes], axis=2).astype(np.float32)


def test_what_is_even_becomes_0_and_each_plane_has_its_own_level() -> None:
    even = subtract_background(planes_of(0.7, -3.0), EVERYWHERE, 0.1)
    assert even.dtype == np.float32
    np.testing.assert_allclose(even, 0, atol=0.01)


@pytest.mark.parametrize("width", [0.05, 0.1])
@pytest.mark.parametrize("place", [(30, 40), (2, 71), (60, 82), (30, 21)])
def test_it_is_the_mean_under_a_gaussian_over_what_is_valid(width: float, place: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).random((HEIGHT, WIDTH))
    valid = COLUMNS >= 20
    noise[~valid] = 100
    sigma = width * SIDE
    weight = np.exp(-((ROWS - place[0]) ** 2 + (COLUMNS - place[1]) ** 2) / (2 * sigma**2)) * valid
    expected = noise[place] - (noise * weight).sum() / weight.sum()
    result = subtract_background(planes_of(noise), valid, width)[place][0]
    assert result == pytest.approx(expected, abs=0.01)


def test_values_outside_of_the_field_change_nothing_inside() -> None:
    values = np.random.default_rng(1).random((HEIGHT, WIDTH))
    valid = COLUMNS >= 20
    results = [
        subtract_background(planes_of(np.where(valid, values, other)), valid, 0.1)[valid] for other in (0.0, 1000.0)
    ]
    np.testing.assert_allclose(results[0], results[1], atol=1e-4)


def test_a_slope_goes_and_a_small_object_stays() -> None:
    small = np.hypot(ROWS - 30, COLUMNS - 40) < 4
    slope = COLUMNS / WIDTH
    even = subtract_background(planes_of(slope - 0.5 * small), EVERYWHERE, 0.15)[:, :, 0]
    middle = (slice(20, 41), slice(30, 51))  # far from the frame, where the window sees one side only
    ground = even[middle][~small[middle]]
    assert np.ptp(ground) < 0.12  # the slope alone rises by .25 here
    assert even[small].mean() - ground.mean() == pytest.approx(-0.5, abs=0.08)


def test_a_narrow_window_takes_the_object_away() -> None:
    disc = np.hypot(ROWS - 30, COLUMNS - 40) < 15
    wide, narrow = (subtract_background(planes_of(disc), EVERYWHERE, width)[30, 40, 0] for width in (0.5, 0.03))
    assert wide > 0.7
    assert abs(narrow) < 0.01


def test_a_fall_with_depth_is_subtracted() -> None:
    """Rows fall by 1/60 each; the Gaussian along the depth bends only what is within some rows of the frame."""
    falling = planes_of(1 - ROWS / 60)
    even = subtract_depth(falling)[:, :, 0]
    np.testing.assert_allclose(even[15:-15], 0, atol=1e-3)
    assert np.abs(even).max() < 0.08
    np.testing.assert_allclose(np.ptp(even, axis=1), 0, atol=1e-6)  # rows stay even


def test_a_rise_with_depth_stays() -> None:
    """A level that may only fall is, for rows that rise, their mean."""
    rising = planes_of(ROWS / 60)
    even = subtract_depth(rising)[:, :, 0]
    np.testing.assert_allclose(even[:, 0], ROWS[:, 0] / 60 - 0.5, atol=5e-3)


def test_a_dark_mass_is_no_weaker_light() -> None:
    """It covers a third of the width, less than the percentile leaves; each plane has its own depth."""
    mass = (ROWS > 25) & (ROWS < 45) & (COLUMNS > 30) & (COLUMNS < 58)
    fall = 1 - 0.5 * ROWS / 60
    even = subtract_depth(planes_of(fall - 0.4 * mass, 3 * fall))
    np.testing.assert_allclose(even[27:44, 5, 0], 0, atol=0.02)
    np.testing.assert_allclose(even[27:44, 44, 0], -0.4, atol=0.02)
    np.testing.assert_allclose(even[15:46, 5, 1], 0, atol=0.02)


def test_even_a_mass_as_wide_as_the_picture_keeps_most_of_its_contrast() -> None:
    """The level may only fall, and below the mass it is high again: it cannot follow."""
    mass = (ROWS > 25) & (ROWS < 36)
    even = subtract_depth(planes_of(0.8 - 0.4 * mass))[:, 0, 0]
    assert even[30] - even[10] < -0.3
    assert even[30] - even[55] < -0.3


def test_smoothing_is_a_gaussian_in_shares_of_the_side() -> None:
    noise = np.random.default_rng(2).random((HEIGHT, WIDTH))
    blurred = smooth(planes_of(noise, 1 - noise), 0.03)
    expected = ndimage.gaussian_filter(noise, 0.03 * SIDE, mode="mirror")
    np.testing.assert_allclose(blurred[:, :, 0], expected, atol=2e-3)
    np.testing.assert_allclose(blurred[:, :, 1], 1 - expected, atol=2e-3)


def test_hardly_any_smoothing_is_none() -> None:
    planes = planes_of(COLUMNS)
    assert smooth(planes, 0.0) is planes
    assert smooth(planes, 0.09 / SIDE) is planes
    assert smooth(planes, 0.5 / SIDE) is not planes


def test_inputs_are_left_alone() -> None:
    planes = planes_of(np.random.default_rng(3).random((HEIGHT, WIDTH)))
    before = planes.copy()
    subtract_background(planes, EVERYWHERE, 0.1)
    subtract_depth(planes)
    smooth(planes, 0.03)
    np.testing.assert_array_equal(planes, before)
