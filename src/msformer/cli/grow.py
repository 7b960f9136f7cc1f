"""``msformer grow``: a network from random scenes, which needs no picture and no label."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msformer import stopping
from msformer.bars import bar_columns
from msformer.cli.say import say

if TYPE_CHECKING:
    from msformer.growing.loop import State
    from msformer.growing.recipe import Recipe
    from msformer.growing_files import Places

MOST_BETWEEN = 100
"""Updates between two examinations where nothing is said: not more, and at least ten examinations."""


class RecipeName(StrEnum):
    """Recipes there are; the recipes themselves are imported only when one is used."""

    full = "full"
    short = "short"


class Encoder(StrEnum):
    """How the network looks at a picture."""

    dual_branch = "dual-branch"
    unet = "unet"


def grow(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="MODEL", help="File of the network; ends in .safetensors.")
    ],
    recipe: Annotated[
        RecipeName, typer.Option(help="full: what ships, about an hour on two cores. short: about an eighth of it.")
    ] = RecipeName.full,
    seed: Annotated[int, typer.Option(min=0, max=90_000, help="Seed of the first weights and of all scenes.")] = 0,
    steps: Annotated[
        int | None, typer.Option(min=1, max=10**7, help="Updates; as many as the recipe says if left out.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=2, help="Processes of one thread each; 2 if left out, where there are two cores."),
    ] = None,
    encoder: Annotated[
        Encoder, typer.Option(help="How it looks at a picture: at two scales, as the method does, or by a U-Net.")
    ] = Encoder.dual_branch,
    every: Annotated[
        int | None,
        typer.Option(
            min=1, help="Updates between examinations, each kept in a checkpoint; 100 or a tenth of all if left out."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a network that is there, or a checkpoint of another recipe."),
    ] = False,
    progress: Annotated[bool, typer.Option(help="Show a bar.")] = True,
) -> None:
    """Grow a network that gives back the object that one points at, from random scenes alone.

    No real picture is read and nothing is downloaded. Beside MODEL lie NAME.svg, its curve; NAME.png, what it says of
    scenes that it never learned from; NAME.json, how it was made. Until it is done, NAME.state.safetensors holds the
    last checkpoint: the same command goes on from it and ends with the same weights as without a break. One process
    or two make no difference to them either. Exit codes: 0 done, 2 usage, 130 interrupted, 143 told to stop.
    """
    from dataclasses import replace

    from msformer.growing import recipe as recipes
    from msformer.growing_files import Places, begin, write_checkpoint
    from msformer.processes import limit_threads, usable_cores

    places = Places.beside(out)
    chosen = replace(recipes.RECIPES[recipe.value], seed=seed)
    chosen = replace(chosen, sizes=replace(chosen.sizes, encoder=encoder.value))
    chosen = chosen.with_steps(steps) if steps else chosen
    every = every or max(min(MOST_BETWEEN, chosen.steps // 10), 1)
    processes = processes or min(usable_cores(), recipes.SHARDS)
    limit_threads(1)  # one thread a process: sums in one order, so the same weights from one process or two
    state = begin(places, chosen, overwrite=overwrite)
    if state.step:
        say(f"going on from update {state.step} of {chosen.steps}", err=True)
    # Written before the first update as well: a folder that cannot be written to is told now, and not in hours.
    write_checkpoint(places.checkpoint, chosen, state)
    with _stop() as stop:
        _update(places, chosen, state, processes, every, stop, shown=progress)
        if state.step < chosen.steps:
            word = "interrupted" if stop.code == 130 else "told to stop"
            say(f"{word} at update {state.step}; the same command goes on from {places.checkpoint}", err=True)
            raise typer.Exit(stop.code)
        digest = _finish(places, chosen, state, processes)
    last = state.curve[-1]
    say(f"Dice on {recipes.EXAMINED} scenes that it never learned from: {_words(last)}")
    say(f"{places.model} has the digest {digest[:16]}; look at {places.sheet} and {places.curve}")


class _Asked:
    """Whether growing is to stop after the update that is being done, and the exit code of that."""

    code = 0


@contextmanager
def _stop() -> Iterator[_Asked]:
    """Ctrl-C and a scheduler's stop are remembered, since an update must not be left half done; a second one ends."""
    asked = _Asked()
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}

    def remember(number: int, _: object) -> None:
        if asked.code:
            raise KeyboardInterrupt
        asked.code = 128 + number

    for number in before:
        signal.signal(number, remember)
    try:
        yield asked
    except KeyboardInterrupt:
        say("ended at once; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(asked.code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _update(
    places: Places, recipe: Recipe, state: State, processes: int, every: int, stop: _Asked, *, shown: bool
) -> None:
    """Do what is left of the recipe's updates, with a checkpoint after each examination and where it is to stop."""
    from msformer.errors import MSFormerError
    from msformer.growing.loop import grow as updates
    from msformer.growing_files import write_checkpoint

    with _bar(state.step, recipe.steps, shown=shown) as (advance, tell):
        growing = updates(recipe, state, processes=processes, examine_every=every)
        try:
            for seen in growing:
                advance(f"loss {seen.loss:.2f}, Dice of one click {seen.first:.2f}")
                examined = state.step % every == 0 or state.step == recipe.steps
                if examined:
                    tell(f"update {state.step}: {_words(state.curve[-1])}")
                if examined or stop.code:
                    write_checkpoint(places.checkpoint, recipe, state)
                if stop.code:
                    return
        except (EOFError, ConnectionError) as error:
            # The other process is gone: no update is half done, since its gradient comes before.
            write_checkpoint(places.checkpoint, recipe, state)
            if not stop.code:
                raise MSFormerError(
                    f"growing: the second process ended at update {state.step}, perhaps for want of memory; the same "
                    f"command goes on from {places.checkpoint}, also with --processes 1"
                ) from error
        finally:
            growing.close()


def _finish(places: Places, recipe: Recipe, state: State, processes: int) -> str:
    """Write the network, its pictures and its report; then the checkpoint goes. Returns the digest."""
    from msformer.benchmark.task import machine
    from msformer.growing.loop import network_of
    from msformer.growing_files import report
    from msformer.growing_pictures import draw_curve, draw_sheet
    from msformer.io import write_png, write_text
    from msformer.prompting.model import write_model
    from msformer.segmentation import versions

    network = network_of(recipe, state.averaged.clone()).eval()
    made_with = versions()
    digest = write_model(
        places.model,
        network,
        recipe.as_mapping(),
        state.curve,
        versions=", ".join(f"{name} {value}" for name, value in made_with.items()),
    )
    write_text(places.curve, draw_curve(state.curve, f"{places.model.name}, Dice on scenes never learned from"))
    write_png(places.sheet, draw_sheet(network, recipe))
    facts = {"versions": made_with, "processes": processes, "threads": 1}
    write_text(places.report, report(recipe, state, digest, machine(), **facts))
    places.checkpoint.unlink(missing_ok=True)
    return digest


def _words(row: dict[str, float]) -> str:
    return f"one click {row['one_click']:.3f}, best of three {row['best_of_three']:.3f}, one box {row['one_box']:.3f}"


@contextmanager
def _bar(done: int, total: int, *, shown: bool) -> Iterator[tuple[Callable[[str], None], Callable[[str], Any]]]:
    """A bar on standard error: what moves it by one update, and what tells a line above it."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    with progress.Progress(
        *bar_columns("growing"), console=console, disable=not (shown and console.is_terminal)
    ) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield (
            lambda words: bar.update(task, advance=1, description=words),
            lambda words: console.print(words, highlight=False) if shown else None,
        )
