"""Even light out of light that falls off from the centre, on phantoms whose even picture is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.phantoms import make_phantom
from msformer.prepare.field import radius
from msformer.prepare.vignette import TRUSTED, flatten_vignette

SHAPE = (193, 193)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def even_skin(seed: int, **options: Any) -> tuple[NDArray[np.float32], Mask]:
    plain = {"difficulty": 0, "vignette": 0, "unevenness": 0, "hair_count": 0}
    phantom = make_phantom("dermoscopy", seed=seed, shape=SHAPE, **{**plain, **options})
    return phantom.image.astype(np.float32) / np.float32(255), phantom.mask


def fall_off(share: float) -> NDArray[np.float32]:
    """Light that is weaker by ``share`` in the corners."""
    return np.asarray(1 - share * radius(*SHAPE) ** 2, dtype=np.float32)[:, :, None]


def ratio(after: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(after.mean(axis=2) / before.mean(axis=2), dtype=np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.1, 0.2, 0.4, 0.6])
def test_bare_skin_comes_back_even(seed: int, share: float) -> None:
    even, _ = even_skin(seed, n_lesions=0)
    flat, valid = flatten_vignette(even * fall_off(share), EVERYWHERE)
    assert np.abs(ratio(flat, even)[valid] - 1).max() < 0.06


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lesion_share", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("share", [0.2, 0.4])
def test_a_dark_lesion_in_the_centre_does_not_hide_the_fall_off(seed: int, lesion_share: float, share: float) -> None:
    """The light over the lesion itself is not known, so skin comes back up to the light at the lesion's rim."""
    even, lesion = even_skin(seed, lesion_share=lesion_share, irregularity=0, centre=(0.5, 0.5))
    light = fall_off(share)
    flat, valid = flatten_vignette(even * light, EVERYWHERE)
    skin = ratio(flat, even)[valid & ~lesion]
    assert skin.max() / skin.min() < 1.08
    assert skin.mean() == pytest.approx(1, abs=0.06 + share * lesion_share)
    uncorrected = light[:, :, 0][~lesion]
    assert skin.max() / skin.min() < uncorrected.max() / uncorrected.min() - 0.5 * share


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lesion_share", [0.05, 0.2, 0.6, 0.9])
@pytest.mark.parametrize("centre", [(0.5, 0.5), (0, 0.5), (1, 1)])
def test_even_light_is_left_even_and_no_lesion_brightens_the_border(
    seed: int, lesion_share: float, centre: tuple[float, float]
) -> None:
    even, _ = even_skin(seed, lesion_share=lesion_share, centre=centre)
    flat, valid = flatten_vignette(even, EVERYWHERE)
    assert valid.all()
    change = ratio(flat, even)
    assert change.min() > 0.999  # dividing by at most 1 darkens nothing
    assert change.max() < 1.06


def test_a_lesion_at_the_frame_is_not_taken_for_a_fall_off() -> None:
    even, lesion = even_skin(4, centre=(0, 0.5), lesion_share=0.3)
    change = ratio(flatten_vignette(even, EVERYWHERE)[0], even)
    assert change[lesion].mean() == pytest.approx(change[~lesion].mean(), abs=0.03)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_what_has_too_little_light_does_not_count(share: float) -> None:
    white = np.full((*SHAPE, 3), 0.9, dtype=np.float32)
    light = fall_off(share)
    _, valid = flatten_vignette(white * light, EVERYWHERE)
    known = np.abs(light[:, :, 0] - TRUSTED) > 0.03  # rings are 1/40 of the radius wide, and the envelope is smoothed
    np.testing.assert_array_equal(valid[known], (light[:, :, 0] > TRUSTED)[known])


def test_what_does_not_count_has_no_say_and_does_not_count_afterwards() -> None:
    even, _ = even_skin(1, n_lesions=0)
    dim = even * fall_off(0.2)
    corners = radius(*SHAPE) > 0.75
    spoilt = dim.copy()
    spoilt[corners] = 1
    flat, valid = flatten_vignette(dim, ~corners)
    other, also_valid = flatten_vignette(spoilt, ~corners)
    np.testing.assert_array_equal(flat[~corners], other[~corners])
    np.testing.assert_array_equal(valid, also_valid)
    assert not valid[corners].any()


def test_colours_of_the_skin_stay_and_values_stay_in_the_unit_range() -> None:
    even, _ = even_skin(2, noise=0)
    dim = even * fall_off(0.3)
    flat, _ = flatten_vignette(dim, EVERYWHERE)
    assert flat.min() >= 0
    assert flat.max() <= 1
    unclipped = flat.max(axis=2) < 1
    shares = [image[unclipped] / image[unclipped].sum(axis=1, keepdims=True) for image in (dim, flat)]
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-5)


@pytest.mark.parametrize("value", [0, 0.4, 1])
@pytest.mark.filterwarnings("error")
def test_one_colour_stays_as_it_is(value: float) -> None:
    image = np.full((41, 57, 1), value, dtype=np.float32)
    flat, _ = flatten_vignette(image, np.ones((41, 57), dtype=bool))
    np.testing.assert_allclose(flat, image, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_where_nothing_counts_nothing_changes() -> None:
    image, nothing = even_skin(0)[0], np.zeros(SHAPE, dtype=bool)
    flat, valid = flatten_vignette(image, nothing)
    np.testing.assert_array_equal(flat, image)
    assert not valid.any()
