"""A decided mask on a small grid → the same at native size, its border drawn anew as the preset does it."""

from __future__ import annotations

from msformer.answer import midline_of, with_border
from msformer.config import Config
from msformer.focus import Focus
from msformer.foreground import Foreground
from msformer.image import Image, Mask
from msformer.prepare import find_no_data_in, prepare
from msformer.refine import smooth_to_native


def redraw(image: Image, focus: Focus, settings: Config, mask: Mask) -> Mask:
    """Draw the border of a mask anew.

    Args:
        image: The whole image.
        focus: The part that was looked at.
        settings: Those that its own mask was made with.
        mask: ``(a, b)`` on any grid over that part.

    Returns:
        ``(H, W)``.
    """
    part = focus.cut(image)
    prepared = prepare(part, settings.prepare, find_no_data_in(part))
    detail = prepared.detail
    answer = with_border(Foreground(mask, (), 1.0), prepared, settings, midline_of(detail, settings), detail.shape)
    return focus.paste(smooth_to_native(answer.detail_mask, part.shape))
