"""Uneven light that falls off from the centre → even light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.image import Mask
from msformer.prepare.field import radius

BINS = 40
LEVEL = 80
"""Percentile of a ring's brightness that stands for its skin: lesions are dark, so the bright part is skin."""
DARKEST = 0.35
"""Smallest envelope that is divided by; below it, noise would be blown up."""
TRUSTED = 0.75
"""Where the light is weaker than this share of the full light, what is seen does not count."""


def flatten_vignette(scaled: NDArray[np.float32], valid: Mask) -> tuple[NDArray[np.float32], Mask]:
    """Divide by the radial envelope of the light.

    The envelope is forced to fall outwards, as light does: what is darker than a ring further out is no darker light
    but a lesion, and is lit at least like that ring.

    Args:
        scaled: ``(h, w, C)`` in [0, 1].
        valid: ``(h, w)``, what counts.

    Returns:
        The image in even light, in [0, 1], and what counts of it.
    """
    distance = radius(*valid.shape)
    ring = np.minimum((distance * BINS).astype(np.intp), BINS - 1)
    brightest = scaled.max(axis=2)
    profile = np.full(BINS, np.nan)
    for index in range(BINS):
        inside = brightest[(ring == index) & valid]
        if len(inside):
            profile[index] = np.percentile(inside, LEVEL)
    known = np.flatnonzero(~np.isnan(profile))
    if len(known) == 0:
        return scaled, valid
    profile = np.interp(np.arange(BINS), known, profile[known])
    # From the outside inwards: from the centre outwards, a lesion there would cut the whole envelope down to its own
    # darkness, and nothing would be evened out.
    profile = np.maximum.accumulate(profile[::-1])[::-1]
    profile = ndimage.gaussian_filter1d(profile, 1, mode="nearest")
    profile /= max(profile.max(), 1e-6)
    envelope = np.interp(distance, (np.arange(BINS) + 0.5) / BINS, profile).astype(np.float32)
    even = np.clip(scaled / np.maximum(envelope, np.float32(DARKEST))[:, :, None], 0, 1)
    return even, valid & (envelope > TRUSTED)
