"""A case that does nothing; in a module of its own, as workers find it by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msformer.batch.plan import Case
from msformer.batch.record import Record


@dataclass(frozen=True)
class Echo:
    """A case that does nothing but answer with a record of the usual size."""

    record: Mapping[str, Any]

    def __call__(self, case: Case) -> Record:
        """The record under the name of the case."""
        return dict(self.record) | {"case_id": case.case_id, "source": str(case.source)}
