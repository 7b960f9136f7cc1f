"""``msformer learn``: a folder teaches, with or without a person who corrected some of its masks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msformer.cli import options
from msformer.cli.executors import Workers, executor_of
from msformer.cli.say import say

if TYPE_CHECKING:
    from msformer.batch.learn import Teller
    from msformer.config import Config
    from msformer.executors import Executor


def learn(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Images, folders or patterns; or OUT.")],
    out: options.Out = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="INPUT is the folder of results of an earlier run: learn from it once more."),
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Masks that a person gave, NAME.png; OUT/corrections if left out and there."),
    ] = None,
    preset: options.Preset = None,
    seed: options.Seed = None,
    config: options.ConfigFile = None,
    assignments: options.Assignments = None,
    recursive: options.Recursive = False,
    updates: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Updates of a student; 60 if left out.")
    ] = None,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    cluster: options.Cluster = None,
    max_pixels: options.MaxPixels = None,
    watch: options.Watch = None,
) -> None:
    """Segment a folder, then let it teach: corrected images at any number, own masks only in folders that can bear it.

    The same as msformer segment --learn. No image is decided by what saw a mask of it, and nothing is replaced
    silently: OUT/masks-alone keeps each image's own mask, OUT/masks has what was decided, report.json and index.html
    say what changed, why, and which images are worth a correction. OUT/model is what was learned; use it on other
    images with msformer segment --model. With --again INPUT is OUT: nothing is segmented, only what is new is learned.
    Exit codes are those of msformer segment.
    """
    from msformer.batch.journal import read_records
    from msformer.batch.run import split_cases
    from msformer.cli.segment import check_corrections
    from msformer.io import MAX_PIXELS

    if corrections is not None:
        check_corrections(corrections)
    failed = 0
    if again:
        if len(inputs) != 1 or out is not None:
            raise typer.BadParameter("give the one folder of results, without --out", param_hint="--again")
        if preset or seed is not None or config or assignments or recursive:
            raise typer.BadParameter("the settings are those of the folder", param_hint="--again")
        out = Path(inputs[0])
    else:
        failed = _first_pass(
            inputs,
            out,
            preset,
            seed,
            config,
            assignments,
            recursive=recursive,
            workers=workers,
            max_pixels=max_pixels,
            scheduler=scheduler,
            cluster=cluster,
            watch=watch,
        )
    if out is None:
        raise typer.BadParameter("say where the results go", param_hint="--out / -o")
    records, settings = read_records(out)
    split = split_cases(len(records), settings, workers=workers)
    try:
        with executor_of(Workers(workers, scheduler=scheduler, cluster=cluster), split) as executor:
            learn_and_report(
                settings, out, corrections, None, max_pixels or MAX_PIXELS, executor, updates=updates, watch=watch
            )
    except KeyboardInterrupt:
        say(f"interrupted; msformer learn --again {out} goes on with what is there", err=True)
        raise
    if failed:
        raise typer.Exit(failed)


def _first_pass(*arguments: Any, **options: Any) -> int:
    """Segment every image by itself; the exit code of that, where all could be tried."""
    from msformer.cli.segment import segment

    try:
        segment(*arguments, **options)
    except typer.Exit as stop:
        if stop.exit_code > 1:
            raise
        return stop.exit_code
    return 0


def learn_and_report(
    settings: Config,
    out: Path,
    corrections: Path | None,
    model: Path | None,
    max_pixels: int,
    executor: Executor,
    *,
    updates: int | None = None,
    is_told: bool = True,
    watch: Path | None = None,
) -> None:
    """Learn from what was segmented, or take a model; what is decided goes to the journal, and the reports are made."""
    from msformer.batch import tell
    from msformer.batch.journal import Journal
    from msformer.batch.learn import Teller
    from msformer.batch.learn import learn as learn_from
    from msformer.batch.lock import locked
    from msformer.batch.part import Part
    from msformer.learning import Lessons

    how = Lessons(seed=settings.random_state) if updates is None else Lessons(updates, seed=settings.random_state)
    with locked(out, Part()), _steps(Teller, shown=is_told, watch=watch) as teller:
        journal = Journal(out)
        decided, summary = learn_from(
            list(journal.records()),
            settings,
            out,
            corrections=corrections,
            model=model,
            max_pixels=max_pixels,
            executor=executor,
            how=how,
            teller=teller,
        )
        journal.teach(summary, decided)
        tell.report(out, journal)


@contextmanager
def _steps(make: type[Teller], *, shown: bool, watch: Path | None) -> Iterator[Teller]:
    """Lines on standard error, a bar on a terminal with the time that is left of each step, and what is watched."""
    from rich.console import Console
    from rich.progress import Progress

    from msformer.bars import bar_columns
    from msformer.plain import printable
    from msformer.watching import WatchedSteps

    watched = None if watch is None else WatchedSteps(watch)
    console = Console(stderr=True)
    if not shown:
        yield make() if watched is None else make(begin=watched.begin, advance=watched.advance)
        return
    with Progress(*bar_columns("learning"), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def begin(what: str, count: int) -> None:
            bar.reset(task, total=count, description=what)
            if watched is not None:
                watched.begin(what, count)

        def advance() -> None:
            bar.advance(task)
            if watched is not None:
                watched.advance()

        yield make(
            line=lambda line: console.print(printable(line), highlight=False, markup=False, soft_wrap=True),
            begin=begin,
            advance=advance,
        )
