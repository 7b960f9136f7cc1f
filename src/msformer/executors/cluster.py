"""Workers of a Dask cluster, on machines that see the same files under the same names.

A Dask worker only hands on: the work is done by a process of its own beside it, with the limits and the manners of
``local``. So a case that crashes, hangs or eats memory takes no Dask worker with it.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import Any

from msformer.errors import ClusterError, ConfigError, WorkerDiedError
from msformer.executors.base import Executor, Limits
from msformer.executors.local import Driver

CONNECT_S = 30
"""Seconds until a scheduler that does not answer is given up."""
ARRIVE_S = 600
"""Seconds until the first worker must be there: job systems let them wait."""
COUNT_S = 5.0
"""Seconds between two looks at how many workers there are."""


class Cluster(Executor):
    """A Dask cluster.

    Args:
        scheduler: Address of one that runs; None for one that is started.
        kind: Of the one that is started: ``local`` or ``slurm``.
        workers: How many are started; one if left out.
        threads: Threads of each process.
        limits: Of an item; memory is left to the cluster where nobody said a limit.

    Raises:
        ConfigError: Dask is not installed, or no scheduler answers.
        ClusterError: No worker comes.
    """

    def __init__(
        self, scheduler: str | None, kind: str | None, *, workers: int | None, threads: int, limits: Limits
    ) -> None:
        try:
            import distributed
        except ImportError as error:
            raise ConfigError("--scheduler and --cluster need Dask: install msformer[cluster]") from error
        self.threads, self._limits = threads, limits
        self._killed = distributed.scheduler.KilledWorker
        self._cluster: Any = None if scheduler is not None else _started(str(kind), workers or 1)
        try:
            self._client = distributed.Client(scheduler or self._cluster, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"--scheduler must be the address of a Dask scheduler; got {scheduler!r}: {error}"
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=ARRIVE_S)
        except TimeoutError as error:
            raise ClusterError(f"no worker of the cluster came within {ARRIVE_S} s") from error
        self._executor = self._client.get_executor(retries=0, pure=False)
        self._call: Callable[[Any], Any] | None = None
        self._packed = b""
        self._counted = (0.0, 1)

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many there are now."""
        if time.monotonic() > self._counted[0] + COUNT_S:
            known = self._client.scheduler_info(n_workers=-1)["workers"].values()
            self._counted = time.monotonic(), max(sum(int(one["nthreads"]) for one in known), 1)
        return self._counted[1]

    @property
    def ahead(self) -> int:  # type: ignore[override]
        """As many as there are workers."""
        return self.workers

    def submit(self, call: Callable[[Any], Any], item: Any, *, is_alone: bool = False) -> Future[Any]:
        """Work on an item somewhere."""
        if call is not self._call:  # with every item: what lies on one worker goes with that worker
            self._call, self._packed = call, pickle.dumps(call)
        memory = self._limits.memory_alone if is_alone else self._limits.memory
        mine: Future[Any] = Future()
        theirs = self._executor.submit(
            work_beside, self._packed, item, self.threads, self._limits.seconds, memory, str(Path.cwd())
        )
        mine.set_running_or_notify_cancel()
        theirs.add_done_callback(lambda ended: self._pass_on(ended, mine))
        return mine

    def close(self, *, is_now: bool = False) -> None:
        """Leave the cluster, and end one that was started."""
        self._executor.shutdown(wait=not is_now)
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=5)

    def _pass_on(self, ended: Future[Any], mine: Future[Any]) -> None:
        if ended.cancelled():
            mine.set_exception(ClusterError("the scheduler of the cluster is gone"))
            return
        error = ended.exception()
        if isinstance(error, self._killed):
            mine.set_exception(WorkerDiedError("the Dask workers that had it died"))
        elif error is not None:
            mine.set_exception(error)
        else:
            mine.set_result(ended.result())


def _started(kind: str, workers: int) -> Any:
    import distributed

    if kind == "local":
        return distributed.LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise ConfigError("--cluster slurm needs dask-jobqueue: install msformer[cluster]") from error
    try:
        cluster = SLURMCluster()
        cluster.scale(workers)
    except (ValueError, OSError) as error:
        raise ConfigError(f"--cluster slurm: {error} (dask-jobqueue reads its settings from jobqueue.yaml)") from error
    return cluster


_idle: list[tuple[tuple[int, str], Driver]] = []
"""On a Dask worker: processes that wait for work, with the threads and the folder that they were started for."""
_idle_lock = threading.Lock()


@lru_cache(maxsize=2)
def _unpacked(call: bytes) -> Callable[[Any], Any]:
    """The same bytes are the same call: processes need not be told it again."""
    unpacked: Callable[[Any], Any] = pickle.loads(call)
    return unpacked


def work_beside(call: bytes, item: Any, threads: int, seconds: float | None, memory: int | None, folder: str) -> Any:
    """On a Dask worker: have an item done by a process beside it.

    Raises:
        WorkerDiedError: That process died or took too long.
        OSError: ``folder`` is not there on this machine.
    """
    key = threads, folder
    os.stat(folder)  # noqa: PTH116 - a clear error before a process is started in it
    with _idle_lock:
        found = next((index for index, (its_key, _) in enumerate(_idle) if its_key == key), None)
        driver = Driver(threads, threading.Event(), folder) if found is None else _idle.pop(found)[1]
    try:
        return driver.work(_unpacked(call), item, seconds=seconds, memory=memory)
    finally:
        with _idle_lock:
            _idle.append((key, driver))
