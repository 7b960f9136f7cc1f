"""Methods that answer prompts, by name."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import torch

from benchmarks.prompts.methods import marked
from benchmarks.prompts.methods.base import Answer, Method, Picture, Prompter
from benchmarks.prompts.methods.forest import Forest
from benchmarks.prompts.methods.grown import Engine, Grown, GuidedEngine, LookedEngine
from benchmarks.prompts.methods.tree import RegionTree
from msformer.network.prompted import build_prompted
from msformer.prompting.model import grown_network, read_model

GROWN, FOREST = "grown", "forest on regions"
GUIDED, FROM_NOISE = "grown, self-guided", "random weights, self-guided"
UPDATES = 4
"""Updates on each picture, as many as the preset `general` has."""
METHODS = {
    GROWN: "the network grown from random scenes (`msformer.prompting`)",
    GUIDED: f"the same after {UPDATES} updates on each picture by the method's losses and by the click",
    FROM_NOISE: f"the same network with random weights after {UPDATES} such updates",
    "GrabCut": f"OpenCV, {marked.ROUNDS} rounds from a disc, the box or the answer before; pieces that were clicked on",
    "random walker": f"scikit-image, beta {marked.BETA}",
    "watershed": "scikit-image, marks flood the gradient",
    "region tree": "the best region that agrees with the clicks, preset `general`: `--point` without a grown network",
    FOREST: "random forest from the features of regions to their Dice, **fitted on the masks of the other sets**",
}
"""What each is, for the page; in its order."""
ONE_CLICK_ONLY = (FOREST, GUIDED, FROM_NOISE)
"""Methods that know one click and nothing else."""

__all__ = ["FOREST", "GROWN", "METHODS", "ONE_CLICK_ONLY", "Answer", "Engine", "Method", "Picture", "Prompter"]


def method_of(name: str, *, model: Path | None = None, forest: Path | None = None) -> Method:
    """The method of a name.

    Args:
        name: One of ``METHODS``.
        model: File of the grown network; the one that ships where left out.
        forest: File of the forest; needed by it alone.
    """
    if name == GROWN:
        return partial(Grown, engine_of(model))
    if name in (GUIDED, FROM_NOISE):
        return partial(Grown, guided_engine(model, from_noise=name == FROM_NOISE))
    if name == FOREST:
        if forest is None:
            raise ValueError(f"{FOREST} needs the file of a forest; got none")
        return partial(Forest, forest)
    if name == "region tree":
        return RegionTree
    cuts = {"GrabCut": marked.grabcut, "random walker": marked.random_walker, "watershed": marked.watershed}
    return partial(marked.Marked, cuts[name])


@cache
def engine_of(model: Path | None) -> Engine:
    """What looks at pictures and answers with a grown network."""
    return LookedEngine((grown_network() if model is None else read_model(model)).network)


@cache
def guided_engine(model: Path | None, *, from_noise: bool) -> Engine:
    """The grown network, or one of its sizes with random weights, that guides itself on each picture."""
    network = (grown_network() if model is None else read_model(model)).network
    if from_noise:
        network = build_prompted(network.sizes, torch.Generator().manual_seed(0)).eval()
    return GuidedEngine(network, UPDATES)
