"""The panel in a viewer: what each button and each layer does to the mask."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import NotificationSeverity, notification_manager

from msformer.image import Mask
from msformer.morphology import dice
from msformer.phantoms import make_phantom
from napari_msformer.panel import EXTENTS, Panel
from napari_msformer.session import BESIDE, ON

Wait = Callable[[Panel], None]
SHAPE = 107, 131


def disc(row: int, column: int, radius: int) -> Mask:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


ONE, OTHER = disc(40, 45, 23), disc(70, 100, 17)


def picture(*objects: Mask, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 3, SHAPE)
    return np.clip(np.where(np.logical_or.reduce(objects), 70, 190) + noise, 0, 255).astype(np.uint8)


def mask(panel: Panel) -> Mask:
    assert panel.session is not None
    return np.asarray(panel.session.labels.data) != 0


def errors() -> list[str]:
    return [one.message for one in notification_manager.records if one.severity >= NotificationSeverity.ERROR]


def hexes(colours: np.ndarray) -> list[str]:
    return ["#" + "".join(f"{round(part * 255):02x}" for part in one[:3]) for one in colours]


def test_a_colour_picture_is_segmented_where_it_lies(panel: Panel, wait: Wait) -> None:
    phantom = make_phantom("dermoscopy", seed=1, difficulty=0.2, shape=SHAPE)
    image = panel.viewer.add_image(phantom.image, name="mole", rgb=True, scale=(0.2, 0.3), translate=(5, 7))
    panel.preset.setCurrentText("dermoscopy")
    panel.segment()
    assert panel.work.words == "segment mole"
    wait(panel)
    assert dice(mask(panel), phantom.mask) > 0.85
    assert "preset dermoscopy, confidence 0." in panel.status.text()
    assert panel.session is not None
    for layer in (*panel.session.layers, panel.viewer.layers["mole clusters"]):
        np.testing.assert_allclose(layer.data_to_world((11, 13)), image.data_to_world((11, 13)))
    clusters = panel.viewer.layers["mole clusters"].data
    assert set(np.unique(clusters)) == set(range(1, int(clusters.max()) + 1))
    assert errors() == []


def test_points_shapes_and_the_brush_are_one_history(panel: Panel, wait: Wait) -> None:
    panel.viewer.add_image(picture(ONE, OTHER), name="two")
    panel.point_only()
    session = panel.session
    assert session is not None
    session.points.add((40, 45))
    wait(panel)
    first = mask(panel)
    assert dice(first, ONE) > 0.85
    assert panel.undo.text() == "Undo point at the object"

    panel.several.setChecked(True)
    session.points.add((70, 100))
    wait(panel)
    both = mask(panel)
    assert dice(both, ONE | OTHER) > 0.85
    assert panel.undo.text() == "Undo add one"
    assert session.points.data.tolist() == [[40, 45], [70, 100]]

    session.shapes.add([[85, 10], [85, 25], [100, 25], [100, 10]], shape_type="polygon")
    wait(panel)
    square = np.zeros(SHAPE, dtype=bool)
    square[86:100, 11:25] = True  # what is inside, whatever becomes of the border
    assert mask(panel)[square].all()
    assert panel.undo.text() == "Undo lasso"

    panel.take_tool("Brush")
    assert panel.viewer.layers.selection.active is session.labels
    session.labels.brush_size = 7
    before = mask(panel)
    session.labels.paint((10, 110), 1)
    wait(panel)
    painted = mask(panel) & ~before
    assert painted[10, 110]
    assert painted.sum() > 30
    assert panel.undo.text() == "Undo drawing"
    assert (session.current.mask == mask(panel)).all()

    for expected in (before, both, first, np.zeros(SHAPE, dtype=bool)):
        panel.undo.click()
        wait(panel)
        np.testing.assert_array_equal(mask(panel), expected)
    assert len(session.points.data) == len(session.shapes.data) == 0
    assert not panel.undo.isEnabled()
    for _ in range(4):
        panel.redo.click()
    wait(panel)
    np.testing.assert_array_equal(mask(panel), before | painted)
    assert session.points.data.tolist() == [[40, 45], [70, 100]]
    assert session.shapes.shape_type == ["polygon"]
    assert errors() == []


def test_a_prompt_has_answers_and_says_on_which_side_it_is(panel: Panel, wait: Wait) -> None:
    panel.viewer.add_image(picture(ONE), name="one")
    panel.point_only()
    session = panel.session
    assert session is not None
    session.shapes.add([[17, 22], [17, 68], [63, 68], [63, 22]], shape_type="rectangle")
    wait(panel)
    assert dice(mask(panel), ONE) > 0.9
    assert [button.text().split()[0] for button in panel.answers] == ["part", "object", "whole"]
    chosen = session.current.chosen
    other = (chosen + 1) % 3
    best = mask(panel)
    panel.answers[other].click()
    wait(panel)
    assert session.current.chosen == other
    assert panel.answers[other].isChecked()
    panel.undo.click()
    wait(panel)
    np.testing.assert_array_equal(mask(panel), best)

    panel.beside.setChecked(True)
    assert session.points.current_face_color.startswith(BESIDE)
    session.points.add((42, 47))
    wait(panel)
    assert not mask(panel)[42, 47]
    assert hexes(session.points.face_color) == [BESIDE]
    session.say(is_on=True)
    assert hexes(session.points.face_color) == [BESIDE], "what was said stays as it was said"
    session.points.add((30, 40))
    wait(panel)
    assert hexes(session.points.face_color) == [BESIDE, ON]


def test_keys_of_the_layers_take_back_and_choose(panel: Panel, wait: Wait) -> None:
    panel.viewer.add_image(picture(ONE), name="one")
    panel.point_only()
    session = panel.session
    assert session is not None
    session.points.add((40, 45))
    wait(panel)
    for layer in session.layers:
        keys = {str(key): do for key, do in layer.keymap.items()}
        assert {"Ctrl+Z", "Ctrl+Shift+Z", "Alt+1", "Alt+2", "Alt+3", "Alt+X"} <= keys.keys()
    keys["Alt+X"](layer)
    assert panel.beside.isChecked()
    keys["Alt+3"](layer)
    wait(panel)
    assert session.current.chosen == 2
    for _ in range(2):
        keys["Ctrl+Z"](layer)
    wait(panel)
    assert not mask(panel).any()


def test_what_was_said_cannot_be_moved_and_the_last_one_can_be_deleted(panel: Panel, wait: Wait) -> None:
    panel.viewer.add_image(picture(ONE), name="one")
    panel.point_only()
    session = panel.session
    assert session is not None
    for place in ((40, 45), (50, 50)):
        session.points.add(place)
        wait(panel)
    session.points.selected_data = {0}
    session.points.remove_selected()
    wait(panel)
    assert session.points.data.tolist() == [[40, 45], [50, 50]]
    session.points.data = np.array([[1.0, 2.0], [50.0, 50.0]])
    wait(panel)
    assert session.points.data.tolist() == [[40, 45], [50, 50]]
    session.points.selected_data = {1}
    session.points.remove_selected()
    wait(panel)
    assert session.points.data.tolist() == [[40, 45]]
    assert len(session.current.actions) == 1


def test_a_lazy_stack_is_corrected_plane_by_plane(panel: Panel, wait: Wait) -> None:
    planes = np.stack([picture(ONE, seed=0), picture(OTHER, seed=1), picture(ONE, seed=2)])
    panel.viewer.add_image(da.from_array(planes, chunks=(1, -1, -1)), name="stack", scale=(5, 2, 2))
    assert not panel.extent.isHidden()
    panel.preset.setCurrentText("general")
    panel.extent.setCurrentText("this plane")
    panel.viewer.dims.set_current_step(0, 1)
    panel.segment()
    wait(panel)
    found = mask(panel)
    assert found.shape == planes.shape
    assert dice(found[1], OTHER) > 0.9
    assert not found[0].any()
    assert not found[2].any()
    session = panel.session
    assert session is not None
    session.points.add((2, 40, 45))  # of another plane than the one in view
    wait(panel)
    assert dice(mask(panel)[2], ONE) > 0.85
    np.testing.assert_array_equal(mask(panel)[1], found[1])
    assert not panel.undo.isEnabled(), "nothing was done in the plane in view"
    panel.viewer.dims.set_current_step(0, 2)
    wait(panel)
    assert panel.undo.text() == "Undo point at the object"
    panel.undo.click()
    wait(panel)
    np.testing.assert_array_equal(mask(panel), found)


@pytest.mark.parametrize("extent", ["each plane by itself", "as one volume"])
def test_a_whole_stack_is_segmented_with_progress(panel: Panel, wait: Wait, extent: str) -> None:
    planes = np.stack([picture(ONE, seed=0), picture(disc(42, 47, 23), seed=1)])
    colours = np.stack([planes, planes // 2, planes // 3], axis=-1)
    panel.viewer.add_image(colours, name="stack", rgb=True)
    panel.preset.setCurrentText("dermoscopy")
    panel.extent.setCurrentText(extent)
    told: list[tuple[int, int]] = []
    panel.work.progressed.connect(lambda done, total: told.append((done, total)))
    panel.segment()
    wait(panel)
    assert EXTENTS[extent] in ("planes", "volume")
    assert dice(mask(panel)[0], ONE) > 0.9
    assert dice(mask(panel)[1], disc(42, 47, 23)) > 0.9
    assert told == [(1, 2), (2, 2)]


def test_cells_come_one_by_one_as_well(panel: Panel, wait: Wait) -> None:
    panel.viewer.add_image(picture(ONE, OTHER), name="cells")
    panel.preset.setCurrentText("nuclei")
    panel.segment()
    wait(panel)
    objects = panel.viewer.layers["cells objects"].data
    assert set(np.unique(objects)) == {0, 1, 2}
    np.testing.assert_array_equal(objects != 0, mask(panel))


def test_what_runs_can_be_stopped(panel: Panel, wait: Wait) -> None:
    planes = np.stack([picture(ONE, seed=seed) for seed in range(5)])
    panel.viewer.add_image(planes, name="stack")
    panel.preset.setCurrentText("general")
    panel.extent.setCurrentText("each plane by itself")
    panel.work.progressed.connect(lambda done, total: panel.work.cancel())
    panel.segment()
    wait(panel)
    assert mask(panel)[0].any()
    assert not mask(panel)[4].any()


def test_errors_are_told_in_a_line(panel: Panel, wait: Wait) -> None:
    panel.segment()
    assert errors()[-1] == "there is no image: add an Image layer first"
    panel.viewer.add_image(np.zeros((20, 41), np.uint8), name="small")
    panel.segment()
    wait(panel)
    assert "at least 33 px" in errors()[-1]
    assert "Traceback" not in errors()[-1]
    assert panel.session is None
    panel.viewer.add_image(picture(ONE), name="one")
    panel.image.setCurrentText("one")
    panel.point_only()
    assert panel.session is not None
    panel.session.points.add((400, 45))
    wait(panel)
    assert "within the image of 107 × 131 px" in errors()[-1]
    assert len(panel.session.points.data) == 0
    panel.open_folder("nowhere")
    wait(panel)
    assert "must be one that msformer segment or learn wrote" in errors()[-1]


def test_a_layer_that_is_taken_away_ends_its_correction(panel: Panel, wait: Wait) -> None:
    image = panel.viewer.add_image(picture(ONE), name="one")
    panel.point_only()
    wait(panel)
    panel.viewer.layers.remove(image)
    assert panel.session is None
    assert list(panel.viewer.layers) == []
    assert not panel.undo.isEnabled()
