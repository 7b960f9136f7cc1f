"""What is said to people: names of files cannot command their terminal."""

from __future__ import annotations

import logging

import typer

from msformer.plain import printable


def say(text: str, *, err: bool = False) -> None:
    """Tell one line; control characters are written as escapes."""
    typer.echo(printable(text), err=err)


class PlainFormatter(logging.Formatter):
    """Lines of a log, whose messages hold names of files."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        """The line without control characters; a traceback below it is left as it is."""
        return printable(super().formatMessage(record))


def start_log(level: int) -> None:
    """Send the log to standard error, in place of what was set up before."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
