"""What the grown network says: of the regions of a picture, and when it is asked for one object by one click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.evidence.pictures import ONE_OBJECT, Case, Picture, region_dice, scene_shape
from msformer.config import Config, HintSettings
from msformer.evaluation.files import read_truth
from msformer.evaluation.prompts import middle_click
from msformer.focus import find_focus
from msformer.foreground.asked import hear, object_map
from msformer.foreground.evidence import region_evidence
from msformer.hypotheses import trial_settings
from msformer.image import Image, Mask
from msformer.io import read_image
from msformer.morphology import dice
from msformer.network.prompted import PromptedNet
from msformer.prepare import find_no_data_in, prepare
from msformer.prompting import grown_network, look_at, point_out
from msformer.regions import Ground, find_regions, region_features, region_view
from msformer.scenes import Scene, make_scene

ASKED_SCENES = range(90_000, 90_240)
"""Nothing else that ships was fitted on scenes of these seeds: those of the network's own begin far above."""
PRESET = "general"
"""Prepares every picture here: the network is asked the same of all kinds."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What is said of the candidates of one picture.

    Attributes:
        said: What is said of each, ``(n, len(SAID))``, and its Dice.
        alone: Dice of the region that is taken where no network is asked; 0 where there is none.
    """

    said: Picture
    alone: float


@dataclass(frozen=True)
class Pointed:
    """What came of one click in the middle of the object.

    Attributes:
        group: The set.
        name: The picture.
        expected: The Dice in (0, 1) that the network expects of its best answer; None where that is empty.
        dice: What it is, on the native grid.
    """

    group: str
    name: str
    expected: float | None
    dice: float


def scene_asked(seed: int) -> Asked | None:
    """What the network that ships says of a random scene with one object."""
    scene = one_object(seed)
    return asked("scenes", Image.from_array(scene.image), scene.mask, grown_network().network)


def real_asked(case: Case) -> Asked | None:
    """The same for a real image."""
    group, image, truth = case
    return asked(group, read_image(image), read_truth(truth)[0], grown_network().network)


def asked(group: str, image: Image, truth: Mask, network: PromptedNet) -> Asked | None:
    """What a network says of an image; None where the image has no regions."""
    no_data = find_no_data_in(image)
    view = region_view(prepare(image, trial_settings(Config.from_preset(PRESET)).prepare, no_data).detail)
    ground = Ground.of(view.planes, view.valid)
    evidence = region_evidence()
    alone = 0.0
    if plain := find_regions(view.planes, view.valid):
        best = int(evidence.probability(region_features(plain, ground)).argmax())
        alone = float(region_dice(plain[best : best + 1], truth, view.shape)[0])
    looked = look_at(image, no_data, network)
    regions = find_regions(view.planes, view.valid, {"objects": object_map(looked, view.valid)})
    if not regions:
        return None
    heard = hear(regions, evidence.probability(region_features(regions, ground)), ground, looked)
    said = Picture(group, heard.said.astype(np.float32), region_dice(heard.regions, truth, view.shape))
    return Asked(said, alone)


def scene_pointed(seed: int) -> Pointed | None:
    """What comes of a click on the object of a random scene, by the network that ships."""
    scene = one_object(seed)
    return pointed("scenes", str(seed), Image.from_array(scene.image), scene.mask, grown_network().network)


def real_pointed(case: Case) -> Pointed | None:
    """The same for a real image."""
    group, image, truth = case
    return pointed(group, image.name, read_image(image), read_truth(truth)[0], grown_network().network)


def pointed(group: str, name: str, image: Image, truth: Mask, network: PromptedNet) -> Pointed | None:
    """What comes of a click on the object of an image; None where that shows no object."""
    if not truth.any():
        return None
    focus = find_focus(image.shape, HintSettings(point=middle_click(truth)))
    answer = point_out(look_at(image, find_no_data_in(image), network), focus, image.shape)
    expected = answer.chosen.score if answer.detail_mask.any() else None
    return Pointed(group, name, expected, dice(answer.detail_mask, truth))


def one_object(seed: int) -> Scene:
    """A random scene with one object."""
    return make_scene(seed, shape=scene_shape(seed), options=ONE_OBJECT)
