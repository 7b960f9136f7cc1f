"""A zip of a DICOM series → files in a temporary folder.

Nothing in an archive is believed: names are not used as paths (files are numbered), sizes are counted while
unpacking, archives in archives are not opened.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msformer.errors import ReadError
from msformer.io.dicom import MAGIC, PREFIX_LENGTH, is_dicom, may_be_bare

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
MAX_ENTRIES = 20_000
"""Entries of an archive; the longest series have some thousand slices."""
BYTES_OF_VOXEL = 8
SPARE_BYTES = 1 << 24
"""Headers are not counted in voxels."""
CHUNK = 1 << 16
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, LookupError)
"""What ``zipfile`` and its decompressors raise on broken and unusual archives."""
IS_ENCRYPTED = 0x1


def is_archive(path: Path) -> bool:
    """Whether a file is a zip with DICOM files in it, or one that cannot be looked into as it is encrypted.

    Documents and numpy archives are zips too, and are none.

    Raises:
        OSError: The file cannot be opened.
    """
    with path.open("rb") as file:
        if file.read(4) not in SIGNATURES:
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _files(archive)[:MAX_ENTRIES]
            return any(entry.flag_bits & IS_ENCRYPTED or _may_be_dicom(archive, entry) for entry in entries)
    except (*BROKEN, OSError):
        return False


def look_into(path: Path, length: int) -> tuple[bytes, int, int, int]:
    """The beginning of the first DICOM file of an archive, how many there are, and the sizes that they claim.

    No more than the beginnings of its entries is unpacked.

    Args:
        path: The archive.
        length: Bytes of the beginning, at most.

    Returns:
        The bytes, the number of files, the size of the largest of them and of all.

    Raises:
        ReadError: It is broken, encrypted, has too many entries or holds no DICOM file.
    """
    with _opened(path) as (archive, entries):
        found = [entry for entry in entries if _may_be_dicom(archive, entry)]
        if not found:
            raise ReadError("archive holds no DICOM file")
        with archive.open(found[0]) as packed:
            start = packed.read(length)
    sizes = [entry.file_size for entry in found]
    return start, len(found), max(sizes), sum(sizes)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """An open archive and its entries, which are not too many.

    Raises:
        ReadError: It is broken, encrypted or has too many entries.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _files(archive)
            if len(entries) > MAX_ENTRIES:
                raise ReadError(f"archive must have at most {MAX_ENTRIES} entries; got {len(entries)}")
            if any(entry.flag_bits & IS_ENCRYPTED for entry in entries):
                raise ReadError("archive is encrypted: unpack it first")
            yield archive, entries
    except BROKEN as error:
        raise ReadError(f"broken archive: {type(error).__name__}: {error}") from error


def unpack(path: Path, folder: Path, max_voxels: int) -> list[Path]:
    """Unpack the DICOM files of an archive into ``folder``, numbered in their order; everything else is left out.

    Args:
        path: The archive.
        folder: An empty folder.
        max_voxels: Refuse archives that unpack to more than these can take.

    Raises:
        ReadError: It is broken, encrypted, has too many entries, unpacks to too much or holds no DICOM file.
    """
    limit = BYTES_OF_VOXEL * max_voxels + SPARE_BYTES
    found: list[Path] = []
    total = 0
    with _opened(path) as (archive, entries):
        for number, entry in enumerate(entries):
            if not _may_be_dicom(archive, entry):
                continue
            target = folder / f"{number:05d}.dcm"
            total += _unpack_entry(archive, entry, target, limit - total, limit)
            if is_dicom(target):
                found.append(target)
            else:
                target.unlink()
    if not found:
        raise ReadError("archive holds no DICOM file")
    return found


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [entry for entry in archive.infolist() if not entry.is_dir()]


def _may_be_dicom(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether the first bytes of an entry, all that is unpacked, are those of a DICOM file."""
    with archive.open(entry) as packed:
        start = packed.read(PREFIX_LENGTH + len(MAGIC))
    return start[PREFIX_LENGTH:] == MAGIC or may_be_bare(start)


def _unpack_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, limit: int) -> int:
    """Write an entry to ``target``; the number of bytes, at most ``left``."""
    size = 0
    with archive.open(entry) as packed, target.open("wb") as file:
        while chunk := packed.read(CHUNK):
            size += len(chunk)
            if size > left:
                raise ReadError(f"archive must unpack to at most {limit} bytes (--max-pixels allows more); got more")
            file.write(chunk)
    return size
