"""How good the fits are: what they choose, how well they part right from wrong, and all of it with sets left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.asked import Asked, Pointed
from benchmarks.evidence.fits import Model, fit_kinds, fit_prompted, fit_regions, fit_trust
from benchmarks.evidence.pictures import Answered, Picture, Seen
from msformer import confidence
from msformer.kinds import kind_probabilities


@dataclass(frozen=True)
class Added:
    """What the grown network adds in one set: mean Dice of what is taken.

    Attributes:
        name: The set.
        count: Its pictures.
        alone: By the evidence of regions, no network asked.
        scenes: With the network, by weights fitted on scenes.
        others: The same fitted on the other sets.
        best: The best candidate, by the truth.
    """

    name: str
    count: int
    alone: float
    scenes: float
    others: float
    best: float


def kind_of(group: str) -> str:
    """Sets of one kind share the first word of their name."""
    return group.split("_")[0]


def chosen(model: Model, pictures: Sequence[Picture]) -> float:
    """Mean Dice of the regions that a model takes."""
    return float(np.mean([one.dice[int(model.odds(one.features).argmax())] for one in pictures]))


def with_kinds(rows: Sequence[Answered], pictures: Sequence[Seen], *, leave_out: bool) -> list[Answered]:
    """Answers whose feature *kind* comes from a model that never saw the set of the picture."""
    chances: dict[tuple[str, str], dict[str, float]] = {}
    everything = None if leave_out else fit_kinds(pictures)
    for group in sorted({one.group for one in pictures}):
        others = [one for one in pictures if one.group != group or group == "scenes"]
        model = everything or fit_kinds(others)
        for one in (one for one in pictures if one.group == group):
            chances[one.group, one.name] = kind_probabilities(one.numbers, in_colour=one.in_colour, model=model)
    changed = []
    for row in rows:
        features = row.features
        if features is not None:
            chance = chances[row.group, row.name].get(row.preset, 0.0)
            features = np.array([*features[:-1], np.log(chance + confidence.NO_KIND)])
        changed.append(replace(row, features=features))
    return changed


def first_answers(rows: Sequence[Answered], model: Model) -> list[tuple[Answered, float]]:
    """Of each picture, the answer that is trusted most, and the probability that it is right."""
    best: dict[tuple[str, str], tuple[Answered, float]] = {}
    for row in rows:
        odds = -30.0 if row.features is None else float(model.odds(row.features))
        probability = 1 / (1 + np.exp(-odds))
        key = row.group, row.name
        if key not in best or probability > best[key][1]:
            best[key] = row, float(probability)
    return list(best.values())


def auroc(said: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    """Share of the pairs of a right and a wrong answer that are in order (Mann and Whitney), ties half."""
    right, wrong = said[is_right], said[~is_right]
    if len(right) == 0 or len(wrong) == 0:
        return float("nan")
    above = (right[:, None] > wrong[None]).mean() + (right[:, None] == wrong[None]).mean() / 2
    return float(above)


def calibration_error(said: NDArray[np.float64], is_right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: mean over the bins of |share right - mean said|, weighted by their cases."""
    index = np.minimum((said * bins).astype(int), bins - 1)
    parts = [(index == one) for one in range(bins) if (index == one).any()]
    return float(sum(part.mean() * abs(is_right[part].mean() - said[part].mean()) for part in parts))


def left_out(scenes: Sequence[Answered], real: Sequence[Answered]) -> dict[str, list[tuple[Answered, float]]]:
    """Answers to real images by a measure that saw no case of their set, or of their kind, by what it was fitted on.

    The first is what ships, but for the set.
    """
    result: dict[str, list[tuple[Answered, float]]] = {}
    for label, extra, same in (
        ("scenes and the other sets (what ships, each set left out)", list(scenes), str),
        ("the other sets", [], str),
        ("scenes and the other kinds", list(scenes), kind_of),
    ):
        firsts: list[tuple[Answered, float]] = []
        for name in sorted({row.group for row in real}):
            model = fit_trust([*(row for row in real if same(row.group) != same(name)), *extra])
            firsts += first_answers([row for row in real if row.group == name], model)
        result[label] = firsts
    return result | {"scenes alone": first_answers(real, fit_trust(scenes))}


def added(real: Sequence[Asked], shipped: Model) -> list[Added]:
    """What the network adds in each of at least two sets, by the weights that ship and by some fitted on the others."""
    rows = []
    for name in sorted({one.said.group for one in real}):
        own = [one for one in real if one.said.group == name]
        said = [one.said for one in own]
        others = fit_regions([one.said for one in real if one.said.group != name])
        alone = float(np.mean([one.alone for one in own]))
        best = float(np.mean([one.dice.max() for one in said]))
        rows.append(Added(name, len(own), alone, chosen(shipped, said), chosen(others, said), best))
    return rows


def prompted_probability(row: Pointed, weights: tuple[float, float]) -> float:
    """Probability that the answer to a click is right; 0 where it is empty."""
    if row.expected is None:
        return 0.0
    slope, offset = weights
    return float(1 / (1 + np.exp(-(slope * confidence.expected_log_odds(row.expected) + offset))))


def prompted_left_out(rows: Sequence[Pointed]) -> dict[str, list[tuple[Pointed, float]]]:
    """Answers to clicks on real images and the probability that they are right, by what the fit of that saw."""
    real = [row for row in rows if row.group != "scenes"]
    result: dict[str, list[tuple[Pointed, float]]] = {"scenes and the other sets": []}
    for name in sorted({row.group for row in real}):
        weights = fit_prompted([row for row in rows if row.group != name])
        result["scenes and the other sets"] += [
            (row, prompted_probability(row, weights)) for row in real if row.group == name
        ]
    weights = fit_prompted([row for row in rows if row.group == "scenes"])
    result["scenes alone"] = [(row, prompted_probability(row, weights)) for row in real]
    return result
