"""The numbers of a volume out of a file that only states how many there are: never more of them than it stated."""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.io.privacy import of_header
from msformer.io.regular import check_regular

Packing: TypeAlias = Literal["raw", "gzip", "bzip2", "text"]
MOST_CHANNELS = 4
"""Up to so many numbers are colours of a voxel; vectors of more count as so many voxels."""
ZLIB_OR_GZIP = 47
CHUNK = 1 << 22
TEXT_CHUNK = 1 << 18
"""Text is parsed so many bytes at a time: as Python's numbers it takes forty times as much."""
MAX_DIGITS = 1 << 10
"""Characters of a number that is written as text, at most."""
LEAST_TEXT = 2
"""Bytes of a number that is written as text, at least, with what parts it from the next one."""
MOST_UNPACKED: dict[Packing, int] = {"raw": 1, "gzip": 1032, "bzip2": 1_500_000}
"""Bytes that one byte of a packed file unpacks to, at most: of zlib by its documentation; of bzip2 a block of 900,000
bytes, each five of which may stand for 259, in at least 32."""


@dataclass(frozen=True)
class Stored:
    """Where the numbers of a volume are, and how, as its header says.

    Attributes:
        files: The files that hold them, of which each has an equal share.
        start: Bytes before them in each; -1 of raw numbers for those at its end.
        packing: How they are stored; ``gzip`` is zlib as well.
        dtype: What they are.
        line_skip: Lines before them, after which ``start`` counts.
    """

    files: tuple[Path, ...]
    start: int
    packing: Packing
    dtype: np.dtype[Any]
    line_skip: int = 0


def read_values(stored: Stored, count: int) -> NDArray[Any]:
    """Read ``count`` numbers, in the byte order of this machine.

    They are in memory once. What a header claims and its files cannot hold is refused before any of it is taken.

    Raises:
        ReadError: They cannot be parted evenly, or a file is missing, a pipe or a device, or has fewer.
    """
    check_stored(stored, count)
    each = count // len(stored.files)
    values = np.empty(count, dtype=stored.dtype)
    for number, path in enumerate(stored.files):
        _read_part(path, stored, values[number * each : (number + 1) * each])
    return as_native(values)


@contextmanager
def broken(kind: str) -> Iterator[None]:
    """Errors of broken files as ours: numbers that are none, broken compression.

    Args:
        kind: Of file, for the message.

    Raises:
        ReadError: In their place.
    """
    try:
        yield
    except (ReadError, ImageError, OSError):
        raise
    except (ValueError, OverflowError, zlib.error) as error:
        raise ReadError(f"broken {kind}: {error}") from error


def check_stored(stored: Stored, count: int) -> None:
    """Refuse headers that claim more than their files can hold, however well they are packed.

    Raises:
        ReadError: As ``read_values`` says of files that are not read yet.
    """
    if count % len(stored.files):
        raise ReadError(f"voxels must be parted evenly among their files; got {count} in {len(stored.files)}")
    for path in stored.files:
        if not path.exists():
            raise ReadError(f"voxels must be in the file that the header names; there is no {of_header(path.name)}")
        check_regular(path)
        there, each = path.stat().st_size, count // len(stored.files)
        if stored.packing == "raw":
            _check_raw(there - max(stored.start, 0), each * stored.dtype.itemsize)
        else:
            check_can_hold(stored.packing, there, each, stored.dtype.itemsize)


def _check_raw(there: int, needed: int) -> None:
    if there < needed:
        raise ReadError(f"broken or truncated: there must be {needed} bytes of voxels; got {max(there, 0)}")


def _read_part(path: Path, stored: Stored, into: NDArray[Any]) -> None:
    """Fill an array ``(count,)`` with the numbers of one of the files."""
    packing, count, itemsize = stored.packing, len(into), stored.dtype.itemsize
    needed = count * itemsize
    with path.open("rb") as file:
        for _ in range(stored.line_skip):
            file.readline(CHUNK)
        length = path.stat().st_size - file.tell()
        begin = length - needed if stored.start == -1 else max(stored.start, 0)
        if packing == "raw":
            _check_raw(length - begin if begin >= 0 else length, needed)
        file.seek(begin, 1)
        if packing == "text":
            found = _fill_with_text(file, into)
        elif packing == "raw":
            found = fill(file, into) // itemsize
        else:
            found = _fill_unpacked(file, packing, _bytes_of(into)) // itemsize
    if found < count:
        raise ReadError(f"broken or truncated: there must be {count} values; got {found}")


def check_can_hold(packing: Packing, there: int, count: int, itemsize: int) -> None:
    """Refuse headers that claim more than their file can hold, however well it is packed.

    Args:
        packing: How the numbers are stored.
        there: Bytes that they are in.
        count: How many there should be.
        itemsize: Bytes of each.

    Raises:
        ReadError: They are too few.
    """
    most = (there + 1) // LEAST_TEXT if packing == "text" else there * MOST_UNPACKED[packing] // itemsize
    if most < count:
        raise ReadError(
            f"broken or truncated: there must be {count} values; {there} bytes ({packing}) hold {most} at most"
        )


def as_native(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers in the byte order of this machine, turned where they lie."""
    if values.dtype.isnative:
        return values
    return values.byteswap(inplace=True).view(values.dtype.newbyteorder("="))


def fill(file: BinaryIO, values: NDArray[Any]) -> int:
    """Fill an array with the bytes that come next; how many there were."""
    view, at = _bytes_of(values), 0
    while at < len(view):
        got: int = file.readinto(view[at : at + CHUNK])  # type: ignore[attr-defined]
        if not got:
            break
        at += got
    return at


def _bytes_of(values: NDArray[Any]) -> memoryview:
    return values.reshape(-1).view(np.uint8).data


def _fill_unpacked(file: BinaryIO, packing: Packing, view: memoryview) -> int:
    """Fill with what a file unpacks to, and no further; how many bytes there were.

    Raises:
        ReadError: They are no such packing.
    """
    unpacker: Any = zlib.decompressobj(ZLIB_OR_GZIP) if packing == "gzip" else bz2.BZ2Decompressor()
    at = 0
    try:
        while at < len(view) and not unpacker.eof:
            waiting = unpacker.unconsumed_tail if packing == "gzip" else b""
            if not waiting and (packing == "gzip" or unpacker.needs_input):
                waiting = file.read(CHUNK)
            part = unpacker.decompress(waiting, min(CHUNK, len(view) - at))
            if not part and not waiting:  # an end without one
                break
            view[at : at + len(part)] = part
            at += len(part)
    except (zlib.error, OSError, EOFError) as error:
        raise ReadError(f"broken or truncated: {error}") from error
    return at


def _fill_with_text(file: BinaryIO, values: NDArray[Any]) -> int:
    """Fill with numbers that are written as text, parted by white space; how many there were."""
    at, rest = 0, b""
    while at < len(values):
        chunk = file.read(TEXT_CHUNK)
        words = (rest + chunk).split()
        rest = words.pop() if words and chunk and not chunk[-1:].isspace() else b""
        if len(rest) > MAX_DIGITS:
            raise ReadError(f"numbers must have at most {MAX_DIGITS} characters; got more")
        some = np.array([float(word) for word in words[: len(values) - at]])
        values[at : at + len(some)] = some.astype(values.dtype)
        at += len(some)
        if not chunk:
            break
    return at


def check_inside(name: str) -> None:
    """Refuse names of files that are not in the folder of the file that names them, or below it.

    Raises:
        ReadError: It is absolute, or goes up.
    """
    parts = re.split(r"[/\\]", name)
    if (parts[0] in ("", "~") and len(parts) > 1) or ".." in parts or re.match("[A-Za-z]:", name):
        raise ReadError(f"data file must be in the folder of its header; got {of_header(name)}")


class OneVolumeError(ReadError):
    """Another volume than the first was chosen of what holds one; ``read_volume`` tells it as a ``ReadError``."""


def no_such_frame(frame: int | None) -> str:
    """What there is to tell of a number that what holds one volume has not."""
    return f"read.frame must be 0, or left out, where a file or series holds one volume or picture; got {frame}"


def one_volume_taken(frame: int | None) -> str:
    """What there is to tell where a frame was chosen for several inputs, and one of them has nothing to choose from."""
    return f"--frame {frame} chooses where there are several volumes or frames; here is one, which is taken"


def check_frame(count: int, frame: int | None) -> int:
    """The chosen volume of a 4-D file or a series.

    Raises:
        ReadError: None was chosen where there are several, or there is none of that number.
        OneVolumeError: There is but one, and another was chosen.
    """
    if frame is None:
        if count == 1:
            return 0
        raise ReadError(f"file holds {count} volumes (4 axes): choose one with --set read.frame=0 to {count - 1}")
    if count == 1 and frame != 0:
        raise OneVolumeError(no_such_frame(frame))
    if not 0 <= frame < count:
        raise ReadError(f"read.frame must be from 0 to {count - 1} in this file; got {frame}")
    return frame
