"""What the grown network says of one picture, by networks whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from benchmarks.evidence.asked import ASKED_SCENES, Asked, asked, one_object, pointed, scene_asked, scene_pointed
from benchmarks.evidence.pictures import Picture, region_dice, scene_shape

from benchmarks.evidence import asked as asked_module
from msformer.foreground.asked import SAID
from msformer.image import Image, Mask
from msformer.network.prompted import Decoded, Features, PromptedNet, PromptedSizes, Prompts, build_prompted
from msformer.prompting import read_model, write_model
from msformer.regions import Region

SHAPE = (167, 211)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]


def disc(radius: float, row: float, column: float) -> Mask:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


TRUTH = disc(37, 83, 97)
PIXELS = np.asarray(60 + 120 * TRUTH + np.random.default_rng(3).integers(0, 7, SHAPE), dtype=np.uint8)


class Bright(PromptedNet):
    """Says that what is brighter than the mean is meant, or with ``nothing`` that nothing is; expects sigmoid(2)."""

    def __init__(self, *, nothing: bool = False) -> None:
        super().__init__(PromptedSizes(dim=8, depth_fine=1, depth_coarse=1))
        self.nothing = nothing

    def encode(self, image: torch.Tensor) -> Features:
        return Features(image[:, :1], image[:, 3:])

    def decode(self, features: Features, prompts: Prompts) -> Decoded:
        light = features.fused[:, 0] - (1e3 if self.nothing else 0.0)
        return Decoded(torch.stack([light] * 3, dim=1), torch.tensor([[0.0, 2.0, 1.0]]).expand(len(light), -1))

    def without_prompt(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        small = torch.nn.functional.avg_pool2d(features.fused, 2)[:, 0]
        return 100 * small, -100 * small


def test_the_dice_of_regions_is_that_of_their_masks() -> None:
    """Of a truth of 6 × 8 px a region of as many holds 4 × 8; on a grid of half the side likewise."""
    truth = np.zeros((20, 24), dtype=bool)
    truth[4:10, 4:12] = True
    for scale in (1, 2):
        window = (slice(2 // scale, 8 // scale), slice(4 // scale, 12 // scale))
        mask = np.ones((6 // scale, 8 // scale), dtype=bool)
        region = Region(mask, window, mask.size, 0.0, "x", 0)
        found = region_dice([region], truth, (20 // scale, 24 // scale))
        assert found == pytest.approx([2 * 32 / (48 + 48)])


def test_candidates_of_a_picture_with_one_thing_hold_it() -> None:
    found = asked("discs", Image.from_array(PIXELS), TRUTH, Bright())
    assert found is not None
    assert found.said.group == "discs"
    assert found.said.features.shape == (len(found.said.dice), len(SAID))
    assert found.alone > 0.95
    best = int(found.said.dice.argmax())
    assert 0.95 < found.said.dice[best] <= 1
    said = dict(zip(SAID, found.said.features[best].tolist(), strict=True))
    assert said["votes"] == 1
    assert said["expected"] == pytest.approx(1 / (1 + np.exp(-2)), rel=0.1)
    assert said["objects"] > 0.9
    turned = asked("discs", Image.from_array(PIXELS), ~TRUTH, Bright())
    assert turned is not None
    assert turned.alone < 0.1, "the truth is no part of what is asked"
    np.testing.assert_array_equal(turned.said.features, found.said.features)


def test_a_picture_without_regions_teaches_nothing() -> None:
    assert asked("flat", Image.from_array(np.full(SHAPE, 97, dtype=np.uint8)), TRUTH, Bright()) is None


def test_a_click_on_the_object_is_answered_and_scored() -> None:
    found = pointed("discs", "one", Image.from_array(PIXELS), TRUTH, Bright())
    assert found is not None
    assert (found.group, found.name) == ("discs", "one")
    assert found.expected == pytest.approx(1 / (1 + np.exp(-2)))
    assert 0.95 < found.dice <= 1
    half = pointed("discs", "half", Image.from_array(PIXELS), TRUTH & (COLUMNS < 97), Bright())
    assert half is not None
    assert half.dice == pytest.approx(2 / 3, abs=0.03)


def test_an_empty_answer_expects_nothing_and_an_empty_truth_is_not_asked_for() -> None:
    nothing = pointed("discs", "one", Image.from_array(PIXELS), TRUTH, Bright(nothing=True))
    assert nothing is not None
    assert (nothing.expected, nothing.dice) == (None, 0.0)
    assert pointed("discs", "one", Image.from_array(PIXELS), np.zeros(SHAPE, dtype=bool), Bright()) is None


def test_scenes_are_asked_by_the_network_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = PromptedSizes(dim=8, depth_fine=1, depth_coarse=1)
    network = build_prompted(sizes, torch.Generator().manual_seed(5))
    write_model(tmp_path / "net.safetensors", network, {"sizes": network.describe()}, [])
    monkeypatch.setattr(asked_module, "grown_network", lambda: read_model(tmp_path / "net.safetensors"))
    seed = ASKED_SCENES[2]
    scene = one_object(seed)
    assert scene.mask.shape == scene_shape(seed)
    assert scene.mask.any()
    found, expected = (
        scene_asked(seed),
        asked("scenes", Image.from_array(scene.image), scene.mask, network.eval()),
    )
    said, alike = cast(Asked, found).said, cast(Asked, expected).said
    assert isinstance(said, Picture)
    np.testing.assert_allclose(said.features, alike.features, atol=1e-5)
    np.testing.assert_array_equal(said.dice, alike.dice)
    assert np.isfinite(said.features).all()
    click = scene_pointed(seed)
    assert click == pointed("scenes", str(seed), Image.from_array(scene.image), scene.mask, network)
    assert click is not None
    assert 0 <= click.dice <= 1
