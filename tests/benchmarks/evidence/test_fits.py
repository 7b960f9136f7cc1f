"""Fits on numbers whose answer is known by construction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.evidence.asked import ASKED_SCENES, Pointed
from benchmarks.evidence.fits import fit_prompted, fit_regions, fit_trust
from benchmarks.evidence.pictures import ANSWER_SCENES, REGION_SCENES, Answered, Picture, first_of_each

from msformer.foreground.asked import SAID
from msformer.foreground.evidence import Evidence
from msformer.growing.recipe import EXAMINED, Recipe, examination_seed

pytestmark = pytest.mark.filterwarnings("error")


def pointed(group: str, expected: Sequence[float], slope: float, offset: float, each: int = 200) -> list[Pointed]:
    """Answers of which, at each expected Dice, just the share is right that slope and offset say."""
    rows = []
    for value in expected:
        share = 1 / (1 + math.exp(-(slope * math.log(value / (1 - value)) + offset)))
        right = round(each * share)
        rows += [Pointed(group, str(index), value, 0.7 if index < right else 0.69) for index in range(each)]
    return rows


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (1.5, -0.75), (0.5, 1.25)])
def test_slope_and_offset_of_what_is_expected_are_found(slope: float, offset: float) -> None:
    found = fit_prompted(pointed("a", (0.2, 0.5, 0.7, 0.9), slope, offset))
    assert found == pytest.approx((slope, offset), abs=0.03)


def test_sets_count_alike_whatever_their_size() -> None:
    small, large = pointed("a", (0.3, 0.6, 0.8), 1.0, -1.0), pointed("b", (0.3, 0.6, 0.8), 1.0, 1.0)
    once = fit_prompted([*small, *large])
    assert fit_prompted([*small, *large * 7]) == pytest.approx(once, abs=1e-3)
    assert fit_prompted([*small, *(Pointed("a", "", row.expected, row.dice) for row in large * 7)])[1] > once[1] + 0.3


def test_an_empty_answer_teaches_nothing() -> None:
    rows = pointed("a", (0.2, 0.5, 0.7, 0.9), 1.5, -0.75)
    assert fit_prompted([*rows, *[Pointed("a", "", None, 0.0)] * 99]) == fit_prompted(rows)


def test_answers_that_are_all_right_do_not_make_it_boundless() -> None:
    slope, offset = fit_prompted([Pointed("a", str(index), 0.4 + 0.05 * index, 0.9) for index in range(8)])
    assert 0.5 < slope < 5
    assert 1 < offset < 8


def test_what_the_network_says_is_fitted_by_the_number_that_tells_the_dice() -> None:
    """Of six numbers the second one is the Dice itself and the others are noise."""
    rng = np.random.default_rng(3)
    pictures = []
    for _ in range(12):
        dice = rng.uniform(0, 1, 23)
        said = rng.normal(size=(23, len(SAID)))
        said[:, 1] = dice
        pictures.append(Picture("scenes", said.astype(np.float32), dice))
    model = fit_regions(pictures)
    assert int(np.abs(model.weights[:-1]).argmax()) == 1
    assert model.weights[1] > 10 * np.abs(np.delete(model.weights[:-1], 1)).max()
    lost = [one.dice.max() - one.dice[int(model.odds(one.features).argmax())] for one in pictures]
    assert np.mean(lost) < 0.02
    # As it is written, it is read to the same.
    read = Evidence.from_mapping(model.as_json(SAID), SAID)
    for one in pictures:
        np.testing.assert_allclose(
            read.probability(one.features), 1 / (1 + np.exp(-model.odds(one.features))), atol=1e-3
        )


def test_trust_follows_the_number_that_tells_right_from_wrong() -> None:
    rng = np.random.default_rng(5)
    rows = [
        Answered("ab"[index % 2], str(index), "general", np.array([index % 3, rng.normal()]), 0.9 if index % 3 else 0.1)
        for index in range(60)
    ]
    nothing = Answered("a", "nothing", "general", None, 0.0)
    model = fit_trust([*rows, nothing])
    assert model.weights[0] > 5 * abs(model.weights[1])
    assert model.odds(np.array([0.0, 0.0])) < -1
    assert model.odds(np.array([2.0, 0.0])) > 1
    np.testing.assert_array_equal(fit_trust(rows).weights, model.weights)


def test_no_scene_is_fitted_on_twice() -> None:
    used = [*REGION_SCENES, *ANSWER_SCENES, *ASKED_SCENES, *(examination_seed(index) for index in range(EXAMINED))]
    assert len(set(used)) == len(used)
    assert len(ASKED_SCENES) == 240
    assert max(ASKED_SCENES) < Recipe().scene_seed(0, 0)


def test_the_first_of_each_set_are_kept_in_order() -> None:
    cases = [(name, Path(f"{index}"), Path()) for index in range(13) for name in ("a", "b")]
    assert [case[1].name for case in first_of_each(cases) if case[0] == "b"] == [str(index) for index in range(10)]
