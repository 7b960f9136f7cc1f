"""Which preset fits an image: a short list of questions to its pixels, the first yes decides.

Every question is one about how such a picture comes about, asked on a small grid. Next to each threshold stand the
values on both sides of it, of the images at hand as they are; ``python -m benchmarks.auto`` counts the confusions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from msformer.config import PrepareSettings
from msformer.image import Image
from msformer.prepare import intensity_range, resample, to_unit_range, working_shape
from msformer.prepare.field import body_field
from msformer.prepare.stage import BLANK_CONTRAST

Plane = NDArray[np.float32]

GRID = PrepareSettings(working_size=129, keep_aspect=True, interpolation="area")
"""The grid that everything is measured on; means over areas take noise and colour noise of JPEG away."""
FINER = 6
"""A large image is thinned out before it is averaged, to at least this many pixels along each side of a mean."""
TONE_PERCENTILES = (0.5, 99.5)
"""Grey values that become 0 and 1, so that a dim picture is measured like a bright one."""
DARKEST = 2 / 255

# Colour.
COLOURED = 0.07
"""Largest difference of the channels in the 95th percentile: grey pictures 0.00, a slide with few cells 0.18."""
STRONGEST = 90
"""Percentile of the spread of the densities above which a pixel speaks for the hue."""
BLUE_OVER_GREEN = -0.3
"""Whether blue or green is taken away the more, in [-1, 1]: violet stains at most -0.56, skin at least -0.03."""
GREEN_OVER_OTHERS = 0.2
"""How much more green than either other channel a violet stain takes away: at least 0.46, skin at most 0.04."""
GREENER_THAN_RED = 0.03
"""Share of colour that is greener than red: skin at most 0.01, brown immunostain over blue nuclei 0.06."""
ROUGHNESS = 0.36
"""Deviation of skin from slow changes of its density: dermoscopy at most 0.24, photographs of scenes from 0.39."""
SLOW_ORDER = 4
"""Degree of the polynomial that slow changes follow: one lesion, a vignette and a slope of light."""

# Stains.
SMEAR_GREEN = 1.75
"""Density in green of the nuclei over their mean density: smears at most 1.69, slides of nuclei only from 1.84."""
SMEAR_GREY = 0.06
"""Share of the picture in cells that are denser than the ground and not purple: smears at least 0.13,
slides of nuclei only 0.02 to 0.11; it keeps stained stroma, all of it purple, from being taken for a smear."""

# Grey.
SKEW = 0.65
"""How much nearer to the 5th percentile than to the 95th the median lies, in [-1, 1]: bright nuclei on dark ground
at least 0.79; ultrasound and radiographs at most 0.44."""
LARGEST_BLOB = 0.5
"""Share of the largest bright thing of all: nuclei at most 0.27, a body in a CT slice at least 0.90."""
MIN_BLOBS = 5
"""Bright things that make many: nuclei at least 14."""
GROUND_SKEW = -0.54
"""The same as ``SKEW`` for dark things on white ground: at most -0.64; radiographs at least -0.32."""
GROUND_WHITE = 0.45
"""Share of such ground: at least 0.55; radiographs at most 0.38."""
DARK_CORNER = 0.2
"""Level that three corners stay under: air beside a body at most 0.16, ultrasound at least 0.45."""
TWO_AND_THREE_LEVELS = 1.74
"""Shares of the variance that two levels and three levels explain, added: CT at least 1.79, radiographs and MR at
most 1.72."""
TWO_LEVELS = 0.88
"""The first of them alone, where a cut has taken the corners: radiographs 0.80, ultrasound 0.86, cut CT from 0.89."""
CUT_CORNER = 0.75
"""Corners of such a cut: at most 0.70; a photograph under a white sky or paper from 0.83."""
AIR_HU, LUNG_HU = -500, (-950, -400)
"""Hounsfield units below which there is air, and those of lung."""
LUNG_SHARE = 0.045
"""Share of a body that is lung where there are lungs: at least 0.10, and at most 0.03 in an abdomen with its gas."""
ACROSS = 0.33
"""Binary logarithm of the mean step down the picture over that along it: ultrasound at least 0.51, for the beam blurs
sideways and tissue lies in layers; radiographs at most 0.15."""
SPECKLE = 0.03
"""Median fine detail over the contrast: ultrasound at least 0.06, a smooth rendering 0.02."""
ULTRASOUND_SKEW = -0.33
"""``SKEW`` of ultrasound is at least -0.17, that of writing and vessels on light ground at most -0.48."""
SMOOTH = (0.025, 0.12)
"""Fine detail of a radiograph, where all that lies behind one another adds up: 0.04 to 0.10. Drawings have 0.02 at
most; coins, MR and noise 0.14 and more."""
MIDLINE = 0.65
"""How far the brightest column in the middle third stands over the darkest on either side, over the contrast: chests
at least 0.82, photographs -0.02 to 0.55."""


@dataclass(frozen=True)
class Look:
    """A picture on the small grid.

    Attributes:
        scaled: ``(h, w, C)`` in [0, 1].
        units: ``(h, w)``, the mean of the channels in the values of the input.
        grey: ``(h, w)`` in [0, 1], stretched to the tones in use.
        contrast: Width of the tones in use, as a share of the range.
        skew: In [-1, 1]: 1 where nearly everything is dark, -1 where it is bright.
        blobs: Number of bright things.
        largest: Share of the largest of them of all.
        corner: Level of the brightest corner but one, which is cut off by a table or a mark least often.
        detail: Median fine detail over the contrast.
    """

    scaled: NDArray[np.float32]
    units: Plane
    grey: Plane
    contrast: float
    skew: float
    blobs: int
    largest: float
    corner: float
    detail: float

    @classmethod
    def of(cls, image: Image) -> Look:
        """Measure what several questions ask for."""
        step = max(int(np.sqrt(image.shape[0] * image.shape[1])) // (FINER * GRID.working_size), 1)
        pixels = image.pixels[::step, ::step]
        small = resample(pixels, working_shape(image.shape, GRID), GRID.interpolation)
        darkest, brightest = intensity_range(pixels, small, image.limits)
        scaled = to_unit_range(small, (min(darkest, 0.0), brightest))  # light counts from black, or hues would change
        mean = scaled.mean(axis=2)
        low, high = (float(value) for value in np.percentile(mean, TONE_PERCENTILES))
        grey = to_unit_range(mean, (low, high))
        dark, middle, bright = np.percentile(grey, [5, 50, 95])
        bright_things, count = ndimage.label(ndimage.binary_opening(_tones(grey) > _otsu(_tones(grey))[0]))
        areas = np.bincount(bright_things.ravel())[1:]
        side = max(min(grey.shape) // 16, 2)
        corners = [grey[rows, columns] for rows in _ends(side) for columns in _ends(side)]
        fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2))
        return cls(
            scaled=scaled,
            units=small.mean(axis=2),
            grey=grey,
            contrast=high - low,
            skew=float((bright + dark - 2 * middle) / max(bright - dark, 1e-6)),
            blobs=count,
            largest=float(areas.max() / areas.sum()) if count else 0.0,
            corner=float(sorted(np.median(corner) for corner in corners)[2]),
            detail=float(np.median(fine)) / max(float(grey.std()), 1e-6),
        )

    @property
    def is_coloured(self) -> bool:
        """Whether there is colour, beyond what JPEG leaves in grey pictures."""
        return self.scaled.shape[2] == 3 and float(np.percentile(np.ptp(self.scaled, axis=2), 95)) > COLOURED


Answer = tuple[str, str]


def choose_preset(image: Image) -> Answer:
    """Choose the preset for an image from its pixels alone.

    Args:
        image: Any image; three channels are taken for RGB.

    Returns:
        The preset's name, ``general`` where nothing fits, and one sentence that gives the reason in measured facts.
    """
    look = Look.of(image)
    if look.contrast < BLANK_CONTRAST:
        return "general", "There is hardly any contrast."
    for question in COLOUR_QUESTIONS if look.is_coloured else GREY_QUESTIONS:
        if answer := question(look):
            return answer
    return "general", f"It is {'in colour' if look.is_coloured else 'grey'} and fits no special preset."


def stain(look: Look) -> Answer | None:
    """Violet dyes take away green most of all; tissue, sky and paint seldom do."""
    density = _density(look.scaled)
    red, green, blue = _hue(density)
    over_others = (green - max(red, blue)) / max(red, green, blue, 1e-6)
    if _blue_over_green(density) > BLUE_OVER_GREEN or over_others < GREEN_OVER_OTHERS:
        return None
    ratio, share = _smear(density)
    facts = f"green is {ratio:.2f} times the mean density of its nuclei, and {share:.0%} is grey cells"
    if ratio < SMEAR_GREEN and share > SMEAR_GREY:
        return "stained-tissue", f"A violet stain on a smear: {facts}."
    return "nuclei", f"A violet stain and hardly anything but nuclei: {facts}."


def skin(look: Look) -> Answer | None:
    """Melanin and blood take away blue and green and leave red; a close view of skin changes slowly."""
    colour = np.ptp(look.scaled, axis=2)
    greener = float(colour[look.scaled[:, :, 1] > look.scaled[:, :, 0]].sum() / colour.sum())
    balance = _blue_over_green(_density(look.scaled))
    rough = _roughness(look.scaled[:, :, 1])
    if balance < BLUE_OVER_GREEN or greener > GREENER_THAN_RED or rough > ROUGHNESS:
        return None
    return "dermoscopy", (
        f"Skin: {1 - greener:.0%} of its colour is redder than green, and its density deviates by {rough:.2f} "
        "from slow changes."
    )


def glowing_blobs(look: Look) -> Answer | None:
    """Fluorescent nuclei are many bright things on a ground without light."""
    if look.skew < SKEW or look.largest > LARGEST_BLOB or look.blobs < MIN_BLOBS:
        return None
    return "nuclei", f"{look.blobs} bright things on dark ground, the largest {look.largest:.0%} of them all."


def white_ground(look: Look) -> Answer | None:
    """Bright-field slides are lit from behind; where no cell is they are white."""
    white = float((look.grey > 0.85).mean())
    if look.skew > GROUND_SKEW or white < GROUND_WHITE or look.corner < CUT_CORNER:
        return None
    return "nuclei", f"Dark things on white ground, which covers {white:.0%}."


def hounsfield(look: Look) -> Answer | None:
    """Computed tomography in its own units: air is -1000, water 0, lung in between."""
    if look.units.min() > AIR_HU or look.units.max() < 0:
        return None
    body = ndimage.binary_erosion(body_field(look.grey[:, :, None]), iterations=2)
    lung = (look.units > LUNG_HU[0]) & (look.units < LUNG_HU[1]) & body
    share = float(lung.sum() / max(body.sum(), 1))
    if share < LUNG_SHARE:
        return "general", f"Hounsfield units, but only {share:.1%} of the body is lung."
    return "lung-ct", f"Hounsfield units, and {share:.0%} of the body is lung."


def levels(look: Look) -> Answer | None:
    """A CT slice of the chest is air, lung and tissue, each of nearly one grey, and dark outside of one body."""
    tones = _tones(look.grey)
    body = ndimage.binary_erosion(body_field(look.grey[:, :, None]), iterations=2)
    two = max(_otsu(tones)[1], _otsu(tones[body])[1] if body.any() else 0.0)
    three = _three_levels(tones)
    stands_free = look.corner < DARK_CORNER and two + three > TWO_AND_THREE_LEVELS
    is_cut = look.corner < CUT_CORNER and two > TWO_LEVELS
    if look.largest < LARGEST_BLOB or not (stands_free or is_cut):
        return None
    return "lung-ct", (
        f"One body with corners at {look.corner:.2f}; two levels explain {two:.0%} of the variance, three {three:.0%}."
    )


def speckle(look: Look) -> Answer | None:
    """Ultrasound is speckled and changes faster down the beam than across it."""
    down, along = (float(np.abs(np.diff(look.grey, axis=axis)).mean()) for axis in (0, 1))
    across = float(np.log2(max(down, 1e-6) / max(along, 1e-6)))
    if across < ACROSS or look.detail < SPECKLE or look.skew < ULTRASOUND_SKEW:
        return None
    return "ultrasound", f"Speckle of {look.detail:.2f} that changes {2**across:.1f} times faster down than across."


def chest(look: Look) -> Answer | None:
    """A radiograph of the chest is smooth, with a bright midline between two darker lungs."""
    height, width = look.grey.shape
    profile = cv2.GaussianBlur(look.grey, (0, 0), 3)[height // 5 : round(0.7 * height)].mean(axis=0)
    middle = range(width // 3, width - width // 3)
    above = max(profile[column] - max(profile[:column].min(), profile[column + 1 :].min()) for column in middle)
    above /= max(float(look.grey.std()), 1e-6)
    if above < MIDLINE or not SMOOTH[0] < look.detail < SMOOTH[1]:
        return None
    return "chest-xray", f"Smooth (detail {look.detail:.2f}), with a midline {above:.1f} deviations over either side."


Question = Callable[[Look], Answer | None]
COLOUR_QUESTIONS: tuple[Question, ...] = (stain, skin, glowing_blobs)
GREY_QUESTIONS: tuple[Question, ...] = (hounsfield, glowing_blobs, levels, white_ground, speckle, chest)


def _density(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(-np.log(np.maximum(scaled, np.float32(DARKEST))), dtype=np.float32)


def _strongest(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """Densities ``(n, 3)`` of the pixels that are coloured most; their ratios do not change with gamma."""
    spread = np.ptp(density, axis=2)
    return np.asarray(density[spread >= np.percentile(spread, STRONGEST)], dtype=np.float32)


def _hue(density: NDArray[np.float32]) -> tuple[float, float, float]:
    """Mean densities of red, green and blue over the least of them."""
    mean = _strongest(density).mean(axis=0)
    red, green, blue = (float(value) for value in mean - mean.min())
    return red, green, blue


def _blue_over_green(density: NDArray[np.float32]) -> float:
    red, green, blue = _strongest(density).T
    return float((blue - green).sum() / max(float((np.abs(red - green) + np.abs(blue - green)).sum()), 1e-6))


def _smear(density: NDArray[np.float32]) -> tuple[float, float]:
    """Density of the nuclei in green over their mean, and the share of cells that are dense but not purple."""
    mean = density.mean(axis=2)
    ground = np.median(density[mean <= np.percentile(mean, 35)], axis=0)
    over = density - ground
    amount = over.mean(axis=2)
    purple = over[:, :, 1] - (over[:, :, 0] + over[:, :, 2]) / 2
    tones = _tones(mean / max(float(mean.max()), 1e-6))
    nuclei = tones > _otsu(tones)[0]
    if not nuclei.any():
        return 0.0, 0.0
    typical = max(float(np.median(amount[nuclei])), 1e-6)
    cells = (amount > 0.15 * typical) & (amount < 0.6 * typical) & (purple < 0.15 * typical)
    return float(over[:, :, 1][nuclei].mean()) / typical, float(cells.mean())


def _roughness(plane: Plane) -> float:
    """Standard deviation of the density over a polynomial surface, ``SLOW_ORDER`` in rows and columns together."""
    blurred = cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), 1.5)
    density = _density(np.asarray(blurred, dtype=np.float32))
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in plane.shape), indexing="ij")
    powers = [(i, j) for i in range(SLOW_ORDER + 1) for j in range(SLOW_ORDER + 1 - i)]
    terms = np.stack([(rows**i * columns**j).ravel() for i, j in powers])
    weights = np.linalg.solve(terms @ terms.T, terms @ density.ravel())
    return float((density.ravel() - weights @ terms).std())


def _tones(plane: Plane) -> NDArray[np.uint8]:
    return np.asarray(np.rint(plane * 255), dtype=np.uint8)


def _otsu(tones: NDArray[np.uint8]) -> tuple[float, float]:
    """Otsu's threshold, and the share of the variance that the two classes explain."""
    level, _ = cv2.threshold(tones.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    above = tones > level
    share, variance = float(above.mean()), float(tones.var())
    if variance == 0 or share in (0.0, 1.0):
        return level, 0.0
    step = float(tones[above].mean() - tones[~above].mean())
    return level, share * (1 - share) * step**2 / variance


def _three_levels(tones: NDArray[np.uint8]) -> float:
    """Share of the variance that the best three classes explain, on 64 tones."""
    counts = np.bincount(tones.ravel() // 4, minlength=64) / tones.size
    values = np.arange(64) - float(counts @ np.arange(64))
    variance = float(counts @ values**2)
    if variance == 0:
        return 0.0
    mass, moment = np.r_[0, np.cumsum(counts)], np.r_[0, np.cumsum(counts * values)]
    first, second = np.triu_indices(63, 1)
    bounds = (np.zeros_like(first), first + 1, second + 1, np.full_like(first, 64))
    between = np.zeros(len(first))
    for low, high in pairwise(bounds):
        between += (moment[high] - moment[low]) ** 2 / np.maximum(mass[high] - mass[low], 1e-12)
    return float(between.max()) / variance


def _ends(side: int) -> tuple[slice, slice]:
    return slice(None, side), slice(-side, None)
