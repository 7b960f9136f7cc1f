"""Methods that answer prompts, by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch

from benchmarks.interaction.methods import marked
from benchmarks.interaction.methods.agreed import ALIKE, Agreed
from benchmarks.interaction.methods.base import Answer, Method, Picture, Prompter, Saying
from benchmarks.interaction.methods.edited import Edited
from benchmarks.interaction.methods.forest import Forest
from benchmarks.interaction.methods.grown import GRID, Engine, Grown, GuidedEngine, LookedEngine
from benchmarks.interaction.methods.tree import RegionTree
from msformer.network.prompted import build_prompted
from msformer.prompting.model import grown_network, read_model

EDITED, GROWN, FOREST = "msformer", "grown", "forest on regions"
AGREED = "grown, border of the region tree"
GUIDED, FROM_NOISE = "grown, self-guided", "random weights, self-guided"
UPDATES = 4
"""Updates on each picture, as many as the preset `general` has."""


@dataclass(frozen=True)
class Entry:
    """A method of the table.

    Attributes:
        words: What it is, for the page.
        asked: What is said to it.
        on_request: What is said to it with ``--all-clicks`` only, since it is slow.
        is_grown: Whether it starts from the file of the grown network.
    """

    words: str
    asked: tuple[Saying, ...]
    on_request: tuple[Saying, ...] = ()
    is_grown: bool = False

    def sayings(self, *, all_clicks: bool) -> tuple[Saying, ...]:
        """What is said to it, all that it can be told where ``all_clicks``."""
        return self.asked + self.on_request if all_clicks else self.asked


METHODS = {
    EDITED: Entry(
        "what the program does (`msformer.Editor`): the network grown from random scenes; of each further click the "
        "piece of the change that holds it is taken",
        ("click", "box", "clicks"),
        is_grown=True,
    ),
    GROWN: Entry(
        "the same network, whose whole answer is taken after each click; without a prompt it is pointed at "
        f"{GRID} × {GRID} places, and the box of the answer with the most expected Dice times Dice with its map of "
        "objects is asked for",
        ("nothing", "click", "box", "clicks"),
        is_grown=True,
    ),
    AGREED: Entry(
        f"`grown`, but each answer is the region that it is most like, where their IoU is at least {ALIKE}",
        ("click", "box"),
        is_grown=True,
    ),
    GUIDED: Entry(
        f"`grown` after {UPDATES} updates on each picture by the method's losses and by the click",
        ("click",),
        is_grown=True,
    ),
    FROM_NOISE: Entry(f"the same network with random weights after {UPDATES} such updates", ("click",), is_grown=True),
    "GrabCut": Entry(
        f"OpenCV, {marked.ROUNDS} rounds from a disc around the click, the box or the answer before; pieces that were "
        "clicked on; without a prompt from the centred ellipse of `msformer.baselines`, all pieces",
        ("nothing", "click", "box", "clicks"),
    ),
    "random walker": Entry(f"scikit-image, beta {marked.BETA}", ("click", "box"), on_request=("clicks",)),
    "geodesic": Entry(
        "the shorter way to a mark, through colours that change little (scikit-image, `MCP_Geometric`)",
        ("click", "box", "clicks"),
    ),
    "watershed": Entry("scikit-image, marks flood the gradient", ("click", "box", "clicks")),
    "region tree": Entry(
        "the best region, of those that agree with most clicks, preset `general`: what the program does without a "
        "grown network, with `--point` or without",
        ("nothing", "click", "box", "clicks"),
    ),
    FOREST: Entry(
        "random forest from the features of regions to their Dice, **fitted on the masks of the other sets**",
        ("click",),
    ),
}
"""What each is and what it is asked; in the page's order."""

__all__ = [
    "EDITED",
    "FOREST",
    "GROWN",
    "METHODS",
    "Answer",
    "Engine",
    "Entry",
    "Method",
    "Picture",
    "Prompter",
    "Saying",
]


def method_of(name: str, *, model: Path | None = None, forest: Path | None = None) -> Method:
    """The method of a name.

    Args:
        name: One of ``METHODS``.
        model: File of the grown network; the one that ships where left out.
        forest: File of the forest; needed by it alone.
    """
    if name == EDITED:
        return partial(Edited, model)
    if name == GROWN:
        return partial(Grown, engine_of(model))
    if name == AGREED:
        return partial(Agreed, engine_of(model))
    if name in (GUIDED, FROM_NOISE):
        return partial(Grown, guided_engine(model, from_noise=name == FROM_NOISE))
    if name == FOREST:
        if forest is None:
            raise ValueError(f"{FOREST} needs the file of a forest; got none")
        return partial(Forest, forest)
    if name == "region tree":
        return RegionTree
    cuts = {
        "GrabCut": marked.grabcut,
        "random walker": marked.random_walker,
        "watershed": marked.watershed,
        "geodesic": marked.geodesic,
    }
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
