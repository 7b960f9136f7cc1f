"""How good fits are, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.evidence.asked import Asked, Pointed
from benchmarks.evidence.fits import Model, fit_regions
from benchmarks.evidence.pictures import Answered, Picture
from benchmarks.evidence.scores import (
    added,
    auroc,
    calibration_error,
    chosen,
    first_answers,
    kind_of,
    prompted_left_out,
    prompted_probability,
)

IDENTITY = Model(np.zeros(1), np.ones(1), np.array([1.0, 0.0]))


def test_auroc_counts_pairs_in_order_and_ties_half() -> None:
    said = np.array([0.9, 0.4, 0.4, 0.1])
    assert auroc(said, np.array([True, True, False, False])) == (1 + 1 + 0.5 + 1) / 4
    assert auroc(said, np.array([False, False, True, True])) == (0 + 0 + 0.5 + 0) / 4
    assert math.isnan(auroc(said, np.ones(4, dtype=bool)))


def test_calibration_is_the_mean_gap_of_the_bins() -> None:
    said = np.array([0.95, 1.0, 0.15, 0.15])
    right = np.array([True, False, False, False])
    assert calibration_error(said, right) == pytest.approx(0.5 * abs(0.5 - 0.975) + 0.5 * 0.15)


def test_what_is_chosen_is_scored_and_not_what_is_best() -> None:
    pictures = [
        Picture("a", np.array([[0.0], [1.0]], dtype=np.float32), np.array([0.9, 0.3])),
        Picture("a", np.array([[2.0], [1.0]], dtype=np.float32), np.array([0.5, 0.1])),
    ]
    assert chosen(IDENTITY, pictures) == pytest.approx((0.3 + 0.5) / 2)


def test_the_most_trusted_answer_of_a_picture_is_taken() -> None:
    rows = [
        Answered("a", "1", "x", np.array([-1.0]), 0.2),
        Answered("a", "1", "y", np.array([2.0]), 0.4),
        Answered("a", "2", "x", None, 0.0),
    ]
    (first, said), (second, unsaid) = first_answers(rows, IDENTITY)
    assert (first.preset, second.name) == ("y", "2")
    assert said == pytest.approx(1 / (1 + math.exp(-2)))
    assert unsaid == pytest.approx(0, abs=1e-9)
    assert kind_of("lung_ct_konya") == "lung"


def asked(group: str, seed: int) -> Asked:
    """Eleven candidates; the first number says the Dice, in the set ``odd`` its opposite, where a second says it."""
    dice = np.random.default_rng(seed).permutation(np.linspace(0, 1, 11))
    said = np.column_stack([-dice, 2 * dice] if group == "odd" else [dice, 0 * dice])
    return Asked(Picture(group, said.astype(np.float32), dice), 0.25 + 0.5 * (seed % 2))


def test_what_the_network_adds_by_set_by_weights_that_ship_and_by_those_of_the_others() -> None:
    """What the other sets teach fails in the odd one, which could teach it better."""
    real = [asked(group, seed) for group in ("even", "odd") for seed in range(4)]
    even, odd = added(real, Model(np.zeros(2), np.ones(2), np.array([0.0, 3.0, 0.0])))
    assert (even.name, even.count, even.alone, even.best) == ("even", 4, 0.5, 1.0)
    assert (odd.name, odd.count, odd.alone, odd.best, odd.scenes) == ("odd", 4, 0.5, 1.0, 1.0)
    assert odd.others == 0.0
    everything = fit_regions([one.said for one in real])
    assert chosen(everything, [one.said for one in real if one.said.group == "odd"]) == 1.0


def test_the_probability_of_an_answer_to_a_click() -> None:
    row = Pointed("a", "1", 0.8, 0.9)
    assert prompted_probability(row, (1.0, 0.0)) == pytest.approx(0.8)
    assert prompted_probability(row, (0.5, -1.0)) == pytest.approx(1 / (1 + math.exp(1 - 0.5 * math.log(4))))
    assert prompted_probability(Pointed("a", "1", None, 0.0), (1.0, 9.0)) == 0


def test_weights_for_a_set_did_not_see_it() -> None:
    """Everything but one set is right; only the others' weights take that set for right as well."""
    values = (0.3, 0.5, 0.8)
    rows = [Pointed(group, str(value), value, 0.9) for group in ("a", "b", "scenes") for value in values]
    rows += [Pointed("wrong", str(value), value, 0.1) for value in values]
    results = prompted_left_out(rows)
    assert list(results) == ["scenes and the other sets", "scenes alone"]
    left = results["scenes and the other sets"]
    assert [row.group for row, _ in left] == [name for name in ("a", "b", "wrong") for _ in values]
    of_wrong = [said for row, said in left if row.group == "wrong"]
    of_a = [said for row, said in left if row.group == "a"]
    assert min(of_wrong) > 0.9
    assert max(of_a) < 0.9
    alone = results["scenes alone"]
    assert len(alone) == 9
    assert min(said for _, said in alone) > 0.9
