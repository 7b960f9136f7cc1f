"""The network that is grown from random scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.prompts.methods.base import Answer, Box, Click, Picture
from msformer.image import Mask
from msformer.network.prompted import PromptedNet
from msformer.prompting.looked import Answered, Looked, Said, answer, further, look
from msformer.prompting.self_guided import self_guided
from msformer.prompting.view import resized


class Engine(Protocol):
    """What looks at pictures and answers; another one can be put in its place."""

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> Any:
        """Look at a picture ``(h, w, C)`` that shows something where ``valid`` ``(h, w)``."""

    def answer(
        self, looked: Any, said: Said, before: Any | None
    ) -> tuple[list[tuple[NDArray[np.float32], float]], Any]:
        """Maps ``(h, w)``, positive inside, with the Dice that each expects; and what to go on from next time."""


@dataclass(frozen=True, eq=False)
class LookedEngine:
    """``msformer.prompting.looked``: each further click is told beside the answer so far."""

    network: PromptedNet

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> Looked:
        """Look at a picture."""
        return look(self.network, pixels, valid)

    def answer(
        self, looked: Looked, said: Said, before: Answered | None
    ) -> tuple[list[tuple[NDArray[np.float32], float]], Answered]:
        """Answer from the whole picture and from nearer, or go on from there."""
        found = answer(looked, said) if before is None else further(looked, before, said)
        return [(plane, float(value)) for plane, value in zip(found.maps, found.expected, strict=True)], found


@dataclass(frozen=True, eq=False)
class GuidedEngine(LookedEngine):
    """The same after some updates on each picture, by the method's losses and by what is said."""

    updates: int

    def answer(
        self, looked: Looked, said: Said, before: Answered | None
    ) -> tuple[list[tuple[NDArray[np.float32], float]], Answered]:
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
        height, width = self._shape
        said = Said(
            tuple(((row + 0.5) / height, (column + 0.5) / width, sign > 0) for row, column, sign in clicks),
            None if box is None else (box[0] / height, box[1] / width, box[2] / height, box[3] / width),
        )
        before = None if previous_mask is None else self._before
        found, self._before = self._engine.answer(self._looked, said, before)
        return [(resized(plane, self._shape) > 0, value) for plane, value in found]
