"""The slices of one volume → the volume: sorted by place, on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.io.dicom.headers import Instance
from msformer.io.dicom.pixels import read_frames, read_pixels
from msformer.io.dicom.places import geometry_of
from msformer.io.dicom.series import Part, chosen
from msformer.io.photo import check_voxel_count
from msformer.volume import Volume

MEASURED = frozenset({"CT", "MR", "PT", "NM"})
"""Modalities whose pixels are measurements, and so have no colours."""
CAPTURE = "SC"
"""The modality of a picture of a screen."""


def read_series(instances: Sequence[Instance], max_voxels: int, frame: int | None = None) -> Volume:
    """Read the slices of one volume, sorted by their place along the normal of the slices.

    Copies are left out, which have the same pixels at the same place; uneven steps, a tilted gantry and what was left
    out are told in the notes. Where every place is taken several times, as in series over time, ``frame`` says which
    round of slices is meant; at one single place all are taken without it.

    Args:
        instances: Of one part, as ``find_parts`` finds them, or one file of several frames.
        max_voxels: Refuse more.
        frame: Which of several volumes, from 0.

    Raises:
        ReadError: A file cannot be decoded, slices do not fit together, there are more than ``max_voxels``, or
            there are several volumes and no ``frame``.
    """
    notes: list[str] = []
    first = instances[0]
    frames: tuple[int, ...] = ()
    n_stored = 0
    if len(instances) == 1 and first.frames > 1:
        check_voxel_count((first.frames, first.rows, first.columns), max_voxels)
        ordered = [first]
        voxels, geometry, padding, chosen_frames = read_frames(first, frame, notes)
        if chosen_frames != list(range(first.frames)):
            frames, n_stored = tuple(chosen_frames), first.frames
    else:
        ordered = chosen([Part(tuple(instances))], frame, notes)
        geometry = geometry_of(ordered, notes)
        first = ordered[0]
        check_voxel_count((len(ordered), first.rows, first.columns), max_voxels)
        if len(ordered) == 1:
            voxels, found, padding = read_pixels(first, notes)
            geometry = geometry if found is None else found
        else:
            voxels, padding = _stack(ordered, notes)
    notes.extend(() if first.size is None else first.size.notes)
    if geometry is None and len(voxels) > 1:
        notes.append("no usable size of voxels in the headers")
    elif len(voxels) > 1 and first.slice_step is None and first.position is None:
        notes.append("no distance between slices in the headers: no volumes")
    modality = first.modality
    if modality in MEASURED and voxels.ndim == 4:
        notes.append(f"a picture in colours, which the header calls {modality}: its values are taken for colours")
        modality = CAPTURE
    return Volume(
        voxels,
        geometry,
        "dicom",
        first.path.parent if len(ordered) > 1 else first.path,
        tuple(instance.path for instance in ordered),
        modality,
        tuple(dict.fromkeys(notes)),
        padding,
        frames,
        n_stored,
        first.body_part,
    )


def _stack(instances: Sequence[Instance], notes: list[str]) -> tuple[NDArray[Any], float | None]:
    """The slices of a series on top of each other, in a type that holds them all, and what they all call padding."""
    voxels: NDArray[Any] | None = None
    paddings: set[float] = set()
    for index, instance in enumerate(instances):
        try:
            pixels, _, padding = read_pixels(instance, notes)
            paddings |= set() if padding is None else {padding}
            if voxels is None:
                voxels = np.empty((len(instances), *pixels.shape[1:]), dtype=pixels.dtype)
            if pixels.shape != (1, *voxels.shape[1:]):
                raise ReadError(f"slice must be of shape {voxels.shape[1:]} as the others are; got {pixels.shape[1:]}")
        except ReadError as error:
            raise ReadError(f"{instance.path}: {error}") from error
        common = np.result_type(voxels.dtype, pixels.dtype)
        if common != voxels.dtype:
            voxels = voxels.astype(common)
        voxels[index] = pixels[0]
    return np.asarray(voxels), paddings.pop() if len(paddings) == 1 else None
