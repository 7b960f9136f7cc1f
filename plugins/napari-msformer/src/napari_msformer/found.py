"""What a segmentation gives for a layer: masks, clusters and objects on the layer's own grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

import msformer
from msformer.errors import ConfigError
from msformer.image import Mask
from napari_msformer.pictures import Grid, Index, plane, stack
from napari_msformer.work import Tell

if TYPE_CHECKING:
    from msformer import Segmentation
    from msformer.fit import CancelToken

Extent: TypeAlias = Literal["plane", "planes", "volume"]
"""What of a stack is segmented: the plane in view, all of its planes one by one, or all of them together."""


@dataclass(frozen=True, eq=False)
class Found:
    """A segmentation.

    Attributes:
        masks: ``(…, H, W)``, True on the object.
        clusters: The same, 1 to K from the darkest to the brightest; 0 where nothing was looked at.
        objects: The same, objects one by one from 1 in each plane; None where the preset looks for one.
        words: What was taken, and how far to trust it.
    """

    masks: Mask
    clusters: NDArray[np.uint16]
    objects: NDArray[Any] | None
    words: str


def find(
    layer: Image,
    grid: Grid,
    index: Index,
    extent: Extent,
    preset: str,
    before: Mask | None,
    tell: Tell,
    cancel: CancelToken,
) -> Found:
    """Segment a layer.

    Args:
        layer: Of napari.
        grid: From ``grid_of``.
        index: The plane in view.
        extent: What of a stack is segmented.
        preset: Its name.
        before: Masks that stay where nothing is segmented; none where there are none.
        tell: Called with how many planes of how many are done.
        cancel: Ends after the plane at hand when set.

    Raises:
        MSFormerError: Of ``msformer.segment``.
    """
    masks = np.zeros(grid.shape, dtype=bool) if before is None else before.copy()
    clusters = np.zeros(grid.shape, dtype=np.uint16)
    if extent == "volume" and grid.lead:
        lead = index[:-1]
        count = grid.lead[-1]
        done = iter(range(1, count + 1))
        found = msformer.segment_volume(
            stack(layer, grid, lead),
            preset,
            axes="zyxc" if layer.rgb else "zyx",
            cancel=cancel,
            on_slice=lambda _number, _found: tell(next(done), count),
        )
        masks[lead], clusters[lead] = found.mask, found.label_map
        return Found(masks, clusters, None, _words(found.config.preset, found.confidences))
    wanted = [index] if extent == "plane" or not grid.lead else [(*index[:-1], one) for one in range(grid.lead[-1])]
    one_by_one: list[tuple[Index, Segmentation]] = []
    for number, place in enumerate(wanted, start=1):
        if cancel.is_set():
            break
        one = msformer.segment(plane(layer, grid, place), preset, axes="yxc" if layer.rgb else "yx", cancel=cancel)
        one_by_one.append((place, one))
        masks[place], clusters[place] = one.mask, one.label_map
        tell(number, len(wanted))
    if not one_by_one:
        raise ConfigError("the segmentation was stopped before its first plane")
    objects = None
    if any(one.instances is not None for _, one in one_by_one):
        objects = np.zeros(grid.shape, dtype=np.int32)
        for place, one in one_by_one:
            objects[place] = 0 if one.instances is None else one.instances
    presets = {one.config.preset for _, one in one_by_one}
    confidences = [one.confidence for _, one in one_by_one]
    reason = one_by_one[0][1].confidence_reason if len(one_by_one) == 1 else ""
    return Found(masks, clusters, objects, _words(", ".join(sorted(map(str, presets))), confidences, reason))


def _words(preset: Any, confidences: Iterable[float], reason: str = "") -> str:
    values = list(confidences)
    low, high = min(values), max(values)
    told = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    return f"preset {preset}, confidence {told}" + (f": {reason}" if reason else "")
