"""The desk without a web: what is done to masks, what is kept of it, and what is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.app.helpers import SHAPE, read_mask, wait_until

from msformer.app.desk import Desk, Task
from msformer.app.sheet import StaleError
from msformer.errors import ConfigError, FolderInUseError, MSFormerError, ReadError

NAME = "lesion-01"


def brush(row: float, column: float, *, is_on: bool = True, radius: float = 5.0) -> dict[str, Any]:
    return {"do": {"kind": "brush", "path": [[row, column]], "radius": radius, "is_on": is_on}}


@pytest.fixture
def desk(out: Path) -> Desk:
    return Desk(Task(out))


def act(desk: Desk, *acts: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    told: dict[str, Any] = desk.show(name, None)
    for one in acts:
        told = desk.act(name, None, told["revision"], one)
    return told


def state(desk: Desk, name: str = NAME) -> str:
    return str(next(row["state"] for row in desk.listing.rows() if row["name"] == name))


def mask_of(desk: Desk, name: str = NAME) -> Any:
    with desk.case(name) as case:
        return case.sheet(None).mask


def correction(out: Path, name: str = NAME) -> Path:
    return out / "corrections" / f"{name}.png"


def test_cases_are_listed_with_what_the_program_thinks_of_them(desk: Desk) -> None:
    rows = desk.overview()["cases"]
    assert [row["name"] for row in rows] == ["lesion-00", "lesion-01", "lesion-02"]
    assert all(0 < row["confidence"] < 1 and row["state"] == "untouched" and row["revision"] == 0 for row in rows)


def test_a_step_is_on_the_disk_as_the_mask_is_and_the_automatic_one_stays(desk: Desk, out: Path) -> None:
    automatic = (out / "masks" / f"{NAME}.png").read_bytes()
    before = mask_of(desk)
    told = act(desk, brush(4, 4))
    assert told["undoes"] == "brush"
    assert state(desk) == "corrected"
    written = read_mask(correction(out))
    np.testing.assert_array_equal(written, mask_of(desk))
    assert written[4, 4]
    assert not before[4, 4]
    assert (out / "masks" / f"{NAME}.png").read_bytes() == automatic


def test_undone_to_nothing_there_is_no_correction(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4), {"undo": True})
    assert not correction(out).exists()
    assert state(desk) == "untouched"
    act(desk, {"redo": True})
    assert read_mask(correction(out))[4, 4]


def test_what_is_accepted_is_a_correction_though_nothing_was_drawn(desk: Desk, out: Path) -> None:
    act(desk, {"verdict": "accepted"})
    np.testing.assert_array_equal(read_mask(correction(out)), read_mask(out / "masks" / f"{NAME}.png"))
    assert state(desk) == "accepted"
    act(desk, {"verdict": "open"})
    assert not correction(out).exists()


def test_who_made_which_pixel_is_kept_of_what_is_accepted(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4), {"verdict": "accepted"})
    makers = np.asarray(Pillow.open(out / "editing" / f"{NAME}.makers.png"))
    assert makers[4, 4] == 3
    assert makers[100, 4] == 0


def test_what_is_rejected_teaches_nothing_and_whoever_draws_has_not_given_up(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4), {"verdict": "rejected"})
    assert not correction(out).exists()
    assert state(desk) == "rejected"
    act(desk, brush(90, 9))
    assert state(desk) == "corrected"
    assert read_mask(correction(out))[[4, 90], [4, 9]].all()


def test_another_start_goes_on_where_it_was_with_all_that_can_be_undone(desk: Desk, out: Path) -> None:
    before = mask_of(desk)
    act(desk, brush(4, 4), brush(90, 9), {"undo": True}, {"verdict": "accepted"})
    again = Desk(Task(out))
    told = again.show(NAME, None)
    assert (told["undoes"], told["redoes"], told["verdict"]) == ("brush", "brush", "accepted")
    np.testing.assert_array_equal(mask_of(again), mask_of(desk))
    act(again, {"undo": True})
    np.testing.assert_array_equal(mask_of(again), before)


def test_a_stop_between_line_and_mask_is_made_good(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4))
    correction(out).unlink()
    again = Desk(Task(out))
    again.settle()
    np.testing.assert_array_equal(read_mask(correction(out)), mask_of(desk))


def test_an_edit_of_what_is_no_more_is_refused_and_nothing_is_lost(desk: Desk, out: Path) -> None:
    first = desk.show(NAME, None)["revision"]
    act(desk, brush(4, 4))
    with pytest.raises(StaleError, match=r"another window: based_on must be 2.*got 0"):
        desk.act(NAME, None, first, brush(90, 9))
    assert read_mask(correction(out))[4, 4]
    assert not read_mask(correction(out))[90, 9]


def test_what_cannot_be_done_changes_nothing(desk: Desk, out: Path) -> None:
    for wrong in ({}, {"do": {"kind": "magic"}}, {"verdict": "perhaps"}, {"do": {"kind": "alternative", "index": 1}}):
        with pytest.raises(ConfigError):
            act(desk, wrong)
    assert state(desk) == "untouched"
    for part in ((NAME, 3), ("../../etc/passwd", None), ("nobody", None)):
        with pytest.raises(ConfigError):
            desk.show(*part)


def test_a_full_disk_leaves_what_was_there(desk: Desk, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = act(desk, brush(4, 4))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        desk.act(NAME, None, told["revision"], brush(90, 9))
    monkeypatch.undo()
    assert desk.show(NAME, None)["revision"] == told["revision"]
    assert not mask_of(desk)[90, 9]


def test_a_mask_that_somebody_put_there_is_begun_from_and_never_removed(desk: Desk, out: Path) -> None:
    given = np.zeros(SHAPE, dtype=np.uint8)
    given[20:50, 30:70] = 255
    correction(out).parent.mkdir()
    Pillow.fromarray(given).save(correction(out))
    assert state(desk) == "corrected"
    np.testing.assert_array_equal(mask_of(desk), given > 0)
    act(desk, brush(4, 4), {"undo": True})
    np.testing.assert_array_equal(read_mask(correction(out)), given > 0)


def test_a_link_out_of_the_folder_is_neither_read_nor_written(desk: Desk, out: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (out / "corrections").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReadError, match="leads out of"):
        act(desk, brush(4, 4))
    assert not list((tmp_path / "elsewhere").iterdir())
    (out / "corrections").unlink()
    mask = out / "masks" / f"{NAME}.png"
    mask.rename(tmp_path / "mask.png")
    mask.symlink_to(tmp_path / "mask.png")
    with pytest.raises(ReadError, match="leads out of"):
        Desk(Task(out)).show(NAME, None)


def test_a_case_whose_mask_was_taught_anew_shows_it(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4), {"undo": True})
    other = np.zeros(SHAPE, dtype=np.uint8)
    other[60:80, 60:90] = 255
    Pillow.fromarray(other).save(out / "masks" / f"{NAME}.png")
    again = Desk(Task(out))
    np.testing.assert_array_equal(mask_of(again), other > 0)
    act(again, brush(4, 4))
    assert Desk(Task(out)).show(NAME, None)["steps"] == 1


def test_steps_that_count_stay_on_the_mask_that_they_began_from(desk: Desk, out: Path) -> None:
    act(desk, brush(4, 4))
    kept = mask_of(desk)
    Pillow.fromarray(np.zeros(SHAPE, dtype=np.uint8)).save(out / "masks" / f"{NAME}.png")
    np.testing.assert_array_equal(mask_of(Desk(Task(out))), kept)


def test_a_click_offers_three_answers_and_another_can_be_taken(desk: Desk) -> None:
    told = act(desk, {"do": {"kind": "point", "row": 72, "column": 96}})
    offer = told["offer"]
    assert offer["words"] == ["part", "object", "whole"]
    other = (offer["chosen"] + 1) % 3
    told = act(desk, {"do": {"kind": "alternative", "index": other}})
    assert told["offer"]["chosen"] == other
    assert told["steps"] == 2


def test_few_cases_stay_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msformer.app.desk.OPEN", 2)
    act(desk, brush(4, 4), name="lesion-00")
    for name in ("lesion-01", "lesion-02", "lesion-00"):
        desk.show(name, None)
    assert len(desk._open) == 2
    assert mask_of(desk, "lesion-00")[4, 4]


def test_teaching_needs_something_to_learn_from(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="nothing to learn from"):
        desk.learn()
    with pytest.raises(ConfigError, match="without its images"):
        desk.segment()


@pytest.mark.parametrize(
    ("name", "file"),
    [("png", "png/lesion-01.png"), ("nii.gz", "nii.gz/lesion-01.nii.gz"), ("pictures", "pictures/lesion-01.png"),
     ("geojson", "geojson/lesion-01.geojson"), ("imagej-roi", "imagej-roi/lesion-01.roi.zip"),
     ("coco", "coco/lesion-01.coco.json"),
     ("csv", "objects.csv")],
)  # fmt: skip
def test_masks_are_saved_in_other_formats(desk: Desk, out: Path, name: str, file: str) -> None:
    act(desk, brush(4, 4))
    act(desk, {"verdict": "rejected"}, name="lesion-00")
    desk.export(name, "seen")
    wait_until(lambda: not desk.jobs.is_busy)
    job = desk.told()
    assert job is not None
    assert job["status"] == "done", job
    assert job["summary"].startswith("1 mask saved in ")
    assert (out / "exports" / file).is_file()
    if name == "png":
        np.testing.assert_array_equal(read_mask(out / "exports" / file), mask_of(desk))
    if name == "csv":
        text = (out / "exports" / file).read_text().splitlines()
        assert text[0].startswith("file,state,slice,number,area_px")
        assert all(line.startswith("lesion-01,corrected,,") for line in text[1:])


def test_what_the_menu_lacks_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"format must be one of png,.*got 'exe'"):
        desk.export("exe", "all")
    with pytest.raises(ConfigError, match=r"which must be one of accepted, .*got 'none'"):
        desk.export("png", "none")


def test_one_thing_at_a_time(desk: Desk) -> None:
    desk.jobs.command("learn", ["info"])
    with pytest.raises(FolderInUseError, match="one thing at a time"):
        desk.export("png", "all")
    wait_until(lambda: not desk.jobs.is_busy)
    assert desk.told()["status"] == "done"  # type: ignore[index]


def test_a_job_that_is_stopped_says_so(desk: Desk, segmented: Path, tmp_path: Path) -> None:
    other = Desk(Task(tmp_path / "other", (str(segmented / "in"),), ("--preset", "dermoscopy", "--workers", "0")))
    other.segment()
    other.jobs.stop()
    wait_until(lambda: other.jobs._process is None or other.jobs._process.poll() is not None)
    other.jobs.stop()
    wait_until(lambda: not other.jobs.is_busy)
    assert other.told()["status"] in ("stopped", "done")  # type: ignore[index]


def test_failures_are_listed_and_cannot_be_opened(tmp_path: Path, segmented: Path) -> None:
    from msformer.batch.plan import plan_cases
    from msformer.batch.run import run_cases
    from msformer.config import Config

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    run_cases(plan_cases([str(tmp_path / "in")]), Config.from_preset("dermoscopy"), tmp_path / "out")
    desk = Desk(Task(tmp_path / "out"))
    assert state(desk, "broken") == "failed"
    with pytest.raises(MSFormerError, match="failed, and has nothing to correct"):
        desk.show("broken", None)
