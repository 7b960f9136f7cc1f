"""TIFF → pixels, one page at a time, or all that a file says to be slices and channels of one volume."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.errors import MSFormerError, ReadError
from msformer.geometry import Geometry
from msformer.io.claim import Claim
from msformer.io.ome_set import ome_set
from msformer.io.photo import check_pixel_count, check_voxel_count, turned_upright
from msformer.io.tiff_chain import check_chain
from msformer.io.tiff_colour import as_meant, is_alpha, kept_of
from msformer.io.tiff_sizes import stated_geometry
from msformer.io.values import check_frame
from msformer.volume import Volume

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

STACKED = frozenset("ZC")
"""tifffile's letters of slices and of channels."""
SLIDES = ("svs", "ndpi", "scn", "bif", "philips", "avs")
"""tifffile's names of the formats of slide scanners: one slide a file, in levels, with pictures of the glass."""
NO_DATA_TAG = 42113
"""GDAL's: the value of pixels that show nothing."""
SEGMENTS = 1 << 28
"""Bytes of strips and tiles that tifffile reads at a time."""
SAME_FORM = 1.5
"""Pixels by which the sides of a smaller copy may miss the form of the larger one, for rounding."""

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its complaints arrive as our ReadError
MOST_SAMPLES = 4
"""Samples of a page, for each pixel that it may have: colours with alpha, or more channels of fewer pixels."""


@dataclass(frozen=True)
class TiffPage:
    """One page as it is meant.

    Attributes:
        pixels: ``(H, W)`` or ``(H, W, C)``.
        geometry: The size of a pixel, None where it is not stated.
        notes: What a reader should know.
        padding_value: What the file declares to be no data.
    """

    pixels: NDArray[Any]
    geometry: Geometry | None = None
    notes: tuple[str, ...] = ()
    padding_value: float | None = None


@contextmanager
def opened_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """An open file; what tifffile raises inside is a ReadError outside.

    Raises:
        ReadError: The file is broken.
    """
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except MSFormerError:
        raise
    except Exception as error:  # tifffile raises many kinds on broken files
        raise ReadError(f"{type(error).__name__}: {error}") from error


def count_tiff_pages(path: Path) -> int:
    """Number of pages of a TIFF that are pictures of their own; a slide has one.

    Raises:
        ReadError: The file is broken.
    """
    with opened_tiff(path) as file:
        return len(full_pages(file))


def read_tiff(path: Path, page: int, max_pixels: int) -> TiffPage:
    """Read one page: channels last, alpha dropped, palettes expanded, colours as RGB.

    A slide is put together from its tiles, at its largest level that has at most ``max_pixels``.

    Raises:
        ReadError: The file is broken, has no such page, the page has more than ``max_pixels`` pixels, or its
            photometric interpretation is none that is known.
    """
    with opened_tiff(path) as file:
        pages, base, opened = _chosen(file, page, max_pixels)
        geometry = stated_geometry(file, image_of(file, base))
        notes: list[str] = []
        if opened is not base:
            notes.append(
                f"level of {opened.imagewidth} × {opened.imagelength} px, the largest of at most "
                f"max_pixels={max_pixels}; the whole has {base.imagewidth} × {base.imagelength}"
            )
            geometry = None if geometry is None else at_level(geometry, base, opened)
        if (extra := len(file.pages) - len(pages)) > 0 and page == 0:
            notes.append(f"{extra} other pages are smaller copies, labels, overviews or masks: left out")
        pixels, more = upright(opened, opened.asarray())
        return TiffPage(pixels, geometry, (*notes, *more), _no_data(base))


def _chosen(
    file: tifffile.TiffFile, page: int, max_pixels: int
) -> tuple[list[tifffile.TiffPage], tifffile.TiffPage, tifffile.TiffPage]:
    """All pages that are pictures, the one of that number, and the one of its levels that is read.

    Raises:
        ReadError: There is none of that number, or it has more than ``max_pixels`` pixels.
    """
    pages = full_pages(file)
    if not pages:
        raise ReadError("broken TIFF: it has no page that is a picture")
    if not 0 <= page < len(pages):
        raise ReadError(f"page must be from 0 to {len(pages) - 1}; got {page}")
    base = pages[page]
    opened = next((one for one in levels_of(file, base) if one.imagewidth * one.imagelength <= max_pixels), base)
    check_pixel_count((opened.imagewidth, opened.imagelength), max_pixels)
    if (samples := opened.imagewidth * opened.imagelength * opened.samplesperpixel) > MOST_SAMPLES * max_pixels:
        raise ReadError(
            f"image must have at most {MOST_SAMPLES} × max_pixels={max_pixels} samples; got {opened.imagewidth} × "
            f"{opened.imagelength} pixels of {opened.samplesperpixel} = {samples}"
        )
    return pages, base, opened


def tiff_claim(path: Path, page: int, max_pixels: int) -> Claim:
    """What the directory of a page claims: its samples as they are stored and, where that is a copy, as they are kept.

    Raises:
        ReadError: As ``read_tiff`` says of directories.
    """
    with opened_tiff(path) as file:
        _, _, opened = _chosen(file, page, max_pixels)
        n_pixels = opened.imagewidth * opened.imagelength
        n_channels, kept, is_converted = kept_of(opened)
        stored = n_pixels * opened.samplesperpixel * _dtype_of(opened).itemsize
        copied = n_pixels * n_channels * kept.itemsize if is_converted else 0
        # Segments that have to be unpacked are read by the hundred megabytes.
        packed = 0 if opened.compression == tifffile.COMPRESSION.NONE else min(sum(opened.databytecounts), SEGMENTS)
        return Claim((1, opened.imagelength, opened.imagewidth), n_channels, kept, stored + max(copied, packed))


def _describing(path: Path) -> Path:
    """The file that describes a stack: of an OME data set over several the first, once all of them are there.

    Raises:
        ReadError: One is missing.
    """
    its_set = ome_set(path)
    if its_set is None:
        return path
    its_set.check()
    return its_set.files[0]


def stack_claim(path: Path, max_voxels: int, picture: int = 0) -> Claim:
    """What a stack claims: all times of it are read, and what is chosen, put in order or converted is a copy.

    Raises:
        ReadError: As ``read_stack`` says of directories.
    """
    path = _describing(path)
    with opened_tiff(path) as file:
        _, series, plane = _picture(file, picture)
        sizes = dict(zip(series.axes, series.shape, strict=True))
        depth, n_channels = sizes.get("Z", 1), sizes.get("C", 1) * sizes.get("S", 1)
        check_voxel_count([depth, sizes["Y"], sizes["X"]], max_voxels // sizes.get("T", 1))
        kept = _dtype_of(series.keyframe)
        claim = Claim((depth, sizes["Y"], sizes["X"]), n_channels, kept, 0)
        is_as_stored = plane is None and series.axes in ("ZYX", "ZYXS") and not kept_of(series.keyframe)[2]
        copies = 0 if is_as_stored else 2
        return replace(claim, read_bytes=math.prod(series.shape) * kept.itemsize + copies * claim.kept_bytes)


def _dtype_of(page: tifffile.TiffPage) -> np.dtype[Any]:
    if page.dtype is None:
        raise ReadError(f"samples of {page.bitspersample} bits, format {page.sampleformat}, are not read")
    return np.dtype(page.dtype)


def is_stack(path: Path) -> bool:
    """Whether a TIFF (OME, ImageJ) says that its pages are slices or channels of volumes, not separate images.

    So are OME data sets over several files, whatever their axes.
    """
    try:
        check_chain(path)
    except (ReadError, OSError):  # whoever reads its pages will tell
        return False
    try:
        if ome_set(path) is not None:
            return True
        with tifffile.TiffFile(path) as file:
            return any(_is_stacked(series.axes) for series in _series(file))
    except ReadError:  # a set that cannot be read, which reading it will tell
        return True
    except Exception:  # whoever reads its pages will tell
        return False


def stack_files(path: Path) -> tuple[Path, ...]:
    """The files of the data set that a stack is part of, the same for each of them; the file itself, mostly."""
    try:
        found = ome_set(path)
    except ReadError:
        return (path,)
    return (path,) if found is None else found.files


def count_stacks(path: Path) -> int:
    """Number of pictures in a stack: stage positions, which OME calls images, each a volume of its own."""
    try:
        with tifffile.TiffFile(path) as file:
            return max(len(_pictures(file)), 1)
    except Exception:  # whoever reads it will tell
        return 1


def read_stack(path: Path, frame: int | None, max_voxels: int, picture: int = 0) -> Volume:
    """Read a TIFF of slices (Z), channels (C) and times (T), in any order, as ``(D, H, W[, C])``.

    Args:
        path: The file; of an OME data set over several any of them.
        frame: Which of several times.
        max_voxels: Refuse more.
        picture: Which of several stage positions, from 0.

    Raises:
        ReadError: The file is broken or too large, a part of its data set is missing, or it holds several times and
            ``frame`` names none of them.
    """
    path = _describing(path)
    with opened_tiff(path) as file:
        number, series, plane = _picture(file, picture)
        sizes = dict(zip(series.axes, series.shape, strict=True))
        time = check_frame(1 if plane is not None else sizes.get("T", 1), frame)
        check_voxel_count([sizes.get("Z", 1), sizes["Y"], sizes["X"]], max_voxels // sizes.get("T", 1))
        if series.kind == "ome" and (lost := sum(page is None for page in series.pages)) > 0:
            raise ReadError(f"OME image {number} must have {len(series.pages)} planes; {lost} of them are missing")
        array, axes = (_planes(file, series), series.axes) if plane is None else _one_plane(file, series, plane)
        geometry, keyframe = stated_geometry(file, number), series.keyframe
    if "T" in axes:
        array, axes = array.take(time, axis=axes.index("T")), axes.replace("T", "")
    if "Z" not in axes:
        array, axes = array[None], f"Z{axes}"
    order = ["Z", *(axis for axis in axes if axis == "C"), "Y", "X", *(axis for axis in axes if axis == "S")]
    array = array.transpose([axes.index(axis) for axis in order])
    notes: tuple[str, ...] = ()
    if keyframe.photometric != tifffile.PHOTOMETRIC.PALETTE:  # of stacks palettes are for display
        array, notes = as_meant(array, keyframe)
    if "C" in axes:
        array = np.moveaxis(array, 1, 3)
    voxels = array.reshape(*array.shape[:3], -1) if array.ndim > 3 else array
    padding = _no_data(keyframe)
    return Volume(np.ascontiguousarray(voxels), geometry, "tiff", path, notes=notes, padding_value=padding)


def tiff_geometry(path: Path) -> Geometry | None:
    """The size of voxels that a TIFF states; None for all other files."""
    try:
        with tifffile.TiffFile(path) as file:
            return stated_geometry(file)
    except (tifffile.TiffFileError, OSError, ValueError):
        return None


def _is_stacked(axes: str) -> bool:
    return not STACKED.isdisjoint(axes) and set(axes) <= {*STACKED, *"TYXS"} and "YX" in axes


def _series(file: tifffile.TiffFile) -> Sequence[tifffile.TiffPageSeries]:
    """The series that are pictures of their own."""
    if not file.is_ome:
        return file.series[:1]
    return file.series


def _pictures(file: tifffile.TiffFile) -> list[tuple[int, tifffile.TiffPageSeries, int | None]]:
    """Number of the image, its series and, where that has no slices and channels, each of its planes."""
    found: list[tuple[int, tifffile.TiffPageSeries, int | None]] = []
    for number, series in enumerate(_series(file)):
        planes: Sequence[int | None] = [None] if _is_stacked(series.axes) else range(len(series.pages))
        found += [(number, series, plane) for plane in planes]
    return found


def _picture(file: tifffile.TiffFile, number: int) -> tuple[int, tifffile.TiffPageSeries, int | None]:
    """One of ``_pictures``.

    Raises:
        ReadError: There is none of that number.
    """
    pictures = _pictures(file)
    if not 0 <= number < len(pictures):
        raise ReadError(f"page must be from 0 to {len(pictures) - 1}; got {number}")
    return pictures[number]


def _planes(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> NDArray[Any]:
    """The pixels of a series, of which each plane is read from the file that it lies in.

    tifffile takes a series that lies in one other file as a whole from the file that describes it.

    Raises:
        ReadError: A plane cannot be read, or is of another kind than the first; the message names its file.
    """
    pages = [page for page in series.pages if page is not None]
    if all(page.parent is file for page in pages):
        return series.asarray()
    like = series.keyframe
    array = np.empty((len(pages), *like.shape), like.dtype)

    def file_of(numbered: tuple[int, Any]) -> Path:
        return Path(numbered[1].parent.filehandle.path)

    for part, own in groupby(sorted(enumerate(pages), key=file_of), key=file_of):
        try:
            with opened_tiff(part) as opened:
                for number, page in own:
                    pixels = opened.pages[page.index].asarray()
                    if (pixels.shape, pixels.dtype) != (like.shape, like.dtype):
                        raise ReadError(
                            f"plane must be of shape {like.shape} and {like.dtype} as others of its image; got "
                            f"{pixels.shape} and {pixels.dtype}"
                        )
                    array[number] = pixels
        except ReadError as error:
            raise ReadError(f"{part.name}: {error}") from error
    return array.reshape(series.shape)


def _one_plane(file: tifffile.TiffFile, series: tifffile.TiffPageSeries, plane: int) -> tuple[NDArray[Any], str]:
    array = _planes(file, series)
    axes = "".join(axis for axis in series.axes if axis in "YXS")
    return array.reshape(-1, *array.shape[-len(axes) :])[plane], axes


def _is_slide(file: tifffile.TiffFile) -> bool:
    return any(getattr(file, f"is_{name}") for name in SLIDES)


def full_pages(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """The pages that are images of their own: no thumbnails, masks, smaller copies, pictures of the glass."""
    pages = [page if isinstance(page, tifffile.TiffPage) else page.aspage() for page in file.pages]
    if _is_slide(file):
        return [max(pages, key=lambda page: page.imagewidth * page.imagelength)]
    full = [page for page in pages if not page.is_reduced and not page.is_mask]
    return [page for page in full if page is full[0] or not _is_copy(full[0], page)]


def _is_copy(base: tifffile.TiffPage, page: tifffile.TiffPage) -> bool:
    """Whether a tiled page is a smaller level of another, which some programs leave without a word of it."""
    if not (base.is_tiled and page.is_tiled) or (page.dtype, page.samplesperpixel) != (
        base.dtype,
        base.samplesperpixel,
    ):
        return False
    factor = base.imagewidth / page.imagewidth
    return factor > 1.5 and abs(page.imagelength - base.imagelength / factor) <= SAME_FORM


def levels_of(file: tifffile.TiffFile, base: tifffile.TiffPage) -> list[tifffile.TiffPage]:
    """A page and its smaller copies, the largest first: pages of their own, or below it."""
    found = [base]
    subs = [page for page in base.pages or () if isinstance(page, tifffile.TiffPage)]
    pages = [page if isinstance(page, tifffile.TiffPage) else page.aspage() for page in file.pages]
    for page in [*subs, *(pages if base.is_tiled else ())]:
        if page is not base and _is_copy(base, page):
            found.append(page)
    return sorted(found, key=lambda page: -page.imagewidth * page.imagelength)


def at_level(geometry: Geometry, base: tifffile.TiffPage, level: tifffile.TiffPage) -> Geometry:
    """The geometry of a smaller copy of a page."""
    column, row, slice_ = geometry.spacing_mm
    sizes = (column * base.imagewidth / level.imagewidth, row * base.imagelength / level.imagelength, slice_)
    return replace(geometry, spacing_mm=sizes)


def image_of(file: tifffile.TiffFile, page: tifffile.TiffPage) -> int:
    """Number of the OME image that a page is of."""
    if not file.is_ome:
        return 0
    for number, series in enumerate(file.series):
        if any(one is not None and one.index == page.index for one in series.pages):
            return number
    return 0


def _no_data(page: tifffile.TiffPage) -> float | None:
    try:
        value = float(page.tags.valueof(NO_DATA_TAG))
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def upright(page: tifffile.TiffPage, pixels: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Pixels of a page as they are meant: channels last, colours as RGB, without alpha, turned upright; and notes."""
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels, notes = as_meant(pixels, page)
    if page.extrasamples and pixels.ndim == 3:
        alpha = is_alpha(page)
        first = pixels.shape[2] - len(alpha)
        keep = [*range(first), *(first + index for index, drop in enumerate(alpha) if not drop)]
        pixels = pixels[:, :, keep]
    return turned_upright(pixels, page.tags.valueof("Orientation", 1)), notes
