"""Run what the tutorials say, and compare with what they show.

python scripts/run_tutorials.py [PAGE ...]

Blocks of ``console`` and ``python`` of a page in ``docs/tutorials`` run one after another in one empty folder; ``sh``
is for the reader's own pictures and is not run. ``...`` in an output stands for anything, as in doctests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

TUTORIALS = Path(__file__).parent.parent / "docs" / "tutorials"


def steps(page: Path) -> list[tuple[list[str], str]]:
    """What to run of a page, in order, each with the output that the page shows."""
    found = []
    for kind, block in re.findall(r"^```(console|python)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
        if kind == "python":
            found.append(([sys.executable, "-c", block], "..."))
            continue
        for command, shown in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            found.append((["bash", "-c", command], shown))
    return found


def faults(page: Path) -> list[str]:
    """Commands that fail, or print something else than the page shows."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder) / "programs"
        programs.mkdir()
        (programs / "msformer").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m msformer "$@"\n')
        (programs / "msformer").chmod(0o755)
        work = Path(folder) / "work"
        work.mkdir()
        surroundings = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "100", "NO_COLOR": "1"}
        for command, shown in steps(page):
            done = subprocess.run(
                command, cwd=work, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            as_shown = OutputChecker().check_output(shown, done.stdout, ELLIPSIS | NORMALIZE_WHITESPACE)
            if done.returncode or not as_shown:
                said = f"exit {done.returncode}; the page shows\n{shown}and this is\n{done.stdout}"
                lines.append(f"{page.name}: {command[-1]}\n{said}")
    return lines


def main() -> int:
    """Run the pages that are named, or all; 1 if one is not as it says."""
    pages = [Path(one) for one in sys.argv[1:]] or sorted(set(TUTORIALS.glob("*.md")) - {TUTORIALS / "index.md"})
    found = [line for page in pages for line in faults(page)]
    print("\n".join(found) or f"{len(pages)} tutorials do what they say")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
