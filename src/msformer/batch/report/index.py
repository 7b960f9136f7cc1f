"""Records → what the page sorts and filters all cases by, a column each, so that it is small for any number of them."""

from __future__ import annotations

from typing import Any

from msformer.batch.record import Record
from msformer.batch.report.entries import state_of
from msformer.batch.report.reasons import Reasons
from msformer.plain import printable

NONE = -1
"""In a column of places: this case has no such thing."""


class Index:
    """The columns, which cases are added to in the order in which the page first shows them.

    Args:
        chunk: Number of cases in a chunk.
        folder: Address of the chunks; empty where the page has them inside.
    """

    def __init__(self, chunk: int, folder: str) -> None:
        self._fixed = {"chunk": chunk, "folder": folder}
        self._columns: dict[str, list[Any]] = {
            name: [] for name in ("names", "states", "confidences", "worths", "seconds", "presets", "reasons")
        }
        self._presets: dict[str, int] = {}
        self._reasons = Reasons()

    def add(self, record: Record) -> None:
        """Add a case."""
        is_done = record["status"] == "done"
        worth = record["learned"]["worth_correcting"] if "learned" in record else None
        row = {
            "names": printable(record["case_id"]),
            "states": state_of(record),
            "confidences": round(record["confidence"], 4) if is_done else None,
            "worths": worth,
            "seconds": round(record["elapsed_s"], 2),
            "presets": self._presets.setdefault(record["preset"], len(self._presets)) if is_done else NONE,
            "reasons": NONE if is_done else self._reasons.place(record),
        }
        for name, value in row.items():
            self._columns[name].append(value)

    def record(self) -> dict[str, Any]:
        """Ready for JSON; ``presets`` and ``reasons`` are places in ``preset_names`` and ``reason_texts``."""
        names = {"preset_names": list(self._presets), "reason_texts": self._reasons.texts()}
        return {**self._fixed, **names, **self._columns}
