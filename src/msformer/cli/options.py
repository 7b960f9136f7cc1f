"""Options that several commands have, each said once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


class ClusterKind(StrEnum):
    """Clusters that are started for a run."""

    local = "local"
    slurm = "slurm"


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
