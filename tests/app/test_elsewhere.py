"""What other programs do to a folder while it is open: their corrections are seen, and nothing of ours is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.app.helpers import SHAPE, needs_chromium, read_mask, served
from tests.app.test_desk import NAME, act, brush, correction, mask_of

from msformer.app.desk import Desk, Task
from msformer.app.sheet import StaleError
from msformer.image import Mask
from msformer.io import write_mask


@pytest.fixture
def desk(out: Path) -> Desk:
    return Desk(Task(out))


def corner(rows: int = 20) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:rows, :30] = True
    return mask


def give(out: Path, mask: Mask, name: str = NAME) -> None:
    """Write a correction as another program does, a little later than what was done before."""
    path = correction(out, name)
    write_mask(path, mask)
    told = path.stat()
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns + 10**7))


def row(desk: Desk, name: str = NAME) -> dict[str, Any]:
    return next(one for one in desk.overview()["cases"] if one["name"] == name)


def test_a_correction_of_another_program_is_in_the_list_and_in_the_open_picture(desk: Desk, out: Path) -> None:
    before = desk.show(NAME, None)
    assert row(desk)["given"] == before["given"] == 0
    give(out, corner())
    after = row(desk)
    assert after["state"] == "corrected"
    assert after["given"] != 0
    shown = desk.show(NAME, None)
    assert shown["pixels"] == 600
    assert shown["given"] == after["given"]
    with pytest.raises(StaleError):  # whoever drew on the mask before is told
        desk.act(NAME, None, before["revision"], brush(4, 4))
    np.testing.assert_array_equal(read_mask(correction(out)), corner())


def test_it_replaces_what_was_drawn_and_is_replaced_itself(desk: Desk, out: Path) -> None:
    act(desk, brush(100, 100))
    give(out, corner())
    assert row(desk)["state"] == "corrected"
    np.testing.assert_array_equal(mask_of(desk), corner())
    give(out, corner(rows=10))
    row(desk)
    np.testing.assert_array_equal(mask_of(desk), corner(rows=10))
    act(desk, brush(100, 100))
    assert read_mask(correction(out))[100, 100]
    assert read_mask(correction(out))[:10, :30].all()
    act(desk, {"undo": True})
    np.testing.assert_array_equal(mask_of(desk), corner(rows=10))


def test_one_that_is_taken_away_leaves_the_mask_of_the_program(desk: Desk, out: Path) -> None:
    automatic = mask_of(desk)
    give(out, corner())
    row(desk)
    correction(out).unlink()
    assert row(desk)["state"] == "untouched"
    np.testing.assert_array_equal(mask_of(desk), automatic)


def test_of_a_case_that_is_closed_it_is_taken_away_as_well(out: Path) -> None:
    automatic = mask_of(Desk(Task(out)))
    first = Desk(Task(out))
    first.show(NAME, None)
    give(out, corner())
    row(first)
    desk = Desk(Task(out))
    assert row(desk)["state"] == "corrected"
    correction(out).unlink()
    row(desk)
    assert row(desk)["state"] == "untouched"
    np.testing.assert_array_equal(mask_of(desk), automatic)


def test_what_was_drawn_here_stays_though_its_file_is_taken_away(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4))
    drawn = mask_of(desk)
    correction(out).unlink()
    row(desk)
    np.testing.assert_array_equal(mask_of(desk), drawn)


def test_half_a_file_is_waited_for(desk: Desk, out: Path) -> None:
    automatic = mask_of(desk)
    give(out, corner())
    whole = correction(out).read_bytes()
    correction(out).write_bytes(whole[: len(whole) // 2])
    row(desk)
    np.testing.assert_array_equal(mask_of(desk), automatic)
    correction(out).write_bytes(whole)
    row(desk)
    np.testing.assert_array_equal(mask_of(desk), corner())


def test_what_was_accepted_and_then_corrected_elsewhere_is_no_more_accepted(out: Path) -> None:
    act(Desk(Task(out)), {"verdict": "accepted"})
    desk = Desk(Task(out))  # in which the case is not open
    assert row(desk)["state"] == "accepted"
    give(out, read_mask(correction(out)))
    row(desk)
    assert row(desk)["state"] == "accepted"  # the same mask, written once more
    give(out, corner())
    row(desk)
    assert row(desk)["state"] == "corrected"
    np.testing.assert_array_equal(mask_of(desk), corner())


def test_what_is_done_here_is_nothing_of_others(desk: Desk) -> None:
    told = act(desk, brush(4, 4), brush(8, 8), {"verdict": "accepted"})
    assert row(desk)["given"] == told["given"]
    assert row(desk)["revision"] == told["revision"] == 4  # a beginning and three acts
    assert row(desk)["state"] == "accepted"


@needs_chromium
def test_a_correction_of_another_program_appears_on_the_page(
    segmented: Path, tmp_path: Path, new_page: Callable[..., Any]
) -> None:
    shutil.copytree(segmented / "out", tmp_path / "out")
    with served(tmp_path, "out") as program:
        page = new_page(f"{program.address}#{NAME}")
        page.wait_for_function("() => window.msformer?.pointer.regions && window.msformer.isQuiet()")
        give(tmp_path / "out", corner())
        page.get_by_text("changed in another window or by another program").first.wait_for()
        np.testing.assert_array_equal(
            np.array(page.evaluate("() => Array.from(window.msformer.view.mask)"), dtype=bool).reshape(SHAPE), corner()
        )
        assert "corrected" in page.locator(f'#cases button[data-name="{NAME}"]').inner_text()
