"""How much of the object a region is: expected Dice from what is seen of it, by one fitted linear model.

The weights are data, ``evidence.json``; ``python -m benchmarks.evidence`` makes them again and says what they were
fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.regions.features import FEATURES

FARTHEST = 5.0
"""Features count up to this many of their own deviations: further out nothing was fitted."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A logistic regression.

    Attributes:
        mean: ``(n,)``, of each feature where it was fitted.
        scale: ``(n,)``, its deviation.
        weight: ``(n,)``, log-odds for one deviation.
        offset: Log-odds where all are at their means.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]
    offset: float

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], names: tuple[str, ...]) -> Evidence:
        """Take ``{"offset": …, "features": {name: [mean, scale, weight]}}``; features without a weight have 0."""
        rows = np.array([data["features"].get(name, (0.0, 1.0, 0.0)) for name in names], dtype=np.float64)
        return cls(rows[:, 0], rows[:, 1], rows[:, 2], float(data["offset"]))

    def probability(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """The fitted share, ``(...,)`` in (0, 1), of rows of features ``(..., n)``."""
        standard = np.clip((features - self.mean) / self.scale, -FARTHEST, FARTHEST)
        return np.asarray(1 / (1 + np.exp(-(standard @ self.weight + self.offset))))


@cache
def region_evidence() -> Evidence:
    """The model that ships: features of a region → the Dice that it has in the mean."""
    text = (resources.files("msformer.foreground") / "evidence.json").read_text(encoding="utf-8")
    return Evidence.from_mapping(json.loads(text), FEATURES)
