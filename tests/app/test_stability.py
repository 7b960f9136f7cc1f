"""How far tries agree: as it was kept, or found out when asked."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.app.helpers import needs_chromium, serious_faults, served, wait_until, write_lesions

from msformer.app.desk import Desk, Task
from msformer.app.jobs import Job
from msformer.app.stability import TRIES, StoppedError, find_stability
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.image import Image
from msformer.io import read_image
from msformer.pipeline import segment

NAME = "lesion-01"
NETWORK = Config.from_mapping({"preset": "general", "fit": {"max_iter": 3}})


def pixels(data: bytes) -> Any:
    return np.asarray(Pillow.open(io.BytesIO(data)))


def test_what_a_run_kept_is_shown(tmp_path: Path) -> None:
    write_lesions(tmp_path / "in", 1)
    config = Config.from_preset("dermoscopy").replace(restarts=3)
    run_cases(plan_cases([str(tmp_path / "in")]), config, tmp_path / "out")
    desk = Desk(Task(tmp_path / "out"))
    assert desk.show("lesion-00", None)["tries"] == 3
    kept = np.asarray(Pillow.open(tmp_path / "out" / "stability" / "lesion-00.png"))
    np.testing.assert_array_equal(pixels(desk.stability("lesion-00", None)), kept)


def test_what_nobody_kept_is_found_out_and_nothing_of_the_run_is_written(out: Path, segmented: Path) -> None:
    desk = Desk(Task(out))
    before = sorted(path for path in out.rglob("*") if path.is_file())
    assert desk.show(NAME, None)["tries"] is None
    assert desk.stability(NAME, None) == b""
    job = desk.find_stability(NAME, None)
    wait_until(lambda: job.status != "running")
    assert (job.status, job.done, job.total) == ("done", TRIES, TRIES)
    assert desk.show(NAME, None)["tries"] == TRIES
    image = read_image(segmented / "in" / f"{NAME}.png")
    tries = segment(image, Config.from_preset("dermoscopy").replace(restarts=TRIES))
    np.testing.assert_array_equal(pixels(desk.stability(NAME, None)), tries.votes.astype(np.uint8) * 51)  # 255 / 5
    assert sorted(path for path in out.rglob("*") if path.is_file()) == before
    assert desk.show("lesion-00", None)["tries"] is None


def test_it_stops_between_the_updates_of_the_network() -> None:
    image = Image.from_array(np.random.default_rng(0).random((41, 43)).astype(np.float32))
    job = Job("stability", is_asked_to_stop=True)
    with pytest.raises(StoppedError):
        find_stability(image, NETWORK, job)
    assert job.done == 0


def test_of_no_case_there_is_none(out: Path) -> None:
    with pytest.raises(ConfigError, match="nothing-here"):
        Desk(Task(out)).find_stability("nothing-here", None)


@needs_chromium
def test_on_the_page_it_is_found_out_drawn_and_told(tmp_path: Path, new_page: Callable[..., Any]) -> None:
    write_lesions(tmp_path / "in", 2)
    run_cases(plan_cases([str(tmp_path / "in")]), Config.from_preset("dermoscopy"), tmp_path / "out")
    with served(tmp_path, "out") as program:
        page = new_page(f"{program.address}#{NAME}")
        page.wait_for_function("() => window.msformer?.pointer.regions && window.msformer.isQuiet()")
        page.keyboard.press("s")
        page.get_by_role("button", name="Find out").click()
        words = page.locator("#stability-words")
        words.get_by_text("All tries agree on").wait_for(timeout=60_000)
        assert page.locator("#stability-few").inner_text() == "1 of 5 tries"
        assert not serious_faults(page)
        share = int(words.inner_text().split("agree on ")[1].split()[0])
        tries = segment(
            read_image(tmp_path / "in" / f"{NAME}.png"), Config.from_preset("dermoscopy").replace(restarts=TRIES)
        ).votes
        assert share == np.count_nonzero(tries == TRIES) * 100 // np.count_nonzero(tries)
        painted = """() => {
          const { canvas } = window.msformer.view.marks;
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return data.reduce((a, b) => a + b, 0);
        }"""
        page.wait_for_timeout(200)
        shown = page.evaluate(painted)
        page.keyboard.press("s")
        page.wait_for_timeout(200)
        assert page.evaluate(painted) < shown
        page.keyboard.press("s")
        page.locator('#cases button[data-name="lesion-00"]').click()
        page.locator("#stability-none").wait_for()  # of another picture nothing is known
