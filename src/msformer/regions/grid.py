"""The grid that regions live on: coarse enough to be fast, fine enough for an outline to be drawn anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msformer.config import PrepareSettings
from msformer.prepare import View, resample, working_shape

SIZE = 129
"""Side in px of the square with as many pixels."""


def region_view(view: View, size: int = SIZE) -> View:
    """A view shrunk to about ``size``² px; never enlarged."""
    side = int(np.sqrt(view.valid.size))
    shape = working_shape(view.shape, PrepareSettings(), min(size, side))
    if shape == view.shape:
        return view

    def shrunk(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        return resample(planes, shape, "area")

    valid = shrunk(view.valid.astype(np.float32))[:, :, 0] > 0.5
    return View(
        appearance=shrunk(view.appearance)[:, :, 0],
        brightness=shrunk(view.brightness)[:, :, 0],
        valid=valid if valid.any() else np.ones_like(valid),
        air=view.air,
        colours=None if view.colours is None else shrunk(view.colours),
    )
