"""The picture while it is drawn: things are laid on it one after the other, each in its own window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask, Plane
from msformer.phantoms.shapes import plane, signed_distance
from msformer.scenes.outlines import Outline

Colour = NDArray[np.float32]
"""``(C,)``; each channel in about [0, 1]."""
Role = Literal["target", "other", "part", "body", "line"]
ON_IT = 0.9
"""A thing that lies on another one with this share of its area is no border of that one."""
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class Look:
    """How the things of one kind look.

    Attributes:
        kind: Number of the kind.
        colour: Its colour; an offset to what lies below where ``see_through``.
        see_through: What lies below goes on inside.
        texture: ``(H, W, C)`` over the whole picture, or None.
        border: Half width of the soft border in px; 0 is sharp.
        uneven: The border's width changes by this power of 2 from one side to the other.
        grading: Grey value from the border to the middle.
        slant: Grey value from one side to the other.
        jitter: Deviation of the colour among things of the kind, as a share of the contrast.
        contrast: Grey value between the kind and its ground, with its sign.
        part: ``none``, ``core``, ``rim`` or ``spots``.
        part_colour: Offset of the part to the rest.
        part_size: Radius of the part over that of the thing.
        opacity: In [0, 1].
    """

    kind: int
    colour: Colour
    see_through: bool = False
    texture: NDArray[np.float32] | None = None
    border: float = 0.0
    uneven: float = 0.0
    grading: float = 0.0
    slant: float = 0.0
    jitter: float = 0.0
    contrast: float = 0.0
    part: str = "none"
    part_colour: Colour | float = 0.0
    part_size: float = 0.5
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing, or a part of one, that a person could mean.

    Attributes:
        window: Rows and columns that hold it.
        mask: The thing in its window: all of it, also where something smaller, or a line, lies on it, but not what
            another thing covers that reaches past its border.
        role: ``target``, what a person would point at first; ``other``; ``part``, inside of another thing; ``body``, in
            which everything lies; ``line``, a tube or a ring.
    """

    window: tuple[slice, slice]
    mask: Mask
    role: Role

    def on(self, shape: tuple[int, int]) -> Mask:
        """The thing in the whole picture."""
        whole = np.zeros(shape, dtype=bool)
        whole[self.window] = self.mask
        return whole


class Canvas:
    """A picture with the truth of what was drawn on it.

    Attributes:
        image: ``(H, W, C)``, float32.
        instances: ``(H, W)``; the visible part of every thing.
        kinds: The kind of each.
        target: ``(H, W)``; everything drawn as a target, also where a later thing lies on it.
        allowed: ``(H, W)``; things are drawn only here.
        things: Everything that was drawn, in that order, and parts.
    """

    def __init__(self, image: NDArray[np.float32], allowed: Mask) -> None:
        self.image = image
        self.instances = np.zeros(image.shape[:2], dtype=np.int32)
        self.kinds: list[int] = []
        self.target = np.zeros(image.shape[:2], dtype=bool)
        self.allowed = allowed
        self.things: list[Thing] = []

    def paint(self, points: Outline, look: Look, rng: np.random.Generator, *, target: bool = False) -> None:
        """Draw the inside of an outline in px; nothing where the outline is not in the picture."""
        margin = int(np.ceil(3 * look.border * 2**look.uneven)) + 2
        low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
        high = np.minimum(np.ceil(points.max(0)).astype(int) + margin + 1, self.image.shape[:2])
        if (high - low).min() < 1:
            return
        window = slice(low[0], high[0]), slice(low[1], high[1])
        local = points - low
        mask = filled(local, (high[0] - low[0], high[1] - low[1])) & self.allowed[window]
        if not mask.any():
            return
        distance = signed_distance(mask)
        share = _share(distance, look, rng) * self.allowed[window]
        colour = _shaded(distance, look, rng)
        part = _parts(local, mask, look, rng) if look.part != "none" else None
        if part is not None:
            colour = colour + part[..., None] * look.part_colour
        if look.texture is not None:
            colour = colour + look.texture[window]
        self._lay(window, share * look.opacity, colour, look)
        self.label(window, mask, look.kind, role="target" if target else "other")
        if part is not None and look.part != "spots":
            inner = mask & (part <= 0.5) if look.part == "rim" else part > 0.5
            self.things.append(Thing(window, inner, "part"))

    def lay(self, share: Plane, look: Look, *, covers: float = 0.5) -> None:
        """Draw where ``share`` ``(H, W)`` is above 0; what it covers by more than ``covers`` becomes one thing."""
        share = plane(share * self.allowed)
        whole = slice(0, self.image.shape[0]), slice(0, self.image.shape[1])
        colour = look.colour if look.texture is None else look.colour + look.texture
        self._lay(whole, share * look.opacity, colour, look)
        self.label(whole, share > covers, look.kind, role="line")

    def label(self, window: tuple[slice, slice], mask: Mask, kind: int, *, role: Role) -> None:
        """Make the mask one thing of a kind, if it has a pixel."""
        if not mask.any():
            return
        self.kinds.append(kind)
        self.instances[window][mask] = len(self.kinds)
        if role == "target":
            self.target[window] |= mask
        if role in ("target", "other"):
            self._cover(window, mask)
        self.things.append(Thing(window, mask, role))

    def _cover(self, window: tuple[slice, slice], mask: Mask) -> None:
        """Take a new thing out of the things that it covers, unless it lies on one of them as a part would."""
        area = np.count_nonzero(mask)
        for index, thing in enumerate(self.things):
            if thing.role in ("body", "line"):
                continue
            shared = [
                slice(max(one.start, other.start), min(one.stop, other.stop))
                for one, other in zip(window, thing.window, strict=True)
            ]
            if any(one.start >= one.stop for one in shared):
                continue
            inside = tuple(shifted(one, -other.start) for one, other in zip(shared, window, strict=True))
            there = tuple(shifted(one, -other.start) for one, other in zip(shared, thing.window, strict=True))
            covered = thing.mask[there] & mask[inside]
            if not 0 < np.count_nonzero(covered) < ON_IT * area:
                continue
            left = thing.mask.copy()
            left[there] &= ~mask[inside]
            self.things[index] = Thing(thing.window, left, thing.role)

    def _lay(self, window: tuple[slice, slice], share: Plane, colour: NDArray[np.float32], look: Look) -> None:
        share = share[..., None]
        if look.see_through:
            self.image[window] += share * colour
        else:
            self.image[window] += share * (colour - self.image[window])


def shifted(part: slice, by: int) -> slice:
    """The same part, ``by`` px further."""
    return slice(part.start + by, part.stop + by)


def filled(points: Outline, shape: tuple[int, int]) -> Mask:
    """Pixels inside an outline in px, ``(H, W)``."""
    centre = points.mean(0)
    radius = np.hypot(*(points - centre).T).mean()
    # OpenCV also fills every pixel that the line touches: half a px too many all around.
    points = centre + (points - centre) * max(1 - 0.5 / max(float(radius), 1e-3), 0.3)
    layer = np.zeros(shape, dtype=np.uint8)
    fixed = np.rint(points[:, ::-1] * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(layer, [fixed], 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return layer > 0


def _share(distance: Plane, look: Look, rng: np.random.Generator) -> Plane:
    """Share of the thing in every pixel: over one half exactly inside."""
    if look.border <= 0:
        return plane(distance > 0)
    width: float | Plane = look.border
    if look.uneven:
        width = plane(look.border * 2 ** (look.uneven * _ramp(distance.shape, rng)))
    return plane(0.5 + 0.5 * np.tanh(distance / width))


def _shaded(distance: Plane, look: Look, rng: np.random.Generator) -> NDArray[np.float32]:
    """The thing's colour in every pixel, ``(H, W, C)`` or ``(C,)``."""
    colour = look.colour + np.float32(look.jitter * look.contrast * rng.standard_normal())
    if not look.grading and not look.slant:
        return np.asarray(colour, dtype=np.float32)
    depth = np.clip(distance / max(float(distance.max()), 1.0), 0, 1)
    shade = look.grading * (depth - 0.5) + look.slant * _ramp(distance.shape, rng)
    return np.asarray(colour + shade[..., None], dtype=np.float32)


def _ramp(shape: tuple[int, int], rng: np.random.Generator) -> Plane:
    """From -1 to 1 in a random direction, ``(H, W)``."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    return plane((np.sin(angle) * rows + np.cos(angle) * columns) / 1.4)


def _parts(points: Outline, mask: Mask, look: Look, rng: np.random.Generator) -> Plane:
    """Where the part of a thing is, ``(H, W)``, in [0, 1]."""
    centre, size = points.mean(0), look.part_size
    reach = (points - centre) * size
    if look.part == "rim":
        return plane(mask & ~filled(centre + reach, mask.shape))
    layer = np.zeros(mask.shape, dtype=bool)
    for _ in range(1 if look.part == "core" else int(rng.integers(3, 9))):
        one = reach if look.part == "core" else 0.35 * reach
        shift = (points[rng.integers(len(points))] - centre) * rng.uniform(
            0, 0.9 - (size if look.part == "core" else 0.3)
        )
        layer |= filled(centre + shift + one, mask.shape)
    layer &= mask
    if look.border > 0:
        return plane(cv2.GaussianBlur(layer.astype(np.float32), (0, 0), max(0.7 * look.border, 0.4)) * mask)
    return plane(layer)
