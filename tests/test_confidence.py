"""How far an answer can be trusted: its pieces on hand-made masks, the whole on phantoms."""

from __future__ import annotations

import math

import numpy as np
import pytest

import msformer
from msformer import confidence
from msformer.answer import Answer
from msformer.confidence import (
    FEATURES,
    NOTHING_FOUND,
    Bench,
    Trust,
    answer_features,
    judge,
    prompted_trust,
    separation,
)
from msformer.config import Config
from msformer.foreground import Foreground
from msformer.image import Mask
from msformer.phantoms import make_phantom
from msformer.prepare import Prepared, View
from msformer.regions import Ground

SHAPE = (41, 67)
SETTINGS = Config.from_preset("general")


def _mask(rows: slice, columns: slice, shape: tuple[int, int] = SHAPE) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


def _values(mask: Mask, inside: float = 0.7, outside: float = 0.4, noise: float = 0.0) -> np.ndarray:
    values = np.where(mask, inside, outside).astype(np.float32)
    return np.asarray(values + noise * np.random.default_rng(0).standard_normal(mask.shape).astype(np.float32))


def _seen(mask: Mask, start: Mask | None = None, values: np.ndarray | None = None, **cues: float) -> dict[str, float]:
    """The features of an answer on a picture that shows just it."""
    values = _values(mask) if values is None else values
    valid = np.ones(mask.shape, dtype=bool)
    view = View(appearance=values, brightness=values, valid=valid)
    empty = np.zeros((1, 1, 1), dtype=np.float32)
    prepared = Prepared(empty, view, view, 0, (0.0, 1.0), False)
    answer = Answer(Foreground(mask if start is None else start, (), 0.25, cues), mask)
    features = answer_features(answer, prepared, Bench(Ground.of(view.planes, valid), {"general": 0.48}), SETTINGS)
    assert features is not None
    return dict(zip(FEATURES, features.tolist(), strict=True))


def test_a_flat_object_on_flat_ground_is_separated_entirely() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    seen = _seen(mask)
    assert seen["separation"] == pytest.approx(1, abs=1e-5)
    assert seen["contrast"] == pytest.approx(math.log(30 / 30))  # 76 grey levels count as 30
    assert (seen["kept"], seen["score"], seen["alone"]) == (1, 0.25, 0)


def test_separation_is_contrast_in_units_of_the_spread_beside_the_border() -> None:
    mask = _mask(slice(0, 401), slice(0, 211), shape=(401, 421))  # one straight border, bands alike in size
    distance = (0.5 - 0.3) / 0.1
    found = separation(mask, ~mask, _values(mask, inside=0.5, outside=0.3, noise=0.1))
    assert found == pytest.approx(distance**2 / (4 + distance**2), abs=0.02)


def test_separation_sees_only_what_is_beside_the_border() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    values = _values(mask)
    values[36:, :] = 0.7  # far from the border, like the object
    assert separation(mask, ~mask, values) == pytest.approx(1, abs=1e-5)


def test_contrast_counts_within_its_limits() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    for levels, expected in ((1, 3 / 30), (15, 15 / 30), (200, 1)):
        seen = _seen(mask, values=_values(mask, inside=0.1 + levels / 255, outside=0.1))
        assert seen["contrast"] == pytest.approx(math.log(expected), abs=1e-3)


def test_kept_is_the_dice_of_the_two_outlines() -> None:
    mask, start = _mask(slice(10, 20), slice(10, 30)), _mask(slice(10, 20), slice(15, 30))
    assert _seen(mask, start)["kept"] == pytest.approx(2 * 150 / (200 + 150))


def test_margin_and_support_come_from_the_choice() -> None:
    seen = _seen(_mask(slice(10, 20), slice(10, 30)), margin=0.125, support=0.5)
    assert (seen["margin"], seen["support"], seen["alone"]) == (0.125, 0.5, 1)


def test_a_picture_of_another_kind_speaks_against_a_preset_but_never_rules_it_out() -> None:
    mask = _mask(slice(10, 20), slice(10, 30))
    assert _seen(mask)["kind"] == pytest.approx(math.log(0.48 + 0.02))


def _trust(monkeypatch: pytest.MonkeyPatch, weights: dict[str, list[float]], agreement: float = 1.0) -> Trust:
    """What is said of one answer under hand-made weights."""
    data = {"offset": -0.5, "unlike": 2.0, "features": weights}
    monkeypatch.setattr(confidence, "_data", lambda: data)
    confidence._model.cache_clear()
    try:
        mask = _mask(slice(10, 20), slice(10, 30))
        values = _values(mask)
        view = View(appearance=values, brightness=values, valid=np.ones(SHAPE, dtype=bool))
        prepared = Prepared(np.zeros((1, 1, 1), dtype=np.float32), view, view, 0, (0.0, 1.0), False)
        answer = Answer(Foreground(mask, (), 0.25, {"margin": 0.01}), mask)
        return judge(
            answer, prepared, Bench(Ground.of(view.planes, view.valid), {"general": 0.48}), SETTINGS, agreement
        )
    finally:
        confidence._model.cache_clear()


def test_the_probability_is_the_logistic_function_of_the_weighted_features(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = _trust(monkeypatch, {"score": [0.05, 0.1, 1.5]}, agreement=0.5)
    odds = -0.5 + 1.5 * (0.25 - 0.05) / 0.1
    assert trust.probability == pytest.approx(0.5 / (1 + math.exp(-odds)))
    assert trust.log_odds == pytest.approx(math.log(trust.probability / (1 - trust.probability)))


def test_a_tie_is_named_and_a_sure_answer_needs_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {name: [0.0, 100.0, 0.0] for name in FEATURES}  # nothing is unlike
    assert _trust(monkeypatch, wide).reason == "two regions fit equally well"
    assert _trust(monkeypatch, wide, agreement=0.6).reason == "restarts disagree about what the object is"
    sure = _trust(monkeypatch, wide | {"score": [0.0, 0.1, 3.0]})
    assert (sure.reason, sure.probability > 0.9) == ("", True)


def test_a_picture_far_from_all_that_was_fitted_is_called_unlike(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = {name: [50.0, 0.1, 0.0] for name in FEATURES}
    trust = _trust(monkeypatch, narrow)
    assert trust.unlike > 1
    assert trust.reason == "the picture is unlike any kind that this program knows"


def test_nothing_found_is_never_trusted() -> None:
    assert (NOTHING_FOUND.probability, NOTHING_FOUND.reason) == (0.0, "nothing was found")
    nothing = np.zeros(SHAPE, dtype=bool)
    view = View(appearance=_values(nothing), brightness=_values(nothing), valid=~nothing)
    prepared = Prepared(np.zeros((1, 1, 1), dtype=np.float32), view, view, 0, (0.0, 1.0), False)
    answer = Answer(Foreground(nothing, (), 0.0), nothing)
    assert (
        judge(answer, prepared, Bench(Ground.of(view.planes, view.valid), {"general": 0.48}), SETTINGS) == NOTHING_FOUND
    )


@pytest.mark.parametrize(
    ("data", "expected", "probability"),
    [
        ({}, 0.8, 0.8),
        ({"prompted": [0.5, -1.0]}, 0.8, 1 / (1 + math.exp(1 - 0.5 * math.log(4)))),
        ({"prompted": [2.0, 0.0]}, 0.8, 16 / 17),
        ({}, 1.0, 1 - 1e-6),
        ({}, 0.0, 1e-6),
    ],
)
def test_the_answer_to_a_prompt_is_trusted_by_what_it_expects_and_the_weights_in_the_file(
    monkeypatch: pytest.MonkeyPatch, data: dict[str, list[float]], expected: float, probability: float
) -> None:
    monkeypatch.setattr(confidence, "_data", lambda: data)
    mask = _mask(slice(10, 20), slice(10, 30))
    trust = prompted_trust(Answer(Foreground(mask, (), expected, {"part": expected, "whole": 0.25}), mask))
    assert trust.probability == pytest.approx(probability, rel=1e-9)
    assert (trust.reason == "") == (probability >= 0.5)
    nothing = np.zeros(SHAPE, dtype=bool)
    assert prompted_trust(Answer(Foreground(nothing, (), expected), nothing)) == NOTHING_FOUND


def test_inputs_are_left_alone() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    values = _values(mask)
    before = mask.copy(), values.copy()
    _seen(mask, values=values)
    np.testing.assert_array_equal(mask, before[0])
    np.testing.assert_array_equal(values, before[1])


def test_a_lesion_is_trusted_more_than_bare_skin() -> None:
    lesion = make_phantom("dermoscopy", seed=1001, difficulty=0.2)
    bare = make_phantom("empty", seed=1001, difficulty=0.6, scene="skin")
    trusted = msformer.segment(lesion.image, "dermoscopy")
    doubted = msformer.segment(bare.image, {"preset": "dermoscopy", "confidence": {"empty_below": 0.0}})
    assert trusted.confidence > 0.8
    assert trusted.confidence_reason == ""
    assert doubted.confidence < 0.5
    assert doubted.confidence_reason


def test_the_threshold_empties_the_mask_and_keeps_the_confidence() -> None:
    image = make_phantom("empty", seed=1001, difficulty=0.6, scene="skin").image
    kept = msformer.segment(image, {"preset": "dermoscopy", "confidence": {"empty_below": 0.0}})
    emptied = msformer.segment(image, {"preset": "dermoscopy", "confidence": {"empty_below": 0.95}})
    assert (kept.is_empty, emptied.is_empty) == (False, True)
    assert not emptied.mask.any()
    assert emptied.confidence == kept.confidence > 0


def test_a_blank_image_has_no_confidence() -> None:
    result = msformer.segment(np.full((67, 83), 131, dtype=np.uint8), "dermoscopy")
    assert (result.is_empty, result.confidence) == (True, 0.0)
