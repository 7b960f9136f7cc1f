"""PNG, JPEG, BMP, WebP and what else Pillow knows → pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from msformer.errors import ReadError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
STRIP_ROWS = 256
GREY_MODES = {"L": None, "1": "L", "I": None, "F": None, "I;16": None, "I;16B": "I", "I;16L": "I", "I;16N": "I"}
"""Pillow's modes of one channel, and the mode to convert each to where its own is awkward."""


def read_photo(path: Path, max_pixels: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read the first frame as ``(H, W)`` or ``(H, W, 3)``: turned upright by EXIF, palettes expanded; and notes.

    Opaque alpha is dropped; where it is not opaque, the image is laid over black.

    Raises:
        ReadError: Not an image, truncated, or more than ``max_pixels`` pixels.
    """
    if (deep := _read_deep_colour_png(path, max_pixels)) is not None:
        return deep, ()
    try:
        with _own_limit(), Pillow.open(path) as opened:
            check_pixel_count(opened.size, max_pixels)
            count = int(getattr(opened, "n_frames", 1))
            opened.seek(0)
            ImageOps.exif_transpose(opened, in_place=True)
            notes = (f"first of {count} frames; the others are left out",) if count > 1 else ()
            return pixels_of(opened), notes
    except ReadError:
        raise
    except UnidentifiedImageError:
        raise ReadError("no image format recognises the contents of this file") from None
    except Exception as error:  # decoders raise anything from OSError to struct.error on broken files
        raise ReadError(f"{type(error).__name__}: {error}") from error


@contextmanager
def _own_limit() -> Iterator[None]:
    """Pillow's limit on the number of pixels, which warns at one number and fails at another, off for a while."""
    before, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Pillow.MAX_IMAGE_PIXELS = before


def check_pixel_count(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse sizes that would exhaust memory.

    Raises:
        ReadError: More than ``max_pixels`` pixels.
    """
    if size[0] * size[1] > max_pixels:
        raise ReadError(
            f"image must have at most max_pixels={max_pixels} pixels; got {size[0]} × {size[1]} = {size[0] * size[1]}. "
            f"A larger limit (--max-pixels) reads it, at about ten bytes of memory a pixel"
        )


def check_voxel_count(size: Sequence[int], max_voxels: int) -> None:
    """Refuse volumes that would exhaust memory.

    Raises:
        ReadError: More than ``max_voxels`` voxels.
    """
    if (count := math.prod(size)) > max_voxels:
        raise ReadError(
            f"volume must have at most max_pixels={max_voxels} voxels; got {' × '.join(map(str, size))} = {count}. "
            "A larger limit (--max-pixels) reads it"
        )


def pixels_of(opened: Pillow.Image) -> NDArray[Any]:
    """An image of Pillow as ``(H, W)`` or ``(H, W, 3)``: palettes expanded, alpha over black."""
    if opened.mode in GREY_MODES:
        mode = GREY_MODES[opened.mode]
        return _pixels(opened.convert(mode) if mode else opened)
    if opened.mode in ("LA", "La"):
        return _over_black(_pixels(opened.convert("LA")))
    if opened.has_transparency_data:
        return _over_black(_pixels(opened.convert("RGBA")))
    return _pixels(opened if opened.mode == "RGB" else opened.convert("RGB"))


def _pixels(opened: Pillow.Image) -> NDArray[Any]:
    """The pixels of an image, copied strip by strip: as a whole they would be copied twice more on the way."""
    width, height = opened.size
    opened.load()
    strips = [(0, top, width, min(top + STRIP_ROWS, height)) for top in range(0, height, STRIP_ROWS)]
    first = np.asarray(opened.crop(strips[0]))
    pixels = np.empty((height, *first.shape[1:]), dtype=first.dtype)
    for strip in strips:
        pixels[strip[1] : strip[3]] = np.asarray(opened.crop(strip))
    return pixels


def _over_black(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drop the last channel, an alpha; colours under a transparent alpha fade to black."""
    colour, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
    if not (alpha == 255).all():
        colour = np.rint(colour * (alpha / np.float32(255))).astype(np.uint8)
    return np.ascontiguousarray(colour[:, :, 0] if colour.shape[2] == 1 else colour)


def _read_deep_colour_png(path: Path, max_pixels: int) -> NDArray[Any] | None:
    """A colour PNG of 16 bits a channel, which Pillow would cut to 8; None for every other file."""
    with path.open("rb") as file:
        head = file.read(26)
    is_deep = head[:8] == PNG_SIGNATURE and len(head) == 26 and head[24] == 16 and head[25] in (2, 4, 6)
    if not is_deep:
        return None
    check_pixel_count((int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")), max_pixels)
    pixels = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ReadError("broken or truncated PNG")
    if pixels.ndim == 2:
        return np.asarray(pixels)
    colour = pixels[:, :, 2::-1]  # BGR(A) → RGB
    if pixels.shape[2] == 4:
        colour = np.rint(colour * (pixels[:, :, 3:] / np.float32(65535))).astype(np.uint16)
    if head[25] == 4:  # grey with alpha, which OpenCV expands to colour
        colour = colour[:, :, 0]
    return np.ascontiguousarray(colour)
