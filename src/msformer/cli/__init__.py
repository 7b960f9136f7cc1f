"""The command line. Commands import what they need when they run, so that help answers at once."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from msformer.cli import benchmark, demo, evaluate, grow, info, learn, measure, phantoms, segment
from msformer.cli.many import ManyValues, NumberPairs
from msformer.errors import MSFormerError
from msformer.plain import printable

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
app.command("info")(info.info)


def main() -> None:
    """Run the program. Exit codes: 0 done, 1 some images failed, 2 usage, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)  # a scheduler's stop ends a run as Ctrl-C does: with its report
    try:
        app()
    except (MSFormerError, OSError) as error:
        print(f"msformer: error: {printable(str(error))}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


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
