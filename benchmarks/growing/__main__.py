"""Grow short networks with each group of scene properties taken out once, and for longer; ask all about pictures.

    python -m benchmarks.growing --data ../shared/data --out OUT --markdown docs/growing.md

An hour on two idle cores. Networks that are done already, in OUT, are not grown again. ``--page-only`` makes the page
again from ``OUT/growing.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.growing.page import page
from benchmarks.growing.run import run
from benchmarks.growing.variants import TAKEN_OUT, variants
from benchmarks.prompts.run import Options
from msformer.growing.recipe import RECIPES
from msformer.io import null_undefined, write_text

ROWS = "growing.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Grow, ask, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of <set>/{images,masks}")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of networks and {ROWS}")
    parser.add_argument("--markdown", type=Path, help="the page")
    parser.add_argument("--updates", type=int, default=200, help="of each network that is compared")
    parser.add_argument("--longer", type=int, nargs="*", default=[400], help="updates of networks with everything")
    parser.add_argument("--seeds", type=int, default=2, help="networks with everything, which show what chance does")
    parser.add_argument(
        "--groups", nargs="+", default=list(TAKEN_OUT), choices=list(TAKEN_OUT), metavar="GROUP", help="taken out once"
    )
    parser.add_argument("--limit", type=int, default=6, help="at most so many pictures of a set")
    parser.add_argument("--page-only", action="store_true", help=f"grow nothing, read {ROWS}")
    given = parser.parse_args(arguments)
    path = given.out / ROWS
    if given.page_only:
        results = json.loads(path.read_text(encoding="utf-8"))
    else:
        if given.data is None:
            parser.error("--data is needed to measure")
        for name in ("updates", "seeds", "limit"):
            if getattr(given, name) < 1:
                parser.error(f"--{name} must be at least 1; got {getattr(given, name)}")
        several = variants(RECIPES["full"], given.updates, tuple(given.longer), given.seeds, tuple(given.groups))
        results = run(several, Options(given.data, limit=given.limit), given.out)
        write_text(path, json.dumps(null_undefined(results), indent=1, allow_nan=False) + "\n")
    text = page(results)
    if given.markdown is None:
        print(text)
    else:
        given.markdown.parent.mkdir(parents=True, exist_ok=True)
        write_text(given.markdown, text)


if __name__ == "__main__":
    main()
