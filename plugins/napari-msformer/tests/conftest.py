"""A viewer without a window, a panel in it, and a small folder of results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.io import write_png
from msformer.phantoms import make_phantom
from napari_msformer.panel import Panel

LONGEST_S = 120.0


@pytest.fixture
def panel(qtbot: Any) -> Iterator[Panel]:
    """The panel of a viewer that has layers and axes and no window: Qt has no OpenGL without a display."""
    one = Panel(ViewerModel())
    qtbot.addWidget(one)
    notification_manager.records.clear()
    yield one
    one.work.close()


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Panel], None]:
    """Wait until a panel has done all that it was asked for."""

    def until_done(panel: Panel) -> None:
        end = time.monotonic() + LONGEST_S
        qtbot.wait(20)  # what was drawn is taken in by the event loop
        while panel.work.words:
            assert time.monotonic() < end, panel.work.words
            qtbot.wait(10)

    return until_done


@pytest.fixture(scope="session")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three pictures in ``in`` and their results in ``out``."""
    folder = tmp_path_factory.mktemp("segmented")
    (folder / "in").mkdir()
    for seed in range(3):
        image = make_phantom("dermoscopy", seed=seed, difficulty=0.2, shape=(107, 131)).image
        write_png(folder / "in" / f"lesion-{seed}.png", np.asarray(image))
    run_cases(plan_cases([str(folder / "in")]), Config.from_preset("dermoscopy"), folder / "out")
    return folder
