"""The decision on an image, by numbers made by hand; each region is a row of a mask of 4 × 5 px."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.learning.helpers import features_of, lesson

from msformer.learning.decide import ALONE, TAUGHT, Rule, decide, uses_regions
from msformer.learning.lesson import Lesson
from msformer.morphology import dice

SHAPE = 4, 5


def mask(*rows: int) -> NDArray[np.bool_]:
    whole = np.zeros(SHAPE, dtype=bool)
    whole[list(rows)] = True
    return whole


def plane(*rows: int, value: float = 1.0) -> NDArray[np.float32]:
    return mask(*rows).astype(np.float32) * np.float32(value)


def image(own: NDArray[np.float32], *regions: NDArray[np.bool_], **changes: Any) -> Lesson:
    masks = np.stack(regions) if regions else np.zeros((0, 1, 1), dtype=bool)
    view = np.ones((4, *SHAPE), dtype=np.float32)
    one = lesson(0, view=view, own=own, masks=masks, features=features_of([0] * len(masks)))
    return replace(one, **changes)


REGIONS = mask(0), mask(2), mask(0, 1)


def expect(*values: float) -> list[NDArray[np.float64]]:
    return [np.array(values)]


def test_dice_by_hand() -> None:
    assert dice(mask(0, 1), mask(1, 2, 3)) == 2 * 5 / 25
    assert dice(mask(), mask()) == 1
    assert dice(mask(), mask(0)) == 0


def test_the_region_that_is_expected_to_be_best_is_taken() -> None:
    """The own mask is row 0; row 2 is ahead of it by .9 - .4."""
    found = decide(image(plane(0), *REGIONS), expect(0.4, 0.9, 0.2), [], ALONE)
    assert found.source == "region"
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, mask(2))
    assert found.agreement == 0
    assert found.ahead == pytest.approx(0.5)
    assert "0.50" in found.reason


def test_members_are_averaged() -> None:
    both = expect(1.0, 0.2, 0.0) + expect(0.0, 0.9, 0.0)  # .5, .55, 0
    assert decide(image(plane(0), *REGIONS), both, [], Rule(0, 0)).source == "region"
    assert decide(image(plane(0), *REGIONS), both[:1], [], Rule(0, 0)).source == "own"


@pytest.mark.parametrize(("margin", "source"), [(0.49, "region"), (0.51, "own")])
def test_it_must_be_ahead_by_the_margin(margin: float, source: str) -> None:
    found = decide(image(plane(0), *REGIONS), expect(0.4, 0.9, 0.2), [], Rule(0, margin))
    assert found.source == source
    assert (found.mask is None) == (source == "own")


def test_a_region_that_is_the_own_mask_leaves_it_as_it_was_drawn() -> None:
    found = decide(image(plane(0), *REGIONS), expect(0.9, 0.1, 0.2), [], TAUGHT)
    assert (found.source, found.mask, found.ahead) == ("own", None, 0)
    assert found.agreement == pytest.approx(1)
    assert "confirms" in found.reason


def test_the_student_s_agreement_counts_by_its_weight() -> None:
    """Students see row 2, half of them surely: .5 in row 2 is a soft Dice of 2 · 2.5 / 7.5 = 2 / 3."""
    one = image(plane(0), *REGIONS)
    seen = [plane(2), plane(2, value=0.0)]
    expected = expect(0.6, 0.1, 0.2)  # row 2 gets ahead from a weight of .75 on
    assert decide(one, expected, seen, Rule(0.74, 0)).source == "own"
    found = decide(one, expected, seen, Rule(0.76, 0))
    assert found.source == "region"
    assert found.ahead == pytest.approx(0.1 + 0.76 * 2 / 3 - 0.6, abs=1e-6)


def test_a_student_that_sees_its_object_nowhere_has_no_say() -> None:
    """The forest is for row 0, a map of .4 all over agrees most with the largest region, rows 0 and 1."""
    one, expected = image(plane(2), *REGIONS), expect(0.5, 0.1, 0.45)
    faint = decide(one, expected, [plane(0, 1, 2, 3, value=0.4)], Rule(1, 0))
    seen = decide(one, expected, [plane(0, 1, 2, 3, value=0.6)], Rule(1, 0))
    assert faint.mask is not None
    assert seen.mask is not None
    np.testing.assert_array_equal(faint.mask, mask(0))
    np.testing.assert_array_equal(seen.mask, mask(0, 1))


def test_without_a_mask_of_its_own_the_best_is_taken_if_it_is_worth_the_margin() -> None:
    one = image(plane(), *REGIONS)
    found = decide(one, expect(0.1, 0.3, 0.2), [], Rule(0, 0.2))
    assert found.source == "region"
    assert found.ahead == pytest.approx(0.3)
    assert decide(one, expect(0.1, 0.3, 0.2), [], Rule(0, 0.31)).source == "own"


def test_what_a_person_gave_stays_whatever_was_learned() -> None:
    one = image(plane(0), *REGIONS, corrected=plane(0, 1))
    found = decide(one, expect(0.0, 5.0, 0.0), [plane(2)], TAUGHT)
    assert (found.source, found.mask) == ("corrected", None)
    assert found.agreement == pytest.approx(2 * 5 / 15)


@pytest.mark.parametrize(
    ("is_single", "one_object", "uses"),
    [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
def test_regions_are_candidates_where_one_object_is_meant(is_single: bool, one_object: bool | None, uses: bool) -> None:
    """What the corrections of a folder mean goes before what a preset says."""
    one = image(plane(0), *REGIONS, is_single=is_single)
    rule = Rule(0, 0, one_object=one_object)
    assert uses_regions(one, rule) is uses
    assert decide(one, expect(0.0, 1.0, 0.0), [], rule).source == ("region" if uses else "own")
    assert not uses_regions(image(plane(0)), rule), "there are none"


def test_of_several_objects_the_student_s_outline_is_taken_only_where_it_was_seen_to_be_better() -> None:
    one = image(plane(0), *REGIONS, is_single=False)
    seen = [plane(0, 2), plane(0, 2, value=0.2), plane(0, 3, value=0.4)]  # row 0: .53, row 2: .4, row 3: .13
    kept = decide(one, [], seen, Rule(1, 0))
    assert (kept.source, kept.mask, kept.agreement) == ("own", None, 1)
    found = decide(one, [], [plane(0, 2), plane(2)], Rule(1, 0, outlines=True))
    assert found.source == "outline"
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, mask(0, 2))
    assert found.agreement == pytest.approx(2 * 5 / 15)


def test_an_empty_outline_is_never_taken() -> None:
    one = image(plane(0), is_single=False)
    found = decide(one, [], [plane(0, value=0.3)], Rule(1, 0, outlines=True))
    assert (found.source, found.mask, found.agreement) == ("own", None, 0)


def test_where_nothing_was_learned_the_mask_stays() -> None:
    found = decide(image(plane(0), *REGIONS), [], [], TAUGHT)
    assert (found.source, found.mask, found.agreement) == ("own", None, 1)
