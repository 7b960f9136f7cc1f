"""One image as a folder is learned from: small enough that thousands are kept on disk and tens in memory."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.answer import Glance
from msformer.config import Config
from msformer.errors import ReadError
from msformer.focus import Focus
from msformer.foreground.asked import ANSWER, SAID, hear, object_map
from msformer.foreground.evidence import region_evidence
from msformer.hypotheses import trial_settings
from msformer.image import Image, Mask
from msformer.io.atomic import atomic_path
from msformer.network.prompted import IN_CHANNELS
from msformer.prepare import find_no_data_in, prepare, resample
from msformer.regions import FEATURES, Ground, find_regions, region_features, region_view
from msformer.threads import one_blas_thread

COLOURS = 4
"""Planes of a region whose means are told beside what is seen of it: within a folder, colour means something."""
DESCRIBED = (
    *FEATURES,
    *(f"mean of plane {index}" for index in range(COLOURS)),
    *(f"network: {name}" for name in SAID),
    "network: its answer",
)
"""What is known of a region: what is seen of it, its colours, what the grown network says of it when it is pointed at
this and that, and whether it is an answer of the network itself."""
HALF = 0.5
"""Share of a pixel from which on a mask holds it."""
GREY = 1e-3
"""Planes of a view that differ by no more are one."""
POINTED_AT = 40
"""Regions of a picture that the network is pointed at."""
FORMAT = 2
"""Rises when older files hold something else."""
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading an archive that is none, or was cut or changed, ends with."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learned from one image, and decided on it.

    Attributes:
        name: Of the case.
        digest: SHA-256 of the image's pixels; what order and folds depend on, so that names do not count.
        view: ``(IN_CHANNELS, h, w)``, what the network sees of the image.
        own: ``(h, w)``, share of each pixel that the program's own mask covers.
        confidence: Of that mask, in [0, 1].
        is_single: Whether its preset looks for one object.
        features: ``(n, len(DESCRIBED))``, of the regions; n may be 0.
        masks: ``(n, a, b)``, the regions on their own grid.
        corrected: ``(h, w)`` in [0, 1], the mask that a person gave; None where there is none.
        fits: ``(n,)``, of a lesson that only teaches the Dice of each region with the best that is known, which then
            stands for ``masks``: these are nine tenths of a lesson. None of one that is decided on.
    """

    name: str
    digest: str
    view: NDArray[np.float32]
    own: NDArray[np.float32]
    confidence: float
    is_single: bool
    features: NDArray[np.float32]
    masks: NDArray[np.bool_]
    corrected: NDArray[np.float32] | None = None
    fits: NDArray[np.float64] | None = None

    @property
    def content(self) -> str:
        """SHA-256 of all that it teaches; of a lesson with its masks."""
        found = hashlib.sha256(f"{self.digest} {self.is_corrected}".encode())
        for array in (self.truth, self.view, self.features, self.masks):
            found.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the view."""
        return self.view.shape[1], self.view.shape[2]

    @property
    def valid(self) -> Mask:
        """``(h, w)``, where the view shows something."""
        return np.asarray(self.view[-1] > 0.5)

    @property
    def truth(self) -> NDArray[np.float32]:
        """``(h, w)``, the best that is known: what a person gave, else the program's own mask."""
        return self.own if self.corrected is None else self.corrected

    @property
    def has_mask(self) -> bool:
        """Whether the program found something itself."""
        return bool((self.own >= HALF).any())

    @property
    def is_corrected(self) -> bool:
        """Whether a person gave a mask."""
        return self.corrected is not None

    @property
    def largest_share(self) -> float:
        """Share of the best that is known which its largest piece has; nan where that is nothing."""
        mask = (self.truth >= HALF).astype(np.uint8)
        areas = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
        return float(areas.max() / areas.sum()) if len(areas) else float("nan")

    @property
    def look(self) -> NDArray[np.float64]:
        """What image and mask look like: mean and deviation of the planes inside and outside of it, and its size."""
        inside = (self.truth >= HALF) & self.valid
        parts = []
        for where in (inside, ~inside & self.valid):
            pixels = self.view[:3, where] if where.any() else np.zeros((3, 1), dtype=np.float32)
            parts += [pixels.mean(axis=1), pixels.std(axis=1)]
        return np.concatenate([*parts, [np.sqrt(inside.mean())]]).astype(np.float64)

    @property
    def is_coloured(self) -> bool:
        """Whether the planes of the view differ."""
        return bool(np.abs(self.view[0] - self.view[1]).max() > GREY)

    def on_regions(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map of the view ``(h, w)`` on the grid of the regions ``(a, b)``."""
        rows, columns = self.masks.shape[1:]
        return np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)

    def with_correction(self, mask: Mask | None) -> Lesson:
        """The same with what a person gave at native size ``(H, W)``; None takes it away."""
        return replace(self, corrected=None if mask is None else shrunk(mask, self.shape))


def shrunk(mask: Mask, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Share of each pixel of a smaller grid that a mask covers."""
    return resample(mask.astype(np.float32), shape, "area")[:, :, 0]


@one_blas_thread()
def make_lesson(
    name: str, digest: str, image: Image, focus: Focus, settings: Config, own: Mask, confidence: float
) -> Lesson:
    """Look at an image once.

    Args:
        name: Of the case.
        digest: Of its pixels.
        image: The whole image.
        focus: The part that is looked at.
        settings: Those that its own mask was made with, of a preset and not of ``auto``.
        own: ``(H, W)``, that mask.
        confidence: Of it.
    """
    part = focus.cut(image)
    no_data = find_no_data_in(part)
    looked = Glance(part, no_data, settings.grown).looked
    view = looked.input()[0].numpy()
    shape = view.shape[1], view.shape[2]
    is_single = settings.foreground.objects == "one"
    features = np.zeros((0, len(DESCRIBED)), dtype=np.float32)
    masks = np.zeros((0, 1, 1), dtype=bool)
    prepared = prepare(part, trial_settings(for_one_object(settings)).prepare, no_data)
    if not prepared.is_blank:
        seen = region_view(prepared.detail)
        ground = Ground.of(seen.planes, seen.valid)
        if regions := find_regions(ground.planes, ground.valid, {"objects": object_map(looked, ground.valid)}):
            evidence = region_evidence().probability(region_features(regions, ground))
            heard = hear(regions, evidence, ground, looked, clicks=POINTED_AT, kept=None)
            masks = np.stack([one.on(seen.shape) for one in heard.regions])
            is_answer = np.array([[one.source == ANSWER] for one in heard.regions])
            features = np.concatenate(
                [heard.features, _colours(masks, ground.planes), heard.said, is_answer], axis=1, dtype=np.float32
            )
    return Lesson(
        name, digest, view, shrunk(own[focus.rows, focus.columns], shape), confidence, is_single, features, masks
    )


def for_one_object(settings: Config) -> Config:
    """Settings that look for one object: the same, or where they look for several those of ``general``."""
    return settings if settings.foreground.objects == "one" else settings.carried_to("general")


def _colours(masks: NDArray[np.bool_], planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over each region of the first planes, ``(n, COLOURS)``; 0 where there are fewer."""
    found = np.zeros((len(masks), COLOURS), dtype=np.float32)
    for row, mask in zip(found, masks, strict=True):
        row[: planes.shape[2]] = planes[mask].mean(axis=0)[:COLOURS]
    return found


def write_lesson(path: Path, lesson: Lesson, key: str) -> None:
    """Keep a lesson in a file; ``key`` says what it was made from."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        format=FORMAT,
        key=key,
        name=lesson.name,
        digest=lesson.digest,
        view=lesson.view.astype(np.float16),
        own=lesson.own.astype(np.float16),
        confidence=lesson.confidence,
        is_single=lesson.is_single,
        features=lesson.features,
        masks=np.packbits(lesson.masks, axis=None),
        masks_shape=lesson.masks.shape,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_lesson(path: Path, key: str | None = None) -> Lesson:
    """Read a lesson back, without what a person gave.

    Raises:
        ReadError: It is missing, damaged, of another version, or was made from something else than ``key`` says.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            if int(data["format"]) != FORMAT or (key is not None and str(data["key"]) != key):
                raise ReadError(f"{path}: was made from another image, mask or version")
            lesson = Lesson(
                str(data["name"]),
                str(data["digest"]),
                data["view"].astype(np.float32),
                data["own"].astype(np.float32),
                float(data["confidence"]),
                bool(data["is_single"]),
                data["features"],
                _unpacked(data["masks"], [int(side) for side in data["masks_shape"]]),
            )
    except DAMAGED as error:
        raise ReadError(f"{path}: no lesson can be read: {error}") from error
    _check(lesson, path)
    return lesson


def _unpacked(packed: NDArray[np.uint8], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Masks ``(n, a, b)`` from their bits; no memory is taken for more than there are."""
    count = math.prod(shape)
    if len(shape) != 3 or min(shape) < 0 or not 0 <= packed.size * 8 - count < 8:
        raise ValueError(f"masks of shape {tuple(shape)} in {packed.size} bytes")
    return np.unpackbits(packed, count=count).reshape(shape).astype(bool)


def _check(lesson: Lesson, path: Path) -> None:
    """What is in a lesson must fit together."""
    count = len(lesson.masks)
    wanted = {
        "view": (IN_CHANNELS, *lesson.view.shape[1:3]),
        "own": lesson.view.shape[1:],
        "features": (count, len(DESCRIBED)),
    }
    for name, shape in wanted.items():
        array = getattr(lesson, name)
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ReadError(f"{path}: {name} of the lesson must be {shape} finite numbers; got {array.shape}")
    if not lesson.own.size or not 0 <= lesson.confidence <= 1:
        raise ReadError(f"{path}: the lesson must show something, at a confidence in [0, 1]; got {lesson.confidence}")


class Listed(Protocol):
    """What a folder is planned by: a lesson, or a line on it."""

    @property
    def name(self) -> str:
        """Of the case."""
        ...

    @property
    def digest(self) -> str:
        """Of what the image shows."""
        ...

    @property
    def confidence(self) -> float:
        """Of its own mask, in [0, 1]."""
        ...

    @property
    def has_mask(self) -> bool:
        """Whether it has one."""
        ...

    @property
    def is_corrected(self) -> bool:
        """Whether a person gave one."""
        ...

    @property
    def largest_share(self) -> float:
        """Of the largest piece of that."""
        ...

    @property
    def look(self) -> NDArray[np.float64]:
        """What image and mask look like, ``(n,)``."""
        ...

    @property
    def content(self) -> str:
        """Digest of all that it teaches."""
        ...


@dataclass(frozen=True, eq=False)
class LessonLine:
    """The same numbers of a lesson without the lesson: some hundred bytes, so that folders of any size fit into memory.

    Attributes are those of ``Lesson`` of the same name.
    """

    name: str
    digest: str
    confidence: float
    has_mask: bool
    is_corrected: bool
    largest_share: float
    look: NDArray[np.float64]
    is_coloured: bool
    content: str

    @classmethod
    def of(cls, lesson: Lesson) -> LessonLine:
        """The line on a lesson."""
        return cls(
            lesson.name,
            lesson.digest,
            lesson.confidence,
            lesson.has_mask,
            lesson.is_corrected,
            lesson.largest_share,
            lesson.look,
            lesson.is_coloured,
            lesson.content,
        )


One = TypeVar("One", bound=Listed)


def in_order(lessons: Sequence[One]) -> list[One]:
    """Lessons by what their images show, so that names and the order of files change nothing."""
    return sorted(lessons, key=lambda lesson: (lesson.digest, lesson.name))
