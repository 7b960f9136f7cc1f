"""What many tests share. Real images are used where the folder with them exists; tests that need it skip elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.helpers import square_slices

from msformer.config import Config, merge

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("MSFORMER_SHARED", ROOT.parent / "shared"))

if "PYTEST_XDIST_WORKER" in os.environ:  # one process a core: more threads would only wait for each other
    torch.set_num_threads(1)

os.environ.setdefault("MSFORMER_WORKERS", "0")  # a process takes seconds to start; tests of workers say their own

MakeSquare = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and parity runs."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no real images at {SHARED}: set MSFORMER_SHARED to the folder that has data/ and parity/")
    return SHARED


PLAIN: dict[str, Any] = {
    "preset": "general",
    "prepare": {"tone": "lab", "field": "whole", "detail_size": None, "no_data": False},
    "foreground": {"cues": {"ring": 0.0, "centre": 0.0}},
    "refine": {"boundary_rounds": 0},
}
"""As few steps as there can be, so that tests of one step do not hang on the others."""


@pytest.fixture(scope="session")
def fast() -> Config:
    """Settings for tests that need a segmentation, not a good one."""
    small = {"prepare": {"working_size": 41}, "network": {"embed_dim": 12, "patch_size": 8}, "fit": {"max_iter": 2}}
    return Config.from_mapping(merge(PLAIN, small))


@pytest.fixture(scope="session")
def square_image() -> MakeSquare:
    """Make a light image ``(H, W[, C])`` with a dark square in the middle third, with a little noise."""

    def make(height: int = 71, width: int = 97, channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
        rng = np.random.default_rng(7)
        image = rng.integers(190, 200, (height, width, channels))
        rows, columns = square_slices(height, width)
        image[rows, columns] = np.array([120, 60, 40, 90, 30])[:channels] + rng.integers(0, 10, channels)
        image = image.astype(dtype)
        return image[:, :, 0] if channels == 1 else image

    return make
