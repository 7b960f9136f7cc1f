"""What of a plan is to be done, and what a journal says is done."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msformer.batch.fingerprint import content_of, stat_of
from msformer.batch.journal import Entry, Journal
from msformer.batch.plan import Case
from msformer.io.ome_zarr import files_below

PASSING = frozenset(
    {"MemoryError", "OSError", "PermissionError", "FileNotFoundError", "TimeoutError", "WorkerDiedError"}
)
"""Kinds of failures that another time, or another machine, may not have: they are tried again."""
NEW, CHANGED, SETTINGS, LOST, PASSED, RETRIED, AGAIN = (
    "new", "changed", "of other settings", "with results missing", "failed for a passing reason", "failed before",
    "done again",
)  # fmt: skip


@dataclass(frozen=True)
class Redo:
    """What is done again though the journal has it.

    Attributes:
        everything: All cases.
        failed: All that failed.
    """

    everything: bool = False
    failed: bool = False


@dataclass(frozen=True)
class ToDo:
    """What is left of a plan.

    Attributes:
        cases: To be done.
        finished: Names of those that are.
        reasons: How many are to be done for which reason.
    """

    cases: Sequence[Case]
    finished: Sequence[str]
    reasons: Counter[str]

    def __str__(self) -> str:
        told = ", ".join(f"{count} {reason}" for reason, count in self.reasons.most_common())
        return (
            f"{len(self.finished)} of {len(self.finished) + len(self.cases)} are finished; to do: {told or 'nothing'}"
        )


def what_to_do(cases: Iterable[Case], journal: Journal, settings: str, out: Path, redo: Redo) -> ToDo:
    """Part cases into those to be done and those that are finished.

    Args:
        cases: The plan.
        journal: Of the folder.
        settings: Fingerprint of the settings.
        out: The folder.
        redo: What is done again.
    """
    left: list[Case] = []
    finished: list[str] = []
    reasons: Counter[str] = Counter()
    for case in cases:
        reason = _reason(case, journal.entries.get(case.case_id), settings, out, redo)
        if reason is None:
            finished.append(case.case_id)
        else:
            left.append(case)
            reasons[reason] += 1
    return ToDo(left, finished, reasons)


def _reason(case: Case, entry: Entry | None, settings: str, out: Path, redo: Redo) -> str | None:
    if entry is None:
        return NEW
    if entry.settings != settings:
        return SETTINGS
    if redo.everything:
        return AGAIN
    if entry.status == "failed":
        if redo.failed:
            return RETRIED
        if entry.error_type in PASSING:
            return PASSED
    if _is_changed(case, entry):
        return CHANGED
    return LOST if entry.status == "done" and not are_there(entry.sizes, out) else None


def _is_changed(case: Case, entry: Entry) -> bool:
    """Whether the input is another; one whose times alone differ, as of a copy, is the same."""
    now = stat_of(case)
    if now == entry.made_from.stat or not now:  # what vanished since it was listed cannot be done again
        return False
    try:
        return content_of(case) != entry.made_from.content
    except OSError:
        return True


def are_there(sizes: Mapping[str, int], folder: Path) -> bool:
    """Whether files are in a folder, by path below it, each with its number of bytes; of a folder that of all in it."""
    try:
        for relative, size in sizes.items():
            status = os.stat(f"{folder}/{relative}")  # noqa: PTH116 - a Path takes as long as to look
            if stat.S_ISDIR(status.st_mode):
                if sum(one.stat().st_size for one in files_below(folder / relative)) != size:
                    return False
            elif status.st_size != size or not stat.S_ISREG(status.st_mode):
                return False
    except OSError:
        return False
    return True
