"""``msformer --point`` of the program without a grown network: regions of the picture, ranked by evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.interaction.methods.base import Answer, Box, Click, Picture
from msformer.answer import make_scene
from msformer.config import Config
from msformer.focus import Focus, find_focus
from msformer.foreground.single import rank_regions
from msformer.image import Mask
from msformer.morphology import dice
from msformer.prepare import NoData, Prepared, find_no_data_in, prepare
from msformer.refine import enlarge, refine_mask, smooth_to_native
from msformer.regions import Ground, Region, region_view

PRESET = "general"
APART = 0.9
"""Regions with at least this Dice between them are no alternatives of each other."""
ALTERNATIVES = 3


@dataclass(frozen=True, eq=False)
class Found:
    """The regions of a part of a picture.

    Attributes:
        focus: The part.
        settings: What it was prepared and ranked by.
        prepared: The part, prepared.
        grid: Rows and columns of the regions' grid.
        regions: The regions, the best first.
        features: ``(n, F)``, of ``msformer.regions.FEATURES``.
        expected: ``(n,)``, the Dice that each has in the mean.
    """

    focus: Focus
    settings: Config
    prepared: Prepared
    grid: tuple[int, int]
    regions: list[Region]
    features: NDArray[np.float32]
    expected: NDArray[np.float64]

    def places(self, clicks: Sequence[Click]) -> list[Click]:
        """Clicks on the regions' grid; those outside of the part are left out."""
        rows, columns = self.focus.rows, self.focus.columns
        return [
            (
                int((row + 0.5 - rows.start) / (rows.stop - rows.start) * self.grid[0]),
                int((column + 0.5 - columns.start) / (columns.stop - columns.start) * self.grid[1]),
                sign,
            )
            for row, column, sign in clicks
            if rows.start <= row < rows.stop and columns.start <= column < columns.stop
        ]

    def native(self, region: Region, clicks: Sequence[Click]) -> Mask:
        """A region in its final outline on the whole picture, as the pipeline draws it."""
        chosen, detail = region.on(self.grid), self.prepared.detail
        fine = enlarge(chosen, detail.shape)
        if self.settings.refine.moves_border:
            fine = refine_mask(fine, detail.appearance, detail.valid, self.settings.refine)
        rows, columns = self.focus.rows, self.focus.columns
        shape = rows.stop - rows.start, columns.stop - columns.start
        mask = self.focus.paste(smooth_to_native(fine, shape))
        if any(sign > 0 and not mask[row, column] for row, column, sign in clicks):
            mask = self.focus.paste(enlarge(chosen, shape))
        return mask


def find_regions_of(picture: Picture, box: Box | None = None) -> Found | None:
    """Find and rank the regions of a picture, or of what is around a box; None where there are none."""
    settings = Config.from_preset(PRESET)
    if box is not None:
        settings = settings.replace(hints={"box": box})
    focus = find_focus(picture.shape, settings.hints)
    part = focus.cut(picture.image)
    no_data: NoData = picture.no_data if focus.is_whole else find_no_data_in(part)
    prepared = prepare(part, settings.prepare, no_data)
    view = region_view(prepared.detail)
    # Whoever points knows whether the object is dark: no sign, as in the program.
    scene = replace(make_scene(view, focus, settings), sign=0)
    ranked = None if prepared.is_blank else rank_regions(Ground.of(view.planes, view.valid), scene, settings.foreground)
    if ranked is None:
        return None
    return Found(focus, settings, prepared, view.shape, ranked.regions, ranked.features, ranked.expected)


def holds(region: Region, row: int, column: int) -> bool:
    """Whether a region has a pixel of its grid."""
    down, right = row - region.window[0].start, column - region.window[1].start
    inside = 0 <= down < region.mask.shape[0] and 0 <= right < region.mask.shape[1]
    return inside and bool(region.mask[down, right])


def alternatives(found: Found, order: Sequence[int], count: int = ALTERNATIVES) -> list[int]:
    """The first regions of an order that are different enough from those before."""
    taken: list[int] = []
    masks: list[Mask] = []
    for index in order:
        mask = found.regions[index].on(found.grid)
        if all(dice(mask, other) < APART for other in masks):
            taken.append(int(index))
            masks.append(mask)
        if len(taken) == count:
            break
    return taken


class RegionTree:
    """A picture in its regions."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._whole = find_regions_of(picture)

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """The best regions of those that agree with the most clicks."""
        found = self._whole if box is None else find_regions_of(self._picture, box)
        if found is None:
            return []
        places = found.places(clicks)
        agree = np.array(
            [sum(holds(region, row, column) == (sign > 0) for row, column, sign in places) for region in found.regions]
        )
        first_is_held = np.array([holds(region, *places[0][:2]) if places else True for region in found.regions])
        if not first_is_held.any():
            return []
        # Regions come best first: agreement first, then their own order.
        order = [index for index in np.argsort(-agree, kind="stable") if first_is_held[index]]
        chosen = alternatives(found, order)
        expected = [float(found.expected[index]) for index in chosen]
        # The first stays the best where more clicks agree with it.
        expected[0] = max(expected)
        return [(found.native(found.regions[i], clicks), value) for i, value in zip(chosen, expected, strict=True)]
