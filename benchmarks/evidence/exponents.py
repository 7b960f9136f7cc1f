"""Exponents of the cues of several objects, fitted: are they better than those that presets were given by hand?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.fits import OF_REGIONS, Loss, fit_regions
from benchmarks.evidence.pictures import Picture
from benchmarks.evidence.several import FEW, GUEST, SEVERAL_KINDS, Candidates, Exponents
from msformer.config import Config
from msformer.foreground import CUES

LEAST_CUE = 1e-3
"""Smaller cues count as this, where logarithms are fitted."""
OF_CHOICE = Loss(ridge=0.001, choice=10.0, sharpness=10.0, least=0.0)
"""Hardly more than the choice itself: among the best of 48 losses on halves of scenes and phantoms left out."""
LOSSES = {"the choice": OF_CHOICE, "as for regions": replace(OF_REGIONS, least=0.0)}
"""What the fits make small, the first one in all tables."""
FITS = ("scenes, one", "scenes, two", "other sets, one", "other sets, two")
"""What exponents are fitted on, and whether one model serves all or one serves few objects and one many."""
MAY_LOSE = 0.005
"""What a fit that ships may lose, in the mean over sets and in each set of lung CT."""


@dataclass(frozen=True, eq=False)
class Compared:
    """One set under the exponents by hand and under fitted ones.

    Attributes:
        name: The set.
        best: Dice of the best candidate, by the truth, ``(n,)``.
        hand: Dice of the one that the preset takes, ``(n,)``.
        fitted: Of the one that each of ``FITS`` takes.
    """

    name: str
    best: NDArray[np.float64]
    hand: NDArray[np.float64]
    fitted: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Verdict:
    """What a fit gains over the exponents by hand, in mean Dice.

    Attributes:
        mean: Over all sets.
        own: Over all sets but ``GUEST``.
        worst: In the set where it loses most.
        where: That set.
        lung: In the set of lung CT where it loses most.
    """

    mean: float
    own: float
    worst: float
    where: str
    lung: float

    @property
    def transfers(self) -> bool:
        """Whether it may ship, by a rule that was there before the numbers."""
        return self.mean >= -MAY_LOSE and self.lung >= -MAY_LOSE


def fit_exponents(pictures: Sequence[Candidates], how: Loss) -> Exponents:
    """Fit the expected Dice of a candidate to the logarithms of its cues: their weights are exponents, none below 0."""
    logs = [
        Picture(one.group, np.log(np.maximum(one.cues, LEAST_CUE)).astype(np.float32), one.dice) for one in pictures
    ]
    with np.errstate(over="ignore"):  # a step too far expects 0
        model = fit_regions(logs, how)
    return np.asarray(model.weights[:-1] / model.scale)


def by_hand(preset: str) -> Exponents:
    """Those of a preset's file."""
    cues = Config.from_preset(preset).foreground.cues
    return np.array([getattr(cues, name) for name in CUES])


def taken(picture: Candidates, exponents: Exponents) -> float:
    """Dice of the candidate with the largest product; 0 where all products are 0, for then the answer is empty."""
    score = np.prod(picture.cues**exponents, axis=1)
    best = int(score.argmax())
    return float(picture.dice[best]) if score[best] > 0 else 0.0


def compare(made: Sequence[Candidates], real: Sequence[Candidates], how: Loss) -> list[Compared]:
    """A row a set: exponents by hand, and fitted on what is made and on the other sets."""
    whole, split = fit_exponents(made, how), fit_each(made, how)
    rows = []
    for name in sorted({one.group for one in real}):
        own = [one for one in real if one.group == name]
        others = [one for one in real if one.group != name]
        preset = own[0].preset
        few = preset in FEW
        models = (whole, split[few], fit_exponents(others, how), fit_each(others, how)[few])
        hand, *fitted = (np.array([taken(one, exponents) for one in own]) for exponents in (by_hand(preset), *models))
        best = np.array([one.dice.max() for one in own])
        rows.append(Compared(name, best, hand, dict(zip(FITS, fitted, strict=True))))
    return rows


def judged(rows: Sequence[Compared], label: str) -> Verdict:
    """What one of ``FITS`` gains; at least one set must be of lung CT."""
    gains = {row.name: float(np.mean(row.fitted[label] - row.hand)) for row in rows}
    where = min(gains, key=lambda name: gains[name])
    return Verdict(
        mean=float(np.mean(list(gains.values()))),
        own=float(np.mean([gain for name, gain in gains.items() if name != GUEST])),
        worst=gains[where],
        where=where,
        lung=min(gain for name, gain in gains.items() if SEVERAL_KINDS[name] == "lung-ct"),
    )


def fit_each(pictures: Sequence[Candidates], how: Loss) -> dict[bool, Exponents]:
    """Two models: that for few objects under True, that for many under False."""
    return {few: fit_exponents([one for one in pictures if (one.preset in FEW) == few], how) for few in (True, False)}
