"""Trees as plain arrays: scikit-learn's answers without scikit-learn, and nothing in a file of them is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor
from tests.learning.helpers import same_arrays, stump

from msformer.errors import WeightsError
from msformer.learning.forest import LEAST_IN_LEAF, N_TREES, TRIED, Forest, grow_forest

COLUMNS = 7
Arrays = dict[str, NDArray[Any]]


def rows_and_answers(seed: int = 0, count: int = 83) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (count, COLUMNS)).astype(np.float32)
    return rows, np.abs(np.tanh(rows[:, 2] * rows[:, 5]))


def test_answers_are_those_of_scikit_learn_s_own_trees() -> None:
    rows, answers = rows_and_answers()
    weights = np.linspace(0.1, 2, len(rows))
    theirs = ExtraTreesRegressor(N_TREES, min_samples_leaf=LEAST_IN_LEAF, max_features=TRIED, random_state=5)
    theirs.fit(rows, answers, sample_weight=weights)
    forest = grow_forest(rows, answers, weights, 5)
    others = np.random.default_rng(1).normal(0, 1, (211, COLUMNS))
    np.testing.assert_allclose(forest.predict(others), theirs.predict(others), rtol=0, atol=1e-12)
    assert np.ptp(forest.predict(others)) > 0.1
    assert len(forest.roots) == N_TREES


def test_two_trees_by_hand() -> None:
    """The first asks column 1, then column 0; the second is a leaf."""
    forest = Forest(
        np.array([1, -1, 0, -1, -1, -1], dtype=np.int32),
        np.array([2.0, 0, -1.0, 0, 0, 0]),
        np.array([1, -1, 3, -1, -1, -1], dtype=np.int32),
        np.array([2, -1, 4, -1, -1, -1], dtype=np.int32),
        np.array([9.0, 1.0, 9.0, 3.0, 5.0, 7.0]),
        np.array([0, 5], dtype=np.int32),
    )
    rows = np.array([[0, 2], [-1, 2.5], [-0.5, 2.5], [0, -9]], dtype=np.float32)  # at most the threshold goes left
    np.testing.assert_array_equal(forest.predict(rows), [(1 + 7) / 2, (3 + 7) / 2, (5 + 7) / 2, (1 + 7) / 2])
    assert forest.predict(rows[:0]).shape == (0,)


def test_same_seed_same_trees_another_seed_others_and_weights_count() -> None:
    rows, answers = rows_and_answers()
    even, uneven = np.ones(len(rows)), np.linspace(0.01, 2, len(rows))
    first = grow_forest(rows, answers, even, 3).arrays()
    assert same_arrays(first, grow_forest(rows, answers, even, 3).arrays())
    assert not same_arrays(first, grow_forest(rows, answers, even, 4).arrays())
    assert not same_arrays(first, grow_forest(rows, answers, uneven, 3).arrays())


def test_any_seed_of_the_settings_will_do() -> None:
    rows, answers = rows_and_answers(count=11)
    assert len(grow_forest(rows, answers, np.ones(11), 2**63 - 1).roots) == N_TREES


def test_arrays_make_the_same_forest_again() -> None:
    rows, answers = rows_and_answers()
    forest = grow_forest(rows, answers, np.ones(len(rows)), 0)
    again = Forest.from_arrays(forest.arrays(), COLUMNS, "x")
    np.testing.assert_array_equal(again.predict(rows), forest.predict(rows))
    one = Forest.from_arrays(stump(0.25, 0.75).arrays(), 1, "x")
    np.testing.assert_array_equal(one.predict(np.array([[0.5], [0.6]])), [0.25, 0.75])


def _back(arrays: Arrays) -> None:
    arrays["left"] = np.array([0, -1, -1], dtype=np.int32)  # the root leads to itself: it would be asked for ever


def _circle(arrays: Arrays) -> None:
    arrays |= {"feature": np.array([0, 0, -1]), "left": np.array([1, 0, -1]), "right": np.array([2, 2, -1])}


def _beyond(arrays: Arrays) -> None:
    arrays["right"][0] = 3


def _negative(arrays: Arrays) -> None:
    arrays["right"][0] = -1


def _far_root(arrays: Arrays) -> None:
    arrays["roots"][0] = 3


def _negative_root(arrays: Arrays) -> None:
    arrays["roots"][0] = -1


def _no_roots(arrays: Arrays) -> None:
    arrays["roots"] = arrays["roots"][:0]


def _no_nodes(arrays: Arrays) -> None:
    arrays |= {name: array[:0] for name, array in arrays.items() if name != "roots"}


def _missing(arrays: Arrays) -> None:
    del arrays["threshold"]


def _short(arrays: Arrays) -> None:
    arrays["value"] = arrays["value"][:2]


def _table(arrays: Arrays) -> None:
    arrays["feature"] = arrays["feature"][:, None]


def _fractions(arrays: Arrays) -> None:
    arrays["left"] = arrays["left"].astype(np.float64)


def _whole(arrays: Arrays) -> None:
    arrays["value"] = np.array([0, 1, 2])


def _column(arrays: Arrays) -> None:
    arrays["feature"][0] = COLUMNS


def _no_threshold(arrays: Arrays) -> None:
    arrays["threshold"][0] = np.nan


def _endless(arrays: Arrays) -> None:
    arrays["value"][1] = np.inf


@pytest.mark.parametrize(
    "spoil",
    [
        _back, _circle, _beyond, _negative, _far_root, _negative_root, _no_roots, _no_nodes, _missing, _short, _table,
        _fractions, _whole, _column, _no_threshold, _endless,
    ],
)  # fmt: skip
def test_what_is_no_forest_is_refused_by_name(spoil: Callable[[Arrays], None]) -> None:
    arrays: Arrays = {name: array.copy() for name, array in stump(0, 1).arrays().items()}
    Forest.from_arrays(arrays, COLUMNS, "sound")
    spoil(arrays)
    with pytest.raises(WeightsError, match=r"^a\.safetensors: .*forest"):
        Forest.from_arrays(arrays, COLUMNS, "a.safetensors")
