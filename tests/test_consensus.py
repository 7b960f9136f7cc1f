"""Several attempts → one of them. Overlaps and sums are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.consensus import find_consensus
from msformer.image import Mask


def pixels(*columns: int) -> Mask:
    mask = np.zeros((3, 11), dtype=bool)
    mask[1, list(columns)] = True
    return mask


A, B, C = pixels(0, 1, 2, 3), pixels(0, 1, 2, 3, 4, 5), pixels(7, 8, 9, 10)
"""Dice of A and B is 2 · 4 / 10; C has nothing in common with either."""


def test_one_attempt_agrees_with_itself() -> None:
    consensus = find_consensus([A], [0.3])
    assert (consensus.chosen, consensus.agreement) == (0, 1.0)
    np.testing.assert_array_equal(consensus.votes, A.astype(np.uint8))


def test_the_one_that_the_others_resemble_is_taken() -> None:
    consensus = find_consensus([C, A, B], [0.5, 0.5, 0.5])
    assert consensus.chosen == 1  # A and B are equally good: the first
    assert consensus.agreement == pytest.approx((0 + 0.8) / 2)
    assert consensus.votes[1].tolist() == [2] * 4 + [1] * 2 + [0] + [1] * 4
    assert not consensus.votes[[0, 2]].any()


def test_of_two_that_resemble_each_other_the_better_one_is_taken() -> None:
    consensus = find_consensus([A, B, C], [0.5, 0.6, 0.5])
    assert consensus.chosen == 1
    assert consensus.agreement == pytest.approx(0.4)


@pytest.mark.parametrize(("score", "chosen"), [(0.70, 1), (0.80, 0)])
def test_a_loner_wins_only_if_it_explains_far_more(score: float, chosen: int) -> None:
    """Support times weight: C has score², A and B have .55 · (.55 + .8 · .55) = .5445 = .738²."""
    assert find_consensus([C, A, B], [score, 0.55, 0.55]).chosen == chosen


def test_it_is_a_medoid_and_no_vote_by_pixels() -> None:
    """A vote over {1, 2}, {2, 3}, {1, 3} gives {1, 2, 3}, for which nobody stands."""
    attempts = [pixels(1, 2), pixels(2, 3), pixels(1, 3)]
    consensus = find_consensus(attempts, [0.4, 0.4, 0.4])
    vote = consensus.votes > len(attempts) / 2
    np.testing.assert_array_equal(vote, pixels(1, 2, 3))
    assert not np.array_equal(attempts[consensus.chosen], vote)
    assert consensus.agreement == pytest.approx(0.5)


def test_attempts_that_fail_in_different_ways_do_no_harm() -> None:
    """Three of five fail, each alone; the two that agree win, though the failures score as well."""
    attempts = [pixels(7), pixels(8), pixels(0, 1, 2, 3), pixels(0, 1, 2), pixels(10)]
    assert find_consensus(attempts, [0.5] * 5).chosen == 2


def test_empty_attempts_agree_and_are_outweighed_by_one_that_is_not() -> None:
    empty = pixels()
    consensus = find_consensus([empty, empty, empty], [0, 0, 0])
    assert (consensus.chosen, consensus.agreement) == (0, 1.0)
    assert not consensus.votes.any()
    consensus = find_consensus([empty, A, empty], [0, 0.2, 0])
    assert (consensus.chosen, consensus.agreement) == (1, 0.0)


def test_votes_are_counted_and_agreement_is_in_the_unit_range() -> None:
    rng = np.random.default_rng(0)
    attempts = [rng.random((7, 13)) < 0.5 for _ in range(5)]
    consensus = find_consensus(attempts, rng.random(5).tolist())
    np.testing.assert_array_equal(consensus.votes, np.sum(attempts, axis=0))
    assert 0 < consensus.agreement < 1
