"""TIFF → pixels, one page at a time."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.io.photo import check_pixel_count

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its complaints arrive as our ReadError


def count_tiff_pages(path: Path) -> int:
    """Number of pages of a TIFF.

    Raises:
        ReadError: The file is broken.
    """
    try:
        with tifffile.TiffFile(path) as file:
            return len(file.pages)
    except Exception as error:  # tifffile raises many kinds on broken files
        raise ReadError(f"{type(error).__name__}: {error}") from error


def read_tiff(path: Path, page: int, max_pixels: int) -> NDArray[Any]:
    """Read one page as ``(H, W)`` or ``(H, W, C)``: channels last, alpha dropped, palettes expanded.

    Raises:
        ReadError: The file is broken, has no such page, or the page has more than ``max_pixels`` pixels.
    """
    try:
        with tifffile.TiffFile(path) as file:
            if page >= len(file.pages):
                raise ReadError(f"page must be below {len(file.pages)}; got {page}")
            opened = file.pages[page]
            if not isinstance(opened, tifffile.TiffPage):
                opened = opened.aspage()
            check_pixel_count((opened.imagewidth, opened.imagelength), max_pixels)
            return _upright(opened, opened.asarray())
    except ReadError:
        raise
    except Exception as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


def _upright(page: tifffile.TiffPage, pixels: NDArray[Any]) -> NDArray[Any]:
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        # Colours of a palette are 16-bit by definition; 8 bits are what such images were drawn with.
        return (page.colormap[:, pixels] >> 8).astype(np.uint8).transpose(1, 2, 0)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind in "bu":
        pixels = ~pixels if pixels.dtype == np.bool_ else np.iinfo(pixels.dtype).max - pixels
    if page.extrasamples and pixels.ndim == 3:
        alpha = [int(kind) in (1, 2) for kind in page.extrasamples]
        first = pixels.shape[2] - len(alpha)
        keep = [*range(first), *(first + index for index, drop in enumerate(alpha) if not drop)]
        pixels = pixels[:, :, keep]
    return pixels
