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
from PIL import UnidentifiedImageError
from PIL.ExifTags import Base

from msformer.errors import ReadError
from msformer.image import row_strips
from msformer.io.claim import Claim

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY_MODES = {"L": None, "1": "L", "I": None, "F": None, "I;16": None, "I;16B": "I", "I;16L": "I", "I;16N": "I"}
"""Pillow's modes of one channel, and the mode to convert each to where its own is awkward."""


PILLOW_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow's memory; all other modes take four."""
KEPT_TYPES = {
    "I": np.int32,
    "I;16B": np.int32,
    "I;16L": np.int32,
    "I;16N": np.int32,
    "F": np.float32,
    "I;16": np.uint16,
}
"""What pixels of Pillow's modes become; all others are bytes."""
DECODER_BYTES = {"WEBP": 13, "JPEG2000": 16, "GIF": 4, "AVIF": 12}
"""Bytes of a pixel that decoders have beside Pillow's: WebP two canvases and the frame, JPEG 2000
whole numbers of 32 bits."""
PROGRESSIVE_BYTES = 6
"""The coefficients of a progressive JPEG are in memory as a whole."""


def read_photo(path: Path, max_pixels: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read the first frame as ``(H, W)`` or ``(H, W, 3)``: turned upright by EXIF, palettes expanded; and notes.

    Opaque alpha is dropped; where it is not opaque, the image is laid over black.

    Raises:
        ReadError: Not an image, truncated, or more than ``max_pixels`` pixels.
    """
    if (deep := _read_deep_colour_png(path, max_pixels)) is not None:
        return deep, ()
    with _broken():
        with _own_limit(), Pillow.open(path) as opened:
            check_pixel_count(opened.size, max_pixels)
            count = int(getattr(opened, "n_frames", 1))
            opened.seek(0)
            opened.load()  # what comes behind the pixels may say how the image is turned
            orientation = opened.getexif().get(Base.Orientation, 1)
            notes = (f"first of {count} frames; the others are left out",) if count > 1 else ()
            pixels = pixels_of(opened)
        del opened  # or it would be in memory beside what is turned
        return np.ascontiguousarray(turned_upright(pixels, orientation)), notes


def photo_claim(path: Path, max_pixels: int) -> Claim:
    """What the header of a picture claims: Pillow's own copy, what its decoder has beside it, and what is kept.

    Raises:
        ReadError: As ``read_photo`` says of headers.
    """
    there = path.stat().st_size
    if (found := _deep_colour_png(path, max_pixels)) is not None:
        (width, height), n_stored, n_channels = found
        deep = np.dtype(np.uint16)  # OpenCV's decoder has all of it once more
        return Claim((1, height, width), n_channels, deep, there + width * height * 2 * n_stored * deep.itemsize)
    with _broken(), _own_limit(), Pillow.open(path) as opened:
        check_pixel_count(opened.size, max_pixels)
        width, height = opened.size
        mode, name = opened.mode, opened.format or ""
        beside = DECODER_BYTES.get(name, 0)
        if name == "JPEG" and opened.info.get("progressive"):
            beside = PROGRESSIVE_BYTES
    in_pillow = PILLOW_BYTES.get(mode, 4)
    n_channels = 1 if mode in GREY_MODES or mode in ("LA", "La") else 3
    kept: np.dtype[Any] = np.dtype(KEPT_TYPES.get(mode, np.uint8))
    turned = 2 * n_channels * kept.itemsize  # by EXIF, which a header need not say
    each = max(in_pillow + max(beside, n_channels * kept.itemsize), turned)
    return Claim((1, height, width), n_channels, kept, there + width * height * each)


@contextmanager
def _broken() -> Iterator[None]:
    """Errors of broken files as ours: decoders raise anything from OSError to struct.error."""
    try:
        yield
    except ReadError:
        raise
    except UnidentifiedImageError:
        raise ReadError("no image format recognises the contents of this file") from None
    except Exception as error:
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
    """Refuse sizes that are none, or would exhaust memory.

    Raises:
        ReadError: No pixels, or more than ``max_pixels``.
    """
    if min(size) < 1:
        raise ReadError(f"image must have at least one pixel a side; got {size[0]} × {size[1]}")
    if size[0] * size[1] > max_pixels:
        raise ReadError(
            f"image must have at most max_pixels={max_pixels} pixels; got {size[0]} × {size[1]} = {size[0] * size[1]}. "
            f"A larger limit (--max-pixels) reads it, at about ten bytes of memory a pixel"
        )


def check_voxel_count(size: Sequence[int], max_voxels: int) -> None:
    """Refuse volumes that are none, or would exhaust memory.

    Raises:
        ReadError: No voxels, or more than ``max_voxels``.
    """
    if min(size) < 1:
        raise ReadError(f"volume must have at least one voxel a side; got {' × '.join(map(str, size))}")
    if (count := math.prod(size)) > max_voxels:
        raise ReadError(
            f"volume must have at most max_pixels={max_voxels} voxels; got {' × '.join(map(str, size))} = {count}. "
            "A larger limit (--max-pixels) reads it"
        )


def pixels_of(opened: Pillow.Image) -> NDArray[Any]:
    """An image of Pillow as ``(H, W)`` or ``(H, W, 3)``: palettes expanded, alpha over black.

    Strip by strip: as a whole, an image would be in memory once more for each conversion on the way.
    """
    opened.load()
    width, height = opened.size
    pixels: NDArray[Any] | None = None
    for rows in row_strips((height, width)):
        strip = _as_meant(opened.crop((0, rows.start, width, rows.stop)))
        if pixels is None:
            pixels = np.empty((height, *strip.shape[1:]), dtype=strip.dtype)
        pixels[rows] = strip
    return np.asarray(pixels)


def turned_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn upright what is stored in one of the eight orientations of TIFF 6.0, which EXIF has from there."""
    if orientation in (5, 7):
        pixels = np.swapaxes(pixels, 0, 1)
    turns = {2: 0, 3: 2, 4: 2, 6: -1, 7: 2, 8: 1}.get(orientation, 0)
    turned = np.rot90(pixels, turns)
    return turned[:, ::-1] if orientation in (2, 4) else turned


def _as_meant(strip: Pillow.Image) -> NDArray[Any]:
    if strip.mode in GREY_MODES:
        mode = GREY_MODES[strip.mode]
        return np.asarray(strip.convert(mode) if mode else strip)
    if strip.mode in ("LA", "La"):
        return _over_black(np.asarray(strip.convert("LA")))
    if strip.has_transparency_data:
        return _over_black(np.asarray(strip.convert("RGBA")))
    return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))


def _over_black(pixels: NDArray[Any]) -> NDArray[Any]:
    """Drop the last channel, an alpha; colours under a transparent alpha fade to black."""
    colour, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
    largest = np.iinfo(pixels.dtype).max
    if not (alpha == largest).all():
        colour = np.rint(colour * (alpha / np.float32(largest))).astype(pixels.dtype)
    return colour[:, :, 0] if colour.shape[2] == 1 else colour


def _deep_colour_png(path: Path, max_pixels: int) -> tuple[tuple[int, int], int, int] | None:
    """Of a colour PNG of 16 bits a channel: its size, the channels that OpenCV makes of it, and those that are kept.

    None for every other file. Grey with alpha is such a file too, which OpenCV expands to colour.
    """
    with path.open("rb") as file:
        head = file.read(26)
    is_deep = head[:8] == PNG_SIGNATURE and len(head) == 26 and head[24] == 16 and head[25] in (2, 4, 6)
    if not is_deep:
        return None
    size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    check_pixel_count(size, max_pixels)
    return size, 3 if head[25] == 2 else 4, 1 if head[25] == 4 else 3


def _read_deep_colour_png(path: Path, max_pixels: int) -> NDArray[Any] | None:
    """A colour PNG of 16 bits a channel, which Pillow would cut to 8; None for every other file."""
    if (found := _deep_colour_png(path, max_pixels)) is None:
        return None
    is_grey = found[2] == 1
    stored = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ReadError("broken or truncated PNG")
    if stored.ndim == 2:
        return np.asarray(stored)
    # In place where nothing is dropped: BGR(A) → RGB.
    keeps_shape = stored.shape[2] == 3 and not is_grey
    pixels = stored if keeps_shape else np.empty((*stored.shape[:2], *(() if is_grey else (3,))), dtype=stored.dtype)
    for rows in row_strips(stored.shape):
        strip = stored[rows]
        colour = strip[:, :, [2, 1, 0]]
        if strip.shape[2] == 4:
            colour = _over_black(np.concatenate([colour, strip[:, :, 3:]], axis=2))
        pixels[rows] = colour[:, :, 0] if is_grey else colour
    return pixels
