"""Why cases failed → a few reasons, each with all that failed for it."""

from __future__ import annotations

import re

from msformer.batch.record import Record
from msformer.plain import printable

MOST = 100
"""So many reasons are told apart; what fails for yet another is under the last."""
LONGEST = 300
OTHER = "other reasons"
NUMBERS = re.compile(r"(\d+(?:\.\d+)?)")


class Reasons:
    """Reasons as they come: messages that differ in names of files and in numbers alone have one reason."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._texts: list[list[str]] = []

    def place(self, record: Record) -> int:
        """Which of the ``texts`` is the reason of a failure."""
        parts = NUMBERS.split(_without_names(record))
        key = "\0".join(parts[::2])
        if key not in self._places and len(self._texts) >= MOST:
            key, parts = OTHER, [OTHER]
        if key not in self._places:
            self._places[key] = len(self._texts)
            self._texts.append(parts)
        place = self._places[key]
        known = self._texts[place]
        self._texts[place] = [one if one == other else "…" for one, other in zip(known, parts, strict=True)]
        return place

    def texts(self) -> list[str]:
        """Each reason in words, with those numbers that all its cases share."""
        return ["".join(parts) for parts in self._texts]


def _without_names(record: Record) -> str:
    """The message of a failure without the file that it is about."""
    text = record["error"].removeprefix(f"{record['source']}: ").replace(record["source"], "the file")
    return printable(text)[:LONGEST]
