"""How much a picture looks like the kind that a preset was made for: a prior for the competition of presets.

Twenty-two plain numbers of a small grey and colour picture; a Gaussian for each kind that has a preset, all with one
covariance, and a wide one for everything else, so that a picture that is far from all kinds belongs to ``general``. The
means and covariances are data, ``kinds.json``: taken from the *images* of public sets, without their masks, and from
random scenes (``python -m benchmarks.evidence --write``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.config import PrepareSettings
from msformer.image import Image, Plane
from msformer.prepare import intensity_range, resample, to_unit_range, working_shape

SIZE = 129
"""Side in px of the square with as many pixels as are looked at."""
TAILS = (0.5, 99.5)
"""Percentiles that become black and white, so that a dim picture is described like a bright one."""
SCALES = (1.0, 3.0, 9.0)
"""Widths in px of the Gaussians between which contrast is measured: noise and texture, parts, large things."""
MARGIN = 10
"""The frame and the corners are a tenth of a side wide."""
FARTHEST = 4.0
"""Numbers count up to so many of their deviations."""
TEMPER = 3.0
"""Log-likelihoods are divided by this: the numbers depend on each other more than a covariance tells."""
COLOURED = 0.07
"""Difference between the channels, in the 95th percentile of the pixels, from which on a picture has colour: grey ones
with coloured calipers and JPEG noise stay under it."""
LONGEST_SIDE = 4096
"""About so many pixels a side are looked at for colour, in pictures of a few rows and millions of columns as well."""
NAMES = (
    "grey 10 %", "grey 25 %", "grey 50 %", "grey 75 %", "grey 90 %", "black", "white", "frame", "corners",
    "contrast 1 px", "contrast 3 px", "contrast 9 px", "top", "bottom", "mirrored left", "mirrored down",
    "direction", "middle column", "red", "yellow", "red spread", "yellow spread",
)  # fmt: skip
"""What is measured, in this order."""


def has_colour(image: Image) -> bool:
    """Whether an image is RGB and its channels differ."""
    if image.n_channels not in (3, 4):
        return False
    step = max(min(image.shape) // 128, 1)
    down, right = (max(step, side // LONGEST_SIDE) for side in image.shape)
    small = image.pixels[::down, ::right, :3].astype(np.float32)
    span = float(small.max() - small.min())
    spread = small.max(axis=2) - small.min(axis=2)
    return span > 0 and float(np.percentile(spread, 95)) > COLOURED * span


def describe_picture(image: Image) -> NDArray[np.float64]:
    """The numbers of an image, ``(22,)`` in the order of ``NAMES``."""
    shape = working_shape(image.shape, PrepareSettings(), SIZE)
    small = resample(image.pixels, shape, "area")
    scaled = to_unit_range(small, intensity_range(image.pixels, small, image.limits))
    grey = scaled[:, :, :3].mean(axis=2)
    low, high = np.percentile(grey, TAILS)
    grey = np.clip((grey - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)
    red, yellow = np.zeros_like(grey), np.zeros_like(grey)
    if scaled.shape[2] >= 3:
        lab = cv2.cvtColor(np.ascontiguousarray(scaled[:, :, :3]), cv2.COLOR_RGB2LAB) / 100
        red, yellow = lab[:, :, 1], lab[:, :, 2]
    height, width = grey.shape
    margin = max(height // MARGIN, 2)
    frame = np.ones(grey.shape, dtype=bool)
    frame[margin:-margin, margin:-margin] = False
    centre = grey[height // 4 : -(height // 4), width // 4 : -(width // 4)]
    corners = [grey[rows, columns] for rows in _ends(margin) for columns in _ends(margin)]
    blurred = [grey, *(_blur(grey, scale) for scale in SCALES)]
    contrasts = [np.log(np.abs(fine - wide).mean() + 1e-3) for fine, wide in pairwise(blurred)]
    down, right = np.gradient(blurred[1])
    top, middle, bottom = (part.mean() for part in np.array_split(grey, 3))
    even = blurred[2]
    column = grey[:, width // 2 : width // 2 + margin].mean(axis=1)
    return np.array(
        [
            *np.percentile(grey, [10, 25, 50, 75, 90]),
            (grey < 0.08).mean(),
            (grey > 0.92).mean(),
            grey[frame].mean() - centre.mean(),
            np.mean(corners),
            *contrasts,
            top - middle,
            bottom - middle,
            _correlation(even, even[:, ::-1]),
            _correlation(even, even[::-1]),
            np.log((np.abs(right).mean() + 1e-4) / (np.abs(down).mean() + 1e-4)),
            _correlation(column, grey[:, :margin].mean(axis=1)),
            red.mean(),
            yellow.mean(),
            red.std(),
            yellow.std(),
        ],
        dtype=np.float64,
    )


def kind_probabilities(
    numbers: NDArray[np.float64], *, in_colour: bool, model: Mapping[str, Any] | None = None
) -> dict[str, float]:
    """How likely a picture is of the kind of each preset; ``general`` stands for all other kinds.

    Args:
        numbers: From ``describe_picture``.
        in_colour: Whether it has colour: grey pictures and coloured ones are told apart before.
        model: Instead of the one that ships.
    """
    data = (model or _model())["colour" if in_colour else "grey"]
    standard = (numbers - np.array(data["mean"])) / np.array(data["scale"])
    standard = np.clip(standard, -FARTHEST, FARTHEST)
    odds = {}
    for name, kind in data["kinds"].items():
        covariance = np.array(data["general" if name == "general" else "pooled"])
        away = standard - np.array(kind)
        _, volume = np.linalg.slogdet(covariance)
        odds[name] = -0.5 * (float(away @ np.linalg.solve(covariance, away)) + float(volume)) / TEMPER
    largest = max(odds.values())
    shares = {name: float(np.exp(value - largest)) for name, value in odds.items()}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _ends(width: int) -> tuple[slice, slice]:
    return slice(0, width), slice(-width, None)


def _blur(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), dtype=np.float32)


def _correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).mean() / max(float(np.sqrt((first**2).mean() * (second**2).mean())), 1e-6))


@cache
def _model() -> Mapping[str, Any]:
    text = (resources.files("msformer") / "kinds.json").read_text(encoding="utf-8")
    model: Mapping[str, Any] = json.loads(text)
    return model
