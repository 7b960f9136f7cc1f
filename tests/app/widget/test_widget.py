"""The Python side of the widget: messages in, masks and answers out."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.app.widget.host import channel_of, channels, tell

import msformer
from msformer.app.widget.edit_widget import EditWidget
from msformer.editing.change import Change
from msformer.errors import ConfigError, ImageShapeError
from msformer.image import Mask

__all__ = ["channels"]
pytestmark = pytest.mark.usefixtures("channels")

SHAPE = 61, 83


def disc(row: float, column: float, radius: float) -> Mask:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


def picture() -> NDArray[np.uint8]:
    image = np.full((*SHAPE, 3), 220, dtype=np.uint8)
    image[disc(31, 43, 13)] = (120, 60, 40)
    return image + np.random.default_rng(0).integers(0, 9, image.shape, dtype=np.uint8)


def ask(widget: EditWidget, what: str, **values: Any) -> tuple[dict[str, Any], Sequence[bytes]]:
    """What Python answers to a question."""
    channel_of(widget).fetch()
    tell(widget, {"id": "own-1", "what": what, "values": values})
    data, buffers = next((data, buffers) for data, buffers in channel_of(widget).fetch() if data["method"] == "custom")
    assert data["content"]["id"] == "own-1"
    return data["content"], buffers


def act(widget: EditWidget, based_on: int, **what: Any) -> dict[str, Any]:
    return ask(widget, "act", based_on=based_on, act=what)[0]


STROKE = {"kind": "brush", "path": [[20.0, 20.0], [20.0, 40.0]], "radius": 4.0, "is_on": True}


def test_a_stroke_of_the_browser_is_in_the_mask_and_undo_takes_it_back() -> None:
    widget = msformer.edit(picture())
    seen: list[int] = []
    widget.observe(lambda change: seen.append(int(change["new"].sum())), "mask")
    answer = act(widget, 0, do=STROKE)["answer"]

    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    beside = np.clip(columns + 0.5, 20, 40) - (columns + 0.5)  # from the line, in px, to the middle of each pixel
    apart = np.hypot(rows + 0.5 - 20, beside)
    assert widget.mask[apart < 2.8].all()
    assert not widget.mask[apart > 5.2].any()
    change = Change.from_json(answer["change"], SHAPE)
    np.testing.assert_array_equal(change.apply(np.zeros(SHAPE, dtype=bool)), widget.mask)
    assert answer["revision"] == widget.revision == 1
    assert answer["pixels"] == int(widget.mask.sum()) == seen[-1]

    answer = act(widget, 1, undo=True)["answer"]
    assert not widget.mask.any()
    assert answer["undoes"] is None
    assert answer["redoes"] is not None
    act(widget, 2, redo=True)
    assert int(widget.mask.sum()) == seen[0]
    assert seen == [seen[0], 0, seen[0]]


def test_a_click_is_answered_by_the_network_with_alternatives() -> None:
    widget = msformer.edit(picture())
    answer = act(widget, 0, do={"kind": "point", "row": 31, "column": 43, "is_on": True, "mode": "here"})["answer"]
    assert widget.mask[31, 43]
    assert not widget.mask[4, 4]
    assert answer["offer"]["words"][:2] == ["part", "object"]
    other = 0 if answer["offer"]["chosen"] else 1
    assert act(widget, 1, do={"kind": "alternative", "index": other})["answer"]["offer"]["chosen"] == other


def test_what_is_done_in_python_is_told_to_the_browser() -> None:
    widget = msformer.edit(picture(), disc(31, 43, 10))
    channel_of(widget).fetch()
    widget.editor.point(31, 43, is_on=False)
    updates = [data["state"] for data, _ in channel_of(widget).fetch() if data["method"] == "update"]
    assert {"revision": 1} in updates
    np.testing.assert_array_equal(widget.mask, widget.editor.mask)
    answer = act(widget, 0, do=STROKE)  # by someone who has not heard of it
    assert answer["status"] == 409
    np.testing.assert_array_equal(widget.mask, widget.editor.mask)
    assert widget.revision == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"do": {"kind": "nothing"}}, "kind"),
        ({"do": {"kind": "point", "row": 900, "column": 3, "is_on": True}}, "61 × 83"),
        ({}, "do, undo or redo"),
    ],
)
def test_what_cannot_be_done_is_answered_in_words_and_changes_nothing(what: dict[str, Any], words: str) -> None:
    widget = msformer.edit(picture())
    answer = act(widget, 0, **what)
    assert words in answer["error"]
    assert answer["status"] == 400
    assert widget.revision == 0


def test_other_questions_are_answered_in_words() -> None:
    assert "what must be" in ask(msformer.edit(picture()), "desk")[0]["error"]
    assert "what must be" in ask(msformer.edit(picture()), "clusters")[0]["error"]


def test_the_picture_comes_as_bytes() -> None:
    image = picture()
    _, (data,) = ask(msformer.edit(image), "picture")
    found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    np.testing.assert_array_equal(found[:, :, ::-1], image)

    values = np.random.default_rng(1).integers(-900, 900, SHAPE).astype(np.int16)
    _, (data,) = ask(msformer.edit(values), "picture")
    numbers = np.frombuffer(zlib.decompress(data), dtype="<u2").reshape(SHAPE)
    np.testing.assert_array_equal(numbers.astype(int) + int(values.min()), values)


def test_labels_number_the_pieces_from_the_largest() -> None:
    mask = disc(15, 20, 5) | disc(40, 60, 9)
    labels = msformer.edit(picture(), mask).labels
    np.testing.assert_array_equal(labels == 1, disc(40, 60, 9))
    np.testing.assert_array_equal(labels == 2, disc(15, 20, 5))
    assert labels.max() == 2


def test_a_result_brings_its_mask_its_clusters_and_how_certain_it_is() -> None:
    image = picture()
    result = msformer.segment(image, "dermoscopy")
    widget = msformer.edit(result)
    np.testing.assert_array_equal(widget.mask, result.mask)
    np.testing.assert_array_equal(msformer.edit(image, result).mask, result.mask)
    np.testing.assert_array_equal(widget.editor.image.pixels, image)
    case = ask(widget, "case")[0]["answer"]
    assert case["certain"]["confidence"] == result.confidence
    assert len(case["colours"]) == result.label_map.max() + 1
    _, (data,) = ask(widget, "clusters")
    found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(found, result.label_map)


def test_wrong_arguments_are_told_by_name() -> None:
    with pytest.raises(ImageShapeError, match=r"mask must have the shape of the image, \(61, 83\); got \(5, 7\)"):
        msformer.edit(picture(), np.zeros((5, 7)))
    with pytest.raises(ConfigError, match="height must be at least 320 px; got 20"):
        msformer.edit(picture(), height=20)
    result = replace(msformer.segment(picture(), "dermoscopy"), image=None)
    with pytest.raises(ConfigError, match=r"msformer.edit\(picture, result\)"):
        msformer.edit(result)


def test_the_mask_is_read_and_not_set() -> None:
    widget = msformer.edit(picture())
    with pytest.raises(Exception, match="read-only"):
        widget.mask = np.ones(SHAPE, dtype=bool)
    assert "61 × 83 px, 0 of them" in repr(widget)


def test_without_the_extra_the_line_that_installs_it_is_told() -> None:
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "import numpy, msformer\n"
        "try: msformer.edit(numpy.zeros((40, 50)))\n"
        "except msformer.ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'msformer[notebook]'" in done.stdout
