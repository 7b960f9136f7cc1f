"""Nuclei → whole cells, and only those that have a stained body: the plasma cells of a smear.

A nucleus alone does not tell a plasma cell from a lymphocyte; the blue cytoplasm around it does. So stain is looked for
outside of the nuclei, each stained pixel goes to its nearest nucleus, and nuclei with little of it are dropped.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.morphology import filled, opened, otsu_threshold

SEAM = 0.1
"""Width of the blurred rim of a nucleus, in nuclear radii: it is neither nucleus nor cytoplasm."""
OPENING = 0.25
"""Radius in nuclear radii of what is cut off from cytoplasm as thin: threads of the smear."""
FARTHEST = 2.0
"""Cytoplasm reaches no further from its nucleus than this many nuclear radii."""
LEAST_CYTOPLASM = 0.5
"""Area of the cytoplasm, in areas of a typical nucleus, from which on a cell counts."""
LEAST_NUCLEUS = 0.3
"""Area of a nucleus in those of a typical one: smaller ones are debris."""
SEED_DEPTH = 0.4
"""Depth in nuclear radii of what counts as the middle of a nucleus, where two touch."""
TAILS = (1, 99)
"""Percentiles to which stain is clipped before it is split: a few black specks would take the threshold away."""


def grow_cells(nuclei: Mask, blue_stain: NDArray[np.float32]) -> Mask:
    """Grow nuclei by the stain around them and keep the cells that have enough of it.

    Args:
        nuclei: ``(h, w)``.
        blue_stain: ``(h, w)``, see ``prepare/stain.py``.

    Returns:
        ``(h, w)``; where no cell has enough stain, the one that has most.
    """
    from skimage.segmentation import watershed

    nuclei = filled(nuclei)
    depth = np.asarray(ndimage.distance_transform_edt(nuclei))
    labels, count = ndimage.label(nuclei)
    if count == 0:
        return nuclei
    deepest = np.atleast_1d(ndimage.maximum(depth, labels, np.arange(1, count + 1)))
    radius = float(np.median(deepest[deepest > LEAST_NUCLEUS * deepest.max()]))
    seam = SEAM * radius
    rest = np.asarray(ndimage.distance_transform_edt(~nuclei)) > seam
    values = blue_stain[rest]
    if len(values) == 0 or np.ptp(values) == 0:
        return nuclei
    threshold = otsu_threshold(np.clip(values, *np.percentile(values, TAILS)))
    stained = opened(filled((blue_stain > threshold) | nuclei), round(OPENING * radius)) | nuclei
    # Nuclei that touch: one seed in the middle of each.
    smooth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), max(radius / 4, 1.0))
    window = int(1.2 * radius) | 1
    seeds, n_nuclei = ndimage.label(
        (ndimage.maximum_filter(smooth, size=window) == smooth) & (smooth > SEED_DEPTH * radius)
    )
    if n_nuclei == 0:
        return nuclei
    owner_of_nucleus = watershed(-smooth, seeds, mask=nuclei)  # type: ignore[no-untyped-call]
    away = np.asarray(ndimage.distance_transform_edt(owner_of_nucleus == 0))
    owner = watershed(away, owner_of_nucleus, mask=stained & (away <= FARTHEST * radius))  # type: ignore[no-untyped-call]
    typical = np.pi * radius**2
    nucleus_area = np.bincount(owner_of_nucleus.ravel(), minlength=n_nuclei + 1)
    cytoplasm = np.bincount(owner[(owner_of_nucleus == 0) & (away > seam)], minlength=n_nuclei + 1)
    large = nucleus_area >= LEAST_NUCLEUS * typical
    large[0] = False
    kept = large & (cytoplasm >= LEAST_CYTOPLASM * typical)
    if not kept.any():
        kept[1 + int(np.argmax(cytoplasm[1:]))] = True
    return filled(kept[owner])
