"""The picture of the README: a viewer on a made lesion. Needs a display: ``xvfb-run -a python make_picture.py``."""

from __future__ import annotations

import time
from pathlib import Path

import napari
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_msformer.panel import Panel
from napari_msformer.samples import lesion

SIZE = 1280, 820


def finish(panel: Panel) -> None:
    """Wait until the panel has done all that it was asked for."""
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.02)
    while panel.work.words:
        QApplication.processEvents()
        time.sleep(0.02)


def main() -> None:
    """Segment, draw a box, and take the picture."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    ((data, about, _),) = lesion()
    viewer.add_image(data, **about)
    dock, panel = viewer.window.add_plugin_dock_widget("napari-msformer")
    viewer.window._qt_window.resizeDocks([dock], [340], Qt.Orientation.Horizontal)
    panel.preset.setCurrentText("dermoscopy")
    panel.segment()
    finish(panel)
    session = panel.session
    session.shapes.add([[19, 78], [19, 190], [174, 190], [174, 78]], shape_type="rectangle")
    finish(panel)
    panel.take_tool("Point")
    finish(panel)
    viewer.screenshot(str(Path(__file__).with_name("napari.png")), canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    main()
