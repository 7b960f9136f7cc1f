"""What is said of workers on the command line → who does the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msformer.cli.options import ClusterKind

if TYPE_CHECKING:
    from msformer.executors import Executor
    from msformer.processes import Split

CASE_TIMEOUT_S = 3600.0
"""An hour: many times what the slowest case takes that ends at all, a volume of hundreds of slices at the released size
apart."""


@dataclass(frozen=True)
class Workers:
    """What was said of them.

    Attributes:
        count: Of processes; 0 for none but this one, None for as many as are of use.
        seconds: That a case may take; 0 for any.
        memory: GB that a process may take.
        scheduler: Address of a Dask scheduler.
        cluster: Dask cluster to be started.
    """

    count: int | None = None
    seconds: float = CASE_TIMEOUT_S
    memory: float | None = None
    scheduler: str | None = None
    cluster: ClusterKind | None = None


@contextmanager
def executor_of(said: Workers, split: Split) -> Iterator[Executor]:
    """Those who do the work, for so long.

    Args:
        said: What was said.
        split: Processes and threads that are of use.

    Raises:
        ConfigError: Two of them were said, or a cluster cannot be reached.
    """
    from msformer.errors import ConfigError
    from msformer.executors import Here, Limits, Processes
    from msformer.processes import SPARE_MEMORY, free_memory, limit_threads

    if said.scheduler is not None and said.cluster is not None:
        raise ConfigError("say either --scheduler or --cluster; got both")
    free = int(free_memory() * SPARE_MEMORY)
    own = None if said.memory is None else int(said.memory * 1e9)
    seconds = said.seconds or None
    executor: Executor
    if said.scheduler is not None or said.cluster is not None:
        from msformer.executors.cluster import Cluster

        kind = None if said.cluster is None else said.cluster.value
        executor = Cluster(
            said.scheduler, kind, workers=said.count, threads=split.threads, limits=Limits(seconds, own, own)
        )
    elif said.count == 0:
        limit_threads(split.threads)
        executor = Here(split.threads)
    else:
        limits = Limits(seconds, own or max(free // max(split.workers, 1), 1), max(own or 0, free))
        executor = Processes(split.workers, split.threads, limits)
    try:
        yield executor
    except BaseException:
        executor.close(is_now=True)
        raise
    else:
        executor.close()
