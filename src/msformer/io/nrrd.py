"""NRRD (.nrrd, .nhdr), in and out: headers by pynrrd, voxels by a bounded reader; same labels, same bytes.

SimpleITK reads as much, but a header can end the whole process there, and it is 264 MB for this and MetaImage alone.
"""

from __future__ import annotations

import gzip
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
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
DATA_FILE = re.compile(r"^[ \t]*data ?file[ \t]*:=?(.*)$", re.IGNORECASE | re.MULTILINE)
"""Where headers name the files of their voxels."""
PATTERN = re.compile(r"([^%]*%0?\d{0,2}d[^%]*?)\s+(-?\d{1,9})\s+(-?\d{1,9})\s+(-?\d{1,9})(?:\s+\d+)?")
"""Many files by their numbers; the last of them, how many axes a file has, follows from the sizes."""
MAX_DATA_FILES = 100_000
TYPES = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1",
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2", "int16": "i2", "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2", "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "longlong": "i8", "long long": "i8", "long long int": "i8", "signed long long": "i8",
    "signed long long int": "i8", "int64": "i8", "int64_t": "i8",
    "ulonglong": "u8", "unsigned long long": "u8", "unsigned long long int": "u8", "uint64": "u8", "uint64_t": "u8",
    "float": "f4", "double": "f8",
}  # fmt: skip
"""NRRD's names of types; without a block of bytes, which means nothing here."""
PACKINGS: dict[str, Packing] = {
    "raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2", "ascii": "text", "text": "text",
    "txt": "text",
}  # fmt: skip
SIGNS = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
"""What turns a space to LPS; others are taken as they are, as ITK does."""
SPACE_KINDS = frozenset({"domain", "space"})
UNKNOWN = ("???", "none")
TIME_KINDS = frozenset({"time", "list"})
"""Each element is an image of its own: time points, gradients, items of a sequence."""
SERIES_NAMES = (".seq.nrrd", ".seq.nhdr")
SERIES_FIELDS = ("multivolume.", "dwmri_gradient_", "datanodeclassname")
"""Names of files and beginnings of fields by which 3D Slicer marks series, also where the axis is called ``vector``."""
MM = frozenset({"mm", "", "???", "millimeter", "millimeters"})


def read_nrrd(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read an NRRD file.

    An axis of time, or a list, holds volumes, of which ``frame`` chooses; one of colours or vectors channels.

    Args:
        path: The file; a header whose voxels are in other files works when they are in the same folder or below it.
        frame: Which of the volumes of a 4-D file, from 0.
        max_voxels: Refuse more, in all volumes of a 4-D file together.

    Raises:
        ReadError: It cannot be read, has more than ``max_voxels``, has several volumes and no ``frame`` is given, or
            names a file outside its folder.
        ImageError: Its directions are no geometry.
    """
    found = _layout(path, max_voxels)
    roles = found.roles
    index = check_frame(found.side_of("frame"), frame)
    with broken("NRRD"):
        values = read_values(found.stored, math.prod(found.sizes))
    geometry, notes = _geometry(found.header, roles)
    axes = [*reversed(roles)]  # of the array, whose last axis is the first of the header
    array = values.reshape(found.sizes[::-1])
    if "frame" in axes:
        place = axes.index("frame")
        array = array.take(index, axis=place)
        del axes[place]
    if "channel" in axes:
        array = np.moveaxis(array, axes.index("channel"), -1)
    array = array[..., 0] if "channel" in axes and found.side_of("channel") == 1 else array
    voxels = np.ascontiguousarray(array[None] if roles.count("space") == 2 else array)
    return Volume(voxels, geometry, "nrrd", path, notes=notes)


@dataclass(frozen=True)
class _Layout:
    """What a header says.

    Attributes:
        header: Its fields.
        sizes: Of the axes, the fastest first.
        roles: What they are, see ``_roles``.
        stored: Where the numbers are.
    """

    header: Mapping[str, Any]
    sizes: tuple[int, ...]
    roles: tuple[str, ...]
    stored: Stored

    def side_of(self, role: str) -> int:
        """Length of the axis of a role; 1 where there is none."""
        return next((side for side, one in zip(self.sizes, self.roles, strict=True) if one == role), 1)


def _layout(path: Path, max_voxels: int) -> _Layout:
    """What a header says, after all that can be checked of it alone.

    Raises:
        ReadError: As ``read_nrrd`` says.
    """
    header, start = read_header(path)
    sizes = [int(side) for side in header.get("sizes", ())]
    if len(sizes) != int(header.get("dimension", 0)) or not 2 <= len(sizes) <= 5 or min(sizes) < 1:
        raise ReadError(
            f"image must have 2 to 4 axes of at least 1 voxel, as many as dimension says; got {tuple(sizes)}"
        )
    roles = _roles(header, sizes, is_series=_is_series(header, path.name))
    n_space = roles.count("space")
    if n_space not in (2, 3) or roles.count("frame") > 1 or roles.count("channel") > 1 or len(sizes) - n_space > 2:
        raise ReadError(f"image must have 2 to 4 axes, 2 or 3 of space; got {tuple(sizes)} with {n_space} of space")
    counted = [side for side, role in zip(sizes, roles, strict=True) if role != "channel" or side > MOST_CHANNELS]
    check_voxel_count(counted, max_voxels)
    with broken("NRRD"):
        stored = stored_in(path, header, start)
    return _Layout(header, tuple(sizes), tuple(roles), stored)


def nrrd_claim(path: Path, max_voxels: int) -> Claim:
    """What a header claims: all volumes of a file are read, and the one that is chosen, or turned, is a copy.

    Raises:
        ReadError: As ``read_nrrd`` says of headers, and of files that cannot hold what theirs claims.
    """
    found = _layout(path, max_voxels)
    count = math.prod(found.sizes)
    check_stored(found.stored, count)
    sides = [side for side, role in zip(found.sizes, found.roles, strict=True) if role == "space"]
    width, height, depth = (*sides, 1)[:3]
    there = count * found.stored.dtype.itemsize
    is_copied = "frame" in found.roles or "channel" in found.roles[1:]
    copied = is_copied * there // found.side_of("frame")
    return Claim((depth, height, width), found.side_of("channel"), found.stored.dtype, there + copied)


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The fields of a header, and where what follows it begins.

    Reading one must not open what it likes: names of files outside its own folder are refused.

    Raises:
        ReadError: It is none, has no end within its first megabyte, or names such a file.
    """
    import nrrd

    with path.open("rb") as file:
        head = file.read(MAX_HEADER + 1)
    end = re.search(rb"\r?\n\r?\n", head)
    if end is None and len(head) > MAX_HEADER:
        raise ReadError(f"header must end within {MAX_HEADER} bytes")
    stop = len(head) if end is None else end.end()
    text = head[: stop if end is None else end.start()].decode("utf-8", "surrogateescape")  # as names of files are
    listed: list[str] = []
    for found in DATA_FILE.finditer(text):
        value = found.group(1).strip()
        if value.upper().startswith("LIST"):
            listed = [line.strip() for line in text[found.end() :].splitlines() if line.strip()]
            text = text[: found.start()]
        for name in listed or [value]:
            check_inside(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fields = nrrd.read_header([line + "\n" for line in text.splitlines()])
    except Exception as error:  # pynrrd and the parsers that it calls raise many kinds
        raise ReadError(f"broken NRRD header: {type(error).__name__}") from error
    named = {str(name).lower(): value for name, value in fields.items()}
    return (named | {"data file": listed} if listed else named), stop


def data_files(path: Path, header: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files that hold the voxels of a header of its own; empty where they are behind it.

    A header names one, a list of them, or a pattern with the first, the last and the step.

    Raises:
        ReadError: It names too many.
    """
    named = header.get("data file", header.get("datafile"))
    if named is None:
        return ()
    if isinstance(named, list | tuple):
        return tuple(path.parent / str(one).strip() for one in named)
    text = str(named).strip()
    if (found := PATTERN.fullmatch(text)) is None:
        return (path.parent / text,)
    first, last, step = (int(one) for one in found.groups()[1:4])
    if step == 0 or not 0 <= (last - first) / step < MAX_DATA_FILES:
        raise ReadError(f"pattern of data files must be NAME%03d FIRST LAST STEP, at most {MAX_DATA_FILES} files")
    return tuple(path.parent / (found[1] % number) for number in range(first, last + (1 if step > 0 else -1), step))


def stored_in(path: Path, header: Mapping[str, Any], start: int) -> Stored:
    """Where the voxels are that a header stands for, of which the rest of the file begins at ``start``.

    Raises:
        ReadError: They are of a type or in an encoding that is not read, or in too many files.
        ValueError: A number of the header is none.
    """
    try:
        kind = TYPES[str(header["type"]).strip().lower()]
        packing = PACKINGS[str(header["encoding"]).strip().lower()]
    except KeyError as error:
        raise ReadError(
            f"header must have a type that is a number and an encoding among {', '.join(PACKINGS)}; got "
            f"{of_header(error.args[0])}"
        ) from error
    dtype = np.dtype((">" if str(header.get("endian", "little")).strip().lower() == "big" else "<") + kind)
    skip, lines = int(header.get("byte skip", header.get("byteskip", 0))), int(header.get("line skip", 0))
    if files := data_files(path, header):
        return Stored(files, skip, packing, dtype, lines)
    return Stored((path,), -1 if skip == -1 else start + max(skip, 0), packing, dtype)


def write_nrrd(file: BinaryIO, labels: NDArray[Any], geometry: Geometry, fields: Mapping[str, str]) -> None:
    """Write labels ``(D, H, W)`` of 8 or 16 bits, packed; the same labels give the same bytes.

    Args:
        file: What it is written to.
        labels: The voxels.
        geometry: Where they lie; what is flat becomes two axes.
        fields: Further keys and values, as 3D Slicer has them.
    """
    axes = 2 if geometry.is_flat and len(labels) == 1 else 3
    sizes = labels.shape[::-1][:axes]
    steps = [tuple(geometry.affine[:axes, axis]) for axis in range(axes)]
    lines = [
        "NRRD0004",
        f"type: {'unsigned char' if labels.dtype.itemsize == 1 else 'unsigned short'}",
        f"dimension: {axes}",
        "space: left-posterior-superior" if axes == 3 else "space dimension: 2",
        f"sizes: {' '.join(map(str, sizes))}",
        f"space directions: {' '.join(_vector(step) for step in steps)}",
        f"kinds: {' '.join(['domain'] * axes)}",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(geometry.origin_mm[:axes])}",
        *(f"{key}:={value}" for key, value in fields.items()),
    ]
    file.write(("\n".join(lines) + "\n\n").encode("utf-8"))
    little = labels.astype(labels.dtype.newbyteorder("<"), copy=False)
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        packed.write(np.ascontiguousarray(little).tobytes())


def _vector(numbers: Sequence[float]) -> str:
    return f"({','.join(repr(float(one) + 0.0) for one in numbers)})"


def _is_series(header: Mapping[str, Any], name: str) -> bool:
    return (
        name.lower().endswith(SERIES_NAMES)
        or str(header.get("modality", "")).strip().upper() == "DWMRI"
        or any(field.startswith(SERIES_FIELDS) for field in header)
    )


def _roles(header: Mapping[str, Any], sizes: Sequence[int], *, is_series: bool) -> list[str]:
    """What each axis is, the fastest first: ``space``, ``frame`` or ``channel``."""
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    kinds = kinds if len(kinds) == len(sizes) else ["???"] * len(sizes)
    directions = header.get("space directions")
    has_place: list[bool | None] = [None] * len(sizes)
    if directions is not None and len(directions) == len(sizes):
        has_place = [
            step is not None and bool(np.isfinite(np.asarray(step, dtype=np.float64)[:3]).all()) for step in directions
        ]
    roles = []
    for axis, (kind, placed, side) in enumerate(zip(kinds, has_place, sizes, strict=True)):
        if placed or (placed is None and (kind in SPACE_KINDS or (kind in UNKNOWN and axis < 3))):
            roles.append("space")
        elif is_series or kind in TIME_KINDS or (kind in UNKNOWN and (axis > 0 or side > MOST_CHANNELS)):
            roles.append("frame")
        else:
            roles.append("channel")
    return roles


def _geometry(header: Mapping[str, Any], roles: Sequence[str]) -> tuple[Geometry, tuple[str, ...]]:
    """Where the voxels lie, with what of it the header states, and what there is to tell."""
    space = [axis for axis, role in enumerate(roles) if role == "space"]
    is_flat = len(space) == 2
    signs = np.array(SIGNS.get(str(header.get("space", "")).strip().lower().removesuffix("-time"), (1, 1, 1)), float)
    steps, known = np.eye(3), [False, False, False]
    directions, spacings = header.get("space directions"), header.get("spacings")
    for place, axis in enumerate(space):
        if directions is not None and len(directions) == len(roles):
            step = np.asarray(directions[axis], dtype=np.float64)[:3]
            steps[:, place] = 0
            steps[: len(step), place] = step
            known[place] = True
        elif spacings is not None and len(spacings) == len(roles) and np.isfinite(spacings[axis]):
            steps[place, place] = float(spacings[axis])
            known[place] = True
    if is_flat:
        across = np.cross(steps[:, 0], steps[:, 1])
        length = float(np.linalg.norm(across))
        steps[:, 2] = across / length if length > 0 else (0, 0, 1)
    origin = np.zeros(3)
    stated = header.get("space origin")
    if stated is not None and np.isfinite(np.asarray(stated, dtype=np.float64)).all():
        numbers = np.asarray(stated, dtype=np.float64)[:3]
        origin[: len(numbers)] = numbers
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps * signs[:, None], origin * signs
    try:
        geometry = Geometry.from_affine(affine)
    except ImageError as error:
        raise ImageError(f"directions must be three independent vectors; {error}") from error
    notes: tuple[str, ...] = ()
    units = {str(one).strip().lower() for name in ("space units", "units") for one in header.get(name, [])}
    if units - MM:
        notes = ("sizes are in another unit than mm: no areas and volumes",)
    is_known = [one and not notes for one in known]
    return (
        Geometry(
            geometry.spacing_mm,
            geometry.origin_mm,
            geometry.direction,
            is_stated=(is_known[0], is_known[1], is_known[2] and not is_flat),
            is_placed=stated is not None,
            is_flat=is_flat,
        ),
        notes,
    )
