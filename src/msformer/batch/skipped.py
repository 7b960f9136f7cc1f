"""What was passed over, and why: nothing that lies in an input is left out without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Why = Literal["result", "label map", "unknown", "no image", "part", "link", "special", "unreadable", "folder", "hidden"]
WORDS: dict[Why, tuple[str, str]] = {
    "result": ("result", "results"),
    "label map": ("label map", "label maps"),
    "unknown": ("of no known kind", "of no known kind"),
    "no image": ("DICOM file without an image", "DICOM files without an image"),
    "part": ("part of another file", "parts of other files"),
    "link": ("link", "links"),
    "special": ("that is no regular file", "that are no regular files"),
    "unreadable": ("folder that cannot be read", "folders that cannot be read"),
    "folder": ("subfolder not looked into", "subfolders not looked into"),
    "hidden": ("hidden", "hidden"),
}
"""Kinds of what is passed over, in the order that they are told in, and what one and several are called."""
NAMED = 10
"""Of each kind so many are named in the log; ``report.json`` has all."""


@dataclass(frozen=True)
class Skipped:
    """A file or folder that is no case.

    Attributes:
        path: As it was found.
        why: Kind of the reason.
        reason: In words.
    """

    path: Path
    why: Why
    reason: str

    def record(self) -> dict[str, str]:
        """Ready for JSON."""
        return asdict(self) | {"path": str(self.path)}


def count(records: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """How many were passed over for each kind of reason that occurs."""
    found = Counter(one["why"] for one in records)
    return {why: found[why] for why in WORDS if found[why]}


def in_words(counts: Mapping[str, int]) -> str:
    """The counts as a list: ``3 results, 1 label map``."""
    return ", ".join(f"{number} {WORDS[why][number > 1]}" for why, number in counts.items() if why in WORDS)


def log_lines(skipped: Sequence[Skipped]) -> Iterator[str]:
    """A line for each that is to be named in a log, and one for those that are not."""
    for why in WORDS:
        some = [one for one in skipped if one.why == why]
        for one in some[:NAMED]:
            yield f"skipped: {one.path}: {one.reason}"
        if len(some) > NAMED:
            yield f"skipped: {len(some) - NAMED} more {in_words({why: len(some) - NAMED}).partition(' ')[2]}"
