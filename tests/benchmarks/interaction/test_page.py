"""The page from rows that are written by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from benchmarks.interaction.many import many_table
from benchmarks.interaction.page import mean_over_sets, page, paired, values_of

DIGEST = "0123456789abcdef" * 4


def row(method: str, name: str, case: str, value: float, protocol: str = "one-click", **more: Any) -> dict[str, Any]:
    plain = {"group": "single", "object": 0, "iou": value, "ms": 20.0, "answers": 1, "look_ms": 100.0}
    return {"method": method, "set": name, "case": case, "protocol": protocol, "value": value} | plain | more


ROWS = [
    row("grown", "polyps", "a", 0.9),
    row("grown", "polyps", "b", 0.7),
    row("grown", "wounds", "a", 0.4, look_ms=300.0),
    row("grown", "wounds", "b", 0.4),
    row("watershed", "polyps", "a", 0.6),
    row("watershed", "polyps", "b", 0.4),
    row("watershed", "wounds", "a", 0.3),
    row("watershed", "wounds", "b", 0.3),
    row("grown", "polyps", "a", 4, "clicks-85", reached=True),
    row("grown", "polyps", "b", 20, "clicks-85", reached=False),
    row("watershed", "polyps", "a", 2, "clicks-85", reached=True),
    row("watershed", "polyps", "b", 20, "clicks-85", reached=False),
    row("grown", "nuclei", "a", 0.8, group="many"),
    row("grown", "nuclei", "a", 0.6, group="many", object=1),
    row("grown", "nuclei", "b", 0.1, group="many"),
]


def results(rows: list[dict[str, Any]] = ROWS, **more: Any) -> dict[str, Any]:
    return {
        "machine": {"processor": "abacus", "cores": 3, "system": "Wood"},
        "versions": {"msformer": "9.9"},
        "seconds": 120.0,
        "seed": 0,
        "limit": None,
        "only": [],
        "all_clicks": False,
        "methods": ["grown", "watershed"],
        "pictures": 5,
        "model": {"digest": DIGEST, "recipe": {}, "ships": True},
        "rows": rows,
        "many": [],
        "failures": [],
    } | more


def test_sets_count_alike_and_objects_of_a_picture_are_one_value() -> None:
    grown = values_of(ROWS, "single", "grown", "one-click")
    assert grown == {"polyps": {"a": 0.9, "b": 0.7}, "wounds": {"a": 0.4, "b": 0.4}}
    mean = mean_over_sets(grown, 0)
    assert mean.value == pytest.approx((0.8 + 0.4) / 2)
    # Of two pictures a resample has .9, .8 or .7 in the mean; the wounds never move.
    assert [mean.low, mean.high] == pytest.approx([0.55, 0.65])
    assert values_of(ROWS, "many", "grown", "one-click") == {"nuclei": {"a": pytest.approx(0.7), "b": 0.1}}


def test_differences_are_of_what_both_have() -> None:
    both = paired({"x": {"a": 0.75, "b": 0.5}, "y": {"a": 1.0}}, {"x": {"a": 0.5}, "z": {"a": 1.0}})
    assert both == {"x": {"a": 0.25}}


def test_the_top_says_who_is_ahead() -> None:
    text = page(results())
    line = next(line for line in text.splitlines() if line.startswith("- **One click:**"))
    # Differences: .3 and .3, then .1; every resample has .2 in the mean.
    assert line == (
        "- **One click:** grown has the highest mean, 0.600 (0.550–0.650); then watershed, 0.400 (0.350–0.450). "
        "Grown is ahead: the paired difference is +0.200 (+0.200 to +0.200). Grown is best on 2 of 2 sets."
    )
    line = next(line for line in text.splitlines() if line.startswith("- **Clicks to IoU .85:**"))
    # 12 and 11 clicks; differences 2 and 0: a resample may have 0.
    assert line == (
        "- **Clicks to IoU .85:** watershed has the fewest, 11.0 (2.0–20.0); then grown, 12.0 (4.0–20.0). "
        "The two are not told apart: the paired difference is -1.0 (-2.0 to +0.0). Watershed is best on 1 of 1 set."
    )


def test_the_words_turn_with_the_numbers() -> None:
    swapped = [one | {"method": {"grown": "watershed", "watershed": "grown"}[one["method"]]} for one in ROWS]
    assert "- **One click:** watershed has the highest mean" in page(results(swapped))
    alone = page(results([one for one in ROWS if one["method"] == "grown"]))
    assert "it is the only method" in alone
    assert "No set of single objects was measured." in page(results([one for one in ROWS if one["group"] == "many"]))


def test_one_picture_of_a_set_tells_nobody_apart() -> None:
    text = page(results([one for one in ROWS if (one["set"], one["case"]) != ("wounds", "b")]))
    line = next(line for line in text.splitlines() if line.startswith("- **One click:**"))
    assert line == (
        "- **One click:** grown has the highest mean, 0.600; then watershed, 0.400. "
        "The two are not told apart: the paired difference is +0.200. Grown is best on 2 of 2 sets."
    )
    assert "| wounds | 1 | **0.400** | 0.300 |" in text
    assert "| **mean over 2 sets** | | 0.600 | 0.400 |" in text


def test_tables_hold_every_set_with_its_best_in_bold() -> None:
    text = page(results())
    assert "| polyps | 2 | **0.800** (0.700–0.900) | 0.500 (0.400–0.600) |" in text
    assert "| wounds | 2 | **0.400** (0.400–0.400) | 0.300 (0.300–0.300) |" in text
    assert "| **mean over 2 sets** | | 0.600 (0.550–0.650) | 0.400 (0.350–0.450) |" in text
    assert "| polyps | 2 | 12.0 (50%) | **11.0** (50%) |" in text
    many = text[text.index("## One of many") :]
    assert "| nuclei | 2 | **0.400** (0.100–0.700) |" in many
    assert "### One box" not in text  # nothing was measured


def test_without_a_prompt_stands_first_and_only_those_that_have_an_answer_are_in_it() -> None:
    own = [row("grown", "polyps", "a", 0.75, "automatic", ms=70.0), row("grown", "polyps", "b", 0.25, "automatic")]
    text = page(results([*ROWS, *own]))
    assert text.index("- **Without a prompt:** grown has the highest mean, 0.500") < text.index("- **One click:**")
    table = text[text.index("### Without a prompt") : text.index("### One click")]
    assert "| set (Dice) | pictures | grown |" in table
    assert "| polyps | 2 | **0.500** (0.250–0.750) |" in table
    assert "watershed" not in table
    assert "| grown | 100 | 45 | 20 | – | – |" in text  # median of 70 and 20 ms
    assert "### Without a prompt" not in page(results())


def test_times_are_medians_and_the_command_is_told() -> None:
    text = page(results())
    # grown: looks of 300 ms once and of 100 ms otherwise.
    assert "| grown | 100 | – | 20 | – | – |" in text
    assert (
        "Made by `python -m benchmarks.interaction --data ../shared/data --out OUT --markdown docs/interaction.md"
        in text
    )
    assert "in 2 min: 5 pictures (abacus, 3 cores, Wood; msformer 9.9)" in text
    assert f"the one that ships, digest `{DIGEST[:16]}`" in text
    part = page(results(limit=2, only=["polyps"], model={"digest": DIGEST, "recipe": {}, "ships": False}))
    assert re.search(r"--only polyps --limit 2 --model FILE --methods grown watershed`", part)


def test_what_each_is_asked_by_is_told_and_who_was_left_out() -> None:
    slow = [*ROWS, row("GrabCut", "polyps", "a", 0.5), row("random walker", "polyps", "a", 0.5)]
    text = page(results(slow))
    assert "| watershed | scikit-image, marks flood the gradient | one click, a box, further clicks |" in text
    assert "| random walker | scikit-image, beta 130 | one click, a box |" in text
    left_out = "Not asked for further clicks, to save time: random walker (`--all-clicks` asks)."
    assert left_out in text.splitlines()
    assert "random walker" not in text[text.index("### Clicks to IoU .85") :].split("###")[1]
    asked = page(results(slow, all_clicks=True))
    assert "Not asked" not in asked
    assert "beta 130 | one click, a box, further clicks |" in asked
    assert "docs/interaction.md --all-clicks --methods" in asked
    assert "Not asked" not in page(results())


def test_what_broke_is_told() -> None:
    assert "No method broke" in page(results())
    broken = page(results(failures=[{"set": "polyps", "case": "a", "method": "", "error": "ReadError: a | b"}]))
    assert "| polyps | a | reading | ReadError: a / b |" in broken


def test_clicks_on_many_are_counted_by_what_they_did() -> None:
    rows = [
        {"set": "s", "case": "a", "click": 0, "sign": 0, "value": 0.5, "pointed": 0.4},
        {"set": "s", "case": "a", "click": 1, "sign": 1, "value": 0.7},
        {"set": "s", "case": "a", "click": 2, "sign": -1, "value": 0.6},
        {"set": "s", "case": "b", "click": 0, "sign": 0, "value": 0.9, "pointed": 0.9},
    ]
    text = "\n".join(many_table(rows))
    assert "| s | 2 | 0.700 | 0.650 | 0.800 | 0.750 | 1, 0, +0.200 | 1, 1, -0.100 |" in text
    assert many_table([]) == []
