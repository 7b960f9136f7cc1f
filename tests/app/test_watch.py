"""What runs is watched: in a browser, over a reload, and until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.app.helpers import needs_chromium, serious_faults, served, wait_until, write_lesions

from msformer.app.desk import WATCHED, Desk, Task, _left
from msformer.app.jobs import Job
from msformer.errors import ConfigError

SLOW = ("--preset", "general", "--set", "fit.max_iter=1000", "--set", "fit.min_clusters=1", "--set", "fit.threads=1")
STEP_JS = "() => Number(/step (\\d+) of 1000/.exec(document.getElementById('watch-facts').textContent)?.[1] ?? 0)"


def told(name: str, gone: float, left: float | None) -> dict[str, Any]:
    return {"name": name, "began": time.time() - gone, "left": left}


def test_before_an_image_is_done_those_under_way_say_how_long_the_run_takes() -> None:
    assert _left([], 4) is None
    assert _left([told("a", 5, None)], 4) is None
    # The images under way end in 20 and 40 s and take 30 and 50 s; four more take 40 s each, two at a time.
    assert _left([told("a", 10, 20), told("b", 10, 40)], 6) == pytest.approx(40 + 4 * 40 / 2, abs=1)


def test_what_an_earlier_run_did_does_not_count_for_the_time_left() -> None:
    job = Job("segment", done=10, total=14, before=8, began=time.monotonic() - 6)
    assert job.to_json()["left"] == 12  # two in 6 s, and four are left
    job = Job("segment", done=8, total=10, before=8, share=0.5, began=time.monotonic() - 6)
    assert job.to_json()["left"] == 18
    assert Job("segment", done=8, total=10, before=8).to_json()["left"] is None


def test_nothing_is_watched_where_nothing_runs(out: Path) -> None:
    desk = Desk(Task(out))
    assert desk.watched() == []
    assert desk.watched_picture("lesion-00", "labels") == b""
    with pytest.raises(ConfigError, match="kind must be one of labels, image; got 'secrets'"):
        desk.watched_picture("lesion-00", "secrets")


def test_what_was_watched_is_gone_after_the_run(tmp_path: Path) -> None:
    write_lesions(tmp_path / "in", 1)
    desk = Desk(Task(tmp_path / "out", (str(tmp_path / "in"),), ("--preset", "dermoscopy", "--workers", "0")))
    job = desk.segment()
    assert (tmp_path / "out" / WATCHED).is_dir()
    wait_until(lambda: job.status != "running")
    assert job.status == "done"
    assert not (tmp_path / "out" / WATCHED).exists()


@needs_chromium
def test_a_run_of_the_network_is_watched_over_a_reload_and_stopped(
    tmp_path: Path, new_page: Callable[..., Any]
) -> None:
    write_lesions(tmp_path / "in", 2)
    with served(tmp_path, "in", "-o", "out", *SLOW) as program:
        page = new_page(program.address)
        panel = page.get_by_role("region", name="What is being segmented")
        page.wait_for_function(f"() => ({STEP_JS})() > 2")
        chart = panel.get_by_role("img", name="Losses at step")
        assert "cross-entropy from" in chart.get_attribute("aria-label")
        assert panel.locator("#watch-legend li").all_inner_texts()[0].startswith("total")
        assert not serious_faults(page)
        first, before = page.evaluate(STEP_JS), panel.locator("#watch-labels").get_attribute("src")
        page.wait_for_function(
            "(before) => { const one = document.getElementById('watch-labels');"
            " return one.complete && one.naturalWidth > 0 && one.getAttribute('src') !== before; }",
            arg=before,
        )
        assert "at most" in panel.locator("#watch-facts").inner_text()
        name = panel.locator("#watch-title").inner_text()

        page.reload()
        page.wait_for_function(f"() => ({STEP_JS})() > {first}")
        assert panel.locator("#watch-title").inner_text() == name
        assert chart.locator("polyline").count() == 4
        panel.get_by_role("button", name="Close").click()
        assert panel.is_hidden()
        page.reload()
        page.get_by_role("button", name="Watch").wait_for()
        assert panel.is_hidden()
        page.get_by_role("button", name="Watch").click()

        panel.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped. What was finished is kept.").first.wait_for()
        assert panel.is_hidden()
        assert not list((tmp_path / "out" / "masks").glob("*"))
        assert not (tmp_path / "out" / WATCHED).exists()
        page.get_by_role("button", name="Segment the rest").wait_for()


@needs_chromium
def test_without_a_network_the_page_says_why_there_are_no_losses(tmp_path: Path, new_page: Callable[..., Any]) -> None:
    write_lesions(tmp_path / "in", 1)
    # Many restarts of k-means, so that there is something to see.
    with served(tmp_path, "in", "-o", "out", "--preset", "dermoscopy", "--restarts", "40") as program:
        page = new_page(program.address)
        panel = page.get_by_role("region", name="What is being segmented")
        panel.get_by_text("groups pixels by their likeness at once").wait_for()
        assert panel.locator("#watch-chart").is_hidden()
        assert "try " in panel.locator("#watch-facts").inner_text()
        assert panel.get_by_role("listitem").first.inner_text().startswith("reading the file")
