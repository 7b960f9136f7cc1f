"""The network that is grown from random scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.interaction.methods.base import Answer, Box, Click, Picture
from msformer.foreground.asked import LEAST
from msformer.image import Mask
from msformer.network.prompted import PromptedNet
from msformer.prompting.looked import Answered, Looked, Said, answer, further, look
from msformer.prompting.self_guided import self_guided
from msformer.prompting.view import resized

GRID = 8
"""Places down and across that are pointed at where nothing is said."""
Maps = list[tuple[NDArray[np.float32], float]]
"""Maps ``(h, w)``, positive inside, with the Dice that each expects."""


class Engine(Protocol):
    """What looks at pictures and answers; another one can be put in its place."""

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> Any:
        """Look at a picture ``(h, w, C)`` that shows something where ``valid`` ``(h, w)``."""

    def answer(self, looked: Any, said: Said, before: Any | None) -> tuple[Maps, Any]:
        """What is meant, and what to go on from next time."""

    def unasked(self, looked: Any) -> Maps:
        """What it would point at itself; nothing where it sees no object."""


@dataclass(frozen=True, eq=False)
class LookedEngine:
    """``msformer.prompting.looked``: each further click is told beside the answer so far."""

    network: PromptedNet

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> Looked:
        """Look at a picture."""
        return look(self.network, pixels, valid)

    def answer(self, looked: Looked, said: Said, before: Answered | None) -> tuple[Maps, Answered]:
        """Answer from the whole picture and from nearer, or go on from there."""
        found = answer(looked, said) if before is None else further(looked, before, said)
        return [(plane, float(value)) for plane, value in zip(found.maps, found.expected, strict=True)], found

    def unasked(self, looked: Looked) -> Maps:
        """Point at a grid of places, take the likeliest object of all answers, and ask for its box.

        Likeliest is the one with the largest product of the Dice that it expects and its Dice with the map of objects.
        """
        height, width = looked.valid.shape
        shares = (np.arange(GRID) + 0.5) / GRID
        places = [
            (float(down), float(right))
            for down in shares
            for right in shares
            if looked.valid[int(down * height), int(right * width)]
        ]
        found = looked.ask([Said(((*place, True),)) for place in places])
        if not found:
            return []
        masks = np.concatenate([one.logits for one in found]) > 0  # (3 × places, h, w)
        expected = np.concatenate([one.expected for one in found])
        objects = looked.objects()[0]
        areas = np.count_nonzero(masks, axis=(1, 2))
        shared = np.tensordot(masks.astype(np.float32), objects, axes=2)
        likely = np.where(areas < LEAST, 0.0, expected * 2 * shared / np.maximum(areas + objects.sum(), 1e-6))
        if not likely.any():
            return []
        mask = masks[likely.argmax()]
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (
            float(rows[0] / mask.shape[0]),
            float(columns[0] / mask.shape[1]),
            float((rows[-1] + 1) / mask.shape[0]),
            float((columns[-1] + 1) / mask.shape[1]),
        )
        return self.answer(looked, Said((), box), None)[0]


@dataclass(frozen=True, eq=False)
class GuidedEngine(LookedEngine):
    """The same after some updates on each picture, by the method's losses and by what is said."""

    updates: int

    def answer(self, looked: Looked, said: Said, before: Answered | None) -> tuple[Maps, Answered]:
        """Answer from the picture after the updates."""
        return super().answer(self_guided(looked, [said], self.updates), said, before)


class Grown:
    """A picture that an engine has looked at."""

    def __init__(self, engine: Engine, picture: Picture) -> None:
        self._engine, self._shape = engine, picture.shape
        self._looked = engine.look(picture.pixels, picture.valid)
        self._before: Any | None = None

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """Three nested answers."""
        if not clicks and box is None:
            return self._native(self._engine.unasked(self._looked))
        height, width = self._shape
        said = Said(
            tuple(((row + 0.5) / height, (column + 0.5) / width, sign > 0) for row, column, sign in clicks),
            None if box is None else (box[0] / height, box[1] / width, box[2] / height, box[3] / width),
        )
        before = None if previous_mask is None else self._before
        found, self._before = self._engine.answer(self._looked, said, before)
        return self._native(found)

    def _native(self, maps: Maps) -> list[Answer]:
        return [(resized(plane, self._shape) > 0, value) for plane, value in maps]
