"""What a camera and a file add: hair, glints, blur, low resolution, noise, tone, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from msformer.image import Mask
from msformer.phantoms.shapes import bend, curves, plane
from msformer.scenes.draws import Draws, log_uniform

Pixels = NDArray[np.float32]


def hairs(draws: Draws, image: Pixels, unit: float) -> None:
    """Thin bent lines, darker or brighter than what they lie on."""
    if not draws.happens("hair"):
        return
    rng = draws.rng("hair")
    shape = image.shape[:2]
    paths = []
    for _ in range(round(log_uniform(rng, (2, 24)))):
        start = rng.uniform(-0.1, 1.1, 2) * shape
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.9) * min(shape)
        end = start + length * np.array([np.sin(angle), np.cos(angle)])
        thickness = max(1, round(unit * rng.uniform(0.5, 1.4)))
        paths.append((bend((start[0], start[1]), (end[0], end[1]), rng.uniform(-0.25, 0.25)), thickness))
    share = curves(shape, paths)[..., None] * np.float32(rng.uniform(0.4, 0.95))
    level = np.float32(rng.uniform(0, 0.2) if rng.random() < 0.85 else rng.uniform(0.7, 1))
    image += share * (level - image)


def glints(draws: Draws, image: Pixels, unit: float) -> Mask:
    """White spots; returns where they are, ``(H, W)``."""
    shape = image.shape[:2]
    layer = np.zeros(shape, dtype=np.uint8)
    if not draws.happens("specular"):
        return layer > 0
    rng = draws.rng("specular")
    for _ in range(round(log_uniform(rng, (2, 20)))):
        at = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        size = np.maximum(np.rint(unit * np.exp(rng.normal(0.5, 0.6, 2))), 1).astype(int)
        cv2.ellipse(layer, at, (int(size[0]), int(size[1])), float(rng.uniform(0, 180)), 0, 360, 255, -1)
    soft = plane(cv2.GaussianBlur(layer, (0, 0), 0.6)) / 255
    image += soft[..., None] * (np.float32(1.0) - image)
    return soft > 0


def lens(draws: Draws, image: Pixels) -> Pixels:
    """Blur and low resolution."""
    shape = image.shape[:2]
    if draws.happens("blur"):
        sigma = log_uniform(draws.rng("blur"), (0.3, 1.6))
        image = _deep(cv2.GaussianBlur(image, (0, 0), sigma))
    if draws.happens("low_resolution"):
        rng = draws.rng("low resolution")
        factor = log_uniform(rng, (1.3, 4))
        small = max(8, round(shape[1] / factor)), max(8, round(shape[0] / factor))
        way = [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC][int(rng.integers(3))]
        image = _deep(cv2.resize(image, small, interpolation=cv2.INTER_AREA))
        image = _deep(cv2.resize(image, shape[::-1], interpolation=way))
    return image


def sensor(draws: Draws, image: Pixels) -> Pixels:
    """Noise and the tone curve."""
    deviation = draws.number("noise", 2.5)
    if deviation > 0:
        rng = draws.rng("noise")
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        if rng.random() < 0.4:  # the sensor's noise after someone else's blur
            grain = 1.8 * _deep(cv2.GaussianBlur(grain, (0, 0), 0.8))
        image = image + np.float32(deviation) * grain
    image = np.clip(image, 0, 1)
    gamma = draws.scale("gamma")
    if gamma != 1:
        image **= np.float32(gamma)
    if draws.happens("dim"):
        rng = draws.rng("dim")
        low = rng.uniform(0, 0.3)
        image = np.float32(low) + image * np.float32(rng.uniform(0.3, 0.7))
    return image


def compressed(draws: Draws, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture ``(H, W)`` or ``(H, W, 3)`` after JPEG compression, in memory."""
    if not draws.happens("jpeg"):
        return image
    quality = int(draws.rng("jpeg").integers(35, 96))
    _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_UNCHANGED), dtype=np.uint8)


def _deep(image: ArrayLike) -> Pixels:
    """The image with its last axis, which OpenCV drops when it has one channel."""
    values = np.asarray(image, dtype=np.float32)
    return values if values.ndim == 3 else values[..., None]
