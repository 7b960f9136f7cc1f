"""All cases of a folder: what is missing is done, a line in the journal each, and the reports at every end."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msformer import stopping
from msformer.batch.agree import agree, whom_to_ask
from msformer.batch.bids import check_names, write_dataset
from msformer.batch.fingerprint import settings_print
from msformer.batch.journal import Journal, Records
from msformer.batch.lock import FolderLock, locked
from msformer.batch.part import Part
from msformer.batch.plan import Case
from msformer.batch.record import IN_LOG, Record, beginning, failure
from msformer.batch.resume import Redo, ToDo, what_to_do
from msformer.batch.staging import remove_staging, staging_of
from msformer.config import Config
from msformer.executors import Executor, Here, run_items
from msformer.io import MAX_PIXELS, prepare_folder
from msformer.io.results import SEGMENT_FILES, SEGMENT_FOLDERS, mark_results
from msformer.io.scratch import remove_orphans
from msformer.plain import printable
from msformer.processes import Split, choose_split
from msformer.watching import forget

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

PROCESS_BYTES = 700 * 2**20
"""Memory of a process with its libraries and a case; what the largest photographs take (``docs/performance.md``)."""
FIT_BYTES_PER_VALUE = 300
"""Memory of the optimisation, for each pixel and channel of the network; 1.9 GB at the released size."""
HEAVY_FIT = 2_000_000
"""Pixels times channels from where on an update of the network takes longer than most cases as a whole."""


def split_cases(n_cases: int, config: Config, *, workers: int | None = None) -> Split:
    """The best split of this machine's cores for so many cases; see ``choose_split``."""
    values = config.prepare.working_size**2 * config.network.embed_dim
    is_network = config.cluster.method == "network"
    return choose_split(
        n_cases,
        case_bytes=PROCESS_BYTES + (FIT_BYTES_PER_VALUE * values if is_network else 0),
        is_heavy=is_network and values > HEAVY_FIT,
        workers=workers,
        threads=config.fit.threads,
    )


IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk says that holds no more, or no more of this user."""


@dataclass(frozen=True)
class Order:
    """What a run is to do.

    Attributes:
        cases: From ``plan_inputs``: of all parts.
        config: Settings of all cases.
        spacing_mm: Size of a pixel (row, column) in mm, for files that do not say.
        max_pixels: Larger images fail.
        initial_weights: See ``pipeline.segment``.
        skipped: What the plan passed over, for the report.
        part: Which of the cases this run has.
        redo: What is done again.
        stops_at_failure: Begin nothing more after the first failure.
        watch: Folder that it is told in how far the cases under way are; see ``watching``.
    """

    cases: Sequence[Case]
    config: Config
    spacing_mm: tuple[float, float] | None = None
    max_pixels: int = MAX_PIXELS
    initial_weights: Mapping[str, Tensor] | None = None
    skipped: Sequence[Mapping[str, str]] = ()
    part: Part = Part()  # noqa: RUF009 - frozen
    redo: Redo = Redo()  # noqa: RUF009 - frozen
    stops_at_failure: bool = False
    watch: Path | None = None

    def fingerprint(self, config: Config) -> str:
        """Of these settings, or of those that the folder agreed on."""
        return settings_print(
            config,
            spacing_mm=self.spacing_mm,
            max_pixels=self.max_pixels,
            initial_weights=self.initial_weights,
        )


def run_cases(
    cases: Sequence[Case],
    config: Config,
    out: Path,
    *,
    executor: Executor | None = None,
    on_record: Callable[[Record], None] | None = None,
    on_plan: Callable[[ToDo], None] | None = None,
    **more: Any,
) -> Records:
    """Segment what is missing of the cases into ``out``; see ``run_order``, which this calls.

    Args:
        cases: From ``plan_cases``.
        config: Settings of all cases.
        out: Folder of the results; made if it is missing.
        executor: Who does the work; this process if left out.
        on_record: Called after each case, in the order in which they end.
        on_plan: Called with what is to be done, before it is.
        more: Of ``Order``.

    Returns:
        The records in the order of the cases.
    """
    return run_order(
        Order(cases, config, **more), out, executor=executor or Here(), on_record=on_record, on_plan=on_plan
    )


def run_order(
    order: Order,
    out: Path,
    *,
    executor: Executor,
    on_record: Callable[[Record], None] | None = None,
    on_plan: Callable[[ToDo], None] | None = None,
) -> Records:
    """Segment what is missing into ``out``, a line in its journal each, and make the reports.

    A case whose process dies, or that has too little memory, is tried once more alone and then failed; the others go
    on. Whatever ends the run, the reports of what is finished are made before it goes on.

    Args:
        order: What is to be done.
        out: Folder of the results; made if it is missing.
        executor: Who does the work.
        on_record: Called after each case, in the order in which they end.
        on_plan: Called with what is to be done, before it is.

    Returns:
        The records of this part's cases, in their order; read from the journal when they are asked for.

    Raises:
        ConfigError: With naming ``bids`` two cases have one name.
        FolderInUseError: Another run has the folder.
        Stopped: A signal came.
        OSError: The journal or the reports cannot be written.
    """
    prepare_folder(out)
    if order.config.write.naming == "bids":
        check_names(order.cases)
    mark_results(out, SEGMENT_FOLDERS, SEGMENT_FILES)
    with locked(out, order.part) as lock:
        remove_orphans()
        remove_staging(out, order.part.name)
        run = _Run(order, out, executor, lock)
        if order.config.write.naming == "bids":
            write_dataset(out)
        todo = run.plan()
        if on_plan is not None:
            on_plan(todo)
        if todo.cases or not run.has_report():
            try:
                run.work(todo, on_record)
            finally:
                remove_orphans()  # of processes that died
                remove_staging(out, order.part.name)
                run.tell()
    return run.journal.records([case.case_id for case in order.part.of(order.cases)])


def look_ahead(order: Order, out: Path) -> ToDo:
    """What a run would do; nothing is written. The preset that a folder agrees on is that of the last run."""
    journal = Journal(out, order.part)
    agreed = None if journal.run is None else journal.run.about.get("agreed")
    settings = order.fingerprint(_with_preset(order.config, agreed))
    return what_to_do(order.part.of(order.cases), journal, settings, out, order.redo)


@dataclass(frozen=True, eq=False)
class CaseCall:
    """What workers do with a case. What it takes is loaded where it is done, not where cases are handed out."""

    config: Config
    out: Path
    order: Order

    def __call__(self, case: Case) -> Record:
        """Segment it; see ``work.run_case``."""
        from msformer.batch.work import run_case

        return run_case(
            case,
            self.config,
            self.out,
            staging=staging_of(self.out, self.order.part.name),
            spacing_mm=self.order.spacing_mm,
            max_pixels=self.order.max_pixels,
            initial_weights=self.order.initial_weights,
            watch=self.order.watch,
        )


class _Run:
    """A run that has its folder."""

    def __init__(self, order: Order, out: Path, executor: Executor, lock: FolderLock) -> None:
        self.order, self.out, self.executor, self.lock = order, out, executor, lock
        self.journal = Journal(out, order.part)
        if lock.taken_from is not None:
            logger.info("the folder is taken over: %s is no more", printable(str(lock.taken_from)))
        if self.journal.dropped:
            logger.info("%d torn lines of the journal are dropped", self.journal.dropped)
        base = order.fingerprint(order.config)
        asked = whom_to_ask(order.cases, order.config)
        names = [case.case_id for case in asked]
        before = {} if self.journal.run is None else self.journal.run.about
        if before.get("base") == base and before.get("asked") == names:
            agreed = before["agreed"]
        else:
            agreed = agree(asked, order.config, max_pixels=order.max_pixels, executor=executor)
        self.config = _with_preset(order.config, agreed)
        self.settings = base if agreed is None else order.fingerprint(self.config)
        same = {entry.case_id for entry in self.journal.entries.values() if entry.settings == self.settings}
        self.about = {
            "settings": self.settings,
            "base": base,
            "asked": names,
            "agreed": agreed,
            "config": order.config.model_dump(mode="json"),
            "planned": len(same.union(case.case_id for case in order.cases)),
            "workers": executor.workers,
            "threads": executor.threads,
            "skipped": [dict(one) for one in order.skipped],
        }

    def plan(self) -> ToDo:
        """What is to be done."""
        cases = self.order.part.of(self.order.cases)
        return what_to_do(cases, self.journal, self.settings, self.out, self.order.redo)

    def has_report(self) -> bool:
        """Whether the reports say all that the journal does, and of these settings."""
        told = self.out / "report.json"
        if self.journal.run is None or self.journal.run.about.get("settings") != self.settings:
            return False
        if self.journal.run.about.get("skipped") != self.about["skipped"]:
            return False
        try:
            return all(told.stat().st_mtime_ns >= path.stat().st_mtime_ns for path in self.journal.files())
        except OSError:
            return False

    def work(self, todo: ToDo, on_record: Callable[[Record], None] | None) -> None:
        """Do it."""
        self.journal.begin(self.about)
        call = CaseCall(self.config, self.out, replace(self.order, cases=(), skipped=()))
        for index, outcome in run_items(self.executor, call, todo.cases):
            record = (
                beginning(todo.cases[index]) | failure(todo.cases[index], outcome)
                if isinstance(outcome, Exception)
                else outcome
            )
            self.lock.check()
            if self.order.watch is not None:
                forget(self.order.watch, record["case_id"])
            if record.get("errno") in IS_FULL:  # so are all others, and nothing of this case is there
                raise OSError(record["errno"], os.strerror(record["errno"]), str(self.out))
            reason = record.pop(IN_LOG, record.get("error"))
            self.journal.add(record, self.settings)
            name = printable(record["case_id"])  # of a file, which need not be text: any log must be able to hold it
            if record["status"] == "failed":
                logger.warning("%s failed: %s", name, printable(reason))
            else:
                logger.info("%s: %d clusters in %.2f s", name, record["n_labels"], record["elapsed_s"])
            if on_record is not None:
                on_record(record if reason is None else record | {IN_LOG: reason})
            if record["status"] == "failed" and self.order.stops_at_failure:
                break

    def tell(self) -> None:
        """Make the reports; of an array of parts the last one that ends does, and of what all of them did."""
        from msformer.batch import tell  # a run that finds nothing to do ends before this is loaded

        if self.order.part.count > 1 and self.lock.has_others():
            return
        with stopping.deferred():  # a few seconds, after which the signal goes on
            tell.report(self.out, None if self.order.part.count > 1 else self.journal)


def _with_preset(config: Config, agreed: str | None) -> Config:
    return config if agreed is None else config.replace(auto={"expected": agreed})
