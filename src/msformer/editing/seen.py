"""What is computed of an image once, when it is first asked for, so that every prompt after it is quick."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.answer import with_border
from msformer.config import Config, GrownSettings
from msformer.foreground import Foreground
from msformer.image import Image, Mask
from msformer.prepare import NoData, Prepared, find_no_data_in, prepare
from msformer.prompting import Looked, look_at, network_for
from msformer.refine import smooth_to_native
from msformer.regions import Ground, Region, find_regions, region_view
from msformer.threads import one_blas_thread

PRESET = "general"
"""Whoever points needs no preset that knows the kind of picture."""
VIEWS = 4
"""Parts that were looked at from nearer and are remembered."""


class Seen:
    """An image, and what is known of it.

    Args:
        image: Whatever size; at least 33 px a side.
        grown: Which network answers.
    """

    def __init__(self, image: Image, grown: GrownSettings = GrownSettings()) -> None:  # noqa: B008 - frozen
        self.image = image
        self._grown = grown
        self._near: OrderedDict[tuple[float, float, float, float], Looked] = OrderedDict()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.image.shape

    @cached_property
    def no_data(self) -> NoData:
        """What of it shows nothing."""
        return find_no_data_in(self.image)

    @cached_property
    def looked(self) -> Looked:
        """What the grown network sees of it.

        Raises:
            WeightsError: The settings name a file that is no network of this program.
        """
        return look_at(self.image, self.no_data, network_for(self._grown))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns on which the network's answers are put together."""
        height, width = self.looked.valid.shape
        return height, width

    @cached_property
    def slope(self) -> NDArray[np.float32]:
        """``grid``, the steepest slope of any channel at a scale of one px: where borders lie."""
        pixels = self.looked.pixels
        smooth = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.0), dtype=np.float32).reshape(pixels.shape)
        steepest = np.zeros(self.grid, dtype=np.float32)
        for plane in np.moveaxis(smooth, 2, 0):
            down, right = (cv2.Sobel(plane, cv2.CV_32F, *axes, ksize=3) for axes in ((0, 1), (1, 0)))
            np.maximum(steepest, cv2.magnitude(down, right), out=steepest)
        return steepest

    def nearer(self, window: tuple[float, float, float, float]) -> Looked:
        """A part of it from nearer, in shares of height and width."""
        if window not in self._near:
            self._near[window] = self.looked.nearer(window)
            if len(self._near) > VIEWS:
                self._near.popitem(last=False)
        self._near.move_to_end(window)
        return self._near[window]

    @cached_property
    @one_blas_thread()
    def prepared(self) -> Prepared:
        """The image as the preset ``general`` prepares it."""
        return prepare(self.image, self._settings.prepare, self.no_data)

    @cached_property
    def region_grid(self) -> tuple[int, int]:
        """Rows and columns of the grid that regions lie on."""
        return region_view(self.prepared.detail).shape

    @cached_property
    @one_blas_thread()
    def regions(self) -> list[Region]:
        """The regions that have a border of their own, the most promising first; none of a blank image."""
        if self.prepared.is_blank:
            return []
        view = region_view(self.prepared.detail)
        ground = Ground.of(view.planes, view.valid)
        return find_regions(ground.planes, ground.valid)

    @one_blas_thread()
    def outline(self, region: Region) -> Mask:
        """``(H, W)``, a region with its border drawn anew, as ``msformer segment`` draws it."""
        chosen = Foreground(region.on(self.region_grid), (), 0.0)
        drawn = with_border(chosen, self.prepared, self._settings, None, self.region_grid)
        return smooth_to_native(drawn.detail_mask, self.shape)

    @cached_property
    def _settings(self) -> Config:
        return Config.from_preset(PRESET)
