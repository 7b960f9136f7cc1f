"""``msformer benchmark``: methods against ground truth, on any folder of sets."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from msformer.bars import bar_columns
from msformer.cli.place import address_of
from msformer.cli.say import say


def benchmark(
    data: Annotated[
        Path, typer.Option(help="Folder of <set>/images and <set>/masks, with or without <set>/instances.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; runs that are there are kept.")],
    methods: Annotated[list[str] | None, typer.Option(help="Methods to compare; all if left out.")] = None,
    seeds: Annotated[list[int] | None, typer.Option(min=0, help="Seeds; methods without one run once.")] = None,
    sets: Annotated[list[str] | None, typer.Option(help="Take only these sets.")] = None,
    max_cases: Annotated[int | None, typer.Option(min=1, help="Only the first so many cases of each set.")] = None,
    preset: Annotated[str | None, typer.Option(help="Named settings to start from.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="GROUP.NAME=VALUE", help="One setting. Repeatable.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if left out.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write the results as this Markdown page.")] = None,
    progress: Annotated[bool, typer.Option(help="Show a bar.")] = True,
) -> None:
    """Compare methods under every protocol, and object by object where a set has instance maps.

    Writes one JSON and one mask a run, summary.json, figures and index.html. What was done before with the same
    files, settings and program is not done again. Exit codes: 0 all done, 1 some runs failed, 2 usage, 130 interrupted.
    """
    from msformer.baselines import method_names
    from msformer.benchmark.datasets import discover
    from msformer.benchmark.report import write_report
    from msformer.benchmark.run import plan_tasks, run_tasks
    from msformer.cli.settings import resolve
    from msformer.fit import find_device
    from msformer.io import prepare_folder
    from msformer.io.results import mark_results

    require_extra()
    settings = resolve(preset, None, config, assignments or [])
    find_device(settings.fit.device)
    found = discover(data, sets or (), max_cases)
    for path in found.unpaired:
        say(f"no partner: {path}", err=True)
    tasks = plan_tasks(found.cases, methods or method_names(), seeds or [0], settings)
    prepare_folder(out)
    mark_results(out, ("masks", "runs"), ("summary.json", "index.html"))
    try:
        with _bar(len(tasks), shown=progress) as advance:
            records = run_tasks(tasks, out, workers=workers or os.cpu_count() or 1, on_record=advance)
    except KeyboardInterrupt:
        say(f"interrupted; the finished runs in {out} are kept, the same command goes on", err=True)
        raise
    given = {
        "--data": [data], "--out": [out], "--methods": methods, "--seeds": seeds, "--sets": sets,
        "--max-cases": [max_cases] if max_cases else None, "--preset": [preset] if preset else None,
        "--config": [config] if config else None, "--set": assignments, "--workers": [workers] if workers else None,
        "--markdown": [markdown] if markdown else None,
    }  # fmt: skip
    words = [word for name, values in given.items() if values for word in (name, *map(str, values))]
    command = shlex.join(["msformer", "benchmark", *words])
    write_report(out, records, command=command, unpaired=found.unpaired, markdown=markdown)
    failed = [record for record in records if record["status"] == "failed"]
    for record in failed:
        say(
            f"failed: {record['set']}/{record['case']} {record['method']} seed {record['seed']}: {record['error']}",
            err=True,
        )
    say(f"{len(records) - len(failed)} of {len(records)} runs done; look at {address_of(out / 'index.html')}")
    if failed:
        raise typer.Exit(1)


def require_extra() -> None:
    """See that the libraries of the ``benchmark`` extra are there, before hours of work and not after.

    Raises:
        ConfigError: One is missing; the message says how to install it.
    """
    from importlib.util import find_spec

    from msformer.errors import ConfigError

    for library in ("sklearn", "matplotlib"):
        if find_spec(library) is None:
            raise ConfigError(f"the benchmark needs {library}; got none: install msformer[benchmark]")


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar on standard error that moves with every record."""
    from rich import progress
    from rich.console import Console

    with progress.Progress(*bar_columns("benchmark"), console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("", total=total)
        yield lambda record: bar.update(
            task, advance=1, description=f"{record['set']}/{record['case']} {record['method']}"
        )
