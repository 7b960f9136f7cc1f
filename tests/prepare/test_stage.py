from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msformer.config import MIN_SIDE, PrepareSettings
from msformer.image import Image
from msformer.prepare import Prepared, intensity_range, prepare, shared_basis, to_unit_range, working_shape


def run(pixels: Any, **changes: Any) -> Prepared:
    return prepare(Image.from_array(pixels), PrepareSettings(**{"working_size": 41, **changes}))


@given(st.integers(33, 30_000), st.integers(33, 30_000), st.integers(33, 400))
def test_working_grid_is_bounded_and_keeps_the_proportions(height: int, width: int, size: int) -> None:
    rows, columns = working_shape((height, width), PrepareSettings(working_size=size))
    assert min(rows, columns) >= MIN_SIDE
    assert rows * columns <= 1.1 * size * size + 2 * MIN_SIDE * MIN_SIDE
    if min(rows, columns) > MIN_SIDE:
        assert rows / columns == pytest.approx(height / width, rel=0.5 / rows + 0.5 / columns + 1e-3)


def test_squashing_gives_the_square() -> None:
    assert working_shape((500, 70), PrepareSettings(working_size=257, keep_aspect=False)) == (257, 257)


def test_8_bit_is_divided_by_255_so_that_dark_stays_dark() -> None:
    pixels = np.full((41, 41), 51, dtype=np.uint8)
    prepared = run(pixels, colour="rgb", padding=0)
    assert prepared.intensity_range == (0.0, 255.0)
    np.testing.assert_allclose(prepared.network_input, 0.2, atol=1e-6)


def test_floats_in_the_unit_range_stay_as_they_are() -> None:
    pixels = np.linspace(0.25, 0.75, 41 * 41).reshape(41, 41)
    np.testing.assert_allclose(run(pixels, colour="rgb", padding=0).network_input[0], pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [(np.uint16, 100, 4000), (np.int16, -1000, 3000), (np.float64, -5, 300)]
)
def test_other_types_are_stretched_over_the_range_in_use(dtype: Any, low: float, high: float) -> None:
    pixels = np.linspace(low, high, 41 * 41).reshape(41, 41).astype(dtype)
    first, last = intensity_range(pixels, pixels.astype(np.float32))
    width = high - low
    assert first == pytest.approx(low + 0.005 * width, abs=0.002 * width + 1)
    assert last == pytest.approx(high - 0.005 * width, abs=0.002 * width + 1)


def test_one_hot_pixel_does_not_darken_a_16_bit_image() -> None:
    pixels = np.linspace(1000, 2000, 41 * 41).reshape(41, 41).astype(np.uint16)
    pixels[0, 0] = 65535
    assert intensity_range(pixels, pixels.astype(np.float32))[1] < 2001


def test_hardly_any_difference_is_still_a_range() -> None:
    pixels = np.full((41, 41), 1000, dtype=np.uint16)
    pixels[3, 3] = 1500
    assert intensity_range(pixels, pixels.astype(np.float32)) == (1000.0, 1500.0)
    np.testing.assert_array_equal(to_unit_range(np.full((2, 2), 7), (7.0, 7.0)), np.zeros((2, 2)))


def test_bgr_reverses_colour_and_repeats_grey() -> None:
    colour = np.zeros((41, 41, 3), dtype=np.uint8)
    colour[..., 0] = 255
    assert run(colour, colour="bgr").network_input[:, 20, 20].tolist() == [0.0, 0.0, 1.0]
    assert run(colour, colour="rgb").network_input[:, 20, 20].tolist() == [1.0, 0.0, 0.0]
    grey = np.full((41, 41), 255, dtype=np.uint8)
    assert run(grey, colour="bgr").network_input[:, 20, 20].tolist() == [1.0, 1.0, 1.0]
    assert run(grey, colour="rgb").network_input[:, 20, 20].tolist() == [1.0]


def test_whitened_channels_are_uncorrelated_of_equal_variance_in_the_unit_range() -> None:
    rng = np.random.default_rng(1)
    mixed = rng.normal(size=(41, 41, 4)) @ (np.eye(4) + rng.uniform(0, 0.4, (4, 4)))
    channels = run(mixed, padding=0).network_input
    assert channels.min() >= 0
    assert channels.max() <= 1
    covariance = np.cov(channels.reshape(4, -1))
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(4), atol=0.02)


def test_whitening_does_not_blow_up_the_colour_noise_of_a_grey_photograph() -> None:
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 250, (41, 41, 1)).repeat(3, axis=2)
    noisy = np.clip(grey + rng.integers(-1, 2, grey.shape), 0, 255).astype(np.uint8)
    spread = run(noisy, padding=0).network_input.reshape(-1, 41 * 41).std(axis=1)
    assert (spread[1:] < 0.3 * spread[0]).all()


def test_identical_channels_are_one_channel() -> None:
    grey = np.random.default_rng(3).integers(0, 255, (41, 41, 1), dtype=np.uint8).repeat(3, axis=2)
    assert run(grey).network_input.shape[0] == 1


def test_brightness_is_high_where_it_is_light_and_appearance_points_the_same_way() -> None:
    pixels = np.full((41, 41, 3), 230, dtype=np.uint8)
    pixels[:, :13] = (90, 40, 20)
    prepared = run(pixels)
    assert prepared.brightness[:, :13].max() < prepared.brightness[:, 13:].min()
    assert prepared.appearance[:, :13].max() < prepared.appearance[:, 13:].min()


def test_padding_reflects_and_is_cut_off_by_its_width() -> None:
    pixels = np.random.default_rng(4).integers(0, 255, (41, 41), dtype=np.uint8)
    bare, padded = run(pixels, padding=0).network_input, run(pixels, padding=3).network_input
    np.testing.assert_array_equal(padded[:, 3:-3, 3:-3], bare)
    np.testing.assert_array_equal(padded[:, 2, 3:-3], bare[:, 1])
    assert run(pixels, padding=3).shape == (41, 41)


def test_area_means_and_bilinear_samples_differ_where_it_matters() -> None:
    stripes = np.zeros((123, 123), dtype=np.uint8)
    stripes[::3] = 255
    area = run(stripes, interpolation="area", colour="rgb", padding=0).network_input
    bilinear = run(stripes, interpolation="bilinear", colour="rgb", padding=0).network_input
    assert area.std() < 0.01
    assert abs(bilinear.mean() - area.mean()) > 0.2


@pytest.mark.parametrize(("value", "blank"), [(100, True), (101, True), (104, False)])
def test_blank_is_a_contrast_below_two_grey_values(value: int, blank: bool) -> None:
    pixels = np.full((41, 41), 100, dtype=np.uint8)
    pixels[10:20, 10:20] = value
    assert run(pixels).is_blank == blank


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["bool", "uint8", "int8", "uint16", "int16", "int32", "uint64", "float16", "float32", "float64"]),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["whitened", "rgb", "bgr"]),
)
def test_any_type_gives_finite_input_in_the_unit_range(dtype: str, channels: int, seed: int, colour: str) -> None:
    rng = np.random.default_rng(seed)
    pixels = (rng.normal(size=(37, 53, channels)) * 10 ** float(rng.integers(-3, 4))).astype(dtype)
    copy = pixels.copy()
    prepared = run(pixels, colour=colour)
    assert prepared.network_input.dtype == np.float32
    assert np.isfinite(prepared.network_input).all()
    assert prepared.network_input.min() >= 0
    assert prepared.network_input.max() <= 1
    np.testing.assert_array_equal(pixels, copy)


def test_images_that_share_a_basis_have_the_same_channels_and_a_value_is_the_same_in_all() -> None:
    """Two of three images lack the red that the last one has, so that there are two directions: light, and red."""
    rng = np.random.default_rng(4)
    grey = rng.integers(0, 255, (41, 41, 1), dtype=np.uint8).repeat(3, axis=2)
    red = grey.copy()
    red[10:20, 10:30] = (250, 30, 20)
    chosen = PrepareSettings(working_size=41, padding=0, detail_size=None, no_data=False)
    images = [Image.from_array(one) for one in (grey, grey[::-1], red)]
    basis = shared_basis(images, chosen, 3)
    assert basis is not None
    first, _, last = (prepare(image, chosen, basis=basis).network_input for image in images)
    assert first.shape == last.shape == (2, 41, 41)
    elsewhere = np.ones((41, 41), dtype=bool)
    elsewhere[4:26, 4:36] = False  # the red and what smoothing makes of it
    np.testing.assert_allclose(first[:, elsewhere], last[:, elsewhere], atol=1e-6)
    assert prepare(images[0], chosen).network_input.shape[0] == 1  # alone it has one direction


def test_grey_images_share_no_basis() -> None:
    images = [Image.from_array(np.random.default_rng(5).integers(0, 255, (41, 41), dtype=np.uint8))] * 2
    assert shared_basis(images, PrepareSettings(), 2) is None
