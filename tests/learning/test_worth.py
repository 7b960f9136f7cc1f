from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.learning.helpers import ROWS, lesson

from msformer.learning.decide import Decision
from msformer.learning.lesson import Lesson
from msformer.learning.worth import worth_of_correction


def alike(name: str, light: float = 0.5, **changes: object) -> Lesson:
    """Images that differ in their light alone."""
    one = lesson(0, n_regions=0)
    view = np.ones_like(one.view)
    view[:3] = light
    return replace(one, name=name, view=view, **changes)  # type: ignore[arg-type]


def agreed(agreement: float) -> Decision:
    return Decision("own", None, agreement, 0.0, "")


def test_the_most_doubtful_is_first() -> None:
    """All look the same, so their news are equal, of rank 0: the mean is half of the rank of 1 - confidence."""
    some = [alike("a", confidence=0.9), alike("b", confidence=0.1), alike("c", confidence=0.5)]
    assert worth_of_correction(some, {}) == {"a": 0, "b": 0.5, "c": 0.25}


def test_doubt_is_of_confidence_and_agreement() -> None:
    some = [alike("a", confidence=0.9), alike("b", confidence=0.8), alike("c", confidence=0.6)]
    found = worth_of_correction(some, {"a": agreed(0.1), "b": agreed(1.0)})  # doubts .91, .2, .4
    assert found == {"a": 0.5, "b": 0, "c": 0.25}


def test_what_was_corrected_is_worth_nothing_and_what_is_like_it_little() -> None:
    some = [alike("far", 0.9), alike("given", 0.1, corrected=lesson(0).own), alike("near", 0.2), alike("mid", 0.6)]
    assert worth_of_correction(some, {}) == {"far": 0.5, "given": 0, "near": 0, "mid": 0.25}
    assert worth_of_correction([some[1]], {}) == {"given": 0}


def test_without_corrections_the_typical_image_teaches_most() -> None:
    """Light .1, .5 and 1: a mean of .533, to which .5 is nearest and 1 farthest."""
    some = [alike("dark", 0.1), alike("typical", 0.5), alike("light", 1.0)]
    assert worth_of_correction(some, {}) == {"dark": 0.25, "typical": 0.5, "light": 0}


@pytest.mark.parametrize("n_corrected", [0, 1, 5])
def test_it_is_a_share_and_does_not_depend_on_the_order(n_corrected: int) -> None:
    some = [lesson(number, confidence=number / 9) for number in range(9)]
    some = [replace(one, corrected=one.own) if place < n_corrected else one for place, one in enumerate(some)]
    some[8] = replace(some[8], own=np.zeros((ROWS, 40), dtype=np.float32))  # nothing was found
    found = worth_of_correction(some, {})
    assert set(found) == {one.name for one in some}
    assert all(0 <= value <= 1 for value in found.values())
    assert [found[f"name-{number}"] for number in range(n_corrected)] == [0] * n_corrected
    assert worth_of_correction(some[::-1], {}) == pytest.approx(found)
