"""The numbers of a volume out of a file that only states how many there are: never more of them than it stated."""

from __future__ import annotations

import bz2
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.io.privacy import of_header
from msformer.io.regular import check_regular

Packing: TypeAlias = Literal["raw", "gzip", "bzip2", "text"]
MOST_CHANNELS = 4
"""Up to so many numbers are colours of a voxel; vectors of more count as so many voxels."""
ZLIB_OR_GZIP = 47
CHUNK = 1 << 22
MAX_DIGITS = 32
"""Characters of a number that is written as text, at most."""


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
    """Read ``count`` numbers.

    Raises:
        ReadError: They cannot be parted evenly, or a file is missing, a pipe or a device, or has fewer.
    """
    each, left = divmod(count, len(stored.files))
    if left:
        raise ReadError(f"voxels must be parted evenly among their files; got {count} in {len(stored.files)}")
    parts = [_values_of_file(path, stored, each) for path in stored.files]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _values_of_file(path: Path, stored: Stored, count: int) -> NDArray[Any]:
    if not path.exists():
        raise ReadError(f"voxels must be in the file that the header names; there is no {of_header(path.name)}")
    check_regular(path)
    packing, dtype = stored.packing, stored.dtype
    needed = count * dtype.itemsize
    with path.open("rb") as file:
        for _ in range(stored.line_skip):
            file.readline(CHUNK)
        length = path.stat().st_size - file.tell()
        begin = length - needed if stored.start == -1 else max(stored.start, 0)
        if packing == "raw" and (length - begin < needed or begin < 0):
            raise ReadError(
                f"broken or truncated: there must be {needed} bytes of voxels; got {max(length - begin, 0)}"
            )
        file.seek(begin, 1)
        if packing == "text":
            words = file.read(count * MAX_DIGITS).split(maxsplit=count)[:count]
            values = np.array([float(word) for word in words]).astype(dtype)
        else:
            raw = file.read(needed) if packing == "raw" else _unpacked(file, packing, needed)
            values = np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype=dtype)
    if len(values) < count:
        raise ReadError(f"broken or truncated: there must be {count} values; got {len(values)}")
    return np.array(values)  # writable


def _unpacked(file: BinaryIO, packing: Packing, needed: int) -> bytes:
    """At most so many bytes, whatever the file would unpack to.

    Raises:
        ReadError: They are no such packing.
    """
    unpacker: Any = zlib.decompressobj(ZLIB_OR_GZIP) if packing == "gzip" else bz2.BZ2Decompressor()
    parts, size = [], 0
    try:
        while size < needed and not unpacker.eof:
            waiting = unpacker.unconsumed_tail if packing == "gzip" else b""
            if not waiting and (packing == "gzip" or unpacker.needs_input):
                waiting = file.read(CHUNK)
                if not waiting:
                    break
            parts.append(unpacker.decompress(waiting, needed - size))
            size += len(parts[-1])
    except (zlib.error, OSError, EOFError) as error:
        raise ReadError(f"broken or truncated: {error}") from error
    return b"".join(parts)


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
