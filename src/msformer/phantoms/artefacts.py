"""What devices and people add to a picture: padding, letterboxes, apertures, print, rulers, stickers, glare.

Every kind is drawn over a phantom of any kind; where nothing of the phantom is shown any more, its truth is False.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.phantoms.base import Phantom, check_choice, check_count
from msformer.phantoms.shapes import grid

STICKER_COLOURS = np.array([(40, 150, 215), (40, 165, 95), (245, 135, 25), (120, 80, 190), (240, 215, 40)])
"""Printed colours: blue, green, orange, violet, yellow."""
WORDS = ("BREAST", "AXILLA", "LEFT UOQ", "12:45:09", "UPPER", "SCAN 14")
SMALLEST_LETTER = 7
"""Height in px from which on letters can be read."""


def add_artefact(phantom: Phantom, kind: str, seed: int) -> Phantom:
    """Draw an artefact over a phantom.

    Args:
        phantom: Of any kind; left as it is.
        kind: One of ``ARTEFACT_KINDS``. Stickers and glare on a grey phantom make it a picture in colour.
        seed: Seed of every draw.

    Returns:
        The phantom with the artefact, of the same shape; its truth is False under padding, around apertures and under
        stickers, and as it was under marks, which the object goes on below.

    Raises:
        ConfigError: The kind is unknown, or the seed negative.
    """
    image, covered = _drawn(phantom, kind, seed)
    mask = phantom.mask & ~covered if kind in COVERING else phantom.mask.copy()
    return replace(phantom, name=f"{phantom.name}-{kind}{seed}", image=image, mask=mask)


def artefact_pixels(phantom: Phantom, kind: str, seed: int) -> Mask:
    """Where ``add_artefact`` draws, ``(H, W)``, by its geometry: also where it leaves a value as it was."""
    return _drawn(phantom, kind, seed)[1]


def _drawn(phantom: Phantom, kind: str, seed: int) -> tuple[NDArray[Any], Mask]:
    """A copy of the image with the artefact, and where it is."""
    check_choice("kind", kind, ARTEFACT_KINDS)
    rng = np.random.default_rng([check_count("seed", seed, 2**63 - 1), zlib.crc32(kind.encode())])
    image = phantom.image.copy()
    if kind in ("sticker", "glare") and image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    return image, _DRAWERS[kind](image, rng)


def _range(image: NDArray[Any]) -> tuple[float, float]:
    """What is black and white in a picture: of its type in 8 bits, else as far as its values go."""
    return (0.0, 255.0) if image.dtype == np.uint8 else (float(image.min()), float(image.max()))


def _paint(image: NDArray[Any], cover: NDArray[np.floating], colour: Any) -> Mask:
    """Blend a colour in; what it covers by more than half."""
    share = cover[..., None] if image.ndim == 3 else cover
    image[:] = np.rint(image * (1 - share) + share * np.asarray(colour)).astype(image.dtype)
    return np.asarray(cover > 0.5)


def _border(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """One value along one or two neighbouring sides."""
    low, high = _range(image)
    value = low + (high - low) * rng.choice([0.0, 0.5, 1.0])
    covered = np.zeros(image.shape[:2], dtype=bool)
    first = int(rng.integers(4))
    for side in (first, first + 1)[: int(rng.integers(1, 3))]:
        turned = np.rot90(covered, side)
        turned[: round(rng.uniform(0.06, 0.25) * len(turned))] = True
    image[covered] = value
    return covered


def _letterbox(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """Black bars of one width on two opposite sides."""
    covered = np.zeros(image.shape[:2], dtype=bool)
    turned = covered if rng.random() < 0.5 else covered.T
    width = round(rng.uniform(0.06, 0.2) * len(turned))
    turned[:width] = turned[-width:] = True
    image[covered] = _range(image)[0]
    return covered


def _aperture(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """Black around a disc that reaches almost as far as the longer side."""
    height, width = image.shape[:2]
    rows, columns = grid((height, width))
    radius = rng.uniform(0.47, 0.52) * max(height, width)
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    return _paint(image, np.clip(distance - radius + 0.5, 0, 1), _range(image)[0])


def _words(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """A word in white, along the upper or the lower side, where it is darker: on white it would not be seen."""
    height, width = image.shape[:2]
    layer = np.zeros((height, width), np.uint8)
    word = str(rng.choice(WORDS))
    size = max(0.045 * height, SMALLEST_LETTER)
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, round(size), 1)
    (length, tall), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    column = int(rng.integers(2, max(width - length - 2, 3)))
    grey = image if image.ndim == 2 else image.mean(axis=2)
    under = {row: float(grey[row - tall : row, column : column + length].mean()) for row in (3 + tall, height - 5)}
    row = min(under, key=lambda one: under[one])
    cv2.putText(layer, word, (column, row), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    return _paint(image, layer / 255, _range(image)[1])


def _calipers(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """Four white crosses at the ends of two lengths that cross each other."""
    height, width = image.shape[:2]
    layer = np.zeros((height, width))
    arm = max(round(0.02 * min(height, width)), 4)
    middle = np.array([rng.uniform(0.4, 0.6) * height, rng.uniform(0.4, 0.6) * width])
    reach = rng.uniform(0.18, 0.28, 2) * (height, width)
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        row, column = np.rint(middle + reach * (down, right)).astype(int)
        layer[row - arm : row + arm + 1, column] = 1
        layer[row, column - arm : column + arm + 1] = 1
    return _paint(image, layer, _range(image)[1])


def _ruler(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """Marks at even steps along one side, longer at every fifth: dark ones, or bright ones where the side is dark."""
    height, width = image.shape[:2]
    low, high = _range(image)
    layer = np.zeros((height, width))
    turned = np.rot90(layer, int(rng.integers(4)))
    step = max(round(min(height, width) / rng.uniform(22, 34)), 5)
    inset = max(round(0.02 * min(height, width)), 1)
    for number, place in enumerate(range(int(rng.integers(1, step)), turned.shape[1], step)):
        turned[inset : inset + round((0.055 if number % 5 == 0 else 0.035) * min(height, width)), place] = 1
    under = float(image[layer > 0].mean())
    return _paint(image, 0.95 * layer, low if under > (low + high) / 2 else high)


def _sticker(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """A disc of a printed colour that one side of the frame cuts."""
    height, width = image.shape[:2]
    rows, columns = grid((height, width))
    radius = rng.uniform(0.14, 0.24) * min(height, width)
    inwards = rng.uniform(-0.3, 0.6) * radius
    along = rng.uniform(0.15, 0.85)
    centre = [
        (inwards, along * width),
        (height - 1 - inwards, along * width),
        (along * height, inwards),
        (along * height, width - 1 - inwards),
    ][int(rng.integers(4))]
    cover = np.clip(radius - np.hypot(rows - centre[0], columns - centre[1]) + 0.5, 0, 1)
    low, high = _range(image)
    colour = low + (high - low) * rng.choice(STICKER_COLOURS) / 255
    return _paint(image, cover, colour + rng.normal(0, 0.01 * (high - low), image.shape))


def _glare(image: NDArray[Any], rng: np.random.Generator) -> Mask:
    """Small white ellipses with sharp edges."""
    height, width = image.shape[:2]
    rows, columns = grid((height, width))
    cover = np.zeros((height, width))
    for _ in range(int(rng.integers(4, 12))):
        row, column = rng.uniform(0.05, 0.95, 2) * (height, width)
        axes = rng.uniform(0.008, 0.02, 2) * min(height, width)
        distance = np.hypot((rows - row) / axes[0], (columns - column) / axes[1])
        cover = np.maximum(cover, np.clip((1 - distance) * axes.min() + 0.5, 0, 1))
    return _paint(image, cover, _range(image)[1])


_DRAWERS: dict[str, Callable[[NDArray[Any], np.random.Generator], Mask]] = {
    "border": _border,
    "letterbox": _letterbox,
    "aperture": _aperture,
    "words": _words,
    "calipers": _calipers,
    "ruler": _ruler,
    "sticker": _sticker,
    "glare": _glare,
}
ARTEFACT_KINDS = tuple(_DRAWERS)
"""The kinds that :func:`add_artefact` knows."""
COVERING = ("border", "letterbox", "aperture", "sticker")
"""Those under which nothing of the phantom is left."""
