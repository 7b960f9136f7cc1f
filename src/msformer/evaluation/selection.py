"""One segmentation → what is scored of it, protocol by protocol, and what each of them means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError
from msformer.evaluation.protocols import (
    Labels,
    Protocol,
    Selection,
    automatic,
    oracle_cluster,
    oracle_components,
    oracle_node,
    oracle_nodes,
    released,
)
from msformer.image import Mask
from msformer.regions import PlacedRegions

OUTSIDE = 0
"""The label that stands for no cluster in a label map of this package: outside a region of interest."""
PROTOCOL_MEANINGS: dict[Protocol, str] = {
    "automatic": "the program's own mask, no ground truth involved: the score, what a user gets",
    "oracle-node": "the one region of the prepared image with the best Dice, picked with the ground truth, its border "
    "not drawn anew: a bound for choosing one region",
    "oracle-nodes": "the best union of disjoint regions, picked with the ground truth: the regions' ceiling",
    "oracle-cluster": "the one cluster with most overlap, picked with the ground truth: a bound for picking by overlap",
    "oracle-components": "the best union of connected components, picked with the ground truth: the labels' ceiling",
    "released": "the released scorer: one cluster picked with the ground truth, and whatever is marked more than 6 px "
    "away from it erased; only to stand beside published numbers",
}
"""What is scored under each protocol, said wherever its numbers stand."""


def select_all(
    *,
    mask_pred: Mask,
    label_map: Labels,
    channels: Sequence[int],
    mask_gt: Mask,
    regions: PlacedRegions | None = None,
) -> list[Selection]:
    """Give what is scored of one segmentation, under every protocol in the order of ``PROTOCOLS``.

    Without ``regions``, ``NODE_PROTOCOLS`` are left out.

    Args:
        mask_pred: The program's own mask, boolean, ``(H, W)``.
        label_map: Labels 1 to K, of the same shape; 0 is outside a region of interest and never picked.
        channels: The number that the clustering itself gave to label 1, 2, …, K; ``released`` never picks its 0.
        mask_gt: Boolean, of the same shape.
        regions: What the program chose among, where that was regions.

    Raises:
        ImageError: Masks are not boolean, labels are not integers or not 0 to K.
        ImageShapeError: The shapes differ.
    """
    raw_labels = to_raw_labels(label_map, channels)
    of_regions = (
        [] if regions is None else [one(regions=regions, mask_gt=mask_gt) for one in (oracle_node, oracle_nodes)]
    )
    return [
        automatic(mask_pred=mask_pred),
        *of_regions,
        oracle_cluster(label_map=label_map, mask_gt=mask_gt, outside=OUTSIDE),
        oracle_components(label_map=label_map, mask_gt=mask_gt, outside=OUTSIDE),
        released(raw_labels=raw_labels, mask_gt=mask_gt),
    ]


def to_raw_labels(label_map: Labels, channels: Sequence[int]) -> NDArray[np.intp]:
    """Replace label 1, 2, …, K by the raw channel of each; 0, which has none, becomes the 0 that is never picked.

    Raises:
        ImageError: The labels are not integers, or not 0 to K.
    """
    if label_map.dtype.kind not in "bui":
        raise ImageError(f"label_map must hold integers; got dtype {label_map.dtype}")
    lowest, highest = int(label_map.min(initial=0)), int(label_map.max(initial=0))
    if lowest < 0 or highest > len(channels):
        raise ImageError(
            f"labels must be 0 to {len(channels)}, the number of channels that are known; got {lowest} to {highest}"
        )
    return np.array([OUTSIDE, *channels], dtype=np.intp)[label_map.astype(np.intp)]
