"""What was done, step by step, each with its name; nothing is forgotten, so that everything can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.editing.actions import Action, action_of
from msformer.editing.change import Change
from msformer.errors import ReadError
from msformer.image import Mask

Maker: TypeAlias = Literal["automatic", "learned", "prompted", "hand"]
MAKERS: tuple[Maker, ...] = ("automatic", "learned", "prompted", "hand")
"""Who made a pixel what it is: the image's own evidence, the folder, an answer to a prompt, or the person's hand. The
number of a maker is its place here."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step.

    Attributes:
        action: What was done.
        maker: Who made the pixels that changed.
        change: Which these are.
        before: Who made them before, the pixels of the change in the order of ``change.pixels``.
    """

    action: Action
    maker: Maker
    change: Change
    before: bytes

    def to_json(self) -> dict[str, Any]:
        """For a line of a journal."""
        return {"action": self.action.model_dump(mode="json"), "maker": self.maker, "change": self.change.to_json()}


@dataclass(eq=False)
class History:
    """A mask, who made its pixels, and the steps that led to both.

    Attributes:
        mask: ``(H, W)``, never written to.
        makers: ``(H, W)`` uint8, a number of ``MAKERS`` for each pixel.
        done: The steps that count, the first one first.
        undone: Those that were taken back, the last one first to be done again.
    """

    mask: Mask
    makers: NDArray[np.uint8]
    done: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)

    def do(self, action: Action, after: Mask, maker: Maker) -> Step:
        """Go on to another mask; what was undone before is gone."""
        return self._do(action, Change.between(self.mask, after), maker)

    def undo(self) -> Step | None:
        """Take the last step back; None where there is none."""
        if not self.done:
            return None
        step = self.done.pop()
        pixels = step.change.pixels
        self.mask = step.change.apply(self.mask)
        makers = self.makers.copy()
        makers[step.change.window][pixels] = np.frombuffer(step.before, dtype=np.uint8)
        self.makers = makers
        self.undone.append(step)
        return step

    def redo(self) -> Step | None:
        """Do what was last taken back; None where there is nothing."""
        if not self.undone:
            return None
        step = self.undone.pop()
        self._take(step)
        return step

    def read(self, line: Mapping[str, Any]) -> None:
        """Do what a line of a journal says.

        Raises:
            ReadError: It says nothing that can be done here.
        """
        if "undo" in line:
            self.undo()
        elif "redo" in line:
            self.redo()
        elif "action" in line and line.get("maker") in MAKERS:
            shape = self.mask.shape[0], self.mask.shape[1]
            self._do(action_of(line["action"]), Change.from_json(line.get("change", {}), shape), line["maker"])
        else:
            raise ReadError("a step must have an action, or undo or redo one")

    def _do(self, action: Action, change: Change, maker: Maker) -> Step:
        before = self.makers[change.window][change.pixels].tobytes()
        step = Step(action, maker, change, before)
        self.undone.clear()
        self._take(step)
        return step

    def _take(self, step: Step) -> None:
        self.mask = step.change.apply(self.mask)
        makers = self.makers.copy()
        makers[step.change.window][step.change.pixels] = MAKERS.index(step.maker)
        self.makers = makers
        self.done.append(step)
