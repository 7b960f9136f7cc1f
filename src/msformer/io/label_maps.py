"""Which volumes are label maps or segmentations and no images: by header first, by voxels next, by name last.

A label map that is taken for an image costs time and gives a mask of a mask; an image that is taken for a label map is
lost. So names alone never decide, and a file that somebody names is not asked for its voxels.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from msformer.errors import ReadError
from msformer.io import metaimage, nrrd
from msformer.io.nifti import GZIP, SIZES
from msformer.io.values import Stored
from msformer.volume import Kind

CHUNK = 1 << 16
MAX_SAMPLE = 1 << 25
"""Bytes of voxels that are looked at, at most; images end the look within the first chunks."""
SPREAD = 32
"""Chunks that are taken from a file which is not compressed."""
MOST_PARTS = 10_000
"""Files of voxels that a header can name, which are looked for, at most."""
SLICER = re.compile(r"segment(?:\d+_|ation_)\w+")
"""Fields by which 3D Slicer marks segmentations in NRRD."""
INTENT_LABEL = 1002
"""NIfTI's code for data that are labels."""
NAMED = re.compile(
    r"(?:^|[^a-z])(?:labels?|labelmaps?|seg|segm|segs|segmentations?|masks?|aseg|aparc|roi|rois|gt|groundtruth)"
    r"(?:[^a-z]|$)",
    re.IGNORECASE,
)
FOLDERS = re.compile(r"^(?:labels?(?:tr|ts)?|masks?|segmentations?|seg|annotations?)$", re.IGNORECASE)
MAX_NAMED, FLAT_NAMED = 256, 0.85
"""Values that a label map may have which is called one, and the share of neighbours that are equal in it."""
MAX_NAMELESS, FLAT_NAMELESS = 32, 0.95
"""The same for what only its voxels tell; its largest value is less than the first number, too."""
NIFTI_TYPES = {2: "u1", 256: "i1", 4: "i2", 512: "u2", 8: "i4", 768: "u4", 16: "f4", 64: "f8", 1024: "i8"}


@dataclass(frozen=True)
class Voxels:
    """Where the numbers of a volume are.

    Attributes:
        path: The file.
        start: Where they begin, after unpacking where the whole file is packed.
        dtype: What they are.
        packing: ``gzip``, or zlib, from ``start`` on, ``file`` for the whole file, None for none.
    """

    path: Path
    start: int
    dtype: np.dtype[np.generic]
    packing: str | None = None


@dataclass(frozen=True)
class Header:
    """What a header says that matters here.

    Attributes:
        reason: Why it is a label map; None where the header does not say that.
        voxels: Where to look on; None where that cannot be told.
        parts: Other files that belong to this one and are there.
    """

    reason: str | None = None
    voxels: Voxels | None = None
    parts: tuple[Path, ...] = ()


def read_header(path: Path, kind: Kind) -> Header:
    """Look at the header of a NIfTI, NRRD or MetaImage file; an empty answer where it is broken."""
    try:
        if kind == "nrrd":
            return _nrrd(path)
        if kind == "mha":
            return _mha(path)
        if kind == "nifti":
            return _nifti(path)
    except (ReadError, OSError, ValueError, OverflowError, EOFError, zlib.error, struct.error):
        pass  # whoever reads the file will say what is wrong
    return Header()


def is_called_labels(path: Path) -> bool:
    """Whether a file, or the folder that it is in, is called as label maps are."""
    return NAMED.search(path.name) is not None or FOLDERS.match(path.parent.name) is not None


def holds_labels(path: Path, voxels: Voxels) -> bool:
    """Whether the voxels are labels: few whole numbers from 0 up, in flat areas. A part of them is looked at."""
    is_named = is_called_labels(path)
    if voxels.dtype.kind == "f" and not is_named:
        return False
    most, flat = (MAX_NAMED, FLAT_NAMED) if is_named else (MAX_NAMELESS, FLAT_NAMELESS)
    found: set[float] = set()
    equal = pairs = 0
    try:
        for values in _sample(voxels):
            found.update(np.unique(values).tolist())
            if len(found) > most or not all(_is_label(value, None if is_named else most) for value in found):
                return False
            equal += int((values[1:] == values[:-1]).sum())
            pairs += len(values) - 1
    except (OSError, ValueError, EOFError, zlib.error):
        return False
    is_empty = found == {0}  # a patient without the thing that was drawn, where the name says that it was drawn
    return (len(found) > 1 or (is_named and is_empty)) and pairs > 0 and equal >= flat * pairs


def _is_label(value: float, end: int | None) -> bool:
    return value >= 0 and value == int(value) and (end is None or value < end) if np.isfinite(value) else False


def _sample(voxels: Voxels) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    width = voxels.dtype.itemsize
    with voxels.path.open("rb") as file:
        if voxels.packing is None:
            size = file.seek(0, 2) - voxels.start
            step = max(size // SPREAD // width * width, CHUNK)
            for at in range(0, max(size, 0), step):
                file.seek(voxels.start + at)
                yield _values(file.read(min(CHUNK, size - at)), voxels.dtype)
            return
        for data in _unpacked(file, voxels):
            yield _values(data, voxels.dtype)


def _unpacked(file: BinaryIO, voxels: Voxels) -> Iterator[bytes]:
    if voxels.packing == "file":
        with gzip.GzipFile(fileobj=file) as unpacked:
            unpacked.read(voxels.start)
            stream = cast(BinaryIO, unpacked)
            yield from iter(lambda: _some(stream), b"")
        return
    file.seek(voxels.start)
    unpacker, left = zlib.decompressobj(47), MAX_SAMPLE
    while left > 0 and not unpacker.eof:
        packed = unpacker.unconsumed_tail or file.read(CHUNK)
        if not packed:
            return
        data = unpacker.decompress(packed, CHUNK)
        left -= len(data)
        if data:
            yield data


def _some(stream: BinaryIO) -> bytes:
    return stream.read(CHUNK) if stream.tell() < MAX_SAMPLE else b""


def _values(data: bytes, dtype: np.dtype[np.generic]) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype=dtype)


def _nrrd(path: Path) -> Header:
    header, start = nrrd.read_header(path)
    if any(SLICER.fullmatch(name) for name in header):
        return Header("its header says that it is a segmentation of 3D Slicer")
    return _header(nrrd.data_files(path, header), partial(nrrd.stored_in, path, header, start))


def _mha(path: Path) -> Header:
    header, start = metaimage.read_header(path)
    return _header(metaimage.data_files(path, header), partial(metaimage.stored_in, path, header, start))


def _header(parts: tuple[Path, ...], stored_in: Callable[[], Stored]) -> Header:
    """Voxels are looked at where they are numbers in one file, behind a known place."""
    parts = tuple(one for one in parts[:MOST_PARTS] if one.is_file())
    try:
        stored = stored_in()
    except ReadError:
        return Header(parts=parts)
    place = stored.files[0]
    is_plain = len(stored.files) == 1 and stored.start >= 0 and stored.line_skip == 0
    if not is_plain or stored.packing not in ("raw", "gzip") or not place.is_file():
        return Header(parts=parts)
    return Header(None, Voxels(place, stored.start, stored.dtype, None if stored.packing == "raw" else "gzip"), parts)


def _nifti(path: Path) -> Header:
    with path.open("rb") as file:
        is_packed = file.read(2) == GZIP
    with gzip.open(path) if is_packed else path.open("rb") as opened:
        head = opened.read(max(SIZES))
    order = next(
        (one for one, name in (("<", "little"), (">", "big")) if int.from_bytes(head[:4], name) in SIZES),  # type: ignore[arg-type]
        "<",
    )
    is_second = int(struct.unpack_from(f"{order}i", head, 0)[0]) == 540
    intent = (
        struct.unpack_from(f"{order}i", head, 504)[0] if is_second else struct.unpack_from(f"{order}h", head, 68)[0]
    )
    code = struct.unpack_from(f"{order}h", head, 12 if is_second else 70)[0]
    start = (
        struct.unpack_from(f"{order}q", head, 168)[0] if is_second else struct.unpack_from(f"{order}f", head, 108)[0]
    )
    is_pair = head[4:7] == b"ni2" if is_second else head[344:347] == b"ni1"
    name = path.name.removesuffix(".gz").removesuffix(".hdr")
    beside = [path.with_name(name + suffix) for suffix in (".img", ".img.gz")] if is_pair else []
    parts = tuple(one for one in beside if one.is_file())
    if intent == INTENT_LABEL:
        return Header("its header says that it holds labels (intent code 1002)", parts=parts)
    if code not in NIFTI_TYPES or is_pair or not 0 <= start < MAX_SAMPLE:
        return Header(parts=parts)
    dtype = np.dtype(order + NIFTI_TYPES[code])
    return Header(None, Voxels(path, int(start), dtype, "file" if is_packed else None), parts)
