"""One seed, and draws that do not disturb each other."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from msformer.phantoms.base import Layers
from msformer.scenes.options import Range, SceneOptions

_NAMES = tuple(one.name for one in fields(SceneOptions))
_PLACE = {name: index for index, name in enumerate(_NAMES)}


class Draws:
    """The draws of one scene.

    Every option has one uniform number of its own, and every layer of the picture its own generator, so that an
    option changes no draw of another.

    Attributes:
        options: What may be drawn.
        properties: What was drawn, for :class:`Scene`.
    """

    def __init__(self, seed: int, options: SceneOptions) -> None:
        self._layers = Layers("scene", seed, 0)
        self._uniform = self.rng("options").random(len(_NAMES))
        self.seed = self._layers.seed
        self.options = options
        self.properties: dict[str, float] = {}

    def rng(self, layer: str) -> np.random.Generator:
        """The generator of a layer, at its start."""
        return self._layers.rng(layer)

    def happens(self, name: str, factor: float = 1.0) -> bool:
        """Whether the option ``name``, a chance, comes true; ``factor`` makes it rarer."""
        result = bool(self._uniform[_PLACE[name]] < factor * getattr(self.options, name))
        self.properties[name] = float(result)
        return result

    def number(self, name: str, power: float = 1.0) -> float:
        """Where in its range the option ``name`` lies; a ``power`` above 1 prefers low values."""
        low, high = getattr(self.options, name)
        value = float(low + (high - low) * self._uniform[_PLACE[name]] ** power)
        self.properties[name] = value
        return value

    def scale(self, name: str) -> float:
        """Where in its range the option ``name`` lies, log-uniform; plainly uniform where the range begins at 0."""
        low, high = getattr(self.options, name)
        if low <= 0:
            return self.number(name)
        value = float(low * (high / low) ** self._uniform[_PLACE[name]])
        self.properties[name] = value
        return value

    def among(self, names: tuple[str, ...]) -> str:
        """One of the options ``names``, by their weights."""
        weights = np.cumsum([getattr(self.options, name) for name in names])
        at = int(np.searchsorted(weights, self._uniform[_PLACE[names[0]]] * weights[-1], side="right"))
        result = names[min(at, len(names) - 1)]
        self.properties |= {name: float(name == result) for name in names}
        return result


def log_uniform(rng: np.random.Generator, span: Range) -> float:
    """A draw from ``span``, log-uniform; its ends are above 0."""
    return float(span[0] * (span[1] / span[0]) ** rng.random())
