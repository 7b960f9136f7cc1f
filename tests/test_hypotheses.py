"""Presets compete: which ones are plausible, who wins, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.batch.agree import winner
from msformer.confidence import Trust
from msformer.config import Config, preset_names
from msformer.focus import find_focus
from msformer.hypotheses import COLOUR, GREY, OF_MODALITY, Hypothesis, compare, plausible_presets, verdict
from msformer.image import Image
from msformer.phantoms import make_phantom


def image_of(kind: str, modality: str | None = None) -> Image:
    return Image.from_array(make_phantom(kind, seed=3, difficulty=0.2).image, modality=modality)


def asked(image: Image, **changes: object) -> list[Hypothesis]:
    settings = Config.from_preset("auto").replace(**changes)
    return compare(image, find_focus(image.shape, settings.hints), settings)


def test_the_channels_say_which_presets_are_plausible() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (61, 67), dtype=np.uint8)
    assert plausible_presets(Image.from_array(grey)) == GREY
    assert plausible_presets(Image.from_array(np.dstack([grey] * 3))) == GREY  # grey, stored as RGB
    assert plausible_presets(Image.from_array(np.dstack([grey, grey[::-1], grey[:, ::-1]]))) == COLOUR
    assert plausible_presets(Image.from_array(np.dstack([grey] * 5))) == GREY


def test_a_little_colour_of_calipers_does_not_make_a_picture_coloured() -> None:
    pixels = np.dstack([np.random.default_rng(0).integers(0, 255, (61, 67), dtype=np.uint8)] * 3)
    pixels[10:13, 20:40] = (255, 255, 0)  # 1.5 % of the pixels
    assert plausible_presets(Image.from_array(pixels)) == GREY


@pytest.mark.parametrize(("modality", "never"), [("MR", "lung-ct"), ("CT", "ultrasound"), ("US", "lung-ct")])
def test_a_header_rules_presets_out(modality: str, never: str) -> None:
    image = image_of("lung_ct", modality)
    assert never in GREY
    assert never not in plausible_presets(image)
    assert never not in [one.preset for one in asked(image)]


def test_every_preset_that_competes_exists_and_general_always_does() -> None:
    for names in (GREY, COLOUR, *OF_MODALITY.values()):
        assert set(names) <= set(preset_names())
        assert "general" in names


@pytest.mark.parametrize(("kind", "preset"), [("lung_ct", "lung-ct"), ("cells", "nuclei")])
def test_the_preset_of_the_kind_wins_on_phantoms(kind: str, preset: str) -> None:
    found = asked(image_of(kind))
    assert found[0].preset == preset
    assert [one.standing for one in found] == sorted((one.standing for one in found), reverse=True)


def test_the_preset_of_a_folder_is_taken_where_it_is_trusted_and_others_are_asked_where_not() -> None:
    image = image_of("lung_ct")
    plain = asked(image)
    for one in plain:
        ahead = asked(image, auto={"expected": one.preset})
        if one.trust.probability >= 0.5:
            assert ahead == [one]
        else:
            assert sorted(other.preset for other in ahead) == sorted(other.preset for other in plain)
            gap = plain[0].standing - one.standing
            assert ahead[0].preset == (one.preset if gap < 1 else plain[0].preset)


def test_a_blank_picture_has_no_hypothesis() -> None:
    assert asked(Image.from_array(np.full((61, 67), 9, dtype=np.uint8))) == []


def test_the_verdict_names_the_runner_up() -> None:
    first, second = (Hypothesis(name, Trust(share, "", 0.0)) for name, share in (("nuclei", 0.8), ("general", 0.3)))
    assert verdict([first, second]) == "nuclei fits best (0.80), then general (0.30)"
    assert verdict([first]) == "nuclei alone was asked: no other fits the header, or the folder agrees on it"
    assert verdict([]) == ""


def test_a_folder_agrees_on_what_wins_most_images() -> None:
    sure, doubtful = {"nuclei": 2.0, "general": -1.0}, {"nuclei": -1.0, "general": 0.5}
    assert winner([sure, sure, doubtful]) == "nuclei"
    assert winner([doubtful, sure, doubtful]) == "general"
    assert winner([sure, doubtful]) is None  # one each: nobody has most of them
    assert winner([sure]) is None
    assert winner([]) is None
