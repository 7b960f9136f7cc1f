"""Fit what speaks for a region, and how far an answer can be trusted, on random scenes; see how both hold on real sets.

    python -m benchmarks.evidence --data ../shared/data --write --markdown docs/evidence.md

What speaks for a region is fitted on random scenes alone. What a kind of picture looks like is taken from images
without their masks. How far an answer can be trusted is fitted on scenes and on public sets with masks. The pages show
all of it with whole sets and whole kinds left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import msformer
from benchmarks.common import one_core_each
from benchmarks.evidence.fits import fit_crowd, fit_kinds, fit_regions, fit_trust
from benchmarks.evidence.pages import confidence_page, draw_reliability, evidence_page
from benchmarks.evidence.pictures import (
    ANSWER_SCENES,
    PER_SET,
    REGION_SCENES,
    SINGLE_KINDS,
    first_of_each,
    real_answers,
    real_numbers,
    real_picture,
    scene_answers,
    scene_numbers,
    scene_picture,
)
from benchmarks.evidence.scores import first_answers, left_out, with_kinds
from benchmarks.evidence.tables import left_out_table, region_table, trust_table
from msformer import confidence
from msformer.benchmark.datasets import discover
from msformer.regions import FEATURES


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
    by_teacher = left_out([row for row in honest if row.group == "scenes"], honest_real)
    others, left = left_out_table(by_teacher), next(iter(by_teacher.values()))
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


def pooled(call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Call with every item, on all cores."""
    with one_core_each() as pool:
        return list(pool.map(call, items, chunksize=4))


def told(what: str, start: float) -> None:
    """Say how far it is."""
    print(f"{what}: {(time.perf_counter() - start) / 60:.1f} min", flush=True)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write weights, one feature a line."""
    features = data.pop("features")
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in data.items()]
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(values)}" for name, values in features.items())
    path.write_text("{\n" + "\n".join(lines) + '\n  "features": {\n' + rows + "\n  }\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
