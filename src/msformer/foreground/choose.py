"""The choice: the region for which the evidence is best, or the set with the largest product of its cues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msformer.config import CueWeights, ForegroundSettings
from msformer.foreground.candidates import Candidate, find_candidates
from msformer.foreground.cues import CUES
from msformer.foreground.scene import Scene, box_overlap
from msformer.foreground.single import rank_regions
from msformer.image import Mask
from msformer.morphology import mirrored
from msformer.prepare import subtract_background
from msformer.regions import NAMES as SHOWN
from msformer.regions import Ground

if TYPE_CHECKING:
    from msformer.prompting import Looked


@dataclass(frozen=True)
class Foreground:
    """The chosen object.

    Attributes:
        mask: ``(h, w)``; empty where no candidate fits the settings.
        clusters: The clusters that it was made of; empty where it was not made of clusters.
        score: Of a region, the Dice that it has in the mean; else the product of the weighted cues; in [0, 1], 0 for an
            empty mask.
        cues: What is seen of a region, with its margin and support; else the value of each cue that took part.
    """

    mask: Mask
    clusters: tuple[int, ...]
    score: float
    cues: Mapping[str, float] = field(default_factory=dict)


def choose_region(
    ground: Ground, scene: Scene, settings: ForegroundSettings, looked: Looked | None = None
) -> Foreground:
    """Choose the region for which the evidence is best as the one object; the score is the Dice that it expects.

    Args:
        ground: The picture on the grid of the regions.
        scene: What is known on the same grid.
        settings: What is known of the object without having seen it.
        looked: The same picture as the grown network sees it, where that has a say.
    """
    ranked = rank_regions(ground, scene, settings, looked)
    if ranked is None:
        return Foreground(np.zeros(scene.shape, dtype=bool), (), 0.0)
    cues = {name: float(value) for name, value in zip(SHOWN, ranked.features[0], strict=False)}
    cues |= {"margin": ranked.margin, "support": ranked.regions[0].support}
    return Foreground(ranked.regions[0].on(scene.shape), (), float(ranked.expected[0]), cues)


def choose_foreground(clusters: NDArray[np.integer] | None, scene: Scene, settings: ForegroundSettings) -> Foreground:
    """Choose the object among the clusters.

    Args:
        clusters: ``(h, w)``, one integer a cluster; None where the settings take level sets instead.
        scene: What the image is like on the same grid.
        settings: What is known of the object without having seen it.
    """
    best = Foreground(np.zeros(scene.shape, dtype=bool), (), 0.0)
    for seen, candidate in seen_candidates(clusters, scene, settings):
        score, cues = score_mask(candidate.mask, seen, settings.cues, at_least=best.score)
        if score > best.score:
            best = Foreground(candidate.mask, candidate.clusters, score, cues)
    return replace(best, mask=completed(best.mask, scene, settings))


def seen_candidates(
    clusters: NDArray[np.integer] | None, scene: Scene, settings: ForegroundSettings
) -> Iterator[tuple[Scene, Candidate]]:
    """Every candidate that competes, with the scene that its cues are of.

    Args:
        clusters: ``(h, w)``, one integer a cluster; None where the settings take level sets instead.
        scene: What the image is like on the same grid.
        settings: What is known of the object without having seen it.
    """
    for seen in _evened(scene, settings) if clusters is None else (scene,):
        for candidate in find_candidates(clusters, seen, settings):
            yield seen, candidate


def completed(mask: Mask, scene: Scene, settings: ForegroundSettings) -> Mask:
    """What is made of a candidate once it is chosen: with its mirror image, where the settings ask for it."""
    if not settings.mirror or scene.midline is None:
        return mask
    return mask | (mirrored(mask, scene.midline) & scene.valid)


def _evened(scene: Scene, settings: ForegroundSettings) -> Iterator[Scene]:
    """The scene as it is, then minus its surroundings' mean in each window: dim objects pass the level of bright ones.

    No window fits all sizes of objects, so they compete.
    """
    yield scene
    for width in settings.windows:
        plane = subtract_background(scene.appearance[:, :, None], scene.valid, width)[:, :, 0]
        yield replace(scene, evened=np.ascontiguousarray(plane))


def score_mask(
    mask: Mask, scene: Scene, weights: CueWeights, *, at_least: float = 0.0
) -> tuple[float, dict[str, float]]:
    """Product of the cues of a mask, each raised to its weight, and the cues themselves.

    Cues only ever lower the product, so it is given up, as 0, where it falls to ``at_least``.
    """
    score = _box_overlap(mask, scene.box)
    values: dict[str, float] = {}
    for name, cue in CUES.items():
        weight = float(getattr(weights, name))
        if weight == 0:
            continue
        values[name] = cue(mask, scene)
        score *= values[name] ** weight
        if score <= at_least:
            return 0.0, values
    return score, values


def _box_overlap(mask: Mask, box: tuple[int, int, int, int] | None) -> float:
    """How well the mask fills the box that somebody drew: intersection over union of its bounding box; 1 without."""
    if box is None:
        return 1.0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0.0
    own = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return box_overlap(own, box)
