"""Stain by Beer and Lambert's law, on colours whose densities are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2lab

from msformer.prepare.stain import basophilic_stain, nuclear_stain, stain_density

GROUND = np.array([0.8, 0.9, 0.7])


def slide(*stained: tuple[float, float, float]) -> NDArray[np.float32]:
    """A slide of 5 x 7 whose first pixels let through these shares of the ground's light."""
    light = np.tile(GROUND, (5, 7, 1))
    for column, share in enumerate(stained):
        light[0, column] *= share
    return light.astype(np.float32)


def test_the_grounds_density_is_0_and_half_the_light_is_ln_2() -> None:
    density = stain_density(slide((0.5, 1, 0.25), (1.1, 1, 1)))
    assert density.dtype == np.float32
    np.testing.assert_allclose(density[1:], 0, atol=1e-6)
    np.testing.assert_allclose(density[0, 0], [np.log(2), 0, 2 * np.log(2)], atol=1e-6)
    assert density[0, 1, 0] == pytest.approx(-np.log(1.1), abs=1e-6)


def test_stains_add() -> None:
    one, other = (0.6, 0.3, 0.8), (0.5, 0.9, 0.4)
    both = stain_density(slide((one[0] * other[0], one[1] * other[1], one[2] * other[2])))[0, 0]
    each = stain_density(slide(one, other))[0]
    np.testing.assert_allclose(both, each[0] + each[1], atol=1e-5)


def test_black_is_as_dense_as_one_grey_value() -> None:
    density = stain_density(slide((0, 0, 0)))[0, 0]
    np.testing.assert_allclose(density, np.log(GROUND * 255), atol=1e-5)


def test_the_slides_own_light_does_not_matter() -> None:
    scaled = slide((0.5, 0.6, 0.9))
    np.testing.assert_allclose(
        stain_density(scaled * np.array([0.9, 0.8, 0.7], np.float32)), stain_density(scaled), atol=1e-5
    )


def test_nuclear_stain_is_the_green_to_magenta_axis_of_lab() -> None:
    colours = np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)
    np.testing.assert_allclose(nuclear_stain(colours), rgb2lab(colours)[:, :, 1] / 100, atol=0.01)


def test_purple_is_above_grey_above_green() -> None:
    colours = np.array([[[0.45, 0.2, 0.6], [0.5, 0.5, 0.5], [0.4, 0.6, 0.4]]], dtype=np.float32)
    purple, grey, green = nuclear_stain(colours)[0]
    assert purple > 0.2
    assert grey == pytest.approx(0, abs=0.005)
    assert green < -0.1


def test_blue_stain_is_density_in_red_less_that_in_blue() -> None:
    """Blue stain takes red light away, red cells take green and blue, grey ones all alike."""
    stain = basophilic_stain(stain_density(slide((0.5, 0.7, 1), (1, 0.6, 0.5), (0.4, 0.4, 0.4))))
    assert stain.shape == (5, 7)
    np.testing.assert_allclose(stain[0, :3], [np.log(2), -np.log(2), 0], atol=1e-6)
    np.testing.assert_allclose(stain[1:], 0, atol=1e-6)
