"""What was segmented, looked at again: an image is one lesson, a volume one a slice."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msformer.batch.files import ALONE
from msformer.batch.plan import Case
from msformer.batch.record import Record, start_of
from msformer.batch.remeasure import read_labels
from msformer.config import Config
from msformer.errors import ImageError, MSFormerError, ReadError
from msformer.focus import find_focus
from msformer.geometry import with_spacing
from msformer.image import Image, Mask
from msformer.io import read_image
from msformer.io.atomic import atomic_path
from msformer.io.medical import read_volume
from msformer.learning import make_lesson, write_lesson
from msformer.learning.lesson import FORMAT as FORMAT_OF_LESSONS
from msformer.prepare import in_window
from msformer.segmentation import versions
from msformer.volume import Volume
from msformer.volumes import plane_of

LESSONS = "learned"
POINTED = 0.75
"""Confidence, at least, of a mask that answers what a person pointed at: weak truth, about the Dice of one click
(``docs/interaction.md``)."""


@dataclass(frozen=True)
class Part:
    """An image, or a slice of a volume.

    Attributes:
        name: Of the lesson.
        number: Of the slice; None of an image.
        confidence: Of its own mask.
    """

    name: str
    number: int | None
    confidence: float


@dataclass(frozen=True)
class Job:
    """One image or volume that was segmented.

    Attributes:
        case: Where it comes from.
        record: What is known of it.
        settings: Those that its own mask was made with.
    """

    case: Case
    record: Record
    settings: Config

    @property
    def is_volume(self) -> bool:
        """Whether it has slices."""
        return "slices" in self.record

    @property
    def is_pointed(self) -> bool:
        """Whether a person pointed at the object: then the folder teaches nothing else of it."""
        hints = self.settings.hints
        return not self.is_volume and (hints.point is not None or hints.box is not None)

    @property
    def key(self) -> str:
        """Of what its lessons are made from."""
        parts = (
            str(FORMAT_OF_LESSONS),
            self.record["input_digest"],
            self.settings.digest,
            json.dumps(versions(), sort_keys=True),
        )
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    @property
    def parts(self) -> list[Part]:
        """What it is learned from in."""
        name = self.case.case_id
        if not self.is_volume:
            return [Part(name, None, float(self.record["confidence"]))]
        numbers, confidences = self.record["slices"], self.record["confidences"]
        return [
            Part(f"{name}/slice{number:04d}", int(number), float(value))
            for number, value in zip(numbers, confidences, strict=True)
        ]


@dataclass(frozen=True)
class Places:
    """Where the files of a folder that learns lie."""

    out: Path

    def lesson(self, part: Part) -> Path:
        """What an image or a slice is learned from."""
        return self.out / LESSONS / f"{part.name}.npz"


def can_be_learned(record: Record) -> bool:
    """Whether it was segmented, by a version that keeps what it takes to look at it again, and written as pixels."""
    is_kept = record["status"] == "done" and ("slices" not in record or "instances" in record)
    return is_kept and {"labels", "masks"} <= record["outputs"].keys()


def case_of(record: Record, out: Path) -> Case:
    """The case of a record of a folder of results."""
    start = start_of(record, out)
    instances = tuple(start / one for one in record.get("instances", ()))
    return Case(record["case_id"], start / record["source"], record["page"], instances)


def settings_of(record: Record, config: Config) -> Config:
    """The settings that a mask was made with: those of the run, or of the preset that ``auto`` took."""
    own = record.get("config")
    return config if own is None else Config.from_mapping(own)


def look_at_case(job: Job, places: Places, max_pixels: int) -> str:
    """Make the lessons of an image or a volume; what went wrong, empty where nothing did."""
    try:
        alone = places.out / keep_alone(job.record, places.out)
        for part, image, own in pictures_of(job, alone, max_pixels):
            lesson = make_lesson(
                part.name,
                job.record["input_digest"] if part.number is None else image.digest,
                in_window(image, job.settings.prepare.window),
                find_focus(image.shape, job.settings.hints),
                job.settings,
                own,
                max(part.confidence, POINTED) if job.is_pointed else part.confidence,
            )
            write_lesson(places.lesson(part), lesson, job.key)
    except (MSFormerError, OSError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""


def pictures_of(job: Job, mask: Path, max_pixels: int) -> Iterator[tuple[Part, Image, Mask]]:
    """The parts of a job with their pictures and their masks ``(H, W)`` in a file.

    Raises:
        ReadError: Something cannot be read, or is another image than was segmented.
        ImageError: The mask has not the size of the image.
    """
    if not job.is_volume:
        image = read_image_of(job, max_pixels)
        yield job.parts[0], image, read_mask(mask, image)
    else:
        yield from slices_of(job, read_volume_of(job, max_pixels), mask)


def slices_of(job: Job, volume: Volume, mask: Path) -> Iterator[tuple[Part, Image, Mask]]:
    """The same of a volume that was read; errors as of ``read_voxels``."""
    masks = read_voxels(mask, volume.shape) != 0
    axis, (low, high) = job.settings.read.axis, job.record["intensity_range"]
    for part in job.parts:
        if part.number is not None:
            yield part, plane_of(volume, axis, part.number, (low, high)), np.take(masks, part.number, axis=axis)


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


def read_image_of(job: Job, max_pixels: int) -> Image:
    """Read the image of a job again.

    Raises:
        ReadError: It cannot be read, or is another one than was segmented.
    """
    image = read_image(job.case.source, page=job.case.page or 0, max_pixels=max_pixels)
    _check_digest(job, image.digest)
    spacing = job.record["spacing_mm"]
    return image if spacing is None else replace(image, spacing_mm=tuple(spacing))


def read_volume_of(job: Job, max_pixels: int) -> Volume:
    """Read the volume of a job again; errors as of ``read_image_of``."""
    read_settings = job.settings.read
    volume = read_volume(
        job.case.instances,
        frame=read_settings.frame,
        series=read_settings.series,
        max_voxels=max_pixels,
        picture=job.case.page,
        must_have_frame=False,  # it was segmented as it is
    )
    _check_digest(job, volume.digest)
    sizes = job.record["spacing_mm"]
    given = None if sizes is None or None in sizes[1:] else (sizes[1], sizes[2])
    as_read = None if volume.geometry is None else volume.geometry.spacing_of(0)
    if given is None or given == as_read:  # a user said nothing else: all that the file says stays
        return volume
    return replace(volume, geometry=with_spacing(volume.geometry, given))


def _check_digest(job: Job, digest: str) -> None:
    if digest != job.record["input_digest"]:
        raise ReadError(f"{job.case.source}: is not the image any more that was segmented")


def read_mask(path: Path, image: Image) -> Mask:
    """Read a mask ``(H, W)`` of an image: everything that is not 0; errors as of ``read_voxels``."""
    return np.asarray(read_voxels(path, (1, *image.shape))[0] != 0)


def read_voxels(path: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    """Read labels ``(D, H, W)``; of several segments each voxel has the last one.

    Raises:
        ReadError: They cannot be read.
        ImageError: They have another size, or there are none.
    """
    labels: NDArray[np.integer] | None = None
    for segment, volume in read_labels(path, int(np.prod(shape)) * 4):
        if volume.voxels.shape != shape:
            given, wanted = (
                " × ".join(map(str, one[1:] if one[0] == 1 else one)) for one in (volume.voxels.shape, shape)
            )
            raise ImageError(f"{path}: a mask must have the size of its image, {wanted}; got {given}")
        voxels = volume.voxels if segment is None else np.asarray(volume.voxels != 0) * np.uint16(segment)
        labels = voxels if labels is None else np.where(voxels != 0, voxels, labels)
    if labels is None:
        raise ImageError(f"{path}: holds no labels")
    return labels
