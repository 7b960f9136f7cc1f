"""Every error that msformer raises on purpose.

The tree::

    MSFormerError
    ├── ConfigError          a setting is unknown, of the wrong type or out of range     (also ValueError)
    ├── ImageError           an image cannot be segmented as given                       (also ValueError)
    │   ├── ImageShapeError      too small, too many axes, too large
    │   └── NonFiniteImageError  NaN or infinite values
    ├── ReadError            a file cannot be read as an image
    ├── FolderInUseError     another run writes into the folder
    ├── WorkerDiedError      a process ended in the middle of its work: killed, crashed, or out of time
    ├── ClusterError         a cluster is gone, or gives no worker
    ├── WriteError           a result cannot be written in the format that was asked for
    ├── WeightsError         weights do not fit, or their file is damaged or foreign      (also ValueError)
    └── FitDivergedError     the objective became NaN or infinite

Each message names the argument, the limit and the value that was received.
"""

from __future__ import annotations

from pathlib import Path


class MSFormerError(Exception):
    """Base of all errors of this package; catch it to catch them all."""


class ConfigError(MSFormerError, ValueError):
    """A setting is unknown, of the wrong type or out of its range."""


class ImageError(MSFormerError, ValueError):
    """An image cannot be segmented as it was given."""


class ImageShapeError(ImageError):
    """The image has too few or too many axes, or is too small or too large."""


class NonFiniteImageError(ImageError):
    """The image holds NaN or infinite values."""


class ReadError(MSFormerError):
    """A file cannot be read as an image."""


class FolderInUseError(MSFormerError):
    """Another run writes into the folder of results."""


class WorkerDiedError(MSFormerError):
    """A process ended in the middle of its work: killed, crashed, or out of time."""


class ClusterError(MSFormerError):
    """A cluster is gone, or gives no worker."""


class WriteError(MSFormerError):
    """A result cannot be written in the format that was asked for."""


class WeightsError(MSFormerError, ValueError):
    """Weights that cannot be used.

    A state dict does not have the names or shapes of the released classes; or the file of a grown network, or of one
    that grows, is missing, damaged, not of this program, or not finite.
    """


class FitDivergedError(MSFormerError):
    """The objective became NaN or infinite while the network was optimised."""


def failed_file(path: Path, error: Exception) -> str:
    """The line on a file that failed; its path is told once, by the error or before it."""
    text = str(error)
    return f"failed: {text if str(path) in text else f'{path}: {text}'}"
