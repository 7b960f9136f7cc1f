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
from msformer.prompting.looked import Looked, Said, answer, look, on_picture
from msformer.prompting.view import resized


class Engine(Protocol):
    """What looks at pictures and answers; another one can be put in its place."""

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> Any:
        """Look at a picture ``(h, w, C)`` that shows something where ``valid`` ``(h, w)``."""

    def answer(self, looked: Any, said: Said, previous: Mask | None) -> list[tuple[NDArray[np.float32], float]]:
        """Maps ``(h, w)``, positive inside, and the Dice that each expects; ``previous`` ``(h, w)`` or None."""


@dataclass(frozen=True, eq=False)
class LookedEngine:
    """``msformer.prompting.looked``, which is told of all clicks at once and of no earlier mask."""

    network: PromptedNet

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> Looked:
        """Look at a picture."""
        return look(self.network, pixels, valid)

    def answer(self, looked: Looked, said: Said, previous: Mask | None) -> list[tuple[NDArray[np.float32], float]]:
        """Answer from the whole picture, then from nearer."""
        near, found = answer(looked, said)
        return [
            (on_picture(near, plane), float(value)) for plane, value in zip(found.logits, found.expected, strict=True)
        ]


class Grown:
    """A picture that an engine has looked at."""

    def __init__(self, engine: Engine, picture: Picture) -> None:
        self._engine, self._shape = engine, picture.shape
        self._looked = engine.look(picture.pixels, picture.valid)

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """Three nested answers."""
        height, width = self._shape
        said = Said(
            tuple(((row + 0.5) / height, (column + 0.5) / width, sign > 0) for row, column, sign in clicks),
            None if box is None else (box[0] / height, box[1] / width, box[2] / height, box[3] / width),
        )
        found = self._engine.answer(self._looked, said, previous_mask)
        return [(resized(plane, self._shape) > 0, value) for plane, value in found]
