"""What the benchmarks share: which preset belongs to which set, their options, one core a process."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from msformer.io import null_undefined, write_text
from msformer.processes import end_with_parent, limit_threads

PRESET_OF_SET = {
    "dermoscopy_ph2": "dermoscopy",
    "dermoscopy_ham10000": "dermoscopy",
    "dermoscopy_isic2017": "dermoscopy",
    "lung_ct_lungsegdb": "lung-ct",
    "lung_ct_konya": "lung-ct",
    "lung_ct_kaggle64": "lung-ct",
    "chest_xray_covid": "chest-xray",
    "chest_xray_montgomery": "chest-xray",
    "breast_ultrasound_busi": "ultrasound",
    "breast_ultrasound_benign": "ultrasound",
    "breast_ultrasound_malignant": "ultrasound",
    "breast_ultrasound_busbra": "ultrasound",
    "nuclei_dsb2018": "nuclei",
    "nuclei_dsb2018_more": "nuclei",
    "plasma_cells_segpc": "stained-tissue",
}
"""Sets of the kinds that have a preset; all others are for ``general``."""


def sets_parser(doc: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark over sets of images, which prints its table or writes it as a page."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/{images,masks}")
    parser.add_argument("--sets", nargs="+", default=list(PRESET_OF_SET))
    parser.add_argument("--markdown", type=Path)
    return parser


def rows_parser(doc: str | None, rows: str) -> argparse.ArgumentParser:
    """The options of a benchmark that keeps its rows in a file of ``--out`` and makes its page from them."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of <set>/{images,masks}")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of {rows} and of what is kept")
    parser.add_argument("--markdown", type=Path, help="the page")
    parser.add_argument("--page-only", action="store_true", help=f"measure nothing, read {rows}")
    return parser


def check_measured(parser: argparse.ArgumentParser, given: argparse.Namespace, counts: Sequence[str]) -> None:
    """End with the usage where there is no data to measure, or one of the counts is under 1."""
    if given.data is None:
        parser.error("--data is needed to measure")
    for name in counts:
        value = getattr(given, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1; got {value}")


def write_rows(path: Path, results: Mapping[str, Any]) -> None:
    """Write what was measured, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(null_undefined(results), indent=1, allow_nan=False) + "\n")


def read_rows(path: Path) -> dict[str, Any]:
    """Read back what ``write_rows`` wrote."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def show(text: str, markdown: Path | None) -> None:
    """Write a page, or print it where no file is named."""
    if markdown is None:
        print(text)
    else:
        markdown.parent.mkdir(parents=True, exist_ok=True)
        write_text(markdown, text)


def put(text: str, part: str, markdown: Path | None) -> None:
    """Write a text into a part of a page, at its end if the page has no such part; print it where no page is named."""
    start, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    old = markdown.read_text(encoding="utf-8") if markdown and markdown.exists() else ""
    before, _, rest = old.partition(start)
    after = rest.partition(end)[2]
    show(f"{before}{start}\n\n{text.strip()}\n\n{end}{after or chr(10)}" if markdown else text, markdown)


def one_core_each() -> ProcessPoolExecutor:
    """As many processes as there are cores, each kept to one; they end with this process."""
    return ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    end_with_parent()
    limit_threads(1)
