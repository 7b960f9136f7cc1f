"""Options that several commands have, each said once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from msformer import presets

PRESETS = presets.names()


class ClusterKind(StrEnum):
    """Clusters that are started for a run."""

    local = "local"
    slurm = "slurm"


Out: TypeAlias = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for the results.", envvar="MSFORMER_OUT")
]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help=f"Named settings to start from: {', '.join(PRESETS)}.",
        envvar="MSFORMER_PRESET",
        autocompletion=lambda incomplete: [name for name in PRESETS if name.startswith(incomplete)],
    ),
]
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
    typer.Option(
        min=0,
        help="Processes; from cores, memory and images if left out. 0: this process itself, without limits of a case.",
        envvar="MSFORMER_WORKERS",
    ),
]
CaseTimeout: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="A case that takes longer fails; 0: no limit.",
        envvar="MSFORMER_CASE_TIMEOUT",
    ),
]
CaseMemory: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        metavar="GB",
        help="Memory of a process; a case that needs more is tried once more alone, with all that is free, and then "
        "fails. The share of what is free if left out.",
        envvar="MSFORMER_CASE_MEMORY",
    ),
]
Scheduler: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="A Dask scheduler, whose workers see the same files.",
        envvar="MSFORMER_SCHEDULER",
    ),
]
Cluster: TypeAlias = Annotated[
    ClusterKind | None,
    typer.Option(help="Start a Dask cluster for this run: on this machine, or by Slurm as dask-jobqueue is set up."),
]
MaxPixels: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Refuse larger images; of 8 bits they take about ten bytes of memory a pixel; 150,000,000 if left out.",
        envvar="MSFORMER_MAX_PIXELS",
    ),
]
Polarity: TypeAlias = Annotated[
    str | None, typer.Option(help="The object is darker or brighter than its surroundings, either, or minority.")
]
Objects: TypeAlias = Annotated[str | None, typer.Option(help="How many objects: one, two, pair, many or any.")]
Clusters: TypeAlias = Annotated[int | None, typer.Option(help="Number of clusters in the label map, at most.")]
Restarts: TypeAlias = Annotated[
    int | None,
    typer.Option(help="Seeds that are tried; the mask most like the others is taken. Adds a stability map."),
]
MaxCases: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Take only the first so many images.")]
SpacingMm: TypeAlias = Annotated[
    tuple[float, float] | None, typer.Option(help="Size of a pixel in mm: row column. Gives areas in mm².")
]
Window: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME | CENTRE WIDTH",
        help="Values that are black and white: lung, soft-tissue, bone, auto, or centre and width.",
    ),
]
Slices: TypeAlias = Annotated[
    str | None, typer.Option(metavar="all | A:B[:STEP]", help="Slices of a volume, counted from 0, B not included.")
]
Watch: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Tell in files there how far the images under way are, twice a second, as the page of msformer app does.",
    ),
]
