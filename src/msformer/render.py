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

from msformer.image import Image, Mask
from msformer.prepare import to_unit_range

PANEL_SIDE = 480
"""Longest side in px of one panel of a preview."""
GAP = 6
OUTLINE_COLOUR = (255, 230, 0)
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


def display(image: Image, intensity_range: tuple[float, float], side: int = PANEL_SIDE) -> Picture:
    """The image as 8-bit RGB, longest side at most ``side`` px; ``intensity_range`` becomes black and white.

    Of images with two, or more than three channels the first one is shown.
    """
    pixels = image.pixels if image.pixels.ndim == 2 or image.n_channels == 3 else image.pixels[:, :, 0]
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        pixels = pixels.astype(np.float32)
    small = cv2.resize(np.ascontiguousarray(pixels), _fit_size(image.shape, side), interpolation=cv2.INTER_AREA)
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
    size = (shown.shape[1], shown.shape[0])
    small_labels = cv2.resize(label_map.astype(np.uint16, copy=False), size, interpolation=cv2.INTER_NEAREST)
    numbers: NDArray[Any] = np.ascontiguousarray(mask).view(np.uint8) if mask.dtype == np.bool_ else mask
    if numbers.dtype.itemsize > 2:
        numbers = numbers.astype(np.int32)  # the only whole numbers of more than 16 bits that OpenCV resizes
    small_mask = _parted(np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), dtype=np.int32))
    clusters = label_colours(int(label_map.max()))[small_labels]
    gap = np.full((shown.shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.concatenate([shown, gap, clusters, gap, draw_outline(shown, small_mask)], axis=1)


def _parted(numbers: NDArray[np.int32]) -> Mask:
    """A map of objects as a mask with a gap of a px between objects that touch, so that each has its outline."""
    mask = numbers > 0
    for axis in (0, 1):
        one, other = (np.moveaxis(numbers, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        np.moveaxis(mask, axis, 0)[1:][(one != other) & (one > 0)] = False
    return mask


def draw_outline(picture: Picture, mask: Mask) -> Picture:
    """A copy of ``picture`` with the outline of ``mask`` on it, with a dark seam so that it shows on any ground."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn = picture.copy()
    cv2.drawContours(drawn, contours, -1, (0, 0, 0), 3)
    cv2.drawContours(drawn, contours, -1, OUTLINE_COLOUR, 1)
    return drawn


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


def _fit_size(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the longest side at most ``side``; small images are enlarged to half of it."""
    longest = max(shape)
    scale = side / longest if longest > side else max(1.0, side / 2 / longest)
    return max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)
