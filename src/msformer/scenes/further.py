"""One more channel of the same things, in which each kind has a contrast of its own: a second stain, another sequence.

The channels before it stay as they were drawn, so what stands out there still does. Values are in about [0, 1].
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from msformer.scenes.draws import Draws
from msformer.scenes.options import Range
from msformer.scenes.paint import Colour, Look

LEVELS: Range = (0.03, 0.97)
"""Grey values of the ground in the further channel."""


def further_level(draws: Draws, channels: int) -> float | None:
    """Grey value of the ground in the further channel of a scene of 1 or 3 channels; None where it has none."""
    if not draws.happens("two_channels" if channels == 1 else "four_channels"):
        return None
    return float(draws.rng("further").uniform(*LEVELS))


def with_further_ground(
    draws: Draws, layer: str, image: NDArray[np.float32], ground: Colour, level: float | None
) -> NDArray[np.float32]:
    """Add the further channel to a ground.

    Args:
        draws: The scene's.
        layer: Whose answer to the further channel is drawn.
        image: ``(H, W, C)``.
        ground: ``(C,)``, its mean colour.
        level: The same in the further channel; None changes nothing.
    """
    if level is None:
        return image
    last = level + _response(draws, layer) * (image.mean(axis=2) - ground.mean())
    return np.concatenate([image, last[..., None]], axis=2, dtype=np.float32)


def with_further_look(draws: Draws, layer: str, look: Look, ground: Colour, level: float | None) -> Look:
    """Add the further channel to a look.

    Colour, texture and part are weaker there than in the mean of the others, or reversed; shades, and what differs from
    thing to thing, are the same.

    Args:
        draws: The scene's.
        layer: Whose answer to the further channel is drawn.
        look: Of ``C`` channels.
        ground: ``(C,)``, colour of the ground.
        level: The same in the further channel; None changes nothing.
    """
    if level is None:
        return look
    response = _response(draws, layer)
    offset = response * float((look.colour if look.see_through else look.colour - ground).mean())
    if not 0 < level + offset < 1:
        response, offset = -response, -offset
    part, texture = look.part_colour, look.texture
    return replace(
        look,
        colour=_longer(look.colour, offset if look.see_through else level + offset),
        texture=None if texture is None else _longer(texture, response * texture.mean(axis=2)),
        part_colour=part if isinstance(part, float) else _longer(part, response * float(part.mean())),
    )


def joined(draws: Draws, first: NDArray[np.uint8], further: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey ``(H, W)`` or coloured ``(H, W, 3)`` picture and the further channel ``(H, W)``, as ``(H, W, C)``.

    Colours come first; of two alike, either may.
    """
    image = np.dstack([first, further])
    is_turned = image.shape[2] == 2 and draws.rng("channel order").random() < 0.5
    return np.ascontiguousarray(image[..., ::-1] if is_turned else image)


def _response(draws: Draws, layer: str) -> float:
    """Contrast in the further channel over that in the others."""
    return float(draws.rng(f"{layer} further").uniform(-1, 1))


def _longer(values: NDArray[np.float32], last: float | NDArray[np.float32]) -> NDArray[np.float32]:
    """The values with one more on their last axis."""
    return np.concatenate([values, np.asarray(last, dtype=np.float32)[..., None]], axis=-1)
