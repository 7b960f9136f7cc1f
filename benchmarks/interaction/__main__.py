"""Measure what a person gets who points, write the rows as JSON and the page from them.

    python -m benchmarks.interaction --data ../shared/data --out OUT --markdown docs/interaction.md

Every method gets the same clicks and boxes, made from the masks. ``--page-only`` makes the page again from
``OUT/interaction.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import check_measured, read_rows, rows_parser, show, write_rows
from benchmarks.interaction.methods import METHODS
from benchmarks.interaction.page import page
from benchmarks.interaction.run import Options, run
from benchmarks.interaction.sets import GROUP_OF_SET

ROWS = "interaction.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, print."""
    parser = rows_parser(__doc__, ROWS)
    parser.add_argument("--only", nargs="+", default=[], metavar="SET", choices=list(GROUP_OF_SET), help="these sets")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many pictures of a set")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a grown network; the one that ships if left out")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--seed", type=int, default=0, help="of jittered boxes and forests")
    slow = " and ".join(name for name, entry in METHODS.items() if "clicks" in entry.on_request)
    parser.add_argument(
        "--all-clicks", action="store_true", help=f"ask {slow} for further clicks, too, which takes long"
    )
    given = parser.parse_args(arguments)
    path = given.out / ROWS
    if given.page_only:
        results = read_rows(path)
    else:
        check_measured(parser, given, ("limit",))
        only, methods = tuple(given.only), tuple(given.methods)
        results = run(Options(given.data, only, given.limit, given.model, methods, given.seed, given.all_clicks))
        write_rows(path, results)
    show(page(results), given.markdown)


if __name__ == "__main__":
    main()
