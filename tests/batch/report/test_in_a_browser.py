"""The page as a browser has it, opened from a disk; skipped where Playwright or Chromium is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.batch.report.made import done, draw_previews, failed, learned, report
from tests.batch.report.test_page import EVIL

OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, headless=True, args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture
def look(browser: Any) -> Iterator[Any]:
    """Opens the page of a folder; at the end, nothing may have gone wrong or been asked for elsewhere."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    troubles: list[str] = []
    asked: list[str] = []
    expected: list[str] = []

    def opened(out: Path, fragment: str = "", trouble: str = "") -> Any:
        expected.extend([trouble] if trouble else [])
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{(out / 'index.html').as_uri()}{fragment}")
        page.wait_for_selector("#cases:not([aria-busy]) article, #cases:empty:not([aria-busy])")
        return page

    yield opened
    context.close()
    assert len(troubles) == len(expected)
    assert all(wanted in told for told, wanted in zip(troubles, expected, strict=True))
    assert all(address.startswith(("file://", "data:")) for address in asked)


def until(page: Any, what: str) -> None:
    """Wait for a condition; Playwright's own way of waiting is one that the page's policy forbids."""
    for _ in range(500):
        if page.evaluate(what):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"never came: {what}")


def names(page: Any) -> list[str]:
    page.wait_for_selector("#cases:not([aria-busy])")
    found: list[str] = page.eval_on_selector_all("article", "all => all.map(one => one.dataset.name)")
    return found


def two_hundred_and_seven(tmp_path: Path) -> list[dict[str, Any]]:
    """Names in an order of their own, confidences in that of their numbers; the first seven failed for two reasons."""
    records = [failed(f"bad{place}", "no such file" if place < 4 else f"got {place} px") for place in range(7)]
    for place in range(200):
        preset = "general" if place % 2 else "nuclei"
        confidence, elapsed = place / 200, (place * 7) % 200
        records.append(done(f"n{place}", confidence=confidence, elapsed_s=elapsed, preset=preset))
    draw_previews(tmp_path, records)
    report(tmp_path, records)
    return records


def test_pages_turn_by_buttons_keys_and_number(look: Any, tmp_path: Path) -> None:
    two_hundred_and_seven(tmp_path)
    page = look(tmp_path)
    assert page.inner_text("#count") == "1–50 of 207"
    first = [*(f"bad{place}" for place in range(7)), *(f"n{place}" for place in range(43))]
    assert names(page) == first
    assert page.is_disabled("#pager >> text=Previous")
    page.click("#pager >> text=Next")
    until(page, "document.getElementById('count').textContent.startsWith('51')")
    assert names(page) == [f"n{place}" for place in range(43, 93)]
    page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('count').textContent.startsWith('101')")
    page.keyboard.press("ArrowLeft")
    until(page, "document.getElementById('count').textContent.startsWith('51')")
    page.fill("#page", "5")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('count').textContent === '201–207 of 207'")
    assert names(page) == [f"n{place}" for place in range(193, 200)]
    assert page.is_disabled("#more >> text=Next")
    again = look(tmp_path, "#page=5")
    assert names(again) == [f"n{place}" for place in range(193, 200)]


def test_cases_are_sorted(look: Any, tmp_path: Path) -> None:
    two_hundred_and_seven(tmp_path)
    page = look(tmp_path)
    for order, first in (
        ("certain", ["n199", "n198"]),
        ("name", ["bad0", "bad1"]),
        ("slow", ["n57", "n114"]),  # 57 · 7 = 399, 114 · 7 = 798: 199 and 198 s
        ("trust", ["bad0", "bad1"]),
    ):
        page.select_option("[name=order]", order)
        until(page, f"document.querySelector('article').dataset.name === '{first[0]}'")
        assert names(page)[:2] == first
    page.select_option("[name=order]", "name")
    page.click("#pager >> text=Next")
    until(page, "document.getElementById('count').textContent.startsWith('51')")
    assert names(page)[0] == "n43", "numbers in names count as numbers"
    assert page.locator("[value=worth]").count() == 0, "nothing was taught"


def test_cases_are_filtered(look: Any, tmp_path: Path) -> None:
    two_hundred_and_seven(tmp_path)
    page = look(tmp_path)

    def counted(text: str) -> None:
        until(page, f"document.getElementById('count').textContent === '{text}'")

    page.fill("[name=find]", "N19")
    counted("1–11 of 11 (of 207)")
    assert names(page) == ["n19", *(f"n{place}" for place in range(190, 200))]
    page.select_option("[name=preset]", label="nuclei (100)")
    counted("1–5 of 5 (of 207)")
    page.fill("[name=low]", "0.96")
    page.fill("[name=high]", "0.98")
    counted("1–3 of 3 (of 207)")
    assert names(page) == ["n192", "n194", "n196"]
    page.fill("[name=find]", "nothing has this")
    counted("none of 207")
    page.click("button[type=reset]")
    counted("1–50 of 207")
    page.select_option("[name=state]", "failed")
    counted("1–7 of 7 (of 207)")


def test_failures_are_summed_up_and_a_press_shows_them(look: Any, tmp_path: Path) -> None:
    two_hundred_and_seven(tmp_path)
    page = look(tmp_path)
    assert page.inner_text("#failures summary") == "7 failed, by reason"
    assert page.locator("#failures button").all_inner_texts() == ["4 × no such file", "3 × got … px"]
    page.click("#failures button >> nth=1")
    until(page, "document.getElementById('count').textContent === '1–3 of 3 (of 207)'")
    assert names(page) == ["bad4", "bad5", "bad6"]
    assert page.get_attribute("#failures button >> nth=1", "aria-pressed") == "true"
    assert page.locator("article p").first.inner_text() == "/data/bad4.png: got 4 px"
    page.click("#failures button >> nth=1")
    until(page, "document.getElementById('count').textContent === '1–50 of 207'")


def test_pictures_come_as_they_are_looked_at(look: Any, tmp_path: Path) -> None:
    records = two_hundred_and_seven(tmp_path)
    (tmp_path / "thumbnails" / "n0.jpg").write_text("broken since the page was made")
    page = look(tmp_path, "#find=n")
    assert names(page)[:2] == ["n0", "n1"]
    until(page, "document.querySelector('[data-name=n1] img').naturalWidth === 90")
    assert page.inner_text("[data-name=n0] .none") == "no preview"
    assert page.eval_on_selector("[data-name=n49] img", "image => image.complete && image.naturalWidth > 0") is False
    assert page.get_attribute("[data-name=n1] img", "alt") == "image, clusters and outline of the mask of n1"
    link = page.get_attribute("[data-name=n1] .files a", "href")
    assert (tmp_path / link).resolve() == (tmp_path / records[8]["outputs"]["masks"]).resolve()


def test_a_chunk_that_is_gone_is_told(look: Any, tmp_path: Path) -> None:
    two_hundred_and_seven(tmp_path)
    (tmp_path / "report" / "cases-0002.js").unlink()
    page = look(tmp_path, "#order=certain", trouble="ERR_FILE_NOT_FOUND")
    assert names(page)[0] == "n199"
    assert "report/cases-0002.js cannot be read" in page.inner_text("article >> nth=0")
    assert "confidence 0.94" in page.inner_text("article >> nth=10"), "those of the other chunk are there"


@pytest.mark.parametrize("count", [len(EVIL), 200])
def test_text_of_strangers_does_nothing(count: int, look: Any, tmp_path: Path) -> None:
    texts = [*EVIL, *(f"n{place}" for place in range(count - len(EVIL)))]
    records = [
        done(f"{text}{place}", notes=[text], preset=text, preset_reason=text) for place, text in enumerate(texts)
    ]
    records += [failed(f"f{text}", f"{text} is wrong") for text in EVIL]
    report(tmp_path, records, skipped=[{"path": text, "why": "unknown", "reason": text} for text in EVIL])
    page = look(tmp_path, "#find=%3Cimg")
    assert page.evaluate("window.hacked") is None
    assert set(names(page)) == {"<img src=x onerror=window.hacked=1>1", "f<img src=x onerror=window.hacked=1>"}
    assert page.locator("h2 img, p img, li img").count() == 0
    page.click("button[type=reset]")
    page.click("#failures button >> nth=0")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None


def test_a_small_page_works_alone_with_the_same_controls(look: Any, tmp_path: Path) -> None:
    states = (("own", 0.25), ("region", 0.5), ("corrected", 0.0))
    records = [done(source, learned=learned(source, worth)) for source, worth in states]
    (tmp_path / "made").mkdir()
    draw_previews(tmp_path / "made", records)
    report(tmp_path / "made", [*records, failed("bad")])
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "made" / "index.html", tmp_path / "alone")
    page = look(tmp_path / "alone")
    until(page, "document.querySelector('[data-name=own] img').naturalWidth === 90")
    assert page.inner_text("[data-name=region] .mark") == "changed by learning"
    page.select_option("[name=order]", "worth")
    until(page, "document.querySelector('article').dataset.name === 'region'")
    assert names(page) == ["region", "own", "corrected", "bad"]
    page.select_option("[name=state]", "corrected")
    until(page, "document.getElementById('count').textContent === '1–1 of 1 (of 4)'")
    assert page.is_hidden("#more")


def test_controls_have_names(look: Any, tmp_path: Path) -> None:
    two_hundred_and_seven(tmp_path)
    page = look(tmp_path)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, button')]"
        ".filter(one => !(one.labels?.length && one.labels[0].textContent.trim()) && !one.textContent.trim()).length"
    )
    assert unnamed == 0
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "find"


def test_a_narrow_window_needs_no_scrolling_sideways(look: Any, tmp_path: Path) -> None:
    report(tmp_path, [failed("a" * 200, "a reason of many words " * 9), done("b" * 200)])
    page = look(tmp_path)
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, look: Any, tmp_path: Path) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 at least."""
    records = [done("a", learned=learned("region", 0.5)), done("b", learned=learned("corrected", 0.5)), failed("c")]
    report(tmp_path, records)
    page = look(tmp_path)
    page.emulate_media(color_scheme=scheme)
    colours = page.evaluate(
        "[...document.querySelectorAll('h1, h2, p, a, .mark, summary, label, button')].map(one => "
        "[getComputedStyle(one).color, getComputedStyle(document.body).backgroundColor])"
    )
    assert len(colours) > 10
    for text, ground in colours:
        light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def luminance(colour: str) -> float:
    """Of ``rgb(r, g, b)``, as WCAG 2.2 defines it."""
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
