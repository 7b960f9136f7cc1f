"""Pictures for people: the image, its clusters in colours, the outline of the mask."""

from __future__ import annotations

import base64
import colorsys
import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from msformer.image import Image, Mask, Pixels
from msformer.prepare import to_unit_range
from msformer.prepare.intensity import INTENSITY_PERCENTILES

PANEL_SIDE = 480
"""Longest side in px of one panel of a preview."""
GAP = 6
GAP_COLOUR = (32, 38, 44)
"""Of what lies between panels and slices: that of the page's ground under pictures, which dazzles nobody at night."""
INK = (232, 236, 239)
"""Of numbers on it."""
OUTLINE_COLOUR = (255, 230, 0)
DARK = 0.5
"""An image is dark where all but its brightest pixels lie in this lowest share of the range that it is shown in."""
FEWEST_LEVELS = 8 / 255
"""Share of the range that a dark image must span to be brightened; under it, what would be seen is noise."""
SAMPLE = 1_000_000
"""Pixels, about, that tell whether an image is dark."""
# Okabe & Ito (2008): eight colours that people with any colour vision tell apart.
_FIRST_COLOURS = [
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167),
    (86, 180, 233), (213, 94, 0), (240, 228, 66), (110, 110, 110),
]  # fmt: skip

Picture = NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""


def label_colours(count: int) -> Picture:
    """Colours ``(count + 1, 3)`` for labels 0 to ``count``: 0 is black, a label's colour never depends on ``count``.

    After the first eight, hues advance by the golden ratio, so that neighbours in number differ in colour.
    """
    colours = [(0, 0, 0), *_FIRST_COLOURS]
    for index in range(len(colours), count + 1):
        red, green, blue = colorsys.hsv_to_rgb(
            index * 0.618034 % 1, 0.55 + 0.4 * (index % 2), 0.95 - 0.25 * (index % 3)
        )
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return np.array(colours[: count + 1], dtype=np.uint8)


def shown_limits(pixels: Pixels, limits: tuple[float, float]) -> tuple[float, float]:
    """The values to show black and white: ``limits``, or of an image that is dark by them those that it has.

    Bytes stand for what they are to the method, 0 to 255, which leaves a dark picture black to people.

    Args:
        pixels: Of the image or volume, of any shape.
        limits: Values that the method took for black and white.
    """
    flat = pixels.reshape(-1)
    low, high = (float(value) for value in np.percentile(flat[:: max(flat.size // SAMPLE, 1)], INTENSITY_PERCENTILES))
    width = limits[1] - limits[0]
    is_dark = high < limits[0] + DARK * width and high - low >= FEWEST_LEVELS * width
    return (low, high) if is_dark and low >= limits[0] else limits


def seen_pixels(image: Image) -> Pixels:
    """What is shown of an image: of two, or more than three channels the first one, ``(H, W)`` or ``(H, W, 3)``."""
    return image.pixels if image.pixels.ndim == 2 or image.n_channels == 3 else image.pixels[:, :, 0]


def display(image: Image, intensity_range: tuple[float, float], side: int = PANEL_SIDE) -> Picture:
    """The image as 8-bit RGB, longest side at most ``side`` px; ``intensity_range`` becomes black and white."""
    pixels = seen_pixels(image)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        pixels = pixels.astype(np.float32)
    small = cv2.resize(np.ascontiguousarray(pixels), fit_size(image.shape, side), interpolation=cv2.INTER_AREA)
    unit = to_unit_range(small, intensity_range)
    grey_or_colour = np.rint(unit * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(np.atleast_3d(grey_or_colour), (*grey_or_colour.shape[:2], 3)))


def preview(
    image: Image,
    label_map: NDArray[np.integer],
    mask: Mask | NDArray[np.unsignedinteger],
    intensity_range: tuple[float, float],
    side: int = PANEL_SIDE,
) -> Picture:
    """Image, clusters in colours and image with the mask's outline, side by side.

    ``mask`` may also be a map of objects ``(H, W)``, 0 on the ground; then each has its outline.
    """
    shown = display(image, intensity_range, side)
    size = shown.shape[0], shown.shape[1]
    small_labels = resize_labels(label_map.astype(np.uint16, copy=False), size)
    clusters = label_colours(int(label_map.max()))[small_labels]
    gap = np.full((size[0], GAP, 3), GAP_COLOUR, dtype=np.uint8)
    outlined = draw_outline(shown, parted(resize_labels(mask, size)))
    return np.concatenate([shown, gap, clusters, gap, outlined], axis=1)


def resize_labels(numbers: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Numbers or a mask ``(H, W)`` at another size ``(h, w)``, each pixel that of the nearest."""
    given = np.ascontiguousarray(numbers).view(np.uint8) if numbers.dtype == np.bool_ else numbers
    if given.dtype.itemsize > 2:
        given = given.astype(np.int32)  # the only whole numbers of more than 16 bits that OpenCV resizes
    return np.asarray(cv2.resize(given, shape[::-1], interpolation=cv2.INTER_NEAREST))


def parted(numbers: NDArray[Any]) -> Mask:
    """A map of objects as a mask with a gap of a px between objects that touch, so that each has its outline."""
    mask = numbers > 0
    for axis in (0, 1):
        one, other = (np.moveaxis(numbers, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        np.moveaxis(mask, axis, 0)[1:][(one != other) & (one > 0)] = False
    return mask


def draw_outline(picture: Picture, mask: Mask) -> Picture:
    """A copy of ``picture`` with the outline of ``mask`` on it, with a dark seam so that it shows on any ground."""
    drawn = picture.copy()
    outline_on(drawn, mask, OUTLINE_COLOUR)
    return drawn


def outline_on(picture: Picture, mask: Mask, colour: tuple[int, int, int], width: int = 1) -> None:
    """Draw that outline, ``width`` px wide, on the picture itself; ``colour`` has the order of its channels."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, (0, 0, 0), width + 2)
    cv2.drawContours(picture, contours, -1, colour, width)


def jpeg(picture: Picture, side: int) -> bytes:
    """A picture as a JPEG, longest side at most ``side`` px."""
    opened = Pillow.fromarray(picture)
    opened.thumbnail((side, side))
    buffer = io.BytesIO()
    opened.save(buffer, format="JPEG", quality=82)
    return buffer.getvalue()


def data_uri(kind: str, data: bytes) -> str:
    """A picture file of a kind, ``jpeg`` or ``png``, as an address that a page can hold instead of a file."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def fit_size(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the longest side at most ``side``; small images are enlarged to half of it."""
    longest = max(shape)
    scale = side / longest if longest > side else max(1.0, side / 2 / longest)
    return max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)
