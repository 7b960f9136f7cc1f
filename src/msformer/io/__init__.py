"""Files in and out. ``read_image`` looks at the contents of a file, not at its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.image import Image
from msformer.io import ome_zarr, tiff
from msformer.io.folder import prepare_folder
from msformer.io.photo import read_photo
from msformer.io.regular import check_regular
from msformer.io.tiff import TiffPage
from msformer.io.tiff_chain import check_chain
from msformer.io.write import null_undefined, write_label_map, write_mask, write_png, write_text

IMAGE_SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".webp", ".gif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm",
    ".pnm", ".tif", ".tiff", ".btf", ".svs", ".ndpi", ".scn", ".bif",
})  # fmt: skip
"""What pictures are called. In a folder of inputs contents decide; one that is called so and cannot be read fails."""
MAX_PIXELS = 150_000_000
"""Largest image that is read; about 0.5 GB as 8-bit colour."""
LOWEST_HOUNSFIELD, HIGHEST_HOUNSFIELD = -4096, 32767 // 2
"""Below air, with what scanners write outside of their field, and above any metal that is stored in 12 to 14 bits."""

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "count_pages",
    "null_undefined",
    "prepare_folder",
    "read_image",
    "write_label_map",
    "write_mask",
    "write_png",
    "write_text",
]


def read_image(path: str | Path, *, page: int = 0, max_pixels: int = MAX_PIXELS) -> Image:
    """Read an image file.

    Args:
        path: PNG, JPEG, BMP, WebP (turned upright by EXIF) or TIFF (8 and 16 bit, float, grey and colour, slides); a
            folder of OME-Zarr with one slice.
        page: Page of a TIFF, counted from 0.
        max_pixels: Refuse larger images; of a slide take the largest level that is none.

    Raises:
        ReadError: The file is missing, empty, truncated, too large or no image; the message names it.
        ImageError: The image is too small, or holds infinite values.
    """
    path = Path(path)
    try:
        is_tiff = _is_tiff(path)
        if path.is_dir() and ome_zarr.is_picture(path):
            found = TiffPage(*ome_zarr.read_picture(path, max_pixels))
        else:
            found = tiff.read_tiff(path, page, max_pixels) if is_tiff else TiffPage(*_photo(path, max_pixels))
        return Image.from_array(
            _unwrapped(found.pixels),
            spacing_mm=None if found.geometry is None else found.geometry.spacing_of(0),
            source=path,
            page=page if is_tiff else None,
            padding_value=found.padding_value,
            notes=found.notes,
        )
    except (ReadError, ImageError) as error:
        raise type(error)(f"{path}: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        raise ReadError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _photo(path: Path, max_pixels: int) -> tuple[NDArray[Any], None, tuple[str, ...]]:
    pixels, notes = read_photo(path, max_pixels)
    return pixels, None, notes


def _unwrapped(pixels: NDArray[Any]) -> NDArray[Any]:
    """Hounsfield units that were stored as if they had no sign, -1000 as 64536; other pixels as they are.

    Evident where values lie only at both ends of 16 bits, within what Hounsfield units can be, and at both.
    """
    if pixels.dtype != np.uint16:
        return pixels
    is_negative = pixels >= 2**16 + LOWEST_HOUNSFIELD
    if not is_negative.any() or is_negative.all() or pixels[~is_negative].max() > HIGHEST_HOUNSFIELD:
        return pixels
    return pixels.view(np.int16)


def count_pages(path: str | Path) -> int:
    """Number of images in a file: the pages of a TIFF, 1 for everything else.

    Raises:
        ReadError: The file is missing or a broken TIFF.
    """
    path = Path(path)
    try:
        return tiff.count_tiff_pages(path) if _is_tiff(path) else 1
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _is_tiff(path: Path) -> bool:
    """Whether a file is a TIFF, of which the pages have an end and are not too many."""
    if path.is_dir():
        return False
    check_regular(path)
    with path.open("rb") as file:
        is_one = file.read(4) in tiff.SIGNATURES
    if is_one:
        check_chain(path)
    return is_one
