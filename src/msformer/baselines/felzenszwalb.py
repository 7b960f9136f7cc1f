"""Felzenszwalb and Huttenlocher's segmentation of the graph of neighbouring pixels."""

from __future__ import annotations

import warnings

from msformer.baselines.base import Method, one_hot
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

SCALE = 100
"""Preference for large segments, as in scikit-image's example."""
SIGMA = 0.5
"""Width in px of the blur before, as in scikit-image's example."""
MIN_AREA = 0.005
"""Share of the image under which a segment is merged with its most similar neighbour; bounds the number to 200."""


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Merge neighbours until what lies between segments exceeds what lies within; each segment is a cluster."""
    from skimage.segmentation import felzenszwalb

    min_size = max(int(MIN_AREA * prepared.brightness.size), 1)
    with warnings.catch_warnings():  # it doubts that an image can have more than three channels
        warnings.filterwarnings("ignore", "Got image with third dimension", RuntimeWarning)
        segments = felzenszwalb(prepared.channels, SCALE, SIGMA, min_size, channel_axis=-1)
    return Clustering(one_hot(segments), "not_iterative")


METHODS = (
    Method(
        name="felzenszwalb",
        cluster=cluster,
        seeded=False,
        reference=(
            "Felzenszwalb & Huttenlocher, IJCV 59 (2004) 167-181; skimage.segmentation.felzenszwalb, "
            f"scale={SCALE}, sigma={SIGMA}, min_size={MIN_AREA:.1%} of the image"
        ),
        limits="Soft borders leak, and every segment is a cluster of its own: separate objects never share one.",
    ),
)
