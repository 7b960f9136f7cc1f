"""What every method is asked about one object, and what came of it: a row a protocol, ready for JSON."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from benchmarks.interaction.methods.base import Answer, Prompter, Saying
from msformer.evaluation.prompts import (
    Box,
    Click,
    box_of,
    intersection_over_union,
    jittered,
    middle_click,
    next_click,
)
from msformer.image import Mask
from msformer.morphology import dice

ONE_CLICK, BEST_OF_3, AUTOMATIC = "one-click", "best-of-3", "automatic"
BOX, JITTERED = "box", "box-jittered"
GOALS = {"clicks-85": 0.85, "clicks-90": 0.90}
"""Protocols that count clicks, and the IoU that they go on for."""
PROTOCOLS: dict[str, Saying] = {
    ONE_CLICK: "click",
    BEST_OF_3: "click",
    AUTOMATIC: "nothing",
    BOX: "box",
    JITTERED: "box",
    **dict.fromkeys(GOALS, "clicks"),
}
"""What is said under each; rows come in this order."""
MOST_CLICKS = 20
"""Clicks after which nobody goes on; so many count where the goal is not reached."""
Row = dict[str, Any]


def ask(
    prompter: Prompter,
    truth: Mask,
    rng: np.random.Generator,
    sayings: Collection[Saying],
    *,
    most_clicks: int = MOST_CLICKS,
) -> list[Row]:
    """Ask for one object under the protocols that say what may be said.

    Args:
        prompter: A picture that a method has looked at.
        truth: ``(H, W)``, not empty.
        rng: Draws the jitter of the box.
        sayings: What may be said; one click always is.
        most_clicks: Clicks after which it is given up.

    Returns:
        Rows with ``protocol``, ``value`` (a Dice, or a number of clicks), ``iou`` and more, see the code.
    """
    shape = truth.shape[0], truth.shape[1]
    first: Click = (*middle_click(truth), 1)
    answers, seconds = _timed(prompter, [first], None, None)
    rows = [_scored(ONE_CLICK, _taken(answers, shape), truth, seconds, len(answers))]
    best = max((mask for mask, _ in answers[:3]), key=lambda mask: dice(mask, truth), default=_nothing(shape))
    rows.append(_scored(BEST_OF_3, best, truth, seconds, len(answers)))
    if "nothing" in sayings:
        own, seconds = _timed(prompter, [], None, None)
        rows.append(_scored(AUTOMATIC, _taken(own, shape), truth, seconds, len(own)))
    if "box" in sayings:
        exact = box_of(truth)
        for name, box in ((BOX, exact), (JITTERED, jittered(exact, rng, shape))):
            by_box, seconds = _timed(prompter, [], box, None)
            rows.append(_scored(name, _taken(by_box, shape), truth, seconds, len(by_box)))
    if "clicks" in sayings:
        rows += click_on(prompter, truth, _taken(answers, shape), most_clicks)
    return rows


def click_on(prompter: Prompter, truth: Mask, start: Mask, most_clicks: int = MOST_CLICKS) -> list[Row]:
    """Click in the middle of the largest error until the highest goal is reached.

    Args:
        prompter: The picture.
        truth: ``(H, W)``, not empty.
        start: ``(H, W)``, what one click in the middle gave.
        most_clicks: Clicks after which it is given up.

    Returns:
        A row a goal: ``value`` clicks, whether it was ``reached``; the last one with all ``ious`` and the median time
        ``ms`` of a further click, None where there was none.
    """
    shape = truth.shape[0], truth.shape[1]
    clicks: list[Click] = [(*middle_click(truth), 1)]
    mask, ious, times = start, [intersection_over_union(start, truth)], []
    while ious[-1] < max(GOALS.values()) and len(clicks) < most_clicks:
        click = next_click(truth, mask)
        if click is None:
            break
        clicks.append(click)
        answers, seconds = _timed(prompter, clicks, None, mask)
        times.append(seconds)
        mask = _taken(answers, shape)
        ious.append(intersection_over_union(mask, truth))
    rows: list[Row] = []
    for name, goal in GOALS.items():
        at = next((index for index, iou in enumerate(ious, start=1) if iou >= goal), None)
        rows.append({"protocol": name, "value": at or most_clicks, "iou": max(ious), "reached": at is not None})
    rows[-1] |= {"ious": [round(iou, 4) for iou in ious], "ms": 1000 * float(np.median(times)) if times else None}
    return rows


def failed(sayings: Collection[Saying], most_clicks: int = MOST_CLICKS) -> list[Row]:
    """The rows of a method that broke: nothing found, no goal reached."""
    return [
        {"protocol": name, "value": most_clicks, "iou": 0.0, "reached": False}
        if name in GOALS
        else {"protocol": name, "value": 0.0, "iou": 0.0, "ms": None, "answers": 0}
        for name, said in PROTOCOLS.items()
        if said in sayings
    ]


def generator_of(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on a seed and on what is asked for alone: every method sees the same box."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call gives, and the seconds that it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def _timed(
    prompter: Prompter, clicks: Sequence[Click], box: Box | None, previous: Mask | None
) -> tuple[list[Answer], float]:
    answers: list[Answer]
    answers, seconds = timed(lambda: prompter.answer(tuple(clicks), box, previous))
    return answers, seconds


def _taken(answers: Sequence[Answer], shape: tuple[int, int]) -> Mask:
    """The answer that expects the most; nothing where there is none."""
    return max(answers, key=lambda one: one[1])[0] if answers else _nothing(shape)


def _nothing(shape: tuple[int, int]) -> Mask:
    return np.zeros(shape, dtype=bool)


def _scored(protocol: str, mask: Mask, truth: Mask, seconds: float, count: int) -> Row:
    return {
        "protocol": protocol,
        "value": dice(mask, truth),
        "iou": intersection_over_union(mask, truth),
        "ms": 1000 * seconds,
        "answers": count,
    }
