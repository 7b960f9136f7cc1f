"""Options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Out: TypeAlias = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for the results.", envvar="MSFORMER_OUT")
]
Preset: TypeAlias = Annotated[str | None, typer.Option(help="Named settings to start from.", envvar="MSFORMER_PRESET")]
Seed: TypeAlias = Annotated[int | None, typer.Option(help="Seed of every case.", envvar="MSFORMER_SEED")]
ConfigFile: TypeAlias = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings.", envvar="MSFORMER_CONFIG")
]
Assignments: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="GROUP.NAME=VALUE", help="One setting, e.g. fit.max_iter=8. Repeatable."),
]
Recursive: TypeAlias = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look into subfolders; results mirror them.")
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="Processes; from cores, memory and images if left out.", envvar="MSFORMER_WORKERS"),
]
MaxPixels: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Refuse larger images, which take ten bytes of memory a pixel; 150,000,000 if left out.",
        envvar="MSFORMER_MAX_PIXELS",
    ),
]
