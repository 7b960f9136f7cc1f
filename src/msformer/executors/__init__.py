"""One function, many items, whoever does the work: this process, processes of this machine, a Dask cluster.

All of them give ``concurrent.futures.Future``, and ``run_items`` is the one loop over them. An item whose worker dies,
or that needs more memory than a worker has, is tried once more with nothing beside it; then that is its outcome.
"""

from msformer.executors.base import Executor, Limits
from msformer.executors.here import Here
from msformer.executors.local import Processes
from msformer.executors.loop import run_items

__all__ = ["Executor", "Here", "Limits", "Processes", "run_items"]
