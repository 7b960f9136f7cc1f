"""Scenes: what their truth promises, that options are options, and that nothing outside is touched."""

from __future__ import annotations

import builtins
import io
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msformer.errors import ConfigError
from msformer.scenes import Scene, SceneOptions, make_scene

PLAIN = SceneOptions.plain()
NAMES = [one.name for one in fields(SceneOptions)]


def same(first: Scene, second: Scene) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("image", "instances", "mask", "valid")]
    return all(np.array_equal(one, other) for one, other in pairs)


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    for seed in range(6):
        first = make_scene(seed)
        assert same(first, make_scene(seed))
        assert not same(first, make_scene(seed + 1))
        assert first.properties == make_scene(seed).properties


@pytest.mark.parametrize("shape", [(33, 33), (128, 128), (257, 193), (40, 300)])
def test_a_scene_is_what_it_says_it_is(shape: tuple[int, int]) -> None:
    for seed in range(25):
        scene = make_scene(seed, shape=shape)
        assert scene.image.dtype == np.uint8
        assert scene.image.shape in (shape, (*shape, 3))
        assert scene.instances.shape == scene.mask.shape == scene.valid.shape == shape
        assert scene.instances.dtype == np.int32
        found = np.unique(scene.instances)
        assert set(found[found > 0]) == set(range(1, len(scene.kinds) + 1)), "every thing has a visible px"
        assert set(scene.kinds) == set(range(1, len(set(scene.kinds)) + 1))
        assert scene.mask.any() == (scene.properties["nothing"] == 0)
        assert (scene.instances[scene.mask] > 0).all(), "the target is made of things"


def test_no_thing_gets_a_pixel_in_the_padding_or_outside_the_aperture() -> None:
    for name in ("padding", "aperture"):
        for seed in range(30):
            scene = make_scene(seed, options=SceneOptions.plain(**{name: 1.0}, container=0.5, distractors=(3.0, 9.0)))
            assert not scene.valid.all()
            assert not scene.mask[~scene.valid].any()
            assert not scene.instances[~scene.valid].any()


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_without_noise_the_target_is_exactly_the_pixels_of_another_colour(grey: float) -> None:
    options = SceneOptions.plain(grey=grey, irregularity=(0.0, 1.0), elongation=(1.0, 2.0), blob=0.5, cut=0.3)
    for seed in range(20):
        scene = make_scene(seed, options=options)
        pixels = scene.image.reshape(128 * 128, -1)
        ground = np.unique(pixels[~scene.mask.ravel()], axis=0)
        inside = np.unique(pixels[scene.mask.ravel()], axis=0)
        assert len(ground) == len(inside) == 1
        assert (ground != inside).any()
        assert scene.valid.all()
        np.testing.assert_array_equal(scene.instances > 0, scene.mask)


def test_soft_borders_do_not_move_the_truth() -> None:
    for seed in range(10):
        sharp = make_scene(seed, options=PLAIN)
        soft = make_scene(seed, options=SceneOptions.plain(border=(2.0, 2.0)))
        np.testing.assert_array_equal(sharp.mask, soft.mask)
        ground, inside = (float(np.median(sharp.image[part])) for part in (~sharp.mask, sharp.mask))
        # The middle between both colours, give or take a rounding.
        share = (soft.image - ground) / (inside - ground)
        assert share[soft.mask].min() > 0.49
        assert share[~soft.mask].max() < 0.51


def test_an_ellipse_has_the_area_that_its_radius_says() -> None:
    for seed in range(10):
        scene = make_scene(seed, shape=(200, 200), options=SceneOptions.plain(radius=(0.2, 0.2)))
        assert scene.mask.sum() == pytest.approx(np.pi * 40**2, rel=0.03)


def test_each_type_has_its_number_of_things() -> None:
    def only(name: str, **more: Any) -> SceneOptions:
        values: dict[str, Any] = {"single": 0.0, name: 1.0, "radius": (0.1, 0.1)}
        return SceneOptions.plain(**(values | more))

    for seed in range(10):
        assert make_scene(seed, options=only("single")).kinds == (1,)
        assert make_scene(seed, options=only("pair")).kinds in ((1, 1), (1,))  # one may hide the other
        nothing = make_scene(seed, options=only("nothing"))
        assert nothing.kinds == ()
        assert not nothing.mask.any()
        assert len(np.unique(nothing.image)) == 1
        kinds = make_scene(seed, options=only("many", count=(10, 10), fill=(0.1, 0.1))).kinds
        assert set(kinds) == {1}
        assert 4 <= len(kinds) <= 10


def test_default_weights_give_about_their_share_of_each_type() -> None:
    scenes = [make_scene(seed, shape=(33, 33)).properties for seed in range(300)]
    for name, share in {"single": 0.6, "pair": 0.1, "many": 0.25, "nothing": 0.05}.items():
        assert np.mean([one[name] for one in scenes]) == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_changes_something(name: str) -> None:
    changed: dict[str, Any] = {
        "gamma": (2.0, 2.0),
        "distractors": (5, 5),
        "radius": (0.35, 0.35),
        "count": (30, 30),
        "elongation": (2.0, 2.0),
        "contrast": (0.15, 0.15),
        "border": (3.0, 3.0),
        "texture_scale": (8.0, 8.0),
        "saturation": (0.5, 0.5),
        "single": 0.0,
        "grey": 0.0,
        "beyond_echo": 0.0,
    }
    basis: dict[str, Any] = {
        "count": {"single": 0.0, "many": 1.0},
        "fill": {"single": 0.0, "many": 1.0},
        "touching": {"single": 0.0, "many": 1.0, "fill": (0.5, 0.5)},
        "clustered": {"single": 0.0, "many": 1.0},
        "single": {"pair": 0.5},
        "colour": {"grey": 0.0},
        "saturation": {"grey": 0.0},
        "four_channels": {"grey": 0.0},
        "texture_scale": {"ground_texture": (0.1, 0.1)},
        "directional": {"ground_texture": (0.1, 0.1)},
        "see_through": {"ground_texture": (0.1, 0.1)},
        "skin": {"container": 1.0},
        "crossing": {"tubes": 1.0},
        "uneven_border": {"border": (2.0, 2.0)},
        "echo": {"speckle": 1.0, "beyond_echo": 0.0},
        "beyond_echo": {"speckle": 1.0},
    }
    options = basis.get(name, {})
    limits = next(one for one in fields(SceneOptions) if one.name == name).metadata["limits"]
    low, high = limits
    default = (low + (high - low) / 2,) * 2 if isinstance(getattr(PLAIN, name), tuple) else 1.0
    more = options | {name: changed.get(name, default)}
    pairs = [[make_scene(seed, options=SceneOptions.plain(**one)) for one in (options, more)] for seed in range(12)]
    assert sum(not same(*pair) for pair in pairs) >= 4


def test_the_targets_among_the_things_are_the_mask() -> None:
    for seed in range(60):
        scene = make_scene(seed)
        targets = np.zeros(scene.mask.shape, dtype=bool)
        for thing in scene.things:
            if thing.role == "target":
                targets |= thing.on((128, 128))
        np.testing.assert_array_equal(targets, scene.mask)


@pytest.mark.parametrize("shape", [(33, 47), (128, 128), (200, 61)])
def test_things_have_their_window_inside_the_picture_and_a_pixel(shape: tuple[int, int]) -> None:
    roles = set()
    for seed in range(40):
        for thing in make_scene(seed, shape=shape, options=SceneOptions(padding=0.5, container=0.5)).things:
            sides = []
            for part, length in zip(thing.window, shape, strict=True):
                assert 0 <= part.start < part.stop <= length
                sides.append(part.stop - part.start)
            assert thing.mask.shape == tuple(sides)
            assert thing.mask.dtype == np.bool_
            assert thing.mask.any()
            assert thing.on(shape).sum() == thing.mask.sum()
            roles.add(thing.role)
    assert roles == {"target", "other", "part", "body", "line"}


def test_a_part_lies_inside_of_a_thing_and_is_less_than_it() -> None:
    found = 0
    for seed in range(60):
        scene = make_scene(seed, options=SceneOptions(parts=1.0))
        wholes = [thing.on((128, 128)) for thing in scene.things if thing.role in ("target", "other")]
        for thing in scene.things:
            if thing.role == "part":
                part = thing.on((128, 128))
                assert any((whole | ~part).all() and whole.sum() > part.sum() for whole in wholes)
                found += 1
    assert found > 30


def test_a_thing_keeps_what_a_line_covers_and_loses_what_another_thing_covers() -> None:
    crossed = SceneOptions.plain(tubes=1.0, crossing=1.0, radius=(0.3, 0.3))
    covered = 0
    for seed in range(10):
        scene, alone = (
            make_scene(seed, options=crossed),
            make_scene(seed, options=SceneOptions.plain(radius=(0.3, 0.3))),
        )
        target = next(thing for thing in scene.things if thing.role == "target").on((128, 128))
        np.testing.assert_array_equal(target, alone.mask)
        covered += bool((scene.instances[target] != scene.instances[target].min()).any())
    assert covered > 3, "lines do cross"
    pairs = SceneOptions.plain(single=0.0, pair=1.0, radius=(0.3, 0.3))
    for seed in range(20):
        first, *second = (one.on((128, 128)) for one in make_scene(seed, options=pairs).things)
        assert not any((first & one).any() for one in second)


def test_an_option_leaves_the_layers_of_others_alone() -> None:
    loud: dict[str, Any] = {"ground_texture": (0.1, 0.1), "hair": 1.0}
    for seed in range(5):
        with_tubes = make_scene(seed, options=SceneOptions.plain(**loud, tubes=1.0, crossing=1.0))
        without = make_scene(seed, options=SceneOptions.plain(**loud, crossing=1.0))
        np.testing.assert_array_equal(with_tubes.mask, without.mask)
        assert (with_tubes.image == without.image).mean() > 0.3


@pytest.mark.parametrize("name", ["stickers", "rulers", "words", "calipers", "specular"])
def test_what_is_laid_over_is_not_valid_and_leaves_the_truth(name: str) -> None:
    for seed in range(8):
        clean = make_scene(seed, options=PLAIN)
        marked = make_scene(seed, options=SceneOptions.plain(**{name: 1.0}))
        np.testing.assert_array_equal(clean.mask, marked.mask)
        different = clean.image != marked.image
        assert not different[marked.valid].any()
        assert clean.valid.all()


def test_no_file_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    make_scene(0)

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a scene opened a file")

    for module, name in ((builtins, "open"), (io, "open"), (os, "open"), (io, "FileIO")):
        monkeypatch.setattr(module, name, forbidden)
    for seed in range(20):
        make_scene(seed)


def test_numpys_global_state_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    for seed in range(5):
        make_scene(seed)
    np.testing.assert_array_equal(before, np.random.get_state(legacy=False)["state"]["key"])  # noqa: NPY002


def test_errors_name_argument_limit_and_value() -> None:
    for make, words in (
        (lambda: make_scene(-1), ("seed", "0", "-1")),
        (lambda: make_scene(0, shape=(32, 40)), ("shape", "33", "32")),
        (lambda: SceneOptions(hair=1.5), ("hair", "1.0", "1.5")),
        (lambda: SceneOptions(radius=(0.3, 0.2)), ("radius", "0.3", "0.2")),
        (lambda: SceneOptions(radius=(0.3, 0.9)), ("radius", "0.5", "0.9")),
        (lambda: SceneOptions(radius=0.3), ("radius", "0.3")),  # type: ignore[arg-type]
        (lambda: SceneOptions(single=0, pair=0, many=0, nothing=0), ("single", "0")),
        (lambda: SceneOptions.plain(hairs=1.0), ("hairs", "hair")),
    ):
        with pytest.raises(ConfigError) as caught:
            make()
        for word in words:
            assert word in str(caught.value)


def test_the_table_of_the_page_is_what_the_options_say() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenes.md").read_text(encoding="utf-8")
    for one in fields(SceneOptions):
        low, high = one.default if isinstance(one.default, tuple) else (one.default, None)
        default = f"{low:g}" if high is None else f"{low:g} to {high:g}"
        assert f"| `{one.name}` | {default} |" in page
    assert page.count("| `") == len(fields(SceneOptions)), "no option that is gone"
