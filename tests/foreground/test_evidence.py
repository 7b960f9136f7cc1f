"""The fitted model: a logistic of standardised features, and the weights that ship."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.foreground.evidence import FARTHEST, Evidence, region_evidence
from msformer.regions import FEATURES

NAMES = ("first", "second", "third")
EVIDENCE = Evidence.from_mapping(
    {"offset": -0.5, "features": {"first": [2.0, 0.5, 1.5], "third": [-1.0, 4.0, -0.25], "unheard of": [0, 1, 99]}},
    NAMES,
)

pytestmark = pytest.mark.filterwarnings("error")


def test_the_probability_is_a_logistic_of_standard_features() -> None:
    """(3 - 2) / .5 · 1.5 - (1 + 1) / 4 · .25 - .5 = 2.375."""
    rows = np.array([[3, 7, 1], [2, 7, -1]], dtype=np.float32)
    np.testing.assert_allclose(EVIDENCE.probability(rows), [1 / (1 + np.exp(-2.375)), 1 / (1 + np.exp(0.5))])
    assert EVIDENCE.probability(rows[0]).shape == ()


def test_a_feature_without_a_weight_does_not_count_and_a_weight_without_a_feature_neither() -> None:
    assert EVIDENCE.weight.tolist() == [1.5, 0.0, -0.25]
    one, other = EVIDENCE.probability(np.array([[3.0, -1e9, 1.0], [3.0, 1e9, 1.0]]))
    assert one == other


def test_features_count_up_to_the_farthest_that_was_fitted() -> None:
    assert FARTHEST == 5
    far, farther, low = EVIDENCE.probability(np.array([[4.5, 0, -1], [1e9, 0, -1], [-1e9, 0, -1]]))
    assert far == farther == pytest.approx(1 / (1 + np.exp(-7.0)))
    assert low == pytest.approx(1 / (1 + np.exp(8.0)))


def test_the_model_that_ships_knows_its_features_and_is_read_once() -> None:
    evidence = region_evidence()
    assert evidence is region_evidence()
    for part in (evidence.mean, evidence.scale, evidence.weight):
        assert part.shape == (len(FEATURES),)
        assert np.isfinite(part).all()
    assert (evidence.scale > 0).all()
    assert np.count_nonzero(evidence.weight) > 10
    at_the_means = evidence.probability(evidence.mean)
    assert at_the_means == pytest.approx(1 / (1 + np.exp(-evidence.offset)))
