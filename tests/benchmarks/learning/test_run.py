"""From files to the page, on phantoms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.learning.__main__ import main
from benchmarks.learning.methods import FIRST, GROUPS, METHODS
from benchmarks.learning.run import Options, plan
from benchmarks.learning.sets import FOLDERS, ONE_OBJECT, TAUGHT, sets_of

from benchmarks.learning import alone, folder, picture, pixels, run
from msformer.io import write_mask, write_png
from msformer.learning import Lesson, Lessons, forest
from msformer.learning.lesson import DESCRIBED
from msformer.phantoms import make_phantom

SHAPE = 83, 109
NAME = "dermoscopy_ph2"


class Here:
    """A pool that is this process."""

    def map(self, call: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(call, items)


@contextmanager
def here() -> Iterator[Here]:
    yield Here()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed in range(8):
        phantom = make_phantom("dermoscopy", seed=seed, shape=SHAPE)
        for kind in ("images", "masks"):
            (tmp_path / "data" / NAME / kind).mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / "data" / NAME / "images" / f"{seed}.png", phantom.image)
        write_mask(tmp_path / "data" / NAME / "masks" / f"{seed}.png", phantom.mask)
    monkeypatch.setattr(run, "one_core_each", here)
    monkeypatch.setattr(folder, "AUTO_PRESET", "dermoscopy")  # a competition of presets would take most of the time
    monkeypatch.setattr(forest, "N_TREES", 3)
    monkeypatch.setattr(pixels, "TREES", 3)
    monkeypatch.setattr(run, "CORRECTED", (1, 5, 10))
    for table in ("TAUGHT", "ONE_OBJECT", "ORDERED"):
        monkeypatch.setattr(run, table, (NAME,))
    for module in (run, picture):
        monkeypatch.setattr(module, "PICTURED", {NAME: "nobody's"})
    return tmp_path / "data"


def test_every_part_is_measured_kept_and_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, markdown = tmp_path / "out", tmp_path / "docs" / "learning.md"
    given = ["--data", str(data), "--out", str(out), "--markdown", str(markdown)]
    given += ["--only", NAME, "--draws", "1", "--updates", "1"]
    main(given)
    results = json.loads((out / "learning.json").read_text(encoding="utf-8"))
    rows = results["rows"]
    assert results["failures"] == []
    assert {row["part"] for row in rows} == {*run.PARTS} - {"ablation"}  # that is on ultrasound
    assert {row["method"] for row in rows if row["part"] in GROUPS} == set(METHODS)
    firsts = [(row["amount"], row["case"]) for row in rows if row["method"] == FIRST]
    assert [sum(k == one for one, _ in firsts) for k in (1, 5, 10)] == [7, 3, 0]
    for k in (1, 5):  # what is corrected is the same for all methods, and never scored
        rest = {case for one, case in firsts if one == k}
        assert all(row["case"] in rest for row in rows if row["part"] in GROUPS and row["amount"] == k)
    text = markdown.read_text(encoding="utf-8")
    case = picture.shown_case(rows, NAME)
    is_shown = (markdown.parent / "learning" / "before-after.png").exists()
    assert is_shown == ("before-after" in text) == (case is not None)
    assert str(tmp_path) not in text + json.dumps(results)
    monkeypatch.setattr(run, "measure", None)  # a second run has nothing left to measure
    main(given)
    assert json.loads((out / "learning.json").read_text(encoding="utf-8"))["rows"] == rows
    again = tmp_path / "again.md"
    main(["--out", str(out), "--markdown", str(again), "--page-only"])
    assert again.read_text(encoding="utf-8") == text


def test_what_is_cheap_comes_first_and_sets_need_enough_images() -> None:
    counts = dict.fromkeys(sets_of(), 13) | {"polyps_kvasir": 7}
    jobs = list(plan(Options(Path(), Path(), draws=3, costly_draws=1), counts))
    order = list(dict.fromkeys(job.part for job in jobs))
    assert order == list(run.PARTS)
    taught = {(job.place, job.amount, job.draw) for job in jobs if job.part == "regions"}
    assert len(taught) == 3 * (10 * 4 + 2)
    assert {job.amount for job in jobs if job.place == "polyps_kvasir" and job.part == "students"} == {1, 3}
    assert {job.draw for job in jobs if job.part == "pixels"} == {0}
    assert [job.place for job in jobs if job.part == "others"] == [
        one for one in TAUGHT if one in ONE_OBJECT and one != "polyps_kvasir"
    ]
    assert {job.place for job in jobs if job.part == "alone"} == set(FOLDERS)
    assert len({job.path(Options(Path(), Path())) for job in jobs}) == len(jobs)


def test_wrong_masks_are_elsewhere_and_as_many_as_asked() -> None:
    own = np.zeros((16, 16), dtype=np.float32)
    own[2:6, 2:6] = 1
    masks = np.zeros((2, 16, 16), dtype=bool)
    masks[0, 2:6, 2:6] = masks[1, 9:14, 9:14] = True
    view = np.zeros((4, 16, 16), dtype=np.float32)
    lessons = [
        Lesson(str(i), str(i), view, own, 0.9, True, np.zeros((2, 3), dtype=np.float32), masks) for i in range(8)
    ]
    changed, names = alone.spoiled(lessons, 0.5, 0)
    assert len(names) == 4
    for before, after in zip(lessons, changed, strict=True):
        assert (after.name in names) == bool((after.own != before.own).any())
        assert after.confidence == before.confidence
    moved = [one.own for one in changed if one.name in names]
    assert sum(bool((one == masks[1]).all()) for one in moved) == 2
    assert all((one * own).sum() < own.sum() / 2 for one in moved)


def test_pixels_of_corrected_images_are_found_again() -> None:
    rng = np.random.default_rng(0)
    lessons = []
    for index in range(4):
        truth = np.zeros((24, 32), dtype=np.float32)
        truth[4 + index : 14 + index, 5:20] = 1
        view = np.concatenate([np.repeat((2 * truth - 1)[None], 3, axis=0), np.ones((1, 24, 32), dtype=np.float32)])
        view[:3] += rng.normal(0, 0.1, (3, 24, 32)).astype(np.float32)
        lesson = Lesson(
            str(index), str(index), view, truth, 0.9, True, np.zeros((0, 3), np.float32), np.zeros((0, 1, 1), bool)
        )
        lessons.append(lesson.with_correction(truth > 0.5) if index < 2 else lesson)
    for way in (pixels.pixel_forest, pixels.folder_clusters):
        found = way(lessons, 0)
        assert set(found) == {"2", "3"}
        for lesson in lessons[2:]:
            assert np.mean(found[lesson.name] == (lesson.own > 0.5)) > 0.97
    assert pixels.pixel_features(lessons[0]).shape == (24 * 32, 3 * (1 + 5 * 4))


def test_every_image_of_a_folder_is_decided_by_what_others_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest, "N_TREES", 3)
    rng = np.random.default_rng(0)
    masks = np.zeros((2, 32, 48), dtype=bool)
    masks[0, 4:14, 5:20] = masks[1, 18:30, 24:40] = True
    own = masks[0].astype(np.float32)
    lessons = []
    for index in range(8):
        view = np.concatenate([rng.normal(0, 1, (3, 32, 48)), np.ones((1, 32, 48))]).astype(np.float32)
        features = np.stack([np.zeros(len(DESCRIBED)), np.ones(len(DESCRIBED))]).astype(np.float32)
        lessons.append(Lesson(str(index), str(index), view, own, 0.9, True, features, masks))
    for variant in ("without trimaps", alone.NO_STUDENT):
        decided = alone.decide_alone(lessons, Lessons(updates=1), variant, least=1)
        assert [decided[str(index)].reason for index in range(8)] == ["the folder confirms it"] * 8
    assert {one.reason for one in alone.decide_alone(lessons, Lessons(), alone.NO_STUDENT).values()} == {
        "nothing that was learned may judge this image"
    }
