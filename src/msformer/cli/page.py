"""``msformer app``: look at masks, correct and save them, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msformer.cli import options
from msformer.cli.place import results_beside
from msformer.cli.say import say

if TYPE_CHECKING:
    from msformer.app import Task

SAMPLE = Path("msformer-sample")
"""Where the made pictures go, and what is done to them."""


def app(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER|OUT]",
            help="Images, folders or patterns to segment, or a folder that msformer segment wrote; made pictures if "
            "left out.",
        ),
    ] = None,
    out: options.Out = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: any free port.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser; the address is printed.")] = False,
    preset: options.Preset = None,
    seed: options.Seed = None,
    config: options.ConfigFile = None,
    assignments: options.Assignments = None,
    objects: options.Objects = None,
    polarity: options.Polarity = None,
    clusters: options.Clusters = None,
    restarts: options.Restarts = None,
    slices: options.Slices = None,
    spacing_mm: options.SpacingMm = None,
    max_cases: options.MaxCases = None,
    recursive: options.Recursive = False,
    workers: options.Workers = None,
    updates: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Updates of a student of the folder, see msformer learn.")
    ] = None,
) -> None:
    """Look at masks, correct and save them, on a page in your browser. It answers this machine alone.

    A folder of images is segmented in the background, into --out or else NAME-msformer beside it;
    a folder that msformer segment wrote is opened. Every step is saved at once: masks that you correct or accept are
    in OUT/corrections, which msformer learn reads, and every step is in OUT/editing, so that all can be taken back
    after any stop. What the program made, OUT/masks, stays. Ends with Ctrl-C.
    """
    from msformer.app import Desk, serve
    from msformer.cli.settings import resolve
    from msformer.config import merge
    from msformer.hints import hint_settings
    from msformer.image import check_spacing

    hints = hint_settings(polarity=polarity, objects=objects, n_clusters=clusters, restarts=restarts)
    resolve(preset, seed, config, assignments or [], merge(hints, {"read": {"slices": slices}} if slices else {}))
    check_spacing(spacing_mm)
    words = [
        *_word("--preset", preset),
        *_word("--seed", seed),
        *_word("--config", config),
        *(word for one in assignments or [] for word in ("--set", one)),
        *_word("--objects", objects),
        *_word("--polarity", polarity),
        *_word("--clusters", clusters),
        *_word("--restarts", restarts),
        *_word("--slices", slices),
        *(() if spacing_mm is None else ("--spacing-mm", *map(str, spacing_mm))),
        *_word("--max-cases", max_cases),
        *_word("--workers", workers),
        *(["-r"] if recursive else []),
    ]
    teaching = [*_word("--updates", updates), *_word("--workers", workers)]
    task = _task(inputs or [], out, words, teaching)
    desk = Desk(task)
    if task.inputs:
        desk.segment()
    say(f"results are in {task.out}", err=True)
    serve(
        desk,
        port=port,
        opens_browser=not no_browser,
        tell=lambda address: typer.echo(f"msformer app is at {address}\nCtrl-C ends it"),
    )


def _task(inputs: list[str], out: Path | None, words: list[str], teaching: list[str]) -> Task:
    """What the page is for.

    Raises:
        BadParameter: Results of an earlier run, and something else beside them.
    """
    from msformer.app import Task, write_sample
    from msformer.batch.plan import plan_inputs
    from msformer.io.results import SEGMENT_FOLDERS

    if not inputs:
        top = out or SAMPLE
        write_sample(top / "images")
        return Task(top / "results", (str(top / "images"),), tuple(words), tuple(teaching), is_sample=True)
    opened = [one for one in inputs if _is_results(Path(one))]
    if opened:
        if len(inputs) > 1 or out is not None:
            raise typer.BadParameter("give the one folder of results, without --out", param_hint="OUT")
        return Task(Path(opened[0]), (), (), tuple(teaching))
    if out is None:
        out = results_beside(inputs)
    plan_inputs(inputs, recursive="-r" in words, exclude=[out / folder for folder in SEGMENT_FOLDERS])  # or say why not
    return Task(out, tuple(inputs), tuple(words), tuple(teaching))


def _is_results(path: Path) -> bool:
    return (path / "journal").is_dir()


def _word(name: str, value: object) -> list[str]:
    return [] if value is None else [name, str(value)]
