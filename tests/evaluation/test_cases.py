from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow

from msformer.errors import ConfigError
from msformer.evaluation.agreement import AGREED, MISSED, WRONG, draw_agreement
from msformer.evaluation.cases import (
    EMPTY_TRUTH,
    FULL_TRUTH,
    MANY_VALUES,
    MIXED,
    NO_CHANNELS,
    TAKEN_FOR_LABELS,
    Row,
    Scored,
    ScoreSettings,
    score_cases,
)
from msformer.evaluation.pairing import Kind, pair

SHAPE = 41, 53
Write = Callable[[str, NDArray[np.generic]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, pixels: NDArray[np.generic]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(pixels).save(path)
        return path

    return write_file


def block(rows: slice, columns: slice, value: int = 255) -> NDArray[np.uint8]:
    pixels = np.zeros(SHAPE, dtype=np.uint8)
    pixels[rows, columns] = value
    return pixels


TRUTH = block(slice(10, 20), slice(7, 27))  # 10 × 20 = 200 px
SHIFTED = block(slice(5, 15), slice(7, 27))  # the same, 5 rows up: 100 px in common


def label_map() -> NDArray[np.uint8]:
    """Label 2 is 120 px of the truth; label 3 the other 80 px and 20 px far away; label 1 the rest."""
    labels = np.ones(SHAPE, dtype=np.uint8)
    labels[10:16, 7:27] = 2
    labels[16:20, 7:27] = 3
    labels[35:40, 40:44] = 3
    return labels


def score(tmp_path: Path, kind: Kind = "auto", settings: ScoreSettings | None = None) -> Scored:
    return score_cases(pair(tmp_path / "pred", tmp_path / "gt", kind=kind).cases, settings or ScoreSettings())


def by_protocol(scored: Scored) -> dict[str, Row]:
    assert not scored.failures
    assert len(scored.by_protocol()) == len(scored.rows)
    return {row.scores.protocol: row for row in scored.rows}


def test_a_mask_is_scored_as_worked_out_by_hand(tmp_path: Path, write: Write) -> None:
    write("pred/sub/a.png", SHIFTED)
    write("gt/sub/a.tif", TRUTH)
    (row,) = score(tmp_path).rows
    assert (row.case_id, row.scores.protocol, row.shape) == ("sub/a", "automatic", SHAPE)
    assert (row.pred_px, row.gt_px, row.clusters) == (200, 200, ())
    assert row.scores.dice == 2 * 100 / 400
    assert row.scores.iou == 100 / 300
    assert row.scores.xor_error == (300 - 100) / 200
    assert row.scores.specificity == (41 * 53 - 300) / (41 * 53 - 200)
    # 20 of 56 outline pixels, those of the first row, are 5 rows from the other outline, none is further
    assert (row.scores.hausdorff95, row.scores.unit) == (5.0, "px")


def test_spacing_and_tolerance_reach_the_scores(tmp_path: Path, write: Write) -> None:
    write("pred/a.png", SHIFTED)
    write("gt/a.png", TRUTH)
    (row,) = score(tmp_path, settings=ScoreSettings((0.5, 2.0), 0.25)).rows
    assert (row.scores.hausdorff95, row.scores.unit, row.scores.tolerance) == (2.5, "mm", 0.25)
    (wide,) = score(tmp_path, settings=ScoreSettings((0.5, 2.0), 2.5)).rows
    assert row.scores.surface_dice < wide.scores.surface_dice == 1.0


def test_label_maps_are_scored_under_oracles_only(tmp_path: Path, write: Write) -> None:
    write("pred/a.png", label_map())
    write("gt/a.png", TRUTH)
    scored = score(tmp_path)
    rows = by_protocol(scored)
    assert set(rows) == {"oracle-cluster", "oracle-components"}
    assert rows["oracle-cluster"].scores.dice == 2 * 120 / (120 + 200)
    assert rows["oracle-cluster"].clusters == (2,)
    assert rows["oracle-components"].scores.dice == 1.0
    assert rows["oracle-components"].clusters == (2, 3)
    assert [remark.text for remark in scored.remarks] == [TAKEN_FOR_LABELS, NO_CHANNELS]
    assert [remark.text for remark in score(tmp_path, "labels").remarks] == [NO_CHANNELS]


@pytest.fixture
def segment_output(tmp_path: Path, write: Write) -> Path:
    write("pred/masks/a.png", SHIFTED)
    write("pred/labels/a.png", label_map())
    write("pred/preview/a.png", SHIFTED)
    write("gt/a.png", TRUTH)
    cases = [{"case_id": "b", "status": "failed"}, {"case_id": "a", "status": "done", "cluster_channels": [4, 0, 9]}]
    (tmp_path / "pred" / "report.json").write_text(json.dumps({"cases": cases}))
    return tmp_path


def test_segment_output_is_scored_under_all_protocols(segment_output: Path) -> None:
    scored = score(segment_output)
    rows = by_protocol(scored)
    assert rows["automatic"].scores.dice == 0.5
    assert rows["oracle-cluster"].scores.dice == 0.75
    assert rows["oracle-components"].scores.dice == 1.0
    # label 2 is channel 0, which is never chosen; of channel 9 the 20 px far away are erased
    assert rows["released"].scores.dice == 2 * 80 / (80 + 200)
    assert rows["released"].clusters == (9,)
    assert not scored.remarks


@pytest.mark.parametrize(("kind", "protocols"), [("masks", {"automatic"}), ("labels", {"oracle-cluster", "released"})])
def test_one_side_of_a_segment_output(segment_output: Path, kind: Kind, protocols: set[str]) -> None:
    assert set(by_protocol(score(segment_output, kind))) - {"oracle-components"} == protocols


@pytest.mark.parametrize("text", [None, "{", "[]", '{"cases": [{"status": "done", "case_id": "a"}]}'])
def test_without_a_sound_report_released_is_left_out_and_said(segment_output: Path, text: str | None) -> None:
    report = segment_output / "pred" / "report.json"
    report.unlink() if text is None else report.write_text(text)
    pairing = pair(segment_output / "pred", segment_output / "gt")
    (remark,) = pairing.remarks
    assert "report.json" in remark.text
    scored = score_cases(pairing.cases, ScoreSettings())
    assert "released" not in by_protocol(scored)
    assert [remark.text for remark in scored.remarks] == [NO_CHANNELS]


def test_labels_that_the_report_does_not_know_are_a_failure(segment_output: Path, write: Write) -> None:
    write("pred/labels/a.png", label_map() + 1)
    scored = score(segment_output)
    assert {row.scores.protocol for row in scored.rows} == {"automatic"}
    assert "a.png: labels must be 0 to 3" in scored.failures[0].text


def test_segment_output_with_half_of_a_case_says_so(segment_output: Path) -> None:
    (segment_output / "pred" / "labels" / "a.png").unlink()
    pairing = pair(segment_output / "pred", segment_output / "gt")
    assert [(failure.case_id, failure.text) for failure in pairing.failures] == [
        ("a", "PRED/labels has no file of this name")
    ]
    assert set(by_protocol(score_cases(pairing.cases, ScoreSettings()))) == {"automatic"}


@pytest.mark.parametrize(
    ("pixels", "is_mask"),
    [
        (TRUTH, True),
        (TRUTH // 255 * 3, True),
        (np.zeros(SHAPE, dtype=np.uint8), True),
        (np.dstack([TRUTH, TRUTH, TRUTH]), True),
        (TRUTH // 255 + 1, False),  # two values, neither of them 0
        (np.minimum(TRUTH, 7) + label_map(), False),
    ],
)
def test_files_are_told_apart_by_their_values(
    tmp_path: Path, write: Write, pixels: NDArray[np.uint8], is_mask: bool
) -> None:
    write("pred/a.png", pixels)
    write("gt/a.png", TRUTH)
    protocols = {row.scores.protocol for row in score(tmp_path).rows}
    assert protocols == ({"automatic"} if is_mask else {"oracle-cluster", "oracle-components"})
    assert set(by_protocol(score(tmp_path, "masks"))) == {"automatic"}
    assert "automatic" not in by_protocol(score(tmp_path, "labels"))


def test_a_folder_of_masks_and_label_maps_is_remarked(tmp_path: Path, write: Write) -> None:
    for name, pixels in (("a", TRUTH), ("b", label_map())):
        write(f"pred/{name}.png", pixels)
        write(f"gt/{name}.png", TRUTH)
    assert MIXED in [remark.text for remark in score(tmp_path).remarks]
    assert MIXED not in [remark.text for remark in score(tmp_path, "labels").remarks]


def test_every_file_that_was_taken_for_a_label_map_is_remarked(tmp_path: Path, write: Write) -> None:
    for name, pixels in (("a", label_map()), ("b", TRUTH), ("c", TRUTH // 255 + 1)):
        write(f"pred/{name}.png", pixels)
        write(f"gt/{name}.png", TRUTH)
    assert [remark.case_id for remark in score(tmp_path).remarks if remark.text == TAKEN_FOR_LABELS] == ["a", "c"]
    assert not score(tmp_path, "masks").remarks


@pytest.mark.parametrize(("pixels", "is_mask"), [(TRUTH, False), (np.zeros_like(TRUTH), True)])
def test_a_jpeg_is_no_label_map_unless_that_is_said(
    tmp_path: Path, write: Write, pixels: NDArray[np.uint8], is_mask: bool
) -> None:
    """Compression blurs the edges of the first; the second is still a mask by its values."""
    write("gt/a.png", TRUTH)
    write("pred/a.jpg", pixels).rename(tmp_path / "pred" / "a.png")  # the contents count, not the name
    scored = score(tmp_path)
    assert [row.scores.protocol for row in scored.rows] == (["automatic"] if is_mask else [])
    assert [failure.case_id for failure in scored.failures] == ([] if is_mask else ["a"])
    for failure in scored.failures:
        assert "a.png: a label map must not be a JPEG" in failure.text
        assert "--as masks" in failure.text
    assert set(by_protocol(score(tmp_path, "masks"))) == {"automatic"}
    assert set(by_protocol(score(tmp_path, "labels"))) == {"oracle-cluster", "oracle-components"}


@pytest.mark.parametrize("n_values", [1024, 1025])
def test_a_photograph_is_no_label_map_unless_that_is_said(tmp_path: Path, write: Write, n_values: int) -> None:
    prediction, truth = tmp_path / "a.tif", write("gt/a.png", TRUTH)
    pixels = (np.arange(41 * 53) % n_values).astype(np.uint16)
    tifffile.imwrite(prediction, pixels.reshape(SHAPE), photometric="minisblack")
    scored = score_cases(pair(prediction, truth).cases, ScoreSettings())
    if n_values == 1024:
        assert set(by_protocol(scored)) == {"oracle-cluster", "oracle-components"}
    else:
        assert not scored.rows
        assert "a label map must hold at most 1024 values; got 1025" in scored.failures[0].text
    by_protocol(score_cases(pair(prediction, truth, kind="labels").cases, ScoreSettings()))


@pytest.mark.parametrize(
    ("truth", "remarks"),
    [
        (TRUTH, []),
        (np.zeros_like(TRUTH), [EMPTY_TRUTH]),
        (np.full_like(TRUTH, 255), [FULL_TRUTH]),
        (label_map(), [MANY_VALUES, FULL_TRUTH]),
    ],
)
def test_ground_truths_that_are_hardly_meant_so_are_remarked(
    tmp_path: Path, write: Write, truth: NDArray[np.uint8], remarks: list[str]
) -> None:
    write("pred/a.png", SHIFTED)
    write("gt/a.png", truth)
    scored = score(tmp_path)
    assert len(scored.rows) == 1
    assert [(remark.case_id, remark.text) for remark in scored.remarks] == [("a", text) for text in remarks]


def test_any_value_but_0_is_the_object_in_a_ground_truth(tmp_path: Path, write: Write) -> None:
    truth = TRUTH.copy()
    truth[10:12, 7:27] = 1
    write("pred/a.png", SHIFTED)
    write("gt/a.png", truth)
    scored = score(tmp_path)
    assert scored.rows[0].gt_px == 200
    assert [remark.text for remark in scored.remarks] == [MANY_VALUES]
    colours = np.zeros((*SHAPE, 3), dtype=np.uint8)
    colours[10:20, 7:17, 0] = 200
    colours[10:20, 17:27, 2] = 200
    write("gt/a.png", colours)
    assert score(tmp_path).rows[0].gt_px == 200


def test_failures_have_reasons_and_stop_no_other_case(tmp_path: Path, write: Write) -> None:
    for name in ("a", "colours", "cut", "fractions", "pages", "size", "truth"):
        write(f"pred/{name}.png", SHIFTED)
        write(f"gt/{name}.png", TRUTH)
    write("pred/size.png", SHIFTED[:-4])
    (tmp_path / "pred" / "cut.png").write_bytes((tmp_path / "pred" / "cut.png").read_bytes()[:60])
    (tmp_path / "gt" / "truth.png").write_text("no image")
    write("pred/colours.png", np.dstack([TRUTH, SHIFTED, label_map()]))
    for name, pixels in (("fractions", SHIFTED / np.float32(2) + 1), ("pages", np.stack([SHIFTED, SHIFTED]))):
        (tmp_path / "pred" / f"{name}.png").unlink()
        tifffile.imwrite(tmp_path / "pred" / f"{name}.tif", pixels, photometric="minisblack")
    scored = score(tmp_path)
    assert [row.case_id for row in scored.rows] == ["a"]
    reasons = {failure.case_id: failure.text for failure in scored.failures}
    assert set(reasons) == {"colours", "cut", "fractions", "pages", "size", "truth"}
    assert "got 37 rows × 53 columns, ground truth 41 rows × 53 columns" in reasons["size"]
    assert reasons["cut"].startswith("ReadError")
    assert "truth.png" in reasons["truth"]
    assert "must be grey" in reasons["colours"]
    assert "whole numbers" in reasons["fractions"]
    assert "2 pages" in reasons["pages"]


def test_leftovers_on_both_sides_and_names_that_are_not_unique(tmp_path: Path, write: Write) -> None:
    for name in ("a.png", "b.png", "twice.png", "twice.tif", "sub/d.png", ".hidden.png"):
        write(f"pred/{name}", SHIFTED)
    for name in ("a.png", "c.png", "twice.png", "d.png", "d.tif"):
        write(f"gt/{name}", TRUTH)
    (tmp_path / "gt" / "notes.txt").write_text("no image, not listed")
    pairing = pair(tmp_path / "pred", tmp_path / "gt")
    assert [case.case_id for case in pairing.cases] == ["a"]
    assert pairing.only_pred == ("b", "sub/d")
    assert pairing.only_gt == ("c", "d")
    assert [(failure.case_id, failure.text) for failure in pairing.failures] == [
        ("twice", "PRED has 2 files of this name: twice.png, twice.tif")
    ]


def test_contents_say_what_in_a_folder_is_an_image(tmp_path: Path, write: Write) -> None:
    for name in ("a", "b", "c"):
        write(f"gt/{name}.png", TRUTH)
    write("pred/plain.png", SHIFTED).rename(tmp_path / "pred" / "a.dat")  # a PNG
    flat, deep = (sitk.GetImageFromArray(array) for array in (SHIFTED, np.stack([SHIFTED] * 3)))
    sitk.WriteImage(flat, str(tmp_path / "pred" / "b.nii.gz"))
    sitk.WriteImage(deep, str(tmp_path / "pred" / "c.mha"))
    (tmp_path / "pred" / "notes.txt").write_text("no image")
    (tmp_path / "pred" / "b_labels.txt").write_text("1 255 0 0 1 1 1 object")
    pairing = pair(tmp_path / "pred", tmp_path / "gt")
    assert ([case.case_id for case in pairing.cases], pairing.only_pred) == (["a", "b", "c"], ())
    scored = score_cases(pairing.cases, ScoreSettings())
    assert [(row.case_id, row.scores.dice) for row in scored.rows] == [("a", 0.5), ("b", 0.5)]
    (failure,) = scored.failures
    assert (failure.case_id, "c.mha: must hold one image; got 3 slices" in failure.text) == ("c", True)


def test_two_files_are_a_pair_whatever_their_names(tmp_path: Path, write: Write) -> None:
    pairing = pair(write("one.png", SHIFTED), write("other.tif", TRUTH))
    (row,) = score_cases(pairing.cases, ScoreSettings()).rows
    assert (row.case_id, row.scores.dice) == ("one", 0.5)


def test_what_cannot_be_paired_is_refused(tmp_path: Path, write: Write) -> None:
    one, other = write("pred/a.png", SHIFTED), write("gt/b.png", TRUTH)
    for pred, gt, message in (
        (tmp_path / "absent", other, "does not exist"),
        (one.parent, other, "two folders or two files; got a folder and a file"),
        (one.parent, other.parent, "no name in PRED is also in GT; PRED has 'a', GT has 'b'"),
    ):
        with pytest.raises(ConfigError, match=message):
            pair(pred, gt)


@pytest.mark.parametrize(
    ("spacing_mm", "tolerance"), [((0.0, 1.0), 2.0), ((1.0, float("nan")), 2.0), (None, -1.0), (None, float("inf"))]
)
def test_settings_out_of_range_are_refused(spacing_mm: tuple[float, float] | None, tolerance: float) -> None:
    with pytest.raises(ConfigError, match="got"):
        ScoreSettings(spacing_mm, tolerance)


def test_agreement_in_colours(write: Write) -> None:
    pred, truth = SHIFTED > 0, TRUTH > 0
    picture = draw_agreement(pred, truth)
    assert picture.shape == (*SHAPE, 3)
    assert [picture[row, 10].tolist() for row in (2, 7, 12, 17)] == [[0, 0, 0], [*WRONG], [*AGREED], [*MISSED]]
    grey = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in (MISSED, AGREED, WRONG)]
    assert min(lighter - darker for darker, lighter in pairwise(grey)) > 35  # told apart in grey too
    beside = draw_agreement(pred, truth, write("image.png", np.full(SHAPE, 90, dtype=np.uint8)))
    assert beside.shape[1] > 2 * beside.shape[0]
    assert beside[5, 5].tolist() == [90, 90, 90]
