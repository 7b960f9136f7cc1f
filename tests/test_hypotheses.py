"""Presets compete: which ones are plausible, who wins, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.answer import Answer
from msformer.batch.agree import winner
from msformer.confidence import Trust, many_log_odds
from msformer.config import Config, preset_names
from msformer.focus import find_focus
from msformer.foreground import Foreground
from msformer.hypotheses import (
    COLOUR,
    GREY,
    KIND_AMONG_MANY,
    OF_MODALITY,
    Hypothesis,
    Trial,
    compare,
    plausible_presets,
    trial_settings,
    verdict,
    with_many,
)
from msformer.image import Image
from msformer.phantoms import make_phantom
from msformer.pipeline import segment
from msformer.prepare import prepare


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


@pytest.mark.parametrize(
    ("modality", "part", "expected"),
    [
        ("CT", "HEAD", ("general",)),
        ("CT", "CHEST_TO_PELVIS", ("lung-ct", "general")),
        ("CT", "something", ("lung-ct", "general")),
        ("DX", "Knee", ("general",)),
        ("DX", "CHEST", ("chest-xray", "general")),
        (None, "HAND", ("ultrasound", "nuclei", "general")),
    ],
)
def test_the_body_part_of_a_header_rules_out_presets_of_the_chest(
    modality: str | None, part: str, expected: tuple[str, ...]
) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (61, 67), dtype=np.uint8)
    assert plausible_presets(Image.from_array(grey, modality=modality, body_part=part)) == expected


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


def stood(preset: str, probability: float, kind: float, crowd: float = 0.0) -> Hypothesis:
    """A hypothesis whose answer has these cues; what was prepared and found does not matter."""
    settings = trial_settings(Config.from_preset(preset))
    prepared = prepare(Image.from_array(np.zeros((61, 67), dtype=np.uint8)), settings.prepare)
    cues = {"several": crowd, "solidity": 1.0, "separate": 1.0} if preset == "nuclei" else {}
    mask = np.zeros(prepared.shape, dtype=bool)
    trial = Trial(settings, prepared, Answer(Foreground(mask, (), 0.5, cues), mask))
    return Hypothesis(preset, Trust(probability, "", 0.0, kind), 0.0, trial)


def test_a_crowd_speaks_for_many_objects_and_none_says_nothing() -> None:
    general = stood("general", 0.5, -1.0)
    for crowd, extra in ((0.0, 0.0), (0.5, 0.0), (0.9, many_log_odds(0.9))):
        first, second = with_many([general, stood("nuclei", 0.3, -1.0, crowd)])
        assert first.extra == 0
        assert second.extra == pytest.approx(extra)
    assert many_log_odds(0.9) > 1 > many_log_odds(0.65) > 0 > many_log_odds(0.5)


def test_presets_for_many_objects_share_out_their_standings_by_the_kind_of_the_picture() -> None:
    # Trust alone puts the first ahead by 0.85 log-odds, the kind the second by 0.5 and KIND_AMONG_MANY times 1.5.
    stained, nuclei = stood("stained-tissue", 0.5, -2.0), stood("nuclei", 0.3, -0.5)
    assert stained.standing > nuclei.standing
    assert KIND_AMONG_MANY * 1.5 > 0.85
    after, before = with_many([stained, nuclei]), (stained.standing, nuclei.standing)
    assert [one.standing for one in after] == pytest.approx(before[::-1])
    assert with_many([stained])[0].standing == pytest.approx(before[0])  # alone it keeps its own


@pytest.mark.parametrize(("preset", "detail_size", "same"), [("general", 193, True), ("chest-xray", 257, False)])
def test_a_trial_is_taken_over_where_nothing_differs(preset: str, detail_size: int, same: bool) -> None:
    settings = Config.from_preset(preset)
    assert settings.prepare.detail_size == detail_size
    hypothesis = stood(preset, 0.5, 0.0)
    assert hypothesis.trial is not None
    assert hypothesis.trial.answers(settings, (400, 400)) is same
    assert hypothesis.trial.answers(settings, (150, 150))  # no grid is finer than the picture
    other = settings.replace(refine={"boundary_rounds": settings.refine.boundary_rounds + 1})
    assert not hypothesis.trial.answers(other, (150, 150))
    assert hypothesis.trial.is_prepared_for(other, (150, 150))
    assert not hypothesis.trial.is_prepared_for(settings.replace(prepare={"smoothing": 0.05}), (150, 150))


@pytest.mark.parametrize("kind", ["dermoscopy", "lung_ct"])
def test_what_the_trial_found_is_what_its_preset_finds_alone(kind: str) -> None:
    image = image_of(kind)
    auto = segment(image, Config.from_preset("auto"))
    alone = segment(image, Config.from_preset(auto.config.preset))
    assert np.array_equal(auto.mask, alone.mask)
    assert auto.confidence == alone.confidence
