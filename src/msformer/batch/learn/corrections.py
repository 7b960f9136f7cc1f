"""Masks that a person gave: a file an image, under its name; in a volume, slices that hold something are corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from msformer.batch.learn.jobs import Job, Part, read_voxels
from msformer.errors import ConfigError
from msformer.image import Mask
from msformer.io.export import PIXEL_SUFFIXES

CORRECTIONS = "corrections"
"""Folder of the masks that a person gave, inside of the results, where no other is named."""


def find_corrections(jobs: Sequence[Job], folder: Path, *, is_named: bool) -> dict[str, Path]:
    """The files of masks that a person gave, by case.

    Raises:
        ConfigError: The folder was named and is not there, or a file in it is of no image, or two are of one.
    """
    if not folder.is_dir():
        if is_named:
            raise ConfigError(f"--corrections must be a folder; there is no {str(folder)!r}")
        return {}
    names = {job.case.case_id for job in jobs}
    suffixes = sorted(PIXEL_SUFFIXES, key=len, reverse=True)
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        relative = path.relative_to(folder).as_posix()
        suffix = next((one for one in suffixes if relative.endswith(one)), "")
        name = relative.removesuffix(suffix)
        if not suffix or name not in names:
            raise ConfigError(f"--corrections: {str(path)!r} is of no image of this folder, which has {_some(names)}")
        if name in found:
            raise ConfigError(f"--corrections: {name!r} has two masks in {str(folder)!r}")
        found[name] = path
    return found


def read_correction(job: Job, path: Path) -> Mapping[str, Mask]:
    """What a person gave, ``(H, W)``, by the part of the job; slices of a volume that hold nothing were not corrected.

    Raises:
        ReadError: It cannot be read.
        ImageError: It has not the size of the image.
    """
    shape = tuple(int(side) for side in job.record["shape"])
    if not job.is_volume:
        return {job.parts[0].name: np.asarray(read_voxels(path, (1, shape[0], shape[1]))[0] != 0)}
    voxels = read_voxels(path, (shape[0], shape[1], shape[2])) != 0
    planes = {part.name: _plane(voxels, job, part) for part in job.parts}
    return {name: plane for name, plane in planes.items() if plane.any()}


def _plane(voxels: Mask, job: Job, part: Part) -> Mask:
    return np.asarray(np.take(voxels, part.number or 0, axis=job.settings.read.axis))


def _some(names: set[str]) -> str:
    few = sorted(names)[:3]
    return ", ".join(few) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
