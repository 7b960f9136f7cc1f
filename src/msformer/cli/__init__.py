"""The command line. Commands import what they need when they run, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from msformer.cli import benchmark, demo, evaluate, grow, info, learn, measure, page, phantoms, report, segment, slide
from msformer.cli.many import ManyValues, NumberPairs

EXAMPLES = (
    ("msformer mole.jpg", "segment a picture into mole-msformer, beside it"),
    ("msformer segment scans/ -o results -r", "a folder with its subfolders"),
    ("msformer app moles/", "look, point, correct, accept: a page in your browser"),
    ("msformer demo", "see it work, with nothing at hand"),
)
"""What is shown to who says nothing."""


class Program(TyperGroup):
    """The commands; pictures without one are segmented."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``segment`` before arguments that name no command and hold an input."""
        own = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        names = {*own, *ctx.help_option_names, *self.commands}
        if args and args[0] not in names and any(_is_input(word) for word in args):
            args = ["segment", *args]
        return list(super().parse_args(ctx, args))


def _is_input(word: str) -> bool:
    """Whether a word is a file or folder, or could be meant as one."""
    if word.startswith("-"):
        return False
    return any(sign in word for sign in "*?/\\") or Path(word).suffix != "" or Path(word).exists()


app = typer.Typer(
    cls=Program,
    name="msformer",
    help="Segment medical images with no labels, no pre-trained network and no GPU.",
    epilog="\n\n".join(["For example:", *(f"{call}   {purpose}" for call, purpose in EXAMPLES)]),
    context_settings={"help_option_names": ["-h", "--help"]},
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
app.command("slide")(slide.slide)
app.command("report")(report.report)
app.command("info")(info.info)


def _tell_version(asked: bool) -> None:
    if asked:
        from msformer import __version__

        typer.echo(f"msformer {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _program(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version and stop.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
