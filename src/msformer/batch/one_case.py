"""What one case of any kind is: read, segment, write, and what there is to record; each kind fills in the steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msformer.batch.plan import Case
from msformer.config import Config
from msformer.watching import Watcher

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken

Taken = TypeVar("Taken")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Task:
    """A case and all that is said of it.

    Attributes:
        case: From ``plan_inputs``.
        config: Settings of this case.
        out: Folder that its files are written to.
        spacing_mm: Size of a pixel (row, column) in mm, over what the file says.
        max_pixels: A larger image fails.
        initial_weights: See ``pipeline.segment``.
        cancel: Ends the optimisation early.
        watcher: Is told how far it is.
    """

    case: Case
    config: Config
    out: Path
    spacing_mm: tuple[float, float] | None
    max_pixels: int
    initial_weights: Mapping[str, Tensor] | None
    cancel: CancelToken | None
    watcher: Watcher


@dataclass(frozen=True)
class Steps(Generic[Taken, Found]):
    """How a kind of case is done.

    Attributes:
        read: Its files.
        segment: What was read.
        write: The results into files; what there is to record, with ``timings_s`` where the method tells its stages.
    """

    read: Callable[[Task], Taken]
    segment: Callable[[Task, Taken], Found]
    write: Callable[[Task, Taken, Found], dict[str, Any]]

    def run(self, task: Task) -> dict[str, Any]:
        """Do a case; what there is to record of it.

        Raises:
            MSFormerError: It cannot be read, segmented or written.
        """
        task.watcher.stage("read")
        start = time.perf_counter()
        taken = self.read(task)
        was_read = time.perf_counter()
        found = self.segment(task, taken)
        was_segmented = time.perf_counter()
        task.watcher.stage("write")
        record = self.write(task, taken, found)
        stages = record.get("timings_s", {"segment": was_segmented - was_read})
        record["timings_s"] = {
            "read": was_read - start,
            **stages,
            "write": time.perf_counter() - was_segmented,
        }
        return record
