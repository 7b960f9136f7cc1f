from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from tests.learning.helpers import features_of, lesson
from threadpoolctl import threadpool_limits

from msformer.learning.forest import LEAST_IN_LEAF, N_TREES, TRIED
from msformer.learning.taught import fit_taught, region_dice

MASKS = np.zeros((3, 4, 5), dtype=bool)
MASKS[0, :2, :3] = True  # 6 px
MASKS[1, 1:, 1:] = True  # 12 px


def test_soft_dice_of_regions_by_hand() -> None:
    view = np.ones((4, 4, 5), dtype=np.float32)
    one = lesson(0, view=view, own=view[0], masks=MASKS, features=features_of([0, 0, 0]))
    plane = np.zeros((4, 5), dtype=np.float32)
    plane[1, :] = 0.5  # 2.5 px in all: 1.5 in the first, 2 in the second
    np.testing.assert_allclose(region_dice(one, plane), [2 * 1.5 / 8.5, 2 * 2 / 14.5, 0], rtol=1e-6)
    np.testing.assert_allclose(region_dice(one, MASKS[0].astype(np.float32)), [1, 2 * 2 / 18, 0], rtol=1e-6)
    np.testing.assert_array_equal(region_dice(one, np.zeros((4, 5), dtype=np.float32)), [0, 0, 0])


def test_a_map_is_compared_on_the_grid_of_the_regions() -> None:
    one = lesson(3)
    assert region_dice(one, one.own)[0] == pytest.approx(1), "its first region is its mask, at a quarter of the size"
    assert region_dice(one, one.own)[1:].max() < 1


def test_regions_are_taught_by_the_best_that_is_known_of_their_image() -> None:
    """Against scikit-learn by itself: each image counts as said, whatever its number of regions."""
    first, second = lesson(1, n_regions=9), lesson(2, n_regions=4)
    second = replace(second, corrected=np.roll(second.own, 8, axis=1))
    forest = fit_taught([first, lesson(3, n_regions=0), second], [0.2, 7.0, 0.6], 11)
    assert forest is not None
    rows = np.concatenate([first.features, second.features])
    assert second.corrected is not None
    answers = np.concatenate([region_dice(first, first.own), region_dice(second, second.corrected)])
    theirs = ExtraTreesRegressor(N_TREES, min_samples_leaf=LEAST_IN_LEAF, max_features=TRIED, random_state=11)
    weights = np.array([0.2 / 9] * 9 + [0.6 / 4] * 4)
    theirs.fit(rows, answers, sample_weight=weights / weights.mean())
    np.testing.assert_allclose(forest.predict(rows), theirs.predict(rows), atol=1e-12)


def test_what_cannot_teach_regions_has_none() -> None:
    assert fit_taught([lesson(1, n_regions=0)], [1.0], 0) is None
    assert fit_taught([], [], 0) is None


def test_a_column_that_tells_the_object_is_learned() -> None:
    """Regions with 1 in the first column are the object: the forest says so of a picture that it never saw."""
    known = []
    for number in range(8):
        one = lesson(number)
        known.append(replace(one, features=one.features * 0 + features_of([1, 0, 0, 0, 0])))
    forest = fit_taught(known, [1.0] * 8, 0)
    assert forest is not None
    is_object, is_none = forest.predict(features_of([1, 0]))
    assert is_object > 0.9
    assert is_none < 0.6


def test_the_caller_s_threads_change_no_bit_of_what_regions_are_worth() -> None:
    """Float32 products of 300 masks and a plane of 40,000 px, which OpenBLAS would share out among threads."""
    rng = np.random.default_rng(11)
    one = replace(lesson(1), masks=rng.random((300, 200, 200)) > 0.5)
    plane = rng.random((200, 200)).astype(np.float32)
    found = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="blas"):
            found.append(region_dice(one, plane).tobytes())
    assert found[1:] == [found[0]] * 2
