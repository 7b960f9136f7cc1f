"""``msformer report``: the reports of a folder, made again from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msformer.cli.place import address_of
from msformer.cli.say import say


def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of results.", envvar="MSFORMER_OUT")],
) -> None:
    """Make report.json, the tables and index.html of a folder of results again, at any time, also while it is written.

    They list what the journal has of the last run's settings: of all parts of a job array, and of a run that died.
    Exit codes: 0 done, 2 usage, 74 a file that cannot be read or written.
    """
    from msformer.batch import tell

    done, failed = tell.report(out)
    say(f"{done} segmented, {failed} failed; look at {address_of(out / 'index.html')}")
