"""What the network looks at: three planes and validity, whatever the picture."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.network.prompted import IN_CHANNELS, SIDE_MULTIPLE
from msformer.prompting.view import FARTHEST, LONGEST, as_input, resized, three_planes, view_shape


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_what_is_valid_has_mean_0_and_deviation_1_and_the_rest_is_0(channels: int) -> None:
    rng = np.random.default_rng(channels)
    scale = 10.0 ** np.arange(channels)
    pixels = (rng.uniform(0, 1, (64, 96, channels)) * scale + 300).astype(np.float32)
    valid = np.ones((64, 96), dtype=bool)
    valid[:, :20] = False
    pixels[~valid] = 1e4
    view = as_input(pixels, valid, (64, 96))
    assert view.shape == (IN_CHANNELS, 64, 96)
    assert view.dtype == np.float32
    np.testing.assert_array_equal(view[3], valid)
    assert not view[:3, ~valid].any()
    seen = view[:3, valid]
    np.testing.assert_allclose(seen.mean(axis=1), 0, atol=1e-3)
    assert np.sqrt(seen.var(axis=1).mean()) == pytest.approx(1, abs=1e-3)


def test_a_grey_picture_without_a_channel_axis_is_one_of_one_channel() -> None:
    pixels = np.random.default_rng(0).uniform(0, 9, (40, 50)).astype(np.float32)
    valid = np.ones((40, 50), dtype=bool)
    flat, deep = as_input(pixels, valid, (32, 48)), as_input(pixels[..., None], valid, (32, 48))
    np.testing.assert_array_equal(flat, deep)
    np.testing.assert_array_equal(flat[0], flat[2])


def test_what_is_not_valid_does_not_leak_into_what_is() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.uniform(0, 1, (90, 90, 3)).astype(np.float32)
    valid = np.ones((90, 90), dtype=bool)
    valid[30:50, 20:77] = False
    other = pixels.copy()
    other[~valid] = 1e6
    np.testing.assert_array_equal(as_input(pixels, valid, (32, 32)), as_input(other, valid, (32, 32)))


def test_an_even_picture_and_one_without_data_are_finite() -> None:
    pixels = np.full((50, 50, 3), 7.0, dtype=np.float32)
    even = as_input(pixels, np.ones((50, 50), dtype=bool), (50, 50))
    assert not even[:3].any()
    assert even[3].all()
    assert np.isfinite(as_input(pixels, np.ones((50, 50), dtype=bool), (48, 48))).all()
    assert not as_input(pixels, np.zeros((50, 50), dtype=bool), (48, 48)).any()


def test_one_spot_counts_no_more_than_the_farthest() -> None:
    pixels = np.zeros((64, 64), dtype=np.float32)
    pixels[:8, :8] = np.arange(64).reshape(8, 8) / 64
    pixels[40, 40] = 1000
    view = as_input(pixels, np.ones((64, 64), dtype=bool), (64, 64))
    assert view[0, 40, 40] == FARTHEST
    assert view[:3].max() == FARTHEST


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((33, 33), (128, 128)),
        ((128, 128), (128, 128)),
        ((4000, 4000), (128, 128)),
        ((4000, 300), (384, 32)),  # 467 and 35 px; no side over 384, multiples of 16
        ((300, 4000), (32, 384)),
        ((480, 640), (112, 144)),  # 110.9 and 147.8
        ((4000, 33), (384, 16)),
        ((1, 5), (64, 288)),  # 57.2 and 286.2
    ],
)
def test_the_view_has_the_picture_s_proportions(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert view_shape(shape) == expected
    assert all(side % SIDE_MULTIPLE == 0 and 0 < side <= LONGEST for side in expected)


def test_shrinking_takes_means_and_growing_keeps_the_range() -> None:
    plane = np.array([[0, 2], [4, 6]], dtype=np.float32)
    np.testing.assert_array_equal(resized(plane, (1, 1)), [[3]])
    assert resized(plane, (2, 2)) is plane
    large = resized(plane, (8, 6))
    assert large.shape == (8, 6)
    assert (large.min(), large.max()) == (0, 6)


def test_two_channels_are_followed_by_their_mean() -> None:
    pixels = np.array([[[1, 3], [10, 20]]], dtype=np.float32)
    np.testing.assert_array_equal(three_planes(pixels, np.ones((1, 2), dtype=bool)), [[[1, 3, 2], [10, 20, 15]]])


def test_of_five_channels_the_three_that_vary_most_are_kept() -> None:
    rng = np.random.default_rng(0)
    planes = rng.standard_normal((5, 4000))
    planes -= planes.mean(axis=1, keepdims=True)
    planes = np.linalg.qr(planes.T)[0].T * np.sqrt(4000)  # without correlation, deviation 1
    deviations = np.array([0.1, 5.0, 0.2, 3.0, 9.0])
    pixels = (planes * deviations[:, None]).T.reshape(40, 100, 5).astype(np.float32)
    kept = three_planes(pixels, np.ones((40, 100), dtype=bool))
    for index, channel in enumerate((4, 1, 3)):
        np.testing.assert_allclose(np.abs(kept[..., index]), np.abs(pixels[..., channel]), atol=0.01)
