"""Regions, level sets or clusters → the object: what speaks for each, the choice. No ground truth in any signature."""

from msformer.foreground.choose import (
    Foreground,
    choose_foreground,
    choose_region,
    completed,
    score_mask,
    seen_candidates,
)
from msformer.foreground.cues import CUES, frame_share, otsu_fraction
from msformer.foreground.evidence import Evidence
from msformer.foreground.scene import Scene, find_midline, find_sign

__all__ = [
    "CUES",
    "Evidence",
    "Foreground",
    "Scene",
    "choose_foreground",
    "choose_region",
    "completed",
    "find_midline",
    "find_sign",
    "frame_share",
    "otsu_fraction",
    "score_mask",
    "seen_candidates",
]
