"""Take the pictures of docs/app.md: the page in a browser, on made images alone.

python -m scripts.make_app_figures [FOLDER]
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image as Pillow
from playwright.sync_api import sync_playwright
from tests.app.helpers import CHROMIUM, FLAGS, served

from msformer.phantoms import make_phantom

FIGURES = Path(__file__).parent.parent / "docs" / "app"
READY = "() => window.msformer?.isQuiet() && window.msformer.pointer.regions"
COLOURS = 128
"""Of a picture in the docs; it stays under 150 kB."""


def main() -> None:
    """Take all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as started:
        work = Path(made)
        browser = started.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        take_watch(browser, work, folder / "watch.png")
        take_stability(browser, work, folder / "stability.png")
        write_mixed(work / "mixed")
        with served(work, "mixed", "-o", "out") as program:
            page = open_page(browser, program.address)
            page.wait_for_timeout(300)
            save(page, folder / "begins.png")
            run_to_end(page, 5)
            for name, take in TOOLS.items():
                take(page)
                save(page, folder / f"{name}.png")
            phone = open_page(browser, f"{program.address}#lesion-2", viewport={"width": 390, "height": 844})
            phone.wait_for_function(READY)
            save(phone, folder / "phone.png")
            dark = open_page(browser, f"{program.address}#ultrasound", color_scheme="dark")
            dark.wait_for_function(READY)
            save(dark, folder / "dark.png")
        with served(work, "-o", "sample", "--updates", "10") as program:
            page = open_page(browser, program.address)
            run_to_end(page, 7)
            for name, take in FOLDER.items():
                take(page)
                save(page, folder / f"{name}.png")
        page.get_by_role("alert").get_by_text("not running").wait_for()
        save(page, folder / "gone.png")
        browser.close()


def take_watch(browser: Any, work: Path, path: Path) -> None:
    """The network at work, with the preset of the paper's demonstration on a smaller grid."""
    (work / "watch").mkdir()
    Pillow.fromarray(make_phantom("dermoscopy", seed=2, difficulty=0.4).image).save(work / "watch" / "lesion-2.png")
    words = ["--preset", "paper-demo", "--set", "prepare.working_size=129", "--set", "network.embed_dim=48"]
    with served(work, "watch", "-o", "watch-out", *words) as program:
        page = open_page(browser, program.address)
        facts = page.locator("#watch-facts")
        facts.get_by_text(re.compile("step (1[2-9]|[2-5][0-9]) of 50")).wait_for(timeout=240_000)
        page.wait_for_timeout(300)
        save(page, path)


def take_stability(browser: Any, work: Path, path: Path) -> None:
    """Tries that disagree."""
    (work / "stability").mkdir()
    image = make_phantom("ultrasound", seed=1, difficulty=0.9).image
    Pillow.fromarray(image).save(work / "stability" / "ultrasound.png")
    with served(work, "stability", "-o", "stability-out", "--preset", "general", "--restarts", "7") as program:
        page = open_page(browser, program.address)
        run_to_end(page, 1)
        page.locator("#show-mask").click()
        page.keyboard.press("s")
        page.get_by_text("All tries agree on").wait_for()
        page.mouse.move(5, 5)
        page.wait_for_timeout(400)
        save(page, path)


def open_page(browser: Any, address: str, **options: Any) -> Any:
    """A page of a browser."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 720}} | options))
    page = context.new_page()
    page.goto(address)
    return page


def save(page: Any, path: Path) -> None:
    """Take a picture, in few colours."""
    raw = path.with_suffix(".raw.png")
    page.screenshot(path=raw)
    with Pillow.open(raw) as opened:
        opened.convert("RGB").quantize(COLOURS, dither=Pillow.Dither.NONE).save(path, optimize=True)
    raw.unlink()


def run_to_end(page: Any, count: int) -> None:
    """Wait until all is segmented."""
    page.wait_for_function(f"() => document.querySelectorAll('#cases button').length === {count}", timeout=240_000)
    page.wait_for_function("() => document.getElementById('job').hidden", timeout=60_000)
    page.wait_for_function(READY)
    page.locator("#toast-close").click()


def write_mixed(folder: Path) -> None:
    """Write pictures of several kinds, and a scan."""
    kinds: dict[str, tuple[str, int, float]] = {
        "lesion-2": ("dermoscopy", 2, 0.4), "lesion-3": ("dermoscopy", 3, 0.7), "cells": ("cells", 0, 0.3),
        "ultrasound": ("ultrasound", 0, 0.3),
    }  # fmt: skip
    folder.mkdir()
    for name, (kind, seed, difficulty) in kinds.items():
        Pillow.fromarray(make_phantom(kind, seed=seed, difficulty=difficulty).image).save(folder / f"{name}.png")
    write_scan(folder / "chest-volume.nii.gz")


def write_scan(path: Path) -> None:
    """Write a made scan of a chest: slices of one phantom, each a little larger than the one before."""
    plane = make_phantom("lung_ct", seed=4).image.astype(np.int16)
    height, width = plane.shape
    slices = []
    for number in range(7):
        side = 1 - 0.02 * abs(number - 3)
        small = Pillow.fromarray(plane.astype(np.float32)).resize((int(width * side), int(height * side)))
        whole = np.full(plane.shape, plane.min(), dtype=np.int16)
        top, left = (height - small.height) // 2, (width - small.width) // 2
        whole[top : top + small.height, left : left + small.width] = np.asarray(small)
        slices.append(whole.T)
    image = nibabel.Nifti1Image(np.stack(slices, axis=2), np.diag([0.8, 0.8, 5.0, 1.0]))
    image.to_filename(path)


def go(page: Any, name: str) -> None:
    """Open a case."""
    page.locator(f'#cases button[data-name="{name}"]').click()
    page.wait_for_function(f"() => document.getElementById('case-name').textContent === '{name}'")
    page.wait_for_function(READY)


def spot(page: Any, row: float, column: float) -> tuple[float, float]:
    """Where a place of the picture is, as a share of its height and width."""
    x, y = page.evaluate(
        """([row, column]) => {
          const {view} = window.msformer, box = document.getElementById('live').getBoundingClientRect();
          const [x, y] = view.spotOf(row * view.picture.height, column * view.picture.width);
          return [x + box.left, y + box.top];
        }""",
        [row, column],
    )
    return x, y


def quiet(page: Any) -> None:
    """Wait until all is saved."""
    page.wait_for_function("() => window.msformer.isQuiet()")


def many(page: Any) -> None:
    """Many objects, of which one is added."""
    go(page, "cells")


def answers(page: Any) -> None:
    """A click with its three answers."""
    go(page, "lesion-3")
    page.keyboard.press("p")
    page.keyboard.press("Delete")
    page.mouse.click(*spot(page, 0.5, 0.52))
    quiet(page)
    page.mouse.move(*spot(page, 0.6, 0.6))
    page.wait_for_timeout(200)


def region(page: Any) -> None:
    """A region under the cursor."""
    go(page, "lesion-2")
    page.keyboard.press("g")
    page.mouse.move(*spot(page, 0.55, 0.5))
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(300)


def brush(page: Any) -> None:
    """A stroke under way."""
    page.mouse.move(5, 5)
    page.keyboard.press("b")
    page.mouse.move(*spot(page, 0.2, 0.3))
    page.mouse.down()
    for column in (0.35, 0.45, 0.55):
        page.mouse.move(*spot(page, 0.15, column), steps=5)
    page.wait_for_timeout(200)


def scan(page: Any) -> None:
    """A slice of a scan in the window of soft tissue."""
    page.mouse.up()
    quiet(page)
    go(page, "chest-volume")
    page.keyboard.press("PageUp")
    page.wait_for_function(READY)
    page.get_by_role("button", name="soft tissue").click()
    page.mouse.move(*spot(page, 0.4, 0.4))
    page.wait_for_timeout(300)


def clusters(page: Any) -> None:
    """Clusters over a picture, and the table of objects."""
    go(page, "cells")
    page.keyboard.press("c")
    page.keyboard.press("v")
    page.locator("#objects summary").click()
    page.locator("#object-rows tr").first.wait_for()
    page.locator("#objects").scroll_into_view_if_needed()
    page.wait_for_timeout(600)


def taught(page: Any) -> None:
    """The folder learns."""
    for name in ("lesion-1", "lesion-3", "lesion-5"):
        go(page, name)
        page.keyboard.press("a")
        page.wait_for_function("() => window.msformer.isQuiet()")
        page.wait_for_timeout(700)
    page.get_by_role("button", name="Teach the folder").click()
    page.wait_for_timeout(4000)


def learned(page: Any) -> None:
    """It is done."""
    page.get_by_text("The folder has learned").first.wait_for(timeout=240_000)
    page.wait_for_timeout(500)


def keys(page: Any) -> None:
    """The sheet of keys."""
    page.locator("#toast-close").click()
    page.keyboard.press("?")
    page.wait_for_timeout(200)


def saving(page: Any) -> None:
    """The menu that saves all."""
    page.keyboard.press("Escape")
    page.locator("#save").click()
    page.wait_for_timeout(200)


def shut(page: Any) -> None:
    """Back on a picture, zoomed in."""
    page.keyboard.press("Escape")
    page.mouse.move(*spot(page, 0.5, 0.5))
    for _ in range(3):
        page.keyboard.press("+")
    page.wait_for_timeout(200)


TOOLS: dict[str, Callable[[Any], None]] = {
    "many": many,
    "answers": answers,
    "region": region,
    "brush": brush,
    "scan": scan,
    "clusters": clusters,
}
FOLDER: dict[str, Callable[[Any], None]] = {
    "teaching": taught,
    "learned": learned,
    "keys": keys,
    "saving": saving,
    "zoomed": shut,
}


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit("chromium must be installed")
    main()
