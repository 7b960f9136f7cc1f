"""Fit what speaks for a region, and how far an answer can be trusted, on random scenes; see how both hold on real sets.

    python -m benchmarks.evidence --data ../shared/data --write --markdown docs/evidence.md

What speaks for a region is fitted on random scenes alone, and so is what the grown network says of it. What a kind of
picture looks like is taken from images without their masks. How far an answer can be trusted is fitted on scenes and on
public sets with masks. The pages show all of it with whole sets and whole kinds left out.

``--only asked`` fits what the network says, with the evidence that ships, and renews its section of the page; ``--only
several`` does so for the cues of pairs and many objects, of which nothing is written; ``--only trust`` begins with the
answers, and writes the page of the confidence alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import msformer
from benchmarks.common import one_core_each
from benchmarks.evidence.asked import ASKED_SCENES, real_asked, real_pointed, scene_asked, scene_pointed
from benchmarks.evidence.exponents import FITS, LOSSES, OF_CHOICE, compare, fit_each, fit_exponents, judged
from benchmarks.evidence.fits import Model, fit_crowd, fit_kinds, fit_prompted, fit_regions, fit_trust
from benchmarks.evidence.pages import (
    SeveralTold,
    Trusted,
    confidence_page,
    draw_reliability,
    evidence_page,
    network_section,
    several_section,
    with_section,
)
from benchmarks.evidence.pictures import (
    ANSWER_SCENES,
    PER_SET,
    REGION_SCENES,
    SINGLE_KINDS,
    Answered,
    Case,
    Picture,
    first_of_each,
    real_answers,
    real_numbers,
    real_picture,
    scene_answers,
    scene_numbers,
    scene_picture,
)
from benchmarks.evidence.scores import added, first_answers, left_out, prompted_left_out, with_kinds
from benchmarks.evidence.several import (
    FEW,
    PHANTOMS,
    SEVERAL_KINDS,
    SEVERAL_PHANTOMS,
    SEVERAL_SCENES,
    phantom_candidates,
    real_candidates,
    real_outlined,
    scene_candidates,
    several_cases,
)
from benchmarks.evidence.tables import left_out_table, prompted_table, region_table, trust_table
from msformer import confidence
from msformer.benchmark.datasets import discover
from msformer.errors import WeightsError
from msformer.foreground.asked import SAID
from msformer.prompting import grown_network
from msformer.prompting.model import SHIPPED
from msformer.regions import FEATURES

PACKAGE = Path(msformer.__file__).parent
"""Where the weights are written to, each beside what reads them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/{images,masks}")
    parser.add_argument("--write", action="store_true", help="write the weights that ship")
    parser.add_argument("--markdown", type=Path, help="write docs/evidence.md, and confidence.md beside it")
    parser.add_argument("--scenes", type=int, default=len(REGION_SCENES), help="scenes for the regions")
    parser.add_argument("--asked", type=int, default=len(ASKED_SCENES), help="scenes for what the network says")
    parser.add_argument("--answers", type=int, default=len(ANSWER_SCENES), help="scenes for the answers")
    parser.add_argument(
        "--several", type=int, default=len(SEVERAL_SCENES), help="scenes for the cues of several objects"
    )
    parser.add_argument(
        "--only", choices=("asked", "several", "trust"), help="a part of it, with what ships of the rest"
    )
    given = parser.parse_args(arguments)
    if given.only in ("asked", "several") and given.markdown is not None and not given.markdown.is_file():
        parser.error(f"--only {given.only} renews a section of a page; there is no {given.markdown}")
    try:
        digest = grown_network().digest
    except (OSError, WeightsError) as error:
        parser.error(f"needs the grown network prompting/{SHIPPED}, which `msformer grow` makes: {error}")
    cases = [(case.set_name, case.image, case.truth) for case in discover(given.data).cases]
    job = Job(cases, given.write, given.only, digest, given.asked, time.perf_counter())

    scenes: list[Picture] = []
    regions: Model | None = None
    if given.only is None:
        scenes, regions = fit_evidence(job, given.scenes)
    # What comes now depends on the weights before it: each time processes start that read them.
    sections: list[list[str]] = []
    has_page = given.markdown is not None
    if given.only in (None, "asked"):
        sections.append(fit_asked(job, has_page=has_page))
    if given.only == "several" or (given.only is None and has_page):
        sections.append(fit_several(job, given.several))
    if given.only in ("asked", "several"):
        if has_page:
            page = given.markdown.read_text(encoding="utf-8")
            given.markdown.write_text(with_section(page, sections[0]), encoding="utf-8")
        return
    trusted, left = fit_confidence(job, given.answers)
    if given.markdown is None:
        return
    if regions is not None:
        own = [one for one in pooled(real_picture, job.singles) if one is not None]
        lines, _ = region_table(scenes, own, regions)
        print("\n".join(lines))
        given.markdown.write_text(evidence_page(lines, regions, sections, job.minutes), encoding="utf-8")
    folder = given.markdown.parent
    draw_reliability(folder / "confidence" / "reliability.png", left)
    text = confidence_page(trusted, job.minutes, given.only)
    (folder / "confidence.md").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Job:
    """What all steps know.

    Attributes:
        cases: All real images.
        writes: Whether weights are written to where the package reads them.
        only: The part that runs; all where None.
        digest: Of the grown network, in hexadecimal.
        asked: Scenes that the network is asked about.
        start: When it began, in s.
    """

    cases: Sequence[Case]
    writes: bool
    only: str | None
    digest: str
    asked: int
    start: float

    @property
    def command(self) -> str:
        """What the weights say that they were made by."""
        return "python -m benchmarks.evidence --write" + (f" --only {self.only}" if self.only else "")

    @property
    def singles(self) -> list[Case]:
        """The images of sets of single objects."""
        return [case for case in self.cases if case[0] in SINGLE_KINDS]

    @property
    def minutes(self) -> float:
        """How long it has run."""
        return (time.perf_counter() - self.start) / 60


def fit_evidence(job: Job, count: int) -> tuple[list[Picture], Model]:
    """What speaks for a region: the scenes, ``count`` of them, and the weights."""
    scenes = [one for one in pooled(scene_picture, REGION_SCENES[:count]) if one is not None]
    regions = fit_regions(scenes)
    note = f"{job.command}: {len(scenes)} random scenes, no real image"
    if job.writes:
        write_json(PACKAGE / "foreground" / "evidence.json", {"fitted_on": note, **regions.as_json(FEATURES)})
    told(f"{len(scenes)} scenes for the regions", job)
    return scenes, regions


def fit_asked(job: Job, *, has_page: bool) -> list[str]:
    """What the grown network's words are worth: the weights, and where there is a page, the lines of its section."""
    start = time.perf_counter()
    scenes = [one.said for one in pooled(scene_asked, ASKED_SCENES[: job.asked]) if one is not None]
    model = fit_regions(scenes)
    note = f"{job.command}: {len(scenes)} random scenes, no real image; network {job.digest[:12]}"
    if job.writes:
        write_json(PACKAGE / "foreground" / "asked.json", {"fitted_on": note, **model.as_json(SAID)})
    told(f"{len(scenes)} scenes for what the network says", job)
    if not has_page:
        return []
    rows = added([one for one in pooled(real_asked, job.singles) if one is not None], model)
    section = network_section(rows, model, len(scenes), job.digest, (time.perf_counter() - start) / 60)
    print("\n".join(section), flush=True)
    return section


def fit_several(job: Job, count: int) -> list[str]:
    """Whether fitted exponents of the cues are better than those by hand: lines of the section."""
    start = time.perf_counter()
    phantoms = range(len(PHANTOMS) * SEVERAL_PHANTOMS)
    drawn = [*pooled(scene_candidates, SEVERAL_SCENES[:count]), *pooled(phantom_candidates, phantoms)]
    made = [one for one in drawn if one is not None]
    cases = several_cases(job.cases)
    real = [one for one in pooled(real_candidates, cases) if one is not None]
    told(f"candidates in {len(made)} scenes and phantoms, {len(real)} images", job)
    by_loss = {name: compare(made, real, how) for name, how in LOSSES.items()}
    two = fit_each(made, OF_CHOICE)
    finals = pooled(real_outlined, [(case, two[SEVERAL_KINDS[case[0]] in FEW]) for case in cases])
    section = several_section(
        SeveralTold(
            rows=next(iter(by_loss.values())),
            finals=finals,
            verdicts={(name, label): judged(rows, label) for name, rows in by_loss.items() for label in FITS},
            exponents={
                "scenes, one": fit_exponents(made, OF_CHOICE),
                "scenes, two: few": two[True],
                "scenes, two: many": two[False],
            },
            made=len(made),
        ),
        (time.perf_counter() - start) / 60,
    )
    print("\n".join(section), flush=True)
    return section


def fit_confidence(job: Job, count: int) -> tuple[Trusted, list[tuple[Answered, float]]]:
    """How far answers can be trusted, also those to a click.

    Args:
        job: What is to be done.
        count: Scenes that presets answer to.

    Returns:
        What the page tells, and the answers that it is told by, each with its probability by weights that did not see
        its set.
    """
    seeds = ANSWER_SCENES[:count]
    pictures = [*pooled(real_numbers, job.cases), *pooled(scene_numbers, seeds)]
    if job.writes:
        note = f"{job.command}: {len(job.cases)} images of public sets without their masks, {len(seeds)} random scenes"
        text = json.dumps({"fitted_on": note, **fit_kinds(pictures)})
        (PACKAGE / "kinds.json").write_text(text + "\n", encoding="utf-8")
    told("kinds", job)

    answered = [row for rows in pooled(scene_answers, seeds) for row in rows]
    real = [row for rows in pooled(real_answers, first_of_each(job.cases)) for row in rows]
    honest = with_kinds([*answered, *real], pictures, leave_out=True)
    trust = fit_trust(honest)
    found = np.stack([row.features for row in honest if row.features is not None])
    far = np.abs((found - trust.mean) / trust.scale).mean(axis=1)
    told(f"{len(answered)} answers to scenes, {len(real)} to images", job)

    clicked_scenes = [one for one in pooled(scene_pointed, ASKED_SCENES[: job.asked]) if one is not None]
    clicked = [one for one in pooled(real_pointed, job.singles) if one is not None]
    weights = fit_prompted([*clicked_scenes, *clicked])
    told(f"{len(clicked_scenes)} clicks on scenes, {len(clicked)} on images", job)
    if job.writes:
        sets = len({row.group for row in real})
        note = (
            f"{job.command}: answers to {len(seeds)} random scenes and to at most {PER_SET} images of each of {sets} "
            f"sets; prompted: one click on {len(clicked_scenes)} random scenes and on {len(clicked)} images of "
            f"{len({row.group for row in clicked})} sets, network {job.digest[:12]}"
        )
        data = {
            "fitted_on": note,
            "unlike": round(float(np.percentile(far, 99)), 4),
            "crowd": fit_crowd(answered),
            "prompted": weights,
        }
        write_json(PACKAGE / "confidence.json", data | trust.as_json(confidence.FEATURES))

    honest_real = [row for row in honest if row.group != "scenes"]
    by_teacher = left_out([row for row in honest if row.group == "scenes"], honest_real)
    left = next(iter(by_teacher.values()))
    trusted = Trusted(
        left_out=trust_table(left, real),
        plain=trust_table(first_answers(with_kinds(real, pictures, leave_out=False), trust), real),
        teachers=left_out_table(by_teacher),
        model=trust,
        prompted=prompted_table(prompted_left_out([*clicked_scenes, *clicked])),
        weights=weights,
        scenes=len(clicked_scenes),
    )
    lines = [*trusted.teachers, "", "left out:", *trusted.left_out, "", "plain:", *trusted.plain, "", *trusted.prompted]
    print("\n".join(lines), flush=True)
    return trusted, left


def pooled(call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Call with every item, on all cores."""
    with one_core_each() as pool:
        return list(pool.map(call, items, chunksize=4))


def told(what: str, job: Job) -> None:
    """Say how far it is."""
    print(f"{what}: {job.minutes:.1f} min", flush=True)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write weights, one feature a line."""
    features = data.pop("features")
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in data.items()]
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(values)}" for name, values in features.items())
    path.write_text("{\n" + "\n".join(lines) + '\n  "features": {\n' + rows + "\n  }\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
