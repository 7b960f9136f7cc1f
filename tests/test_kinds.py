"""What a picture looks like as a whole, and which kind it may be of."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from msformer.image import Image
from msformer.kinds import NAMES, describe_picture, has_colour, kind_probabilities

SHAPE = (53, 71)


def seen(pixels: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, describe_picture(Image.from_array(pixels)).tolist(), strict=True))


def halves() -> np.ndarray:
    pixels = np.zeros(SHAPE, dtype=np.uint8)
    pixels[:, 36:] = 200
    return pixels


def test_black_and_white_halves() -> None:
    numbers = seen(halves())
    assert numbers["grey 25 %"] == pytest.approx(0)
    assert numbers["grey 75 %"] == pytest.approx(1)  # stretched: 200 is the white of this picture
    assert numbers["black"] == pytest.approx(36 / 71, abs=0.03)
    assert numbers["white"] == pytest.approx(35 / 71, abs=0.03)
    assert numbers["mirrored left"] < -0.9
    assert numbers["mirrored down"] > 0.9
    assert numbers["direction"] > 3  # changes to the right only
    assert numbers["top"] == pytest.approx(0, abs=1e-6)
    assert (numbers["red"], numbers["yellow spread"]) == (0, 0)


def test_frame_and_corners() -> None:
    pixels = np.full(SHAPE, 200, dtype=np.uint8)
    pixels[7:-7, 7:-7] = 100
    numbers = seen(pixels)
    assert numbers["frame"] > 0.9
    assert numbers["corners"] == pytest.approx(1, abs=0.01)


def test_colour_is_that_of_lab() -> None:
    pixels = np.zeros((*SHAPE, 3), dtype=np.uint8)
    pixels[..., 0] = np.linspace(100, 250, 71).astype(np.uint8)
    numbers = seen(pixels)
    assert numbers["red"] > 0.3
    assert numbers["yellow"] > 0.2
    assert numbers["red spread"] > 0.05


@pytest.mark.parametrize("change", [lambda p: p // 2 + 20, lambda p: p.astype(np.uint16) * 200])
def test_exposure_and_type_do_not_matter(change: object) -> None:
    pixels = np.random.default_rng(3).integers(0, 200, SHAPE, dtype=np.uint8)
    first, second = seen(pixels), seen(change(pixels))  # type: ignore[operator]
    for name in NAMES:
        assert first[name] == pytest.approx(second[name], abs=0.03), name


def model(far: float = 0.0) -> dict[str, object]:
    one = np.eye(22).tolist()
    part = {
        "mean": [0.0] * 22,
        "scale": [1.0] * 22,
        "kinds": {"nuclei": [1.0] + [0.0] * 21, "ultrasound": [-1.0] + [0.0] * 21, "general": [far] + [0.0] * 21},
        "pooled": one,
        "general": (4 * np.eye(22)).tolist(),
    }
    return {"grey": part, "colour": part}


def test_the_nearest_kind_is_the_likeliest_by_the_ratio_of_densities() -> None:
    numbers = np.zeros(22)
    numbers[0] = 0.5
    chances = kind_probabilities(numbers, in_colour=False, model=model())
    assert sum(chances.values()) == pytest.approx(1)
    # exp(-(0.25 - 2.25) / 2 / 3): squared distances .25 and 2.25, tempered by 3
    assert chances["nuclei"] / chances["ultrasound"] == pytest.approx(np.exp(1 / 3))
    # the wide one: its volume costs 22 ln 4 / 2, its distance .25 / 4
    assert chances["nuclei"] / chances["general"] == pytest.approx(np.exp((-0.125 + 0.03125 + 11 * np.log(4)) / 3))


def test_what_is_far_from_all_kinds_is_of_none() -> None:
    chances = kind_probabilities(np.full(22, 3.5), in_colour=True, model=model())
    assert chances["general"] > 0.99


def test_grey_stored_as_rgb_has_no_colour_and_a_tinted_picture_has() -> None:
    grey = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    assert not has_colour(Image.from_array(grey))
    assert not has_colour(Image.from_array(np.dstack([grey] * 3)))
    assert has_colour(Image.from_array(np.dstack([grey, grey // 2, grey // 3])))


def test_colour_of_a_strip_is_seen_without_a_copy_of_it() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (40, 200_000), dtype=np.uint8)
    tinted = Image(np.dstack([grey, grey // 2, grey // 3]))
    assert not has_colour(Image(np.dstack([grey] * 3)))
    tracemalloc.start()
    try:
        assert has_colour(tinted)
        assert tracemalloc.get_traced_memory()[1] < tinted.pixels.nbytes  # in single precision it would be four times
    finally:
        tracemalloc.stop()


def test_what_ships_knows_every_preset_of_a_kind() -> None:
    numbers = describe_picture(Image.from_array(halves()))
    for in_colour, expected in (
        (False, {"chest-xray", "general", "lung-ct", "nuclei", "ultrasound"}),
        (True, {"dermoscopy", "general", "nuclei", "stained-tissue"}),
    ):
        chances = kind_probabilities(numbers, in_colour=in_colour)
        assert expected <= set(chances)
        assert sum(chances.values()) == pytest.approx(1)
