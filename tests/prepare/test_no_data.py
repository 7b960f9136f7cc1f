"""What is no data is found where it was drawn, and data is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.config import Config, PrepareSettings
from msformer.image import Image, Mask, Pixels
from msformer.phantoms import Phantom, add_artefact, artefact_pixels, make_phantom
from msformer.prepare import prepare
from msformer.prepare.no_data import NO_DATA_PARTS, continued, find_no_data, paint_over
from msformer.prepare.no_data.aperture import find_aperture
from msformer.prepare.no_data.borders import find_border
from msformer.prepare.no_data.glare import find_glare
from msformer.prepare.no_data.ruler import is_comb
from msformer.prepare.no_data.sticker import find_stickers
from msformer.prepare.no_data.words import find_words, lines

OPTIONS: dict[str, dict[str, Any]] = {
    "dermoscopy": {"shape": (288, 384), "hair_count": 0, "ruler": False},
    "ultrasound": {"shape": (288, 384)},
    "cells": {"shape": (256, 256)},
    "lung_ct": {"values": "8-bit"},
}
FOUND_AS = {
    "border": ("border",),
    "letterbox": ("border",),
    "aperture": ("aperture", "border"),
    "words": ("words", "aperture"),  # beside a body they are in the air
    "calipers": ("words",),
}
SENSIBLE = [
    *((kind, artefact) for kind in ("dermoscopy", "ultrasound", "cells") for artefact in ("border", "letterbox")),
    *((kind, "aperture") for kind in ("dermoscopy", "ultrasound", "cells")),
    *((kind, artefact) for kind in OPTIONS for artefact in ("words", "calipers")),
    *((kind, "ruler") for kind in ("dermoscopy", "ultrasound", "cells")),
    ("dermoscopy", "sticker"),
    ("dermoscopy", "glare"),
]
"""Black around a chest in air is seen by nobody, as is violet on stained cells; glare and stickers are of the light."""


def made(kind: str, seed: int, **changes: Any) -> Phantom:
    return make_phantom(kind, seed=seed, **{**OPTIONS[kind], **changes})


def unit(pixels: Pixels) -> NDArray[np.float32]:
    planes = pixels if pixels.ndim == 3 else pixels[:, :, None]
    return planes.astype(np.float32) / np.float32(255)


def texture(seed: int = 0, shape: tuple[int, ...] = (200, 260, 1), level: float = 0.5) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(level, 0.1, shape)
    return np.clip(noise, 0.1, 0.9).astype(np.float32)


@pytest.mark.parametrize(("kind", "artefact"), SENSIBLE)
def test_an_artefact_is_found_where_it_was_drawn_and_the_object_is_left(kind: str, artefact: str) -> None:
    for seed in range(4):
        phantom = made(kind, seed)
        spoilt, drawn = add_artefact(phantom, artefact, seed), artefact_pixels(phantom, artefact, seed)
        found = find_no_data(unit(spoilt.image))
        part = np.logical_or.reduce([found.parts[name] for name in FOUND_AS.get(artefact, (artefact,))])
        least = 0.7 if kind == "lung_ct" else 0.8  # one of the four crosses may lie on bone
        assert part[drawn].mean() >= least, seed
        left = spoilt.mask & ~drawn
        most = 0.035 if artefact in ("words", "calipers", "ruler") and kind in ("cells", "lung_ct") else 0.02
        assert (~found.valid)[left].mean() <= most, seed  # the marks' blended rim, on small objects


@pytest.mark.parametrize("kind", ["dermoscopy", "ultrasound", "cells"])
@pytest.mark.parametrize("difficulty", [0.1, 0.5, 0.9])
def test_a_clean_picture_has_none(kind: str, difficulty: float) -> None:
    for seed in range(4):
        assert find_no_data(unit(made(kind, seed, difficulty=difficulty).image)).valid.mean() > 0.995


def test_of_a_chest_at_most_the_air_around_is_taken() -> None:
    for seed in range(4):
        phantom = made("lung_ct", seed)
        assert find_no_data(unit(phantom.image)).field[phantom.mask].all()


def test_hair_is_hardly_ever_a_ruler() -> None:
    """In one of these four pictures a tangle of hair passes for one: .8 % of it, painted over as hair would be."""
    for seed in range(4):
        image = made("dermoscopy", seed, hair_count=25).image
        assert find_no_data(unit(image)).parts["ruler"].mean() < 0.01


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("side", range(4))
def test_padding_of_any_value_on_any_side(side: int, value: float) -> None:
    image = texture()
    np.rot90(image, side)[:30] = value
    expected = np.zeros(image.shape[:2], dtype=bool)
    np.rot90(expected, side)[:31] = True  # with the row that its edge may be blended into
    np.testing.assert_array_equal(find_border(image), expected)


def test_sides_of_different_values() -> None:
    image = texture()
    image[:20], image[:, :30], image[-10:] = 0, 1, 0.5
    border = find_border(image)
    assert border[:20].all()
    assert border[:, :30].all()
    assert border[-10:].all()
    assert not border[21:-11, 31:].any()


def test_a_box_in_a_corner() -> None:
    image = texture()
    image[-70:, :60] = 0
    border = find_border(image)
    assert border[-70:, :60].all()
    assert border.sum() <= 73 * 63


def test_words_in_the_padding_are_padding_too() -> None:
    image = texture()
    image[:40] = 0
    image[10:20, 100:110] = 1
    assert find_border(image)[:40].all()


def test_ground_with_noise_a_gradient_and_a_flat_object_are_no_padding() -> None:
    noisy = texture()
    noisy[:, :80] = np.random.default_rng(1).normal(0.05, 0.02, (200, 80, 1)).clip(0, 1)
    assert not find_border(noisy).any()
    ramp = np.linspace(0.25, 0.75, 200 * 260, dtype=np.float32).reshape(200, 260, 1)
    assert find_no_data(ramp).valid.all()
    two = np.full((200, 260, 1), 0.8, dtype=np.float32)
    two[:, :60] = 0.2
    assert find_no_data(two).valid.all()


def test_what_is_round_at_the_frame_is_no_padding() -> None:
    """A dark cyst that the frame cuts: its ground is as dead as padding."""
    rows, columns = np.mgrid[:200, :260]
    for centre in ((0, 130), (100, 0), (0, 0)):
        image = texture()
        cyst = np.hypot(rows - centre[0], columns - centre[1]) < 60
        image[cyst] = 0
        assert find_no_data(image).valid[cyst].all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_around_a_disc(value: float) -> None:
    rows, columns = np.mgrid[:200, :260]
    distance = np.hypot(rows - 99.5, columns - 129.5)
    image = texture(shape=(200, 260, 3))
    image[distance > 110] = value
    aperture = find_aperture(image)
    assert aperture[distance > 113].all()
    assert not aperture[distance < 107].any()


def test_scattered_cells_have_no_aperture_and_what_is_dark_inside_of_one_stays() -> None:
    rows, columns = np.mgrid[:200, :260]
    cells = np.zeros((200, 260, 1), dtype=np.float32)
    for row in range(20, 200, 40):
        for column in range(20, 260, 40):
            cells[np.hypot(rows - row, columns - column) < 9] = 0.8
    assert find_no_data(cells).field.all()
    image = texture()
    distance = np.hypot(rows - 99.5, columns - 129.5)
    image[distance > 115] = 0
    pupil = np.hypot(rows - 99.5, columns - 129.5) < 40
    image[pupil] = 0
    assert find_no_data(image).valid[pupil].all()


def test_bright_nuclei_and_large_bright_discs_are_no_glare() -> None:
    cells = np.repeat(unit(made("cells", 1, contrast=1.0).image), 3, axis=2)
    assert not find_glare(cells).any()
    rows, columns = np.mgrid[:200, :200]
    fundus = texture(shape=(200, 200, 3), level=0.4) * np.array([1.0, 0.5, 0.2], dtype=np.float32)
    spot, disc = np.hypot(rows - 50, columns - 50) < 4, np.hypot(rows - 120, columns - 120) < 20
    fundus[spot | disc] = 1
    glare = find_glare(fundus)
    assert glare[spot].all()
    assert not glare[disc].any()
    assert not find_glare(np.repeat(fundus[:, :, :1], 3, axis=2)).any()


def test_a_red_wound_a_stained_cell_and_a_lesion_at_the_frame_are_no_stickers() -> None:
    rows, columns = np.mgrid[:200, :260]
    disc = np.hypot(rows - 100, columns) < 50
    skin = np.array([0.85, 0.65, 0.55], dtype=np.float32)
    for colour in ((0.6, 0.2, 0.2), (0.35, 0.2, 0.15), (0.35, 0.15, 0.5), (0.95, 0.8, 0.7)):
        image = np.full((200, 260, 3), skin) + texture(shape=(200, 260, 1), level=0) * 0
        image[disc] = colour
        assert not find_stickers(image.astype(np.float32)).any(), colour
    image = np.full((200, 260, 3), skin)
    image[disc] = (0.1, 0.5, 0.85)
    assert find_stickers(image)[disc].mean() > 0.97


def test_what_is_blue_elsewhere_too_is_no_sticker() -> None:
    rows, columns = np.mgrid[:200, :260]
    image = np.full((200, 260, 3), (0.85, 0.65, 0.55), dtype=np.float32)
    for centre in ((100, 0), (100, 90), (60, 180), (150, 150)):
        image[np.hypot(rows - centre[0], columns - centre[1]) < 30] = (0.1, 0.5, 0.85)
    assert not find_stickers(image).any()


def test_colour_on_a_grey_picture_is_a_mark() -> None:
    image = np.repeat(texture(level=0.3), 3, axis=2)
    image[100, 50:90] = (1, 1, 0)
    words = find_words(image)
    assert words[100, 50:90].all()
    assert words.sum() <= 3 * 42


def test_letters_are_in_a_line() -> None:
    row = np.array([(10 * place, 50, 6, 9) for place in range(5)], dtype=np.int32)
    assert [line.tolist() for line in lines(row, 4)] == [[0, 1, 2, 3, 4]]
    stairs = row + np.array([(0, 7 * place, 0, 0) for place in range(5)], dtype=np.int32)
    assert lines(stairs, 4) == []
    far = row * np.array([4, 1, 1, 1], dtype=np.int32)
    assert lines(far, 4) == []


def test_a_comb_has_even_steps_on_a_line() -> None:
    def marks(places: list[int], bend: float = 0.0) -> NDArray[np.intp]:
        return np.array([(round(bend * place**2) + deep, place) for place in places for deep in range(8)])

    even = list(range(0, 120, 10))
    assert is_comb(marks(even), 50)
    assert not is_comb(marks(even[:4]), 50)
    assert not is_comb(marks([0, 3, 17, 22, 41, 48, 66, 71, 90, 104, 108]), 50)
    assert not is_comb(marks(even, bend=0.004), 50)  # 58 px off at the end
    assert not is_comb(np.array([(place // 3, place) for place in range(120)]), 50)  # the stairs of a line


def test_a_picture_never_is_without_a_field() -> None:
    for image in (np.zeros((60, 60, 1)), np.ones((60, 60, 3)), texture(shape=(60, 60, 4)), texture(shape=(60, 60, 2))):
        found = find_no_data(image.astype(np.float32))
        assert found.valid.mean() > 0.9
        assert set(found.parts) == set(NO_DATA_PARTS)
    everything = np.ones((60, 60), dtype=bool)
    assert find_no_data(texture(shape=(60, 60, 1)), declared=everything).valid.all()


def test_marks_are_painted_and_fields_continued_from_beside() -> None:
    image = np.full((40, 50, 1), 0.5, dtype=np.float32)
    marks: Mask = np.zeros((40, 50), dtype=bool)
    marks[20, 10:30] = True
    image[marks] = 1
    np.testing.assert_allclose(paint_over(image, marks), 0.5, atol=2 / 255)
    field = np.ones((40, 50), dtype=bool)
    field[:, 30:] = False
    image[:, 30:] = 0
    np.testing.assert_array_equal(continued(image, field)[:, 30:], image[:, 29:30].repeat(20, axis=1))


def run(image: Image, **changes: Any) -> Any:
    return prepare(image, PrepareSettings(**{"working_size": 97, "detail_size": 193, **changes}))


def test_the_setting_leaves_padding_out_of_the_field() -> None:
    phantom = made("dermoscopy", 0)
    padded = Image.from_array(np.pad(phantom.image, ((0, 0), (0, 150), (0, 0))))
    found, ignored = run(padded), run(padded, no_data=False)
    assert ignored.working.valid.all()
    assert ignored.detail.valid.all()
    for view in (found.working, found.detail):
        columns = view.valid.all(axis=0)
        share = 384 / (384 + 150)
        assert columns[: int(share * len(columns)) - 2].all()
        assert not columns[int(share * len(columns)) + 1 :].any()
    alone = run(Image.from_array(phantom.image))
    spread = [one.working.appearance[one.working.valid].std() for one in (found, alone, ignored)]
    assert spread[0] == pytest.approx(spread[1], rel=0.05)
    assert spread[2] > 1.5 * spread[1]


def test_the_setting_paints_over_calipers_without_holes_in_the_field() -> None:
    phantom = made("ultrasound", 2)
    spoilt = Image.from_array(add_artefact(phantom, "calipers", 0).image)
    clean, found, ignored = (
        run(image, **changes).detail
        for image, changes in (
            (Image.from_array(phantom.image), {}),
            (spoilt, {}),
            (spoilt, {"no_data": False}),
        )
    )
    assert found.valid.all()
    assert np.abs(found.brightness - clean.brightness).max() < 0.6 * np.abs(ignored.brightness - clean.brightness).max()


def test_declared_padding_counts_neither_in_the_field_nor_in_the_range() -> None:
    phantom = make_phantom("lung_ct", seed=1)
    pixels = phantom.image.astype(np.int16)
    pixels[:, :60] = -2000
    declared = run(Image.from_array(pixels, padding_value=-2000))
    unknown = run(Image.from_array(pixels))
    assert not declared.detail.valid[:, : int(60 / 256 * 193) - 1].any()
    assert declared.detail.valid[:, int(60 / 256 * 193) + 2 :].any()
    assert unknown.intensity_range[0] == pytest.approx(-2000)
    assert declared.intensity_range[0] > -1200
    assert run(Image.from_array(pixels, padding_value=-2000), no_data=False).intensity_range == unknown.intensity_range


def test_only_the_presets_of_the_paper_do_without() -> None:
    for name, wanted in {"general": True, "nuclei": True, "paper-demo": False, "paper-scored": False}.items():
        assert Config.from_preset(name).prepare.no_data is wanted


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 40), (3, 3)])
def test_lines_of_a_few_pixels_have_no_border(shape: tuple[int, int]) -> None:
    """A slice of a volume that a broken header made far longer than wide comes to this on the working grid."""
    picture = np.zeros((*shape, 3), dtype=np.float32)
    picture[shape[0] // 2, shape[1] // 2 :] = 0.8
    assert find_border(picture).shape == shape
