"""What the numbers of a TIFF mean: its photometric interpretation, one rule each, for pages and for stacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.image import row_strips

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
CMYK_INKS = 1
STORED_AS_STATED = frozenset({1, 5, 8, 32773, 32946, 33003, 34925, 50000})
"""Compressions that leave YCbCr as it is; those of the JPEG family become RGB while they are decoded."""
D50 = np.array([0.96422, 1.0, 0.82521])
XYZ_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
"""From XYZ under D50, Bradford's adaptation included."""


def as_meant(pixels: NDArray[Any], page: tifffile.TiffPage) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Larger is brighter, colours are RGB; and notes.

    =============  =================================================================================
    BlackIsZero    As stored.
    WhiteIsZero    Inverted: unsigned from the largest value, signed and float by their sign.
    RGB            As stored.
    palette        Colours of 8 bits.
    CMYK           RGB by (1 - ink) · (1 - black), without profiles, as Pillow has it; 8 and 16 bit.
    YCbCr          RGB by the coefficients and ranges of the file, or those of TIFF 6.0; 8 and 16 bit.
    CIELab         sRGB from D50, with the encoding of TIFF 6.0 or of ICC; 8 and 16 bit.
    everything     Refused by name.
    else
    =============  =================================================================================

    Args:
        pixels: ``(…, H, W)`` or, of several samples, ``(…, H, W, samples)``.
        page: The page, or one of those of a stack.

    Raises:
        ReadError: The interpretation, or its number of bits, is none of these.
    """
    kind = BLACK_IS_ZERO if page.photometric is None else int(page.photometric)
    n_colours = max(page.samplesperpixel - len(page.extrasamples), 1)
    if kind in (BLACK_IS_ZERO, RGB):
        is_coded = page.compression == 33003 and n_colours == 3
        return (_from_ycbcr(pixels, page), ()) if is_coded else (pixels, ())
    if kind == WHITE_IS_ZERO:
        return _inverted(pixels, n_colours, page.samplesperpixel), ()
    if kind == PALETTE and page.colormap is not None and page.samplesperpixel == 1:
        # Colours of a palette are 16-bit by definition; 8 bits are what such images were drawn with.
        return _in_colours(pixels, (page.colormap >> 8).astype(np.uint8).T), ()
    name = getattr(page.photometric, "name", str(page.photometric))
    is_colour = kind in (SEPARATED, YCBCR, CIELAB, ICCLAB)
    if not is_colour:
        raise ReadError(f"photometric interpretation must be grey, RGB, palette, CMYK, YCbCr or CIELab; got {name}")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ReadError(f"{name} must be of 8 or 16 bits without a sign to be converted to RGB; got {pixels.dtype}")
    if kind == SEPARATED:
        inks = int(page.tags.valueof("InkSet", CMYK_INKS))
        if inks != CMYK_INKS or n_colours != 4:
            raise ReadError(f"separated colours must be the four inks of CMYK; got {n_colours} inks, InkSet {inks}")
        return _by_strips(pixels, 4, _from_cmyk), ("CMYK converted to RGB, without a colour profile",)
    if n_colours != 3:
        raise ReadError(f"{name} must have 3 channels to be converted to RGB; got {n_colours}")
    if kind == YCBCR:
        return (_from_ycbcr(pixels, page), ()) if int(page.compression) in STORED_AS_STATED else (pixels, ())
    is_icc = kind == ICCLAB
    return _by_strips(pixels, 3, lambda part: _from_lab(part, is_icc)), ("CIELab converted to sRGB",)


def is_alpha(page: tifffile.TiffPage) -> list[bool]:
    """Which of the samples behind the colours are an alpha."""
    return [int(kind) in (1, 2) for kind in page.extrasamples]


def kept_of(page: tifffile.TiffPage) -> tuple[int, np.dtype[Any], bool]:
    """Channels and type of a page as it is meant, without its alpha, and whether that is a copy of what is stored."""
    kind = BLACK_IS_ZERO if page.photometric is None else int(page.photometric)
    if kind == PALETTE:
        return 3, np.dtype(np.uint8), True
    dropped = sum(is_alpha(page))
    n_channels = page.samplesperpixel - dropped - (kind == SEPARATED)
    return max(n_channels, 1), np.dtype(page.dtype), dropped > 0 or kind not in (BLACK_IS_ZERO, RGB)


def _in_colours(pixels: NDArray[Any], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours ``(H, W, 3)`` of the numbers of a palette ``(n, 3)``; numpy widens what it indexes with."""
    result = np.empty((*pixels.shape, 3), dtype=np.uint8)
    for rows in row_strips(pixels.shape):
        result[rows] = colours[pixels[rows]]
    return result


def _inverted(pixels: NDArray[Any], n_colours: int, n_samples: int) -> NDArray[Any]:
    def inverted(part: NDArray[Any]) -> NDArray[Any]:
        if part.dtype.kind == "f":
            return np.asarray(-part)
        return np.asarray(~part)  # of unsigned numbers the largest one less each, of signed ones its sign

    if n_samples == 1 or n_colours == n_samples:
        return inverted(pixels)
    whole = pixels.copy()
    whole[..., :n_colours] = inverted(pixels[..., :n_colours])
    return whole


def _by_strips(pixels: NDArray[Any], count: int, convert: Any) -> NDArray[Any]:
    """The first ``count`` channels as RGB, the others behind them; strips bound the wide copies."""
    rows = pixels.reshape(-1, *pixels.shape[-2:])
    result = np.empty((*rows.shape[:2], 3 + rows.shape[2] - count), dtype=pixels.dtype)
    for strip in row_strips(rows.shape):
        part = rows[strip]
        largest = np.iinfo(pixels.dtype).max
        rgb = convert(part[..., :count])
        result[strip, :, :3] = np.rint(np.clip(rgb, 0, 1) * largest).astype(pixels.dtype)
        result[strip, :, 3:] = part[..., count:]
    return result.reshape(*pixels.shape[:-1], -1)


def _from_cmyk(part: NDArray[Any]) -> NDArray[np.float64]:
    left = 1 - part / np.iinfo(part.dtype).max
    return np.asarray(left[..., :3] * left[..., 3:])


def _from_ycbcr(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """TIFF 6.0, section 21."""
    red, green, blue = _ratios(page.tags.valueof("YCbCrCoefficients"), 3) or (0.299, 0.587, 0.114)
    largest = int(np.iinfo(pixels.dtype).max)
    middle = (largest + 1) // 2
    ranges = _ratios(page.tags.valueof("ReferenceBlackWhite"), 6) or (0, largest, middle, largest, middle, largest)
    black, white = np.array(ranges[::2]), np.array(ranges[1::2])
    if (white == black).any() or green == 0:
        raise ReadError(f"ReferenceBlackWhite must be three ranges; got {ranges}")
    reach = np.array([largest, largest - middle, largest - middle])

    def convert(part: NDArray[Any]) -> NDArray[np.float64]:
        light, to_blue, to_red = np.moveaxis((part - black) * reach / (white - black), -1, 0)
        its_red = light + to_red * (2 - 2 * red)
        its_blue = light + to_blue * (2 - 2 * blue)
        return np.stack([its_red, (light - blue * its_blue - red * its_red) / green, its_blue], axis=-1) / largest

    return _by_strips(pixels, 3, convert)


def _ratios(value: Any, count: int) -> tuple[float, ...] | None:
    """So many numbers, or quotients of so many pairs; None for what is neither."""
    numbers = [float(one) for one in np.ravel(value)] if value is not None else []
    if len(numbers) == 2 * count:
        numbers = [one / other if other else np.nan for one, other in zip(numbers[::2], numbers[1::2], strict=True)]
    return tuple(numbers) if len(numbers) == count and np.isfinite(numbers).all() else None


def _from_lab(part: NDArray[Any], is_icc: bool) -> NDArray[np.float64]:
    """L from 0 to 100 over the whole range; a and b in 8 or 8.8 bits with a sign, or with 128 added."""
    unit = 1 if part.dtype == np.uint8 else 256
    light = part[..., 0] * (100 / np.iinfo(part.dtype).max)
    signed: NDArray[Any] = part[..., 1:].view(np.int8 if unit == 1 else np.int16)
    a_b = part[..., 1:] / unit - 128.0 if is_icc else signed / unit
    y = (light + 16) / 116
    f = np.stack([y + a_b[..., 0] / 500, y, y - a_b[..., 1] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * D50
    linear = np.clip(xyz @ XYZ_TO_SRGB.T, 0, 1)
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))
