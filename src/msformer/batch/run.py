"""All cases, in one process or in several, and the report at the end, even when the run is interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msformer.batch.agree import agree
from msformer.batch.plan import Case
from msformer.batch.report import write_report
from msformer.batch.work import IN_LOG, Record, record_death, run_case
from msformer.config import Config
from msformer.io import MAX_PIXELS, prepare_folder
from msformer.io.results import SEGMENT_FILES, SEGMENT_FOLDERS, mark_results
from msformer.io.scratch import remove_orphans
from msformer.plain import printable
from msformer.processes import Split, choose_split, run_in_processes

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

PROCESS_BYTES = 700 * 2**20
"""Memory of a process with its libraries and a case; what the largest photographs take (``docs/performance.md``)."""
FIT_BYTES_PER_VALUE = 300
"""Memory of the optimisation, for each pixel and channel of the network; 1.9 GB at the released size."""
HEAVY_FIT = 2_000_000
"""Pixels times channels from where on an update of the network takes longer than most cases as a whole."""


def split_cases(n_cases: int, config: Config, *, workers: int | None = None, threads: int | None = None) -> Split:
    """The best split of this machine's cores for so many cases; see ``choose_split``."""
    values = config.prepare.working_size**2 * config.network.embed_dim
    is_network = config.cluster.method == "network"
    return choose_split(
        n_cases,
        case_bytes=PROCESS_BYTES + (FIT_BYTES_PER_VALUE * values if is_network else 0),
        is_heavy=is_network and values > HEAVY_FIT,
        workers=workers,
        threads=threads,
    )


def run_cases(
    cases: Sequence[Case],
    config: Config,
    out: Path,
    *,
    spacing_mm: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
    initial_weights: Mapping[str, Tensor] | None = None,
    split: Split = Split(1, 1),  # noqa: B008 - frozen
    on_record: Callable[[Record], None] | None = None,
    skipped: Sequence[Mapping[str, str]] = (),
) -> list[Record]:
    """Segment every case into ``out`` and write the report.

    After an interruption (``KeyboardInterrupt``) the report of the finished cases is written before it goes on.
    A case whose process dies fails; the others go on.

    Args:
        cases: From ``plan_cases``.
        config: Settings of all cases.
        out: Folder of the results; made if it is missing.
        spacing_mm: Size of a pixel (row, column) in mm, for files that do not say.
        max_pixels: Larger images fail.
        initial_weights: See ``pipeline.segment``.
        split: Number of processes and threads, from ``split_cases``; this process with one thread if left
            out, which must be true already of this process: see ``processes.limit_threads``.
        on_record: Called after each case, in the order in which they end.
        skipped: What the plan passed over, for the report.

    Returns:
        The records in the order of the cases.
    """
    prepare_folder(out)
    mark_results(out, SEGMENT_FOLDERS, SEGMENT_FILES)
    remove_orphans()
    run = partial(
        run_case,
        config=agree(cases, config, max_pixels=max_pixels, split=split),
        out=out,
        spacing_mm=spacing_mm,
        max_pixels=max_pixels,
        initial_weights=initial_weights,
    )
    found: dict[int, Record] = {}
    try:
        for index, record in _run(run, cases, out, split):
            found[index] = record
            name = printable(record["case_id"])  # of a file, which need not be text: any log must be able to hold it
            if record["status"] == "failed":
                reason = record[IN_LOG] if IN_LOG in record else record["error"]
                logger.warning("%s failed: %s", name, printable(reason))
            else:
                logger.info("%s: %d clusters in %.2f s", name, record["n_labels"], record["elapsed_s"])
            if on_record is not None:
                on_record(record)
    finally:
        records = [found[index] for index in sorted(found)]
        remove_orphans()  # of processes that died
        write_report(out, records, config, n_planned=len(cases), split=split, skipped=skipped)
    return records


def _run(run: Callable[[Case], Record], cases: Sequence[Case], out: Path, split: Split) -> Iterator[tuple[int, Record]]:
    if split.workers == 1:
        yield from ((index, run(case)) for index, case in enumerate(cases))
    else:
        for index, record in run_in_processes(run, cases, split):
            yield index, record_death(cases[index], out) if record is None else record
