"""What counts of a picture: inside the aperture of a dermatoscope, inside the body in a CT slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.phantoms import make_phantom
from msformer.prepare.field import air_field, aperture_field, body_field, radius

SHAPE = (192, 256)


def skin(seed: int, **options: Any) -> tuple[NDArray[np.float32], Mask]:
    plain = {"difficulty": 0, "hair_count": 0, "unevenness": 0, "vignette": 0}
    phantom = make_phantom("dermoscopy", seed=seed, shape=SHAPE, **{**plain, **options})
    return phantom.image.astype(np.float32) / np.float32(255), phantom.mask


def slice_of_chest(seed: int, **options: Any) -> tuple[NDArray[np.float32], Mask]:
    phantom = make_phantom("lung_ct", seed=seed, values="8-bit", **options)
    return phantom.image.astype(np.float32)[:, :, None] / np.float32(255), phantom.mask


def where_the_table_is(seed: int, **options: Any) -> Mask:
    with_it, without = (slice_of_chest(seed, table=table, **options)[0] for table in (True, False))
    return np.asarray((with_it - without)[:, :, 0] > 0.05)


def test_radius_is_0_in_the_centre_and_1_in_the_corners() -> None:
    distance = radius(7, 9)
    assert distance[3, 4] == 0
    np.testing.assert_allclose(distance[[0, 0, 6, 6], [0, 8, 0, 8]], 1)
    assert distance[3, 0] == pytest.approx(4 / 5)  # half the sides are 3 and 4, so half the diagonal is 5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("centre", [(0.5, 0.5), (0, 0.5), (0.5, 0), (1, 0.5), (0, 0), (1, 1)])
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_without_a_vignette_everything_counts_wherever_the_lesion_is(
    seed: int, centre: tuple[float, float], share: float
) -> None:
    assert aperture_field(skin(seed, centre=centre, lesion_share=share)[0]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_vignette_that_leaves_the_corners_bright_takes_nothing_away(seed: int) -> None:
    assert aperture_field(skin(seed, vignette=0.3)[0]).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.7, 1])
def test_dark_corners_are_out_and_everything_bright_is_in(seed: int, strength: float) -> None:
    lit, dark = skin(seed, n_lesions=0)[0], skin(seed, n_lesions=0, vignette=strength)[0]
    light = (dark / lit).mean(axis=2)
    field = aperture_field(dark)
    assert not field[light < 0.35].any()
    assert field[light > 0.7].all()
    assert field[radius(*SHAPE) < 0.7].all()
    assert not field[[0, 0, -1, -1], [0, -1, 0, -1]].any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("contrast", [1, 2])
def test_a_dark_lesion_in_the_centre_stays_in_under_the_strongest_vignette(seed: int, contrast: float) -> None:
    image, lesion = skin(seed, vignette=1, contrast=contrast, lesion_share=0.2)
    assert aperture_field(image)[lesion].all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("centre", [(0, 0.5), (1, 0.5)])
@pytest.mark.parametrize("strength", [0.5, 0.7, 1])
def test_a_dark_lesion_at_the_middle_of_a_long_side_stays_in_under_any_vignette(
    seed: int, centre: tuple[float, float], strength: float
) -> None:
    image, lesion = skin(seed, vignette=strength, centre=centre, lesion_share=0.1)
    assert aperture_field(image)[lesion].mean() > 0.97


@pytest.mark.parametrize("contrast", [1, 1.2])
def test_a_lesion_on_a_corner_stays_in_up_to_a_contrast_of_1_2(contrast: float) -> None:
    """In red it has .58 of its density, and .42 of the skin's brightness are a density of .87: 1.5 would be lost."""
    for seed in range(4):
        image, lesion = skin(seed, centre=(0, 0), contrast=contrast, lesion_share=0.2)
        assert aperture_field(image)[lesion].mean() > 0.98


@pytest.mark.parametrize("value", [0, 0.3, 1])
def test_of_one_colour_everything_counts(value: float) -> None:
    image = np.full((41, 57, 3), value, dtype=np.float32)
    assert aperture_field(image).all()
    assert body_field(image).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("difficulty", [0.1, 0.9])
@pytest.mark.parametrize("field_of_view", [False, True])
def test_the_body_is_in_with_its_lungs_and_air_and_table_are_out(
    seed: int, difficulty: float, field_of_view: bool
) -> None:
    """Also where a scanner wrote something darker than air outside of a round field of view."""
    options = {"difficulty": difficulty, "field_of_view": field_of_view}
    image, lungs = slice_of_chest(seed, **options)
    field = body_field(image)
    assert field[lungs].all()
    assert not field[where_the_table_is(seed, **options)].any()
    rows, columns = np.mgrid[-1:1:256j, -1:1:256j]
    # The phantom's body is |right / w|^2.3 + |down / h|^2.3 < 1 with w in .88 to .95 and h in .64 to .74, warped by a
    # shift of up to .02 and noise of deviation .018.
    inner, outer = (np.abs(columns / w) ** 2.3 + np.abs(rows / h) ** 2.3 for w, h in ((0.80, 0.56), (1.03, 0.82)))
    assert field[inner < 1].all()
    assert not field[outer > 1].any()


@pytest.mark.parametrize(("extent", "missing"), [(0.05, 0.08), (0.1, 0.01), (0.5, 0.01), (1, 0.01)])
def test_the_field_does_not_depend_on_the_size_of_the_lungs(extent: float, missing: float) -> None:
    """With hardly any lung, the fat around the flesh may be taken for the air in a round field of view."""
    airless, _ = slice_of_chest(2, lung_extent=extent, lung_hu=0, vessels=0)
    image, lungs = slice_of_chest(2, lung_extent=extent)
    field = body_field(image)
    assert field[lungs].all()
    assert (field != body_field(airless)).mean() < missing


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cut", ["left", "right", "top", "bottom"])
def test_a_body_that_the_frame_cuts_through_the_lungs_keeps_them(seed: int, cut: str) -> None:
    image, lungs = slice_of_chest(seed, difficulty=0.3)
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    windows: dict[str, tuple[slice, slice]] = {
        "left": (slice(None), slice(columns[0] + 25, None)),
        "right": (slice(None), slice(columns[-1] - 25)),
        "top": (slice(rows[0] + 20, None), slice(None)),
        "bottom": (slice(rows[-1] - 20), slice(None)),
    }
    window = windows[cut]
    field = body_field(image[window])
    assert field[lungs[window]].all()
    assert (field != body_field(image)[window]).mean() < 0.005


def test_a_picture_that_is_bright_all_over_counts_all_over() -> None:
    noise = np.random.default_rng(0).normal(0.9, 0.01, (97, 97, 1)).astype(np.float32)
    assert body_field(noise).mean() > 0.95


def test_specks_in_the_dark_are_no_body() -> None:
    image = np.zeros((100, 100, 1), dtype=np.float32)
    image[10:30, 10:30] = 1  # 4 % of the picture: less than a body covers
    assert body_field(image).all()
    image[10:36, 10:36] = 1  # 6.8 %
    assert body_field(image)[10:36, 10:36].mean() > 0.98
    assert body_field(image).mean() == pytest.approx(0.0676, abs=0.002)


def chest(air: float, frame: str = "left") -> NDArray[np.float32]:
    """A body of .8 with a dark lung inside; a band of air, 11 px wide, along one side of the frame."""
    image = np.full((97, 131, 1), 0.8, dtype=np.float32)
    image[30:70, 40:60] = 0.05
    bands: dict[str, Any] = {"left": np.s_[:, :11], "right": np.s_[:, -11:], "top": np.s_[:11], "bottom": np.s_[-11:]}
    image[bands[frame]] = air
    return image


@pytest.mark.parametrize("frame", ["left", "right", "top", "bottom"])
def test_air_along_the_frame_is_out_and_the_lung_is_in(frame: str) -> None:
    """Everything dark that is beside the middle half or further out than .7 of the half diagonal, and 2 px around."""
    field = air_field(chest(0.02, frame))
    dark, far = chest(0.02, frame)[:, :, 0] < 0.1, radius(97, 131) > 0.7
    far |= np.abs(np.arange(131) - 65) > 0.5 * 65
    assert not field[dark & (radius(97, 131) > 0.75)].any()
    assert field[30:70, 40:60].all()
    away = ndimage.distance_transform_edt(~(dark & far))
    assert away[~field].max() <= 3


def test_air_need_not_reach_a_corner_but_an_aperture_does() -> None:
    image = np.full((97, 131, 1), 0.8, dtype=np.float32)
    image[35:60, :9] = 0.02
    assert aperture_field(image).all()
    field = air_field(image)
    assert not field[40:55, :6].any()
    assert field[:, 20:].all()


def test_what_is_dark_and_does_not_reach_the_frame_is_no_air() -> None:
    image = np.full((97, 131, 1), 0.8, dtype=np.float32)
    image[5:12, 5:25] = 0.02
    assert air_field(image).all()
    image[:12, 5:25] = 0.02
    assert not air_field(image).all()


def test_air_between_arm_and_trunk_is_out_beside_the_middle_half_and_above_it_only_far_from_the_centre() -> None:
    """Both strips reach a frame; the columns of the outer quarters are up to 32 and from 98 on."""
    beside = np.full((97, 131, 1), 0.8, dtype=np.float32)
    beside[45:60, :28] = 0.02
    field = air_field(beside)
    assert not field[47:58, :27].any()
    assert field[:, 34:].all()
    above = np.full((97, 131, 1), 0.8, dtype=np.float32)
    above[:30, 50:80] = 0.02
    assert air_field(above).all()


def test_air_is_darker_than_what_lies_outside_of_an_aperture() -> None:
    """.29 is .36 of the body's .8: below .42 and above .30."""
    image = chest(0.29)
    assert not aperture_field(image).all()
    assert air_field(image).all()
    assert not air_field(chest(0.2)).all()


@pytest.mark.parametrize("value", [0, 0.3, 1])
def test_one_colour_has_no_air(value: float) -> None:
    assert air_field(np.full((41, 57, 3), value, dtype=np.float32)).all()


def in_a_disc(rim: float) -> tuple[NDArray[np.float32], Mask, Mask]:
    """Padding of 0 around a disc of a grey value, in which there is an ellipse of 230: image, disc and ellipse."""
    rows, columns = np.mgrid[:199, :211]
    disc = np.hypot(rows - 99, columns - 105) < 95
    inner = np.hypot((rows - 99) / 50, (columns - 105) / 70) < 1
    return np.select([inner, disc], [230.0, rim], 0.0).astype(np.float32)[:, :, None] / np.float32(255), disc, inner


@pytest.mark.parametrize(("rim", "is_air"), [(140, True), (160, True), (190, False), (205, False)])
def test_a_rim_is_air_if_the_step_inwards_is_three_tenths_of_the_one_before(rim: float, is_air: bool) -> None:
    """The ellipse is 39 % of the disc: steps 230 − rim inwards and .39 · 230 + .61 · rim before.

    Of 140, 160, 190 and 205 they are .51, .37, .19 and .12 of it.
    """
    image, disc, inner = in_a_disc(rim)
    expected = inner if is_air else disc
    assert (body_field(image) ^ expected).mean() < 0.001


def test_the_share_of_the_step_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    image, disc, inner = in_a_disc(160)
    monkeypatch.setattr("msformer.prepare.field.AIR_STEP", 0.4)
    assert (body_field(image) ^ disc).mean() < 0.001
    monkeypatch.setattr("msformer.prepare.field.AIR_STEP", 0.35)
    assert (body_field(image) ^ inner).mean() < 0.001
