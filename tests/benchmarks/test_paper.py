"""The plan, the journal and the page of the paper's tables, on rows made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from benchmarks.paper import page as page_module
from benchmarks.paper import pictures
from benchmarks.paper import run as run_module
from benchmarks.paper.__main__ import BEGIN, END, ROWS, main, with_switches
from benchmarks.paper.page import OPEN, OPPOSITE, SEEN, TOO_FEW, Measured, verdict
from benchmarks.paper.plan import METHODS, OURS, SETS, SWITCHES, TABLES, Job, jobs_of
from benchmarks.paper.published import TABLE_1, differences
from benchmarks.paper.run import JOURNAL, PROTOCOLS, VARIANTS, load, measure, rows_of, run
from PIL import Image as Pillow
from PIL import ImageSequence

from msformer.cluster import network_clusterer
from msformer.config import Config
from msformer.errors import FitDivergedError
from msformer.evaluation.aggregate import compare
from msformer.phantoms import make_phantom
from msformer.pipeline import segment_with

SKIN, LUNG = "dermoscopy_ph2", "lung_ct_kaggle64"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three made lesions and four made slices."""
    for name, kind, count in ((SKIN, "dermoscopy", 3), (LUNG, "lung_ct", 4)):
        for folder in ("images", "masks"):
            (tmp_path / "data" / name / folder).mkdir(parents=True)
        for index in range(count):
            made = make_phantom(kind, seed=index, shape=(53, 61))
            cv2.imwrite(str(tmp_path / "data" / name / "images" / f"{index}.png"), made.image)
            cv2.imwrite(str(tmp_path / "data" / name / "masks" / f"{index}.png"), made.mask.astype(np.uint8) * 255)
    return tmp_path / "data"


def row(job: Job, dice: float) -> dict[str, Any]:
    """A row as a fit gives it; the image's number is added, so that images differ and differences do not."""
    value = dice + int(job.case.name) / 100
    scores = {variant: {protocol: [value, 1 - value, 0.3] for protocol in PROTOCOLS} for variant in VARIANTS}
    return {
        "job": job.name, "set": job.case.set_name, "case": job.case.name, "method": job.method, "seed": job.seed,
        "side": 129, "shown": [257, 257], "precision": "float32", "processor": "one", "scores": scores, "seconds": 2.0,
    }  # fmt: skip


def all_jobs(data: Path, **changes: Any) -> list[Job]:
    options: dict[str, Any] = {"limit": None, "switched": 1, "seeds": [0], "precision": "bfloat16"}
    return jobs_of(data, [SKIN, LUNG], **{**options, **changes})


def test_jobs_come_in_rounds_and_all_methods_have_the_same_images(data: Path) -> None:
    jobs = all_jobs(data, switched=0)
    sets = [job.case.set_name for job in jobs]
    assert sets == [SKIN] * 10 + [LUNG] * 20 + [SKIN] * 10 + [LUNG] * 20 + [SKIN] * 10
    assert len(TABLES) == 10
    by_method = {name: sorted(job.case.name for job in jobs if job.method == name) for name in TABLES}
    assert all(names == ["0", "0", "1", "1", "2", "2", "3"] for names in by_method.values())
    assert len({job.name for job in jobs}) == len(jobs) == 70
    assert {job.precision for job in jobs if job.case.set_name == SKIN} == {"bfloat16"}
    assert {job.precision for job in jobs if job.case.set_name == LUNG} == {"float32"}  # docs/precision.md lacks it
    assert len(all_jobs(data, switched=0, limit=1)) == 30
    twice = all_jobs(data, switched=0, seeds=[3, 4])
    assert [job.seed for job in twice] == [3] * 70 + [4] * 70


def test_switches_follow_the_tables_image_by_image(data: Path) -> None:
    jobs = all_jobs(data, switched=1)
    switched = [job for job in jobs if job.method in SWITCHES]
    assert len(jobs) == 70 + 4 + 4
    assert switched == jobs[30:38], "right after the first round"
    assert len(all_jobs(data, switched=2)) == 70 + 2 * (4 + 4)
    assert {job.method for job in switched if job.case.set_name == SKIN} == set(SWITCHES) - {"weights-demo"}
    assert {job.method for job in switched if job.case.set_name == LUNG} == set(SWITCHES) - {"small"}
    assert {job.case.name for job in switched if job.case.set_name == SKIN} == {jobs[0].case.name}


def test_every_method_of_the_plan_has_settings_that_hold() -> None:
    for name, plan in SETS.items():
        for method in METHODS.values():
            settings = Config.from_preset(plan.preset).replace(**method.changes)
            assert settings.network.affinity_shift == (1 if method.title.startswith("shift of 1") else 2), name
    alone = Config.from_preset("paper-lung").replace(**METHODS["cross-entropy"].changes).fit.loss_weights
    assert tuple(alone.model_dump().values()) == (1.2, 0.0, 0.0)
    intra = Config.from_preset("paper").replace(**METHODS["with-intra"].changes).fit.loss_weights
    assert tuple(intra.model_dump().values()) == (1.0, 0.0, 1.2)


def test_a_run_goes_on_where_it_ended(data: Path, tmp_path: Path) -> None:
    jobs = all_jobs(data)
    out = tmp_path / "out"
    run(jobs[:5], out, None, lambda job: row(job, 0.5))
    with (out / JOURNAL).open("a", encoding="utf-8") as journal:
        journal.write('{"job": "cut off he')  # the machine went down here
    seen: list[str] = []

    def measured(job: Job) -> dict[str, Any]:
        seen.append(job.name)
        return row(job, 0.6)

    run(jobs[:8], out, None, measured)
    assert seen == [job.name for job in jobs[5:8]]
    assert [one["job"] for one in rows_of(out)] == [job.name for job in jobs[:8]]
    run(jobs[:8], out, None, measured)
    assert len(seen) == 3


def test_a_fit_is_scored_under_every_protocol(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, OURS, METHODS[OURS].__class__("short", changes={"fit": {"max_iter": 2}}))
    jobs = [job for job in all_jobs(data, limit=1) if job.case.set_name == LUNG]
    first = {job.method: measure(job) for job in jobs[:7] if job.method in (OURS, "kmeans", "everything")}
    ours = first[OURS]
    assert (ours["updates"], ours["side"], ours["precision"], ours["shown"]) == (2, 53, "float32", [53, 61])
    assert ours["labels-merged"] == 2 < ours["labels-as-left"]
    for one in first.values():
        assert set(one["scores"]) == set(VARIANTS)
        for variant in one["scores"].values():
            assert set(variant) == set(PROTOCOLS)
            assert variant["oracle-components"][0] >= variant["oracle-cluster"][0]
            assert variant["released"][0] >= variant["oracle-cluster"][0] or variant is one["scores"]["as-left"]
    truth = cv2.imread(str(jobs[0].case.truth), cv2.IMREAD_GRAYSCALE)
    assert truth is not None
    share = (truth > 0).mean()
    everything = first["everything"]["scores"]["merged"]["automatic"]
    assert everything == pytest.approx([2 * share / (1 + share), 1 - share, (1 - share) / share], abs=1e-4)


def test_a_fit_that_diverges_in_bfloat16_alone_is_made_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, OURS, METHODS[OURS].__class__("short", changes={"fit": {"max_iter": 2}}, side=65))
    job = next(job for job in all_jobs(data, limit=1) if job.method == OURS and job.precision == "bfloat16")
    asked: list[str] = []
    diverge = {"bfloat16"}

    def fitted(image: Any, settings: Config, **given: Any) -> Any:
        asked.append(settings.fit.precision)
        if settings.fit.precision in diverge:
            raise FitDivergedError("the objective must be finite; got nan")
        return segment_with(clusterer, image, settings, **given)

    clusterer = network_clusterer()
    monkeypatch.setattr(
        run_module, "segment_with", lambda _, image, settings, **given: fitted(image, settings, **given)
    )
    once = measure(job)
    assert (once["precision"], once["again"], once["updates"]) == ("float32", True, 2)
    assert asked == ["bfloat16", "float32", "float32"]
    assert "failed" not in once
    diverge.add("float32")
    never = measure(job)
    assert "got nan" in never["failed"]
    assert never["scores"]["merged"]["automatic"][0] == 0.0


def test_large_images_are_squashed_and_small_ones_left(tmp_path: Path) -> None:
    for name, shape in (("large", (300, 600)), ("small", (64, 64))):
        mask = np.zeros(shape, dtype=np.uint8)
        mask[: shape[0] // 2] = 255
        cv2.imwrite(str(tmp_path / f"{name}.png"), mask)
    pixels, truth = load(tmp_path / "large.png", tmp_path / "large.png")
    assert pixels.shape[:2] == truth.shape == (257, 257)
    assert truth[:128].all()
    assert not truth[130:].any()
    assert load(tmp_path / "small.png", tmp_path / "small.png")[1].shape == (64, 64)


def test_differences_of_the_paper_by_hand() -> None:
    found = {(one.table, one.column, one.first, one.second): one.points for one in differences()}
    assert len(found) == 4 + 3 + 5
    assert found[1, "PH2", "msformer", "sgscn"] == 2.6
    assert found[1, "lung CT", "msformer", "kmeans"] == 1.9
    assert found[2, "PH2", "with-inter", "cross-entropy"] == 0.7
    assert all(points > 0 for points in found.values())
    assert {one.column for one in differences()} == set(TABLE_1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 0.3, 0.25, 0.2, 0.3, 0.25], SEEN),
        ([-0.2, -0.3, -0.25, -0.2, -0.3, -0.25], OPPOSITE),
        ([-0.2, 0.3, 0.01, -0.2, 0.3, -0.1], OPEN),
        ([0.2, 0.3, 0.25, 0.2, 0.3], TOO_FEW),
    ],
)
def test_the_interval_alone_decides(values: list[float], expected: str) -> None:
    first = {str(place): value for place, value in enumerate(values)}
    assert verdict(compare(first, dict.fromkeys(first, 0.0))) == expected


def test_only_images_that_every_method_has_count(data: Path) -> None:
    jobs = [job for job in all_jobs(data, switched=0) if job.case.set_name == SKIN]
    rows = [row(job, 0.5) for job in jobs[:-1]]  # the last image lacks a method
    measured = Measured(rows)
    assert measured.cases[SKIN] == sorted({job.case.name for job in jobs[:20]})
    assert measured.seeds[SKIN] == [0]
    second = [row(job, 0.7) for job in all_jobs(data, switched=0, seeds=[1]) if job.case.set_name == SKIN]
    assert Measured(rows + second[:10]).seeds[SKIN] == [0]  # of the second seed there is one image: it waits
    both = Measured(rows + second)
    assert (both.seeds[SKIN], both.cases[SKIN]) == ([0, 1], measured.cases[SKIN])
    values = both.values(SKIN, OURS, "released")
    assert values == pytest.approx({case: 0.6 + int(case) / 100 for case in values})  # the mean over seeds


def test_the_page_says_what_was_seen(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "LEAST", 2)
    dice = {"msformer": 0.8, "kmeans": 0.6, "sgscn": 0.9}
    out = tmp_path / "out"
    run(all_jobs(data), out, None, lambda job: row(job, dice.get(job.method, 0.8)))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fidelity.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    markdown = tmp_path / "docs" / "paper.md"
    main(["--out", str(out), "--page-only", "--markdown", str(markdown)])
    text = markdown.read_text(encoding="utf-8")
    first = text.split("\n\n")[2]
    assert "show 12 differences" in first
    assert "3 images of `dermoscopy_ph2`, 4 images of `lung_ct_kaggle64`" in first
    assert f"**2 {SEEN}** (MS-Former over k-means on PH2; MS-Former over k-means on lung CT)" in first
    assert f"**2 {OPPOSITE}** (MS-Former over SGSCN on PH2; MS-Former over SGSCN on lung CT)" in first
    assert f"**8 {OPEN}**" in first
    seen = "| 1 | PH2: `dermoscopy_ph2` | MS-Former | k-means | +14.7 | +20.0 (+20.0 to +20.0): seen again |"
    assert seen in text
    assert "| k-means | 61.0 (60.0–62.0) / 39.0 / 30.0 |" in text
    assert "71.3 / 130.8 / 41.3" in text
    assert "| `dermoscopy_ph2` | shift of 1 px, as released | 1 | +0.0 |" in text
    fidelity = (tmp_path / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert "shift of 1 px, as released" in fidelity
    assert "old" not in fidelity
    assert fidelity.startswith("before\n")
    assert fidelity.endswith("\nafter\n")
    # From the committed rows alone, without journal or images.
    again = tmp_path / "again.md"
    main(["--out", str(tmp_path / "docs" / "paper"), "--page-only", "--markdown", str(again)])
    assert again.read_text(encoding="utf-8") == text
    assert json.loads((tmp_path / "again" / ROWS).read_text(encoding="utf-8"))["rows"]
    with pytest.raises(SystemExit):
        main(["--out", str(out)])
    assert "--data is needed to measure" in capsys.readouterr().err


def test_a_page_without_marks_stays_as_it_is() -> None:
    assert with_switches("text", ["| a |"]) == "text"


def test_in_the_film_a_cluster_keeps_its_colour_and_the_start_is_slow(tmp_path: Path) -> None:
    labels = [np.full((pictures.SIDE, pictures.SIDE), 7, dtype=np.intp) for _ in range(15)]
    for step in range(14):
        labels[step][:, 60:] = 3  # in the last frame one cluster is left
    path = tmp_path / "film.webp"
    pictures.draw_film(np.zeros((pictures.SIDE, pictures.SIDE, 3), dtype=np.uint8), labels, path)
    corners, shown = [], []
    with Pillow.open(path) as film:
        for shot in ImageSequence.Iterator(film):
            frame = shot.convert("RGB")
            first = 2 * (pictures.SIDE + 4)  # the clusters begin right of the picture
            corners.append((frame.getpixel((first + 9, 100)), frame.getpixel((frame.width - 9, 100))))
            shown.append(film.info["duration"])
    assert len(set(corners[:14])) == 1
    assert corners[0][0] != corners[0][1]
    assert corners[14] == (corners[0][0], corners[0][0])
    assert shown == [pictures.SLOW_MS] * 12 + [pictures.FAST_MS] * 2 + [pictures.LAST_MS]
