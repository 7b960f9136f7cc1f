"""Which folders this program wrote: its results are recognised anywhere, and are never input.

A folder of results has a marker, ``.msformer``, which names what in it are results; the program writes it before the
first of them. Where the marker is missing, as in results of older versions, the contents of ``report.json`` or
``records.jsonl`` tell the same. A mask that was copied out of such a folder is an image like any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from msformer.io.write import write_text

MARKER = ".msformer"
PROGRAM = "msformer"
SEGMENT_FOLDERS = (
    "labels", "masks", "preview", "instances", "stability", "masks-alone", "learned", "model", "corrections",
    "editing", "exports", "journal", ".staging", ".watch", "thumbnails", "report", "overlays", "colours", "bids",
    "slides",
)  # fmt: skip
"""Folders of ``segment``, ``learn`` and ``app``; what else lies beside them is not theirs: OUT may have the images."""
SEGMENT_FILES = ("report.json", "records.jsonl", "regions.csv", "objects.csv", "index.html")
MAX_MARKER, MAX_HEAD = 1 << 16, 1 << 14
OF_REPORT = (b'"planned"', b'"failed"', b'"interrupted"')
OF_RECORDS = (b'"preset"', b'"random_state"', b'"foreground"')


def mark_results(out: Path, folders: Sequence[str], files: Sequence[str]) -> None:
    """Write the marker into a folder of results, which must be there, unless it says the same already."""
    text = json.dumps({"program": PROGRAM, "folders": list(folders), "files": list(files)}) + "\n"
    if _start(out / MARKER, MAX_MARKER) != text.encode():
        write_text(out / MARKER, text)


def results_in(folder: Path, names: frozenset[str]) -> frozenset[str]:
    """Which entries of a folder, of whose ``names`` it has, are results; empty where it holds none."""
    if MARKER in names:
        try:
            said = json.loads(_start(folder / MARKER, MAX_MARKER))
            if said["program"] == PROGRAM:
                return frozenset({MARKER, *map(str, said["folders"]), *map(str, said["files"])})
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
    told = (("report.json", OF_REPORT), ("records.jsonl", OF_RECORDS))
    for name, keys in told:
        if name in names:
            head = _start(folder / name, MAX_HEAD)
            if head.startswith(b"{") and all(key in head for key in keys):
                return frozenset({MARKER, *SEGMENT_FOLDERS, *SEGMENT_FILES})
    return frozenset()


def _start(path: Path, size: int) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
