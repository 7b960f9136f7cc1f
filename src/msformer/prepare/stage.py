"""Image → network input: the steps in their order, on a bounded number of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.config import PrepareSettings
from msformer.image import Image, Mask, Plane
from msformer.prepare.colour import is_colour, perceptual, whiten
from msformer.prepare.density import skin_density
from msformer.prepare.field import aperture_field, body_field
from msformer.prepare.hair import remove_hair
from msformer.prepare.intensity import intensity_range, to_unit_range
from msformer.prepare.resample import resample, working_shape
from msformer.prepare.vignette import flatten_vignette

BLANK_CONTRAST = 2 / 255
"""An image whose values all lie within this range, after scaling to [0, 1], shows nothing to segment."""


@dataclass(frozen=True)
class View:
    """What the stages after the clustering look at, on one grid.

    Attributes:
        appearance: ``(h, w)``, the values that tell object and surroundings apart; brighter is larger.
        brightness: ``(h, w)`` in [0, 1]: what "darker" and "brighter" refer to.
        valid: ``(h, w)``, True where the image shows anything: not dark corners, not air around a body.
    """

    appearance: NDArray[np.float32]
    brightness: Plane
    valid: Mask


@dataclass(frozen=True)
class Prepared:
    """An image at working size.

    Attributes:
        network_input: ``(C, h + 2p, w + 2p)`` float32 in [0, 1], with p = ``padding``.
        working: What the image is like on the working grid ``(h, w)``, which the clusters live on.
        detail: The same on the finer grid that the boundary is drawn on; the working one where there is none.
        padding: Width in px of the reflected border of ``network_input``.
        intensity_range: The input values that became 0 and 1.
        is_blank: Whether there is nothing to see: the contrast is under ``BLANK_CONTRAST``.
    """

    network_input: NDArray[np.float32]
    working: View
    detail: View
    padding: int
    intensity_range: tuple[float, float]
    is_blank: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the working grid, without the border."""
        return self.working.valid.shape[0], self.working.valid.shape[1]

    @property
    def brightness(self) -> Plane:
        """Brightness on the working grid."""
        return self.working.brightness

    @property
    def appearance(self) -> NDArray[np.float32]:
        """Appearance on the working grid."""
        return self.working.appearance


def prepare(image: Image, settings: PrepareSettings) -> Prepared:
    """Make the network's input from an image; ``docs/method.md`` gives the reasons of each step."""
    shape = working_shape(image.shape, settings)
    detail_shape = shape if settings.detail_size is None else working_shape(image.shape, settings, settings.detail_size)
    small = resample(image.pixels, detail_shape, settings.interpolation)
    low, high = intensity_range(image.pixels, small)
    scaled = to_unit_range(small, (low, high))
    is_blank = float(np.ptp(scaled, axis=(0, 1)).max()) < BLANK_CONTRAST
    if settings.remove_hair:
        scaled, _ = remove_hair(scaled)
    valid = _or_everything(_field(scaled, settings.field))
    if settings.flatten_vignette:
        scaled, valid = flatten_vignette(scaled, valid)
    content = -skin_density(scaled, valid) if settings.density else perceptual(scaled)
    whitened = whiten(content, valid)
    working = detail = _view(scaled, content, whitened, valid, settings)
    if shape != detail_shape:
        scaled, content = _shrink(scaled, shape), _shrink(content, shape)
        valid = _or_everything(_shrink(valid[:, :, None].astype(np.float32), shape)[:, :, 0] > 0.5)
        whitened = whiten(content, valid)
        working = _view(scaled, content, whitened, valid, settings)
    channels = _channels(scaled, whitened, settings)
    border = settings.padding
    padded = np.pad(channels, ((border, border), (border, border), (0, 0)), mode="reflect")
    return Prepared(
        network_input=np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32),
        working=working,
        detail=detail,
        padding=border,
        intensity_range=(low, high),
        is_blank=is_blank,
    )


def _field(scaled: NDArray[np.float32], kind: str) -> Mask:
    if kind == "aperture":
        return aperture_field(scaled)
    if kind == "body":
        return body_field(scaled)
    return np.ones(scaled.shape[:2], dtype=bool)


def _or_everything(valid: Mask) -> Mask:
    """A field with nothing in it would leave every later stage without statistics."""
    return valid if valid.any() else np.ones_like(valid)


def _channels(
    scaled: NDArray[np.float32], whitened: NDArray[np.float32], settings: PrepareSettings
) -> NDArray[np.float32]:
    if settings.colour == "whitened":
        return whitened
    if settings.colour == "bgr":
        return (scaled if scaled.shape[2] > 1 else scaled.repeat(3, axis=2))[:, :, ::-1]
    return scaled


def _view(
    scaled: NDArray[np.float32],
    content: NDArray[np.float32],
    whitened: NDArray[np.float32],
    valid: Mask,
    settings: PrepareSettings,
) -> View:
    """One plane that tells things apart (density over skin where it is known, else the strongest colour direction)."""
    appearance = content.mean(axis=2) if settings.density else whitened[:, :, 0]
    brightness = perceptual(scaled)[:, :, 0] if is_colour(scaled) else scaled.mean(axis=2)
    return View(np.ascontiguousarray(appearance), np.ascontiguousarray(brightness), valid)


def _shrink(planes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    return resample(planes, shape, "area")
