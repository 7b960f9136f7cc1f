"""How good the fits are: what they choose, how well they part right from wrong, and all of it with sets left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.fits import Model, fit_kinds, fit_trust
from benchmarks.evidence.pictures import Answered, Picture, Seen
from msformer import confidence
from msformer.kinds import kind_probabilities


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
