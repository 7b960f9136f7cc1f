"""The chain of directories of a TIFF, walked before any library follows it: it may be endless.

Each directory of a TIFF says where the next one is. Nothing stops a file from pointing back, nor from having millions.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from msformer.errors import ReadError

MAX_PAGES = 10_000
"""Directories of a TIFF, those of smaller copies included."""
SUB_DIRECTORIES = 330
SIZE_OF_TYPE = {4: 4, 13: 4, 16: 8, 18: 8}
"""Bytes of the kinds of numbers that offsets are stored as."""
MAX_TAGS = 4096


def check_chain(path: Path) -> int:
    """Count the directories of a TIFF; only their tags are looked at.

    Offsets that lead nowhere end the chain here: whoever reads the pages will say what is wrong.

    Raises:
        ReadError: The chain comes back to a directory that was read already, or has more than ``MAX_PAGES``.
        OSError: The file cannot be opened.
    """
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # empty
            return 0
        with data:
            return _walk(data)


def _walk(data: mmap.mmap) -> int:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return 0
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    if is_big and len(data) < 16:
        return 0
    waiting = [int(struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, 8 if is_big else 4)[0])]
    seen: set[int] = set()
    while waiting:
        at, chain = waiting.pop(), set[int]()
        while 0 < at < len(data):
            if at in chain:
                raise ReadError("broken TIFF: its directories lead back to one before, so that its pages never end")
            if at in seen:  # the rest is a chain that ends: it was walked
                break
            chain.add(at)
            seen.add(at)
            if len(seen) > MAX_PAGES:
                raise ReadError(f"TIFF must have at most {MAX_PAGES} pages, smaller copies included; got more")
            try:
                at = _next(data, at, order, is_big, waiting)
            except struct.error:  # cut off
                break
    return len(seen)


def _next(data: mmap.mmap, at: int, order: str, is_big: bool, waiting: list[int]) -> int:
    """Where the directory after this one is; those below this one are put into ``waiting``."""
    head, width, letter = (8, 20, "Q") if is_big else (2, 12, "I")
    count = int(struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", data, at)[0])
    if count > MAX_TAGS:
        return 0
    first, key = at + head, struct.pack(f"{order}H", SUB_DIRECTORIES)
    tags = data[first : first + count * width]
    for start in range(0, len(tags), width):
        if tags[start : start + 2] == key:
            waiting.extend(_below(data, first + start, order, is_big))
    return int(struct.unpack_from(f"{order}{letter}", data, first + count * width)[0])


def _below(data: mmap.mmap, tag: int, order: str, is_big: bool) -> Iterator[int]:
    """The offsets that a tag lists, in itself where they fit, else where it points."""
    letter, room = ("Q", 8) if is_big else ("I", 4)
    kind, count = struct.unpack_from(f"{order}H{letter}", data, tag + 2)
    size = SIZE_OF_TYPE.get(kind, 0)
    if size == 0 or count == 0:
        return
    if count > MAX_PAGES:
        raise ReadError(f"TIFF must have at most {MAX_PAGES} pages, smaller copies included; got {count} below one")
    at = tag + 4 + room
    if count * size > room:
        at = struct.unpack_from(f"{order}{letter}", data, at)[0]
    yield from struct.unpack_from(f"{order}{count}{'Q' if size == 8 else 'I'}", data, at)
