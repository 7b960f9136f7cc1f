"""The page from networks that are written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.growing.page import difference, page
from benchmarks.growing.run import SHIPS


def network(name: str, updates: int, clicks: dict[str, list[float]], seconds: float | None = 600.0) -> dict[str, Any]:
    rows = [
        {"set": one, "case": str(index), "protocol": protocol, "value": value}
        for protocol in ("one-click", "best-of-3", "box")
        for one, values in clicks.items()
        for index, value in enumerate(values)
    ]
    return {"name": name, "updates": updates, "scenes": {}, "seconds": seconds, "rows": rows}


ALL = network("everything", 7, {"skin": [0.5, 0.7], "cysts": [0.4, 0.4]})
SEED = network("everything, seed 1", 7, {"skin": [0.5, 0.7], "cysts": [0.42, 0.42]})
ECHO = network("echo", 7, {"skin": [0.5, 0.7], "cysts": [0.1, 0.1]})
COLOUR = network("colour", 7, {"skin": [0.5, 0.72], "cysts": [0.4, 0.4]})
LONGER = network("everything, 14 updates", 14, {"skin": [0.8, 0.8], "cysts": [0.6, 0.6]}, 1200.0)
SHIPPED = network(SHIPS, 70, {"skin": [0.9, 0.9], "cysts": [0.8, 0.8]}, None)


def results() -> dict[str, Any]:
    return {
        "machine": {"processor": "abacus", "cores": 3, "system": "Wood"},
        "versions": {"msformer": "9.9"},
        "limit": 2,
        "networks": [LONGER, ALL, SEED, ECHO, COLOUR, SHIPPED],
    }


def test_differences_are_paired_and_sets_count_alike() -> None:
    gap = difference(ECHO, ALL)
    assert gap.value == pytest.approx(-0.15)
    assert [gap.low, gap.high] == pytest.approx([-0.15, -0.15])


def test_what_is_within_chance_is_not_told_to_matter() -> None:
    text = page(results())
    assert (
        "Another seed moves the mean by 0.010. Beyond that, and beyond its own interval, it is worse without: " in text
    )
    assert "echo (0.150)." in text
    assert "it is better without" not in text.lower()  # colour moves it by .005, less than the seed


def test_each_table_has_its_rows() -> None:
    text = page(results())
    assert "| echo | `echo`, `beyond_echo` | 0.350 (0.300–0.400) | -0.150 (-0.150 to -0.150) |" in text
    assert "| cysts | 0.40 | +0.02 | -0.30 | +0.00 |" in text
    lengths = [line for line in text.splitlines() if line.startswith(("| 7 |", "| 14 |", "| 70 |"))]
    assert [line.split(" | ")[:3] for line in lengths] == [
        ["| 7", "84", "10"],
        ["| 14", "168", "20"],
        ["| 70", "840", "–"],
    ]


def test_no_chance_is_said_without_another_seed() -> None:
    some = results() | {"networks": [ALL, ECHO, SHIPPED]}
    assert "echo (0.150)" in page(some)
