"""Measure what folders learn, write the rows as JSON and the page from them.

    python -m benchmarks.learning --data ../shared/data --out OUT --markdown docs/learning.md

OUT keeps first masks, lessons and the rows of every job, so that a run that was ended goes on, and a run that asks for
more (``--costly-draws 3``) measures only that; remove OUT where the program has changed. ``--page-only`` makes the page
again from ``OUT/learning.json``.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common import check_measured, read_rows, rows_parser, show, write_rows
from benchmarks.learning.page import PICTURE, page
from benchmarks.learning.picture import draw_pairs
from benchmarks.learning.run import PARTS, Options, run
from benchmarks.learning.sets import sets_of
from msformer.learning import Lessons

ROWS = "learning.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, print."""
    parser = rows_parser(__doc__, ROWS)
    parser.add_argument("--only", nargs="+", default=[], metavar="SET", choices=sets_of(), help="these sets")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many images of a set")
    parser.add_argument(
        "--methods", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--draws", type=int, default=3, metavar="N", help="draws of corrected images")
    parser.add_argument(
        "--costly-draws", type=int, default=1, metavar="N", help="the first so many for students and pixels too"
    )
    parser.add_argument("--updates", type=int, default=Lessons().updates, metavar="N", help="updates of a student")
    parser.add_argument("--seed", type=int, default=0, help="of draws, forests and students")
    given = parser.parse_args(arguments)
    path = given.out / ROWS
    drawn = ""
    if given.page_only:
        results = read_rows(path)
        if given.markdown is not None and (given.markdown.parent / PICTURE).exists():
            drawn = PICTURE
    else:
        check_measured(parser, given, ("limit", "draws", "costly_draws", "updates"))
        options = Options(
            given.data,
            given.out,
            tuple(given.only),
            given.limit,
            tuple(given.methods),
            given.draws,
            given.costly_draws,
            given.updates,
            given.seed,
        )
        results = run(options)
        write_rows(path, results)
        if given.markdown is not None and draw_pairs(results["rows"], options, given.markdown.parent / PICTURE):
            drawn = PICTURE
    show(page(results, drawn), given.markdown)


if __name__ == "__main__":
    main()
