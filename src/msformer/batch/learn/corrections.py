"""Masks that a person gave: a file an image, under its name; in a volume, slices that hold something are corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from msformer.batch.learn.jobs import Job, Part, read_volume_of, read_voxels
from msformer.errors import ConfigError
from msformer.geometry import flat_geometry
from msformer.image import Mask
from msformer.io.export import NO_PLACE, PIXEL_SUFFIXES, SUFFIXES, suffix_of
from msformer.io.outlines.read_geojson import read_geojson
from msformer.io.slicer import is_slicer_segmentation, read_slicer_mask
from msformer.volume import Volume

CORRECTIONS = "corrections"
"""Folder of the masks that a person gave, inside of the results, where no other is named."""
GIVEN_SUFFIXES = (*PIXEL_SUFFIXES, SUFFIXES["geojson"])
"""How the names of files end that a person may give a mask in."""
MOST_LAYERS = 4
"""Layers of a segmentation of 3D Slicer, each as large as the image, that are read."""


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
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        relative = path.relative_to(folder).as_posix()
        suffix = suffix_of(relative, GIVEN_SUFFIXES)
        name = relative.removesuffix(suffix)
        if not suffix or name not in names:
            raise ConfigError(f"--corrections: {str(path)!r} is of no image of this folder, which has {_some(names)}")
        if name in found:
            raise ConfigError(f"--corrections: {name!r} has two masks in {str(folder)!r}")
        found[name] = path
    return found


def read_given(job: Job, path: Path, volume: Volume | None = None) -> Mask:
    """What a person gave, ``(D, H, W)``, one slice of an image; from this program or another.

    Args:
        job: What it is of.
        path: The file.
        volume: The volume, where it was read already.

    Raises:
        ReadError: It cannot be read.
        ImageError: It has not the size of the image, or lies elsewhere.
    """
    sides = tuple(int(side) for side in job.record["shape"])
    shape = (sides[0], sides[1], sides[2]) if job.is_volume else (1, sides[0], sides[1])
    if path.name.endswith(SUFFIXES["geojson"]):
        return read_geojson(path, shape)
    if not is_slicer_segmentation(path):
        return np.asarray(read_voxels(path, shape) != 0)
    n_voxels = int(np.prod(shape))
    if job.is_volume:
        volume = volume or read_volume_of(job, n_voxels)
        places = [volume.geometry or NO_PLACE]
    else:  # as this program writes them, and as Slicer takes a photograph that it reads itself
        sizes = job.record["spacing_mm"]
        sized = flat_geometry(None if sizes is None else (sizes[0], sizes[1]))
        places = [NO_PLACE] if sized is None else [sized, NO_PLACE]
    return read_slicer_mask(path, shape, places, MOST_LAYERS * n_voxels)


def read_correction(job: Job, path: Path) -> Mapping[str, Mask]:
    """What a person gave, ``(H, W)``, by the part of the job; slices of a volume that hold nothing were not corrected.

    Raises:
        ReadError: It cannot be read.
        ImageError: It has not the size of the image.
    """
    voxels = read_given(job, path)
    if not job.is_volume:
        return {job.parts[0].name: voxels[0]}
    planes = {part.name: _plane(voxels, job, part) for part in job.parts}
    return {name: plane for name, plane in planes.items() if plane.any()}


def _plane(voxels: Mask, job: Job, part: Part) -> Mask:
    return np.asarray(np.take(voxels, part.number or 0, axis=job.settings.read.axis))


def _some(names: set[str]) -> str:
    few = sorted(names)[:3]
    return ", ".join(few) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
