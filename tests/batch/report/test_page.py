"""The page of a report: what it loads, how large it is, what stops it and what does not."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import tracemalloc
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, overload

import pytest
from PIL import Image as Pillow
from tests.batch.report.made import REGION, done, draw_previews, failed, learned, report
from tests.helpers import page_cases

MEGABYTE = 10**6
EVIL = [
    "</script><script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>", "<!--<script>",
    "a\u2028b\u2029", "\"quoted\" 'q' & {{ title }} {% for x in y %} ${x} `${y}`", "line\nbreak", "odd\udcff",
    "javascript:window.hacked=1", "#x?y%41",
]  # fmt: skip


class Many(Sequence[dict[str, Any]]):
    """Records of so many cases, each made when it is asked for; one in so many was segmented."""

    def __init__(self, length: int, done_each: int = 20) -> None:
        self.length, self.done_each = length, done_each

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        assert isinstance(place, int)
        if place >= self.length:
            raise IndexError(place)
        name = f"case-{place:06d}"
        if place % self.done_each:
            return failed(name, f"must be at least 33 px; got {place}")
        regions = [dict(REGION) for _ in range(30)]
        return done(name, regions=regions, confidence=place * 7919 % 10007 / 10007)


def test_a_hundred_thousand_cases_have_a_small_page(tmp_path: Path) -> None:
    skipped = [{"path": "/data/" + "x" * 4000, "why": "unknown", "reason": "y" * 4000}] * 1000
    report(tmp_path, Many(100_000), skipped=skipped)
    assert (tmp_path / "index.html").stat().st_size < 2 * MEGABYTE
    assert (tmp_path / "report" / "index.js").stat().st_size < 20 * MEGABYTE
    chunks = sorted((tmp_path / "report").glob("cases-*.js"))
    assert [path.name for path in chunks] == [f"cases-{number:04d}.js" for number in range(1, 501)]
    assert max(path.stat().st_size for path in chunks) < MEGABYTE / 4
    cases = page_cases(tmp_path)
    assert [one["state"] for one in cases.values()] == ["failed"] * 95_000 + ["segmented"] * 5_000
    confidences = [one["confidence"] for one in cases.values()][95_000:]
    assert confidences == sorted(confidences)


def test_memory_is_that_of_an_index(tmp_path: Path) -> None:
    """Of a hundred thousand cases 200 MB at most, so of two thousand more 4 MB; their records would take 20."""
    most = []
    for count in (1_000, 3_000):
        tracemalloc.start()
        report(tmp_path, Many(count, done_each=1))
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] - most[0] < 4 * MEGABYTE


def test_below_two_hundred_cases_the_page_is_one_file(tmp_path: Path) -> None:
    records = [done(f"n{place}", confidence=place / 200) for place in range(199)]
    draw_previews(tmp_path, records)
    report(tmp_path, records)
    assert not (tmp_path / "report").exists()
    cases = page_cases(tmp_path)
    assert list(cases) == [f"n{place}" for place in range(199)]
    for place, one in enumerate(cases.values()):
        kind, packed = one["picture"].split(",")
        assert kind == "data:image/jpeg;base64"
        with Pillow.open(io.BytesIO(base64.b64decode(packed))) as picture:
            red, green, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        assert (abs(red - place * 37 % 256), abs(green - 90), abs(blue - 200)) < (9, 9, 9)


def test_from_two_hundred_on_data_and_pictures_lie_beside_it_and_go_when_cases_do(tmp_path: Path) -> None:
    records = [done(f"n{place}") for place in range(401)]
    draw_previews(tmp_path, records)
    report(tmp_path, records)
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"index.js", "cases-0001.js", "cases-0002.js", "cases-0003.js"}
    assert page_cases(tmp_path)["n400"]["picture"] == "./thumbnails/n400.jpg"
    assert "data:image" not in (tmp_path / "index.html").read_text()
    report(tmp_path, records[:200])
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"index.js", "cases-0001.js"}
    (tmp_path / "report" / "notes.txt").write_text("mine")
    report(tmp_path, records[:199])
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["notes.txt"]


def test_a_case_without_a_picture_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = [done(name) for name in ("good", "missing", "torn", "folder")] + [done("none", outputs={})]
    draw_previews(tmp_path, records[:1])
    (tmp_path / "preview" / "torn.png").write_bytes((tmp_path / "preview" / "good.png").read_bytes()[:60])
    (tmp_path / "preview" / "folder.png").mkdir()
    with caplog.at_level(logging.WARNING):
        report(tmp_path, records)
    cases = page_cases(tmp_path)
    assert {name for name, one in cases.items() if one["picture"] is None} == {"missing", "torn", "folder", "none"}
    assert "whose previews cannot be read: 4" in caplog.text
    assert json.loads((tmp_path / "report.json").read_text())["done"] == 5


@pytest.mark.parametrize("count", [len(EVIL), 200])
def test_text_of_strangers_is_text(count: int, tmp_path: Path) -> None:
    names = [*EVIL, *(f"n{place}" for place in range(count - len(EVIL)))]
    records = [done(name, notes=[name], preset=name, preset_reason=name, confidence_reason=name) for name in names]
    records[1::2] = [failed(name, f"{name} is wrong") for name in names[1::2]]
    report(tmp_path, records, skipped=[{"path": name, "why": "unknown", "reason": name} for name in EVIL])
    told = (tmp_path / "index.html").read_bytes()
    for path in (tmp_path / "report").glob("*.js"):
        told += path.read_bytes()
    text = told.decode("utf-8")  # all of it
    assert "window.hacked=1</script>" not in text
    assert "<img" not in text
    assert "<!--<script>" not in text
    assert not re.search("[\u2028\u2029]", text)
    assert text.count("</script>") == text.count("<script")
    shown = page_cases(tmp_path)
    assert {"</script><script>window.hacked=1</script>", "line\\nbreak", "odd\\udcff", "a\\u2028b\\u2029"} <= set(shown)


def test_addresses_stay_below_the_folder(tmp_path: Path) -> None:
    outputs = {
        "masks": "masks/a b#c?d%.png", "labels": "//there/x.png", "labels.nii.gz": "javascript:x()",
        "preview": os.fsdecode(b"preview/\xff.png"),
    }  # fmt: skip
    report(tmp_path, [done("a", outputs=outputs)])
    assert page_cases(tmp_path)["a"]["files"] == [
        ["mask", "./masks/a%20b%23c%3Fd%25.png"],
        ["labels", ".///there/x.png"],
        ["labels, nii.gz", "./javascript%3Ax%28%29"],
        ["preview", "./preview/%FF.png"],
    ]


class Addresses(HTMLParser):
    """Everything that a page could load or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""


@pytest.mark.parametrize("count", [3, 200])
def test_a_page_asks_nobody_for_anything(count: int, tmp_path: Path) -> None:
    names = [f"n{place}" for place in range(count)]
    report(tmp_path, [done(name) for name in names])
    page = Addresses()
    page.feed((tmp_path / "index.html").read_text())
    previews = {f"./preview/{name}.png" for name in names}
    assert set(page.found) <= {"#cases", "./regions.csv", "./report.json", "./report/index.js"} | previews
    assert page.policy.startswith("default-src 'none'; ")
    assert "http" not in page.policy
    assert "connect-src" not in page.policy
    assert "url(" not in (tmp_path / "index.html").read_text()


def test_the_states_of_a_folder_that_taught(tmp_path: Path) -> None:
    records = [
        done(name, learned=learned(name, worth))
        for name, worth in (("own", 0.5), ("region", 0.25), ("outline", 0.125), ("corrected", 0.0))
    ]
    report(tmp_path, [*records, done("alone"), failed("bad")])
    found = {name: (one["state"], one["worth"]) for name, one in page_cases(tmp_path).items()}
    assert found == {
        "own": ("segmented", 0.5), "region": ("changed", 0.25), "outline": ("changed", 0.125),
        "corrected": ("corrected", 0.0), "alone": ("segmented", None), "bad": ("failed", None),
    }  # fmt: skip


def test_the_room_for_a_picture_has_its_sides(tmp_path: Path) -> None:
    volume = {"shape": [7, 20, 30], "axis": 0, "slices": [1, 2, 3], "labels_changed": 0, "labels_followed": 2}
    records = [done("flat"), done("volume", **volume), done("other", **volume | {"axis": 2, "slices": list(range(30))})]
    report(tmp_path, records)
    found = {name: one["ratio"] for name, one in page_cases(tmp_path).items()}
    assert found == {"flat": 4.5, "volume": 1.5, "other": pytest.approx(3 * 20 / (4 * 7), abs=0.001)}


def test_what_was_passed_over_is_listed_by_reason_and_not_without_end(tmp_path: Path) -> None:
    many = [{"path": f"/data/{place}<b>.x", "why": "unknown", "reason": "it is of no kind"} for place in range(203)]
    report(tmp_path, [done("a")], skipped=[*many, {"path": "l.png", "why": "link", "reason": "it leads nowhere"}])
    text = (tmp_path / "index.html").read_text()
    assert "Skipped 204: 203 of no known kind, 1 link" in text
    assert "<li>/data/199&lt;b&gt;.x: it is of no kind</li>" in text
    assert "/data/200&lt;b&gt;" not in text
    assert "<li>and 3 more, which report.json has</li>" in text
    assert "<li>l.png: it leads nowhere</li>" in text
