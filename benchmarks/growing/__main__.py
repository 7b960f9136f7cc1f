"""Grow short networks with each group of scene properties taken out once, and for longer; ask all about pictures.

    python -m benchmarks.growing --data ../shared/data --out OUT --markdown docs/growing.md

An hour on two idle cores. Networks that are done already, in OUT, are not grown again. ``--page-only`` makes the page
again from ``OUT/growing.json``.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common import check_measured, read_rows, rows_parser, show, write_rows
from benchmarks.growing.page import page
from benchmarks.growing.run import run
from benchmarks.growing.variants import TAKEN_OUT, variants
from benchmarks.interaction.run import Options
from msformer.growing.recipe import RECIPES

ROWS = "growing.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Grow, ask, write, print."""
    parser = rows_parser(__doc__, ROWS)
    parser.add_argument("--updates", type=int, default=200, help="of each network that is compared")
    parser.add_argument("--longer", type=int, nargs="*", default=[400], help="updates of networks with everything")
    parser.add_argument("--seeds", type=int, default=2, help="networks with everything, which show what chance does")
    parser.add_argument(
        "--groups", nargs="+", default=list(TAKEN_OUT), choices=list(TAKEN_OUT), metavar="GROUP", help="taken out once"
    )
    parser.add_argument("--limit", type=int, default=6, help="at most so many pictures of a set")
    given = parser.parse_args(arguments)
    path = given.out / ROWS
    if given.page_only:
        results = read_rows(path)
    else:
        check_measured(parser, given, ("updates", "seeds", "limit"))
        several = variants(RECIPES["full"], given.updates, tuple(given.longer), given.seeds, tuple(given.groups))
        results = run(several, Options(given.data, limit=given.limit), given.out)
        write_rows(path, results)
    show(page(results), given.markdown)


if __name__ == "__main__":
    main()
