"""Prepared image → the object in its final outline: the choice, then the border drawn anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.config import Config, ForegroundSettings, GrownSettings
from msformer.focus import Focus
from msformer.foreground import Foreground, Scene, choose_foreground, choose_region, find_midline, find_sign
from msformer.image import Image, Mask
from msformer.prepare import NoData, Prepared, View
from msformer.refine import enlarge, refine_mask, to_native
from msformer.regions import Ground, region_view

if TYPE_CHECKING:
    from msformer.prompting import Looked

SHAKEN = 0.15
"""Deviation of the noise of a restart in those of the picture: about what JPEG and another exposure change."""
GRAIN = 2.0
"""Width in px of the Gaussian that the noise is blurred by, or the first smoothing would take it away."""
MANY_SIZE = 385
"""Side of the grid that many objects are chosen on: finer ones chose no better, in proportionally more time."""


@dataclass(frozen=True)
class Answer:
    """What the settings make of a prepared image.

    Attributes:
        chosen: The object on the grid where it was chosen.
        detail_mask: The object in its final outline on the detail grid.
        outline: The same on a finer grid, where it was drawn on one.
    """

    chosen: Foreground
    detail_mask: Mask
    outline: Mask | None = None


@dataclass(frozen=True)
class Glance:
    """An image for the grown network, which looks at it when it is first asked, and once for all presets.

    Attributes:
        image: The part of the image that is looked at.
        no_data: What of it shows nothing.
        settings: Which network.
    """

    image: Image
    no_data: NoData
    settings: GrownSettings

    @cached_property
    def looked(self) -> Looked:
        """What the network sees.

        Raises:
            WeightsError: The settings name a file that is no network of this program.
        """
        from msformer.prompting import look_at, network_for  # imports torch

        return look_at(self.image, self.no_data, network_for(self.settings))


def find_answer(
    prepared: Prepared,
    focus: Focus,
    settings: Config,
    glance: Glance | None = None,
    logits: NDArray[np.floating] | None = None,
    shaken_by: np.random.Generator | None = None,
) -> Answer:
    """Choose the object and draw its border.

    Args:
        prepared: The image.
        focus: What the user points at.
        settings: Of foreground and refinement.
        glance: The same image for the grown network, which has a say where the settings give it one.
        logits: ``(K, h, w)`` of the clusters, which candidates are made of where ``foreground.source`` says so.
        shaken_by: Where given, a little noise is added to what regions are made of: an object that is one stays.
    """
    rule, detail = settings.foreground, prepared.detail
    if rule.source == "regions" and rule.objects == "one":
        view = _shaken(region_view(detail), shaken_by)
        scene = make_scene(view, focus, settings)
        looked = glance.looked if glance is not None and settings.grown.automatic else None
        chosen = choose_region(Ground.of(view.planes, view.valid), scene, rule, looked)
    else:
        if is_more := adds_pointed(focus, settings) and glance is not None:
            pointed, focus = focus, replace(focus, point=None)
        view = _shaken(level_view(prepared, rule), shaken_by)
        clusters = None
        if rule.source == "clusters" and logits is not None:
            channels, names = to_native(logits, view.shape)
            clusters = channels[names]
        scene = make_scene(view, focus, settings)
        chosen = choose_foreground(clusters, scene, rule)
        if is_more and glance is not None:
            return _with_pointed(with_border(chosen, prepared, settings, scene.midline, view.shape), pointed, glance)
    return with_border(chosen, prepared, settings, scene.midline, view.shape)


def adds_pointed(focus: Focus, settings: Config) -> bool:
    """Whether what the user points at is one more of many, which stay."""
    return focus.point is not None and settings.foreground.objects == "many" and settings.grown.prompts


def _with_pointed(found: Answer, focus: Focus, glance: Glance) -> Answer:
    """Many objects, and the one that the user points at, as the grown network sees it."""
    from msformer.prompting import point_out_more  # imports torch

    more = point_out_more(glance.looked, focus, found.detail_mask)
    chosen = replace(found.chosen, mask=found.chosen.mask | enlarge(more, found.chosen.mask.shape))
    return Answer(chosen, found.detail_mask | more)


def with_border(
    chosen: Foreground, prepared: Prepared, settings: Config, midline: int | None, shape: tuple[int, int]
) -> Answer:
    """Draw the border of a chosen object anew on the detail grid.

    Args:
        chosen: The object on any grid.
        prepared: The image.
        settings: Of the refinement.
        midline: Column of the body's middle on the grid of the choice, None where nothing asks for it.
        shape: Rows and columns of that grid.
    """
    detail = prepared.detail
    fine = enlarge(chosen.mask, detail.shape)
    if settings.refine.moves_border:
        if midline is not None:  # the same place on the other grid
            midline = round((midline + 0.5) * detail.shape[1] / shape[1] - 0.5)
        fine = refine_mask(
            fine, detail.appearance, detail.valid, settings.refine, blue_stain=detail.blue_stain, midline=midline
        )
    return Answer(chosen, fine)


def level_view(prepared: Prepared, rule: ForegroundSettings) -> View:
    """The grid that several objects are chosen on."""
    view = prepared.detail if rule.grid == "detail" else prepared.working
    return region_view(view, MANY_SIZE) if rule.source == "regions" and rule.objects == "many" else view


def _shaken(view: View, rng: np.random.Generator | None) -> View:
    if rng is None:
        return view
    spread = float(view.appearance[view.valid].std())
    white = rng.standard_normal(view.shape, dtype=np.float32)
    noise = np.asarray(cv2.GaussianBlur(white, (0, 0), GRAIN))
    return replace(view, appearance=view.appearance + noise * np.float32(SHAKEN * spread / float(noise.std())))


def make_scene(view: View, focus: Focus, settings: Config) -> Scene:
    """What the foreground rule looks at: a view, and what the settings and the user say of it."""
    height, width = view.shape
    return Scene(
        appearance=view.appearance,
        valid=view.valid,
        # Whoever points at an object knows better than the preset whether it is dark.
        sign=0 if focus.point is not None else find_sign(settings.foreground.polarity, view.appearance, view.valid),
        air=view.air,
        midline=midline_of(view, settings),
        point=None if focus.point is None else (int(focus.point[0] * height), int(focus.point[1] * width)),
        box=None
        if focus.box is None
        else (
            round(focus.box[0] * height),
            round(focus.box[1] * width),
            max(round(focus.box[2] * height), round(focus.box[0] * height) + 1),
            max(round(focus.box[3] * width), round(focus.box[1] * width) + 1),
        ),
    )


def midline_of(view: View, settings: Config) -> int | None:
    """Column of the body's middle in a view; None where the settings do not ask for it."""
    asks = settings.foreground.objects == "pair" or settings.foreground.mirror
    return find_midline(view.brightness, view.valid) if asks else None
