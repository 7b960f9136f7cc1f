"""The command line. Commands import what they need when they run, so that help answers at once."""

from __future__ import annotations

import sys

import typer

from msformer.cli import demo, info, segment
from msformer.errors import MSFormerError

app = typer.Typer(
    name="msformer",
    help="Segment medical images with no labels, no pre-trained weights and no GPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("segment")(segment.segment)
app.command("demo")(demo.demo)
app.command("info")(info.info)


def main() -> None:
    """Run the program. Exit codes: 0 done, 1 some images failed, 2 usage, 130 interrupted."""
    try:
        app()
    except MSFormerError as error:
        print(f"msformer: error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
