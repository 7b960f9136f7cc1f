"""Image → network input and what the later stages look at. Each step is a module and can be switched off."""

from msformer.prepare.background import subtract_background
from msformer.prepare.colour import Basis
from msformer.prepare.intensity import intensity_range, to_unit_range
from msformer.prepare.no_data import NoData
from msformer.prepare.resample import resample, working_shape
from msformer.prepare.stage import Prepared, View, detail_grid, find_no_data_in, prepare, shared_basis
from msformer.prepare.window import in_window, window_limits

__all__ = [
    "Basis",
    "NoData",
    "Prepared",
    "View",
    "detail_grid",
    "find_no_data_in",
    "in_window",
    "intensity_range",
    "prepare",
    "resample",
    "shared_basis",
    "subtract_background",
    "to_unit_range",
    "window_limits",
    "working_shape",
]
