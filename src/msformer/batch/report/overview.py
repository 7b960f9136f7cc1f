"""Records → what must be known of all of them before the first is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from msformer.batch.files import ALL_KINDS
from msformer.batch.record import Record
from msformer.batch.report.tables import Widths

FAILED = -1.0
"""Stands for the confidence of what failed, which is to be looked at first."""


class Overview:
    """All records, looked at once.

    Args:
        records: Of the cases.

    Attributes:
        widths: Of the tables.
        outputs: Paths of all files that are theirs, below the folder of the results.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.widths = Widths()
        self.outputs: set[str] = set()
        self._trust: list[float] = []
        for record in records:
            self.widths.look_at(record)
            self.outputs.update(record.get("outputs", {}).values())
            self._trust.append(FAILED if record["status"] == "failed" else record["confidence"])

    @property
    def n_failed(self) -> int:
        """How many failed."""
        return self._trust.count(FAILED)

    def by_trust(self) -> list[int]:
        """Places of the records, those to look at first in front: failures, then by confidence."""
        order: list[int] = np.argsort(self._trust, kind="stable").tolist()
        return order

    def strangers(self, out: Path) -> list[str]:
        """Results in ``out`` that are not of these records: left by another run into the same folder."""
        found: list[str] = []
        for kind in ALL_KINDS:
            for folder, _, names in os.walk(out / kind):
                inside = Path(folder).relative_to(out).as_posix()
                found += (path for name in names if (path := f"{inside}/{name}") not in self.outputs)
        return sorted(found)
