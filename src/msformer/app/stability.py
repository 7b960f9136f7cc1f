"""How far several tries agree on the object of a picture: kept by ``segment --restarts``, or found out when asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.app.jobs import Job as Running
from msformer.config import Config
from msformer.image import Image
from msformer.pipeline import segment
from msformer.watching import Watcher

TRIES = 5
"""Tries of a picture of which no stability was kept."""


class StoppedError(Exception):
    """Somebody asked to stop."""


class Tries(Watcher):
    """Counts the tries for a job, and ends them when it is asked to stop."""

    def __init__(self, job: Running) -> None:
        self.job = job

    def stage(self, name: str) -> None:
        """A stage begins.

        Raises:
            StoppedError: The job was asked to stop.
        """
        if self.job.is_asked_to_stop:
            raise StoppedError

    def clustering(self, settings: Config, number: int, padding: int) -> None:
        """A try begins."""
        self.job.done = number

    def step(self, event: object) -> None:
        """The network is about to make an update; raises as ``stage`` does."""
        if self.job.is_asked_to_stop:
            raise StoppedError


def find_stability(image: Image, settings: Config, job: Running) -> NDArray[np.uint8]:
    """The share of ``TRIES`` restarts that take a pixel for the object, ``(H, W)``, 0 to 255; see ``Segmentation``.

    Args:
        image: The picture, or a slice by itself.
        settings: Those that it was segmented with.
        job: Told how many tries are done.

    Raises:
        StoppedError: The job was asked to stop.
        MSFormerError: As ``segment`` says.
    """
    job.total = TRIES
    found = segment(image, settings.replace(restarts=TRIES), watcher=Tries(job))
    job.done = TRIES
    return np.rint(found.stability * 255).astype(np.uint8)
