"""Fit what speaks for a region, and how far an answer can be trusted, on random scenes; see how both hold on real sets.

    python -m benchmarks.evidence --data ../shared/data --write --markdown docs/evidence.md

What speaks for a region is fitted on random scenes alone. What a kind of picture looks like is taken from images
without their masks. How far an answer can be trusted is fitted on scenes and on public sets with masks. The pages show
all of it with whole sets and whole kinds left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import msformer
from benchmarks.common import PRESET_OF_SET, one_core_each
from msformer import confidence
from msformer.answer import find_answer
from msformer.benchmark.datasets import discover
from msformer.benchmark.task import machine
from msformer.config import Config
from msformer.evaluation.files import read_truth
from msformer.focus import find_focus
from msformer.foreground.evidence import FARTHEST
from msformer.hypotheses import Trial, plausible_presets, trial_settings
from msformer.image import Image, Mask
from msformer.io import read
from msformer.kinds import FARTHEST as FAR_NUMBER
from msformer.kinds import describe_picture, has_colour, kind_probabilities
from msformer.morphology import dice
from msformer.prepare import find_no_data_in, prepare, resample
from msformer.regions import FEATURES, Ground, find_regions, region_features, region_view
from msformer.scenes import SceneOptions, make_scene

SCENE_SIDE = 160
REGION_SCENES = range(50_000, 50_800)
ANSWER_SCENES = range(80_000, 80_240)
PER_SET = 10
"""Images of a set that the confidence is fitted on; all of them are compared."""
ONE_OBJECT = SceneOptions(single=1, pair=0, many=0, nothing=0, cut=0.2)
"""Scenes for the regions; twice as often as in others the object is cut by the frame."""
ASPECT = (0.75, 1.33)
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
SINGLE_KINDS = {
    **dict.fromkeys(
        ("brain_mri_brisc", "optic_disc_smdg", "polyps_kvasir", "white_cells_krd", "wounds_fuseg"), "general"
    ),
    **{name: preset for name, preset in PRESET_OF_SET.items() if preset in ("ultrasound", "dermoscopy")},
}
"""Sets of single objects, and the preset that prepares them."""


@dataclass(frozen=True, eq=False)
class Picture:
    """The regions of one picture: their features ``(n, F)`` and Dice ``(n,)``."""

    group: str
    features: NDArray[np.float32]
    dice: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answered:
    """What one preset found in one picture; no features where that was nothing, no crowd where none was looked for."""

    group: str
    name: str
    preset: str
    features: NDArray[np.float64] | None
    dice: float
    crowd: float | None = None


@dataclass(frozen=True, eq=False)
class Seen:
    """What a picture looks like (``msformer.kinds``)."""

    group: str
    name: str
    numbers: NDArray[np.float64]
    in_colour: bool


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


def scene_picture(seed: int) -> Picture | None:
    """The regions of a random scene with one object."""
    scene = make_scene(seed, shape=_shape(seed), options=ONE_OBJECT)
    is_echo = scene.properties.get("speckle", 0) > 0 and seed % 2 == 1
    return picture("scenes", Image.from_array(scene.image), scene.mask, "ultrasound" if is_echo else "general")


def real_picture(case: tuple[str, Path, Path]) -> Picture | None:
    """The regions of a real image, prepared by the preset of its kind."""
    group, image, truth = case
    return picture(group, read(image), read_truth(truth)[0], SINGLE_KINDS[group])


def picture(group: str, image: Image, truth: Mask, preset: str) -> Picture | None:
    """The regions of an image and their Dice."""
    view = region_view(prepare(image, trial_settings(Config.from_preset(preset)).prepare).detail)
    regions = find_regions(view.planes, view.valid)
    if not regions:
        return None
    small = resample(truth.astype(np.float32), view.shape, "area")[:, :, 0]
    shared = np.array([float(small[region.window][region.mask].sum()) for region in regions])
    area = np.array([region.area for region in regions])
    features = region_features(regions, Ground.of(view.planes, view.valid))
    return Picture(group, features, 2 * shared / (area + float(small.sum())))


def scene_answers(seed: int) -> list[Answered]:
    """What every plausible preset finds in a random scene of any type."""
    scene = make_scene(seed, shape=_shape(seed))
    return answers("scenes", str(seed), Image.from_array(scene.image), scene.mask)


def real_answers(case: tuple[str, Path, Path]) -> list[Answered]:
    """The same for a real image."""
    group, image, truth = case
    return answers(group, image.name, read(image), read_truth(truth)[0])


def answers(group: str, name: str, image: Image, truth: Mask) -> list[Answered]:
    """What every plausible preset finds in an image."""
    auto = Config.from_preset("auto")
    focus, no_data = find_focus(image.shape, auto.hints), find_no_data_in(image)
    bench = confidence.Bench.of(image, no_data)
    found = []
    for preset in plausible_presets(image):
        settings = trial_settings(Config.from_preset(preset))
        prepared = prepare(image, settings.prepare, no_data)
        answer = find_answer(prepared, focus, settings)
        shape = answer.detail_mask.shape
        small = resample(truth.astype(np.float32), (shape[0], shape[1]), "area")[:, :, 0] >= 0.5
        features = confidence.answer_features(answer, prepared, bench, settings)
        crowd = Trial(settings, prepared, answer).crowd
        found.append(Answered(group, name, preset, features, dice(answer.detail_mask, small), crowd))
    return found


def scene_numbers(seed: int) -> Seen:
    """What a random scene looks like as a picture."""
    return seen("scenes", str(seed), Image.from_array(make_scene(seed, shape=_shape(seed)).image))


def real_numbers(case: tuple[str, Path, Path]) -> Seen:
    """What a real image looks like; its mask is not read."""
    return seen(case[0], case[1].name, read(case[1]))


def seen(group: str, name: str, image: Image) -> Seen:
    """What an image looks like."""
    return Seen(group, name, describe_picture(image), has_colour(image))


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


def _shape(seed: int) -> tuple[int, int]:
    aspect = float(np.random.default_rng(seed).uniform(*ASPECT)) ** 0.5
    return round(SCENE_SIDE * aspect), round(SCENE_SIDE / aspect)


def fit_regions(pictures: Sequence[Picture]) -> Model:
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
        sharp = SHARPNESS * odds
        power = np.exp(sharp - np.repeat(np.maximum.reduceat(sharp, starts), count))
        taken = power / np.repeat(np.add.reduceat(power, starts), count)
        expected = np.add.reduceat(taken * target, starts)
        value -= CHOICE * float((share * expected).sum())
        slope -= CHOICE * SHARPNESS * per_picture * taken * (target - np.repeat(expected, count))
        ridge = np.r_[weights[:-1], 0.0]
        return value + RIDGE * float((ridge**2).sum()), table.T @ slope + 2 * RIDGE * ridge

    start = np.r_[np.zeros(table.shape[1] - 1), -1.0]
    return Model(mean, scale, minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x)


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


def fit_crowd(rows: Sequence[Answered], ridge: float = 0.001) -> tuple[float, float]:
    """Fit the log-odds that a scene holds many objects of one kind: offset and slope over the crowd that was seen."""
    seen_in = {row.name: row.crowd for row in rows if row.crowd is not None}
    crowd = np.array(list(seen_in.values()))
    is_many = np.array([make_scene(int(name), shape=_shape(int(name))).properties["many"] for name in seen_in])
    mean, scale = crowd.mean(), crowd.std()
    standard = (crowd - mean) / scale

    def loss(weights: NDArray[np.float64]) -> float:
        odds = weights[0] + weights[1] * standard
        return float((np.logaddexp(0, odds) - is_many * odds).mean() + ridge * weights[1] ** 2)

    offset, slope = minimize(loss, np.zeros(2)).x
    return round(float(offset - slope * mean / scale), 4), round(float(slope / scale), 4)


def pooled(call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Call with every item, on all cores."""
    with one_core_each() as pool:
        return list(pool.map(call, items, chunksize=4))


def kind_of(group: str) -> str:
    """Sets of one kind share the first word of their name."""
    return group.split("_")[0]


def chosen(model: Model, pictures: Sequence[Picture]) -> float:
    """Mean Dice of the regions that a model takes."""
    return float(np.mean([one.dice[int(model.odds(one.features).argmax())] for one in pictures]))


def region_table(scenes: Sequence[Picture], real: Sequence[Picture], shipped: Model) -> tuple[list[str], list[float]]:
    """A line a set: best region, the shipped model, and models fitted on other real sets."""
    sets = sorted({one.group for one in real})
    lines = ["| set | n | best region | fitted on scenes (shipped) | on the other sets | on other kinds | both |"]
    lines.append("|---|---|---|---|---|---|---|")
    columns: list[list[float]] = []
    for name in sets:
        own = [one for one in real if one.group == name]
        others = [one for one in real if one.group != name]
        kinds = [one for one in real if kind_of(one.group) != kind_of(name)]
        values = [
            float(np.mean([one.dice.max() for one in own])),
            chosen(shipped, own),
            chosen(fit_regions(others), own),
            chosen(fit_regions(kinds), own),
            chosen(fit_regions([*others, *scenes]), own),
        ]
        columns.append(values)
        lines.append(f"| {name} | {len(own)} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    means = [float(value) for value in np.mean(columns, axis=0)]
    lines.append("| **mean** | | " + " | ".join(f"**{value:.3f}**" for value in means) + " |")
    return lines, means


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


def trust_table(firsts: Sequence[tuple[Answered, float]], rows: Sequence[Answered]) -> list[str]:
    """A line a set: the preset that wins, Dice, confidence, and how well it parts right from wrong."""
    lines = [
        "| set | n | mean Dice | best in hindsight | mean confidence | right (Dice ≥ .7) | AUROC | ECE | presets |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name in [*sorted({row.group for row in rows}), "**all**"]:
        own = [one for one in firsts if name in (one[0].group, "**all**")]
        said = np.array([probability for _, probability in own])
        dices = np.array([row.dice for row, _ in own])
        right = dices >= confidence.GOOD
        hindsight: dict[tuple[str, str], float] = {}
        for row in rows:
            if name in (row.group, "**all**"):
                key = row.group, row.name
                hindsight[key] = max(hindsight.get(key, 0.0), row.dice)
        presets = [row.preset for row, _ in own]
        counts = ", ".join(f"{preset} {presets.count(preset)}" for preset in sorted(set(presets)))
        lines.append(
            f"| {name} | {len(own)} | {dices.mean():.3f} | {np.mean(list(hindsight.values())):.3f} "
            f"| {said.mean():.2f} | "
            f"{right.mean():.0%} | {auroc(said, right):.2f} | {calibration_error(said, right):.2f} | {counts} |"
        )
    sure = np.array([probability >= 0.8 for _, probability in firsts])
    bad = np.array([row.dice < 0.5 for row, _ in firsts])
    share = f"{bad[sure].mean():.1%}" if sure.any() else "none"
    return [*lines, "", f"Of {int(sure.sum())} answers at confidence ≥ .8, under Dice .5: {share}."]


def draw_reliability(path: Path, firsts: Sequence[tuple[Answered, float]]) -> None:
    """Share of right answers against what the confidence says, one panel a set and one for all."""
    from matplotlib.figure import Figure

    names = [*sorted({row.group for row, _ in firsts}), "all sets"]
    columns = 6
    figure = Figure(figsize=(columns * 2.1, -(-len(names) // columns) * 2.1), dpi=80, layout="constrained")
    for index, name in enumerate(names, start=1):
        own = [one for one in firsts if name in (one[0].group, "all sets")]
        said = np.array([probability for _, probability in own])
        dices = np.array([row.dice for row, _ in own])
        axes = figure.add_subplot(-(-len(names) // columns), columns, index)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
        axes.scatter(said, dices, s=6, alpha=0.5, color="#0072b2")
        edges = np.linspace(0, 1, 6)
        for low, high in pairwise(edges):
            there = (said >= low) & ((said < high) | (high == 1))
            if there.sum() >= 3:
                axes.plot(said[there].mean(), (dices[there] >= confidence.GOOD).mean(), "s", color="#d55e00", ms=5)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_title(f"{name} ({len(own)})", fontsize=7)
        axes.tick_params(labelsize=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs={"optimize": True})


def main() -> None:
    """Fit, write, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/{images,masks}")
    parser.add_argument("--write", action="store_true", help="write the weights that ship")
    parser.add_argument("--markdown", type=Path, help="write docs/evidence.md, and confidence.md beside it")
    parser.add_argument("--scenes", type=int, default=len(REGION_SCENES), help="scenes for the regions")
    parser.add_argument("--answers", type=int, default=len(ANSWER_SCENES), help="scenes for the answers")
    given = parser.parse_args()
    start = time.perf_counter()
    package = Path(msformer.__file__).parent
    command = "python -m benchmarks.evidence --write"
    cases = [(case.set_name, case.image, case.truth) for case in discover(given.data).cases]

    scenes = [one for one in pooled(scene_picture, REGION_SCENES[: given.scenes]) if one is not None]
    regions = fit_regions(scenes)
    note = f"{command}: {len(scenes)} random scenes, no real image"
    if given.write:
        write_json(package / "foreground" / "evidence.json", {"fitted_on": note, **regions.as_json(FEATURES)})
    told(f"{len(scenes)} scenes for the regions", start)

    seeds = ANSWER_SCENES[: given.answers]
    pictures = [*pooled(real_numbers, cases), *pooled(scene_numbers, seeds)]
    if given.write:
        note = f"{command}: {len(cases)} images of public sets without their masks, {len(seeds)} random scenes"
        text = json.dumps({"fitted_on": note, **fit_kinds(pictures)})
        (package / "kinds.json").write_text(text + "\n", encoding="utf-8")
    told("kinds", start)

    # Answers depend on the weights above: they come from processes that start now.
    answered = [row for rows in pooled(scene_answers, seeds) for row in rows]
    real = [row for rows in pooled(real_answers, first_of_each(cases)) for row in rows]
    honest = with_kinds([*answered, *real], pictures, leave_out=True)
    trust = fit_trust(honest)
    found = np.stack([row.features for row in honest if row.features is not None])
    far = np.abs((found - trust.mean) / trust.scale).mean(axis=1)
    if given.write:
        sets = len({row.group for row in real})
        note = (
            f"{command}: answers to {len(seeds)} random scenes and to at most {PER_SET} images of each of {sets} sets"
        )
        data = {
            "fitted_on": note,
            "unlike": round(float(np.percentile(far, 99)), 4),
            "crowd": fit_crowd(answered),
        }
        write_json(package / "confidence.json", data | trust.as_json(confidence.FEATURES))
    told(f"{len(answered)} answers to scenes, {len(real)} to images", start)

    honest_real = [row for row in honest if row.group != "scenes"]
    others, left = left_out([row for row in honest if row.group == "scenes"], honest_real)
    plain = trust_table(first_answers(with_kinds(real, pictures, leave_out=False), trust), real)
    table = trust_table(left, real)
    print("\n".join([*others, "", "left out:", *table, "", "plain:", *plain]), flush=True)
    if given.markdown is not None:
        singles = [case for case in cases if case[0] in SINGLE_KINDS]
        own = [one for one in pooled(real_picture, singles) if one is not None]
        lines, _ = region_table(scenes, own, regions)
        print("\n".join(lines))
        minutes = (time.perf_counter() - start) / 60
        given.markdown.write_text(evidence_page(lines, regions, minutes), encoding="utf-8")
        folder = given.markdown.parent
        draw_reliability(folder / "confidence" / "reliability.png", left)
        text = confidence_page(table, plain, others, trust, minutes)
        (folder / "confidence.md").write_text(text, encoding="utf-8")


def told(what: str, start: float) -> None:
    """Say how far it is."""
    print(f"{what}: {(time.perf_counter() - start) / 60:.1f} min", flush=True)


def first_of_each(cases: Sequence[tuple[str, Path, Path]]) -> list[tuple[str, Path, Path]]:
    """At most ``PER_SET`` cases of each set."""
    counts: Counter[str] = Counter()
    kept = []
    for case in cases:
        counts[case[0]] += 1
        if counts[case[0]] <= PER_SET:
            kept.append(case)
    return kept


def left_out(scenes: Sequence[Answered], real: Sequence[Answered]) -> tuple[list[str], list[tuple[Answered, float]]]:
    """The same measure fitted with sets left out, and with kinds left out: a line each, and the first in full."""
    lines = ["| fitted on | mean Dice over sets | AUROC | ECE | at ≥ .8: under .5 |", "|---|---|---|---|---|"]
    kept: list[tuple[Answered, float]] = []
    for label, extra, same in (
        ("scenes and the other sets (what ships, each set left out)", list(scenes), str),
        ("the other sets", [], str),
        ("scenes and the other kinds", list(scenes), kind_of),
    ):
        firsts: list[tuple[Answered, float]] = []
        for name in sorted({row.group for row in real}):
            model = fit_trust([*(row for row in real if same(row.group) != same(name)), *extra])
            firsts += first_answers([row for row in real if row.group == name], model)
        kept = kept or firsts
        lines.append(trust_line(label, firsts))
    return [*lines, trust_line("scenes alone", first_answers(real, fit_trust(scenes)))], kept


def trust_line(label: str, firsts: Sequence[tuple[Answered, float]]) -> str:
    """One line of ``left_out``."""
    said = np.array([probability for _, probability in firsts])
    dices = np.array([row.dice for row, _ in firsts])
    groups = sorted({row.group for row, _ in firsts})
    mean = np.mean([np.mean([row.dice for row, _ in firsts if row.group == name]) for name in groups])
    right, sure = dices >= confidence.GOOD, said >= 0.8
    bad = f"{(dices[sure] < 0.5).mean():.1%} of {int(sure.sum())}" if sure.any() else "–"
    return f"| {label} | {mean:.3f} | {auroc(said, right):.3f} | {calibration_error(said, right):.3f} | {bad} |"


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write weights, one feature a line."""
    features = data.pop("features")
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in data.items()]
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(values)}" for name, values in features.items())
    path.write_text("{\n" + "\n".join(lines) + '\n  "features": {\n' + rows + "\n  }\n}\n", encoding="utf-8")


def made_by(minutes: float) -> str:
    """The command, the machine and how long it took."""
    facts = machine()
    return (
        f"Made by `python -m benchmarks.evidence --write --data ../shared/data --markdown docs/evidence.md` in "
        f"{minutes:.0f} min ({facts['processor']}, {facts['cores']} cores, {platform.machine()}, "
        f"msformer {msformer.__version__})."
    )


def weight_table(model: Model, names: Sequence[str], count: int) -> list[str]:
    """The largest weights of a model."""
    order = np.argsort(-np.abs(model.weights[:-1]))[:count]
    lines = ["| what is seen | mean | spread | log-odds a spread |", "|---|---|---|---|"]
    return lines + [
        f"| {names[index]} | {model.mean[index]:.2f} | {model.scale[index]:.2f} | {model.weights[index]:+.2f} |"
        for index in order
    ]


def evidence_page(table: Sequence[str], model: Model, minutes: float) -> str:
    """The page ``docs/evidence.md``."""
    parts = [
        "<!-- written by python -m benchmarks.evidence -->",
        "",
        "# What speaks for a region",
        "",
        "A picture has about 250 nested regions (`docs/regions.md`). One linear model, the same for every kind of",
        f"picture, turns {len(FEATURES)} numbers seen of a region into the Dice that it has in the mean; the best",
        "one is the object. **The weights were fitted on random scenes (`docs/scenes.md`) and on no real image.**",
        "They are data, `src/msformer/foreground/evidence.json`, and anyone can make them again. " + made_by(minutes),
        "",
        "## Does it transfer?",
        "",
        "Mean Dice of the region that is taken, before its border is drawn anew. *Best region*: by the truth.",
        "Beside the shipped model, the same one fitted on real sets with expert masks: on all sets but the one in",
        "the line, on all but those of its kind, and on the other sets and the scenes together.",
        "",
        *table,
        "",
        "## The largest weights",
        "",
        *weight_table(model, FEATURES, 20),
    ]
    return "\n".join(parts) + "\n"


def confidence_page(
    real: Sequence[str], plain: Sequence[str], others: Sequence[str], model: Model, minutes: float
) -> str:
    """The page ``docs/confidence.md``."""
    parts = [
        "<!-- written by python -m benchmarks.evidence -->",
        "",
        "# Confidence",
        "",
        "The confidence of a case is the probability that the Dice of its mask is at least .7, told from the image and",
        "the mask alone. One logistic regression serves all presets, so that `auto` can compare what they find:",
        f"{len(confidence.FEATURES)} numbers, of the mask as it lies in the picture, of how it came about, and of how",
        "much the picture looks like the kind that the preset is for (`src/msformer/kinds.py`). It was fitted on the",
        f"answers of all presets to random scenes and to at most {PER_SET} images of each public set, with masks;",
        "what a kind looks like was taken from images without masks. Restarts that disagree lower the confidence in",
        "proportion. A confidence under .5 has a reason in words.",
        "",
        made_by(minutes),
        "",
        "## With the set left out",
        "",
        "Every plausible preset answers, the most trusted answer is scored on the small grid on which presets compete.",
        "Neither the weights nor the picture of a kind saw the set in the line. AUROC: how well the confidence parts",
        "right from wrong; ECE: expected calibration error, ten bins.",
        "",
        *real,
        "",
        "![Reliability](confidence/reliability.png)",
        "",
        "*The same: Dice against confidence (dots), and share of right answers in five bins of it (squares).*",
        "",
        "## What it is fitted on",
        "",
        *others,
        "",
        "## As it ships, on the images at hand",
        "",
        "These sets took part in the fit: read it as the kinder end.",
        "",
        *plain,
        "",
        "## The largest weights",
        "",
        *weight_table(model, confidence.FEATURES, 16),
        "",
        "## What it does not tell",
        "",
        "Whether the mask is of what was *meant*. A region with a clear border of its own looks right, whatever it is:",
        "a skull around a tumour, a red cell beside a white one.",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
