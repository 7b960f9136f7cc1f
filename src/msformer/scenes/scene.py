"""One seed and its options in, one picture with its truth out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.phantoms.base import check_shape, to_uint8
from msformer.scenes.camera import compressed, glints, hairs, lens, sensor
from msformer.scenes.draws import Draws
from msformer.scenes.further import joined, with_further_ground
from msformer.scenes.layout import depth_map, place_objects
from msformer.scenes.light import echo_factor, exposed, shade, waves
from msformer.scenes.looks import Palette, field, make_palette, object_look
from msformer.scenes.options import SceneOptions
from msformer.scenes.overlays import aperture, overlays, padding_level, view_box
from msformer.scenes.paint import Canvas, Thing, shifted
from msformer.scenes.texture import bands, patches
from msformer.scenes.things import body, lines, other_things, outside_colour, skin


@dataclass(frozen=True, eq=False)
class Scene:
    """A made picture with its exact truth.

    Truth is of the geometry that was drawn, before light, hair, blur and noise; softness, blur and words over an
    object do not change it.

    Attributes:
        image: ``(H, W)`` or ``(H, W, 3)``; with a further channel ``(H, W, 2)`` or ``(H, W, 4)``.
        instances: ``(H, W)``; 0 on the ground, 1 to n on the visible part of every drawn thing. A body in which
            everything lies is a thing; layers and shadows are not.
        kinds: The kind of each of the n things, from 1; things of a kind share colour and texture.
        mask: ``(H, W)``; the object or objects that a person would point at, also where a tube crosses them.
        valid: ``(H, W)``; False on padding, outside an aperture, on stickers, rulers, words, calipers, glints.
        seed: The seed; with the same shape and options it gives the same scene.
        properties: What was drawn, by name of the option: 1 or 0 for a chance, else the value.
        things: What a person could mean: every thing as a whole, and the parts of things.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.int32]
    kinds: tuple[int, ...]
    mask: Mask
    valid: Mask
    seed: int
    properties: Mapping[str, float]
    things: tuple[Thing, ...] = ()


def make_scene(seed: int, *, shape: tuple[int, int] = (128, 128), options: SceneOptions | None = None) -> Scene:
    """Make a random scene.

    Args:
        seed: Seed of every draw, not negative.
        shape: Height and width, each at least 33 px.
        options: What may be drawn; by default everything, widely.

    Raises:
        ConfigError: The seed is negative or a side too small.
    """
    draws = Draws(seed, options or SceneOptions())
    shape = check_shape(shape)
    box = view_box(draws, shape)
    view = box[0].stop - box[0].start, box[1].stop - box[1].start
    unit = min(view) / 128
    seen = aperture(draws, view)
    palette = make_palette(draws, unit)
    canvas = _drawn(draws, palette, seen)
    image = canvas.image
    waves(draws, image, canvas.target, palette)
    shade(draws, image)
    n_first = palette.channels
    exposed(image[..., :n_first])
    if palette.further is not None:
        exposed(image[..., n_first:])
    hairs(draws, image, unit)
    image = lens(draws, image)
    glint = glints(draws, image, unit)
    image = sensor(draws, image)
    image[~seen] *= np.float32(draws.rng("aperture level").choice([0.0, 0.08, 0.2]))

    whole = np.full((*shape, image.shape[2]), padding_level(draws), dtype=np.uint8)
    whole[box] = to_uint8(255 * image)
    instances = np.zeros(shape, dtype=np.int32)
    instances[box] = canvas.instances
    mask, valid = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    mask[box] = canvas.target
    valid[box] = seen & ~glint
    valid &= ~overlays(draws, whole, mask)
    pixels = compressed(draws, np.ascontiguousarray(whole[..., :3] if n_first == 3 else whole[..., 0]))
    if palette.further is not None:
        pixels = joined(draws, pixels, compressed(draws, np.ascontiguousarray(whole[..., n_first])))
    instances, kinds = _renumbered(instances, canvas.kinds)
    draws.properties["things"] = float(len(kinds))
    draws.properties["area"] = float(mask.mean())
    things = tuple(
        Thing((shifted(one.window[0], box[0].start), shifted(one.window[1], box[1].start)), one.mask, one.role)
        for one in canvas.things
        if one.mask.any()
    )
    return Scene(pixels, instances, kinds, mask, valid, draws.seed, MappingProxyType(draws.properties), things)


def _drawn(draws: Draws, palette: Palette, seen: Mask) -> Canvas:
    """The scene with its truth, in even light."""
    shape = seen.shape
    inside = body(draws, shape)
    ground = _ground(draws, palette, shape)
    if inside is None:
        canvas = Canvas(ground, seen)
    else:
        around = outside_colour(draws, palette)
        outside = np.broadcast_to(around.ground, (*shape, palette.channels)).copy()
        texture = field(draws, "outside texture", "ground_texture", around, shape, 0.5)
        if texture is not None and around.ground.mean() > 0.1:
            outside += texture
        outside = with_further_ground(draws, "outside", outside, around.ground, around.further)
        canvas = Canvas(np.where(inside[..., None], ground, outside), seen & inside)
        canvas.label((slice(0, shape[0]), slice(0, shape[1])), inside & seen, 1, role="body")
        skin(draws, palette, canvas, inside)
    if not canvas.allowed.any():
        canvas.allowed = seen
    depth = depth_map(canvas.allowed)
    objects = place_objects(draws, canvas.allowed)
    other_things(draws, palette, canvas, depth, objects)
    lines(draws, palette, canvas, over=False)
    smallest = min((one.radius for one in objects), default=1.0)
    look = object_look(draws, palette, len(set(canvas.kinds)) + 1, shape, smallest)
    rng = draws.rng("objects")
    for one in objects:
        canvas.paint(one.points, look, rng, target=True)
    lines(draws, palette, canvas, over=True)
    return canvas


def _ground(draws: Draws, palette: Palette, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The ground that everything lies on, ``(H, W, C)``."""
    image = np.broadcast_to(palette.ground, (*shape, palette.channels)).copy()
    strength = abs(palette.contrast)
    if draws.happens("patches"):
        rng = draws.rng("patches")
        image += (rng.uniform(0.15, 0.6) * strength * patches(rng, shape))[..., None]
    if draws.happens("bands", echo_factor(draws)):
        rng = draws.rng("bands")
        image += (rng.uniform(0.25, 0.8) * max(strength, 0.15) * bands(rng, shape))[..., None]
    texture = field(draws, "ground texture", "ground_texture", palette, shape)
    image = image if texture is None else image + texture
    return with_further_ground(draws, "ground", image, palette.ground, palette.further)


def _renumbered(instances: NDArray[np.int32], kinds: list[int]) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Things that still have a visible px, numbered from 1, and their kinds, numbered from 1."""
    left = np.unique(instances)
    left = left[left > 0]
    table = np.zeros(len(kinds) + 1, dtype=np.int32)
    table[left] = np.arange(1, len(left) + 1)
    remaining = [kinds[index - 1] for index in left]
    names = {kind: index + 1 for index, kind in enumerate(sorted(set(remaining)))}
    return table[instances], tuple(names[kind] for kind in remaining)
