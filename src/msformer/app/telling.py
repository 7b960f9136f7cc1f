"""What whoever shows a picture and its mask is told, ready for JSON: the same for the page and for the notebook."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from msformer.app.pictures import Shown, shown_mask
from msformer.app.pieces import pieces_of
from msformer.editing import MEANINGS, Editor
from msformer.editing.change import Change
from msformer.editing.seen import Seen
from msformer.image import Image, Mask

MOST_PIECES = 200
"""Pieces of one mask that are listed."""


def tell_image(image: Image) -> dict[str, Any]:
    """What is known of an image before its pixels are there."""
    return {"picture": Shown(image).about(), "size": list(image.shape), "spacing": image.spacing_mm}


def tell_mask(mask: Mask, factor: int) -> dict[str, Any]:
    """A whole mask ``(H, W)`` as a change of an empty one, on the rows and columns that are shown."""
    shown = shown_mask(mask, factor)
    return Change.between(np.zeros_like(shown), shown).to_json()


def tell_change(change: Change, mask: Mask, factor: int) -> dict[str, Any]:
    """What a step changed; the whole mask after it where not all rows and columns are shown."""
    return {"mask": tell_mask(mask, factor)} if factor > 1 else {"change": change.to_json()}


def tell_editor(editor: Editor) -> dict[str, Any]:
    """What can be undone and done again, and the answers of the last prompt."""
    offer = editor.offer
    return {
        "undoes": editor.undoes,
        "redoes": editor.redoes,
        "offer": None
        if offer is None
        else {
            "words": list(MEANINGS[: len(offer.masks)]),
            "expected": [round(float(value), 3) for value in offer.expected],
            "chosen": offer.chosen,
        },
    }


def tell_regions(seen: Seen) -> dict[str, Any]:
    """The regions of a picture on their own grid, for what lies under the cursor."""
    rows, columns = seen.region_grid
    return {
        "rows": rows,
        "columns": columns,
        "regions": [
            {
                "box": [region.window[0].start, region.window[1].start, *region.mask.shape],
                "area": region.area,
                "bits": base64.b64encode(np.packbits(region.mask).tobytes()).decode(),
            }
            for region in seen.regions
        ],
    }


def tell_pieces(mask: Mask, spacing: tuple[float, float] | None) -> list[dict[str, Any]]:
    """The pieces of a mask ``(H, W)`` with their sizes, the largest first."""
    return [
        {
            "number": one.number,
            "px": one.area_px,
            "mm2": "" if one.area_mm2 is None else f"{one.area_mm2:.6g}",
            "row": one.row,
            "column": one.column,
        }
        for one in pieces_of(mask, spacing)[1][:MOST_PIECES]
    ]
