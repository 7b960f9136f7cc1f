"""``msformer demo``: see it work, with nothing at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msformer.cli.place import address_of, call


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for samples and results.")] = Path("demo-output"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of phantoms and cases.")] = 0,
) -> None:
    """Segment a few samples: images that installed libraries ship, and phantoms whose true mask is known."""
    from msformer.demo import run_demo

    typer.echo("segmenting a few samples, less than two minutes ...", err=True)
    try:
        result = run_demo(out, seed=seed)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    typer.echo("Dice on phantoms, whose true mask is known (protocol automatic: the program never saw it)")
    for name, scores in result.scores.items():
        typer.echo(f"  {name:<20} {scores.dice:.3f}")
    typer.echo(f"look at {address_of(result.page)}#order=certain")
    typer.echo("then, in this folder:")
    typer.echo(f"  {call('app', result.page.parent)}   # point, correct, accept, in your browser")
    typer.echo(f"  {call('segment', 'YOUR_FOLDER', '-o', 'results')}")
    if result.failed:
        typer.echo(f"{result.failed} samples failed; {result.page.with_name('report.json')} says why", err=True)
        raise typer.Exit(1)
