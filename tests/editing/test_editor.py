"""An editor on pictures of which the right answer is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from msformer import Editor
from msformer.editing import (
    MAKERS,
    Action,
    Alternative,
    Box,
    Brush,
    Clear,
    Fill,
    Lasso,
    Merge,
    Point,
    Redraw,
    Region,
    Scribble,
    Smooth,
    Split,
    action_of,
)
from msformer.errors import ConfigError, ImageShapeError, ReadError
from msformer.image import Mask
from msformer.morphology import dice

SHAPE = 120, 160


def disc(row: int, column: int, radius: int, shape: tuple[int, int] = SHAPE) -> Mask:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


def picture(*objects: Mask, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 3, (*SHAPE, 3))
    inside = np.logical_or.reduce(objects)[:, :, None]
    return np.clip(np.where(inside, (150, 70, 60), (210, 190, 180)) + noise, 0, 255).astype(np.uint8)


ONE = disc(60, 80, 28)
THREE = disc(35, 40, 16), disc(80, 80, 16), disc(40, 125, 16)


def test_a_click_finds_the_object_and_offers_nested_alternatives() -> None:
    editor = Editor.open(picture(ONE)).point(60, 80)
    assert dice(editor.mask, ONE) > 0.9
    offer = editor.offer
    assert offer is not None
    part, thing, whole = offer.masks
    assert not (part & ~thing).any()
    assert not (thing & ~whole).any()
    for index in range(3):
        editor.prompt(Alternative(index=index))
        assert editor.offer is not None
        assert editor.offer.chosen == index
        assert np.array_equal(editor.mask, offer.masks[index])
    assert [step.maker for step in editor.steps] == ["prompted"] * 4


def test_a_box_is_honoured_to_the_pixel() -> None:
    editor = Editor.open(picture(ONE)).box(40, 60, 90, 108)
    outside = np.ones(SHAPE, dtype=bool)
    outside[40:90, 60:108] = False
    assert not (editor.mask & outside).any()
    assert editor.mask.any()


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("place", [(0, 0), (0, 159), (119, 0), (119, 159), (60, 80), (60, 30)])
def test_a_click_is_honoured_to_the_pixel_wherever_it_is(place: tuple[int, int], is_on: bool) -> None:
    editor = Editor.open(picture(ONE), ONE).point(*place, is_on=is_on)
    assert editor.mask[place] == is_on


def test_a_further_click_changes_one_piece_that_holds_it() -> None:
    wrong = ONE | disc(20, 20, 9) | disc(100, 140, 9)
    editor = Editor.open(picture(ONE), wrong).point(20, 20, is_on=False)
    changed = editor.mask ^ wrong
    assert changed[20, 20]
    assert not changed[80:].any()
    assert np.array_equal(editor.mask[80:], wrong[80:])
    assert dice(editor.mask, ONE | disc(100, 140, 9)) > dice(wrong, ONE | disc(100, 140, 9))


@pytest.mark.parametrize("seed", range(4))
def test_a_click_never_takes_back_what_one_before_it_said(seed: int) -> None:
    generator = np.random.default_rng(seed)
    editor = Editor.open(picture(ONE)).point(60, 80)
    said = {(60, 80): True}
    for _ in range(8):
        row, column = (int(generator.integers(side)) for side in SHAPE)
        if any(np.hypot(row - one[0], column - one[1]) < 3 for one in said):  # less than what a border is drawn with
            continue
        said[row, column] = bool(generator.random() < 0.5)
        editor.point(row, column, is_on=said[row, column])
        assert {place: bool(editor.mask[place]) for place in said} == said


def test_one_more_never_takes_another_object_away_and_one_less_takes_one() -> None:
    have = THREE[0] | THREE[1]
    editor = Editor.open(picture(*THREE), have)
    editor.prompt(Point(row=40, column=125, mode="more"))
    assert not (have & ~editor.mask).any()
    assert dice(editor.mask, np.logical_or.reduce(THREE)) > 0.9
    offer = editor.offer
    assert offer is not None
    assert all(not (have & ~mask).any() for mask in offer.masks)
    editor.prompt(Point(row=80, column=80, is_on=False, mode="more"))
    assert not (editor.mask & THREE[1]).any()
    assert not (THREE[0] & ~editor.mask).any()


def test_a_click_beside_all_objects_takes_nothing() -> None:
    editor = Editor.open(picture(*THREE), THREE[0])
    editor.prompt(Point(row=110, column=10, is_on=False, mode="more"))
    assert np.array_equal(editor.mask, THREE[0])


def test_prompts_of_one_image_never_reach_another() -> None:
    first, second = Editor.open(picture(ONE)), Editor.open(picture(ONE))
    first.point(60, 80)
    assert not second.mask.any()
    assert second.steps == ()


def test_what_was_drawn_elsewhere_is_one_step_of_the_hand() -> None:
    editor = Editor.open(picture(ONE), ONE)
    drawn = disc(70, 90, 25)
    editor.redraw(drawn)
    np.testing.assert_array_equal(editor.mask, drawn)
    np.testing.assert_array_equal(editor.makers == MAKERS.index("hand"), drawn ^ ONE)
    assert editor.undoes == "drawing"
    np.testing.assert_array_equal(editor.undo().mask, ONE)
    with pytest.raises(ImageShapeError, match="mask must have the shape of the image"):
        editor.redraw(drawn[1:])
    with pytest.raises(ConfigError, match="redraw: a step's change cannot be read"):
        Editor.open(picture(ONE)).prompt(action_of({"kind": "redraw", "box": [100, 0, 60, 3], "bits": ""}))


STROKES: list[Action] = [
    Brush(path=((30, 30), (40, 50)), radius=5),
    Brush(path=((60, 60),), radius=9, is_on=False),
    Lasso(path=((10, 10), (10, 50), (50, 30))),
    Lasso(path=((50, 50), (50, 90), (80, 70)), is_on=False),
    Fill(),
    Smooth(width=3),
    Split(path=((0, 80), (119, 80))),
    Merge(path=((60, 60), (60, 100))),
    Redraw.between(ONE, disc(64, 90, 20)),
    Clear(),
]


def known(editor: Editor) -> tuple[bytes, bytes]:
    return editor.mask.tobytes(), editor.makers.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(STROKES), min_size=1, max_size=7), st.integers(0, 7))
def test_everything_is_undone_done_again_and_read_again(actions: list[Action], back: int) -> None:
    image = np.zeros((*SHAPE, 3), dtype=np.uint8)
    lines: list[Mapping[str, Any]] = []
    editor = Editor.open(image, ONE, learned=disc(60, 80, 10), on_step=lines.append)
    seen = [known(editor)]
    for action in actions:
        seen.append(known(editor.prompt(action)))
    for expected in seen[-2::-1]:
        assert known(editor.undo()) == expected
    assert editor.undoes is None
    assert np.array_equal(editor.mask, ONE)
    for expected in seen[1:]:
        assert known(editor.redo()) == expected
    for _ in range(min(back, len(actions))):
        editor.undo()
    stored = json.loads(json.dumps(lines))
    again = Editor.open(image, ONE, learned=disc(60, 80, 10)).read(stored)
    assert known(again) == known(editor)
    assert (again.undoes, again.redoes) == (editor.undoes, editor.redoes)


def test_who_made_which_pixel_is_known() -> None:
    editor = Editor.open(picture(ONE), ONE, learned=disc(60, 80, 10))
    names = np.array(MAKERS)
    assert set(names[np.unique(editor.makers)]) == {"automatic", "learned"}
    editor.prompt(Brush(path=((10, 10),), radius=4))
    changed = editor.mask & ~ONE
    assert changed.any()
    assert set(names[np.unique(editor.makers[changed])]) == {"hand"}
    assert set(names[np.unique(editor.makers[~changed])]) == {"automatic", "learned"}
    editor.point(60, 130)
    assert "prompted" in names[np.unique(editor.makers)]


def test_a_step_has_a_name_and_a_new_one_forgets_what_was_undone() -> None:
    editor = Editor.open(picture(ONE)).prompt(STROKES[0], STROKES[2])
    assert (editor.undoes, editor.redoes) == ("lasso", None)
    editor.undo()
    assert (editor.undoes, editor.redoes) == ("brush", "lasso")
    editor.prompt(Fill())
    assert (editor.undoes, editor.redoes) == ("fill holes", None)


def test_clicks_go_on_after_an_undo_and_in_another_editor() -> None:
    image = picture(ONE)
    lines: list[Mapping[str, Any]] = []
    editor = Editor.open(image, on_step=lines.append).point(60, 80).point(20, 20)
    editor.undo().point(60, 105)
    again = Editor.open(image).read(lines)
    before = again.mask
    again.point(95, 80)
    assert again.mask[95, 80]
    assert not (before & ~again.mask).any()


def test_a_scribble_is_on_the_object_with_all_its_pixels() -> None:
    editor = Editor.open(picture(ONE)).prompt(Scribble(path=((50, 70), (60, 80), (70, 90))))
    assert editor.mask[50, 70]
    assert editor.mask[70, 90]
    assert dice(editor.mask, ONE) > 0.8


def test_a_region_is_added_and_taken_away() -> None:
    editor = Editor.open(picture(ONE))
    regions = editor.seen.regions
    best = max(range(len(regions)), key=lambda index: dice(editor.seen.outline(regions[index]), ONE))
    editor.prompt(Region(index=best))
    assert dice(editor.mask, ONE) > 0.9
    editor.prompt(Region(index=best, is_on=False))
    assert not editor.mask.any()


def test_what_cannot_be_done_is_told_and_changes_nothing() -> None:
    editor = Editor.open(picture(ONE), ONE)
    for action, words in (
        (Point(row=120, column=0), "within the image of 120 × 160"),
        (Box(top=200, left=0, bottom=300, right=10), "within the image"),
        (Region(index=100_000), "must be one of the"),
        (Alternative(index=1), "there is no such one"),
    ):
        with pytest.raises(ConfigError, match=words):
            editor.prompt(action)
    assert editor.steps == ()
    assert np.array_equal(editor.mask, ONE)
    with pytest.raises(ImageShapeError, match=r"\(120, 160\); got \(3, 3\)"):
        Editor.open(picture(ONE), np.ones((3, 3)))


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "nothing"},
        {"kind": "point", "row": -1, "column": 2},
        {"kind": "point", "row": 1, "column": 2, "more": 3},
        {"kind": "brush", "path": [[0, 0]], "radius": 0},
        {"kind": "brush", "path": [[0, float("nan")]], "radius": 3},
        {"kind": "box", "top": 5, "left": 5, "bottom": 5, "right": 9},
        {"kind": "lasso", "path": [[0, 0], [1, 1]]},
        [1, 2],
        None,
    ],
)
def test_what_is_no_action_is_refused_with_the_reason(said: Any) -> None:
    with pytest.raises(ConfigError, match="action"):
        action_of(said)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"action": {"kind": "fill"}, "maker": "somebody"},
        {"action": {"kind": "fill"}, "maker": "hand", "change": {"box": [0, 0, 500, 500], "bits": "AAAA"}},
        {"action": {"kind": "fill"}, "maker": "hand", "change": {"box": [0, 0, 5, 5], "bits": "AAAA"}},
        {"action": {"kind": "fill"}, "maker": "hand", "change": {"box": [0, 0, 5], "bits": ""}},
    ],
)
def test_a_line_that_says_nothing_is_refused(line: Mapping[str, Any]) -> None:
    with pytest.raises(ReadError):
        Editor.open(picture(ONE)).read([line])


def test_it_is_saved_as_it_is(tmp_path: Path) -> None:
    editor = Editor.open(picture(ONE), ONE).prompt(STROKES[0])
    path = editor.save(tmp_path / "mask.png")
    assert np.array_equal(np.asarray(Pillow.open(path)) > 0, editor.mask)
    assert editor.mask is not editor.mask  # a copy: nobody can write into the editor's
