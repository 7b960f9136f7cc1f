"""The command line. Commands import what they need when they run, so that help answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from msformer.cli import benchmark, demo, evaluate, grow, info, learn, measure, page, phantoms, report, segment
from msformer.cli.many import ManyValues, NumberPairs

app = typer.Typer(
    name="msformer",
    help="Segment medical images with no labels, no pre-trained network and no GPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("segment", cls=NumberPairs)(segment.segment)
app.command("demo")(demo.demo)
app.command("evaluate")(evaluate.evaluate)
app.command("measure")(measure.measure)
app.command("benchmark", cls=ManyValues)(benchmark.benchmark)
app.command("phantoms", cls=ManyValues)(phantoms.phantoms)
app.command("learn")(learn.learn)
app.command("grow")(grow.grow)
app.command("app")(page.app)
app.command("report")(report.report)
app.command("info")(info.info)


def _tell_version(asked: bool) -> None:
    if asked:
        from msformer import __version__

        typer.echo(f"msformer {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version and stop.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    pass
