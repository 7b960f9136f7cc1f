"""What the headers of DICOM files claim, before a pixel is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from msformer.errors import ReadError
from msformer.io.claim import Claim
from msformer.io.dicom.headers import MAX_INFLATED, dataset_of, is_deflated
from msformer.io.dicom.values import number_of
from msformer.io.photo import check_voxel_count

CLAIM_TAGS = [
    "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated", "BitsStored", "PhotometricInterpretation",
    "RescaleSlope", "RescaleIntercept",
]  # fmt: skip
MOST_OF_DEFLATE = 1032
"""Bytes that a byte of a deflated file unpacks to, at most."""
CONVERTED_BYTES = 36
"""Bytes of a pixel while YCbCr becomes RGB, a frame at a time: three channels in double precision, and once more."""


def dicom_claim(paths: Sequence[Path], max_voxels: int) -> Claim:
    """What a series claims, or one file of one or several frames. The first header speaks for all files of a series.

    Raises:
        ReadError: The header is none of an image, or claims more than ``max_voxels``.
    """
    there = paths[0].stat().st_size
    with paths[0].open("rb") as file:
        if is_deflated(file):  # what it says is packed too
            unpacked = min(there * MOST_OF_DEFLATE, MAX_INFLATED)
            return Claim((1, 1, max(unpacked // 2, 1)), 1, np.dtype(np.int16), 4 * unpacked)
        return claim_of(file, len(paths), there, max_voxels)


def claim_of(file: BinaryIO, n_files: int, there: int, max_voxels: int) -> Claim:
    """The claim of an open file, or of the beginning of one, that stands for ``n_files`` of ``there`` bytes each.

    While a file is decoded, it is in memory as it is stored and as it is decoded, then as it is decoded and as it is
    meant, with a mask of its padding.

    Raises:
        ReadError: As ``dicom_claim`` says.
    """
    data = dataset_of(file, CLAIM_TAGS, stop_before_pixels=True)
    rows, columns, samples, frames, bits = (
        int(number_of(data, name) or 0)
        for name in ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated")
    )
    if not (rows > 0 and columns > 0):
        raise ReadError("this DICOM file holds no image (no rows and columns)")
    samples, frames = max(samples, 1), max(frames, 1) if n_files == 1 else 1
    depth = max(n_files, frames)
    check_voxel_count((depth, rows, columns), max_voxels)
    photometric = str(data.get("PhotometricInterpretation", ""))
    item = 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8
    kept, n_channels = np.dtype(f"i{item}"), samples
    if photometric == "PALETTE COLOR":
        kept, n_channels = np.dtype(np.uint16), 3
    elif samples == 1:
        kept = _rescaled(data, bits, kept)
    whole = Claim((depth, rows, columns), n_channels, kept, 0)
    in_file = rows * columns * frames
    decoded, meant = in_file * samples * item, in_file * n_channels * kept.itemsize
    converted = rows * columns * CONVERTED_BYTES if photometric.startswith("YBR") else 0
    one = max(there, meant) + decoded + in_file + converted
    return replace(whole, read_bytes=one + (whole.kept_bytes if n_files > 1 else 0))


def _rescaled(data: Any, bits: int, stored: np.dtype[Any]) -> np.dtype[Any]:
    """The type of grey values once they are rescaled; single precision where that may be told frame by frame."""
    slope, intercept = number_of(data, "RescaleSlope"), number_of(data, "RescaleIntercept") or 0.0
    is_told_by_frame = slope is None and (number_of(data, "NumberOfFrames") or 1) > 1
    slope = slope or 1.0
    if (slope, intercept) == (1.0, 0.0) and not is_told_by_frame:
        return stored
    if stored.itemsize > 2:
        return np.dtype(np.float64)
    reach = 2 ** min(int(number_of(data, "BitsStored") or bits), bits) * abs(slope) + abs(intercept)
    is_narrow = slope % 1 == 0 and intercept % 1 == 0 and reach <= np.iinfo(np.int16).max
    return np.dtype(np.int16 if is_narrow and not is_told_by_frame else np.float32)
