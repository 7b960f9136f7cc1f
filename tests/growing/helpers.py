"""Recipes of seconds."""

from __future__ import annotations

import torch

from msformer.growing.loop import State, grow, start_state
from msformer.growing.recipe import Recipe
from msformer.network.prompted import PromptedSizes

SMALL = PromptedSizes(dim=16, depth_fine=1, depth_coarse=1)
TINY = Recipe(steps=3, scenes=2, prompts=2, side=64, sizes=SMALL)


def grown(recipe: Recipe, state: State | None = None, *, until: int | None = None, processes: int = 1) -> State:
    """The state after ``until`` updates, all of them if left out."""
    state = start_state(recipe) if state is None else state
    updates = grow(recipe, state, processes=processes, examine_every=10**6)
    try:
        for _ in updates:
            if state.step == until:
                break
    finally:
        updates.close()
    return state


def same(first: State, second: State) -> bool:
    """Whether two states are equal in every bit."""
    names = ("weights", "averaged", "first", "second")
    return first.step == second.step and all(torch.equal(getattr(first, one), getattr(second, one)) for one in names)
