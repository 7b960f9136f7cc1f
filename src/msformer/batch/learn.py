"""A folder that was segmented → what it teaches → the masks that change. Both masks are kept.

``masks-alone/`` has what each image's own evidence gave, ``masks/`` what the folder decided; where it decides nothing,
they are the same files. What an image is learned from is kept in ``learned/``, what was learned in ``model/``: a run
that was ended goes on with what is there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from msformer.batch.files import ALONE, formats_of, write_results
from msformer.batch.plan import Case
from msformer.batch.remeasure import read_labels
from msformer.batch.work import Record
from msformer.config import Config
from msformer.errors import ConfigError, ImageError, MSFormerError, ReadError, WeightsError
from msformer.focus import find_focus
from msformer.geometry import Geometry
from msformer.image import Image, LabelMap, Mask
from msformer.io import read, write_png, write_text
from msformer.io.atomic import atomic_path
from msformer.io.export import SUFFIXES
from msformer.learning import (
    Course,
    Decision,
    Group,
    Lesson,
    Lessons,
    Member,
    Rule,
    check,
    judge,
    make_lesson,
    plan_course,
    read_lesson,
    read_member,
    teach_member,
    teachers_of,
    write_lesson,
    write_member,
)
from msformer.learning.lesson import FORMAT as FORMAT_OF_LESSONS
from msformer.learning.lesson import for_one_object
from msformer.learning.member import member_key
from msformer.learning.redraw import redraw
from msformer.learning.worth import worth_of_correction
from msformer.measure import measure_instances, measure_mask
from msformer.prepare import in_window
from msformer.processes import Split, run_in_processes
from msformer.prompting import grown_network
from msformer.prompting.model import read_bounded
from msformer.refine import part_instances
from msformer.render import preview
from msformer.segmentation import versions

logger = logging.getLogger(__name__)

CORRECTIONS = "corrections"
"""Folder of the masks that a person gave, inside of the results, where no other is named."""
LESSONS = "learned"
MODEL = "model"
MODEL_FILE = "model.json"
MODEL_CARD = "README.md"
FORMAT = "msformer-model-1"
LARGEST_ABOUT = 2**20
"""Bytes of what a model says of itself."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One image that was segmented.

    Attributes:
        case: Where it comes from.
        record: What is known of it.
        settings: Those that its own mask was made with.
    """

    case: Case
    record: Record
    settings: Config

    @property
    def key(self) -> str:
        """Of what a lesson is made from."""
        parts = (
            str(FORMAT_OF_LESSONS),
            self.record["input_digest"],
            self.settings.digest,
            json.dumps(versions(), sort_keys=True),
        )
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Places:
    """Where the files of a learning folder lie."""

    out: Path

    def lesson(self, case: Case) -> Path:
        """What an image is learned from."""
        return self.out / LESSONS / f"{case.case_id}.npz"

    def member(self, group: Group) -> Path:
        """What a group of images taught."""
        return self.out / MODEL / f"{group.name}.safetensors"


def learn(
    records: Sequence[Record],
    config: Config,
    out: Path,
    *,
    corrections: Path | None,
    model: Path | None,
    max_pixels: int,
    split: Split,
    how: Lessons,
    tell: Tell,
) -> tuple[list[Record], dict[str, Any]]:
    """Learn from a folder, or take a model, and decide on each of its images.

    Args:
        records: Of the first pass, complete.
        config: Its settings.
        out: Folder of its results.
        corrections: Masks that a person gave, NAME.png; ``out/corrections`` if left out and there.
        model: A model of another folder, to be used as it is; then nothing is learned.
        max_pixels: Larger images fail.
        split: Processes and threads.
        how: How students are taught.
        tell: Called with a line on each step.

    Returns:
        The records with what was decided, and what is to be known of the whole.

    Raises:
        ConfigError: The folder of corrections is not there, or a correction is of no image.
        ImageError: A correction has not the size of its image.
        WeightsError: The model cannot be used.
    """
    places = Places(out)
    jobs = [Job(case_of(one), one, settings_of(one, config)) for one in records if can_be_learned(one)]
    taken = None if model is None else read_model_folder(model)
    lessons = _lessons(jobs, places, max_pixels, split, tell)
    given = (
        {} if taken is not None else read_corrections(jobs, corrections or out / CORRECTIONS, corrections is not None)
    )
    lessons = {name: lesson.with_correction(given.get(name)) for name, lesson in lessons.items()}
    summary: dict[str, Any] = {"images": len(lessons), "corrected": len(given)}
    if taken is None:
        course = plan_course(list(lessons.values()), how)
        tell(course.reason)
        members = _teach(course, list(lessons.values()), places, split, tell)
        rule, found = course.rule, check(list(lessons.values()), [one for group, one in members if group.is_check])
        if found is not None:
            rule = found.best(rule)
            tell(
                f"on {found.images} corrected images that taught nothing of it: own masks {found.own:.3f}, taught "
                f"regions {found.regions:.3f}, with the student {found.together:.3f} (Dice)"
            )
        deciders = [one for group, one in members if not group.is_check]
        summary |= {"reason": course.reason, "rule": asdict(rule), "check": None if found is None else asdict(found)}
        _write_model(places, course, rule, summary, list(lessons.values()), config)
    else:
        rule, deciders = taken.rule, taken.members
        summary |= {"reason": f"decided by the model {str(model)!r}", "rule": asdict(rule), "check": None}
    strangers = (
        set() if taken is None else {name for name, one in lessons.items() if is_coloured(one) != taken.in_colour}
    )
    decisions = {
        name: judge(lesson, [] if name in strangers else deciders, rule) for name, lesson in sorted(lessons.items())
    }
    if taken is not None and strangers:
        kind = "in colour" if taken.in_colour else "without colour"
        tell(f"{len(strangers)} images keep their own masks: the model was taught by pictures {kind}")
    worth = worth_of_correction(list(lessons.values()), decisions)
    work = [
        (job, decisions[job.case.case_id], given.get(job.case.case_id)) for job in jobs if job.case.case_id in lessons
    ]
    changes: dict[str, Record] = {}
    apply = partial(carry_out, out=out, max_pixels=max_pixels)
    for index, changed in _each(apply, work, split):
        name = work[index][0].case.case_id
        if changed is None:
            tell(f"{name}: the process died while its mask was written; it keeps its own")
            continue
        if "error" in changed:
            tell(f"{name}: {changed['error']}; it keeps its own mask")
            continue
        changes[name] = changed
    result: list[Record] = []
    for record in records:
        name = record["case_id"]
        if name not in changes:
            result.append(record)
            continue
        learned = {
            "source": decisions[name].source,
            "reason": decisions[name].reason,
            "agreement": round(decisions[name].agreement, 4),
            "ahead": None if not np.isfinite(decisions[name].ahead) else round(decisions[name].ahead, 4),
            "worth_correcting": round(worth[name], 4),
        }
        result.append(record | changes[name] | {"learned": learned})
    summary["changed"] = sum(decision.source in ("region", "outline") for decision in decisions.values())
    tell(f"{summary['changed']} of {len(lessons)} masks changed by what was learned, {len(given)} given by a person")
    return result, summary


def can_be_learned(record: Record) -> bool:
    """Whether it is an image that was segmented; slices of volumes are not learned from."""
    return record["status"] == "done" and "slices" not in record


def case_of(record: Record) -> Case:
    """The case of a record."""
    return Case(record["case_id"], Path(record["source"]), record["page"])


def settings_of(record: Record, config: Config) -> Config:
    """The settings that a mask was made with: those of the run, or of the preset that ``auto`` took."""
    own = record.get("config")
    return config if own is None else Config.from_mapping(own)


def _lessons(jobs: Sequence[Job], places: Places, max_pixels: int, split: Split, tell: Tell) -> dict[str, Lesson]:
    """What each image is learned from, made where it is not there yet."""
    missing = [job for job in jobs if not _is_made(places.lesson(job.case), job.key)]
    if missing:
        tell(f"looking at {len(missing)} of {len(jobs)} images")
    look = partial(look_at_case, places=places, max_pixels=max_pixels)
    for index, error in _each(look, missing, split):
        if error is None or error:
            tell(f"{missing[index].case.case_id} is not learned from: {error or 'its process died'}")
    found: dict[str, Lesson] = {}
    for job in jobs:
        try:
            found[job.case.case_id] = replace(read_lesson(places.lesson(job.case), job.key), name=job.case.case_id)
        except ReadError:
            continue
    return found


def _is_made(path: Path, key: str) -> bool:
    try:
        read_lesson(path, key)
    except ReadError:
        return False
    return True


def look_at_case(job: Job, places: Places, max_pixels: int) -> str:
    """Make the lesson of an image; what went wrong, empty where nothing did."""
    try:
        image = read_image(job, max_pixels)
        own = read_mask(places.out / keep_alone(job.record, places.out), image)
        lesson = make_lesson(
            job.case.case_id,
            job.record["input_digest"],
            in_window(image, job.settings.prepare.window),
            find_focus(image.shape, job.settings.hints),
            job.settings,
            own,
            float(job.record["confidence"]),
        )
        write_lesson(places.lesson(job.case), lesson, job.key)
    except (MSFormerError, OSError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""


def keep_alone(record: Record, out: Path) -> str:
    """Keep the mask of the first pass beside the one that the folder decides on; its path below ``out``."""
    outputs = record["outputs"]
    if ALONE in outputs:
        return str(outputs[ALONE])
    first = Path(outputs["masks"])
    kept = Path(ALONE, *first.parts[1:])
    if not (out / kept).exists():  # else a run was ended before it could say so, and ``masks`` may have been decided on
        (out / kept).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(out / kept) as temporary:
            shutil.copy2(out / first, temporary)
    outputs[ALONE] = kept.as_posix()
    return kept.as_posix()


def read_image(job: Job, max_pixels: int) -> Image:
    """Read the image of a job again.

    Raises:
        ReadError: It cannot be read, or is another one than was segmented.
    """
    image = read(job.case.source, page=job.case.page or 0, max_pixels=max_pixels)
    if image.digest != job.record["input_digest"]:
        raise ReadError(f"{job.case.source}: is not the image any more that was segmented")
    spacing = job.record["spacing_mm"]
    return image if spacing is None else replace(image, spacing_mm=tuple(spacing))


def read_mask(path: Path, image: Image) -> Mask:
    """Read a mask ``(H, W)`` of an image: everything that is not 0.

    Raises:
        ReadError: It cannot be read.
        ImageError: It has not the size of the image.
    """
    mask: Mask | None = None
    for _, volume in read_labels(path, image.pixels.size * 4):
        if volume.voxels.shape != (1, *image.shape):
            size = " × ".join(str(side) for side in volume.voxels.shape[-2:])
            wanted = " × ".join(str(side) for side in image.shape)
            raise ImageError(f"{path}: a mask must have the size of its image, {wanted}; got {size}")
        part = np.asarray(volume.voxels[0] != 0)
        mask = part if mask is None else mask | part
    return np.zeros(image.shape, dtype=bool) if mask is None else mask


def read_corrections(jobs: Sequence[Job], folder: Path, is_named: bool) -> dict[str, Mask]:
    """The masks that a person gave, by case.

    Raises:
        ConfigError: The folder was named and is not there, or a file in it is of no image.
        ImageError: A mask has not the size of its image.
    """
    if not folder.is_dir():
        if is_named:
            raise ConfigError(f"--corrections must be a folder; there is no {str(folder)!r}")
        return {}
    by_name = {job.case.case_id: job for job in jobs}
    found: dict[str, Mask] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        relative = path.relative_to(folder).as_posix()
        suffix = next((one for one in sorted(SUFFIXES.values(), key=len, reverse=True) if relative.endswith(one)), "")
        name = relative.removesuffix(suffix)
        if not suffix or name not in by_name:
            raise ConfigError(f"--corrections: {str(path)!r} is of no image of this folder, which has {_some(by_name)}")
        if name in found:
            raise ConfigError(f"--corrections: {name!r} has two masks in {str(folder)!r}")
        shape = by_name[name].record["shape"]
        found[name] = _correction(path, (int(shape[0]), int(shape[1])))
    return found


def _correction(path: Path, shape: tuple[int, int]) -> Mask:
    for _, volume in read_labels(path, shape[0] * shape[1] * 16):
        if volume.voxels.shape != (1, *shape):
            size = " × ".join(str(side) for side in volume.voxels.shape[-2:])
            raise ImageError(f"{path}: a mask must have the size of its image, {shape[0]} × {shape[1]}; got {size}")
        return np.asarray(volume.voxels[0] != 0)
    raise ImageError(f"{path}: holds no mask")


def _some(names: Mapping[str, object]) -> str:
    few = list(names)[:3]
    return ", ".join(few) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _teach(
    course: Course, lessons: Sequence[Lesson], places: Places, split: Split, tell: Tell
) -> list[tuple[Group, Member]]:
    """Teach every group that was not taught the same before; each in one thread, so that workers change nothing."""
    digest = grown_network().digest
    wanted = {group: teachers_of(group, lessons) for group in course.groups}
    keys = {group: member_key(digest, teachers, course.how) for group, teachers in wanted.items()}
    jobs = [group for group in course.groups if not _is_taught(places.member(group), keys[group])]
    if jobs:
        tell(f"teaching {len(jobs)} of {len(course.groups)} students, {course.how.updates} updates each")
    items = [(places.member(group), wanted[group], course.how) for group in jobs]
    for index, is_done in _each(teach_group, items, Split(split.workers, 1)):
        if is_done is None:
            raise MSFormerError(
                f"learning: the process that taught {jobs[index].name} died, perhaps for want of memory"
            )
    return [(group, read_member(places.member(group))) for group in course.groups]


def teach_group(item: tuple[Path, Sequence[Lesson], Lessons]) -> bool:
    """Teach one member and write it."""
    import torch

    path, lessons, how = item
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        grown = grown_network()
        write_member(path, teach_member(grown.network, grown.digest, lessons, how))
    finally:
        torch.set_num_threads(before)
    return True


def _is_taught(path: Path, key: str) -> bool:
    try:
        return read_member(path).key == key
    except MSFormerError:
        return False


def carry_out(item: tuple[Job, Decision, Mask | None], out: Path, max_pixels: int) -> Record:
    """Write the mask that was decided on; what changes in the record, or ``error``."""
    job, decision, given = item
    try:
        image = read_image(job, max_pixels)
        alone = keep_alone(job.record, out)
        if decision.source == "corrected" and given is not None:
            mask = given
        elif decision.mask is not None:
            mask = drawn(job, image, decision.source, decision.mask)
        else:
            mask = read_mask(out / alone, image)
        return _written(job, image, mask, out) | {"outputs": job.record["outputs"]}
    except (MSFormerError, OSError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}


def drawn(job: Job, image: Image, source: str, mask: Mask) -> Mask:
    """A mask ``(a, b)`` that was decided on, a region or an outline, at native size ``(H, W)``."""
    seen = in_window(image, job.settings.prepare.window)
    settings = for_one_object(job.settings) if source == "region" else job.settings
    return redraw(seen, find_focus(image.shape, job.settings.hints), settings, mask)


def _written(job: Job, image: Image, mask: Mask, out: Path) -> Record:
    """Write mask, objects and preview in place of those that are there; what changes in the record."""
    record, spacing = job.record, image.spacing_mm
    label_map = read_label_map(out / record["outputs"]["labels"], image)
    is_many = job.settings.foreground.objects == "many"
    instances = part_instances(mask, job.settings.refine.neck) if is_many else None
    objects = () if instances is None else measure_instances(image, instances)
    paths = write_results(
        out,
        job.case,
        label_map[None],
        mask[None],
        formats_of(job.settings, "photo" if image.page is None else "tiff"),
        None if spacing is None else Geometry((spacing[1], spacing[0], 1.0)),
        (),
        job.settings.digest,
        instances[None].astype(np.uint16) if instances is not None and "instances" in record["outputs"] else None,
    )
    low, high = record["intensity_range"]
    picture = preview(image, label_map, mask if instances is None else instances, (low, high))
    write_png(out / record["outputs"]["preview"], picture)
    record["outputs"].update(paths)
    foreground = measure_mask(image, mask)
    return {
        "foreground": None if foreground is None else asdict(foreground),
        "is_empty": not bool(mask.any()),
        "objects": [asdict(one) for one in objects],
        "n_objects": None if instances is None else len(objects),
    }


def read_label_map(path: Path, image: Image) -> LabelMap:
    """Read a map of clusters ``(H, W)`` back."""
    for _, volume in read_labels(path, image.pixels.size * 4):
        return np.asarray(volume.voxels[0], dtype=np.uint16)
    raise ReadError(f"{path}: holds no labels")


def _each(call: Callable[[Any], Any], items: Sequence[Any], split: Split) -> Iterator[tuple[int, Any]]:
    """Results by index, here or in processes; None where a process died."""
    if split.workers == 1 or len(items) < 2:
        yield from ((index, call(item)) for index, item in enumerate(items))
    else:
        yield from run_in_processes(call, items, split)


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """A model of another folder: what decides, and how."""

    members: list[Member]
    rule: Rule
    in_colour: bool


def _write_model(
    places: Places, course: Course, rule: Rule, summary: Mapping[str, Any], lessons: Sequence[Lesson], config: Config
) -> None:
    """Write what the model is; a folder that taught nothing has none, not even an old one."""
    path = places.out / MODEL / MODEL_FILE
    names = {places.member(group).name for group in course.groups}
    for old in sorted((places.out / MODEL).glob("*.safetensors")):
        if old.name not in names:
            old.unlink()
    if not course.groups:
        for file in (path, path.with_name(MODEL_CARD)):
            file.unlink(missing_ok=True)
        return
    about = {
        "format": FORMAT,
        "members": [places.member(group).name for group in course.groups if not group.is_check],
        "rule": asdict(rule),
        "reason": summary["reason"],
        "check": summary["check"],
        "images": len(lessons),
        "in_colour": sum(is_coloured(one) for one in lessons) * 2 > len(lessons),
        "network": grown_network().digest,
        "how": asdict(course.how),
        "versions": versions(),
        "settings": config.model_dump(mode="json"),
    }
    write_text(path, json.dumps(about, indent=1) + "\n")
    write_text(path.with_name(MODEL_CARD), model_card(about))


def model_card(about: Mapping[str, Any]) -> str:
    """What is to be known of a model, for people."""
    found = about["check"]
    lines = [
        "# A model that a folder taught",
        "",
        f"{about['reason'][0].upper()}{about['reason'][1:]}. {about['images']} images of "
        f"{'colour' if about['in_colour'] else 'grey values'}; network grown from random scenes, digest "
        f"`{about['network'][:16]}`.",
        "",
        "It holds a student (a network) and a forest over regions for each member, as numbers; nothing in it is code.",
        "It was taught by masks of the images of a folder, of which the files hold digests and no pixel. A network may",
        "remember more than that of its teachers: treat it as you treat the images.",
        "",
        "Use: `msformer segment NEW -o OUT --model FOLDER/model`.",
        "",
        "## How good it is on its folder",
        "",
    ]
    if found is None:
        lines += ["Not known: that takes at least four corrected images, some of which teach while others are tried."]
    else:
        lines += [
            f"On {found['images']} corrected images, each by members that did not see it (Dice on a small grid):",
            "",
            "| own masks | taught regions | with the student | the student's outline |",
            "|---|---|---|---|",
            f"| {found['own']:.3f} | {found['regions']:.3f} | {found['together']:.3f} | {found['outline']:.3f} |",
        ]
    return "\n".join(lines) + "\n"


def read_model_folder(folder: Path) -> ModelFolder:
    """Read a model.

    Raises:
        ConfigError: It is no model of this program, or of another network.
        WeightsError: One of its files cannot be used.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise ConfigError(f"--model {str(folder)!r} must hold {MODEL_FILE}: there is no such file")
    try:
        about = json.loads(read_bounded(path, LARGEST_ABOUT))
        is_one = isinstance(about, dict) and about.get("format") == FORMAT
        names = [str(one) for one in about["members"]] if is_one else []
        rule = _rule_of(about["rule"]) if is_one else None
    except WeightsError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"--model {str(folder)!r}: {MODEL_FILE} cannot be read") from error
    if rule is None or not names or any(Path(name).name != name for name in names):
        raise ConfigError(f"--model {str(folder)!r} is no model of this program: {MODEL_FILE} must say {FORMAT}")
    if about.get("network") != grown_network().digest:
        raise ConfigError(f"--model {str(folder)!r} was taught from another grown network than this program has")
    return ModelFolder([read_member(folder / name) for name in names], rule, bool(about.get("in_colour")))


def _rule_of(told: Mapping[str, Any]) -> Rule:
    """The rule that a file tells; ValueError or TypeError where it tells none."""
    rule = Rule(**told)
    numbers = (rule.student, rule.margin)
    if not all(type(one) in (int, float) and np.isfinite(one) for one in numbers):
        raise ValueError(f"numbers of the rule must be finite; got {numbers}")
    if rule.one_object not in (None, True, False) or type(rule.outlines) is not bool:
        raise ValueError("one_object and outlines of the rule must be true or false")
    return rule


def is_coloured(lesson: Lesson) -> bool:
    """Whether the view's planes differ."""
    return bool(np.abs(lesson.view[0] - lesson.view[1]).max() > 1e-3)
