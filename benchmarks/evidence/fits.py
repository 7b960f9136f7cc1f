"""The fits: what speaks for a region, how far an answer can be trusted, what kinds look like, what a crowd says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.common import PRESET_OF_SET
from benchmarks.evidence.asked import Pointed
from benchmarks.evidence.pictures import Answered, Picture, Seen, scene_shape
from msformer import confidence
from msformer.foreground.evidence import FARTHEST
from msformer.kinds import FARTHEST as FAR_NUMBER
from msformer.scenes import make_scene

WIDER = 2.0
"""Pictures of no kind vary more than the few sets of them at hand: their covariance times this."""
PER_PICTURE = 100
"""Regions of a picture that take part in a fit: the best one and others drawn at random."""
RIDGE = 0.01
"""Penalty on squared weights: of .0001 to .03, all within .02 of each other on real sets, neither end."""
CHOICE = 0.1
"""Weight of the second term: the Dice of what a soft choice between the regions of a picture would take."""
SHARPNESS = 2.0
"""Of that soft choice."""
FLOOR = 0.2
"""Regions count by their Dice and this: most regions are of nothing, and how bad they are does not matter."""


@dataclass(frozen=True, eq=False)
class Model:
    """Means, scales and weights of a logistic regression, the offset last among the weights."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]

    def odds(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log-odds of rows."""
        standard = np.clip((features - self.mean) / self.scale, -FARTHEST, FARTHEST)
        return np.asarray(standard @ self.weights[:-1] + self.weights[-1])

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        """As ``foreground/evidence.py`` reads it."""
        rows = zip(names, self.mean, self.scale, self.weights[:-1], strict=True)
        features = {name: [round(float(value), 4) for value in values] for name, *values in rows}
        return {"offset": round(float(self.weights[-1]), 4), "features": features}


@dataclass(frozen=True)
class Loss:
    """What a fit of expected Dice makes small.

    Attributes:
        ridge: Penalty on squared weights.
        choice: Weight of the second term, beside 1 of the squared error.
        sharpness: Of the soft choice.
        least: The smallest weight that there may be.
    """

    ridge: float = RIDGE
    choice: float = CHOICE
    sharpness: float = SHARPNESS
    least: float | None = None


OF_REGIONS = Loss()
"""That of the evidence, and of what the grown network says."""


def fit_regions(pictures: Sequence[Picture], how: Loss = OF_REGIONS) -> Model:
    """Fit the expected Dice of a region: squared error, and the Dice of a soft choice in each picture.

    Every group counts alike, and every picture in it.
    """
    rng = np.random.default_rng(0)
    rows, targets, counts, shares = [], [], [], []
    groups = [one.group for one in pictures]
    for one in pictures:
        drawn = np.union1d(rng.permutation(len(one.dice))[:PER_PICTURE], [int(one.dice.argmax())])
        rows.append(one.features[drawn])
        targets.append(one.dice[drawn])
        counts.append(len(drawn))
        shares.append(1 / groups.count(one.group))
    features, target, count = np.concatenate(rows).astype(np.float64), np.concatenate(targets), np.array(counts)
    share = np.array(shares) / np.sum(shares)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    table = np.c_[np.clip((features - mean) / scale, -FARTHEST, FARTHEST), np.ones(len(features))]
    starts = np.r_[0, np.cumsum(count)[:-1]]
    weight = (FLOOR + target) * np.repeat(share / count, count)
    per_picture = np.repeat(share, count)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = table @ weights
        guess = 1 / (1 + np.exp(-odds))
        error = guess - target
        value = 4 * float((weight * error**2).sum())
        slope = 8 * weight * error * guess * (1 - guess)
        sharp = how.sharpness * odds
        power = np.exp(sharp - np.repeat(np.maximum.reduceat(sharp, starts), count))
        taken = power / np.repeat(np.add.reduceat(power, starts), count)
        expected = np.add.reduceat(taken * target, starts)
        value -= how.choice * float((share * expected).sum())
        slope -= how.choice * how.sharpness * per_picture * taken * (target - np.repeat(expected, count))
        ridge = np.r_[weights[:-1], 0.0]
        return value + how.ridge * float((ridge**2).sum()), table.T @ slope + 2 * how.ridge * ridge

    start = np.r_[np.zeros(table.shape[1] - 1), -1.0]
    limits = None if how.least is None else [(how.least, None)] * (len(start) - 1) + [(None, None)]
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 80}).x
    return Model(mean, scale, best)


def fit_trust(rows: Sequence[Answered], ridge: float = 0.003) -> Model:
    """Fit the probability that an answer is right: logistic regression, every group counting alike."""
    found = [row for row in rows if row.features is not None]
    features = np.stack([row.features for row in found if row.features is not None])
    target = np.array([row.dice >= confidence.GOOD for row in found], dtype=np.float64)
    groups = [row.group for row in found]
    weight = np.array([1 / groups.count(group) for group in groups])
    weight /= weight.sum()
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    table = np.c_[np.clip((features - mean) / scale, -FARTHEST, FARTHEST), np.ones(len(features))]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = table @ weights
        value = float((weight * (np.logaddexp(0, odds) - target * odds)).sum())
        slope = weight * (1 / (1 + np.exp(-odds)) - target)
        penalty = np.r_[weights[:-1], 0.0]
        return value + ridge * float((penalty**2).sum()), table.T @ slope + 2 * ridge * penalty

    best = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return Model(mean, scale, best)


def fit_kinds(pictures: Sequence[Seen]) -> dict[str, Any]:
    """Means and covariances of the kinds, among grey and among coloured pictures; every set counts alike."""
    model = {}
    for label, in_colour in (("grey", False), ("colour", True)):
        part = [one for one in pictures if one.in_colour == in_colour]
        groups = [one.group for one in part]
        weight = np.array([1 / groups.count(group) for group in groups])
        kinds = np.array([PRESET_OF_SET.get(group, "general") for group in groups])
        numbers = np.stack([one.numbers for one in part])
        mean = np.average(numbers, axis=0, weights=weight)
        scale = np.sqrt(np.average((numbers - mean) ** 2, axis=0, weights=weight)) + 1e-3
        mean, scale = np.round(mean, 4), np.round(scale, 4)
        standard = np.clip((numbers - mean) / scale, -FAR_NUMBER, FAR_NUMBER)
        means, covariances = {}, {}
        for kind in sorted(set(kinds.tolist())):
            share = weight * (kinds == kind)
            share /= share.sum()
            means[kind] = share @ standard
            away = standard - means[kind]
            covariances[kind] = (away * share[:, None]).T @ away
        pooled = np.mean([one for kind, one in covariances.items() if kind != "general"], axis=0)
        model[label] = {
            "mean": mean.tolist(),
            "scale": scale.tolist(),
            "kinds": {kind: np.round(centre, 3).tolist() for kind, centre in means.items()},
            "pooled": shrunk(pooled).tolist(),
            "general": (shrunk(covariances["general"] * WIDER)).tolist(),
        }
    return model


def shrunk(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half way to a ball of the same size: there are few sets of a kind."""
    size = len(covariance)
    return np.asarray(np.round((covariance + np.eye(size) * np.trace(covariance) / size) / 2, 4))


def fit_crowd(rows: Sequence[Answered], ridge: float = 0.001) -> tuple[float, float]:
    """Fit the log-odds that a scene holds many objects of one kind: offset and slope over the crowd that was seen."""
    seen_in = {row.name: row.crowd for row in rows if row.crowd is not None}
    crowd = np.array(list(seen_in.values()))
    is_many = np.array([make_scene(int(name), shape=scene_shape(int(name))).properties["many"] for name in seen_in])
    mean, scale = crowd.mean(), crowd.std()
    standard = (crowd - mean) / scale

    def loss(weights: NDArray[np.float64]) -> float:
        odds = weights[0] + weights[1] * standard
        return float((np.logaddexp(0, odds) - is_many * odds).mean() + ridge * weights[1] ** 2)

    offset, slope = minimize(loss, np.zeros(2)).x
    return round(float(offset - slope * mean / scale), 4), round(float(slope / scale), 4)


def fit_prompted(rows: Sequence[Pointed], ridge: float = 0.001) -> tuple[float, float]:
    """Fit the log-odds that the answer to a click is right: slope and offset over those of the Dice that it expects.

    Every group counts alike. A ridge pulls them to 1 and 0, where what is expected needs no correction.
    """
    no_correction = np.array([1.0, 0.0])
    found = [(row, row.expected) for row in rows if row.expected is not None]
    expects = np.array([confidence.expected_log_odds(expected) for _, expected in found])
    target = np.array([row.dice >= confidence.GOOD for row, _ in found], dtype=np.float64)
    groups = [row.group for row, _ in found]
    weight = np.array([1 / groups.count(group) for group in groups])
    weight /= weight.sum()

    def loss(weights: NDArray[np.float64]) -> float:
        odds = weights[0] * expects + weights[1]
        penalty = float(((weights - no_correction) ** 2).sum())
        return float((weight * (np.logaddexp(0, odds) - target * odds)).sum()) + ridge * penalty

    slope, offset = minimize(loss, no_correction).x
    return round(float(slope), 4), round(float(offset), 4)
