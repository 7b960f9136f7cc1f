"""An image and what the user points at → the object, by the grown network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from msformer.answer import Answer
from msformer.config import GrownSettings, PrepareSettings
from msformer.focus import Focus
from msformer.foreground import Foreground
from msformer.image import Image, Mask
from msformer.morphology import component_at
from msformer.network.prompted import PromptedNet
from msformer.prepare import NoData, intensity_range, resample, to_unit_range, working_shape
from msformer.prompting.looked import Looked, Said, answer, look
from msformer.prompting.model import grown_network, read_model
from msformer.prompting.several import one_of_several
from msformer.prompting.view import resized

SEEN = 641
"""Side in px of the square with as many pixels that is kept of a picture, to look at parts of it from nearer."""
MEANINGS = ("part", "object", "whole")
"""Names of the three alternatives."""


def network_for(settings: GrownSettings) -> PromptedNet:
    """The network that the settings name, or the one that ships.

    Raises:
        WeightsError: The file is no network grown by this program.
    """
    return (grown_network() if settings.model is None else read_model(Path(settings.model))).network


def look_at(image: Image, no_data: NoData, network: PromptedNet) -> Looked:
    """Let the network look at an image: no preset has prepared it; only what is no data is left out."""
    native = int(np.sqrt(image.shape[0] * image.shape[1]))
    shape = working_shape(image.shape, PrepareSettings(), min(SEEN, native))
    small = resample(image.pixels, shape, "area")
    pixels = to_unit_range(small, intensity_range(image.pixels, small, image.limits))
    valid = resample(no_data.valid.astype(np.uint8), shape, "linear")[:, :, 0] >= 0.5
    return look(network, pixels, valid)


def said_of(focus: Focus) -> Said:
    """What the user said, in the words of the network."""
    clicks = () if focus.point is None else ((focus.point[0], focus.point[1], True),)
    return Said(clicks, focus.box)


def point_out_more(looked: Looked, focus: Focus, others: Mask) -> Mask:
    """The object that the user points at beside others, on their grid ``(h, w)``.

    Args:
        looked: The image.
        focus: With a point.
        others: ``(h, w)``, what is there without it.
    """
    down, right = focus.point or (0.5, 0.5)
    found = one_of_several(looked, down, right, others)
    outline = found.maps[found.best] > 0
    row, column = (int(place * side) for place, side in zip((down, right), outline.shape, strict=True))
    outline[row, column] = True
    piece = component_at(outline, row, column)
    shape = others.shape[0], others.shape[1]
    return np.asarray(resized(piece.astype(np.float32), shape) >= 0.5)


def point_out(looked: Looked, focus: Focus, shape: tuple[int, int]) -> Answer:
    """The object that the user points at.

    Args:
        looked: The image.
        focus: Point or box.
        shape: Rows and columns of the detail grid.

    Returns:
        The answer; its score is the Dice that the network expects, its cues are those that it expects of a part, the
        object and the whole.
    """
    found = answer(looked, said_of(focus))
    outline = found.maps[found.best] > 0
    if focus.point is not None:
        row, column = (int(place * side) for place, side in zip(focus.point, outline.shape, strict=True))
        outline = component_at(outline, row, column)
    mask: Mask = resized(outline.astype(np.float32), shape) >= 0.5
    cues = {name: float(value) for name, value in zip(MEANINGS, found.expected, strict=True)}
    expected = float(found.expected[found.best])
    return Answer(Foreground(mask, (), expected, cues), mask, outline)
