"""MetaImage (.mha, .mhd), in and out; broken compression, which takes the reader of ITK down, ends the case alone."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.geometry import Geometry
from msformer.io.claim import Claim
from msformer.io.photo import check_voxel_count
from msformer.io.privacy import of_header
from msformer.io.values import (
    MOST_CHANNELS,
    Packing,
    Stored,
    broken,
    check_frame,
    check_inside,
    check_stored,
    read_values,
)
from msformer.volume import Volume

MAX_HEADER = 1 << 20
LAST_KEY = re.compile(rb"^[ \t]*ElementDataFile[ \t]*[=:][ \t]*([^\r\n]*)\r?(?:\n|$)", re.MULTILINE)
TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


def read_mha(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read a MetaImage file, of voxels behind the header (.mha) or in one other file (.mhd) in its folder or below.

    Args:
        path: The file with the header.
        frame: Which of the volumes of a 4-D file, from 0.
        max_voxels: Refuse more, in all volumes of a 4-D file together.

    Raises:
        ReadError: It cannot be read, has more than ``max_voxels``, has four axes and no ``frame`` is given, or names
            a file outside its folder.
        ImageError: Its directions are no geometry.
    """
    found = _layout(path, max_voxels)
    size, channels = found.size, found.channels
    index = check_frame(size[3] if len(size) == 4 else 1, frame)
    with broken("MetaImage"):
        geometry = _geometry(found.header, len(size))
        values = read_values(found.stored, math.prod(size) * channels)
    voxels = values.reshape([*size[::-1], channels] if channels > 1 else size[::-1])
    if len(size) == 4:
        voxels = voxels[index]
    voxels = voxels[None] if len(size) == 2 else voxels
    return Volume(voxels, geometry, "mha", path)


@dataclass(frozen=True)
class _Layout:
    """What a header says.

    Attributes:
        header: Its fields.
        size: Of the axes, the fastest first.
        channels: Numbers of each voxel.
        stored: Where the numbers are.
    """

    header: Mapping[str, str]
    size: tuple[int, ...]
    channels: int
    stored: Stored


def _layout(path: Path, max_voxels: int) -> _Layout:
    """What a header says, after all that can be checked of it alone.

    Raises:
        ReadError: As ``read_mha`` says.
    """
    header, start = read_header(path)
    with broken("MetaImage"):
        size = [int(side) for side in header.get("DimSize", "").split()]
        channels = int(header.get("ElementNumberOfChannels", "1"))
        if channels < 1 or len(size) != int(header.get("NDims", "0")):
            said = of_header(header.get("NDims"))
            raise ReadError(f"NDims must be the number of sides of DimSize; got {said} and {size}")
        if len(size) not in (2, 3, 4) or min(size) < 1:
            raise ReadError(f"image must have 2 to 4 axes of at least 1 voxel; got {tuple(size)}")
        check_voxel_count(size if channels <= MOST_CHANNELS else [*size, channels], max_voxels)
        return _Layout(header, tuple(size), channels, stored_in(path, header, start))


def mha_claim(path: Path, max_voxels: int) -> Claim:
    """What a header claims: all volumes of a file are read, and stay.

    Raises:
        ReadError: As ``read_mha`` says of headers, and of files that cannot hold what theirs claims.
    """
    found = _layout(path, max_voxels)
    count = math.prod(found.size) * found.channels
    check_stored(found.stored, count)
    width, height, depth = (*found.size[:3], 1)[:3]
    dtype = found.stored.dtype
    return Claim((depth, height, width), found.channels, dtype, count * dtype.itemsize)


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """The fields of a header, and where what follows it begins.

    Raises:
        ReadError: It has no end within its first megabyte.
    """
    with path.open("rb") as file:
        start = file.read(MAX_HEADER)
    if (last := LAST_KEY.search(start)) is None:
        raise ReadError(f"MetaImage header must have ElementDataFile within {MAX_HEADER} bytes; got none")
    header = {}
    for line in start[: last.end()].decode("utf-8", "surrogateescape").splitlines():  # as names of files are
        key, _, value = line.partition("=") if "=" in line else line.partition(":")
        header[key.strip()] = value.strip()
    return header, last.end()


def data_files(path: Path, header: Mapping[str, str]) -> tuple[Path, ...]:
    """The file that holds the voxels of a header of its own; empty where they are behind it.

    Raises:
        ReadError: It names several, or one outside its folder.
    """
    name = header["ElementDataFile"]
    if name.upper() == "LOCAL":
        return ()
    if name.upper().startswith("LIST") or "%" in name:
        raise ReadError(f"voxels must be in one file; ElementDataFile is {of_header(name)}")
    check_inside(name)
    return (path.parent / name,)


def stored_in(path: Path, header: Mapping[str, str], start: int) -> Stored:
    """Where the voxels are that a header stands for, of which the rest of the file begins at ``start``.

    Raises:
        ReadError: They are of a type that is not read, in several files, or in one outside its folder.
        ValueError: A number of the header is none.
    """
    if (kind := TYPES.get(header.get("ElementType", ""))) is None:
        said = of_header(header.get("ElementType"))
        raise ReadError(f"ElementType must be one of {', '.join(TYPES)}; got {said}")
    dtype = np.dtype((">" if _flag(header, "ByteOrderMSB") else "<") + kind)
    is_packed = _flag(header, "CompressedData")
    packing: Packing = "text" if not _flag(header, "BinaryData") else "gzip" if is_packed else "raw"
    files = data_files(path, header)
    skip = int(header.get("HeaderSize", "0")) if files else start
    return Stored(files or (path,), skip if packing == "raw" else max(skip, 0), packing, dtype)


def write_mha(file: BinaryIO, labels: NDArray[Any], geometry: Geometry) -> None:
    """Write labels ``(D, H, W)`` of 8 or 16 bits, packed; the same labels give the same bytes.

    Args:
        file: What it is written to.
        labels: The voxels.
        geometry: Where they lie; what is flat becomes two axes.
    """
    axes = 2 if geometry.is_flat and len(labels) == 1 else 3
    little = labels.astype(labels.dtype.newbyteorder("<"), copy=False)
    packed = zlib.compress(np.ascontiguousarray(little).tobytes(), 6)
    matrix = np.array(geometry.direction).reshape(3, 3)[:axes, :axes].T  # a row an axis
    lines = [
        "ObjectType = Image",
        f"NDims = {axes}",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        f"TransformMatrix = {_said(matrix.ravel())}",
        f"Offset = {_said(geometry.origin_mm[:axes])}",
        f"CenterOfRotation = {_said([0.0] * axes)}",
        f"ElementSpacing = {_said(geometry.spacing_mm[:axes])}",
        f"DimSize = {' '.join(map(str, labels.shape[::-1][:axes]))}",
        f"ElementType = {'MET_UCHAR' if labels.dtype.itemsize == 1 else 'MET_USHORT'}",
        "ElementDataFile = LOCAL",
    ]
    file.write(("\n".join(lines) + "\n").encode("ascii") + packed)


def _said(numbers: Any) -> str:
    return " ".join(repr(float(one) + 0.0) for one in numbers)


def _flag(header: Mapping[str, str], ending: str) -> bool:
    return any(key.endswith(ending) and value[:1] in ("T", "t", "1") for key, value in header.items())


def _geometry(header: Mapping[str, str], axes: int) -> Geometry:
    """Each row of TransformMatrix is the direction of one axis: the columns of ours."""

    def numbers(names: tuple[str, ...], default: list[float]) -> NDArray[np.float64]:
        text = next((header[name] for name in names if name in header), None)
        found = default if text is None else [float(one) for one in text.split()]
        if len(found) != len(default):
            raise ReadError(f"{names[0]} must be {len(default)} numbers; got {of_header(text)}")
        return np.array(found, dtype=np.float64)

    spacing = numbers(("ElementSpacing", "ElementSize"), [1.0] * axes)
    origin = numbers(("Offset", "Origin", "Position"), [0.0] * axes)
    matrix = numbers(("TransformMatrix", "Orientation", "Rotation"), list(np.eye(axes).ravel())).reshape(axes, axes)
    inner = min(axes, 3)
    steps, start, columns = np.ones(3), np.zeros(3), np.eye(3)
    steps[:inner], start[:inner], columns[:inner, :inner] = spacing[:inner], origin[:inner], matrix[:inner, :inner].T
    x, y, z = (float(one) for one in start)
    a, b, c, d, e, f, g, h, i = (float(one) for one in columns.ravel())
    is_sized = not header.keys().isdisjoint(("ElementSpacing", "ElementSize"))
    return Geometry(
        (float(steps[0]), float(steps[1]), float(steps[2])),
        (x, y, z),
        (a, b, c, d, e, f, g, h, i),
        is_stated=(is_sized, is_sized, is_sized and axes > 2),
        is_placed=not header.keys().isdisjoint(("Offset", "Origin", "Position")),
        is_flat=axes == 2,
    )
