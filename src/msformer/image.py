"""An image with what is known about it, and the shapes and types that the other modules speak of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msformer.config import MIN_SIDE
from msformer.errors import ImageError, ImageShapeError, NonFiniteImageError

Pixels: TypeAlias = NDArray[Any]
"""``(H, W)`` or ``(H, W, C)``; any integer, boolean or floating type."""
LabelMap: TypeAlias = NDArray[np.uint16]
"""``(H, W)``; 1 to K consecutive, 0 only outside a region of interest."""
Mask: TypeAlias = NDArray[np.bool_]
"""``(H, W)``; True on the object."""
Plane: TypeAlias = NDArray[np.float32]
"""``(H, W)``; one value a pixel, in [0, 1]."""
STRIP_PIXELS = 2**20
"""What is computed in wide types is computed on so many pixels at a time: 8 MB as double precision."""
LARGEST_VALUE = 1e30
"""Larger values would overflow the single precision that the network computes in."""


@dataclass(frozen=True)
class Image:
    """One two-dimensional image.

    Attributes:
        pixels: ``(H, W)`` or ``(H, W, C)``, both sides at least 33 px, finite. Never written to.
        spacing_mm: Size of a pixel (row, column) in mm, where it is known.
        source: The file that it came from.
        page: Its page, counted from 0, where the file has several.
        modality: What made it, as DICOM names it (CT, MR, US, …), where it is known.
        limits: The values that are black and white, where a window says so.
        padding_value: What the file declares to be no data: pixels of this value, in all channels, show nothing.
        body_part: What the file says is shown, as DICOM names it (CHEST, HEAD, …), where it is known.
        notes: What a reader should know of how it was read. In words, without names.

    Raises:
        ImageError: As ``from_array`` says.
    """

    pixels: Pixels
    spacing_mm: tuple[float, float] | None = None
    source: Path | None = None
    page: int | None = None
    modality: str | None = None
    limits: tuple[float, float] | None = None
    padding_value: float | None = None
    body_part: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        array = self.pixels
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise ImageError(f"image must hold booleans, integers or floats of at most 64 bits; got {kind}")
        if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] == 0):
            raise ImageShapeError(f"image must have shape (H, W) or (H, W, C); got {array.shape}")
        if min(array.shape[:2]) < MIN_SIDE:
            raise ImageShapeError(
                f"image must be at least {MIN_SIDE} px high and wide; "
                f"got {array.shape[0]} rows × {array.shape[1]} columns (axes are rows, columns[, channels])"
            )
        if array.dtype.kind == "f":
            ends = float(array.min()), float(array.max())  # NaN where there is any; and no copy, as a mask would be
            if not np.isfinite(ends).all():
                missing = sum(
                    array[rows].size - int(np.isfinite(array[rows]).sum()) for rows in row_strips(array.shape)
                )
                raise NonFiniteImageError(f"image must be finite; got {missing} NaN or infinite values of {array.size}")
            if (largest := max(-ends[0], ends[1])) > LARGEST_VALUE:
                raise ImageError(f"image must hold values of at most {LARGEST_VALUE:g} either way; got {largest:g}")
        check_spacing(self.spacing_mm)

    @classmethod
    def from_array(
        cls,
        pixels: ArrayLike,
        *,
        spacing_mm: tuple[float, float] | None = None,
        source: Path | None = None,
        page: int | None = None,
        modality: str | None = None,
        limits: tuple[float, float] | None = None,
        padding_value: float | None = None,
        body_part: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> Image:
        """Take anything that numpy takes for an array; a last axis of one channel is dropped, NaN is no data.

        Raises:
            ImageShapeError: Not two or three axes, or a side under 33 px.
            NonFiniteImageError: Infinite values, or nothing but NaN.
            ImageError: Not numbers, values beyond single precision, or the spacing is not two positive numbers.
        """
        array = np.asarray(pixels)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        array, padding_value, told = without_nan(array, padding_value)
        return cls(array, spacing_mm, source, page, modality, limits, padding_value, body_part, (*notes, *told))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def n_channels(self) -> int:
        """Number of channels; 1 for grey images."""
        return 1 if self.pixels.ndim == 2 else int(self.pixels.shape[2])

    @property
    def digest(self) -> str:
        """SHA-256 of type, shape and values, in hexadecimal; the same pixels give the same digest."""
        sha = hashlib.sha256(f"{self.pixels.dtype.str} {self.pixels.shape}".encode())
        for rows in row_strips(self.pixels.shape):  # a view of what is stored in another order would be copied whole
            sha.update(np.ascontiguousarray(self.pixels[rows]).data)
        return sha.hexdigest()


def row_strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of a picture ``(H, W, …)`` in strips of about ``STRIP_PIXELS``, at least one row each, from the top."""
    height, width = shape[:2]
    step = max(STRIP_PIXELS // max(width, 1), 1)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def without_nan(pixels: Pixels, padding_value: float | None = None) -> tuple[Pixels, float | None, tuple[str, ...]]:
    """The rule for NaN, of images and volumes alike: it is no data, as declared padding is.

    NaN becomes the padding value where one is declared, else the number just below all others, which is the padding
    value then: a pixel that is NaN in all channels is in no statistic and no mask, a channel that is NaN alone is dark.
    Infinite values are left for the checks, which refuse them.

    Returns:
        The values, without a copy where there is no NaN; the padding value; a note where there was some.
    """
    if pixels.dtype.kind != "f" or pixels.ndim == 0 or pixels.size == 0:
        return pixels, padding_value, ()
    count = sum(int(np.isnan(plane).sum()) for plane in pixels)
    if count in (0, pixels.size) or any(np.isinf(plane).any() for plane in pixels):
        return pixels, padding_value, ()
    if padding_value is None:
        lowest = np.asarray(np.nanmin(pixels), dtype=pixels.dtype)
        # Just below in single precision, in which everything is computed.
        narrow = pixels.dtype if pixels.dtype.itemsize < 4 else np.dtype(np.float32)
        padding_value = float(np.nextafter(lowest.astype(narrow), narrow.type(-np.inf)))
        if not padding_value < float(lowest):  # rounded up by the narrower type
            padding_value = float(np.nextafter(narrow.type(padding_value), narrow.type(-np.inf)))
        padding_value = padding_value if np.isfinite(padding_value) else float(lowest)
    filled = np.where(np.isnan(pixels), pixels.dtype.type(padding_value), pixels)
    return filled, float(pixels.dtype.type(padding_value)), (f"{count} values that are none (NaN) taken for no data",)


def check_spacing(spacing_mm: tuple[float, float] | None) -> None:
    """Check a size of a pixel (row, column) in mm; None stands for unknown.

    Raises:
        ImageError: Not two positive finite numbers.
    """
    if spacing_mm is None:
        return
    try:
        row, column = (float(side) for side in spacing_mm)
        is_size = 0 < row < np.inf and 0 < column < np.inf
    except (TypeError, ValueError):
        is_size = False
    if not is_size:
        raise ImageError(f"spacing_mm must be two positive numbers (row, column); got {spacing_mm!r}")
