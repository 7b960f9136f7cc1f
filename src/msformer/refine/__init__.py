"""Working grid → native grid: smooth labels, and a mask whose border follows the image."""

from msformer.refine.boundary import refine_boundary
from msformer.refine.native import enlarge, mask_to_native, smooth_logits, smooth_to_native, to_native

__all__ = ["enlarge", "mask_to_native", "refine_boundary", "smooth_logits", "smooth_to_native", "to_native"]
