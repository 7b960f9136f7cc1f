"""The way back to the native grid: smooth labels, and a mask whose border follows the image."""

from msformer.refine.boundary import refine_boundary
from msformer.refine.cells import grow_cells
from msformer.refine.instances import Instances, part_instances
from msformer.refine.native import enlarge, mask_to_native, smooth_logits, smooth_to_native, to_native
from msformer.refine.stage import refine_mask

__all__ = [
    "Instances",
    "enlarge",
    "grow_cells",
    "mask_to_native",
    "part_instances",
    "refine_boundary",
    "refine_mask",
    "smooth_logits",
    "smooth_to_native",
    "to_native",
]
