"""Members, a rule and an image → the decision, and the mask that it comes to, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from msformer.batch.files import digests_of
from msformer.batch.image_case import write_image
from msformer.batch.learn.corrections import read_correction
from msformer.batch.learn.jobs import Job, Places, keep_alone, pictures_of, read_volume_of, read_voxels, slices_of
from msformer.batch.record import Record
from msformer.batch.thumbnails import thumbnail_of
from msformer.batch.volume_case import measured_volume, write_looks, write_volume
from msformer.errors import MSFormerError
from msformer.focus import find_focus
from msformer.image import Image, Mask
from msformer.learning import Decision, Lesson, Member, Rule, judge, read_lesson, read_member
from msformer.learning.lesson import for_one_object
from msformer.learning.redraw import redraw
from msformer.measure import measure_instances, measure_mask
from msformer.prepare import in_window
from msformer.refine import part_instances


@dataclass(frozen=True)
class Deciders:
    """What decides.

    Attributes:
        members: Files of members.
        keys: Of these, so that a process which runs on never takes old ones.
        rule: How.
        in_colour: Whether they may decide on pictures with colour, or on others; None for all.
    """

    members: tuple[Path, ...]
    keys: tuple[str, ...]
    rule: Rule
    in_colour: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        decisions: By the part's name, without masks.
        record: What changes in the record.
        error: Why the own mask stays although something else was decided; else empty.
    """

    decisions: Mapping[str, Decision]
    record: Record
    error: str = ""


def decide_case(item: tuple[Job, Path | None], places: Places, deciders: Deciders, max_pixels: int) -> Outcome:
    """Decide on an image, or on each slice of a volume, and write what changes.

    Args:
        item: The job, and the file of what a person gave.
        places: Of lessons and results.
        deciders: What decides.
        max_pixels: Larger images fail.
    """
    job, given = item
    decisions: dict[str, Decision] = {}
    try:
        corrected = {} if given is None else read_correction(job, given)
        members = _members(deciders.members, deciders.keys)
        for part in job.parts:
            lesson = replace(read_lesson(places.lesson(part), job.key), name=part.name)
            if job.is_pointed and part.name not in corrected:
                decisions[part.name] = Decision("own", None, 1.0, 0.0, "a person pointed at it")
                continue
            decisions[part.name] = _decision(lesson.with_correction(corrected.get(part.name)), members, deciders)
        if _stands(job, decisions, places.out):
            return Outcome(_without_masks(decisions), _outputs(job, places.out))
        write = _write_volume if job.is_volume else _write_image
        changed, settled = write(job, decisions, corrected, places.out, max_pixels)
        decisions |= settled
        thumbnail_of(places.out, job.record)
        outcome = Outcome(_without_masks(decisions), changed | _outputs(job, places.out))
    except (MSFormerError, OSError, MemoryError) as error:
        outcome = Outcome(_without_masks(decisions), {}, str(error) or type(error).__name__)
    return outcome


@lru_cache(maxsize=1)
def _members(paths: tuple[Path, ...], keys: tuple[str, ...]) -> list[Member]:
    return [read_member(path) for path in paths]


def _stands(job: Job, decisions: Mapping[str, Decision], out: Path) -> bool:
    """Whether the first mask is what was decided on, and is what lies there: then no file is touched."""
    kept, first = out / keep_alone(job.record, out), out / job.record["outputs"]["masks"]
    is_own = all(one.source == "own" for one in decisions.values())
    was_own = job.record.get("learned", {"source": "own"})["source"] == "own"
    return is_own and was_own and first.is_file() and first.read_bytes() == kept.read_bytes()


def _outputs(job: Job, out: Path) -> Record:
    """The files of a job, and their digests."""
    outputs = job.record["outputs"]
    return {"outputs": outputs, "digests": digests_of(out, outputs)}


def _decision(lesson: Lesson, members: list[Member], deciders: Deciders) -> Decision:
    is_strange = deciders.in_colour is not None and lesson.is_coloured != deciders.in_colour
    return judge(lesson, [] if is_strange else members, deciders.rule)


def _without_masks(decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    return {name: replace(one, mask=None) for name, one in decisions.items()}


def drawn(job: Job, image: Image, source: str, mask: Mask) -> Mask:
    """A mask ``(a, b)`` that was decided on, a region or an outline, at native size ``(H, W)``."""
    seen = in_window(image, job.settings.prepare.window)
    settings = for_one_object(job.settings) if source == "region" else job.settings
    return redraw(seen, find_focus(image.shape, job.settings.hints), settings, mask)


def _taken(job: Job, image: Image, own: Mask, decision: Decision, given: Mask | None) -> tuple[Mask, Decision]:
    """The mask ``(H, W)`` that a decision comes to, and the decision: ``own`` where that is the first mask again."""
    if given is not None:
        return given, decision
    if decision.mask is None:
        return own, decision
    mask = drawn(job, image, decision.source, decision.mask)
    if np.array_equal(mask, own):
        reason = f"{decision.reason}; with its border drawn it is the first mask"
        decision = replace(decision, source="own", reason=reason)
    return mask, decision


def _write_image(
    job: Job, decisions: Mapping[str, Decision], corrected: Mapping[str, Mask], out: Path, max_pixels: int
) -> tuple[Record, dict[str, Decision]]:
    """Write mask, objects and preview in place of those there; what changes in the record, and what was decided."""
    ((part, image, own),) = pictures_of(job, out / keep_alone(job.record, out), max_pixels)
    mask, decision = _taken(job, image, own, decisions[part.name], corrected.get(part.name))
    record, (low, high) = job.record, job.record["intensity_range"]
    label_map = read_voxels(out / record["outputs"]["labels"], (1, *image.shape))[0].astype(np.uint16)
    is_many = job.settings.foreground.objects == "many"
    instances = part_instances(mask, job.settings.refine.neck) if is_many else None
    objects = () if instances is None else measure_instances(image, instances)
    told_apart = None if instances is None else (instances, len(objects))
    paths = write_image(out, job.case, image, label_map, mask, told_apart, job.settings, (low, high))
    record["outputs"].update(paths)
    foreground = measure_mask(image, mask)
    changed = {
        "foreground": None if foreground is None else asdict(foreground),
        "is_empty": not bool(mask.any()),
        "objects": [asdict(one) for one in objects],
        "n_objects": None if instances is None else len(objects),
    }
    return changed, {part.name: decision}


def _write_volume(
    job: Job, decisions: Mapping[str, Decision], corrected: Mapping[str, Mask], out: Path, max_pixels: int
) -> tuple[Record, dict[str, Decision]]:
    """The same of a volume, slice by slice."""
    record, axis = job.record, job.settings.read.axis
    volume = read_volume_of(job, max_pixels)
    mask = np.zeros(volume.shape, dtype=bool)
    settled: dict[str, Decision] = {}
    for part, image, own in slices_of(job, volume, out / keep_alone(record, out)):
        index: list[slice | int] = [slice(None)] * 3
        index[axis] = part.number or 0
        given = corrected.get(part.name)
        mask[tuple(index)], settled[part.name] = _taken(job, image, own, decisions[part.name], given)
    label_map = read_voxels(out / record["outputs"]["labels"], volume.shape).astype(np.uint16)
    paths, _ = write_volume(out, job.case, label_map, mask, volume, job.settings)
    slices, (low, high) = tuple(record["slices"]), record["intensity_range"]
    paths |= write_looks(out, job.case, label_map, mask, volume, slices, (low, high), job.settings)
    record["outputs"].update(paths)
    return {"foreground": measured_volume(mask, volume), "is_empty": not bool(mask.any())}, settled
