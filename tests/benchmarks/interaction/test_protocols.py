"""What is asked, and how it counts, with prompters whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.interaction.methods.base import Answer, Saying
from benchmarks.interaction.protocols import PROTOCOLS, ask, click_on, failed, generator_of

from msformer.evaluation.prompts import Box, Click
from msformer.image import Mask

TRUTH = np.zeros((23, 31), dtype=bool)
TRUTH[3:13, 5:25] = True  # 200 px
HALF = np.zeros_like(TRUTH)
HALF[3:13, 5:15] = True  # 100 px of it: Dice 2/3, IoU 1/2
MOST = np.zeros_like(TRUTH)
MOST[3:13, 5:22] = True  # 170 px of it: IoU .85
NOTHING = np.zeros_like(TRUTH)
CLICK: tuple[Saying, ...] = ("click",)
EVERYTHING: tuple[Saying, ...] = ("nothing", "click", "box", "clicks")


class Told:
    """Answers what it was told to, one list of answers a call, and keeps what it was asked."""

    def __init__(self, *answers: list[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[tuple[Click, ...], Box | None, Mask | None]] = []

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        self.asked.append((tuple(clicks), box, previous_mask))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def test_the_method_picks_for_one_click_and_the_truth_for_the_best_of_three() -> None:
    told = Told([(TRUTH, 0.2), (HALF, 0.9), (NOTHING, 0.5), (TRUTH, 0.1)])
    one, best = ask(told, TRUTH, np.random.default_rng(0), CLICK)
    assert (one["protocol"], best["protocol"]) == ("one-click", "best-of-3")
    assert (one["value"], one["iou"]) == (pytest.approx(2 / 3), pytest.approx(1 / 2))
    assert (best["value"], best["answers"]) == (1.0, 4)
    # Rows 3 to 12 and columns 5 to 24: depth 5 in rows 7 and 8, columns 9 to 20; both lie as near to the mean.
    assert told.asked[0][0][0] in {(7, 14, 1), (7, 15, 1), (8, 14, 1), (8, 15, 1)}
    assert told.asked[0][1:] == (None, None)


def test_a_fourth_answer_is_not_among_the_best_of_three() -> None:
    told = Told([(NOTHING, 0.2), (HALF, 0.9), (NOTHING, 0.5), (TRUTH, 0.1)])
    assert ask(told, TRUTH, np.random.default_rng(0), CLICK)[1]["value"] == pytest.approx(2 / 3)


def test_boxes_are_asked_for_without_a_click() -> None:
    told = Told([(TRUTH, 1.0)])
    rows = ask(told, TRUTH, np.random.default_rng(0), EVERYTHING)
    assert [row["protocol"] for row in rows] == list(PROTOCOLS)
    assert [asked[0] for asked in told.asked[1:]] == [(), (), ()]
    assert told.asked[1] == ((), None, None)  # nothing is said
    assert told.asked[2][1] == (3, 5, 13, 25)
    assert told.asked[3][1] not in ((3, 5, 13, 25), None)
    assert len(told.asked) == 4  # one click was enough: nothing more is asked
    assert [row["value"] for row in rows] == [1.0, 1.0, 1.0, 1.0, 1.0, 1, 1]
    assert rows[-1]["ms"] is None


def test_clicks_are_counted_up_to_each_goal() -> None:
    told = Told([(HALF, 1.0)], [(MOST, 1.0)], [(TRUTH, 1.0)])
    lower, higher = click_on(told, TRUTH, NOTHING)
    # Clicks: the first into the middle gave nothing; then half, then IoU .85 with the third, then all with the fourth.
    assert (lower["value"], lower["reached"]) == (3, True)
    assert (higher["value"], higher["reached"]) == (4, True)
    assert higher["ious"] == [0.0, 0.5, 0.85, 1.0]
    clicks, box, previous = told.asked[1]
    assert len(clicks) == 3
    assert box is None
    assert previous is HALF
    row, column, sign = clicks[2]  # the missing half: rows 3 to 12, columns 15 to 24
    assert 5 <= row <= 10
    assert 17 <= column <= 22
    assert sign == 1


def test_what_is_not_reached_counts_as_many_clicks_as_there_are() -> None:
    told = Told([(HALF, 1.0)])
    lower, higher = click_on(told, TRUTH, HALF, most_clicks=5)
    assert [(row["value"], row["reached"], row["iou"]) for row in (lower, higher)] == [(5, False, 0.5)] * 2
    assert len(told.asked) == 4


def test_the_last_click_still_counts_as_reached() -> None:
    lower, _ = click_on(Told([(HALF, 1.0)], [(MOST, 1.0)]), TRUTH, NOTHING, most_clicks=3)
    assert (lower["value"], lower["reached"]) == (3, True)


def test_no_answer_is_an_empty_mask() -> None:
    rows = ask(Told([]), TRUTH, np.random.default_rng(0), EVERYTHING, most_clicks=3)
    assert [row["value"] for row in rows] == [0.0, 0.0, 0.0, 0.0, 0.0, 3, 3]


def test_a_method_that_broke_has_found_nothing() -> None:
    rows = failed(EVERYTHING)
    assert [(row["protocol"], row["value"]) for row in rows] == list(
        zip(PROTOCOLS, [0, 0, 0, 0, 0, 20, 20], strict=True)
    )
    assert [row["protocol"] for row in failed(CLICK)] == ["one-click", "best-of-3"]


def test_without_a_prompt_the_method_picks_among_its_own_objects() -> None:
    told = Told([(TRUTH, 1.0)], [(NOTHING, 0.1), (HALF, 0.3)])
    own = ask(told, TRUTH, np.random.default_rng(0), ("nothing", "click"))[2]
    assert (own["protocol"], own["value"], own["answers"]) == ("automatic", pytest.approx(2 / 3), 2)


def test_nobody_is_asked_by_what_was_not_to_be_said() -> None:
    told = Told([(HALF, 1.0)])
    rows = ask(told, TRUTH, np.random.default_rng(0), ("click", "box"))
    assert [row["protocol"] for row in rows] == ["one-click", "best-of-3", "box", "box-jittered"]
    assert [len(clicks) for clicks, _, _ in told.asked] == [1, 0, 0], "IoU 1/2, and nobody clicked on"
    told = Told([(MOST, 1.0)], [(TRUTH, 1.0)])
    rows = ask(told, TRUTH, np.random.default_rng(0), ("click", "clicks"))
    assert [(row["protocol"], row["value"]) for row in rows[2:]] == [("clicks-85", 1), ("clicks-90", 2)]
    assert all(box is None for _, box, _ in told.asked)


def test_the_box_depends_on_seed_and_picture_alone() -> None:
    first = generator_of(0, "set", "case", "0").random()
    assert generator_of(0, "set", "case", "0").random() == first
    assert len({first, generator_of(1, "set", "case", "0").random(), generator_of(0, "set", "case", "1").random()}) == 3
