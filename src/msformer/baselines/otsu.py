"""Otsu's thresholds: the classes of one value a pixel that leave the least variance within."""

from __future__ import annotations

import numpy as np

from msformer.baselines.base import Counted, Method, one_hot
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.prepare import Prepared

N_BINS = 256
"""Levels between the least and the largest value."""


def split(prepared: Prepared, settings: Config, count: int) -> Clustering:
    """Split the appearance at ``count`` − 1 thresholds.

    The appearance and not the lightness: it is the one plane that keeps most of the colours' variance, and for a grey
    image it is the grey values themselves, so the thresholds see as much of what the other methods see as one value
    can hold. It is also the plane on which the foreground rule scores its candidates.
    """
    from skimage.filters import threshold_multiotsu

    values = prepared.appearance
    span = max(float(np.ptp(values)), np.finfo(np.float32).tiny)
    levels = np.minimum((values - values.min()) / span * N_BINS, N_BINS - 1).astype(np.intp)
    counts = np.bincount(levels.ravel(), minlength=N_BINS)
    # The library wants as many occupied bins as classes; flat images have fewer.
    classes = min(count, int(np.count_nonzero(counts)))
    thresholds = (
        np.empty(0) if classes < 2 else threshold_multiotsu(hist=(counts, np.arange(N_BINS)), classes=classes)  # type: ignore[no-untyped-call]
    )
    return Clustering(one_hot(np.searchsorted(thresholds, levels, side="left")), "not_iterative")


METHODS = tuple(
    Method(
        name=f"otsu-{n_classes}",
        cluster=Counted(split, n_classes),
        seeded=False,
        reference=(
            "Otsu, IEEE Trans. SMC 9 (1979) 62-66; Liao, Chen & Chung, J. Inf. Sci. Eng. 17 (2001) 713-727; "
            f"skimage.filters.threshold_multiotsu on the appearance, {N_BINS} bins"
        ),
        limits="Sees one value a pixel and no neighbours: uneven light and dark corners go with the object.",
    )
    for n_classes in (2, 3, 4)
)
