"""How far a mask can be trusted: the probability that its Dice is at least .7, from the image and the mask alone.

One logistic regression for all presets, so that what they find can be compared. Its weights are data,
``confidence.json``, fitted on random scenes and on public sets; ``docs/confidence.md`` has the command, and what it
says of sets and kinds that were left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.answer import Answer
from msformer.config import Config
from msformer.foreground import Evidence, otsu_fraction
from msformer.image import Image, Mask
from msformer.kinds import describe_picture, has_colour, kind_probabilities
from msformer.morphology import dice
from msformer.prepare import NoData, Prepared, prepare, resample
from msformer.refine import enlarge
from msformer.regions import NAMES, Ground, Region, describe, region_view

GOOD = 0.7
"""A mask is right from this Dice on: a person would correct its border and not start anew."""
BAND_WIDTH = 0.05
"""Width of the two bands along the border that are compared, as a share of the image's side."""
BAND_FEWEST = 3
"""Least width of a band in px; a band of fewer pixels than this gives way to all of its side."""
CONTRAST_LIMITS = (3.0, 30.0)
"""Grey levels (of 255) between which contrast counts. Less is what noise alone gives; more says nothing more."""
FEATURES = (*NAMES, "separation", "contrast", "kept", "score", "margin", "support", "alone", "kind")
"""What the confidence is made of: what is seen of the mask, how it came about, and whether the picture looks like the
kind that the preset is for."""
NO_KIND = 0.02
"""Added to the probability of a kind before its logarithm is taken: no picture rules a preset out."""
DISAGREE = 0.7
"""Mean Dice of restarts under which they disagree."""
CLOSE = 0.05
"""A margin to the next region under this is a tie, in expected Dice."""
NO_BORDER = 0.5
"""Gradient along the outline, in the picture's mean ones, under which there is no border."""
PROMPTED = (1.0, 0.0)
"""Slope and offset from the log-odds of the Dice that the network expects to those of a Dice of at least ``GOOD``;
``confidence.json`` may have others."""
LOW = 0.5
"""Confidence under which a reason is given."""
COMMON = Config.from_preset("general").replace(prepare={"working_size": 129, "detail_size": None, "padding": 0}).prepare
"""How an image is prepared for the comparison of answers: for all presets alike."""


@dataclass(frozen=True)
class Trust:
    """How far an answer can be trusted.

    Attributes:
        probability: That its Dice is at least ``GOOD``; 0 where nothing was found.
        reason: Why it is low, in words for the person who looks at the mask; empty where it is not.
        unlike: How far from everything that the weights were fitted on, in deviations; over 1 is further than
            99 of 100 of these.
        kind: Logarithm of the probability that the picture is of the preset's kind.
    """

    probability: float
    reason: str
    unlike: float
    kind: float = math.log(NO_KIND)

    @property
    def log_odds(self) -> float:
        """The same on the scale on which evidence adds up."""
        share = min(max(self.probability, 1e-6), 1 - 1e-6)
        return math.log(share / (1 - share))


NOTHING_FOUND = Trust(0.0, "nothing was found", 0.0)


@dataclass(frozen=True, eq=False)
class Bench:
    """The picture as all answers are judged on it.

    Attributes:
        ground: Prepared alike for all presets.
        kinds: How much it looks like the kind of each preset.
    """

    ground: Ground
    kinds: Mapping[str, float]

    @classmethod
    def of(cls, image: Image, no_data: NoData | None = None) -> Bench:
        """Look at an image once."""
        view = region_view(prepare(image, COMMON, no_data).detail)
        kinds = kind_probabilities(describe_picture(image), in_colour=has_colour(image))
        return cls(Ground.of(view.planes, view.valid), kinds)


def answer_features(answer: Answer, prepared: Prepared, bench: Bench, settings: Config) -> NDArray[np.float64] | None:
    """What speaks for an answer, in the order of ``FEATURES``; None where nothing was found.

    Args:
        answer: The mask and how it came about.
        prepared: The image as the preset prepared it.
        bench: The image as all presets are judged on it.
        settings: Of the preset.
    """
    mask, ground = answer.detail_mask, bench.ground
    shape = ground.valid.shape
    small = resample(mask.astype(np.float32), (shape[0], shape[1]), "area")[:, :, 0] >= 0.5
    if not small.any():
        return None
    window = ndimage.find_objects(small.astype(np.int32))[0]
    region = Region(small[window], window, int(np.count_nonzero(small)), 0.0, "answer", 0)
    chosen, detail = answer.chosen, prepared.detail
    inside, rest = mask & detail.valid, detail.valid & ~mask
    has_both = bool(inside.any()) and bool(rest.any())
    low, high = CONTRAST_LIMITS
    brightness = detail.brightness
    contrast = 255 * abs(float(brightness[inside].mean()) - float(brightness[rest].mean())) if has_both else 0.0
    # A cell is not to be its nucleus: there start and end are not comparable.
    kept = 1.0 if settings.refine.cells else dice(enlarge(chosen.mask, detail.shape), mask)
    more = (
        separation(inside, rest, detail.appearance) if has_both else 0.0,
        math.log(min(max(contrast, low), high) / high),
        kept,
        chosen.score,
        chosen.cues.get("margin", 0.0),
        chosen.cues.get("support", 0.0),
        float("margin" in chosen.cues),
        math.log(bench.kinds.get(settings.preset, 0.0) + NO_KIND),
    )
    return np.array([*np.nan_to_num(describe(region, ground)), *more], dtype=np.float64)


def judge(answer: Answer, prepared: Prepared, bench: Bench, settings: Config, agreement: float = 1.0) -> Trust:
    """How far an answer can be trusted; restarts that disagree lower it in proportion. Arguments as above."""
    features = answer_features(answer, prepared, bench, settings)
    if features is None:
        return NOTHING_FOUND
    model, limit = _model()
    probability = agreement * float(model.probability(features))
    unlike = float(np.abs((features - model.mean) / model.scale).mean()) / limit
    return Trust(probability, _reason(probability, features, unlike, agreement), unlike, float(features[-1]))


def prompted_trust(answer: Answer) -> Trust:
    """How far the answer to a prompt can be trusted: what the network expects of it, corrected by what came of it."""
    if not answer.detail_mask.any():
        return NOTHING_FOUND
    slope, offset = _data().get("prompted", PROMPTED)
    probability = 1 / (1 + math.exp(-(slope * expected_log_odds(answer.chosen.score) + offset)))
    if probability >= LOW:
        return Trust(probability, "", 0.0)
    ranked = sorted(answer.chosen.cues.values(), reverse=True)
    is_tie = len(ranked) > 1 and ranked[0] - ranked[1] < CLOSE
    reason = "a part and the whole fit equally well" if is_tie else "what was pointed at has no clear border of its own"
    return Trust(probability, reason, 0.0)


def expected_log_odds(expected: float) -> float:
    """Log-odds of the Dice in [0, 1] that the network expects, which is taken as neither nothing nor everything."""
    share = min(max(expected, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))


def _reason(probability: float, features: NDArray[np.float64], unlike: float, agreement: float) -> str:
    """The first thing that is wrong, in the order in which a person would see it."""
    if probability >= LOW:
        return ""
    seen = dict(zip(FEATURES, features.tolist(), strict=True))
    if unlike > 1:
        return "the picture is unlike any kind that this program knows"
    if agreement < DISAGREE:
        return "restarts disagree about what the object is"
    if seen["alone"] and seen["margin"] < CLOSE:
        return "two regions fit equally well"
    if seen["edge_weak"] < NO_BORDER:
        return "nothing here has a border of its own all around"
    if seen["frame"] > 1 / 3:
        return "what was found goes on beyond the frame"
    return "what was found differs little from what is around it, or much like it lies elsewhere"


def many_log_odds(crowd: float) -> float:
    """Log-odds that a picture shows many objects of one kind, fitted on random scenes alone.

    Args:
        crowd: How many alike things with borders of their own it was seen to hold, in [0, 1]
            (``hypotheses.Trial.crowd``).
    """
    offset, slope = _data()["crowd"]
    return float(offset + slope * crowd)


def separation(inside: Mask, rest: Mask, appearance: NDArray[np.float32]) -> float:
    """Share in [0, 1] of the variance in two bands along the border, one on either side, that the border explains.

    Contrast in units of the spread beside it, d²/(4 + d²) for bands alike in size and spread.
    """
    width = max(BAND_FEWEST, BAND_WIDTH * math.sqrt(inside.size))
    bands = []
    for part, other in ((inside, rest), (rest, inside)):
        # The frame is no border: behind it the object may go on, and so may its surroundings.
        away = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 3)
        near = part & (away <= width)
        bands.append(appearance[near if np.count_nonzero(near) >= BAND_FEWEST else part])
    is_inside = np.repeat([True, False], [len(band) for band in bands])
    return otsu_fraction(is_inside, np.concatenate(bands))


@cache
def _model() -> tuple[Evidence, float]:
    """The weights, and the mean deviation that one in a hundred of what they were fitted on exceeds."""
    data = _data()
    return Evidence.from_mapping(data, FEATURES), float(data["unlike"])


@cache
def _data() -> Mapping[str, Any]:
    text = (resources.files("msformer") / "confidence.json").read_text(encoding="utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data
