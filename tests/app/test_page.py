"""The page in a real browser: what a person does, and the files that come of it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.app.helpers import (
    SHAPE,
    Served,
    needs_chromium,
    read_mask,
    serious_faults,
    served,
    start,
    wait_until,
    write_lesions,
)

from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.image import Mask

pytestmark = needs_chromium
NewPage = Callable[..., Any]
PLACE_JS = """([row, column]) => {
  const view = window.msformer.view, box = document.getElementById('live').getBoundingClientRect();
  const [x, y] = view.spotOf(row + 0.5, column + 0.5);  // the middle of a pixel
  return [x + box.left, y + box.top];
}"""
MASK_JS = "() => Array.from(window.msformer.view.mask)"
QUIET_JS = "() => window.msformer.isQuiet()"


CASES = 16


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One program for the tests that need no other."""
    folder = tmp_path_factory.mktemp("served")
    write_lesions(folder / "in", CASES)
    run_cases(plan_cases([str(folder / "in")]), Config.from_preset("dermoscopy"), folder / "out")
    with served(folder, "out") as started:
        started.out = folder / "out"
        yield started


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    """A case for each test."""
    return (f"lesion-{number:02d}" for number in range(CASES))


@pytest.fixture
def page(program: Served, names: Iterator[str], new_page: NewPage) -> Any:
    """The page with a lesion that nobody has touched; ``page.out`` has the results."""
    opened = new_page(f"{program.address}#{next(names)}")
    opened.out, opened.program = program.out, program
    ready(opened)
    return opened


def ready(page: Any) -> None:
    """Wait until an image is there, with its regions."""
    page.wait_for_function("() => window.msformer?.pointer.regions && window.msformer.isQuiet()")


def quiet(page: Any) -> None:
    """Wait until all that was done is saved."""
    page.wait_for_function(QUIET_JS)


def mask_of(page: Any, shape: tuple[int, int] = SHAPE) -> Mask:
    quiet(page)
    return np.array(page.evaluate(MASK_JS), dtype=bool).reshape(shape)


def place(page: Any, row: float, column: float) -> tuple[float, float]:
    x, y = page.evaluate(PLACE_JS, [row, column])
    return x, y


def click(page: Any, row: float, column: float, button: str = "left") -> None:
    page.mouse.click(*place(page, row, column), button=button)
    quiet(page)


def drag(page: Any, places: list[tuple[float, float]], button: str = "left") -> None:
    page.mouse.move(*place(page, *places[0]))
    page.mouse.down(button=button)
    for one in places[1:]:
        page.mouse.move(*place(page, *one), steps=4)
    page.mouse.up(button=button)
    quiet(page)


def name_of(page: Any) -> str:
    return str(page.locator("#case-name").text_content())


def correction(page: Any) -> Path:
    return Path(page.out) / "corrections" / f"{name_of(page)}.png"


def assert_written(page: Any) -> None:
    np.testing.assert_array_equal(read_mask(correction(page)), mask_of(page))


def test_from_a_folder_of_images_to_masks_on_the_disk(tmp_path: Path, new_page: NewPage) -> None:
    truth = write_lesions(tmp_path / "in", 2)
    with served(tmp_path, "in", "-o", "out", "--preset", "dermoscopy", "--updates", "1") as program:
        page = new_page(program.address)
        page.out = tmp_path / "out"
        ready(page)
        wait_until(lambda: page.locator("#cases button").count() == 2)
        name = name_of(page)
        automatic = read_mask(page.out / "masks" / f"{name}.png")
        np.testing.assert_array_equal(mask_of(page), automatic)

        rows, columns = np.nonzero(truth[name])
        middle = float(rows.mean()), float(columns.mean())
        page.keyboard.press("g")  # regions light up under the cursor, and the wheel walks them
        page.mouse.move(*place(page, *middle))
        page.wait_for_function("() => window.msformer.pointer.regions.found.length > 1")
        small = page.evaluate("() => window.msformer.pointer.regions.chosen.area")
        page.mouse.wheel(0, -100)
        page.wait_for_function(f"() => window.msformer.pointer.regions.chosen.area > {small}")
        page.keyboard.press("Delete")
        quiet(page)
        assert not mask_of(page).any()
        click(page, *middle)
        taken = mask_of(page)
        assert taken[int(middle[0]), int(middle[1])]
        assert_written(page)

        page.keyboard.press("p")
        page.keyboard.press("Delete")
        click(page, *middle)
        clicked = mask_of(page)
        dice = 2 * (clicked & truth[name]).sum() / (clicked.sum() + truth[name].sum())
        assert dice > 0.6
        page.get_by_role("button", name="Whole").click()
        quiet(page)
        assert_written(page)

        page.keyboard.press("b")
        before = mask_of(page)
        drag(page, [(8, 8), (8, 60)])
        assert mask_of(page)[8, 8:60].all()
        assert_written(page)
        assert page.locator("#tool-undo").get_attribute("aria-label") == "Undo: brush"
        page.keyboard.press("Control+z")
        np.testing.assert_array_equal(mask_of(page), before)
        assert_written(page)
        page.keyboard.press("Control+y")
        drawn = mask_of(page)
        page.keyboard.press("a")
        page.wait_for_function(f"() => document.getElementById('case-name').textContent !== '{name}'")
        quiet(page)
        np.testing.assert_array_equal(read_mask(page.out / "corrections" / f"{name}.png"), drawn)
        np.testing.assert_array_equal(read_mask(page.out / "masks" / f"{name}.png"), automatic)

        page.get_by_role("button", name="Teach the folder").click()
        page.get_by_text("The folder has learned").first.wait_for(timeout=120_000)
        np.testing.assert_array_equal(read_mask(page.out / "masks" / f"{name}.png"), drawn)
        np.testing.assert_array_equal(read_mask(page.out / "masks-alone" / f"{name}.png"), automatic)

        page.get_by_role("button", name="Save all").click()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("1 mask saved in").first.wait_for()
        np.testing.assert_array_equal(read_mask(page.out / "exports" / "png" / f"{name}.png"), drawn)


def test_every_tool_does_what_it_says(page: Any) -> None:
    page.keyboard.press("Delete")
    page.keyboard.press("l")
    drag(page, [(20, 20), (20, 60), (60, 60), (60, 20)])
    assert mask_of(page)[40, 40]
    assert not mask_of(page)[70, 40]
    page.keyboard.press("e")
    page.keyboard.press("[")
    drag(page, [(40, 40), (40, 42)])
    assert not mask_of(page)[40, 41]
    page.keyboard.press("f")
    assert mask_of(page)[40, 41]
    page.keyboard.press("k")
    drag(page, [(15, 40), (65, 40)])
    assert not mask_of(page)[20:60, 40].any()
    page.keyboard.press("m")
    drag(page, [(40, 30), (40, 50)])
    assert mask_of(page)[40, 40]
    page.keyboard.press("o")
    quiet(page)
    page.keyboard.press("x")
    drag(page, [(90, 90), (130, 150)])
    inside = mask_of(page)
    assert not inside[:88].any()
    page.keyboard.press("d")
    drag(page, [(10, 100), (10, 120)])
    assert mask_of(page)[10, 100:120].all()
    drag(page, [(10, 105), (10, 110)], button="right")
    assert not mask_of(page)[10, 105:110].any()
    assert_written(page)


def test_with_several_objects_a_right_click_takes_one_away(page: Any) -> None:
    page.get_by_role("button", name="several").click()
    before = mask_of(page)
    rows, columns = np.nonzero(before)
    row, column = int(rows.mean()), int(columns.mean())
    click(page, row, column, button="right")
    assert mask_of(page).sum() < before.sum()
    click(page, row, column)
    assert mask_of(page)[row, column]


def test_an_object_of_the_table_is_brought_to_the_middle(page: Any) -> None:
    page.locator("#objects summary").click()
    page.get_by_role("button", name="Show object 1", exact=True).click()
    rows, columns = np.nonzero(mask_of(page))
    x, y = place(page, float(rows.mean()), float(columns.mean()))
    box = page.locator("#stage").bounding_box()
    assert abs(x - box["x"] - box["width"] / 2) < box["width"] / 8
    assert abs(y - box["y"] - box["height"] / 2) < box["height"] / 8


def test_the_keyboard_alone_is_enough(page: Any) -> None:
    page.locator("#live").focus()
    page.keyboard.press("Delete")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    assert mask_of(page).any()
    assert "The mask has" in (page.locator("#told").text_content() or "")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    quiet(page)
    assert page.locator("#tool-undo").get_attribute("aria-label") == "Undo: box around the object"
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    first = name_of(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => document.getElementById('case-name').textContent !== '{first}'")
    page.keyboard.press("r")
    wait_until(lambda: " 1 rejected" in (page.locator("#counts").text_content() or ""))


def test_a_reload_in_the_middle_goes_on(page: Any) -> None:
    page.keyboard.press("b")
    drag(page, [(8, 8), (8, 60)])
    drag(page, [(130, 8), (130, 60)])
    page.keyboard.press("Control+z")
    drawn, name = mask_of(page), name_of(page)
    page.reload()
    ready(page)
    assert name_of(page) == name
    np.testing.assert_array_equal(mask_of(page), drawn)
    page.keyboard.press("Control+y")
    assert mask_of(page)[130, 8:60].all()
    for _ in range(2):
        page.keyboard.press("Control+z")
    quiet(page)
    assert not correction(page).exists()


def test_of_two_windows_the_later_one_is_told_and_nothing_is_lost(page: Any, new_page: NewPage) -> None:
    other = new_page(f"{page.program.address}#{name_of(page)}")
    ready(other)
    assert name_of(other) == name_of(page)
    other.evaluate("() => window.msformer.stopLooking()")  # as a window that lies behind others does
    page.keyboard.press("b")
    drag(page, [(8, 8), (8, 60)])
    other.keyboard.press("b")
    other.mouse.move(*place(other, 130, 8))
    other.mouse.down()
    other.mouse.up()
    other.get_by_text("changed in another window").first.wait_for()
    assert mask_of(other)[8, 8:60].all()
    drag(other, [(130, 8), (130, 60)])
    wait_until(lambda: bool(mask_of(page)[130, 8:60].all()))  # which looks every few seconds
    assert_written(page)


def test_a_program_that_is_killed_loses_nothing(segmented: Path, tmp_path: Path, new_page: NewPage) -> None:
    shutil.copytree(segmented / "out", tmp_path / "out")
    program: Served = start(tmp_path, ["out"])
    page = new_page(program.address)
    page.out = tmp_path / "out"
    ready(page)
    page.keyboard.press("b")
    drag(page, [(8, 8), (8, 60)])
    drawn, name = mask_of(page), name_of(page)
    program.process.send_signal(signal.SIGKILL)
    program.process.wait()
    page.get_by_role("alert").get_by_text("msformer is not running").wait_for()
    drag(page, [(130, 8), (130, 60)])
    assert "not saved" in (page.locator("#saved").text_content() or "")
    port = int(program.origin.rpartition(":")[2])
    again = start(tmp_path, ["out"], port)
    try:
        page.get_by_role("alert").get_by_text("started anew").wait_for()
        page.goto(again.address)
        ready(page)
        assert name_of(page) == name
        np.testing.assert_array_equal(mask_of(page), drawn)
        np.testing.assert_array_equal(read_mask(correction(page)), drawn)
        page.keyboard.press("Control+z")
        quiet(page)
        assert not correction(page).exists()
    finally:
        again.process.terminate()
        assert again.process.wait(20) in (143, 0)


def test_twenty_masks_are_accepted_in_forty_actions(tmp_path: Path, new_page: NewPage) -> None:
    write_lesions(tmp_path / "in", 20, shape=(72, 96))
    with served(tmp_path, "in", "-o", "out", "--preset", "dermoscopy") as program:
        page = new_page(program.address)
        ready(page)
        wait_until(lambda: page.locator("#cases button").count() == 20, 180)
        actions = 0
        while "20 accepted" not in (page.locator("#counts").text_content() or "") and actions < 40:
            name = name_of(page)
            page.keyboard.press("a")
            actions += 1
            page.wait_for_function(
                f"() => document.getElementById('case-name').textContent !== '{name}' ||"
                " document.getElementById('counts').textContent.includes('20 accepted')"
            )
        assert actions <= 40
        wait_until(lambda: len(list((tmp_path / "out" / "corrections").glob("*.png"))) == 20)


def test_axe_finds_nothing_serious(page: Any) -> None:
    assert not serious_faults(page)
    page.locator("#objects summary").click()
    page.keyboard.press("b")
    page.locator("#help").click()
    assert not serious_faults(page)
    page.keyboard.press("Escape")
    page.locator("#save").click()
    assert not serious_faults(page)


@pytest.mark.parametrize("size", [(1280, 720), (820, 1180), (390, 844)])
def test_it_fits_the_screen(page: Any, new_page: NewPage, size: tuple[int, int]) -> None:
    opened = new_page(page.program.address, viewport={"width": size[0], "height": size[1]})
    ready(opened)
    assert opened.evaluate("() => document.documentElement.scrollWidth") <= size[0]
    for name in ("Accept", "Reject"):
        box = opened.locator(f"#{name.lower()}").bounding_box()
        assert box["y"] + box["height"] <= size[1]
        assert box["height"] >= 40


def test_an_image_that_is_gone_is_told(page: Any) -> None:
    record = page.out.parent / "in" / f"lesion-{CASES - 1}.png"
    aside = record.rename(record.with_suffix(".aside"))
    try:
        page.locator(f'#cases button[data-name="lesion-{CASES - 1}"]').click()
        page.get_by_text("This image cannot be opened").first.wait_for()
        assert page.locator("#accept").is_disabled()
    finally:
        aside.rename(record)
    name = f"lesion-{CASES - 2}"
    page.locator(f'#cases button[data-name="{name}"]').click()
    page.wait_for_function(f"() => document.getElementById('case-name').textContent === '{name}'")
    ready(page)
    assert mask_of(page).any()
