"""Where results go when nobody says, and how to tell a person where they are."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

TOGETHER = "msformer-results"
"""Folder of the results of several inputs, beside them."""
PACKED = (".gz", ".zip")


def results_beside(inputs: Sequence[str]) -> Path:
    """A folder beside the inputs: ``mole-msformer`` of ``mole.jpg``, ``moles-msformer`` of the folder ``moles``.

    Of several inputs it lies in the folder that they share, and of those in folders that cannot be written to in the
    one where the program was called.
    """
    places = [_fixed(one) for one in inputs]
    if len(places) == 1 and not places[0][1]:
        path = places[0][0].resolve()
        beside = path.parent / f"{_stem(path)}-msformer"
    else:
        shared = Path(
            os.path.commonpath([path.resolve() if has_magic else path.resolve().parent for path, has_magic in places])
        )
        beside = shared / TOGETHER
    if not beside.is_dir() and not os.access(beside.parent, os.W_OK):
        beside = Path.cwd() / beside.name
    return Path(os.path.relpath(beside)) if beside.is_relative_to(Path.cwd()) else beside


def address_of(page: Path) -> str:
    """What a browser opens, and terminals make a link of."""
    return page.resolve().as_uri()


def call(*words: str | Path) -> str:
    """A call of the program as it can be typed where it runs now, whether it is on the path or not."""
    found = shutil.which("msformer")
    beside = Path(sys.executable).with_name("msformer")
    if found is not None and Path(found).resolve() == beside.resolve():
        program = "msformer"
    elif beside.exists():
        here = Path.cwd()
        program = shlex.quote(str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside))
    else:
        program = f"{shlex.quote(sys.executable)} -m msformer"
    return " ".join([program, *(shlex.quote(str(word)) for word in words)])


def _stem(path: Path) -> str:
    if path.is_dir():
        return path.name or "images"
    name = path.name
    for ending in PACKED:
        name = name.removesuffix(ending)
    return Path(name).stem or "image"


def _fixed(given: str) -> tuple[Path, bool]:
    """A path, or the folder above what is open in a pattern; and whether it was one."""
    path = Path(given)
    if path.exists():
        return path, False
    fixed: list[str] = []
    for part in path.parts:
        if any(sign in part for sign in "*?["):
            return Path(*fixed), True
        fixed.append(part)
    return path, False
