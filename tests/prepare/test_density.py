"""Optical density over the skin, on pictures that are drawn as density: skin, light and lesion simply add up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.phantoms import make_phantom
from msformer.prepare.density import skin_density

SHAPE = (193, 193)
EVERYWHERE = np.ones(SHAPE, dtype=bool)
ROWS, COLUMNS = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
LIGHT = {
    "even": np.zeros(SHAPE),
    "linear": (0.8 * ROWS + 0.6 * COLUMNS) / 1.4,
    "quadratic": (ROWS**2 + COLUMNS**2) / 2,
}
"""Forms of the light's density, at most 1."""
MIDDLE, ASIDE = (0.0, 0.0), (-0.5, -0.5)


def picture(density: NDArray[np.floating], noise: float = 0.008) -> NDArray[np.float32]:
    """What a density of ``density`` over skin of density .5 looks like, with about two grey values of noise."""
    grain = noise * np.random.default_rng(0).normal(size=density.shape)
    seen = np.clip(np.exp(-0.5 - density) + grain, 0, 1)
    return np.asarray(seen, dtype=np.float32)[:, :, None]


def disc(share: float, centre: tuple[float, float] = MIDDLE) -> Mask:
    """The ``share`` of the picture that lies nearest to ``centre``."""
    distance = np.hypot(ROWS - centre[0], COLUMNS - centre[1])
    return np.asarray(distance <= np.quantile(distance, share))


def measured(density: NDArray[np.floating], valid: Mask = EVERYWHERE) -> NDArray[np.float32]:
    return skin_density(picture(density), valid)[:, :, 0]


@pytest.mark.parametrize("level", [0, 0.3, 1, 3])
def test_even_skin_has_no_density_however_dark_it_is(level: float) -> None:
    np.testing.assert_allclose(skin_density(picture(np.full(SHAPE, level), noise=0), EVERYWHERE), 0, atol=1e-4)
    noisy = skin_density(picture(np.full(SHAPE, 0.2)), EVERYWHERE)
    assert abs(noisy.mean()) < 0.01


@pytest.mark.parametrize("form", ["linear", "quadratic"])
@pytest.mark.parametrize("strength", [-0.3, -0.1, 0.1, 0.3])
def test_of_uneven_light_less_remains_than_there_was(form: str, strength: float) -> None:
    """The ridges hold the surface back: 40 % of a linear light go at least, and a tenth of a quadratic one."""
    light = strength * LIGHT[form]
    remains = measured(light)
    grain = measured(np.zeros(SHAPE)).std()
    remaining = float(np.sqrt(max(remains.var() - grain**2, 0))) / light.std()
    assert remaining < (0.6 if form == "linear" else 0.92)
    assert abs(remains.mean()) < 0.3 * abs(strength)


@pytest.mark.parametrize("contrast", [0.2, 0.5, 1])
@pytest.mark.parametrize(
    ("centre", "shares"),
    [(MIDDLE, (0.02, 0.1, 0.3, 0.5, 0.6, 0.7)), (ASIDE, (0.02, 0.1, 0.3, 0.5, 0.6, 0.65))],
)
def test_in_even_light_a_lesion_has_its_density_up_to_70_percent_of_the_picture(
    contrast: float, centre: tuple[float, float], shares: tuple[float, ...]
) -> None:
    """65 % off the middle. Skin starts as the lightest 30 %: beyond, what is lightest is partly the lesion itself."""
    for share in shares:
        lesion = disc(share, centre)
        density = measured(contrast * lesion)
        assert density[lesion].mean() == pytest.approx(contrast, rel=0.15)
        assert abs(density[~lesion].mean()) < 0.03


@pytest.mark.parametrize("form", ["linear", "quadratic"])
@pytest.mark.parametrize("strength", [-0.2, 0.2])
@pytest.mark.parametrize("centre", [MIDDLE, ASIDE])
def test_in_uneven_light_a_strong_lesion_has_its_density_up_to_65_percent(
    form: str, strength: float, centre: tuple[float, float]
) -> None:
    """Light from −.2 to .2 in density is half as bright again on one side; at .3 it is 17 % too much."""
    for share in (0.02, 0.1, 0.3, 0.5, 0.65):
        lesion = disc(share, centre)
        assert measured(strength * LIGHT[form] + lesion)[lesion].mean() == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("form", ["linear", "quadratic"])
@pytest.mark.parametrize("strength", [-0.1, 0.1])
def test_in_slightly_uneven_light_so_has_a_lesion_of_half_that_contrast(form: str, strength: float) -> None:
    for share in (0.02, 0.1, 0.3, 0.5, 0.65):
        lesion = disc(share)
        assert measured(strength * LIGHT[form] + 0.5 * lesion)[lesion].mean() == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(("centre", "largest"), [(MIDDLE, 0.3), (ASIDE, 0.1)])
@pytest.mark.parametrize("contrast", [-0.2, -0.3])
def test_a_lesion_brighter_than_the_skin_is_negative_up_to_a_third_of_the_picture(
    centre: tuple[float, float], largest: float, contrast: float
) -> None:
    """A tenth off the middle. Beyond, the lightest 30 % that skin starts from are the lesion."""
    for share in (0.02, 0.05, 0.1, 0.2, 0.3):
        if share <= largest:
            lesion = disc(share, centre)
            density = measured(contrast * lesion)
            assert density[lesion].mean() == pytest.approx(contrast, rel=0.15)
            assert abs(density[~lesion].mean()) < 0.04


def test_what_does_not_count_is_0_and_has_no_say() -> None:
    valid = np.hypot(ROWS, COLUMNS) < 0.9
    lesion = disc(0.2)
    image = picture(1.0 * lesion)
    spoilt = image.copy()
    spoilt[~valid] = 0
    density = skin_density(spoilt, valid)
    np.testing.assert_array_equal(density[~valid], 0)
    np.testing.assert_array_equal(density, skin_density(image, valid))
    assert density[lesion].mean() == pytest.approx(1, rel=0.15)


def test_every_channel_has_its_own_skin_and_pigment() -> None:
    lesion, contrasts = disc(0.25), (0.5, 1.0, 1.2)
    layers = [picture(skin + contrast * lesion) for skin, contrast in zip((0.0, 0.3, 0.6), contrasts, strict=True)]
    density = skin_density(np.concatenate(layers, axis=2), EVERYWHERE)
    np.testing.assert_allclose(density[lesion].mean(axis=0), contrasts, rtol=0.15)
    np.testing.assert_allclose(density[~lesion].mean(axis=0), 0, atol=0.03)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("contrast", [0.5, 1])
def test_a_phantoms_lesion_has_the_contrast_that_it_was_drawn_with(seed: int, contrast: float) -> None:
    """``contrast`` is the mean density over the skin in green, which the phantom draws under a soft edge."""
    phantom = make_phantom(
        "dermoscopy", seed=seed, difficulty=0, shape=SHAPE, contrast=contrast, lesion_share=0.2, vignette=0
    )
    density = skin_density(phantom.image.astype(np.float32) / np.float32(255), EVERYWHERE)
    assert density[phantom.mask][:, 1].mean() == pytest.approx(contrast, rel=0.15)


@pytest.mark.filterwarnings("error")
def test_black_white_and_nothing_that_counts_are_no_trouble() -> None:
    for value in (0.0, 1.0):
        image = np.full((41, 57, 3), value, dtype=np.float32)
        np.testing.assert_allclose(skin_density(image, np.ones((41, 57), dtype=bool)), 0, atol=1e-4)
        np.testing.assert_array_equal(skin_density(image, np.zeros((41, 57), dtype=bool)), 0)
    one = np.zeros((41, 57), dtype=bool)
    one[20, 20] = True
    assert np.isfinite(skin_density(np.random.default_rng(0).random((41, 57, 1), dtype=np.float32), one)).all()
