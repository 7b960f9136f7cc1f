"""A folder that learns: its files, what is kept bit for bit, what is made again and what is not."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.helpers import page_cases, said
from tests.learning.helpers import network

from msformer import prompting
from msformer.batch import learn as module
from msformer.batch import tell
from msformer.batch.journal import Journal, read_records
from msformer.batch.learn import Teller, decided, learn, read_model_folder
from msformer.batch.learn.corrections import find_corrections, read_correction
from msformer.batch.learn.jobs import Job, can_be_learned, case_of, look_at_case
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config, HintSettings, merge
from msformer.errors import ConfigError, ImageError, MSFormerError, ReadError, WeightsError
from msformer.executors import Here, Processes
from msformer.io import read_image
from msformer.learning import Decision, Lesson, Lessons, Member, Rule, course, forest, read_lesson, read_member
from msformer.learning.student import objects_in
from msformer.phantoms import make_phantom
from msformer.prompting.model import Grown

HOW = Lessons(updates=2)
NAMES = ("a", "b", "c", "d", "e")
SHAPE = 64, 72


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompting, "grown_network", lambda: Grown(network(), "small", {}, ()))
    monkeypatch.setattr(forest, "N_TREES", 9)


def write_phantom(path: Path, seed: int, *, grey: bool = False) -> NDArray[np.bool_]:
    phantom = make_phantom("dermoscopy", seed=seed, shape=SHAPE)
    Pillow.fromarray(phantom.image.mean(axis=2).astype(np.uint8) if grey else phantom.image).save(path)
    return phantom.mask


@pytest.fixture(scope="module")
def first_pass(tmp_path_factory: pytest.TempPathFactory, fast: Config) -> Path:
    """Five images and one that is none, all segmented by themselves; the images were looked at."""
    folder = tmp_path_factory.mktemp("learn")
    (folder / "in").mkdir()
    for seed, name in enumerate(NAMES):
        write_phantom(folder / "in" / f"{name}.png", seed)
    (folder / "in" / "text.png").write_text("no image")
    run_cases(plan_cases([str(folder / "in")]), fast, folder / "out", spacing_mm=(0.5, 0.25))
    shutil.copytree(folder / "out", folder / "looked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prompting, "grown_network", lambda: Grown(network(), "small", {}, ()))
        Folder(folder / "looked").learn()
    shutil.copytree(folder / "looked" / "learned", folder / "out" / "learned")
    return folder / "out"


def contents(path: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    about, tensors = said(path)
    return about, {name: one.numpy().tobytes() for name, one in tensors.items()}


@dataclass
class Folder:
    """A folder of results that can be learned from."""

    out: Path
    told: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def learn(self, how: Lessons = HOW, workers: int = 1, **options: Any) -> dict[str, dict[str, Any]]:
        """Learn as the command line does; the records by name."""
        records, config = read_records(self.out)
        executor, self.told = Processes(workers) if workers > 1 else Here(), []
        given = {"corrections": None, "model": None, "max_pixels": 10**6, "executor": executor, "how": how} | options
        decided, self.summary = learn(list(records), config, self.out, teller=Teller(self.told.append), **given)
        executor.close()
        journal = Journal(self.out)
        journal.teach(self.summary, decided)
        tell.report(self.out, journal)
        again = json.loads(json.dumps(decided))  # as files have them: lists for tuples
        return {record["case_id"]: record for record in again}

    def correct(self, name: str, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        (self.out / "corrections").mkdir(exist_ok=True)
        Pillow.fromarray(mask.astype(np.uint8) * 255).save(self.out / "corrections" / f"{name}.png")
        return mask

    def bytes_of(self, kind: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.out / kind).iterdir()}

    def model(self) -> dict[str, Any]:
        """Whatever the files of what was learned hold; the library writes what they say of themselves in any order."""
        return {
            path.name: contents(path) if path.suffix == ".safetensors" else path.read_text()
            for path in (self.out / "model").iterdir()
        }

    def mask(self, name: str, kind: str = "masks") -> NDArray[np.bool_]:
        return np.asarray(read_image(self.out / kind / f"{name}.png").pixels > 0)


@pytest.fixture
def folder(first_pass: Path, tmp_path: Path) -> Folder:
    shutil.copytree(first_pass, tmp_path / "out")
    return Folder(tmp_path / "out")


def rectangle(top: int = 10, left: int = 20) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[top : top + 30, left : left + 37] = True
    return mask


def decide_by(monkeypatch: pytest.MonkeyPatch, decisions: dict[str, Decision]) -> None:
    kept = course.judge

    def judge(lesson: Lesson, members: Sequence[Member], rule: Rule) -> Decision:
        return decisions.get(lesson.name) or kept(lesson, members, rule)

    monkeypatch.setattr(decided, "judge", judge)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names of the members that are taught and of the images that are looked at."""
    found: dict[str, list[str]] = {"taught": [], "looked": []}
    teach, look = module.teach_group, look_at_case

    def taught(item: Any, **shelf: Any) -> bool:
        found["taught"].append(item.path.stem)
        return teach(item, **shelf)

    def looked(job: Job, places: Any, max_pixels: int) -> str:
        found["looked"].append(job.case.case_id)
        return look(job, places, max_pixels)

    monkeypatch.setattr(module, "teach_group", taught)
    monkeypatch.setattr(module, "look_at_case", looked)
    return found


def let_small_folders_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "LEAST", 4)
    monkeypatch.setattr(course, "LEAST_CONFIDENT", 1)


# Nothing is lost


def test_a_small_folder_without_corrections_stays_as_it_was_and_says_why(folder: Folder) -> None:
    before, masks = {one["case_id"]: one for one in read_records(folder.out)[0]}, folder.bytes_of("masks")
    decided = folder.learn()
    assert folder.bytes_of("masks") == masks
    assert any("nothing was learned: without corrections it takes 40 images" in line for line in folder.told)
    assert folder.bytes_of("masks-alone") == {f"{name}.png": masks[f"{name}.png"] for name in NAMES}
    assert not (folder.out / "model").exists()
    assert (folder.summary["changed"], folder.summary["corrected"], folder.summary["check"]) == (0, 0, None)
    for name in NAMES:
        assert decided[name]["learned"]["source"] == "own"
        assert decided[name]["foreground"] == before[name]["foreground"]
        assert decided[name]["regions"] == before[name]["regions"]


def test_what_failed_passes_through(folder: Folder) -> None:
    before = {one["case_id"]: one for one in read_records(folder.out)[0]}
    folder.correct("a", rectangle())
    decided = folder.learn()
    assert list(decided) == list(before)
    assert decided["text"] == before["text"]
    assert decided["text"]["status"] == "failed"
    assert folder.summary["images"] == len(NAMES)


def test_corrections_are_kept_bit_for_bit_and_so_is_the_first_pass(folder: Folder) -> None:
    masks = folder.bytes_of("masks")
    given = {"b": folder.correct("b", rectangle()), "d": folder.correct("d", rectangle(3, 5))}
    decided = folder.learn()
    assert folder.bytes_of("masks-alone") == {f"{name}.png": masks[f"{name}.png"] for name in NAMES}
    for name, mask in given.items():
        np.testing.assert_array_equal(folder.mask(name), mask)
        assert decided[name]["learned"]["source"] == "corrected"
        assert decided[name]["learned"]["worth_correcting"] == 0
        assert decided[name]["foreground"]["area_px"] == 30 * 37
        assert decided[name]["foreground"]["area_mm2"] == pytest.approx(30 * 37 * 0.125)
    kept = [name for name in NAMES if decided[name]["learned"]["source"] == "own"]
    assert {name: folder.bytes_of("masks")[f"{name}.png"] for name in kept} == {
        name: masks[f"{name}.png"] for name in kept
    }
    assert set(folder.bytes_of("model")) == {"corrected.safetensors", "model.json", "README.md"}
    assert folder.summary["corrected"] == 2


def test_a_mask_that_is_kept_is_the_file_of_the_first_pass(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = folder.bytes_of("masks")
    folder.correct("b", rectangle())
    decide_by(monkeypatch, {name: Decision("own", None, 1.0, 0.0, "") for name in NAMES if name != "b"})
    folder.learn()
    assert folder.bytes_of("masks") | {"b.png": b""} == masks | {"b.png": b""}


def test_another_region_that_comes_to_the_first_mask_is_no_change(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, first = folder.bytes_of("masks"), {name: folder.mask(name) for name in NAMES}
    region = Decision("region", rectangle(), 0.8, 0.1, "another fits better")
    decide_by(monkeypatch, dict.fromkeys(("a", "c"), region))
    other = first["c"] ^ rectangle()
    monkeypatch.setattr(
        decided, "drawn", lambda job, *_: {"a": first["a"], "c": other}[job.case.case_id]
    )  # as if its border were drawn there
    folder.correct("b", rectangle())
    found = folder.learn()
    assert folder.summary["changed"] == 1
    assert found["c"]["learned"]["source"] == "region"
    assert found["a"]["learned"]["source"] == "own"
    assert found["a"]["learned"]["reason"] == "another fits better; with its border drawn it is the first mask"
    assert folder.bytes_of("masks")["a.png"] == masks["a.png"]
    assert np.array_equal(folder.mask("c"), other)


def test_reports_tell_what_changed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by a region on its own grid, one by an outline; a person gave a third."""
    preview, thumbnails = folder.bytes_of("preview"), folder.bytes_of("thumbnails")
    quarter = np.zeros((16, 18), dtype=bool)
    quarter[4:12, 4:14] = True
    decide_by(
        monkeypatch,
        {
            "a": Decision("region", quarter, 0.25, 0.5, "so <b>"),
            "c": Decision("outline", quarter, 0.5, 0.0, "so"),
            "d": Decision("own", None, 1.0, 0.0, "so"),
            "e": Decision("own", None, 1.0, 0.0, "so"),
        },
    )
    folder.correct("b", rectangle())
    decided = folder.learn()
    assert folder.summary["changed"] == 2
    for name in ("a", "c"):
        found, wanted = folder.mask(name), np.kron(quarter, np.ones((4, 4))) > 0
        assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.8
        assert not np.array_equal(found, folder.mask(name, "masks-alone"))
        assert decided[name]["foreground"]["area_px"] == found.sum()
        assert folder.bytes_of("preview")[f"{name}.png"] != preview[f"{name}.png"]
    report = json.loads((folder.out / "report.json").read_text())
    assert report["learned"]["changed"] == 2
    assert report["learned"]["reason"] == "taught by 1 corrected images"
    cases = {case["case_id"]: case for case in report["cases"]}
    assert cases["a"]["learned"]["source"] == "region"
    assert (cases["a"]["learned"]["agreement"], cases["a"]["learned"]["ahead"]) == (0.25, 0.5)
    assert cases["a"]["learned"]["reason"] == "so <b>"
    assert all(0 <= cases[name]["learned"]["worth_correcting"] <= 1 for name in NAMES)
    assert "learned" not in cases["text"]
    assert report["left_from_other_runs"] == []
    page = page_cases(folder.out)
    assert {name: one["state"] for name, one in page.items()} == {
        "a": "changed", "b": "corrected", "c": "changed", "d": "segmented", "e": "segmented", "text": "failed",
    }  # fmt: skip
    assert "CHANGED by what the folder taught: so <b>." in page["a"]["facts"]
    assert page["e"]["worth"] == cases["e"]["learned"]["worth_correcting"]
    assert page["text"]["worth"] is None
    assert ["mask by itself", "./masks-alone/a.png"] in page["a"]["files"]
    for name in ("a", "c"):
        assert folder.bytes_of("thumbnails")[f"{name}.jpg"] != thumbnails[f"{name}.jpg"]
    rows = (folder.out / "regions.csv").read_text()
    assert f"a,foreground,,{folder.mask('a').sum()}," in rows
    again, _ = read_records(folder.out)
    assert list(decided.values()) == list(again)


def test_without_its_correction_an_image_gets_its_first_mask_back(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, records = folder.bytes_of("masks"), {one["case_id"]: one for one in read_records(folder.out)[0]}
    folder.correct("b", rectangle())
    decide_by(monkeypatch, {"a": Decision("region", np.ones((4, 4), dtype=bool), 0, 1, "")})
    folder.learn()
    assert folder.bytes_of("masks") != masks
    monkeypatch.undo()
    (folder.out / "corrections" / "b.png").unlink()
    decided = folder.learn()
    assert folder.bytes_of("masks") == masks
    assert decided["b"]["foreground"] == records["b"]["foreground"]
    assert set((folder.out / "model").iterdir()) == set(), "what was taught by it is gone too"


def test_killed_while_masks_were_written_it_still_knows_the_first_ones(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = folder.bytes_of("masks")
    decide_case = decided.decide_case

    def killed(item: Any, **options: Any) -> Any:
        if item[0].case.case_id == "c":
            raise KeyboardInterrupt
        return decide_case(item, **options)

    with monkeypatch.context() as patch:
        decide_by(patch, {name: Decision("region", np.ones((4, 4), dtype=bool), 0, 1, "") for name in NAMES})
        patch.setattr(module, "decide_case", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.learn()
    assert folder.bytes_of("masks")["a.png"] != masks["a.png"]
    folder.learn()
    assert folder.bytes_of("masks") == masks
    assert folder.bytes_of("masks-alone") == {f"{name}.png": masks[f"{name}.png"] for name in NAMES}


def test_segmented_again_the_first_mask_is_that_of_then(first_pass: Path, folder: Folder, fast: Config) -> None:
    folder.correct("a", rectangle())
    folder.learn()
    before = folder.bytes_of("masks-alone")
    assert set(before) == {f"{name}.png" for name in NAMES}
    others = Config.from_mapping(merge(fast.model_dump(), {"foreground": {"polarity": "brighter"}}))
    run_cases(plan_cases([str(first_pass.parent / "in" / "a.png")]), others, folder.out)
    assert folder.bytes_of("masks-alone") == {name: one for name, one in before.items() if name != "a.png"}
    mask = folder.bytes_of("masks")["a.png"]
    folder.learn()
    assert folder.bytes_of("masks-alone")["a.png"] == mask != before["a.png"]


def test_what_a_person_pointed_at_stays_and_teaches_more(
    folder: Folder, first_pass: Path, fast: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarter = np.zeros((16, 18), dtype=bool)
    quarter[4:12, 4:14] = True
    cases = plan_cases([str(first_pass.parent / "in" / f"{name}.png") for name in NAMES])
    said = [replace(one, said=HintSettings(point=(32, 36)) if one.case_id == "a" else None) for one in cases]
    run_cases(said, fast, folder.out, spacing_mm=(0.5, 0.25))
    shutil.rmtree(folder.out / "learned")
    pointed = folder.mask("a")
    assert pointed[32, 36]
    decide_by(monkeypatch, {name: Decision("region", quarter, 0.2, 0.9, "another") for name in ("a", "c")})
    folder.correct("b", rectangle())
    decided_on = folder.learn()
    np.testing.assert_array_equal(folder.mask("a"), pointed)
    assert decided_on["a"]["learned"]["reason"] == "a person pointed at it"
    assert decided_on["c"]["learned"]["source"] == "region"
    job = Job(case_of(decided_on["a"], folder.out), decided_on["a"], Config.from_mapping(decided_on["a"]["config"]))
    assert job.is_pointed
    lesson = read_lesson(folder.out / "learned" / "a.npz", job.key)
    assert lesson.confidence >= 0.75


def test_objects_of_a_correction_are_told_apart_again(tmp_path: Path, fast: Config) -> None:
    write_phantom(tmp_path / "a.png", 0)
    many = Config.from_mapping(merge(fast.model_dump(), {"foreground": {"objects": "many"}}))
    run_cases(plan_cases([str(tmp_path / "a.png")]), many, tmp_path / "out")
    folder = Folder(tmp_path / "out")
    three = np.zeros(SHAPE, dtype=bool)
    for left in (2, 25, 50):
        three[20:32, left : left + 12] = True
    folder.correct("a", three)
    decided = folder.learn()
    assert (decided["a"]["n_objects"], len(decided["a"]["objects"])) == (3, 3)
    instances = read_image(folder.out / "instances" / "a.png").pixels
    np.testing.assert_array_equal(instances > 0, three)
    assert len(np.unique(instances)) == 4
    assert len((folder.out / "objects.csv").read_text().splitlines()) == 4
    assert folder.summary["rule"]["one_object"] is False


# What is there is not made again


def test_what_was_taught_is_not_taught_again_but_what_is_damaged_is(
    folder: Folder, calls: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.correct("b", rectangle())
    path = folder.out / "model" / "corrected.safetensors"

    def taught(how: Lessons = HOW) -> list[str]:
        calls["taught"].clear()
        folder.learn(how)
        return list(calls["taught"])

    assert taught() == ["corrected"]
    first = contents(path)
    assert taught() == []
    path.write_bytes(path.read_bytes()[:-1])
    assert taught() == ["corrected"]
    assert contents(path) == first, "the same seed, the same bits"
    assert taught(replace(HOW, seed=1)) == ["corrected"]
    assert contents(path)[1] != first[1]
    assert taught(replace(HOW, updates=1)) == ["corrected"]
    folder.correct("b", rectangle(11))
    assert taught() == ["corrected"]
    folder.correct("c", rectangle(5))
    assert taught() == ["corrected"]
    assert len(read_member(path).saw) == 2
    monkeypatch.setattr(prompting, "grown_network", lambda: Grown(network(9), "another", {}, ()))
    assert taught() == ["corrected"]


def test_an_interrupted_course_goes_on_with_the_members_that_are_there(
    folder: Folder, calls: dict[str, list[str]]
) -> None:
    for name in NAMES[:4]:
        folder.correct(name, rectangle())
    folder.learn()
    assert calls["taught"] == ["corrected", "check-0", "check-1"]
    assert folder.summary["check"]["images"] == 4
    files = folder.model()
    assert json.loads(files["model.json"])["members"] == ["corrected.safetensors"]
    assert "4 corrected images" in files["README.md"]
    calls["taught"].clear()
    (folder.out / "model" / "check-0.safetensors").unlink()
    (folder.out / "model" / "model.json").unlink()
    folder.learn()
    assert calls["taught"] == ["check-0"]
    assert folder.model() == files
    (folder.out / "corrections" / "a.png").unlink()
    folder.learn()
    assert set(folder.bytes_of("model")) == {"corrected.safetensors", "model.json", "README.md"}, "no check any more"


def test_images_are_looked_at_once_unless_what_is_kept_cannot_be_used(
    folder: Folder, calls: dict[str, list[str]], tmp_path: Path
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    def looked() -> list[str]:
        calls["looked"].clear()
        folder.learn()
        assert folder.summary["images"] == len(NAMES)
        return list(calls["looked"])

    lessons = folder.out / "learned"
    assert looked() == []
    whole = (lessons / "b.npz").read_bytes()
    (lessons / "b.npz").write_bytes(whole[: len(whole) // 2])
    with np.load(lessons / "c.npz") as data:
        arrays = {name: data[name] for name in data.files}
    objects = np.empty(1, dtype=object)
    objects[0] = Trap()
    np.savez(lessons / "c.npz", **arrays | {"features": objects})
    (lessons / "d.npz").unlink()
    shutil.copy(lessons / "a.npz", lessons / "e.npz")
    assert looked() == ["b", "c", "d", "e"]
    assert not (tmp_path / "sprung").exists()
    assert looked() == []
    journal = Journal(folder.out)
    assert journal.run is not None
    journal.begin(dict(journal.run.about) | {"config": journal.run.about["config"] | {"random_state": 1}})
    assert looked() == list(NAMES), "of other settings"


def test_an_image_that_is_another_one_now_keeps_its_mask(folder: Folder, tmp_path: Path, fast: Config) -> None:
    for seed, name in enumerate(NAMES[:3]):
        write_phantom(tmp_path / f"{name}.png", seed)
    run_cases(plan_cases([str(tmp_path / f"{name}.png") for name in NAMES[:3]]), fast, tmp_path / "own")
    own = Folder(tmp_path / "own")
    masks = own.bytes_of("masks")
    write_phantom(tmp_path / "a.png", 77)
    (tmp_path / "b.png").unlink()
    decided = own.learn()
    assert own.bytes_of("masks") == masks
    assert any(line.startswith("a is not learned from") and "not the image any more" in line for line in own.told)
    assert any(line.startswith("b is not learned from") and "b.png" in line for line in own.told)
    assert ["learned" in decided[name] for name in NAMES[:3]] == [False, False, True]


# What a person gave


def jobs_of(out: Path) -> list[Job]:
    records, config = read_records(out)
    return [Job(case_of(one, out), one, config) for one in records if can_be_learned(one)]


def read_all(jobs: list[Job], folder: Path) -> dict[str, NDArray[np.bool_]]:
    """All corrections, by the name of the lesson."""
    found = find_corrections(jobs, folder, is_named=True)
    by_name = {job.case.case_id: job for job in jobs}
    return {part: mask for name, path in found.items() for part, mask in read_correction(by_name[name], path).items()}


def _wrong_size(place: Path) -> str:
    Pillow.new("L", (71, 64)).save(place / "a.png")
    return r"a\.png.*64 × 72; got 64 × 71"


def _unknown(place: Path) -> str:
    Pillow.new("L", (72, 64)).save(place / "nobody.png")
    return r"nobody\.png.*of no image of this folder, which has a, b, c and 2 more"


def _of_a_failure(place: Path) -> str:
    Pillow.new("L", (72, 64)).save(place / "text.png")
    return r"text\.png.*of no image"


def _twice(place: Path) -> str:
    Pillow.new("L", (72, 64)).save(place / "a.png")
    Pillow.new("L", (72, 64)).save(place / "a.tif")
    return "'a' has two masks"


def _no_mask(place: Path) -> str:
    (place / "notes.txt").write_text("x")
    return r"notes\.txt"


def _no_image(place: Path) -> str:
    (place / "a.png").write_text("x")
    return r"a\.png"


def _jpeg(place: Path) -> str:
    Pillow.new("L", (72, 64)).save(place / "a.png", format="jpeg")
    return r"a\.png.*JPEG"


def _colours(place: Path) -> str:
    Pillow.new("RGB", (72, 64), (1, 2, 3)).save(place / "a.png")
    return r"a\.png.*3 channels"


@pytest.mark.parametrize(
    "make",
    [_wrong_size, _unknown, _of_a_failure, _twice, _no_mask, _no_image, _jpeg, _colours],
)
def test_a_correction_that_cannot_be_used_is_an_error_that_names_it(
    first_pass: Path, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    words = make(tmp_path)
    with pytest.raises((ConfigError, ImageError, ReadError), match=words):
        read_all(jobs_of(first_pass), tmp_path)


def test_corrections_are_read_by_name(first_pass: Path, tmp_path: Path) -> None:
    jobs = jobs_of(first_pass)
    deep = replace(jobs[1], case=replace(jobs[1].case, case_id="sub/b"))
    (tmp_path / "sub").mkdir()
    Pillow.fromarray(rectangle().astype(np.uint8)).save(tmp_path / "sub" / "b.png")
    Pillow.fromarray(rectangle(2).astype(np.uint8) * 200).save(tmp_path / "a.tif")
    (tmp_path / ".DS_Store").write_text("x")
    found = read_all([jobs[0], deep], tmp_path)
    assert list(found) == ["a", "sub/b"]
    np.testing.assert_array_equal(found["a"], rectangle(2))
    np.testing.assert_array_equal(found["sub/b"], rectangle())


def test_a_folder_of_corrections_that_is_not_there(first_pass: Path, tmp_path: Path) -> None:
    jobs = jobs_of(first_pass)
    with pytest.raises(ConfigError, match=r"--corrections must be a folder.*absent"):
        find_corrections(jobs, tmp_path / "absent", is_named=True)
    assert find_corrections(jobs, tmp_path / "absent", is_named=False) == {}
    (tmp_path / "empty").mkdir()
    assert find_corrections(jobs, tmp_path / "empty", is_named=True) == {}


def test_a_wrong_correction_stops_before_anything_changes(folder: Folder, tmp_path: Path) -> None:
    masks = folder.bytes_of("masks")
    folder.correct("b", rectangle())
    folder.correct("nobody", rectangle())
    with pytest.raises(ConfigError, match="nobody"):
        folder.learn()
    assert folder.bytes_of("masks") == masks
    assert not (folder.out / "model").exists()


def test_all_images_corrected(folder: Folder) -> None:
    given = {name: folder.correct(name, rectangle(place)) for place, name in enumerate(NAMES)}
    decided = folder.learn()
    for name, mask in given.items():
        np.testing.assert_array_equal(folder.mask(name), mask)
        assert decided[name]["learned"]["worth_correcting"] == 0
    assert folder.summary["changed"] == 0
    assert folder.summary["corrected"] == len(NAMES)


def test_a_correction_without_an_object_says_that_there_is_none(folder: Folder) -> None:
    folder.correct("c", np.zeros(SHAPE, dtype=bool))
    decided = folder.learn()
    assert not folder.mask("c").any()
    assert decided["c"]["is_empty"]
    assert decided["c"]["foreground"] is None
    assert folder.mask("c", "masks-alone").any()
    assert "Nothing was found." in (folder.out / "index.html").read_text()


# Who decides, and that nothing else counts


def test_a_folder_that_learns_from_itself_is_decided_by_others(
    first_pass: Path, folder: Folder, tmp_path: Path, fast: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the images are one and the same under two names."""
    let_small_folders_teach(monkeypatch)
    shutil.copy(first_pass.parent / "in" / "a.png", tmp_path / "z.png")
    run_cases(plan_cases([str(tmp_path / "z.png")]), fast, folder.out, spacing_mm=(0.5, 0.25))
    judged: list[str] = []
    kept = objects_in

    def watched(student: Any, lesson: Lesson) -> Any:
        (member,) = (one for one in members if one.student is student)
        assert lesson.digest not in member.saw
        judged.append(lesson.name)
        return kept(student, lesson)

    members: list[Member] = []

    def remembered(path: Path) -> Member:
        members.append(read_member(path))
        return members[-1]

    monkeypatch.setattr(decided, "read_member", remembered)
    monkeypatch.setattr(course, "objects_in", watched)
    monkeypatch.setattr(module, "trusts_student", lambda *_: True)  # after two updates it would not
    folder.learn()
    assert sorted(judged) == ["a", "b", "c", "d", "e", "z"], "each by one member"
    one, other = (read_member(folder.out / "model" / f"fold-{part}.safetensors").saw for part in (0, 1))
    assert not one & other
    assert len(one | other) == 5
    assert "each by the other 1 of 2 parts" in folder.summary["reason"]
    assert folder.summary["rule"] == {"student": 0.5, "margin": 0.2, "one_object": None, "outlines": False}


def test_neither_names_nor_order_change_a_bit(first_pass: Path, folder: Folder, tmp_path: Path, fast: Config) -> None:
    """The same images under names that sort the other way round."""
    new = dict(zip(NAMES, "zyxwv", strict=True))
    (tmp_path / "in").mkdir()
    for name, to in new.items():
        shutil.copy(first_pass.parent / "in" / f"{name}.png", tmp_path / "in" / f"{to}.png")
    run_cases(plan_cases([str(tmp_path / "in")]), fast, tmp_path / "new")
    renamed = Folder(tmp_path / "new")
    for name, mask in (("b", rectangle()), ("d", rectangle(5))):
        folder.correct(name, mask)
        renamed.correct(new[name], mask)
    folder.learn()
    renamed.learn()
    first, second = (contents(one.out / "model" / "corrected.safetensors") for one in (folder, renamed))
    assert first == second
    for name, to in new.items():
        assert folder.bytes_of("masks")[f"{name}.png"] == renamed.bytes_of("masks")[f"{to}.png"]


def test_the_number_of_workers_changes_no_bit(folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the network that ships, since other processes know no other."""
    monkeypatch.undo()
    for place, name in enumerate(NAMES[:4]):
        folder.correct(name, rectangle(place))
    two, how = Folder(tmp_path / "two"), Lessons(updates=1)
    shutil.copytree(folder.out, two.out)
    alone = folder.learn(how)
    together = two.learn(how, workers=2)
    assert two.told[1] == "teaching 3 of 3 students, 1 updates each"
    assert folder.model() == two.model()
    for kind in ("masks", "masks-alone", "preview"):
        assert folder.bytes_of(kind) == two.bytes_of(kind), kind
    assert alone == together


# A model of another folder


@pytest.fixture(scope="module")
def taught(first_pass: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("taught") / "out")
    shutil.copytree(first_pass, folder.out)
    folder.correct("b", rectangle())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prompting, "grown_network", lambda: Grown(network(), "small", {}, ()))
        folder.learn()
    return folder.out / "model"


@pytest.fixture
def model(taught: Path, tmp_path: Path) -> Path:
    shutil.copytree(taught, tmp_path / "model")
    return tmp_path / "model"


def test_a_model_decides_on_another_folder_and_nothing_is_learned(
    model: Path, tmp_path: Path, fast: Config, calls: dict[str, list[str]]
) -> None:
    (tmp_path / "in").mkdir()
    write_phantom(tmp_path / "in" / "p.png", 50)
    write_phantom(tmp_path / "in" / "grey.png", 52, grey=True)
    shutil.copy(tmp_path / "in" / "p.png", tmp_path / "in" / "p2.png")
    run_cases(plan_cases([str(tmp_path / "in")]), fast, tmp_path / "new")
    new = Folder(tmp_path / "new")
    new.correct("p", rectangle())  # nobody asked for it
    decided = new.learn(model=model)
    assert calls["taught"] == []
    assert not (new.out / "model").exists()
    assert str(model) in new.summary["reason"]
    assert new.summary["corrected"] == 0
    assert decided["grey"]["learned"]["source"] == "own"
    assert any("1 images keep their own masks: the model was taught by pictures in colour" in one for one in new.told)
    assert "may judge" not in decided["p"]["learned"]["reason"]
    assert "may judge" in decided["grey"]["learned"]["reason"]
    np.testing.assert_array_equal(new.mask("p"), new.mask("p2"))


def _members(*names: object) -> Callable[[dict[str, Any]], Any]:
    return lambda about: about | {"members": list(names)}


def _rule(**changes: object) -> Callable[[dict[str, Any]], Any]:
    return lambda about: about | {"rule": about["rule"] | changes}


SPOILED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a member outside of it": _members("../x.safetensors"),
    "one somewhere else": _members("/etc/passwd"),
    "a folder above": _members(".."),
    "one among others": _members("corrected.safetensors", "a/../../x"),
    "one that is not there": _members("x.safetensors"),
    "no members": _members(),
    "members that are no list": lambda about: about | {"members": 3},
    "members that are not told": lambda about: {key: one for key, one in about.items() if key != "members"},
    "another format": lambda about: about | {"format": "msformer-model-2"},
    "no table": lambda about: [about],
    "another network": lambda about: about | {"network": "0" * 64},
    "no rule": lambda about: about | {"rule": None},
    "another rule": _rule(code="import os"),
    "a weight that is a word": _rule(student="1"),
    "a margin that is nothing": _rule(margin=None),
    "a margin that is no number": _rule(margin=float("nan")),
    "a number of objects": _rule(one_object="yes"),
    "outlines that are a list": _rule(outlines=[]),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_model_of_nonsense_is_refused_by_name(model: Path, kind: str) -> None:
    path = model / "model.json"
    about = json.loads(path.read_text())
    assert read_model_folder(model).rule.student == 0
    path.write_text(json.dumps(SPOILED[kind](about)))
    with pytest.raises((ConfigError, WeightsError)) as caught:
        read_model_folder(model)
    assert str(model) in str(caught.value)


def test_what_is_no_model_is_refused_and_never_waited_for(model: Path, tmp_path: Path) -> None:
    path = model / "model.json"

    def refused(folder: Path) -> str:
        with pytest.raises(MSFormerError) as caught:
            read_model_folder(folder)
        assert str(folder) in str(caught.value)
        return str(caught.value)

    for text in (b"", b"{", b"[" * 50_000, b"\xff\xfe", b"3"):
        path.write_bytes(text)
        refused(model)
    path.write_bytes(b" " * (2**20 + 1))
    assert "at most" in refused(model)
    path.unlink()
    os.mkfifo(path)
    assert "model.json" in refused(model)
    assert "model.json" in refused(tmp_path / "absent")


def test_a_damaged_member_of_a_model_is_named(model: Path) -> None:
    path = model / "corrected.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(WeightsError, match=re.escape(str(path))):
        read_model_folder(model)


# Volumes: every slice is an image of the folder


DEPTH = 5


@pytest.fixture
def volume(tmp_path: Path, fast: Config) -> Folder:
    """One volume of five slices, each a disc on another ground, segmented with a spacing that the file does not say."""
    rows, columns = np.mgrid[:48, :56]
    rng = np.random.default_rng(3)
    planes = [
        np.where((rows - 22) ** 2 + (columns - 30) ** 2 < (8 + index) ** 2, 200, 60 + 10 * index)
        + rng.normal(0, 4, (48, 56))
        for index in range(DEPTH)
    ]
    array = np.stack(planes, axis=-1).transpose(1, 0, 2).astype(np.int16)  # columns, rows, slices, as NIfTI has them
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "head.nii.gz")
    run_cases(plan_cases([str(tmp_path / "head.nii.gz")]), fast, tmp_path / "out", spacing_mm=(0.5, 0.25))
    return Folder(tmp_path / "out")


def voxels(path: Path) -> NDArray[np.bool_]:
    data: NDArray[np.integer] = np.asarray(nibabel.load(path).dataobj)  # type: ignore[attr-defined]
    return np.asarray(data.transpose(2, 1, 0) != 0)


def correct_slices(folder: Folder, **slices: NDArray[np.bool_]) -> None:
    whole = np.zeros((DEPTH, 48, 56), dtype=np.uint8)
    for name, mask in slices.items():
        whole[int(name[1:])] = mask
    (folder.out / "corrections").mkdir(exist_ok=True)
    image = nibabel.Nifti1Image(whole.transpose(2, 1, 0), np.eye(4))
    image.to_filename(folder.out / "corrections" / "head.nii.gz")


def test_a_slice_that_a_person_gave_is_kept_and_teaches_the_others(volume: Folder) -> None:
    first, alone = volume.bytes_of("masks")["head.nii.gz"], voxels(volume.out / "masks" / "head.nii.gz")
    given = np.zeros((48, 56), dtype=bool)
    given[10:30, 20:44] = True
    correct_slices(volume, s2=given)
    decided = volume.learn()["head"]
    assert volume.bytes_of("masks-alone")["head.nii.gz"] == first
    masks = voxels(volume.out / "masks" / "head.nii.gz")
    np.testing.assert_array_equal(masks[2], given)
    learned = decided["learned"]
    assert learned["slices"].keys() == {"0000", "0001", "0002", "0003", "0004"}
    assert learned["slices"]["0002"] == "corrected"
    for number in (0, 1, 3, 4):
        if learned["slices"][f"{number:04d}"] == "own":
            np.testing.assert_array_equal(masks[number], alone[number])
    assert volume.summary["images"] == DEPTH
    assert volume.summary["corrected"] == 1
    assert decided["foreground"]["area_px"] == int(masks.sum())
    assert decided["foreground"]["volume_ml"] == pytest.approx(int(masks.sum()) * 0.5 * 0.25 / 1000)
    assert json.loads((volume.out / "report.json").read_text())["cases"][0].get("instances") is None, "no list of files"


def test_a_volume_on_which_nothing_is_decided_is_not_touched(volume: Folder) -> None:
    before = {kind: volume.bytes_of(kind) for kind in ("masks", "labels", "preview")}
    decided = volume.learn()["head"]
    assert {kind: volume.bytes_of(kind) for kind in before} == before
    assert decided["learned"]["reason"] == f"0 of {DEPTH} slices changed, 0 given by a person"


def test_a_correction_of_a_volume_has_its_size(volume: Folder) -> None:
    (volume.out / "corrections").mkdir()
    wrong = nibabel.Nifti1Image(np.zeros((56, 48, DEPTH + 1), dtype=np.uint8), np.eye(4))
    wrong.to_filename(volume.out / "corrections" / "head.nii.gz")
    with pytest.raises(ImageError, match=r"head\.nii\.gz.*the size of its image, 5 × 48 × 56; got 6 × 48 × 56"):
        volume.learn()


def test_a_volume_that_is_another_one_now_keeps_its_masks(volume: Folder, tmp_path: Path) -> None:
    masks = volume.bytes_of("masks")
    nibabel.Nifti1Image(np.zeros((56, 48, DEPTH), dtype=np.int16), np.eye(4)).to_filename(tmp_path / "head.nii.gz")
    assert "learned" not in volume.learn()["head"]
    assert volume.bytes_of("masks") == masks
    assert any("not the image any more" in line for line in volume.told)
