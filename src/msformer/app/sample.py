"""Pictures for whoever has none at hand, so that the first page is never empty: made ones, of nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msformer.io import write_png
from msformer.phantoms import make_phantom

PICTURES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "lesion-1": ("dermoscopy", 1, {"difficulty": 0.1}),
    "lesion-2": ("dermoscopy", 2, {"difficulty": 0.4}),
    "lesion-3": ("dermoscopy", 3, {"difficulty": 0.7}),
    "lesion-4": ("dermoscopy", 5, {"difficulty": 0.3}),
    "cells": ("cells", 0, {}),
    "chest-ct": ("lung_ct", 0, {"values": "8-bit"}),
    "ultrasound": ("ultrasound", 0, {}),
}
"""Kind, seed and options of each phantom."""


def write_sample(folder: Path) -> None:
    """Write the pictures that are not there yet."""
    for name, (kind, seed, options) in PICTURES.items():
        path = folder / f"{name}.png"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_png(path, make_phantom(kind, seed=seed, **options).image)
