"""``msformer phantoms``: made images with exact truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from msformer.cli.say import say


class Kind(StrEnum):
    """The kinds there are; the phantoms themselves are imported only when some are made."""

    dermoscopy = "dermoscopy"
    lung_ct = "lung_ct"
    cells = "cells"
    ultrasound = "ultrasound"
    empty = "empty"


def phantoms(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images and masks.")],
    kind: Annotated[list[Kind] | None, typer.Option(help="Kind; all of them if left out. Repeatable.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Images of each kind at each difficulty.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the following ones count on.")] = 0,
    difficulty: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="From 0, easy, to 1; 0.1, 0.3 and 0.6 if left out. Repeatable."),
    ] = None,
) -> None:
    """Make images whose true mask is known, for tests and benchmarks that need no data set.

    Writes KIND/images/NAME.png, KIND/masks/NAME.png (0/255) and phantoms.json. The same options give the same files.
    """
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"must be a folder; {str(out)!r} is a file", param_hint="--out / -o")

    from msformer.phantoms.write import DIFFICULTIES, write_phantoms

    listing = write_phantoms(
        out,
        [entry.value for entry in kind or Kind],
        count=count,
        seed=seed,
        difficulties=difficulty or DIFFICULTIES,
    )
    say(f"{len(listing['phantoms'])} images with their masks in {out}; phantoms.json lists them")
