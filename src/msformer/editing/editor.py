"""One image, its mask, and a person who corrects it: prompts in, masks out, every step undone and done again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msformer.config import GrownSettings
from msformer.editing import drawing
from msformer.editing.actions import (
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
)
from msformer.editing.asking import Answers, Click, Told, answer_of_several, first_answer, further_answer
from msformer.editing.history import History, Maker, Step
from msformer.editing.seen import Seen
from msformer.errors import ConfigError, ImageShapeError
from msformer.image import Image, Mask
from msformer.interop import as_image
from msformer.io import write_mask
from msformer.morphology import component_at, filled

ALL_OF_IT = 0.6
"""An answer that covers this share of a piece of the mask means the whole piece."""
SCRIBBLED = 6
"""Places of a scribble that are told to the network."""


@dataclass(frozen=True, eq=False)
class Offer:
    """The alternatives of the last prompt.

    Attributes:
        masks: ``(H, W)`` each, as the mask of the image would be.
        expected: The Dice that each expects of its object.
        chosen: The one that is taken now.
    """

    masks: tuple[Mask, ...]
    expected: tuple[float, ...]
    chosen: int


class Editor:
    """Corrects the mask of one image.

    The image is looked at once, when something is first asked for; a prompt after that takes about a tenth of a second.
    Nothing is shared with other editors: prompts of one image never reach another.

    Args:
        image: What ``msformer.segment`` takes.
        mask: ``(H, W)``, what is there already; empty if left out.
        learned: ``(H, W)``, where that mask comes from what a folder taught, and not from the image alone.
        axes: See ``msformer.segment``.
        grown: Which network answers; the one that ships if left out.
        on_step: Called with each step, undo and redo as a mapping for JSON, which ``read`` takes again.

    Raises:
        ImageError: The image cannot be segmented as given.
        ImageShapeError: The mask has not its size.

    Examples:
        >>> import numpy as np
        >>> from msformer import Editor
        >>> image = np.full((64, 80, 3), 220, dtype=np.uint8)
        >>> image[20:44, 30:60] = (120, 60, 40)
        >>> editor = Editor.open(image).point(32, 45)
        >>> bool(editor.mask[32, 45]), bool(editor.mask[4, 4]), editor.undo().mask.any()
        (True, False, False)
    """

    def __init__(
        self,
        image: Any,
        mask: ArrayLike | None = None,
        *,
        learned: ArrayLike | None = None,
        axes: str | None = None,
        grown: GrownSettings = GrownSettings(),  # noqa: B008 - frozen
        on_step: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        taken: Image = as_image(image, axes=axes, spacing_mm=None)[0]
        self.seen = Seen(taken, grown)
        start = np.zeros(taken.shape, dtype=bool) if mask is None else _mask("mask", mask, taken.shape)
        makers = np.zeros(taken.shape, dtype=np.uint8)
        if learned is not None:
            makers[_mask("learned", learned, taken.shape)] = 1
        self._history = History(start, makers)
        self._on_step = on_step
        self._told: Told | None = None
        self.offer: Offer | None = None

    @classmethod
    def open(cls, image: Any, mask: ArrayLike | None = None, **more: Any) -> Editor:
        """The same as the constructor."""
        return cls(image, mask, **more)

    @property
    def image(self) -> Image:
        """The image."""
        return self.seen.image

    @property
    def mask(self) -> Mask:
        """``(H, W)``, as it is now; a copy."""
        return self._history.mask.copy()

    @property
    def makers(self) -> NDArray[np.uint8]:
        """``(H, W)``: who made each pixel so: 0 the image's own evidence, 1 the folder, 2 a prompt, 3 the hand."""
        return self._history.makers.copy()

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was done and counts."""
        return tuple(self._history.done)

    @property
    def undoes(self) -> str | None:
        """What ``undo`` would take back, in words."""
        return self._history.done[-1].action.words if self._history.done else None

    @property
    def redoes(self) -> str | None:
        """What ``redo`` would do again, in words."""
        return self._history.undone[-1].action.words if self._history.undone else None

    def prompt(self, *actions: Action) -> Editor:
        """Do something, one action after another.

        Raises:
            ConfigError: A place lies outside of the image, or there is no such region or alternative.
        """
        for action in actions:
            self._do(action)
        return self

    def point(self, row: int, column: int, *, is_on: bool = True) -> Editor:
        """Click on the object, or beside it."""
        return self.prompt(Point(row=row, column=column, is_on=is_on))

    def box(self, top: int, left: int, bottom: int, right: int) -> Editor:
        """Say which box the object fills: first row and column, and those after the last."""
        return self.prompt(Box(top=top, left=left, bottom=bottom, right=right))

    def redraw(self, mask: ArrayLike) -> Editor:
        """Take a mask ``(H, W)`` that was drawn elsewhere; what differs is of a person's hand, and one step.

        Raises:
            ImageShapeError: It has not the size of the image.
        """
        shape = self.seen.shape
        return self.prompt(Redraw.between(self._history.mask, _mask("mask", mask, shape)))

    def undo(self) -> Editor:
        """Take the last step back, if there is one."""
        if self._history.undo() is not None:
            self._forget({"undo": True})
        return self

    def redo(self) -> Editor:
        """Do again what was last taken back, if there is something."""
        if self._history.redo() is not None:
            self._forget({"redo": True})
        return self

    def read(self, lines: Iterable[Mapping[str, Any]]) -> Editor:
        """Do what lines of an earlier editor say, without asking the network again.

        Raises:
            ReadError: A line cannot be read.
            ConfigError: A line holds no action.
        """
        for line in lines:
            self._history.read(line)
        return self

    def save(self, path: str | Path) -> Path:
        """Write the mask as PNG, 0 and 255: whole, or not at all."""
        write_mask(Path(path), self._history.mask)
        return Path(path)

    def _do(self, action: Action) -> None:
        before = self._history.mask
        offer, self.offer = self.offer, None
        maker: Maker = "prompted"
        if isinstance(action, Alternative):
            if offer is None or action.index >= len(offer.masks):
                raise ConfigError(f"alternative {action.index} must be one of the last prompt's; there is no such one")
            after = offer.masks[action.index]
            self.offer = Offer(offer.masks, offer.expected, action.index)
            self._told = Told() if self._told is None else replace(self._told, soft=None)
        elif isinstance(action, Point | Box | Scribble):
            after = self._asked(action, before)
        elif isinstance(action, Region):
            after = self._region(action, before)
        else:
            after, maker = self._drawn(action, before), "hand"
            if isinstance(action, Clear):
                self._told = Told()
        step = self._history.do(action, after, maker)
        if self._on_step is not None:
            self._on_step(step.to_json())

    def _asked(self, action: Point | Box | Scribble, before: Mask) -> Mask:
        """What a prompt comes to."""
        if isinstance(action, Box):
            box = action.top, action.left, min(action.bottom, before.shape[0]), min(action.right, before.shape[1])
            self._inside(action.top, action.left)
            answers = first_answer(self.seen, (), box)
            return self._offered(answers, before if action.mode == "more" else None)
        if isinstance(action, Scribble):
            return self._scribbled(action, before)
        self._inside(action.row, action.column)
        click = Click(action.row, action.column, action.is_on)
        if action.mode == "more":
            return self._one_more(click, before) if click.is_on else self._one_less(click, before)
        return self._clicked(click, before)

    def _clicked(self, click: Click, before: Mask) -> Mask:
        told = self._known
        if not told.clicks and told.box is None and (click.is_on or not before.any()):
            if not click.is_on:
                return before
            return self._offered(first_answer(self.seen, (click,), None), None)
        answers = further_answer(self.seen, before, told, click)
        self._told = answers.told
        return answers.masks[0]

    def _scribbled(self, action: Scribble, before: Mask) -> Mask:
        path = action.path
        chosen = np.unique(np.linspace(0, len(path) - 1, min(SCRIBBLED, len(path))).round().astype(int))
        height, width = before.shape
        mask = before
        for row, column in (path[index] for index in chosen):
            click = Click(
                int(np.clip(np.floor(row), 0, height - 1)),
                int(np.clip(np.floor(column), 0, width - 1)),
                action.is_on,
            )
            if mask[click.row, click.column] != action.is_on:
                mask = self._clicked(click, mask)
        self.offer = None
        drawn = drawing.line((height, width), path)
        return mask | drawn if action.is_on else mask & ~drawn

    def _one_more(self, click: Click, before: Mask) -> Mask:
        """One of several, added: what is there stays."""
        answers = answer_of_several(self.seen, click, before)
        return self._offered(answers, before)

    def _one_less(self, click: Click, before: Mask) -> Mask:
        """One of several, taken away: its piece of the mask, or what of that the network takes for one thing."""
        if not before[click.row, click.column]:
            return before
        piece = component_at(before, click.row, click.column)
        answers = answer_of_several(self.seen, Click(click.row, click.column, is_on=True), before)
        object_ = answers.masks[answers.best] & piece
        whole = int(np.count_nonzero(object_)) >= ALL_OF_IT * int(np.count_nonzero(piece))
        return before & ~(piece if whole else object_)

    def _offered(self, answers: Answers, beside: Mask | None) -> Mask:
        """The best of several answers; the others are alternatives."""
        masks = answers.masks if beside is None else tuple(mask | beside for mask in answers.masks)
        self.offer = Offer(masks, answers.expected, answers.best)
        if beside is None:
            self._told = answers.told
        return masks[answers.best]

    def _region(self, action: Region, before: Mask) -> Mask:
        regions = self.seen.regions
        if action.index >= len(regions):
            raise ConfigError(f"region must be one of the {len(regions)} of this image; got {action.index}")
        outline = self.seen.outline(regions[action.index])
        return before | outline if action.is_on else before & ~outline

    def _drawn(self, action: Action, before: Mask) -> Mask:
        shape = before.shape[0], before.shape[1]
        if isinstance(action, Brush):
            area = drawing.stroke(shape, action.path, action.radius)
            return before | area if action.is_on else before & ~area
        if isinstance(action, Lasso):
            area = drawing.enclosed(shape, action.path)
            return before | area if action.is_on else before & ~area
        if isinstance(action, Fill):
            return filled(before)
        if isinstance(action, Smooth):
            return drawing.smoothed(before, action.width)
        if isinstance(action, Split):
            return drawing.split(before, action.path)
        if isinstance(action, Merge):
            return drawing.merged(before, action.path)
        if isinstance(action, Clear):
            return np.zeros_like(before)
        if isinstance(action, Redraw):
            return action.change(shape).apply(before)
        raise ConfigError(
            f"{type(action).__name__} must be a prompt, a stroke or a command of msformer.editing.actions"
        )

    @property
    def _known(self) -> Told:
        """What was said of the object, also where that was before an undo or in an earlier editor."""
        if self._told is None:
            self._told = _told_of(self._history.done)
        return self._told

    def _forget(self, line: Mapping[str, Any]) -> None:
        self._told, self.offer = None, None
        if self._on_step is not None:
            self._on_step(line)

    def _inside(self, row: int, column: int) -> None:
        height, width = self.seen.shape
        if not (row < height and column < width):
            raise ConfigError(f"a place must lie within the image of {height} × {width} px; got {row}, {column}")


def _told_of(steps: Sequence[Step]) -> Told:
    """What the steps said of the object, since it was last cleared."""
    clicks: list[Click] = []
    box: tuple[int, int, int, int] | None = None
    for step in steps:
        action = step.action
        if isinstance(action, Clear):
            clicks, box = [], None
        elif isinstance(action, Point) and action.mode == "here":
            clicks.append(Click(action.row, action.column, action.is_on))
        elif isinstance(action, Box) and action.mode == "here":
            clicks, box = [], (action.top, action.left, action.bottom, action.right)
        elif isinstance(action, Scribble):
            row, column = action.path[len(action.path) // 2]
            clicks.append(Click(max(int(row), 0), max(int(column), 0), action.is_on))
    return Told(tuple(clicks), box)


def _mask(name: str, given: ArrayLike, shape: tuple[int, int]) -> Mask:
    mask = np.asarray(given)
    if mask.shape != shape:
        raise ImageShapeError(f"{name} must have the shape of the image, {shape}; got {mask.shape}")
    return np.asarray(mask != 0)
