"""Hair removal, on phantoms whose hair can be left out: layers have own generators, so nothing else changes then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.phantoms import make_phantom
from msformer.phantoms.shapes import grid
from msformer.prepare.hair import remove_hair

SIDE = 193
SKIN, LESION, GLOBULE = 0.8, 0.5, 0.25


def skin(seed: int, **options: Any) -> tuple[NDArray[np.float32], Mask]:
    """A lesion on skin in even light, without hair unless asked for; and where the lesion is."""
    plain = {"difficulty": 0.3, "hair_count": 0, "vignette": 0, "unevenness": 0, "noise": 1.5}
    phantom = make_phantom("dermoscopy", seed=seed, shape=(SIDE, SIDE), **{**plain, **options})
    return phantom.image.astype(np.float32) / np.float32(255), phantom.mask


def grey_difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.abs(first - second).mean(axis=2) * 255, dtype=np.float32)


def disc(radius: float, centre: tuple[float, float] = (96, 96)) -> Mask:
    rows, columns = grid((SIDE, SIDE))
    return np.asarray(np.hypot(rows - centre[0], columns - centre[1]) <= radius)


def even_skin() -> NDArray[np.float32]:
    return np.full((SIDE, SIDE, 3), SKIN, dtype=np.float32)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("difficulty", [0, 0.6, 1])
def test_where_there_is_no_hair_nothing_changes(seed: int, difficulty: float) -> None:
    image, _ = skin(seed, difficulty=difficulty, noise=None)
    cleaned, hair = remove_hair(image)
    assert not hair.any()
    np.testing.assert_array_equal(cleaned, image)


@pytest.mark.parametrize("noise", [8, 12, 20])
def test_noise_is_no_hair(noise: float) -> None:
    for seed in range(3):
        assert remove_hair(skin(seed, noise=noise)[0])[1].mean() < 0.01


@pytest.mark.parametrize("radius", [1, 2, 3, 4, 6])
def test_dots_and_globules_in_a_lesion_stay(radius: int) -> None:
    image = even_skin()
    image[disc(60)] = LESION
    step = 4 * radius + 2
    for row in range(44, 150, step):
        for column in range(44, 150, step):
            image[disc(radius, (row, column)) & disc(54)] = GLOBULE
    cleaned, hair = remove_hair(image)
    assert not hair.any()
    np.testing.assert_array_equal(cleaned, image)


def test_the_border_of_a_lesion_stays_whatever_its_form() -> None:
    square = np.zeros((SIDE, SIDE), dtype=bool)
    square[60:130, 60:130] = True
    for outline in (disc(60), disc(12), disc(90, (0, 96)), square):
        image = even_skin()
        image[outline] = GLOBULE
        assert not remove_hair(image)[1].any()


@pytest.mark.parametrize(("width", "found"), [(1, True), (4, True), (8, True), (9, False), (12, False)])
def test_hair_is_thinner_than_the_closing(width: int, found: bool) -> None:
    image = even_skin()
    image[:, 90 : 90 + width] = GLOBULE
    cleaned, hair = remove_hair(image)
    assert hair.any() == found
    assert hair[:, 90 : 90 + width].all() == found
    expected = even_skin() if found else image
    np.testing.assert_allclose(cleaned, expected, atol=4 / 255)  # Telea's filling overshoots by up to 3


@pytest.mark.parametrize(("length", "found"), [(20, False), (30, True)])
def test_hair_is_longer_than_a_mark(length: int, found: bool) -> None:
    image = even_skin()  # .12 of the side are 23 px
    image[60 : 60 + length, 90:92] = GLOBULE
    assert remove_hair(image)[1].any() == found


@pytest.mark.parametrize(("grey_values", "found"), [(12, False), (20, True)])
def test_hair_is_sixteen_grey_values_darker(grey_values: int, found: bool) -> None:
    image = even_skin()
    image[:, 90:92] -= grey_values / 255
    assert remove_hair(image)[1].any() == found


@pytest.mark.parametrize("count", [1, 8, 20, 40, 80])
@pytest.mark.parametrize("seed", range(3))
def test_hair_on_bare_skin_is_found_and_painted_as_skin(count: int, seed: int) -> None:
    """80 hairs cover half of the picture and are one mesh across it."""
    hairless, _ = skin(seed, n_lesions=0)
    hairy, _ = skin(seed, n_lesions=0, hair_count=count)
    drawn = grey_difference(hairless, hairy) > 20
    cleaned, hair = remove_hair(hairy)
    assert hair[drawn].mean() > 0.97
    error = grey_difference(cleaned, hairless)
    assert np.median(error[drawn]) < 3
    assert np.percentile(error[drawn], 95) < 12
    assert (error[~drawn] < 12).mean() > 0.98


@pytest.mark.parametrize("count", [8, 20])
@pytest.mark.parametrize("seed", range(3))
def test_hair_over_a_lesion_is_found_and_the_lesion_stays(count: int, seed: int) -> None:
    hairless, lesion = skin(seed)
    hairy, _ = skin(seed, hair_count=count)
    drawn = grey_difference(hairless, hairy) > 20
    cleaned, hair = remove_hair(hairy)
    assert hair[drawn].mean() > 0.97
    error = grey_difference(cleaned, hairless)
    assert error[lesion].mean() < 4  # the lesion is 67 to 94 grey values darker than the skin
    assert (error[lesion & ~drawn] < 8).mean() > 0.9
    assert error[drawn].mean() < 0.15 * grey_difference(hairy, hairless)[drawn].mean()


def test_what_is_not_hair_is_left_to_the_bit() -> None:
    hairy, _ = skin(3, hair_count=20)
    copy = hairy.copy()
    cleaned, hair = remove_hair(hairy)
    np.testing.assert_array_equal(cleaned[~hair], copy[~hair])
    np.testing.assert_array_equal(hairy, copy)
    assert cleaned.dtype == np.float32
    assert cleaned.min() >= 0
    assert cleaned.max() <= 1


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_one_colour_has_no_hair_in_any_number_of_channels(value: float) -> None:
    for channels in (1, 3, 4):
        image = np.full((41, 57, channels), value, dtype=np.float32)
        cleaned, hair = remove_hair(image)
        assert not hair.any()
        np.testing.assert_array_equal(cleaned, image)
