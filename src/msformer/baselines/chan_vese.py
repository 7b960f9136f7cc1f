"""Morphological Chan–Vese: two regions of uniform appearance with a smooth border between them."""

from __future__ import annotations

import numpy as np

from msformer.baselines.base import Method, one_hot
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

SMOOTHING = 1
"""Passes of curvature smoothing in each step; the library's default, within its recommended 1 to 4."""


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Move the border of a centred disc; cluster 1 is what lies inside.

    The start is the library's disc (radius 3/8 of the shorter side) and not its checkerboard, because "inside" then
    means the side that holds the centre. The border moves a pixel a step, so there are as many steps as the longer
    side has pixels, or one more.
    """
    from skimage.segmentation import morphological_chan_vese

    # The library smooths with two operators in turn and remembers between calls whose turn it is: after an odd number
    # of steps, the same image would give another border the next time.
    steps = max(prepared.shape) + max(prepared.shape) % 2
    inside = morphological_chan_vese(  # type: ignore[no-untyped-call]
        prepared.appearance, steps, init_level_set="disk", smoothing=SMOOTHING
    )
    return Clustering(one_hot(np.asarray(inside, dtype=np.intp)), "max_iter", steps)


METHODS = (
    Method(
        name="chan-vese",
        cluster=cluster,
        seeded=False,
        reference=(
            "Chan & Vese, IEEE TIP 10 (2001) 266-277; Márquez-Neila, Baumela & Álvarez, IEEE TPAMI 36 (2014) 2-17; "
            "skimage.segmentation.morphological_chan_vese from a centred disc"
        ),
        limits="Two uniform regions on one plane: a third kind of tissue or uneven light is given to one of them.",
        object_label=1,
    ),
)
