"""TIFF → pixels, one page at a time, or all that a file says to be slices and channels of one volume."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import Geometry
from msformer.io.itk import check_frame
from msformer.io.photo import check_pixel_count, check_voxel_count
from msformer.volume import Volume

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

STACKED = frozenset("ZC")
"""tifffile's letters of slices and of channels."""
MM_OF_UNIT = {"nm": 1e-6, "µm": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its complaints arrive as our ReadError


def count_tiff_pages(path: Path) -> int:
    """Number of pages of a TIFF.

    Raises:
        ReadError: The file is broken.
    """
    try:
        with tifffile.TiffFile(path) as file:
            return len(_full_pages(file))
    except Exception as error:  # tifffile raises many kinds on broken files
        raise ReadError(f"{type(error).__name__}: {error}") from error


def read_tiff(path: Path, page: int, max_pixels: int) -> NDArray[Any]:
    """Read one page as ``(H, W)`` or ``(H, W, C)``: channels last, alpha dropped, palettes expanded.

    Raises:
        ReadError: The file is broken, has no such page, or the page has more than ``max_pixels`` pixels.
    """
    try:
        with tifffile.TiffFile(path) as file:
            pages = _full_pages(file)
            if not 0 <= page < len(pages):
                raise ReadError(f"page must be from 0 to {len(pages) - 1}; got {page}")
            opened = pages[page]
            check_pixel_count((opened.imagewidth, opened.imagelength), max_pixels)
            return _upright(opened, opened.asarray())
    except ReadError:
        raise
    except Exception as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


def is_stack(path: Path) -> bool:
    """Whether a TIFF (OME, ImageJ) says that its pages are slices or channels of one volume, not separate images."""
    try:
        with tifffile.TiffFile(path) as file:
            axes = file.series[0].axes
    except Exception:  # whoever reads its pages will tell
        return False
    return not STACKED.isdisjoint(axes) and set(axes) <= {*STACKED, *"TYXS"} and "YX" in axes


def read_stack(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read a TIFF of slices (Z), channels (C) and times (T), in any order, as ``(D, H, W[, C])``.

    Raises:
        ReadError: The file is broken or too large, or holds several times and ``frame`` names none of them.
    """
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            sizes = dict(zip(series.axes, series.shape, strict=True))
            time = check_frame(sizes.get("T", 1), frame)
            check_voxel_count([sizes.get("Z", 1), sizes["Y"], sizes["X"]], max_voxels // sizes.get("T", 1))
            array, axes = series.asarray(), series.axes
    except ReadError:
        raise
    except Exception as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error
    if "T" in axes:
        array, axes = array.take(time, axis=axes.index("T")), axes.replace("T", "")
    if "Z" not in axes:
        array, axes = array[None], f"Z{axes}"
    channels = [axis for axis in axes if axis in "CS"]
    array = array.transpose([axes.index(axis) for axis in ("Z", "Y", "X", *channels)])
    voxels = array.reshape(*array.shape[:3], -1) if channels else array
    return Volume(np.ascontiguousarray(voxels), ome_geometry(path), "tiff", path)


def ome_geometry(path: Path) -> Geometry | None:
    """The size of voxels that an OME-TIFF tells, its origin left at 0; None for all other files."""
    try:
        with tifffile.TiffFile(path) as file:
            text = file.ome_metadata
        images: Any = {} if text is None else tifffile.xml2dict(text)["OME"]["Image"]
        pixels = images["Pixels"]
        if int(pixels["SizeZ"]) == 1:  # one slice needs no depth
            pixels = {"PhysicalSizeZ": 1} | pixels
        column, row, slice_ = (
            float(pixels[f"PhysicalSize{axis}"]) * MM_OF_UNIT[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
            for axis in "XYZ"
        )
        return Geometry((column, row, slice_))
    except (tifffile.TiffFileError, ImageError, LookupError, TypeError, ValueError, OSError):
        return None  # no TIFF, or none that tells


def _full_pages(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """The pages that are images of their own: not thumbnails, nor smaller copies of another page."""
    pages = [page if isinstance(page, tifffile.TiffPage) else page.aspage() for page in file.pages]
    return [page for page in pages if not page.is_reduced]


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
    return _turn(pixels, page.tags.valueof("Orientation", 1))


def _turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn upright what is stored in one of the eight orientations of TIFF 6.0."""
    if orientation in (5, 7):
        pixels = np.swapaxes(pixels, 0, 1)
    turns = {2: 0, 3: 2, 4: 2, 6: -1, 7: 2, 8: 1}.get(orientation, 0)
    turned = np.rot90(pixels, turns)
    return turned[:, ::-1] if orientation in (2, 4) else turned
