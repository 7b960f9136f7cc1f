"""The widget in a real browser, on a page that plays the notebook: what is drawn there is the mask in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.app.helpers import SHAPE, needs_chromium
from tests.app.widget.host import channels, hosted

import msformer
from msformer.app.widget.edit_widget import EditWidget
from msformer.image import Mask
from msformer.phantoms import make_phantom

__all__ = ["channels"]
pytestmark = [needs_chromium, pytest.mark.usefixtures("channels")]
NewPage = Callable[..., Any]
HOST = "document.querySelector('.msformer-edit')"
PLACE_JS = f"""([row, column]) => {{
  const host = {HOST}, box = host.shadowRoot.getElementById('live').getBoundingClientRect();
  const [x, y] = host.msformer.view.spotOf(row, column);
  return [x + box.left, y + box.top];
}}"""


@pytest.fixture
def lesion() -> Any:
    return make_phantom("dermoscopy", seed=3, difficulty=0.2, shape=SHAPE)


@pytest.fixture
def widget(lesion: Any) -> EditWidget:
    return msformer.edit(lesion.image)


@pytest.fixture
def page(widget: EditWidget, new_page: NewPage) -> Iterator[Any]:
    with hosted(widget) as address:
        opened = new_page(address, viewport={"width": 1280, "height": 760})
        opened.address = address
        ready(opened)
        yield opened


def ready(page: Any) -> None:
    """Wait until the picture is there, with its regions."""
    page.wait_for_function(f"() => {HOST}?.msformer?.pointer.regions && {HOST}.msformer.isQuiet()")


def place(page: Any, row: float, column: float) -> tuple[float, float]:
    x, y = page.evaluate(PLACE_JS, [row, column])
    return x, y


def quiet(page: Any) -> None:
    page.wait_for_function(f"() => {HOST}.msformer.isQuiet()")


def shown(page: Any) -> Mask:
    quiet(page)
    return np.array(page.evaluate(f"() => Array.from({HOST}.msformer.view.mask)"), dtype=bool).reshape(SHAPE)


def agreed(page: Any, widget: EditWidget) -> Mask:
    """The mask, which is the same on both sides."""
    seen = shown(page)
    np.testing.assert_array_equal(widget.mask, seen)
    return seen


def drag(page: Any, places: list[tuple[float, float]], button: str = "left") -> None:
    page.mouse.move(*place(page, *places[0]))
    page.mouse.down(button=button)
    for one in places[1:]:
        page.mouse.move(*place(page, *one), steps=4)
    page.mouse.up(button=button)
    quiet(page)


def middle(mask: Mask) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(rows.mean()) + 0.5, float(columns.mean()) + 0.5


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_a_brush_draws_where_the_hand_was_and_undo_takes_it_back(page: Any, widget: EditWidget) -> None:
    page.locator("#tool-brush >> nth=-1").click()
    drag(page, [(40, 40), (40, 120)])
    drawn = agreed(page, widget)
    radius = page.evaluate(f"() => {HOST}.msformer.pointer.settings.radius()")
    rows, columns = np.nonzero(drawn)
    assert abs(rows.mean() + 0.5 - 40) < 1
    assert abs((columns.max() - columns.min() + 1) - (80 + 2 * radius)) < 3
    assert abs((rows.max() - rows.min() + 1) - 2 * radius) < 3

    drag(page, [(40, 60), (40, 70)], button="right")  # erases
    fewer = agreed(page, widget)
    assert 0 < fewer.sum() < drawn.sum()
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(agreed(page, widget), drawn)
    page.get_by_role("button", name="Undo").click()
    assert not agreed(page, widget).any()
    page.keyboard.press("Control+y")
    np.testing.assert_array_equal(agreed(page, widget), drawn)


def test_a_click_finds_the_object(page: Any, widget: EditWidget, lesion: Any) -> None:
    page.mouse.click(*place(page, *middle(lesion.mask)))
    before = agreed(page, widget)
    assert dice(before, lesion.mask) > 0.8
    page.locator("#answer-buttons button[aria-pressed=false]").first.click()
    assert not np.array_equal(agreed(page, widget), before)


def test_the_wheel_walks_the_regions_and_zooms_with_other_tools(page: Any, widget: EditWidget, lesion: Any) -> None:
    page.locator("#tools").get_by_role("button", name="Region").click()
    page.mouse.move(*place(page, *middle(lesion.mask)))
    for _ in range(20):
        page.mouse.wheel(0, 120)  # smaller and smaller
    page.mouse.down()
    page.mouse.up()
    small = agreed(page, widget)
    page.keyboard.press("Control+z")
    for _ in range(3):
        page.mouse.wheel(0, -120)
    page.mouse.down()
    page.mouse.up()
    large = agreed(page, widget)
    assert 0 < small.sum() < large.sum()

    page.keyboard.press("b")
    scale = page.evaluate(f"() => {HOST}.msformer.view.scale")
    page.mouse.wheel(0, -240)
    assert page.evaluate(f"() => {HOST}.msformer.view.scale") > 1.2 * scale


def test_what_python_does_is_shown(page: Any, widget: EditWidget, lesion: Any) -> None:
    row, column = (int(one) for one in middle(lesion.mask))
    widget.editor.point(row, column)
    page.evaluate("() => window.poll()")
    page.wait_for_function(f"() => {HOST}.msformer.view.mask.some(Boolean)")
    agreed(page, widget)


def test_two_views_of_one_widget_show_the_same_and_one_can_end(page: Any, widget: EditWidget) -> None:
    page.evaluate("() => { const cell = document.body.appendChild(document.createElement('div')); window.put(cell); }")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.msformer-edit')].every((one) => one.msformer.isQuiet())"
    )
    page.keyboard.press("Tab")
    page.locator(".msformer-edit >> nth=0").locator("#tool-lasso").click()
    drag(page, [(30, 30), (30, 90), (90, 90), (90, 30)])
    every = "[...document.querySelectorAll('.msformer-edit')]"
    masks = f"() => {every}.map((one) => one.msformer.view.mask.reduce((a, b) => a + b))"
    count = int(widget.mask.sum())
    assert abs(count - 60 * 60) < 400
    page.wait_for_function(f"() => ({masks})().every((one) => one === {count})")
    before = page.evaluate("() => window.heard()")
    page.evaluate("() => window.end()")
    assert page.evaluate("() => window.heard()") == before - 3


def test_the_notebook_keeps_its_style_and_its_keys(page: Any) -> None:
    page.evaluate(
        "() => { window.keys = []; document.addEventListener('keydown', (event) => window.keys.push(event.key)); }"
    )
    style = "() => getComputedStyle(document.querySelector('body > main > button')).backgroundColor"
    assert page.evaluate(style) == "rgb(1, 2, 3)"
    inside = f"() => getComputedStyle({HOST}.shadowRoot.getElementById('tool-box')).backgroundColor"
    assert page.evaluate(inside) != "rgb(1, 2, 3)"
    page.locator("#tool-eraser").click()
    page.keyboard.press("b")
    assert page.locator("#tool-brush").get_attribute("aria-pressed") == "true"
    assert page.evaluate("() => window.keys") == []


def test_light_and_dark_are_those_of_the_notebook(page: Any) -> None:
    ground = f"() => getComputedStyle({HOST}.shadowRoot.getElementById('widget')).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.evaluate("() => document.body.classList.add('dark')")
    page.wait_for_function(f"() => ({ground})() !== 'rgb(255, 255, 255)'")


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 640])
def test_axe_finds_nothing_serious(page: Any, is_dark: bool, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("(is) => document.body.classList.toggle('dark', is)", is_dark)
    page.mouse.click(*place(page, 70, 90))
    quiet(page)

    def faults() -> list[str]:
        found = axe.run(page).response["violations"]
        return [
            f"{one['id']}: {node['html']}" for one in found if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]  # fmt: skip

    assert not faults()
    page.keyboard.press("b")
    page.locator("#help").click()
    assert not faults()
