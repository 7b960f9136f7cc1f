"""What came of a soak, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import put
from msformer.benchmark.task import machine

if TYPE_CHECKING:
    from benchmarks.soak.__main__ import Fault, Kills


def page(path: Path | None, count: int, seconds: float, kills: Sequence[Kills], faults: Sequence[Fault]) -> None:
    """Put what was measured into its part of the page, or print it."""
    total = sum(len(one.times) for one in kills)
    lines = [
        f"{count} small pictures of skin, two workers; undisturbed {seconds:.0f} s. {total} kills (SIGKILL) at random "
        f"moments. *Lost*: cases that a journal had before a kill and not after it. *Torn*: files in their places that "
        "are not what an undisturbed run makes. *In the end the same*: the same call, again, ended with every file of "
        f"labels, masks, previews and the table of regions as undisturbed, byte for byte. "
        f"Made by `make soak` ({machine()['processor']}, {machine()['cores']} cores).",
        "",
        "| killed | times | at | lost | torn | in the end the same |",
        "|---|---|---|---|---|---|",
    ]
    for one in kills:
        when = f"{min(one.times):.1f} to {max(one.times):.1f} s" if one.times else "–"
        same = "yes" if one.same else f"**no** (exit codes {one.codes})"
        lines.append(f"| {one.what} | {len(one.times)} | {when} | {one.lost} | {one.torn} | {same} |")
    lines += ["", "| fault | what happened | right |", "|---|---|---|"]
    lines += [f"| {one.what} | {one.seen} | {'yes' if one.is_right else '**no**'} |" for one in faults]
    put("\n".join(lines), "soak", path)
