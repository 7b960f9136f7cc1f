from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import cv2
import pytest
import torch

from msformer.processes import THREAD_VARIABLES


@pytest.fixture(autouse=True)
def restore_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The program limits the threads of its process, which here is that of all tests."""
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, os.environ.get(name, "2"))
    of_torch, of_cv2 = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(of_torch)
    cv2.setNumThreads(of_cv2)


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
