"""What is laid over a picture and is no data: padding, apertures, stickers, rulers, words, calipers."""

from __future__ import annotations

import string
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.scenes.draws import Draws

Box = tuple[slice, slice]
_LEAST_VIEW = 0.55


def view_box(draws: Draws, shape: tuple[int, int]) -> Box:
    """Where the picture lies within its padding."""
    ends = [[0, side] for side in shape]
    if draws.happens("padding"):
        rng = draws.rng("padding")
        axis = int(rng.integers(2))
        sides = [(axis, 0), (axis, 1)] if rng.random() < 0.6 else [(int(rng.integers(2)), int(rng.integers(2)))]
        if rng.random() < 0.25:
            sides = [(0, 0), (0, 1), (1, 0), (1, 1)]
        width = rng.uniform(0.02, (1 - _LEAST_VIEW) / 2)
        for along, end in sides:
            wide = max(1, round(width * shape[along] * rng.uniform(0.8, 1)))
            ends[along][end] += wide if end == 0 else -wide
    return slice(*ends[0]), slice(*ends[1])


def padding_level(draws: Draws) -> int:
    """Grey value of the padding."""
    rng = draws.rng("padding level")
    return int(rng.choice([0, 255, int(rng.integers(256))], p=[0.65, 0.2, 0.15]))


def aperture(draws: Draws, shape: tuple[int, int]) -> Mask:
    """What a round aperture leaves to see, ``(H, W)``; everything without one."""
    if not draws.happens("aperture"):
        return np.ones(shape, dtype=bool)
    rng = draws.rng("aperture")
    layer = np.zeros(shape, dtype=np.uint8)
    radius = int(min(shape) * rng.uniform(0.47, 0.62))
    middle = [int(side * rng.uniform(0.47, 0.53)) for side in shape]
    cv2.circle(layer, (middle[1], middle[0]), radius, 1, -1)
    if rng.random() < 0.3:  # straight above and below, as many fundus cameras cut it
        layer[: int(0.1 * shape[0])] = layer[int(0.9 * shape[0]) :] = 0
    return layer > 0


def overlays(draws: Draws, image: NDArray[np.uint8], target: Mask) -> Mask:
    """Draw stickers, rulers, words and calipers on ``(H, W, C)``; returns where they are, ``(H, W)``."""
    shape = image.shape[:2]
    covered = np.zeros(shape, dtype=bool)
    channels = 1 if image.shape[2] < 3 else 3
    for name, make in (("stickers", _stickers), ("rulers", _ruler), ("words", _words)):
        if draws.happens(name):
            rng = draws.rng(name)
            for layer, colour in make(rng, shape, channels):
                _lay(image, layer, colour)
                covered |= layer > 0
    if draws.happens("calipers") and target.any():
        for layer, colour in _calipers(draws.rng("calipers"), target, channels):
            _lay(image, layer, colour)
            covered |= layer > 0
    return covered


def _lay(image: NDArray[np.uint8], layer: NDArray[np.uint8], colour: Sequence[int]) -> None:
    if len(colour) < image.shape[2]:  # a further channel, in which no colour is seen
        colour = [*colour, round(sum(colour) / len(colour))]
    share = layer[..., None].astype(np.float32) / 255
    image[...] = np.rint(image + share * (np.array(colour, dtype=np.float32) - image))


_Layers = list[tuple[NDArray[np.uint8], list[int]]]


def _ink(rng: np.random.Generator, channels: int) -> list[int]:
    """White more often than black or a colour."""
    share = rng.random()
    if share < 0.6:
        return [int(rng.integers(200, 256))] * channels
    return [0] * channels if share < 0.75 else [int(one) for one in rng.integers(0, 256, channels)]


def _stickers(rng: np.random.Generator, shape: tuple[int, int], channels: int) -> _Layers:
    side = min(shape)
    result: _Layers = []
    for _ in range(int(rng.integers(1, 3))):
        layer = np.zeros(shape, dtype=np.uint8)
        radius = int(side * rng.uniform(0.08, 0.3))
        at = [int(rng.uniform(0, 1) * one) for one in shape]
        axis = int(rng.integers(2))
        at[axis] = int(rng.choice([-0.4 * radius, shape[axis] + 0.4 * radius]))
        if rng.random() < 0.6:
            cv2.circle(layer, (at[1], at[0]), radius, 255, -1)
        else:
            low, high = [one - radius for one in at], [one + radius for one in at]
            cv2.rectangle(layer, (low[1], low[0]), (high[1], high[0]), 255, -1)
        result.append((layer, [int(one) for one in rng.integers(0, 256, channels)]))
        if rng.random() < 0.4:  # a ring within, as calibration stickers have
            inner = np.zeros(shape, dtype=np.uint8)
            cv2.circle(inner, (at[1], at[0]), max(radius // 2, 1), 255, -1)
            result.append((inner, [int(one) for one in rng.integers(0, 256, channels)]))
    return result


def _ruler(rng: np.random.Generator, shape: tuple[int, int], channels: int) -> _Layers:
    layer = np.zeros(shape, dtype=np.uint8)
    along = int(rng.integers(2))
    across = 1 - along
    place = int(shape[across] * rng.choice([rng.uniform(0.02, 0.1), rng.uniform(0.9, 0.98)]))
    first, last = (int(shape[along] * one) for one in (rng.uniform(0, 0.4), rng.uniform(0.6, 1)))
    step = max(2, int(min(shape) * rng.uniform(0.02, 0.08)))
    line = rng.random() < 0.6
    if line:
        layer[(slice(first, last), place) if along == 0 else (place, slice(first, last))] = 255
    for index, at in enumerate(range(first, last, step)):
        length = max(1, int(min(shape) * (0.04 if index % 5 == 0 else 0.02)))
        span = slice(max(place - length, 0), place + 1)
        layer[(at, span) if along == 0 else (span, at)] = 255
    return [(layer, _ink(rng, channels))]


def _words(rng: np.random.Generator, shape: tuple[int, int], channels: int) -> _Layers:
    layer = np.zeros(shape, dtype=np.uint8)
    letters = list(string.ascii_uppercase + string.digits)
    size = min(shape) / 128 * rng.uniform(0.22, 0.5)
    left, top = (
        int(rng.uniform(0, 0.75) * shape[1]),
        int(rng.choice([rng.uniform(0.05, 0.2), rng.uniform(0.8, 0.98)]) * shape[0]),
    )
    for line in range(int(rng.integers(1, 4))):
        word = "".join(rng.choice(letters, int(rng.integers(1, 9))))
        at = left, top + int(line * 30 * size)
        cv2.putText(layer, word, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, max(1, int(2 * size)), cv2.LINE_AA)
    return [(layer, _ink(rng, channels))]


def _calipers(rng: np.random.Generator, target: Mask, channels: int) -> _Layers:
    layer = np.zeros(target.shape, dtype=np.uint8)
    rows, columns = np.nonzero(target)
    arm = max(1, round(min(target.shape) * rng.uniform(0.012, 0.025)))
    ends = [(rows.min(), columns[rows.argmin()]), (rows.max(), columns[rows.argmax()])]
    ends += [(rows[columns.argmin()], columns.min()), (rows[columns.argmax()], columns.max())]
    for row, column in ends[: int(rng.choice([2, 4]))]:
        layer[max(row - arm, 0) : row + arm + 1, column] = 255
        layer[row, max(column - arm, 0) : column + arm + 1] = 255
    return [(layer, _ink(rng, channels))]
