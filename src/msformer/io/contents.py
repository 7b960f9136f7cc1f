"""What a file is, by its contents; a bounded part of each is read, and nothing is decoded.

Names count only where contents do not say enough: for formats without a signature, and to tell that a file which cannot
be read was meant to be an image.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image as Pillow
from PIL.ImageFile import StubImageFile

from msformer.errors import ReadError
from msformer.io import IMAGE_SUFFIXES, archive, dicom, nifti, ome_zarr
from msformer.io.medical import MHA_KEYS, NRRD_SIGNATURE
from msformer.io.tiff import SIGNATURES as TIFF_SIGNATURES
from msformer.volume import Kind

HEAD = 512
"""Bytes that decide for most files."""
MEDICAL_SUFFIXES = (
    ".dcm", ".dicom", ".dic", ".ima", ".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgh", ".mgz", ".mnc",
    ".czi", ".nd2", ".lif", ".oib",
)  # fmt: skip
"""What medical images are called, those included that are not read: they are cases that fail, and say so."""
SURE_PHOTOS = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",
)  # fmt: skip
"""Beginnings that are photographs, broken or not: PNG, JPEG, GIF, JPEG 2000 as a file and as a stream."""
SIGNED = ("AVIF", "BMP", "JPEG2000", "PNG", "JPEG", "GIF", "PPM", "WEBP", "MPO", "PSD", "SGI", "QOI")
"""Formats of Pillow whose beginning is not met by chance; others count under their own suffixes only."""
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
ANALYZE = 348
"""Length of the header that NIfTI has from Analyze 7.5."""


@dataclass(frozen=True)
class Contents:
    """What a file is.

    Attributes:
        kind: What reads it; ``archive`` is a zip with DICOM files in it; None where nothing does.
        reason: Why nothing does, as far as that can be said.
    """

    kind: Kind | Literal["archive"] | None
    reason: str = "no image format recognises its contents"


def looks_medical(path: Path) -> bool:
    """Whether a file is called as medical images are."""
    return path.name.lower().endswith(MEDICAL_SUFFIXES)


def looks_like_a_photo(path: Path) -> bool:
    """Whether a file is called as photographs are."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def look_at(path: Path) -> Contents:
    """Say what a regular file, or a folder that may be a picture, is.

    Raises:
        OSError: It cannot be opened.
        ReadError: The same, told by a reader.
    """
    if path.is_dir():
        is_one = ome_zarr.is_picture(path)
        return Contents("zarr") if is_one else Contents(None, "it is a folder without a picture of OME-Zarr")
    with path.open("rb", buffering=0) as file:
        head = file.read(HEAD)
    if not head:
        return Contents(None, "it is empty")
    if head[dicom.PREFIX_LENGTH : dicom.PREFIX_LENGTH + len(dicom.MAGIC)] == dicom.MAGIC:
        return Contents("dicom")
    if head.startswith(SURE_PHOTOS):
        return Contents("photo")
    if head.startswith(TIFF_SIGNATURES):
        return Contents("tiff")
    if head.startswith(NRRD_SIGNATURE):
        return Contents("nrrd")
    if head.lstrip().startswith(MHA_KEYS) and b"=" in head.split(b"\n", 1)[0]:
        return Contents("mha")
    if dicom.may_be_bare(head) and dicom.is_dicom(path):
        return Contents("dicom")
    is_packed = head.startswith(nifti.GZIP)
    sizes = (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
    if (is_packed or not nifti.SIZES.keys().isdisjoint(sizes)) and nifti.is_nifti(path):
        return Contents("nifti")
    if ANALYZE in sizes and path.suffix.lower() == ".hdr":
        return Contents(
            None, "it is an Analyze 7.5 header, which does not say where its image lies: convert it to NIfTI"
        )
    if head.startswith(archive.SIGNATURES):
        is_series = archive.is_archive(path)
        return Contents("archive") if is_series else Contents(None, "it is a zip without DICOM files")
    if _is_photo(path):
        return Contents("photo")
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return Contents(None, "it is a HEIC photograph, which is not read: save it as JPEG or PNG")
    return Contents(None)


def is_meant_as_image(path: Path, contents: Contents) -> bool:
    """Whether a file that nothing reads was meant to be an image, by its name or because it is half of one."""
    return looks_medical(path) or looks_like_a_photo(path) or "Analyze" in contents.reason


def images_below(folder: Path) -> Iterator[Path]:
    """The files below a folder that are images, or were meant to be, sorted; hidden ones are passed over.

    So are folders that are pictures (OME-Zarr), for in results a file beside them says the same; so is what nothing
    reads, DICOM without an image, and zips, which hold no label map: contents decide, as for ``segment``.
    """
    pictures: set[Path] = set()
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if is_hidden or not pictures.isdisjoint(path.parents):
            continue
        if path.is_dir():
            if ome_zarr.is_picture(path):
                pictures.add(path)
        elif path.is_file() and _is_image(path):
            yield path


def _is_image(path: Path) -> bool:
    try:
        contents = look_at(path)
    except (OSError, ReadError):  # whoever reads it will tell
        return True
    if contents.kind == "dicom" and _is_without_image(path):
        return False
    return contents.kind not in (None, "archive") or is_meant_as_image(path, contents)


def _is_without_image(path: Path) -> bool:
    """Whether a DICOM file is a plan, a set of contours or the like."""
    try:
        dicom.read_instance(path)
    except dicom.NoImageError:
        return True
    except ReadError:  # broken; whoever reads it will tell
        return False
    return False


def without_suffixes(relative: Path) -> str:
    """A path without its suffixes: those of ``a.nii.gz``, ``a.seg.nrrd``, ``a.ome.zarr`` and ``a.seg.dcm`` are two."""
    stem = relative.with_suffix("")
    if relative.suffix.lower() == ".zarr" and stem.suffix.lower() == ".ome":
        stem = stem.with_suffix("")
    if relative.suffix.lower() == ".gz":
        stem = stem.with_suffix("")
    if stem.suffix.lower() == ".seg":
        stem = stem.with_suffix("")
    return stem.as_posix()


def _is_photo(path: Path) -> bool:
    """Whether Pillow knows the header, of a format that is not met by chance or that the name stands for."""
    Pillow.init()
    own = Pillow.EXTENSION.get(path.suffix.lower())
    formats = [*SIGNED, own] if own is not None and own not in SIGNED else list(SIGNED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=[name for name in formats if name in Pillow.OPEN]) as opened:
                return not isinstance(opened, StubImageFile)
    except Pillow.DecompressionBombError:  # a photo, if a large one: its reader has a limit of its own
        return True
    except Exception:  # plugins raise anything on broken headers
        return False
