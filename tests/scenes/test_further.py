"""A further channel: what is in it, and that everything else stays as it was without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from msformer.growing.examples import make_example
from msformer.growing.recipe import POINTED_AT
from msformer.prompting.view import as_input
from msformer.scenes import SceneOptions, make_scene

MORE = SceneOptions(two_channels=1.0, four_channels=1.0)
BEFORE = (
    # Seed, channels, px of the target, valid px, kinds, mean of each channel: of the program before there were further
    # channels.
    (0, 1, 1383, 16348, 5, (6.14,)),
    (1, 1, 2438, 14436, 6, (181.02,)),
    (2, 3, 833, 16384, 15, (118.11, 67.62, 75.92)),
    (3, 1, 571, 16384, 12, (8.56,)),
    (4, 1, 406, 16384, 10, (95.58,)),
    (5, 1, 1682, 16384, 3, (160.12,)),
    (6, 3, 255, 16384, 39, (177.55, 100.48, 76.3)),
    (7, 3, 1678, 9700, 45, (103.68, 84.33, 76.2)),
    (8, 1, 5178, 16341, 33, (178.37,)),
    (9, 1, 4659, 16384, 22, (152.43,)),
    (10, 3, 828, 16384, 3, (134.21, 68.58, 49.31)),
    (11, 3, 2745, 16384, 4, (25.44, 86.15, 29.76)),
)


@pytest.mark.parametrize(("seed", "channels", "area", "valid", "things", "means"), BEFORE)
def test_without_one_the_scenes_of_a_seed_are_what_they_were_before(
    seed: int, channels: int, area: int, valid: int, things: int, means: tuple[float, ...]
) -> None:
    scene = make_scene(seed)
    assert scene.image.shape == ((128, 128) if channels == 1 else (128, 128, 3))
    assert (int(scene.mask.sum()), int(scene.valid.sum()), len(scene.kinds)) == (area, valid, things)
    # Other versions of OpenCV may round otherwise.
    assert scene.image.reshape(-1, channels).mean(axis=0) == pytest.approx(means, abs=0.2)


@pytest.mark.parametrize("shape", [(128, 128), (67, 97)])
def test_grey_gets_a_second_channel_and_colour_a_fourth(shape: tuple[int, int]) -> None:
    counts = []
    for seed in range(25):
        scene = make_scene(seed, shape=shape, options=MORE)
        count = 2 if scene.properties["grey"] else 4
        assert scene.image.shape == (*shape, count)
        assert scene.image.dtype == np.uint8
        assert scene.properties.get("two_channels", 0.0) == (count == 2)
        assert scene.properties.get("four_channels", 0.0) == (count == 4)
        np.testing.assert_array_equal(scene.image, make_scene(seed, shape=shape, options=MORE).image)
        counts.append(count)
    assert set(counts) == {2, 4}


def test_its_chance_is_that_of_the_option() -> None:
    some = SceneOptions(two_channels=0.5, four_channels=0.25, radius=(0.1, 0.1))
    counts = [make_scene(seed, shape=(33, 33), options=some).image.shape[2:] for seed in range(400)]
    assert counts.count((2,)) / (counts.count((2,)) + counts.count(())) == pytest.approx(0.5, abs=0.1)
    assert counts.count((4,)) / (counts.count((4,)) + counts.count((3,))) == pytest.approx(0.25, abs=0.1)


def test_the_other_channels_and_the_truth_are_those_of_the_scene_without_it() -> None:
    turned = []
    for seed in range(40):
        quiet: dict[str, Any] = {"noise": (0.0, 0.0), "stickers": 0.3, "words": 0.3}
        without = make_scene(seed, options=SceneOptions(**quiet))
        scene = make_scene(seed, options=SceneOptions(**quiet, two_channels=1.0, four_channels=1.0))
        for name in ("mask", "instances", "valid"):
            np.testing.assert_array_equal(getattr(scene, name), getattr(without, name))
        if without.image.ndim == 3:
            np.testing.assert_allclose(scene.image[..., :3].astype(int), without.image, atol=1)
            assert not np.array_equal(scene.image[..., 3], without.image.mean(axis=2).round())
        else:
            far = [int(np.abs(plane - without.image.astype(int)).max()) for plane in np.moveaxis(scene.image, 2, 0)]
            assert min(far) <= 1 < max(far)
            turned.append(far[0] > far[1])
    assert 0 < sum(turned) < len(turned), "either may come first"


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_objects_keep_their_contrast_in_one_channel_and_have_another_in_the_further_one(grey: float) -> None:
    options = SceneOptions.plain(grey=grey, two_channels=1.0, four_channels=1.0)
    ratios = []
    for seed in range(30):
        scene = make_scene(seed, options=options)
        ground, inside = (np.unique(scene.image[part], axis=0).astype(int) for part in (~scene.mask, scene.mask))
        assert len(ground) == len(inside) == 1, "even in every channel"
        gap = (inside - ground)[0] / 255
        strongest = gap[np.abs(gap).argmax()]
        assert 0.29 <= abs(strongest) <= 0.61  # the option says .3 to .6
        ratios.append(float((gap[-1] if grey == 0 else gap[np.abs(gap).argmin()]) / strongest))
    assert -1.01 < min(ratios) < -0.4
    assert 0.4 < max(ratios) < 1.01
    assert sum(abs(one) < 0.5 for one in ratios) > 5


def test_kinds_differ_from_each_other_in_what_they_keep() -> None:
    options = SceneOptions.plain(two_channels=1.0, distractors=(6.0, 6.0), radius=(0.2, 0.2))
    found = 0
    for seed in range(20):
        scene = make_scene(seed, options=options)
        planes = np.moveaxis(scene.image.astype(float), 2, 0)
        ground = [np.median(plane[scene.instances == 0]) for plane in planes]
        shares = []
        for kind in set(scene.kinds):
            of_kind = np.isin(scene.instances, [i for i, one in enumerate(scene.kinds, start=1) if one == kind])
            gaps = [np.median(plane[of_kind]) - level for plane, level in zip(planes, ground, strict=True)]
            if max(abs(gap) for gap in gaps) > 25:
                shares.append(np.arctan2(gaps[1], gaps[0]) % np.pi)
        found += len(shares) > 1 and max(shares) - min(shares) > 0.3
    assert found > 5


def test_a_network_is_shown_every_channel_in_any_order() -> None:
    options = SceneOptions(two_channels=1.0, four_channels=1.0, radius=POINTED_AT.radius)
    orders = set()
    for seed in range(60):
        scene, example = make_scene(seed, shape=(64, 64), options=options), make_example(seed, 2, 64, options)
        plain = as_input(scene.image.astype(np.float32), scene.valid, (64, 64))
        assert example.image.shape == plain.shape
        np.testing.assert_array_equal(example.image[3], plain[3])
        # Light may be turned round; two channels may be exchanged, and of four the directions in which they vary most
        # do not depend on their order.
        views = {"kept": plain[:3], "exchanged": plain[[1, 0, 2]]}
        names = [name for name, one in views.items() if _alike(example.image[:3], one)]
        assert names, seed
        if scene.image.shape[2] == 2:
            orders.add(names[0])
    assert orders == {"kept", "exchanged"}


def _alike(first: Any, second: Any) -> bool:
    """Whether each plane is the other's, or its negative: a direction has no sign where it is across grey."""
    return all(
        min(np.abs(one - other).max(), np.abs(one + other).max()) < 0.05
        for one, other in zip(first, second, strict=True)
    )
