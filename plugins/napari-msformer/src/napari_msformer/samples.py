"""Made pictures of nobody, to try things out."""

from __future__ import annotations

from typing import Any

import numpy as np


def lesion() -> list[tuple[Any, dict[str, Any], str]]:
    """A lesion on skin, ``(H, W, 3)``."""
    from msformer.phantoms import make_phantom

    return [(make_phantom("dermoscopy", seed=3, difficulty=0.3).image, {"name": "lesion", "rgb": True}, "image")]


def cells() -> list[tuple[Any, dict[str, Any], str]]:
    """Many cells, ``(H, W)``."""
    from msformer.phantoms import make_phantom

    return [(make_phantom("cells", seed=3).image, {"name": "cells"}, "image")]


def chest() -> list[tuple[Any, dict[str, Any], str]]:
    """A small stack of slices ``(D, H, W)`` with a step of 5 mm."""
    from msformer.phantoms import make_phantom

    slices = [make_phantom("lung_ct", seed=3, shape=(128, 160)).image for _ in range(3)]
    noise = np.random.default_rng(3).normal(0, 4, (len(slices), 1, 1))
    return [(np.stack(slices) + noise, {"name": "chest", "scale": (5.0, 2.0, 2.0)}, "image")]
