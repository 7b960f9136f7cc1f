"""Measure what a person gets who points, write the rows as JSON and the page from them.

    python -m benchmarks.prompts --data ../shared/data --out OUT --markdown docs/prompts.md

Every method gets the same clicks and boxes, made from the masks. ``--page-only`` makes the page again from
``OUT/prompts.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.prompts.methods import METHODS
from benchmarks.prompts.page import page
from benchmarks.prompts.run import Options, run
from benchmarks.prompts.sets import GROUP_OF_SET
from msformer.io import null_undefined, write_text

ROWS = "prompts.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of <set>/{images,masks}")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of {ROWS}")
    parser.add_argument("--markdown", type=Path, help="the page")
    parser.add_argument("--only", nargs="+", default=[], metavar="SET", choices=list(GROUP_OF_SET), help="these sets")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many pictures of a set")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a grown network; the one that ships if left out")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--seed", type=int, default=0, help="of jittered boxes and forests")
    slow = " and ".join(name for name, entry in METHODS.items() if "clicks" in entry.on_request)
    parser.add_argument(
        "--all-clicks", action="store_true", help=f"ask {slow} for further clicks, too, which takes long"
    )
    parser.add_argument("--page-only", action="store_true", help=f"measure nothing, read {ROWS}")
    given = parser.parse_args(arguments)
    path = given.out / ROWS
    if given.page_only:
        results = json.loads(path.read_text(encoding="utf-8"))
    else:
        if given.data is None:
            parser.error("--data is needed to measure")
        if given.limit is not None and given.limit < 1:
            parser.error(f"--limit must be at least 1; got {given.limit}")
        only, methods = tuple(given.only), tuple(given.methods)
        results = run(Options(given.data, only, given.limit, given.model, methods, given.seed, given.all_clicks))
        given.out.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(null_undefined(results), indent=1, allow_nan=False) + "\n")
    text = page(results)
    if given.markdown is None:
        print(text)
    else:
        given.markdown.parent.mkdir(parents=True, exist_ok=True)
        write_text(given.markdown, text)


if __name__ == "__main__":
    main()
