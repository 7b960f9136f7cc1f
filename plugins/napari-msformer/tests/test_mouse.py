"""A drag of the mouse, as napari hands it to the layer of the shapes: nothing is said before it ends."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from msformer.editing import Box
from napari_msformer.panel import Panel


def test_a_box_is_said_when_the_button_is_let_go(panel: Panel, wait: Callable[[Panel], None]) -> None:
    picture = np.full((107, 131), 190, dtype=np.uint8)
    picture[30:61, 40:81] = 70
    panel.viewer.add_image(picture, name="one")
    panel.point_only()
    panel.take_tool("Box")
    session = panel.session
    assert session is not None
    (drag,) = session.shapes.mouse_drag_callbacks
    event = SimpleNamespace(type="mouse_press", position=(29.6, 39.7), modifiers=[], pos=(0, 0), button=1)
    steps = drag(session.shapes, event)
    next(steps)
    event.type, event.position = "mouse_move", (50.0, 60.0)
    next(steps)
    session.act(Box(top=1, left=1, bottom=20, right=20))  # something is answered meanwhile
    wait(panel)
    assert len(session.shapes.data) == 1, "what is being drawn stays"
    event.position = (60.4, 80.2)
    next(steps)
    event.type = "mouse_release"
    assert next(steps, None) is None
    wait(panel)
    assert session.current.actions[-1] == Box(top=30, left=40, bottom=61, right=81)
    assert len(session.shapes.data) == 2
