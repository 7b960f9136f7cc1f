"""A TIFF that is larger than memory: a level of it, read part by part, and a small copy of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.io.medical import named
from msformer.io.ome_zarr import NEEDS_ZARR
from msformer.io.tiff import at_level, full_pages, image_of, levels_of, opened_tiff, upright
from msformer.io.tiff_chain import check_chain
from msformer.io.tiff_sizes import stated_geometry

OVERVIEW_PIXELS = 2_000_000
"""Of the small copy, about."""
STRIP_ROWS = 256
UM_OF_MM = 1000.0


@dataclass(frozen=True)
class Slide:
    """An open slide at one of its levels.

    Attributes:
        source: The file.
        shape: Rows and columns of the level.
        base_shape: Those of the largest level.
        spacing_mm: Size of a pixel of the level (row, column); None where it is not stated.
        page: Of the level.
        array: Its pixels, of which parts are read.
        overview: ``(h, w[, C])``, every ``step``-th row and column of the smallest level that is large enough.
    """

    source: Path
    shape: tuple[int, int]
    base_shape: tuple[int, int]
    spacing_mm: tuple[float, float] | None
    page: tifffile.TiffPage
    array: Any
    overview: NDArray[Any]

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """A part of the level as it is meant, ``(h, w[, C])``.

        Raises:
            ReadError: It is broken.
        """
        return _part(self.array, self.page, rows, columns)


@contextmanager
def open_slide(path: Path, mpp: float | None = None) -> Iterator[Slide]:
    """Open a TIFF at a level.

    Args:
        path: A slide or any other TIFF of which the first picture is taken.
        mpp: Size of a pixel in µm: the level nearest to it is taken, by ratio; the largest one where left out.

    Raises:
        ReadError: It is broken or no TIFF, the size of its pixels is not stated and ``mpp`` is given, its planes are
            stored apart or it is stored turned; or zarr is not installed. The message begins with the file.
    """
    try:
        import zarr
    except ImportError:
        raise ReadError(NEEDS_ZARR.replace("OME-Zarr needs", "reading slides by tile needs")) from None
    with named(path):
        check_chain(path)
    with _open(path) as file:
        with named(path):
            pages = full_pages(file)
            if not pages:
                raise ReadError("broken TIFF: it has no page that is a picture")
            base = pages[0]
            if base.planarconfig == tifffile.PLANARCONFIG.SEPARATE or base.tags.valueof("Orientation", 1) != 1:
                raise ReadError("a slide must have its colours in one plane and lie upright to be read by tile")
            levels = levels_of(file, base)
            geometry = stated_geometry(file, image_of(file, base))
            if mpp is None:
                level = base
            elif geometry is None:
                raise ReadError(f"the size of a pixel must be stated to find a level of {mpp:g} µm; it is not")
            else:
                sizes = {one: at_level(geometry, base, one).spacing_mm[0] * UM_OF_MM for one in levels}
                level = min(levels, key=lambda one: abs(math.log(sizes[one] / mpp)))
            small = next((one for one in reversed(levels) if one.imagewidth * one.imagelength >= OVERVIEW_PIXELS), base)
            spacing = None if geometry is None else at_level(geometry, base, level).spacing_of(0)
            array = zarr.open_array(level.aszarr(), mode="r")
            overview = _overview(zarr.open_array(small.aszarr(), mode="r"), small)
        yield Slide(
            path,
            (level.imagelength, level.imagewidth),
            (base.imagelength, base.imagewidth),
            spacing,
            level,
            array,
            overview,
        )


@contextmanager
def _open(path: Path) -> Iterator[tifffile.TiffFile]:
    with opened_tiff(path) as file:
        yield file


def _overview(array: Any, page: tifffile.TiffPage) -> NDArray[Any]:
    height, width = page.imagelength, page.imagewidth
    step = max(math.isqrt(height * width // OVERVIEW_PIXELS), 1)
    strips = []
    for first in range(0, height, STRIP_ROWS):
        strip = _part(array, page, slice(first, min(first + STRIP_ROWS, height)), slice(0, width))
        strips.append(strip[-first % step :: step, ::step].copy())
    return np.concatenate(strips)


def _part(array: Any, page: tifffile.TiffPage, rows: slice, columns: slice) -> NDArray[Any]:
    try:
        pixels = np.asarray(array[rows, columns])
    except Exception as error:  # codecs raise many kinds on broken files
        raise ReadError(f"broken TIFF: {type(error).__name__}: {error}") from error
    return upright(page, pixels)[0]
