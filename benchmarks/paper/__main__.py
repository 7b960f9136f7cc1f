"""Make the paper's Tables 1 and 2 again, write the rows as JSON and the page from them.

    python -m benchmarks.paper --data ../shared/data --out OUT --markdown docs/paper.md

OUT keeps a line for each fit, so that a run that was ended goes on where it was, and ``--minutes`` ends it in order;
remove OUT where the program has changed. Images come in rounds, one of each set and more where they are cheap, so that
sets and methods are alike in number whenever it ends. The rows go into the folder beside the page, ``docs/paper/``, and

    python -m benchmarks.paper --out docs/paper --page-only --markdown docs/paper.md

makes the page from them without any image. ``docs/fidelity.md`` beside the page gets the table of what each switch
between text and code changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.common import check_measured, read_rows, rows_parser, show, write_rows
from benchmarks.paper.page import PICTURES, page, switch_table
from benchmarks.paper.plan import SETS, jobs_of
from benchmarks.paper.run import JOURNAL, rows_of, run
from msformer.benchmark.task import machine
from msformer.io import write_text
from msformer.segmentation import versions

ROWS = "results.json"
BEGIN, END = "<!-- switches: written by python -m benchmarks.paper -->", "<!-- end of switches -->"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, print."""
    parser = rows_parser(__doc__, ROWS)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS, metavar="SET", help=", ".join(SETS))
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many rounds of images")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED", help="of fits")
    parser.add_argument(
        "--switched", type=int, default=8, metavar="N", help="images a set on which one thing at a time is switched"
    )
    parser.add_argument(
        "--precision",
        default="bfloat16",
        choices=("float32", "bfloat16"),
        help="of MS-Former, on sets that docs/precision.md has measured; others, and fits that diverge, are float32",
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no fit after so many")
    given = parser.parse_args(arguments)
    if not given.page_only:
        check_measured(parser, given, ("limit", "switched", "minutes"))
        jobs = jobs_of(
            given.data,
            given.sets,
            limit=given.limit,
            switched=given.switched,
            seeds=given.seeds,
            precision=given.precision,
        )
        run(jobs, given.out, None if given.minutes is None else given.minutes * 60)
    results: dict[str, Any]
    if (given.out / JOURNAL).exists():
        options = "" if given.precision == "bfloat16" else f" --precision {given.precision}"
        rows = sorted(rows_of(given.out), key=lambda row: str(row["job"]))
        results = {"machine": machine(), "versions": versions(), "options": options, "rows": rows}
    else:
        results = read_rows(given.out / ROWS)
    if given.markdown is None:
        show(page(results), None)
        return
    beside = given.markdown.with_suffix("")
    write_rows(beside / ROWS, results)
    show(page(results, [name for name in PICTURES if (beside / name).exists()]), given.markdown)
    fidelity = given.markdown.parent / "fidelity.md"
    if fidelity.exists():
        write_text(fidelity, with_switches(fidelity.read_text(encoding="utf-8"), switch_table(results)))


def with_switches(text: str, table: Sequence[str]) -> str:
    """A page with the table between its two marks; one without marks stays as it is."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return "\n".join([before + mark, "", *table, "", end + after]) if mark and end else text


if __name__ == "__main__":
    main()
