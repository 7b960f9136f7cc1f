"""Pictures of a mask beside the ground truth: where they agree, what was missed, what was wrongly marked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from msformer.errors import ImageShapeError
from msformer.image import Mask
from msformer.io import read_image
from msformer.prepare import intensity_range
from msformer.render import GAP, PANEL_SIDE, Picture, display

# Of Okabe & Ito (2008): they differ in lightness too, so any colour vision and a grey print tell them apart.
AGREED, MISSED, WRONG = (86, 180, 233), (213, 94, 0), (240, 228, 66)
COLOURS = {"agreed": AGREED, "missed": MISSED, "wrong": WRONG}
"""Sky blue, vermilion and yellow."""
OPACITY = 0.6


def draw_agreement(mask_pred: Mask, mask_gt: Mask, image: Path | None = None) -> Picture:
    """Draw the masks ``(H, W)``: over black, or the image and the masks over it side by side.

    Raises:
        ReadError: The image cannot be read.
        ImageError: The image is not fit, or of another size than the masks.
    """
    if image is None:
        height, width = _panel_size(mask_gt.shape)
        ground = np.zeros((height, width, 3), dtype=np.uint8)
        return _paint(ground, mask_pred, mask_gt, opacity=1.0)
    opened = read_image(image)
    if opened.shape != mask_gt.shape:
        raise ImageShapeError(f"{image}: must have the size of the masks, {mask_gt.shape}; got {opened.shape}")
    limits = intensity_range(opened.pixels, np.asarray(opened.pixels, dtype=np.float32))
    shown = display(opened, limits)
    gap = np.full((shown.shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.concatenate([shown, gap, _paint(shown, mask_pred, mask_gt, opacity=OPACITY)], axis=1)


def _paint(ground: Picture, mask_pred: Mask, mask_gt: Mask, *, opacity: float) -> Picture:
    kinds = mask_pred.astype(np.uint8) + 2 * mask_gt.astype(np.uint8)  # 1 wrongly marked, 2 missed, 3 agreed
    small = cv2.resize(kinds, ground.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    colours = np.array([(0, 0, 0), WRONG, MISSED, AGREED], dtype=np.float32)[small]
    mixed = np.where(small[:, :, None] > 0, (1 - opacity) * ground + opacity * colours, ground)
    return np.rint(mixed).astype(np.uint8)


def _panel_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a panel, the longest side at most ``PANEL_SIDE``."""
    scale = min(1.0, PANEL_SIDE / max(shape))
    return max(round(shape[0] * scale), 1), max(round(shape[1] * scale), 1)
