"""One mask under a person's hands: an editor, and the notebook that every step is in before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from msformer.app.notebook import VERDICTS, Notebook, Start, Verdict
from msformer.config import GrownSettings
from msformer.editing import MEANINGS, Editor, action_of
from msformer.editing.change import Change
from msformer.errors import ConfigError, MSFormerError
from msformer.image import Image, Mask


class StaleError(MSFormerError):
    """An edit was based on another state of the mask than there is."""


class Sheet:
    """The mask of an image or of a slice.

    Args:
        image: What is seen.
        start: What there is where nobody did anything yet.
        notebook: What was done.
        grown: Which network answers.
    """

    def __init__(self, image: Image, start: Start, notebook: Notebook, grown: GrownSettings) -> None:
        self.notebook = notebook
        self.start = _start_of(notebook, start)
        self._is_begun = self.start is not start
        is_learned = self.start.origin == "learned"
        self.editor = Editor(
            image,
            self.start.mask,
            learned=self.start.mask if is_learned else None,
            grown=grown,
            on_step=self._write,
        )
        if self._is_begun:
            self.editor.read(notebook.steps)

    @property
    def mask(self) -> Mask:
        """``(H, W)``, as it is now."""
        return self.editor.mask

    def act(self, said: Mapping[str, Any]) -> Change:
        """Do one thing: ``{"do": action}``, ``{"undo": true}``, ``{"redo": true}`` or ``{"verdict": word}``.

        Returns:
            What of the mask changed.

        Raises:
            ConfigError: It cannot be done; nothing has changed.
            OSError: It cannot be written; this sheet must not be used any more.
        """
        before = self.editor.mask
        if "do" in said:
            action = action_of(said["do"])
            self.editor.prompt(action)
            if self.notebook.verdict == "rejected":  # whoever goes on with a mask has not given it up
                self._write({"verdict": "open"})
        elif said.get("undo") is True:
            self.editor.undo()
        elif said.get("redo") is True:
            self.editor.redo()
        else:
            self._write({"verdict": verdict_of(said)})
        return Change.between(before, self.editor.mask)

    def about(self) -> dict[str, Any]:
        """What the page shows beside the mask."""
        offer = self.editor.offer
        return {
            "undoes": self.editor.undoes,
            "redoes": self.editor.redoes,
            "steps": self.notebook.n_done,
            "offer": None
            if offer is None
            else {
                "words": list(MEANINGS[: len(offer.masks)]),
                "expected": [round(float(value), 3) for value in offer.expected],
                "chosen": offer.chosen,
            },
        }

    def _write(self, line: Mapping[str, Any]) -> None:
        if not self._is_begun:
            self.notebook.write({"begin": self.start.to_json()})
            self._is_begun = True
        self.notebook.write(line)


def verdict_of(said: Mapping[str, Any]) -> Verdict:
    """The verdict that somebody said.

    Raises:
        ConfigError: It is none.
    """
    for verdict in VERDICTS:
        if said.get("verdict") == verdict:
            return verdict
    raise ConfigError(f"an act must do, undo or redo something, or be a verdict of {', '.join(VERDICTS)}")


def _start_of(notebook: Notebook, start: Start) -> Start:
    """What the steps of the notebook begin from; what there is now where it has none that count."""
    if notebook.begin is None:
        return start
    try:
        noted = Start.from_json(notebook.begin)
        history = notebook.history()
    except MSFormerError:
        return start
    is_other_image = noted.digest != start.digest or noted.mask.shape != start.mask.shape
    is_replaced = start.origin == "given" and not np.array_equal(history.mask, start.mask)
    is_untouched = notebook.n_done == 0 and notebook.verdict == "open"
    is_moved_on = is_untouched and noted.origin != "given" and not np.array_equal(noted.mask, start.mask)
    return start if is_other_image or is_replaced or is_moved_on else noted
