"""The Python side of the widget: an editor that answers what the browser asks, over the notebook's own channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from msformer.app.pictures import Shown, indices_png
from msformer.app.pieces import pieces_of
from msformer.app.sheet import StaleError
from msformer.app.telling import tell_change, tell_editor, tell_image, tell_mask, tell_pieces, tell_regions
from msformer.app.widget.bundle import bundle
from msformer.editing import Editor, action_of
from msformer.editing.change import Change
from msformer.errors import ConfigError, MSFormerError
from msformer.plain import printable
from msformer.render import label_colours
from msformer.segmentation import Segmentation

LOWEST = 320
"""Least height in px of the screen, in which the tools can still be reached."""


class EditWidget(anywidget.AnyWidget):
    """A picture whose mask is corrected; made by ``msformer.edit``.

    Attributes:
        mask: ``(H, W)``, True on the object, as it is now; ``widget.observe(f, "mask")`` calls after each step.
        revision: How many steps, undone or done again ones counted too, led there.
        height: Of the widget in px of the screen; can be set.
        editor: What does the steps; its methods may be called, and are shown.
    """

    _esm = bundle()
    height = traitlets.Int().tag(sync=True)
    revision = traitlets.Int(0, read_only=True).tag(sync=True)
    mask: traitlets.Instance[NDArray[np.bool_]] = traitlets.Instance(np.ndarray, read_only=True)

    def __init__(
        self,
        image: Any,
        mask: ArrayLike | Segmentation | None = None,
        *,
        axes: str | None = None,
        height: int,
    ) -> None:
        found = mask if isinstance(mask, Segmentation) else None
        start = found.mask if found is not None else mask
        self.editor = Editor(image, start, axes=axes, on_step=self._stepped)
        self._found = found
        super().__init__(height=height)
        self.set_trait("mask", self.editor.mask)
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        rows, columns = self.mask.shape
        return f"EditWidget({rows} × {columns} px, {np.count_nonzero(self.mask)} of them on the object)"

    @property
    def labels(self) -> NDArray[np.int32]:
        """``(H, W)``, the pieces of the mask numbered from the largest, 1, 2, …; 0 on the ground."""
        return pieces_of(self.mask, None)[0]

    @traitlets.validate("height")
    def _high_enough(self, proposal: Mapping[str, Any]) -> int:
        height = int(proposal["value"])
        if height < LOWEST:
            raise ConfigError(f"height must be at least {LOWEST} px; got {height}")
        return height

    def _stepped(self, _: Mapping[str, Any]) -> None:
        self.set_trait("mask", self.editor.mask)
        self.set_trait("revision", self.revision + 1)

    def _heard(self, _: Any, said: Any, buffers: Any) -> None:
        """Answer a question of the browser: its ``id`` again, with the answer or why there is none."""
        if not isinstance(said, Mapping) or not isinstance(said.get("what"), str):
            return
        given = said.get("values")
        answer: dict[str, Any] = {"id": said.get("id")}
        data: list[bytes] = []
        try:
            found = self._asked(said["what"], given if isinstance(given, Mapping) else {})
            if isinstance(found, bytes):
                data = [found]
            else:
                answer["answer"] = found
        except StaleError as error:
            answer |= {"status": 409, "error": str(error)}
        except MSFormerError as error:
            answer |= {"status": 400, "error": printable(str(error))}
        self.send(answer, data)

    def _asked(self, what: str, values: Mapping[str, Any]) -> Any:
        seen, mask = self.editor.seen, self.mask
        picture = Shown(seen.image)
        if what == "case":
            return self._case()
        if what == "picture":
            return picture.data()[0]
        if what == "clusters" and self._found is not None:
            return indices_png(self._found.label_map, picture.factor)
        if what == "warm":
            seen.looked  # noqa: B018 - kept by ``seen``
            return None
        if what == "regions":
            return tell_regions(seen)
        if what == "objects":
            return tell_pieces(mask, seen.image.spacing_mm)
        if what == "act":
            return self._act(values.get("act"), values.get("based_on"))
        raise ConfigError(f"what must be one of those that this widget answers; got {printable(what)!r}")

    def _case(self) -> dict[str, Any]:
        """The picture and its mask as they are now."""
        image, found = self.editor.image, self._found
        certain = None
        if found is not None:
            many = found.config.foreground.objects == "many"
            certain = {"confidence": found.confidence, "reason": found.confidence_reason, "many": many}
        return {
            "name": "",
            "slice": None,
            **tell_image(image),
            "mask": tell_mask(self.editor.mask, Shown(image).factor),
            "colours": None if found is None else label_colours(int(found.label_map.max())).tolist(),
            "certain": certain,
            **self._about(),
        }

    def _act(self, said: Any, based_on: Any) -> dict[str, Any]:
        """Do one thing: ``{"do": action}``, ``{"undo": true}`` or ``{"redo": true}``."""
        if based_on != self.revision:
            raise StaleError(f"this mask was changed elsewhere: based_on must be {self.revision}; got {based_on!r}")
        before = self.editor.mask
        if not isinstance(said, Mapping):
            raise ConfigError(f"act must be an object; got {type(said).__name__}")
        if "do" in said:
            self.editor.prompt(action_of(said["do"]))
        elif said.get("undo") is True:
            self.editor.undo()
        elif said.get("redo") is True:
            self.editor.redo()
        else:
            raise ConfigError("an act must do, undo or redo something")
        after = self.editor.mask
        return {**tell_change(Change.between(before, after), after, Shown(self.editor.image).factor), **self._about()}

    def _about(self) -> dict[str, Any]:
        return {
            **tell_editor(self.editor),
            "revision": self.revision,
            "verdict": "open",
            "steps": len(self.editor.steps),
            "pixels": int(np.count_nonzero(self.mask)),
        }
