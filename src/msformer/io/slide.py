"""A slide that is larger than memory: a level of it, read part by part, and a small copy of the whole."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.errors import ConfigError, ReadError
from msformer.io.medical import named
from msformer.io.tiff import upright
from msformer.io.tiff_chain import check_chain
from msformer.io.tiff_sizes import stated_geometry

if TYPE_CHECKING:
    from tiffslide import TiffSlide

OVERVIEW_PIXELS = 2_000_000
"""Of the small copy, about."""
STRIP_ROWS = 256
UM_OF_MM = 1000.0
NEEDS_TIFFSLIDE = "slides by tile need tiffslide: pip install 'msformer[slide]'"
LEICA = "leica"
"""The one vendor whose size of a pixel tiffslide alone works out: from the sizes of the parts of the glass."""
INSIDE = 0.25
"""Added at most to a place on the largest level, so that the level's own place follows whatever is rounded."""
OVERVIEW_SIDE = 64
"""Of the small copy, at least, where the level has that."""


@dataclass(frozen=True)
class Slide:
    """An open slide at one of its levels.

    Attributes:
        source: The file.
        shape: Rows and columns of the level.
        base_shape: Those of the largest level.
        spacing_mm: Size of a pixel of the level (row, column); None where it is not stated.
        level: Its number, 0 for the largest.
        overview: ``(h, w[, C])``, every ``step``-th row and column of the smallest level that is large enough.
    """

    source: Path
    shape: tuple[int, int]
    base_shape: tuple[int, int]
    spacing_mm: tuple[float, float] | None
    level: int
    overview: NDArray[Any]
    _file: TiffSlide

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """A part of the level as it is meant, ``(h, w[, C])``.

        Raises:
            ReadError: It is broken.
        """
        with named(self.source):
            return _part(self._file, self.level, rows, columns)


@contextmanager
def open_slide(path: Path, mpp: float | None = None) -> Iterator[Slide]:
    """Open a slide of any kind that tiffslide reads at a level.

    Args:
        path: A slide or any other TIFF of which the first picture is taken.
        mpp: Size of a pixel in µm: the level nearest to it is taken, by ratio; the largest one where left out.

    Raises:
        ConfigError: ``mpp`` is no positive number.
        ReadError: It is broken or no TIFF, the size of its pixels is not stated and ``mpp`` is given, its planes are
            stored apart or it is stored turned; or tiffslide is not installed. The message begins with the file.
    """
    if mpp is not None and not 0 < mpp < math.inf:
        raise ConfigError(f"mpp must be a positive number of µm; got {mpp}")
    with ExitStack() as held:
        with named(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it does not read of a vendor's words
            check_chain(path)
            file = held.enter_context(_opened(held.enter_context(path.open("rb"))))
            try:
                shapes = [(height, width) for width, height in file.level_dimensions]
            except NotImplementedError as error:
                raise ReadError(f"a slide must be one picture with its colours in one plane; {error}") from error
            base = _page(file, 0)
            if base.planarconfig == tifffile.PLANARCONFIG.SEPARATE or base.tags.valueof("Orientation", 1) != 1:
                raise ReadError("a slide must have its colours in one plane and lie upright to be read by tile")
            spacings = _spacings(file, shapes)
            if mpp is None:
                level = 0
            elif spacings is None:
                raise ReadError(f"the size of a pixel must be stated to find a level of {mpp:g} µm; it is not")
            else:
                misses = [abs(math.log(row * UM_OF_MM / mpp)) for row, _ in spacings]
                level = int(np.argmin(misses))
            small = max((one for one, shape in enumerate(shapes) if math.prod(shape) >= OVERVIEW_PIXELS), default=0)
            overview = _overview(file, small, shapes[small])
        yield Slide(
            path, shapes[level], shapes[0], None if spacings is None else spacings[level], level, overview, file
        )


def _opened(file: BufferedReader) -> TiffSlide:
    """The slide in a file; by its name tiffslide might take it for an address on a network."""
    try:
        from tiffslide import TiffSlide
    except ImportError:
        raise ReadError(NEEDS_TIFFSLIDE) from None

    class Lenient(TiffSlide):  # type: ignore[misc,unused-ignore]
        """One whose words about itself may be broken, as long as its levels are whole."""

        @cached_property
        def properties(self) -> dict[str, Any]:
            try:
                return dict(super().properties)
            except (ArithmeticError, AttributeError, LookupError, UnicodeError, ValueError):
                series = self.ts_tifffile.series[0]
                told: dict[str, Any] = {"tiffslide.series-axes": series.axes, "tiffslide.series-index": 0}
                told |= {"tiffslide.vendor": None}
                for number, level in enumerate(series.levels):
                    sizes = dict(zip(level.axes, level.shape, strict=True))
                    told |= {f"tiffslide.level[{number}].width": sizes["X"]}
                    told |= {f"tiffslide.level[{number}].height": sizes["Y"]}
                return told

    return Lenient(file)


def _spacings(file: TiffSlide, shapes: Sequence[tuple[int, int]]) -> list[tuple[float, float]] | None:
    """Size of a pixel of each level in mm (row, column); None where it is not stated."""
    geometry = stated_geometry(file.ts_tifffile)
    stated = None if geometry is None else geometry.spacing_of(0)
    if stated is not None:
        row_mm, column_mm = stated
    elif file.properties["tiffslide.vendor"] == LEICA:
        row_mm, column_mm = (float(file.properties[f"tiffslide.mpp-{axis}"]) / UM_OF_MM for axis in "yx")
    else:
        return None
    height, width = shapes[0]
    return [(row_mm * height / own_height, column_mm * width / own_width) for own_height, own_width in shapes]


def _overview(file: TiffSlide, level: int, shape: tuple[int, int]) -> NDArray[Any]:
    height, width = shape
    step = max(min(math.isqrt(height * width // OVERVIEW_PIXELS), min(height, width) // OVERVIEW_SIDE), 1)
    strips = []
    for first in range(0, height, STRIP_ROWS):
        strip = _part(file, level, slice(first, min(first + STRIP_ROWS, height)), slice(0, width))
        strips.append(strip[-first % step :: step, ::step].copy())
    return np.concatenate(strips)


def _page(file: TiffSlide, level: int) -> tifffile.TiffPage:
    """What says how the pixels of a level are meant."""
    series = file.ts_tifffile.series[file.properties.get("tiffslide.series-index") or 0]
    page = series.levels[min(level, len(series.levels) - 1)].keyframe
    if not isinstance(page, tifffile.TiffPage):
        raise ReadError("broken TIFF: it has no page that is a picture")
    return page


def _part(file: TiffSlide, level: int, rows: slice, columns: slice) -> NDArray[Any]:
    """A part of a level, whose place tiffslide takes in px of the largest one and rounds down."""
    factor = file.level_downsamples[level]
    inside = min(INSIDE, (factor - 1) / 2)
    x, y = (part.start if level == 0 else math.ceil(part.start * factor + inside) for part in (columns, rows))
    size = columns.stop - columns.start, rows.stop - rows.start
    pixels = file.read_region((x, y), level, size, as_array=True, padding=False)
    pixels = upright(_page(file, level), pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)[0]
    pixels = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return pixels.astype(np.uint8) * np.uint8(255) if pixels.dtype == bool else pixels
