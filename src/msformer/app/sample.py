"""Pictures for whoever has none at hand, so that the first page is never empty: made ones, of nobody."""

from __future__ import annotations

from pathlib import Path

from msformer.io import write_png
from msformer.phantoms import make_phantom

PICTURES = {
    f"lesion-{number}": (number, difficulty) for number, difficulty in enumerate((0.1, 0.7, 0.3, 0.5, 0.2, 0.9, 0.4), 1)
}
"""Seed and difficulty of each; of one kind, so that they can teach each other."""


def write_sample(folder: Path) -> None:
    """Write the pictures that are not there yet."""
    for name, (seed, difficulty) in PICTURES.items():
        path = folder / f"{name}.png"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_png(path, make_phantom("dermoscopy", seed=seed, difficulty=difficulty).image)
