"""The panel beside the picture: segment, point, draw, take back, and the next image of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from msformer.config import AUTO_PRESET, preset_names
from msformer.editing import Clear, Fill, Smooth
from msformer.errors import ConfigError, MSFormerError
from napari_msformer.found import Extent, Found, find
from napari_msformer.pictures import Grid, grid_of, placement, plane
from napari_msformer.prompts import Line
from napari_msformer.session import Session
from napari_msformer.sheets import InFolder, InMemory, Results, Verdict
from napari_msformer.work import Work, tell

EXTENTS: dict[str, Extent] = {"this plane": "plane", "each plane by itself": "planes", "as one volume": "volume"}
LINES: dict[str, Line] = {
    "a line says what is there": "scribble",
    "a line parts the mask": "split",
    "a line joins pieces": "merge",
}
TOOLS = {
    "Point": ("points", "add"),
    "Box": ("shapes", "add_rectangle"),
    "Lasso": ("shapes", "add_polygon_lasso"),
    "Line": ("shapes", "add_path"),
    "Brush": ("labels", "paint"),
    "Eraser": ("labels", "erase"),
}
"""Which layer each tool draws in, and its mode there."""


class Panel(QScrollArea):
    """The panel.

    Args:
        napari_viewer: The viewer that it is docked to.

    Attributes:
        session: What is corrected now; None where nothing is.
        results: The folder that is open; None where none is.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.work = Work()
        self.session: Session | None = None
        self.results: Results | None = None
        self._build()
        self.viewer.layers.events.inserted.connect(self._layers_changed)
        self.viewer.layers.events.removed.connect(self._layers_changed)
        self.viewer.dims.events.ndim.connect(self._layers_changed)
        self.work.changed.connect(self._told)
        self.work.progressed.connect(self._progressed)
        self.destroyed.connect(self.work.close)
        self._layers_changed()

    # What the buttons do

    def segment(self) -> None:
        """Segment the layer that is chosen, and open its mask to be corrected."""
        layer = self._layer()
        if layer is None:
            return
        grid = grid_of(layer)
        index = self._index(layer, grid)
        extent, preset = EXTENTS[self.extent.currentText()], self.preset.currentText()
        session = self.session if self.session is not None and self.session.image is layer else None
        before = None if session is None else np.asarray(session.labels.data) != 0

        def show(found: Found) -> None:
            self._start(layer, found.masks)
            where = placement(layer, grid)
            for name, data in (("clusters", found.clusters), ("objects", found.objects)):
                if data is not None:
                    self._replace(f"{layer.name} {name}")
                    self.viewer.add_labels(data, name=f"{layer.name} {name}", visible=False, **where)
            self.status.setText(found.words)
            self._select(self.session.labels if self.session else None)

        self.work.add(
            f"segment {layer.name}",
            lambda told: find(layer, grid, index, extent, preset, before, told, self.work.stop),
            show,
        )

    def point_only(self) -> None:
        """Begin with an empty mask, for points and shapes alone."""
        layer = self._layer()
        if layer is not None:
            self._start(layer, np.zeros(grid_of(layer).shape, dtype=bool))
            self.take_tool("Point")

    def take_tool(self, name: str) -> None:
        """Draw with a tool."""
        if self.session is None:
            tell(ConfigError("there is no mask to correct yet: segment an image, or begin with an empty mask"))
            return
        layer, mode = TOOLS[name]
        chosen = getattr(self.session, layer)
        self._select(chosen)
        chosen.mode = mode

    def open_folder(self, path: str | Path = "") -> None:
        """Open results of ``msformer segment`` or ``learn``; a dialog asks where none are named."""
        chosen = path or QFileDialog.getExistingDirectory(self, "Results of msformer segment or learn")
        if chosen:
            self.work.add("open a folder", lambda _: Results(Path(chosen)), self._opened)

    def step(self, by: int, verdict: Verdict | None = None) -> None:
        """Go to another image of the folder, when what is open was decided."""
        session, results = self.session, self.results
        if results is None or session is None or not isinstance(session.sheets, InFolder):
            return
        sheets = session.sheets
        if verdict is not None:
            self.work.add(f"{verdict} {sheets.name}", lambda _: sheets.decide(verdict))
        self._open(results.beside(sheets.name, by))

    # How they do it

    def _opened(self, results: Results) -> None:
        self.results = results
        self._open(results.first)

    def _open(self, name: str) -> None:
        results = self.results
        if results is not None:
            self.work.add(f"open {name}", lambda _: InFolder(results, name), self._show_case)

    def _show_case(self, sheets: InFolder) -> None:
        old = self.session
        self._leave()
        if old is not None and isinstance(old.sheets, InFolder) and old.image in self.viewer.layers:
            self.viewer.layers.remove(old.image)
        more: dict[str, Any] = {} if sheets.is_rgb else {"contrast_limits": sheets.limits}
        image = self.viewer.add_image(sheets.pixels, name=sheets.name, rgb=sheets.is_rgb, scale=sheets.scale, **more)
        self.session = Session(self.viewer, image, sheets, placement(image, grid_of(image)), self.work, self._seen)
        self.session.say(is_on=self.on.isChecked())
        if sheets.most is not None:
            self.viewer.dims.set_current_step(0, sheets.most)
        self.viewer.reset_view()
        self.image.setCurrentText(image.name)
        self.take_tool("Point")
        self._seen()

    def _start(self, layer: Image, masks: np.ndarray) -> None:
        self._leave()
        grid = grid_of(layer)
        sheets = InMemory(lambda index: plane(layer, grid, index), masks)
        self.session = Session(self.viewer, layer, sheets, placement(layer, grid), self.work, self._seen)
        self._modes_changed()
        self._seen()

    def _leave(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.close()

    def _replace(self, name: str) -> None:
        if name in self.viewer.layers:
            self.viewer.layers.remove(name)

    def _layer(self) -> Image | None:
        name = self.image.currentText()
        if name not in self.viewer.layers:
            tell(ConfigError("there is no image: add an Image layer first"))
            return None
        layer = self.viewer.layers[name]
        return layer if isinstance(layer, Image) else None

    def _index(self, layer: Image, grid: Grid) -> tuple[int, ...]:
        place = layer.world_to_data(np.asarray(self.viewer.dims.point)[-layer.ndim :])
        return tuple(
            int(np.clip(np.rint(place[axis] / grid.factors[axis]), 0, side - 1)) for axis, side in enumerate(grid.lead)
        )

    def _select(self, layer: Layer | None) -> None:
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.selection.active = layer

    # What is shown

    def _layers_changed(self, event: Any = None) -> None:
        session = self.session
        if session is not None and any(layer not in self.viewer.layers for layer in (session.image, *session.layers)):
            self._leave()
        names = [layer.name for layer in self.viewer.layers if isinstance(layer, Image)]
        chosen = self.image.currentText()
        self.image.blockSignals(True)
        self.image.clear()
        self.image.addItems(names)
        self.image.setCurrentText(chosen if chosen in names else (names[-1] if names else ""))
        self.image.blockSignals(False)
        self._image_changed()
        self._seen()

    def _image_changed(self) -> None:
        name = self.image.currentText()
        is_stack = name in self.viewer.layers and self.viewer.layers[name].ndim > 2
        self.extent.setVisible(is_stack)

    def _modes_changed(self) -> None:
        if self.session is not None:
            self.session.say(is_on=self.on.isChecked())
            self.session.mode = "more" if self.several.isChecked() else "here"
            self.session.line = LINES[self.line.currentText()]

    def _seen(self) -> None:
        session = self.session
        seen = None if session is None else session.current
        if session is not None and session.is_on != self.on.isChecked():
            (self.on if session.is_on else self.beside).setChecked(True)
        self.undo.setText(f"Undo {seen.undoes}" if seen is not None and seen.undoes else "Undo")
        self.redo.setText(f"Redo {seen.redoes}" if seen is not None and seen.redoes else "Redo")
        self.undo.setEnabled(bool(seen is not None and seen.undoes))
        self.redo.setEnabled(bool(seen is not None and seen.redoes))
        answers = () if seen is None else seen.answers
        for number, button in enumerate(self.answers):
            is_there = number < len(answers)
            button.setEnabled(is_there)
            button.setText(f"{answers[number][0]} {answers[number][1]:.2f}" if is_there else "–")
            button.setChecked(is_there and seen is not None and seen.chosen == number)
        for one in self._for_masks:
            one.setEnabled(session is not None)
        sheets = None if session is None else session.sheets
        in_folder = self.results is not None and isinstance(sheets, InFolder)
        for one in self._for_folders:
            one.setEnabled(in_folder)
        if self.results is not None and isinstance(sheets, InFolder):
            self.case.setText(self.results.told(sheets.name))
        elif self.results is None:
            self.case.setText("no folder is open")

    def _told(self) -> None:
        words = self.work.words
        self.bar.setVisible(bool(words))
        self.bar.setRange(0, 0)
        self.bar.setFormat(words)
        self.stop.setVisible(bool(words))

    def _progressed(self, done: int, total: int) -> None:
        if self.work.words:
            self.bar.setRange(0, total)
            self.bar.setValue(done)

    def _build(self) -> None:
        self.image, self.preset, self.extent = QComboBox(), QComboBox(), QComboBox()
        self.line = QComboBox()
        for one in (self.image, self.preset, self.extent, self.line):
            _narrow(one)
        self.preset.addItems([AUTO_PRESET, *(name for name in preset_names() if name != AUTO_PRESET)])
        self.extent.addItems(list(EXTENTS))
        self.image.currentTextChanged.connect(lambda _: self._image_changed())
        self.on, self.beside = QRadioButton("on the object"), QRadioButton("beside it")
        self.one, self.several = QRadioButton("one object"), QRadioButton("one of several")
        self.on.setChecked(True)
        self.one.setChecked(True)
        self.line.addItems(list(LINES))
        for button in (self.on, self.several):
            button.toggled.connect(lambda _: self._modes_changed())
        self.line.currentTextChanged.connect(lambda _: self._modes_changed())
        self.undo, self.redo = _button("Undo", self._undo, "Ctrl-Z"), _button("Redo", self._redo, "Ctrl-Shift-Z")
        self.answers = [_button("–", partial(self._answer, number), f"Alt-{number + 1}") for number in range(3)]
        for button in self.answers:
            button.setCheckable(True)
        self.status, self.case, self.bar = QLabel(""), QLabel(""), QProgressBar()
        self.stop = _button("Stop", self.work.cancel, "Stop what runs, and what waits")
        for label in (self.status, self.case):
            label.setWordWrap(True)
        tools = [
            _button(name, partial(self.take_tool, name), f"Draw in the layer of {TOOLS[name][0]}") for name in TOOLS
        ]
        whole = [
            _button("Fill holes", partial(self._act, Fill()), "Fill the holes of the mask"),
            _button("Smooth", partial(self._act, Smooth()), "Make its border smoother"),
            _button("Clear", partial(self._act, Clear()), "Take all away"),
        ]
        folder = [
            _button("Back", partial(self.step, -1), "The image before"),
            _button("Next", partial(self.step, 1), "The next image; what you did is saved already"),
            _button("Accept", partial(self.step, 1, "accepted"), "It is right; open the next"),
            _button("Reject", partial(self.step, 1, "rejected"), "It is of no use; open the next"),
        ]
        self._for_masks = [*tools, *whole]
        self._for_folders = folder
        inside = QWidget()
        column = QVBoxLayout(inside)
        start = _button("Segment", self._tried(self.segment), "Find the object without being told anything")
        empty = _button("Empty mask", self._tried(self.point_only), "Begin with an empty mask, and point at the object")
        for box in (
            _group("Segment", [[self.image], [self.preset, self.extent], [start, empty], [self.status]]),
            _group(
                "Correct",
                [tools[:3], tools[3:], [_pair(self.on, self.beside)], [_pair(self.one, self.several)],
                 [self.line], self.answers, [self.undo], [self.redo], whole],
            ),
            _group("Folder", [[_button("Open results…", partial(self.open_folder, ""), "What msformer segment wrote")],
                              [self.case], folder[:2], folder[2:]]),
            _row([self.bar, self.stop]),
        ):  # fmt: skip
            column.addWidget(box)
        column.addStretch()
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setMinimumWidth(330)
        self._told()

    def _tried(self, do: Callable[[], None]) -> Callable[[], None]:
        """A button's deed, whose errors are told in a line."""

        def tried() -> None:
            try:
                do()
            except (MSFormerError, OSError) as error:
                tell(error)

        return tried

    def _act(self, action: Any) -> None:
        if self.session is not None:
            self.session.act(action)

    def _answer(self, number: int) -> None:
        if self.session is not None:
            self.session.answer(number)

    def _undo(self) -> None:
        if self.session is not None:
            self.session.undo()

    def _redo(self) -> None:
        if self.session is not None:
            self.session.redo()


def _button(words: str, do: Callable[[], object], help_: str) -> Any:
    button = QPushButton(words)
    button.clicked.connect(lambda *_: do())
    button.setToolTip(help_)
    return _narrow(button)


def _narrow(widget: QWidget) -> QWidget:
    """Let a widget be as narrow as its share of the row."""
    widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return widget


def _group(title: str, rows: Sequence[Sequence[QWidget]]) -> QGroupBox:
    group = QGroupBox(title)
    grid = QGridLayout(group)
    for number, row in enumerate(rows):
        grid.addWidget(row[0] if len(row) == 1 else _row(row), number, 0)
    return group


def _row(widgets: Sequence[QWidget]) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        line.addWidget(widget)
    return row


def _pair(*buttons: QRadioButton) -> QWidget:
    """Radio buttons of which one is on: they share a parent of their own."""
    return _row(buttons)
