"""Three layers in which one image is corrected: a mask to paint in, points and shapes to say things with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes
from napari.layers.base import ActionType
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer

from msformer.editing import Action, Alternative, Point
from msformer.errors import ConfigError, MSFormerError
from napari_msformer import prompts
from napari_msformer.pictures import Index
from napari_msformer.sheets import Seen, Sheets
from napari_msformer.work import Work, tell

ON, BESIDE = "#0072b2", "#d55e00"
"""What is said to be on the object, and beside it, in colours that the colour-blind tell apart."""
MASK = "#f0e442"
POINT_SHARE = 1 / 60
"""Size of a point in longer sides of the picture."""
COLOURS = DirectLabelColormap(color_dict={0: "transparent", None: MASK})


class Session:
    """An image under a person's hands.

    Args:
        viewer: Where the layers go.
        image: What is seen.
        sheets: Its masks.
        placement: Where the layers lie, see ``pictures.placement``.
        work: What prompts are answered by.
        on_seen: Called when the mask of the plane in view may have changed.

    Attributes:
        is_on: Whether what is said next is on the object, or beside it.
        mode: Whether it is about the object, or about one of several.
        line: What a line means.
        seen: What is known of each plane that was asked for.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image,
        sheets: Sheets,
        placement: dict[str, Any],
        work: Work,
        on_seen: Callable[[], None],
    ) -> None:
        self.viewer, self.image, self.sheets, self.work = viewer, image, sheets, work
        self.is_on = True
        self.mode: prompts.Mode = "here"
        self.line: prompts.Line = "scribble"
        self.seen: dict[Index, Seen] = {}
        self._on_seen = on_seen
        self._shown = sheets.start().copy()
        self._is_writing = False
        self._told_once = False
        self._is_drawing = self._is_closed = False
        self._painted_on: set[Index] = set()
        self._point_planes: list[Index] = []
        self._shape_planes: list[Index] = []
        self._points_known = self._shapes_known = 0
        ndim, size = self._shown.ndim, max(self._shown.shape[-2:]) * POINT_SHARE
        self.labels: Labels = viewer.add_labels(
            self._shown.astype(np.uint8), name=f"{image.name} mask", opacity=0.4, colormap=COLOURS, **placement
        )
        self.shapes: Shapes = viewer.add_shapes(
            ndim=ndim,
            name=f"{image.name} shapes",
            edge_width=size / 5,
            edge_color=ON,
            face_color="transparent",
            **placement,
        )
        self.points: Points = viewer.add_points(
            ndim=ndim, name=f"{image.name} points", size=size, face_color=ON, border_color="white", **placement
        )
        self.labels.events.paint.connect(self._painted)
        self.labels.events.data.connect(self._painted)
        self.points.events.data.connect(self._pointed)
        self.shapes.events.data.connect(self._drew)
        viewer.dims.events.point.connect(self._moved)
        self._bind_keys()
        self._moved()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that belong to it."""
        return self.labels, self.shapes, self.points

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._shown.shape[-2], self._shown.shape[-1]

    @property
    def index(self) -> Index:
        """The plane in view."""
        place = np.asarray(self.viewer.dims.point)[-self.labels.ndim :]
        data = np.rint(self.labels.world_to_data(place)[:-2]).astype(int)
        return tuple(int(np.clip(one, 0, side - 1)) for one, side in zip(data, self._shown.shape, strict=False))

    @property
    def current(self) -> Seen:
        """What is known of the plane in view."""
        return self.seen.get(self.index) or Seen(self._shown[self.index])

    def say(self, *, is_on: bool) -> None:
        """Say whether what is drawn next is on the object."""
        self.is_on = is_on
        with self._writing():
            self.points.selected_data = set()  # else those that are selected would take the colour
            self.points.current_face_color = ON if is_on else BESIDE
            if not self._is_drawing:  # the mouse moves what is selected
                self.shapes.selected_data = set()
                self.shapes.current_edge_color = ON if is_on else BESIDE

    def act(self, *actions: Action, index: Index | None = None) -> None:
        """Do something to the plane in view, or to another."""
        place = self.index if index is None else index
        words = actions[-1].words
        self._ask(words, place, lambda: self.sheets.act(place, *actions))

    def answer(self, number: int) -> None:
        """Take another answer to the last prompt: 0 is a part, 1 the object, 2 the whole."""
        if number < len(self.current.answers):
            self.act(Alternative(index=number))

    def undo(self) -> None:
        """Take the last step in the plane in view back."""
        place = self.index
        self._ask("undo", place, lambda: self.sheets.undo(place))

    def redo(self) -> None:
        """Do it again."""
        place = self.index
        self._ask("redo", place, lambda: self.sheets.redo(place))

    def close(self) -> None:
        """Take the layers away."""
        self._is_closed = True
        self.viewer.dims.events.point.disconnect(self._moved)
        with self._writing():
            for layer in self.layers:
                if layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)

    def _ask(self, words: str, index: Index, do: Callable[[], Seen]) -> None:
        def show(seen: Seen) -> None:
            self.seen[index] = seen
            self._show(index)

        self._take_in()  # what was drawn before comes before
        self.work.add(words, lambda _: do(), show, lambda: self._show(index))

    def _show(self, index: Index) -> None:
        """Bring the layers to what is known of a plane; what was not taken in disappears."""
        known = self.seen.get(index)
        if known is not None:
            self._shown[index] = known.mask
        with self._writing():
            self.labels.data[index] = self._shown[index]
            self.labels.refresh()
            self._show_prompts()
        self._on_seen()

    def _show_prompts(self) -> None:
        places: list[list[float]] = []
        shapes: list[tuple[prompts.Places, str]] = []
        self._point_planes, planes = [], []
        on_points: list[bool] = []
        on_shapes: list[bool] = []
        for index, seen in self.seen.items():
            some, on = prompts.drawn_points(index, seen.actions)
            places, on_points = places + some, on_points + on
            self._point_planes += [index] * len(some)
            drawn, on = prompts.drawn_shapes(index, seen.actions)
            shapes, on_shapes = shapes + drawn, on_shapes + on
            planes += [index] * len(drawn)
        self.points.selected_data = set()
        self.points.data = np.array(places, dtype=float).reshape(-1, self.labels.ndim)
        if places:
            self.points.face_color = [ON if one else BESIDE for one in on_points]
        self._points_known = len(places)
        if not self._is_drawing:  # one that is being drawn stays until it is
            self.shapes.selected_data = set()
            self.shapes.data = []
            if shapes:
                self.shapes.add(
                    [corners for corners, _ in shapes],
                    shape_type=[kind for _, kind in shapes],
                    edge_color=[ON if one else BESIDE for one in on_shapes],
                )
            self._shapes_known, self._shape_planes = len(shapes), planes
        self.say(is_on=self.is_on)

    def _pointed(self, event: Any) -> None:
        if self._is_writing:
            return
        if event.action == ActionType.ADDED:
            fresh = self.points.data[self._points_known :]
            self._points_known = len(self.points.data)
            for place in fresh:
                self._try(partial(self._click, place))
        elif event.action in (ActionType.REMOVED, ActionType.CHANGED):
            self._put_back(event, self._point_planes, (Point,))

    def _drew(self, event: Any) -> None:
        if self._is_writing:
            return
        self._is_drawing = event.action == ActionType.ADDING
        if event.action == ActionType.ADDED:
            fresh = list(zip(self.shapes.data, self.shapes.shape_type, strict=True))[self._shapes_known :]
            self._shapes_known = len(self.shapes.data)
            for corners, kind in fresh:
                self._try(partial(self._shape, corners, kind))
        elif event.action in (ActionType.REMOVED, ActionType.CHANGED):
            self._put_back(event, self._shape_planes, prompts.SHAPES)

    def _click(self, place: prompts.Places) -> tuple[Index, Action]:
        return prompts.index_of(place[None]), prompts.point(place, is_on=self.is_on, mode=self.mode)

    def _shape(self, corners: prompts.Places, kind: str) -> tuple[Index, Action]:
        said = prompts.shape(corners, kind, self.shape, is_on=self.is_on, mode=self.mode, line=self.line)
        return prompts.index_of(corners), said

    def _try(self, read: Callable[[], tuple[Index, Action]]) -> None:
        try:
            index, action = read()
        except (MSFormerError, ValueError) as error:
            tell(error if isinstance(error, MSFormerError) else ConfigError(f"this cannot be said: {error}"))
            self._show(self.index)
            return
        self.act(action, index=index)

    def _put_back(self, event: Any, planes: list[Index], kinds: tuple[type[Action], ...]) -> None:
        """What was said stays where it was said; where the last of it is deleted, it is taken back."""
        index, actions = self.index, self.current.actions
        last = max((row for row, plane in enumerate(planes) if plane == index), default=None)
        is_last = event.action == ActionType.REMOVED and tuple(event.data_indices) == (last,)
        if is_last and actions and isinstance(actions[-1], kinds):
            self.undo()
            return
        if not self._told_once:
            self._told_once = True
            show_info("msformer: what was said before is taken back step by step, with Undo")
        self._show(self.index)

    def _painted(self, event: Any) -> None:
        """Note what was drawn on in the layer of the mask; a call of ``paint`` tells it before it is there."""
        if not self._is_writing:
            self._painted_on.update(self._drawn_on())
            QTimer.singleShot(0, self._take_in)

    def _take_in(self) -> None:
        """Take in what was drawn in the layer of the mask, by whichever tool or plugin."""
        if self._is_closed or not self._painted_on:
            return
        places, self._painted_on = sorted(self._painted_on), set()
        if self.labels.data.shape != self._shown.shape:
            tell(ConfigError(f"a mask must have the shape {self._shown.shape}; got {self.labels.data.shape}"))
            with self._writing():
                self.labels.data = self._shown.astype(np.uint8)
            return
        for index in places:
            now = np.asarray(self.labels.data[index]) != 0
            drawn = now != self._shown[index]
            if drawn.any():
                self._shown[index] = now
                self._ask("drawing", index, partial(self.sheets.draw, index, drawn, now))

    def _drawn_on(self) -> Iterator[Index]:
        """The planes that may have been drawn on."""
        last_two = tuple(range(self.viewer.dims.ndim))[-2:]
        if self.labels.n_edit_dimensions == 2 and tuple(sorted(self.viewer.dims.displayed)) == last_two:
            yield self.index
            return
        yield from np.ndindex(self._shown.shape[:-2])

    def _moved(self, event: Any = None) -> None:
        """Ask what is known of a plane that comes into view: its steps may be of an earlier day."""
        index = self.index
        if index not in self.seen:
            self.seen[index] = Seen(self._shown[index].copy())
            self._ask("looking at what was done", index, lambda: self.sheets.see(index))
        else:
            self._on_seen()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """While this program writes into the layers nobody says anything."""
        before, self._is_writing = self._is_writing, True
        try:
            yield
        finally:
            self._is_writing = before

    def _bind_keys(self) -> None:
        keys: dict[str, Callable[[], None]] = {
            "Control-Z": self.undo,
            "Control-Shift-Z": self.redo,
            "Alt-1": lambda: self.answer(0),
            "Alt-2": lambda: self.answer(1),
            "Alt-3": lambda: self.answer(2),
            "Alt-X": lambda: self._turn(),
        }
        for layer in self.layers:
            for key, do in keys.items():
                layer.bind_key(key, lambda _, do=do: do(), overwrite=True)

    def _turn(self) -> None:
        self.say(is_on=not self.is_on)
        self._on_seen()
