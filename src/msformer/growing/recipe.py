"""How the network is grown: every number that the weights depend on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from msformer.errors import ConfigError
from msformer.network.prompted import PromptedSizes
from msformer.phantoms.base import check_range
from msformer.scenes import SceneOptions

SHARDS = 2
"""Parts that each step's scenes are split into; fixed, so that the weights do not depend on how many processes work."""
LARGEST_SEED = 90_000
"""Beyond, seeds of scenes would not fit into 63 bits."""
WARM_UP = 150
"""Steps over which the learning rate rises."""
LAST_RATE = 0.02
"""The learning rate at the end over the largest."""

POINTED_AT = SceneOptions(radius=(0.06, 0.48), off_centre=0.4, cut=0.15)
"""Scenes to point at: larger objects, farther from the middle, than those that the choice of regions is fitted on.
Small ones are looked at again from nearer, so that the network need not know them."""


@dataclass(frozen=True)
class Recipe:
    """What makes the weights, together with the version of the program and of PyTorch.

    Attributes:
        seed: Of parameters and scenes.
        steps: Updates.
        scenes: Scenes an update, a multiple of the shards.
        prompts: Questions a scene.
        rounds: Answers to each question; from the second on with a click on what was wrong.
        side: Side of the scenes in px.
        rate: Largest learning rate.
        decay: Weight decay.
        averaging: How much of the averaged weights an update keeps, at most.
        precision: ``bfloat16`` for products, which is faster where the processor has it, or ``float32``.
        sizes: Of the network.
        options: Of the scenes.
    """

    seed: int = 0
    steps: int = 3000
    scenes: int = 12
    prompts: int = 3
    rounds: int = 2
    side: int = 128
    rate: float = 2e-3
    decay: float = 0.02
    averaging: float = 0.998
    precision: str = "bfloat16"
    sizes: PromptedSizes = field(default_factory=PromptedSizes)
    options: SceneOptions = field(default_factory=lambda: POINTED_AT)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("seed", 0, LARGEST_SEED),
            ("steps", 1, 10**7),
            ("scenes", SHARDS, 1024),
            ("prompts", 1, 64),
            ("rounds", 1, 8),
            ("side", 64, 512),
            ("rate", 0, 1),
            ("decay", 0, 1),
            ("averaging", 0, 1),
        ):
            check_range(name, getattr(self, name), low, high)
        if self.scenes % SHARDS:
            raise ConfigError(f"scenes must be a multiple of {SHARDS}, got {self.scenes}")
        if self.side % 16:
            raise ConfigError(f"side must be a multiple of 16, got {self.side}")
        if self.precision not in ("bfloat16", "float32"):
            raise ConfigError(f"precision must be bfloat16 or float32, got {self.precision!r}")

    def rate_at(self, step: int) -> float:
        """Learning rate of an update, from 0."""
        if step < WARM_UP:
            return self.rate * (step + 1) / WARM_UP
        done = (step - WARM_UP) / max(self.steps - WARM_UP, 1)
        return self.rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done)))

    def scene_seed(self, step: int, index: int) -> int:
        """Seed of a scene; no two updates share one."""
        return (self.seed * 1_000_003 + 1) * 10**8 + step * self.scenes + index

    def as_mapping(self) -> dict[str, Any]:
        """Plain data; of the scenes' options those that differ from the default."""
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("sizes", "options")}
        default = SceneOptions()
        changed = {
            one.name: getattr(self.options, one.name)
            for one in fields(SceneOptions)
            if getattr(self.options, one.name) != getattr(default, one.name)
        }
        return plain | {"sizes": asdict(self.sizes), "options": changed}

    def with_steps(self, steps: int) -> Recipe:
        """The same with another number of updates."""
        return replace(self, steps=steps)


RECIPES = {"full": Recipe(), "short": Recipe(steps=400)}
"""``full``: what ships. ``short``: about an eighth of the time, to try a change of the recipe."""
EXAMINED = 96
"""Scenes that the growing network is examined on; none of them is ever learned from."""


def examination_seed(index: int) -> int:
    """Seed of a scene that no recipe draws."""
    return 5 * 10**7 + index
