"""The page as a browser has it, opened from a disk; skipped where Playwright or Chromium is missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.batch.report.made import done, draw_previews, failed, learned, report
from tests.batch.report.test_page import EVIL

from msformer.batch.report.entries import certainty

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
    assert "94 % sure" in page.inner_text("article >> nth=10"), "those of the other chunk are there"


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
        "[...document.querySelectorAll('h1, h2, p, a, .mark, summary, label, button')].map(one => {"
        "  const ground = (part) => getComputedStyle(part).backgroundColor;"
        "  let under = one;"
        "  while (ground(under) === 'rgba(0, 0, 0, 0)' && under !== document.body) under = under.parentElement;"
        "  return [getComputedStyle(one).color, ground(under)];"
        "})"
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


def draw_full(out: Path, name: str, shape: tuple[int, int]) -> dict[str, str]:
    """Write an overlay and clusters of one colour each; what a record has of them."""
    for path, colour in ((f"overlays/{name}.jpg", 90), (f"colours/{name}.png", 200)):
        (out / path).parent.mkdir(exist_ok=True)
        Pillow.fromarray(np.full((*shape, 3), colour, dtype=np.uint8)).save(out / path)
    outputs: dict[str, str] = done(name)["outputs"]
    return outputs | {"overlays": f"overlays/{name}.jpg", "colours": f"colours/{name}.png"}


def shown(page: Any) -> str:
    """The file that is looked at in full size."""
    until(page, "document.querySelector('#viewer-stage img')?.complete")
    return str(page.get_attribute("#viewer-stage img", "src"))


def test_a_picture_opens_at_full_size_and_is_zoomed_to_its_pixels(look: Any, tmp_path: Path) -> None:
    records = [done(name, outputs=draw_full(tmp_path, name, (1500, 2000)), confidence=0.1) for name in ("a", "b")]
    draw_previews(tmp_path, records)
    report(tmp_path, records)
    page = look(tmp_path)
    page.click("[data-name=a] .look a")
    assert page.inner_text("#viewer-name") == "a"
    assert shown(page) == "./overlays/a.jpg"
    until(page, "document.querySelector('#viewer-stage img').getBoundingClientRect().width <= 1000")
    page.keyboard.press("1")
    assert page.inner_text("#zoom") == "100 %"
    assert page.evaluate("document.querySelector('#viewer-stage img').getBoundingClientRect().width") == 2000
    page.keyboard.press("c")
    assert shown(page) == "./colours/a.png"
    until(page, "document.querySelector('#viewer-stage img').getBoundingClientRect().width === 2000")
    page.click("[data-beside='1']")
    assert (page.inner_text("#viewer-name"), shown(page)) == ("b", "./colours/b.png")
    assert page.is_disabled("[data-beside='1']")
    page.keyboard.press("Escape")
    assert page.is_hidden("#viewer")
    until(page, "document.activeElement.closest('article')?.dataset.name === 'b'")


def test_a_volume_is_a_strip_that_scrolls(look: Any, tmp_path: Path) -> None:
    numbers = {"axis": 0, "slices": list(range(100)), "labels_changed": 0, "labels_followed": 2, "notes": []}
    outputs = draw_full(tmp_path, "v", (240, 5000))
    told = {"confidence": 0.4, "confidences": [0.3] * 40 + [0.2] + [0.6] * 59}
    records = [done("v", shape=[100, 200, 300], outputs=outputs, **numbers, **told)]
    draw_previews(tmp_path, records)
    report(tmp_path, records)
    page = look(tmp_path)
    until(page, "document.querySelector('.strip img')?.naturalWidth === 5000")
    assert page.evaluate(
        "document.querySelector('.strip').scrollWidth > 3 * document.querySelector('.strip').clientWidth"
    )
    reason = "Because the masks of 41 of 100 slices are probably wrong, that of slice 40 most of all."
    assert reason in page.inner_text("[data-name=v]")
    page.click(".strip a")
    until(page, "document.querySelector('#viewer-stage img')?.naturalWidth === 5000")
    assert page.inner_text("#viewer-words") == "probably wrong · 60 of 100 slices, 0 to 99"
    assert page.evaluate("document.getElementById('viewer-stage').scrollLeft") == 0


def test_a_page_without_its_folders_still_shows_what_it_has(look: Any, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    records = [done("a", outputs=draw_full(tmp_path / "made", "a", (300, 400)))]
    draw_previews(tmp_path / "made", records)
    report(tmp_path / "made", records)
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "made" / "index.html", tmp_path / "alone")
    page = look(tmp_path / "alone", trouble="ERR_FILE_NOT_FOUND")
    page.click("[data-name=a] .look a")
    until(page, "document.querySelector('#viewer-stage img').naturalWidth === 90")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(scheme: str, width: int, browser: Any, tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    slices = {"axis": 0, "slices": [0, 1], "labels_changed": 0, "labels_followed": 2, "confidences": [0.6, 0.6]}
    records = [
        done("a", outputs=draw_full(tmp_path, "a", (300, 400)), confidence=0.2, confidence_reason="it is odd"),
        done("b", confidence=0.9, learned=learned("region", 0.5)),
        done("v", shape=[2, 200, 300], outputs=draw_full(tmp_path, "v", (240, 600)), confidence=0.6, **slices),
        failed("c"),
    ]
    draw_previews(tmp_path, records)
    report(tmp_path, records, skipped=[{"path": "l.png", "why": "link", "reason": "it leads nowhere"}])
    # The policy of the page forbids the script that looks at it.
    context = browser.new_context(viewport={"width": width, "height": 720}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    page.wait_for_selector("[data-name=a] .look a")
    assert axe.run(page).response["violations"] == []
    page.click("[data-name=a] .look a")
    shown(page)
    assert axe.run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_without_scripts_cases_are_links_to_their_largest_pictures(browser: Any, tmp_path: Path) -> None:
    records = [done("a<b>", outputs=draw_full(tmp_path, "a", (30, 40)), confidence_reason="it is odd", confidence=0.1)]
    report(tmp_path, [*records, done("plain"), failed("c")])
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    lines = page.locator("noscript li").all_inner_texts()
    assert lines[1:] == ["a<b>: probably wrong. Because it is odd.", "plain: worth a look."]
    assert lines[0].startswith("c: failed, /data/c.png: no image format")
    links = page.locator("noscript li a")
    assert [links.nth(place).get_attribute("href") for place in (0, 1)] == ["./overlays/a.jpg", "./preview/plain.png"]
    context.close()


def test_words_for_certainty_are_those_of_the_other_page() -> None:
    script = (resources.files("msformer.app") / "static" / "panel.js").read_text()
    rules = re.findall(r'if \(confidence >= ([\d.]+)\) return \["([a-z ]+)", "([a-z]+)"\];', script)
    last = re.search(r'\n  return \["([a-z ]+)", "([a-z]+)"\];', script)
    assert len(rules) == 2
    assert last is not None
    for least, words, kind in rules:
        assert certainty(float(least)) == (words, kind)
    assert certainty(float(rules[-1][0]) - 1e-6) == last.groups()
    assert certainty(float(rules[0][0]) - 1e-6) == rules[1][1:]
