"""All the searches together: where nothing is shown, by what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.prepare.no_data.aperture import find_aperture
from msformer.prepare.no_data.borders import find_border
from msformer.prepare.no_data.common import nothing
from msformer.prepare.no_data.glare import find_glare
from msformer.prepare.no_data.ruler import find_rulers
from msformer.prepare.no_data.sticker import find_stickers
from msformer.prepare.no_data.words import find_words

AREAS = ("declared", "border", "aperture", "sticker")
"""Parts that cover something as wide as the picture's own content: left out."""
MARKS = ("words", "ruler", "glare")
"""Thin or small parts, which the picture goes on around: painted over."""
NO_DATA_PARTS = (*AREAS, *MARKS)
MOST_MARKS = 0.15
"""Where marks of one kind cover more than this share of what is left, they are texture."""
MOST_STICKERS = 0.5
"""Where stickers cover more than this share, they are what the picture is of."""
LEAST_VALID = 0.05
"""Where less than this share would be left, everything counts."""
PAINT_RADIUS = 3


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class NoData:
    """Where a picture shows nothing.

    Attributes:
        valid: ``(h, w)``, False where nothing is shown.
        parts: By name of ``NO_DATA_PARTS``, what is not shown, ``(h, w)``, whatever else is there.
    """

    valid: Mask
    parts: Mapping[str, Mask]

    @property
    def field(self) -> Mask:
        """Everything but the areas of ``AREAS``; marks upon the content do not cut it into pieces."""
        return np.asarray(~np.logical_or.reduce([self.parts[name] for name in AREAS]))

    @property
    def marks(self) -> Mask:
        """What is painted over: the marks of ``MARKS`` within the field."""
        return np.asarray(np.logical_or.reduce([self.parts[name] for name in MARKS]) & self.field)


def find_no_data(scaled: NDArray[np.float32], *, declared: Mask | None = None) -> NoData:
    """Find padding, apertures, words, calipers, rulers, stickers and glare.

    When in doubt it is data: a kind that would cover too much is dropped, and a picture never is without a field.

    Args:
        scaled: ``(h, w, C)`` in [0, 1], C from 1 to 4, with sides of about 190 to 400 px.
        declared: ``(h, w)``, what the file itself declares as padding.
    """
    parts = {name: nothing(scaled) for name in NO_DATA_PARTS}
    if declared is not None and 1 - declared.mean() >= LEAST_VALID:
        parts["declared"] = declared
    parts["border"] = find_border(scaled)
    outside = parts["border"] | parts["declared"]
    parts["aperture"] = find_aperture(scaled, outside)
    outside = outside | parts["aperture"]
    if 1 - outside.mean() < LEAST_VALID:
        parts["border"] = parts["aperture"] = nothing(scaled)
        outside = parts["declared"]
    stickers = find_stickers(scaled, outside)
    if stickers.mean() <= MOST_STICKERS * (1 - outside.mean()):
        parts["sticker"] = stickers & ~outside
    left = ~(outside | parts["sticker"])
    for name, find in (("words", find_words), ("ruler", find_rulers), ("glare", find_glare)):
        marks = find(scaled) & left
        if marks.sum() <= MOST_MARKS * left.sum():
            parts[name] = marks
    valid = ~np.logical_or.reduce(list(parts.values()))
    return NoData(valid, MappingProxyType(parts))


def continued(scaled: NDArray[np.float32], field: Mask) -> NDArray[np.float32]:
    """A picture ``(h, w, C)`` whose pixels outside of the field ``(h, w)`` take the values of the nearest inside."""
    if field.all() or not field.any():
        return scaled
    rows, columns = ndimage.distance_transform_edt(~field, return_distances=False, return_indices=True)
    return np.ascontiguousarray(scaled[rows, columns])


def paint_over(scaled: NDArray[np.float32], marks: Mask) -> NDArray[np.float32]:
    """Fill marks ``(h, w)`` of a picture ``(h, w, C)`` in [0, 1] from what is around them (Telea 2004)."""
    if not marks.any():
        return scaled
    painted = [
        cv2.inpaint(np.rint(plane * 255).astype(np.uint8), marks.astype(np.uint8), PAINT_RADIUS, cv2.INPAINT_TELEA)
        for plane in np.moveaxis(scaled, 2, 0)
    ]
    filled = np.stack(painted, axis=2).astype(np.float32) / np.float32(255)
    return np.where(marks[:, :, None], filled, scaled)
