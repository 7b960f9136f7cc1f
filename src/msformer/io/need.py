"""What memory a case needs, known from its headers before any of it is decoded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from msformer.errors import ReadError
from msformer.io import MAX_PIXELS, archive, dicom, ome_zarr, tiff
from msformer.io.claim import Claim
from msformer.io.medical import kind_of, named
from msformer.io.metaimage import mha_claim
from msformer.io.nifti import nifti_claim
from msformer.io.nrrd import nrrd_claim
from msformer.io.photo import photo_claim
from msformer.io.tiff_chain import check_chain

WORKING_BYTES = 64 * 2**20
"""What everything at working size takes, and strips, whatever the size of the picture."""
RESULT_BYTES = 8
"""Bytes of a pixel beside the picture: labels 2, mask 1, votes 1, the same again while they are written, a channel in
8 bits while it is resampled."""
OBJECT_BYTES = 8
"""The same where objects are told apart: numbers of 32 bits, the map of 16, OpenCV's own equivalences of labels."""
WIDE_BYTES = 4
"""Bytes of a pixel while a channel that is neither of 8 or 16 bits nor in single precision is brought to that."""
LINE_BYTES = 200
"""Bytes of a row or a column: how often each label occurs in it, twice. It counts in pictures of a few rows alone."""
VOLUME_BYTES = 8
"""Bytes of a voxel beside the volume: clusters 2, mask 1, the same again while they are written, and packed."""
MARGIN = 1.1
"""Allocators do not give back all at once."""
START_OF_ENTRY = 1 << 16
"""Bytes of the first file of an archive that its header is looked for in."""


def bytes_needed(
    source: Path,
    page: int | None = None,
    instances: Sequence[Path] = (),
    *,
    one_by_one: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> int:
    """An upper estimate of the memory that a case takes at its peak, beside the program and its libraries.

    Headers alone are looked at, of a series that of its first file, so that it takes little time and memory whatever
    they claim. It holds for reading, segmenting and writing; not for the optimisation of the network, which depends on
    settings alone (``batch.run.split_cases``).

    Args:
        source: The file of an image; of a volume what errors name.
        page: Of a TIFF, from 0; of a stack the stage position.
        instances: The files of a volume; empty for images.
        one_by_one: Whether objects of an image may be told apart, as in the presets for many objects, which ``auto``
            may choose; of a volume they never are.
        max_pixels: What reading is limited to.

    Returns:
        Bytes, at most about three times of what is taken; 3.5 times where objects could be told apart and are not.

    Raises:
        ReadError: What reading would raise of the headers alone: they are broken, claim more than ``max_pixels`` or
            more than their file can hold; the message begins with the file.
    """
    with named(instances[0] if len(instances) == 1 else source):
        claim = _volume_claim(instances, page or 0, max_pixels) if instances else _claim(source, page or 0, max_pixels)
    segmenting = claim.kept_bytes + _beside(claim, is_volume=bool(instances))
    if one_by_one and not instances:
        segmenting += claim.n_voxels * OBJECT_BYTES
    return WORKING_BYTES + int(MARGIN * max(claim.read_bytes, segmenting))


def _beside(claim: Claim, *, is_volume: bool) -> int:
    """What segmenting takes beside what was read: of a volume all of it at once, and one slice after another."""
    is_wide = claim.dtype not in (np.uint8, np.uint16, np.float32)
    in_slice = RESULT_BYTES + (WIDE_BYTES if is_wide else claim.dtype.itemsize)
    largest = claim.n_voxels // min(claim.shape)  # across whichever axis
    return largest * in_slice + sum(claim.shape) * LINE_BYTES + (claim.n_voxels * VOLUME_BYTES if is_volume else 0)


def _claim(path: Path, page: int, max_pixels: int) -> Claim:
    if (kind := kind_of(path)) == "zarr":
        return ome_zarr.zarr_claim(path, max_pixels)
    if kind != "tiff":
        return photo_claim(path, max_pixels)
    check_chain(path)
    return tiff.tiff_claim(path, page, max_pixels)


def _volume_claim(instances: Sequence[Path], picture: int, max_voxels: int) -> Claim:
    path = instances[0]
    kind = kind_of(path)
    if kind == "dicom":
        return dicom.dicom_claim(instances, max_voxels)
    if kind == "nifti":
        return nifti_claim(path, max_voxels)
    if kind == "nrrd":
        return nrrd_claim(path, max_voxels)
    if kind == "mha":
        return mha_claim(path, max_voxels)
    if kind == "zarr":
        return ome_zarr.zarr_claim(path, max_voxels)
    if kind == "tiff":
        check_chain(path)
        return tiff.stack_claim(path, max_voxels, picture)
    if kind is not None:
        raise ReadError(f"file must be DICOM, NIfTI, NRRD or MetaImage to be read as a volume; got {kind}")
    return _archive_claim(path, max_voxels)


def _archive_claim(path: Path, max_voxels: int) -> Claim:
    """What the first file of an archive claims, for all of them; where it cannot be told, what all unpack to."""
    start, count, largest, total = archive.look_into(path, START_OF_ENTRY)
    try:
        return dicom.claim_of(io.BytesIO(start), count, largest, max_voxels)
    except ReadError:
        unpacked = min(total, archive.BYTES_OF_VOXEL * max_voxels + archive.SPARE_BYTES)
        return Claim((count, 1, max(unpacked // (2 * count), 1)), 1, np.dtype(np.int16), 2 * unpacked)
