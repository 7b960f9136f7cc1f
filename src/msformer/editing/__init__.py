"""A person and one mask: prompts, strokes, undo, and who made which pixel. No web and no ground truth in it."""

from msformer.editing.actions import (
    Action,
    Alternative,
    Box,
    Brush,
    Clear,
    Fill,
    Lasso,
    Merge,
    Point,
    Redraw,
    Region,
    Scribble,
    Smooth,
    Split,
    action_of,
)
from msformer.editing.editor import Editor, Offer
from msformer.editing.history import MAKERS, Step
from msformer.prompting import MEANINGS

__all__ = [
    "MAKERS",
    "MEANINGS",
    "Action",
    "Alternative",
    "Box",
    "Brush",
    "Clear",
    "Editor",
    "Fill",
    "Lasso",
    "Merge",
    "Offer",
    "Point",
    "Redraw",
    "Region",
    "Scribble",
    "Smooth",
    "Split",
    "Step",
    "action_of",
]
