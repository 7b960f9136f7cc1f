"""Image → what is clustered and compared: the steps in their order, on a bounded number of pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.config import PrepareSettings
from msformer.image import Image, Mask, Plane, row_strips
from msformer.prepare.background import smooth, subtract_background, subtract_depth
from msformer.prepare.colour import Basis, find_basis, is_colour, perceptual, whiten
from msformer.prepare.field import air_field, aperture_field, body_field
from msformer.prepare.hair import remove_hair
from msformer.prepare.intensity import intensity_range, to_unit_range
from msformer.prepare.no_data import NoData, continued, find_no_data, paint_over
from msformer.prepare.resample import resample, working_shape
from msformer.prepare.stain import basophilic_stain, nuclear_stain, stain_density
from msformer.prepare.vignette import flatten_vignette

BLANK_CONTRAST = 2 / 255
"""An image whose values all lie within this range, after scaling to [0, 1], shows nothing to segment."""
NO_DATA_SIZE = 385
"""Size of the grid that no data is looked for on: letters and crosses are a px or two wide there, for they are made to
be read on a screen; on a coarser one they fade."""
SEEN_PER_PIXEL = 2
"""Print is as much wider there as the image is larger, so nothing of it falls between them."""
LOOKS_FOR_AIR = ("body", "air")
"""Fields whose rules compare the body with the air around it."""
SHARED_PIXELS = 2_000_000
"""About so many pixels of all images together say what basis they share."""
ANY_OF_A_MARK = 0.1
"""Share of a pixel that a mark covers from which on it is painted over: its light is in the pixel's mean."""


LEAST_COLOUR = 0.008
"""Spread of a colour opponent (Lab / 100) under which it holds the colour noise of JPEG and nothing else."""


@dataclass(frozen=True)
class View:
    """What the stages after the clustering look at, on one grid.

    Attributes:
        appearance: ``(h, w)``, the values that tell object and surroundings apart; brighter is larger.
        brightness: ``(h, w)`` in [0, 1], of the picture itself.
        valid: ``(h, w)``, True where the image shows anything: not padding, not dark corners, not air around a body.
        air: Appearance of the air outside of a body, None where none is known.
        blue_stain: ``(h, w)``, how much blue stain there is, where the tone is ``stain``.
        colours: ``(h, w, 1 or 2)``, the colour opponents that vary at all; None where there are none.
    """

    appearance: NDArray[np.float32]
    brightness: Plane
    valid: Mask
    air: float | None = None
    blue_stain: NDArray[np.float32] | None = None
    colours: NDArray[np.float32] | None = None

    @property
    def planes(self) -> NDArray[np.float32]:
        """``(h, w, P)``, all that tells things apart: appearance, then the colours."""
        light = self.appearance[:, :, None]
        return light if self.colours is None else np.dstack([light, self.colours])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.valid.shape[0], self.valid.shape[1]


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
    def channels(self) -> NDArray[np.float32]:
        """What is clustered, ``(h, w, C)`` in [0, 1]: the network's input without its border."""
        inside = slice(self.padding, -self.padding or None)
        return np.ascontiguousarray(self.network_input[:, inside, inside].transpose(1, 2, 0))

    @property
    def brightness(self) -> Plane:
        """Brightness on the working grid."""
        return self.working.brightness

    @property
    def appearance(self) -> NDArray[np.float32]:
        """Appearance on the working grid."""
        return self.working.appearance


@dataclass(frozen=True)
class _Worked:
    """An image after all steps but the last, on both grids."""

    scaled: NDArray[np.float32]
    content: NDArray[np.float32]
    valid: Mask
    working: View
    detail: View
    limits: tuple[float, float]
    is_blank: bool


def prepare(
    image: Image, settings: PrepareSettings, no_data: NoData | None = None, basis: Basis | None = None
) -> Prepared:
    """Make from an image what is clustered and compared; ``docs/method.md`` gives the reasons of each step.

    Args:
        image: The image.
        settings: Which steps, and how.
        no_data: What ``find_in`` found in it, where that is known already.
        basis: What its channels are whitened by, where other images share it; see ``shared_basis``.
    """
    worked = _worked(image, settings, no_data)
    channels = _channels(worked.scaled, worked.content, worked.valid, settings, basis)
    border = settings.padding
    padded = np.pad(channels, ((border, border), (border, border), (0, 0)), mode="reflect")
    return Prepared(
        network_input=np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32),
        working=worked.working,
        detail=worked.detail,
        padding=border,
        intensity_range=worked.limits,
        is_blank=worked.is_blank,
    )


def shared_basis(images: Iterable[Image], settings: PrepareSettings, count: int) -> Basis | None:
    """The basis of several images together, so that all have the same channels, and a value is the same in all.

    Args:
        images: Images of as many channels each, such as the slices of a volume.
        settings: Their preparation.
        count: How many they are.

    Returns:
        None where no basis is used: grey images, other colours, nothing to see in any.
    """
    if settings.colour != "whitened":
        return None
    samples = []
    for image in images:
        if image.n_channels == 1:
            return None
        worked = _worked(image, settings, None)
        if not worked.is_blank:
            pixels = worked.content[worked.valid]
            samples.append(pixels[:: -(-len(pixels) * count // SHARED_PIXELS)])
    return find_basis(np.concatenate(samples)) if samples else None


def _worked(image: Image, settings: PrepareSettings, no_data: NoData | None) -> _Worked:
    shape = working_shape(image.shape, settings)
    detail_shape = shape if settings.detail_size is None else detail_grid(image.shape, settings)
    small = resample(image.pixels, detail_shape, settings.interpolation)
    declared = _declared(image, detail_shape) if settings.no_data else None
    low, high = intensity_range(image.pixels, small if declared is None else small[~declared], image.limits)
    scaled = to_unit_range(small, (low, high))
    is_blank = float(np.ptp(scaled, axis=(0, 1)).max()) < BLANK_CONTRAST
    shown = np.ones(detail_shape, dtype=bool)
    if settings.no_data and not is_blank:
        scaled, shown = _without_no_data(no_data or find_in(image, (low, high)), scaled, settings)
    if settings.remove_hair:
        scaled, _ = remove_hair(scaled)
    valid = _or_everything(_field(scaled, settings.field) & shown)
    if settings.flatten_vignette:
        scaled, valid = flatten_vignette(scaled, valid)
        valid = _or_everything(valid)
    content = _content(scaled, valid, settings)
    detail, working_content = _view(scaled, content, valid, settings, settings.smoothing / 2)
    working = detail
    if shape != detail_shape:
        scaled, content = _shrink(scaled, shape), _shrink(content, shape)
        valid = _or_everything(_shrink(valid[:, :, None].astype(np.float32), shape)[:, :, 0] > 0.5)
    if shape != detail_shape or settings.smoothing > 0:
        working, working_content = _view(scaled, content, valid, settings, settings.smoothing)
    return _Worked(scaled, working_content, valid, working, detail, (low, high), is_blank)


def detail_grid(shape: tuple[int, int], settings: PrepareSettings) -> tuple[int, int]:
    """Rows and columns of the detail grid: ``detail_size``, but no finer than the image or the working grid."""
    size = settings.detail_size or settings.working_size
    native = int(np.sqrt(shape[0] * shape[1]))
    return working_shape(shape, settings, min(size, max(native, settings.working_size)))


def find_no_data_in(image: Image) -> NoData:
    """What is no data in an image, to be shared by all preparations of it."""
    shape = working_shape(image.shape, PrepareSettings())
    small = resample(image.pixels, shape, "area")
    declared = _declared(image, shape)
    seen = small if declared is None else small[~declared]
    return find_in(image, intensity_range(image.pixels, seen, image.limits))


def find_in(image: Image, limits: tuple[float, float]) -> NoData:
    """What is no data in an image whose values ``limits`` become 0 and 1, on the grid of ``NO_DATA_SIZE``."""
    native = int(np.sqrt(image.shape[0] * image.shape[1]))
    shape = working_shape(image.shape, PrepareSettings(), min(NO_DATA_SIZE, native))
    # Of a large image some pixels are enough: still ``SEEN_PER_PIXEL`` a side for each one of the grid.
    step = max(int(native / (SEEN_PER_PIXEL * NO_DATA_SIZE)), 1)
    scaled = to_unit_range(resample(image.pixels[::step, ::step], shape, "area"), limits)
    return find_no_data(scaled, declared=_declared(image, shape))


def _declared(image: Image, shape: tuple[int, int]) -> Mask | None:
    """Where more than half of a pixel of a grid is what the file declares as padding; None where that is nowhere.

    Padding everywhere would leave no values to scale by, so it counts for nothing.
    """
    if image.padding_value is None:
        return None
    padding = np.empty(image.shape, dtype=np.uint8)
    for rows in row_strips(image.shape):
        alike = image.pixels[rows] == image.padding_value
        padding[rows] = np.where(alike.all(axis=2) if alike.ndim == 3 else alike, 255, 0)
    declared = resample(padding, shape, "area")[:, :, 0] > 127
    return declared if declared.any() and not declared.all() else None


def _without_no_data(
    found: NoData, scaled: NDArray[np.float32], settings: PrepareSettings
) -> tuple[NDArray[np.float32], Mask]:
    """The picture on the detail grid with marks painted over, and where it shows anything.

    Marks leave no holes in the field: an object below them has no frame there. What is outside of the field is the
    continuation of what is beside it, or blurs would carry it in; but the rules for bodies and
    for air look for the air itself.
    """
    shape = scaled.shape[0], scaled.shape[1]
    shown = resample(found.field.astype(np.uint8) * np.uint8(255), shape, "area")[:, :, 0] > 127
    marks = resample(found.marks.astype(np.uint8) * np.uint8(255), shape, "area")[:, :, 0] > 255 * ANY_OF_A_MARK
    scaled = paint_over(scaled, marks)
    if settings.field not in LOOKS_FOR_AIR:
        scaled = continued(scaled, shown)
    return scaled, shown


def _field(scaled: NDArray[np.float32], kind: str) -> Mask:
    if kind == "whole":
        return np.ones(scaled.shape[:2], dtype=bool)
    return {"aperture": aperture_field, "air": air_field, "body": body_field}[kind](scaled)


def _or_everything(valid: Mask) -> Mask:
    """A field with nothing in it would leave every later stage without statistics."""
    return valid if valid.any() else np.ones_like(valid)


def _content(scaled: NDArray[np.float32], valid: Mask, settings: PrepareSettings) -> NDArray[np.float32]:
    """The planes that are clustered, in the tone of the settings and over even ground."""
    if settings.tone == "root":
        content = np.sqrt(scaled)
    elif settings.tone == "stain" and is_colour(scaled):
        content = -stain_density(scaled)
    else:
        content = perceptual(scaled)
    if settings.flatten_depth:
        content = subtract_depth(content)
    if settings.background is not None:
        content = subtract_background(content, valid, settings.background)
    return content


def _channels(
    scaled: NDArray[np.float32],
    content: NDArray[np.float32],
    valid: Mask,
    settings: PrepareSettings,
    basis: Basis | None,
) -> NDArray[np.float32]:
    if settings.colour == "whitened":
        return whiten(content, valid, basis)
    if settings.colour == "bgr":
        return (scaled if scaled.shape[2] > 1 else scaled.repeat(3, axis=2))[:, :, ::-1]
    return scaled


def _view(
    scaled: NDArray[np.float32],
    content: NDArray[np.float32],
    valid: Mask,
    settings: PrepareSettings,
    smoothing: float,
) -> tuple[View, NDArray[np.float32]]:
    """The view of one grid, and the smoothed planes that it shows.

    One plane tells things apart: the light's roots or the grey values together, how little purple there is in a
    stained slide, else the strongest direction of the colours.
    """
    brightness = perceptual(scaled)[:, :, 0] if is_colour(scaled) else scaled.mean(axis=2)
    content = smooth(content, smoothing)
    blue_stain = None
    if settings.tone == "stain" and is_colour(scaled):
        blurred = smooth(scaled, smoothing)
        appearance = -nuclear_stain(blurred)
        blue_stain = basophilic_stain(stain_density(blurred))
    elif settings.tone == "root" or content.shape[2] == 1:
        appearance = content.mean(axis=2)
    else:
        appearance = whiten(content, valid)[:, :, 0]
    outside = ~valid
    air = float(np.median(appearance[outside])) if settings.field == "body" and outside.any() else None
    appearance = np.ascontiguousarray(appearance)
    colours = None
    if is_colour(scaled):
        opponents = perceptual(scaled)[:, :, 1:]
        opponents = opponents[:, :, opponents[valid].std(axis=0) > LEAST_COLOUR]
        colours = smooth(opponents, smoothing) if opponents.shape[2] > 0 else None
    view = View(appearance, np.ascontiguousarray(brightness), valid, air, blue_stain, colours)
    return view, content


def _shrink(planes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    return resample(planes, shape, "area")
