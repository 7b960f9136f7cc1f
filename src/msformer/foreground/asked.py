"""What the grown network says of regions: it is pointed at each of the best, and its answers become candidates.

The weights of what it says beside the evidence of regions are data, ``asked.json``; ``python -m benchmarks.evidence``
makes them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.foreground.evidence import Evidence, region_evidence
from msformer.image import Mask, Plane
from msformer.morphology import component_at
from msformer.regions import Ground, Region, coarse_masks, overlaps, region_features

if TYPE_CHECKING:
    from msformer.prompting import Looked

ASKED = 16
"""Regions that the network is pointed at: the best ones that are different things."""
APART = 0.5
"""Regions that share less than this (intersection over union) are different things."""
AGREES = 0.7
"""The same from which on an answer is about a candidate."""
ANSWER = "network"
"""Source of regions that are answers of the network."""
LEAST = 12
"""Smallest answer in px of the grid."""
SAID = ("evidence", "expected", "votes", "objects", "inside", "around")
"""What the weights are of: log-odds of the region's evidence; the largest Dice that an answer expects times its
overlap; share of the clicks on it whose answers agree; Dice with the map of objects; means of that map inside and in
the ring."""


@dataclass(frozen=True, eq=False)
class Heard:
    """Candidates with what the network says of them.

    Attributes:
        regions: The regions that were asked for, and the network's answers.
        features: ``(n, len(FEATURES))`` of regions.
        said: ``(n, len(SAID))``.
    """

    regions: list[Region]
    features: NDArray[np.float32]
    said: NDArray[np.float64]


def hear(
    regions: list[Region],
    expected: NDArray[np.float64],
    ground: Ground,
    looked: Looked,
    *,
    clicks: int = ASKED,
    kept: int | None = 2 * ASKED,
) -> Heard:
    """Point the network at the best regions.

    Args:
        regions: All regions that may be the object.
        expected: ``(n,)``, the Dice that their evidence expects.
        ground: The picture on their grid.
        looked: The same picture, as the network sees it.
        clicks: Regions that it is pointed at.
        kept: Regions that stay candidates beside the answers, the best ones; None for all.
    """
    shape = (ground.valid.shape[0], ground.valid.shape[1])
    order = np.argsort(-expected, kind="stable")
    small = coarse_masks(regions, shape)
    asked = _apart(order, overlaps(small), clicks)
    objects = object_map(looked, ground.valid)
    places = [_deepest(regions[index], shape) for index in asked]
    answers, chances, origins = _answers(looked, places, ground.valid)
    answers = _supported(answers, regions, _overlaps_with(coarse_masks(answers, shape), small)) if answers else []
    # All regions are described together, since what one is among the others depends on them.
    candidates = [*(regions[index] for index in order), *answers]
    features = region_features(candidates, ground)
    rows = np.r_[
        np.arange(len(order) if kept is None else min(len(order), kept)), np.arange(len(order), len(candidates))
    ]
    candidates, features = [candidates[index] for index in rows], features[rows]
    evidence = np.clip(region_evidence().probability(features), 1e-4, 1 - 1e-4)
    alike = np.zeros((len(candidates), 0))
    if answers:
        alike = _overlaps_with(coarse_masks(candidates, shape), coarse_masks(answers, shape))
    told = (alike * np.asarray(chances)[None]).max(axis=1, initial=0.0)
    said = np.stack(
        [
            np.log(evidence / (1 - evidence)),
            told,
            _votes(candidates, places, alike, np.asarray(origins, dtype=np.intp)),
            *_object_numbers(candidates, objects, ground.valid),
        ],
        axis=1,
    )
    return Heard(candidates, features, said)


def object_map(looked: Looked, valid: Mask) -> Plane:
    """Probability of each place of a grid to be of an object that a person would point at; 0 outside of the field."""
    objects = cv2.resize(looked.objects()[0], valid.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(objects * valid, dtype=np.float32)


@cache
def asked_evidence() -> Evidence:
    """The model that ships: what is said of a candidate → the Dice that it has in the mean."""
    text = (resources.files("msformer.foreground") / "asked.json").read_text(encoding="utf-8")
    return Evidence.from_mapping(json.loads(text), SAID)


def _apart(order: NDArray[np.intp], alike: NDArray[np.float32], count: int) -> list[int]:
    """The first ``count`` in the order that are apart from all before."""
    taken: list[int] = []
    for index in order:
        if not taken or alike[index, taken].max() < APART:
            taken.append(int(index))
            if len(taken) == count:
                break
    return taken


def _deepest(region: Region, shape: tuple[int, int]) -> tuple[int, int]:
    padded = np.pad(region.mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row) + region.window[0].start, int(column) + region.window[1].start


def _answers(looked: Looked, clicks: list[tuple[int, int]], valid: Mask) -> tuple[list[Region], list[float], list[int]]:
    """All alternatives of all clicks as regions, the Dice that each expects, and which click each is of."""
    from msformer.prompting import Said

    shape = valid.shape
    said = [Said(((((row + 0.5) / shape[0]), (column + 0.5) / shape[1], True),)) for row, column in clicks]
    regions: list[Region] = []
    chances: list[float] = []
    origins: list[int] = []
    for index, ((row, column), alternatives) in enumerate(zip(clicks, looked.ask(said), strict=True)):
        for logits, chance in zip(alternatives.logits, alternatives.expected, strict=True):
            mask = (cv2.resize(logits, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0) & valid
            mask = np.asarray(ndimage.binary_fill_holes(component_at(mask, row, column))) & valid
            area = int(np.count_nonzero(mask))
            if area < LEAST:
                continue
            window = ndimage.find_objects(mask.astype(np.int32))[0]
            regions.append(Region(mask[window], window, area, 0.0, ANSWER, 0))
            chances.append(float(chance))
            origins.append(index)
    return regions, chances, origins


def _supported(answers: list[Region], regions: list[Region], alike: NDArray[np.float64]) -> list[Region]:
    """Answers with the support and the promise of the region that each is most like, as far as it is."""
    nearest = alike.argmax(axis=1)
    return [
        replace(
            answer,
            support=regions[index].support * alike[row, index],
            promise=regions[index].promise * alike[row, index],
        )
        for row, (answer, index) in enumerate(zip(answers, nearest.tolist(), strict=True))
    ]


def _overlaps_with(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    shared = first @ second.T
    total = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - shared
    return np.asarray(shared / np.maximum(total, 1e-6), dtype=np.float64)


def _votes(
    candidates: list[Region], clicks: list[tuple[int, int]], alike: NDArray[np.float64], origins: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Share of the clicks on each candidate that have an answer much like it; 0 where no click is on it."""
    result = np.zeros(len(candidates))
    for index, region in enumerate(candidates):
        on_it = [number for number, (row, column) in enumerate(clicks) if _holds(region, row, column)]
        if on_it:
            agreeing = set(origins[alike[index] >= AGREES].tolist())
            result[index] = sum(number in agreeing for number in on_it) / len(on_it)
    return result


def _holds(region: Region, row: int, column: int) -> bool:
    down, right = row - region.window[0].start, column - region.window[1].start
    inside = 0 <= down < region.mask.shape[0] and 0 <= right < region.mask.shape[1]
    return inside and bool(region.mask[down, right])


def _object_numbers(candidates: list[Region], objects: Plane, valid: Mask) -> NDArray[np.float64]:
    """Dice with the map of objects, its mean inside, its mean in a ring of half a radius: ``(3, n)``."""
    total = float(objects.sum())
    rows = []
    for region in candidates:
        margin = max(round(0.5 * float(np.sqrt(region.area / np.pi))), 2)
        rows_, columns = (
            slice(max(part.start - margin, 0), min(part.stop + margin, side))
            for part, side in zip(region.window, valid.shape, strict=True)
        )
        mask = np.zeros((rows_.stop - rows_.start, columns.stop - columns.start), dtype=np.uint8)
        top, left = region.window[0].start - rows_.start, region.window[1].start - columns.start
        mask[top : top + region.mask.shape[0], left : left + region.mask.shape[1]] = region.mask
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        ring = (cv2.dilate(mask, element) > 0) & (mask == 0) & valid[rows_, columns]
        near = objects[rows_, columns]
        inside = near[mask > 0]
        around = float(near[ring].mean()) if ring.any() else 0.0
        rows.append((2 * float(inside.sum()) / (region.area + total), float(inside.mean()), around))
    return np.array(rows, dtype=np.float64).reshape(-1, 3).T
