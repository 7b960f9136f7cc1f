"""Pictures of a result at full size, for eyes: the image with the outline of its mask, and its clusters in colours.

Of a volume both are a strip of its slices, each under its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from msformer.image import Image, Mask
from msformer.io.atomic import atomic_path
from msformer.prepare import to_unit_range
from msformer.render import (
    GAP,
    GAP_COLOUR,
    INK,
    OUTLINE_COLOUR,
    Picture,
    display,
    draw_outline,
    fit_size,
    label_colours,
    outline_on,
    parted,
    resize_labels,
    seen_pixels,
)
from msformer.volume import Volume
from msformer.volumes import shown_slices

COLOURS, OVERLAYS = "colours", "overlays"
"""Folders of the two."""
MOST_PIXELS = 25_000_000
"""Of an overlay; of larger images every second, third … row and column is shown, as on the page of ``app``."""
LONGEST = 65_000
"""Most px of a side of a JPEG, nearly."""
QUALITY = 90
ROWS = 256
"""Rows that are brought to eight bits at a time."""
PER_LINE = 1200
"""px of the longest side for each px of the outline's width, so that it is seen when all of the picture is."""
SLICES = 60
"""Slices of a strip, at most."""
SLICE_SIDE = 512
"""Longest side in px of a slice in a strip."""
BAND = 0.1
"""Height of what a number is written on, in that of a slice, so that it is read at any size."""
MOST_COLOURS = 253
"""Numbers of a picture with a palette; those above begin again at 1. The last two are for the strip and its numbers."""

Plane = tuple[int, Image, NDArray[np.uint16], Mask]
"""Number, picture, clusters and mask of a slice."""


def write_pictures(
    out: Path,
    name: str,
    image: Image,
    label_map: NDArray[np.integer],
    mask: Mask | NDArray[np.unsignedinteger],
    limits: tuple[float, float],
) -> dict[str, str]:
    """Write both pictures of an image.

    Args:
        out: Folder of the results.
        name: Of the case.
        image: What is seen.
        label_map: ``(H, W)``.
        mask: ``(H, W)``, or a map of objects, each of which has its outline then.
        limits: Values that are shown black and white.

    Returns:
        Paths below ``out``.
    """
    height, width = image.shape
    factor = max(int(np.ceil(np.sqrt(height * width / MOST_PIXELS))), -(-max(height, width) // LONGEST))
    drawn = _in_bytes(image, limits, factor)
    line = max(round(max(drawn.shape) / PER_LINE), 1)
    outline_on(drawn, parted(mask[::factor, ::factor]), OUTLINE_COLOUR[::-1], line)
    return _write(out, name, drawn, label_map)


def _in_bytes(image: Image, limits: tuple[float, float], factor: int) -> Picture:
    """The image as 8-bit BGR, which OpenCV packs without a copy, a few rows at a time."""
    pixels = seen_pixels(image)[::factor, ::factor]
    if pixels.dtype == np.uint8:  # a table takes a third of the time
        table = np.rint(to_unit_range(np.arange(256, dtype=np.uint8), limits) * 255).astype(np.uint8)
        order = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
        return np.asarray(cv2.cvtColor(table[pixels], order), dtype=np.uint8)
    drawn: Picture = np.empty((*pixels.shape[:2], 3), dtype=np.uint8)
    for first in range(0, len(drawn), ROWS):
        unit = np.atleast_3d(to_unit_range(pixels[first : first + ROWS], limits))
        drawn[first : first + ROWS] = np.rint(unit * 255)[:, :, ::-1]
    return drawn


def write_strips(
    out: Path,
    name: str,
    volume: Volume,
    label_map: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    slices: Sequence[int],
    axis: int,
    limits: tuple[float, float],
) -> dict[str, str]:
    """Write both strips of a volume, with up to ``SLICES`` of its slices; arguments as of ``planes`` and above."""
    numbers, overlays, clusters = [], [], []
    for number, image, labels, shown in planes(volume, label_map, mask, tuple(slices), axis, SLICES):
        tile = display(image, limits, SLICE_SIDE)
        size = tile.shape[0], tile.shape[1]
        numbers.append(number)
        overlays.append(draw_outline(tile, resize_labels(shown, size) > 0))
        clusters.append(_indices(resize_labels(labels, size)))
    drawn = np.ascontiguousarray(strip(overlays, numbers, GAP_COLOUR, INK)[:, :, ::-1])
    return _write(out, name, drawn, strip(clusters, numbers, MOST_COLOURS + 1, MOST_COLOURS + 2))


def planes(
    volume: Volume,
    label_map: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    slices: tuple[int, ...],
    axis: int,
    count: int,
) -> Iterator[Plane]:
    """Up to ``count`` of the slices of a volume, spread evenly.

    Args:
        volume: The volume.
        label_map: ``(D, H, W)``.
        mask: ``(D, H, W)``.
        slices: Numbers of those that were looked at.
        axis: Across which they lie.
        count: How many at most.
    """
    for number in shown_slices(slices, count):
        image = Image.from_array(np.take(volume.voxels, number, axis=axis))
        yield number, image, np.take(label_map, number, axis=axis), np.take(mask, number, axis=axis)


def strip(tiles: Sequence[NDArray[np.uint8]], numbers: Sequence[int], ground: Any, ink: Any) -> NDArray[np.uint8]:
    """Slices ``(h, w[, 3])`` beside each other, each under its number.

    Args:
        tiles: Of one size.
        numbers: Of the slices.
        ground: Colour, or number of a palette, of what lies around them.
        ink: The same of the numbers, of a palette the next one: between the two edges are smoothed.
    """
    band = band_of(tiles[0].shape[0])
    columns = []
    for tile, number in zip(tiles, numbers, strict=True):
        column = np.empty((tile.shape[0] + band, tile.shape[1] + GAP, *tile.shape[2:]), dtype=np.uint8)
        column[:] = ground
        column[band:, :-GAP] = tile
        size = band / 40  # Hershey's digits are 22 px high at a size of 1
        cv2.putText(
            column, str(number), (4, round(0.75 * band)), cv2.FONT_HERSHEY_SIMPLEX, size, ink, round(2 * size) or 1
        )
        columns.append(column)
    return np.concatenate(columns, axis=1)[:, :-GAP]


def band_of(rows: int) -> int:
    """Height in px of what the number of a slice of so many rows is written on."""
    return max(round(BAND * rows), 20)


def strip_tile(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a slice ``shape`` in a strip."""
    columns, rows = fit_size(shape, SLICE_SIDE)
    return rows, columns


def _indices(labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    if int(labels.max(initial=0)) > MOST_COLOURS:
        labels = np.where(labels > MOST_COLOURS, (labels - 1) % MOST_COLOURS + 1, labels)
    return labels.astype(np.uint8)


def _write(out: Path, name: str, overlay: Picture, clusters: NDArray[np.integer]) -> dict[str, str]:
    """Write an overlay in BGR, and clusters as a picture with a palette."""
    paths = {OVERLAYS: f"{OVERLAYS}/{name}.jpg", COLOURS: f"{COLOURS}/{name}.png"}
    for path in paths.values():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
    how = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    packed = cv2.imencode(".jpg", overlay, how)[1]
    with atomic_path(out / paths[OVERLAYS]) as temporary:
        temporary.write_bytes(packed.data)
    indices = clusters if clusters.dtype == np.uint8 else _indices(clusters)
    palette = [*label_colours(MOST_COLOURS).tolist(), GAP_COLOUR, INK]
    picture = Pillow.fromarray(np.ascontiguousarray(indices))
    picture.putpalette([value for colour in palette[: int(indices.max(initial=0)) + 1] for value in colour])
    with atomic_path(out / paths[COLOURS]) as temporary:
        picture.save(temporary, format="PNG", compress_level=1)  # as ``io.write_png`` does
    return paths
