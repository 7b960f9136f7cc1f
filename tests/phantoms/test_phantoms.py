"""What phantoms promise: exact truth, the same pixels again, and options that each do what they say.

Sizes are primes, all different, so that a swapped axis fails. Truth is measured from pixels wherever it can be.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import msformer.phantoms
from msformer.errors import ConfigError
from msformer.phantoms import PHANTOM_KINDS, Phantom, make_phantom

SHAPE = (97, 131)
OBJECT_KINDS = ("dermoscopy", "lung_ct", "cells", "ultrasound")
CLEAN_SKIN: dict[str, Any] = {"hair_count": 0, "vignette": 0.0, "unevenness": 0.0, "ruler": False, "noise": 0.0}
"""A lesion without anything that disturbs it."""
OPTIONS: dict[str, dict[str, tuple[Any, Any]]] = {
    "dermoscopy": {
        "n_lesions": (1, 2),
        "lesion_share": (0.1, 0.2),
        "polarity": ("darker", "brighter"),
        "centre": ((0.5, 0.5), (0.4, 0.6)),
        "tones": (1, 3),
        "irregularity": (0.1, 0.9),
        "contrast": (0.5, 0.6),
        "hair_count": (3, 4),
        "vignette": (0.3, 0.5),
        "unevenness": (0.3, 0.5),
        "ruler": (False, True),
        "noise": (2, 3),
    },
    "lung_ct": {
        "values": ("hu", "8-bit"),
        "lung_extent": (0.7, 0.8),
        "lung_hu": (-800, -700),
        "vessels": (5, 6),
        "table": (False, True),
        "field_of_view": (False, True),
        "noise": (10, 11),
    },
    "cells": {
        "stain": ("fluorescence", "stained"),
        "count": (10, 11),
        "radius": (0.05, 0.06),
        "crowding": (0.0, 1.0),
        "contrast": (0.5, 0.6),
        "variation": (0.1, 0.2),
        "debris": (3, 4),
        "noise": (2, 3),
    },
    "ultrasound": {
        "n_masses": (0, 1),
        "mass_share": (0.1, 0.2),
        "centre": ((0.5, 0.5), (0.4, 0.6)),
        "irregularity": (0.1, 0.9),
        "contrast_db": (10, 12),
        "attenuation_db": (5, 10),
        "shadow_db": (-5, 5),
        "speckle": (0.3, 0.6),
    },
    "empty": {"scene": ("skin", "tissue")},
}


def make(kind: str, seed: int = 3, **options: Any) -> Phantom:
    return make_phantom(kind, **{"seed": seed, "shape": SHAPE, **options})


def values(phantom: Phantom) -> NDArray[np.float64]:
    """Grey values; of colours their green, where pigment and stain show most."""
    image = phantom.image.astype(np.float64)
    return image if image.ndim == 2 else image[:, :, 1]


def same(one: Phantom, other: Phantom) -> bool:
    return one.image.shape == other.image.shape and bool((one.image == other.image).all())


# --- every kind -------------------------------------------------------------------------------------------------------


def test_public_names() -> None:
    assert PHANTOM_KINDS == ("dermoscopy", "lung_ct", "cells", "ultrasound", "empty")
    makers = {f"make_{name}" for name in (*PHANTOM_KINDS, "phantom")}
    artefacts = {"ARTEFACT_KINDS", "add_artefact", "artefact_pixels"}
    assert set(msformer.phantoms.__all__) == {"PHANTOM_KINDS", "Phantom"} | makers | artefacts


@pytest.mark.parametrize("kind", PHANTOM_KINDS)
def test_same_seed_same_pixels_other_seed_other_pixels(kind: str) -> None:
    first, again, other = make(kind, 5), make(kind, 5), make(kind, 6)
    assert same(first, again)
    assert (first.mask == again.mask).all()
    assert not same(first, other)


@pytest.mark.parametrize("kind", PHANTOM_KINDS)
def test_global_random_state_is_untouched(kind: str) -> None:
    before, python_before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    make(kind)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert (before["state"]["key"] == after["state"]["key"]).all()
    assert before["state"]["pos"] == after["state"]["pos"]
    assert random.getstate() == python_before


@pytest.mark.parametrize("kind", PHANTOM_KINDS)
def test_what_a_phantom_says_of_itself(kind: str) -> None:
    phantom = make(kind, 7, difficulty=0.25)
    assert (phantom.kind, phantom.seed, phantom.difficulty) == (kind, 7, 0.25)
    assert phantom.name == f"{kind}-d025-s7"
    assert phantom.image.shape[:2] == phantom.mask.shape == SHAPE
    assert phantom.mask.dtype == np.bool_
    with pytest.raises(FrozenInstanceError):
        phantom.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "options", "dtype", "shape"),
    [
        ("dermoscopy", {}, np.uint8, (192, 256, 3)),
        ("lung_ct", {}, np.int16, (256, 256)),
        ("lung_ct", {"values": "8-bit"}, np.uint8, (256, 256)),
        ("cells", {}, np.uint8, (256, 256)),
        ("cells", {"stain": "stained"}, np.uint8, (256, 256, 3)),
        ("ultrasound", {}, np.uint8, (192, 256)),
        ("empty", {}, np.uint8, (192, 256, 3)),
        ("empty", {"scene": "noise"}, np.uint8, (192, 256)),
    ],
)
def test_types_and_default_sizes(kind: str, options: dict[str, Any], dtype: type, shape: tuple[int, ...]) -> None:
    image = make_phantom(kind, seed=1, **options).image
    assert image.dtype == dtype
    assert image.shape == shape


@pytest.mark.parametrize("kind", PHANTOM_KINDS)
@pytest.mark.parametrize("shape", [(33, 33), (33, 149), (149, 33)])
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_smallest_and_narrow_frames(kind: str, shape: tuple[int, int], difficulty: float) -> None:
    phantom = make_phantom(kind, seed=2, shape=shape, difficulty=difficulty)
    assert phantom.image.shape[:2] == shape
    assert phantom.mask.any() == (kind != "empty")


@pytest.mark.parametrize("kind", PHANTOM_KINDS)
def test_every_option_is_in_the_table_of_this_test(kind: str) -> None:
    maker: Callable[..., Phantom] = getattr(msformer.phantoms, f"make_{kind}")
    assert set(inspect.signature(maker).parameters) - {"seed", "difficulty", "shape"} == set(OPTIONS[kind])


@pytest.mark.parametrize(("kind", "option"), [(kind, option) for kind in OPTIONS for option in OPTIONS[kind]])
def test_every_option_changes_something(kind: str, option: str) -> None:
    one, other = (make(kind, **{option: value}) for value in OPTIONS[kind][option])
    assert not same(one, other)


@pytest.mark.parametrize("kind", OBJECT_KINDS)
def test_difficulty_changes_pixels_and_never_the_truth(kind: str) -> None:
    easy, hard = make(kind, difficulty=0), make(kind, difficulty=1)
    assert not same(easy, hard)
    assert (easy.mask == hard.mask).all()


@pytest.mark.parametrize(
    ("kind", "difficulty", "stated"),
    [
        (
            "dermoscopy",
            0,
            {"contrast": 1, "hair_count": 0, "vignette": 0, "unevenness": 0, "noise": 1.5, "ruler": False},
        ),
        (
            "dermoscopy",
            1,
            {"contrast": 0.2, "hair_count": 40, "vignette": 1, "unevenness": 1, "noise": 9, "ruler": True},
        ),
        ("dermoscopy", 0.5, {"contrast": 0.6, "hair_count": 20, "vignette": 0.5, "noise": 5.25, "ruler": False}),
        ("lung_ct", 0, {"lung_hu": -880, "vessels": 6, "noise": 8}),
        ("lung_ct", 1, {"lung_hu": -480, "vessels": 16, "noise": 110}),
        ("cells", 0, {"contrast": 1, "variation": 0.05, "debris": 0, "noise": 1, "crowding": 0.3}),
        ("cells", 1, {"contrast": 0.2, "variation": 0.5, "debris": 30, "noise": 9, "crowding": 0.3}),
        ("ultrasound", 0, {"contrast_db": 22, "attenuation_db": 4, "shadow_db": -6, "speckle": 0.35}),
        ("ultrasound", 1, {"contrast_db": 6, "attenuation_db": 18, "shadow_db": 12, "speckle": 1}),
    ],
)
def test_difficulty_gives_the_defaults_that_are_documented(
    kind: str, difficulty: float, stated: dict[str, Any]
) -> None:
    assert same(make(kind, difficulty=difficulty), make(kind, difficulty=difficulty, **stated))


@pytest.mark.parametrize(("kind", "options"), [(kind, {}) for kind in OBJECT_KINDS] + [("cells", {"stain": "stained"})])
def test_contrast_to_noise_falls_with_difficulty(kind: str, options: dict[str, Any]) -> None:
    def contrast(difficulty: float) -> float:
        ratios = []
        for seed in range(6):
            phantom = make(kind, seed, difficulty=difficulty, **options)
            near = ndimage.binary_dilation(phantom.mask, iterations=6) & ~phantom.mask
            inside, outside = values(phantom)[phantom.mask], values(phantom)[near]
            ratios.append(abs(inside.mean() - outside.mean()) / np.sqrt(inside.var() + outside.var()))
        return float(np.mean(ratios))

    falling = [contrast(difficulty) for difficulty in (0, 0.25, 0.5, 0.75, 1)]
    assert falling == sorted(falling, reverse=True), falling
    assert falling[0] > 1.5 * falling[-1]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("brain", {}, r"kind must be one of dermoscopy, .*; got 'brain'"),
        ("cells", {"hair_count": 3}, r"options of 'cells' are contrast, count.*; got hair_count"),
        ("cells", {"seed": -1}, r"seed must be a whole number from 0 to \d+, got -1"),
        ("cells", {"difficulty": 1.3}, r"difficulty must be in \[0, 1\], got 1.3"),
        ("cells", {"difficulty": float("nan")}, r"difficulty must be in \[0, 1\], got nan"),
        ("cells", {"shape": (32, 64)}, r"shape must be .* at least 33 px; got \(32, 64\)"),
        ("cells", {"stain": "gram"}, r"stain must be one of fluorescence, stained; got 'gram'"),
        ("cells", {"count": 2.5}, r"count must be a whole number from 0 to 400, got 2.5"),
        ("dermoscopy", {"lesion_share": 0.01}, r"lesion_share must be in \[0.02, 0.98\], got 0.01"),
        ("dermoscopy", {"tones": 0}, r"tones must be a whole number from 1 to 3, got 0"),
        ("dermoscopy", {"n_lesions": 3}, r"n_lesions must be a whole number from 0 to 2, got 3"),
        ("dermoscopy", {"centre": (0.5, 1.1)}, r"centre must be in \[0, 1\], got 1.1"),
        ("dermoscopy", {"n_lesions": 2, "lesion_share": 0.98}, r"lesion_share must be at most 0.9\d+ .*, got 0.98"),
        ("lung_ct", {"lung_hu": 100}, r"lung_hu must be in \[-950, 0\], got 100"),
        ("ultrasound", {"n_masses": 2}, r"n_masses must be a whole number from 0 to 1, got 2"),
        ("empty", {"scene": "sea"}, r"scene must be one of skin, tissue, noise, blank; got 'sea'"),
    ],
)
def test_errors_name_argument_limit_and_value(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(kind, **options)


# --- dermoscopy -------------------------------------------------------------------------------------------------------


def effect(seed: int = 3, **options: Any) -> NDArray[np.float64]:
    """What the lesion alone adds to the optical density in green: the same skin with and without it."""
    options = {**CLEAN_SKIN, "polarity": "darker", **options}
    with_lesion, bare = make("dermoscopy", seed, **options), make("dermoscopy", seed, **{**options, "n_lesions": 0})
    density: NDArray[np.float64] = np.log(values(bare)) - np.log(np.maximum(values(with_lesion), 1))
    return density


@pytest.mark.parametrize("share", [0.02, 0.1, 0.37, 0.75, 0.98])
@pytest.mark.parametrize("polarity", ["darker", "brighter"])
def test_lesion_covers_the_share_that_was_asked(share: float, polarity: str) -> None:
    phantom = make("dermoscopy", lesion_share=share, polarity=polarity)
    assert phantom.mask.sum() == round(share * SHAPE[0] * SHAPE[1])
    assert ndimage.label(phantom.mask)[1] == 1


@pytest.mark.parametrize("seed", range(4))
def test_lesion_mask_is_where_the_pigment_is(seed: int) -> None:
    options = {"difficulty": 0, "tones": 1, "contrast": 1.0}
    mask, added = make("dermoscopy", seed, **options, **CLEAN_SKIN).mask, effect(seed, **options)
    measured = added > 0.5 * np.median(added[mask])
    assert (measured & mask).sum() / (measured | mask).sum() > 0.93
    far = ~ndimage.binary_dilation(mask, iterations=5)
    assert np.abs(added[far]).max() < 0.03


@pytest.mark.parametrize(("polarity", "sign"), [("darker", 1), ("brighter", -1)])
def test_lesion_is_darker_or_brighter_than_the_same_skin_without_it(polarity: str, sign: int) -> None:
    mask = make("dermoscopy", polarity=polarity).mask
    added = effect(polarity=polarity, difficulty=0, tones=1)
    assert (np.sign(added[ndimage.binary_erosion(mask, iterations=2)]) == sign).mean() > 0.99


@pytest.mark.parametrize("contrast", [0.2, 0.5, 1.0])
def test_contrast_is_the_lesions_mean_optical_density(contrast: float) -> None:
    mask = make("dermoscopy").mask
    assert effect(contrast=contrast)[mask].mean() == pytest.approx(contrast, rel=0.03)


@pytest.mark.parametrize(
    ("centre", "touched"),
    [
        ((0.0, 0.5), "top"),
        ((1.0, 0.5), "bottom"),
        ((0.5, 0.0), "left"),
        ((0.5, 1.0), "right"),
        ((0.0, 1.0), "top right"),
    ],
)
def test_lesion_is_cut_by_the_border_on_which_its_centre_lies(centre: tuple[float, float], touched: str) -> None:
    mask = make("dermoscopy", lesion_share=0.08, centre=centre).mask
    borders = {"top": mask[0], "bottom": mask[-1], "left": mask[:, 0], "right": mask[:, -1]}
    assert {name for name, border in borders.items() if border.any()} == set(touched.split())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.05, 0.4, 0.8])
def test_two_lesions_are_two(seed: int, share: float) -> None:
    phantom = make("dermoscopy", seed, n_lesions=2, lesion_share=share)
    assert ndimage.label(phantom.mask, np.ones((3, 3)))[1] == 2
    assert phantom.mask.mean() == pytest.approx(share, abs=1e-4)


def test_no_lesion_is_an_empty_mask_on_the_same_skin() -> None:
    with_lesion, bare = make("dermoscopy"), make("dermoscopy", n_lesions=0)
    assert not bare.mask.any()
    far = ~ndimage.binary_dilation(with_lesion.mask, iterations=20)
    assert (np.abs(with_lesion.image[far].astype(int) - bare.image[far]) <= 1).all()


def test_tones_add_a_darker_part_and_then_a_bluer_one() -> None:
    spreads, blueness = [], []
    for tones in (1, 2, 3):
        phantoms = [make("dermoscopy", seed, tones=tones, difficulty=0, **CLEAN_SKIN) for seed in range(6)]
        spreads.append(np.mean([np.log(values(one)[one.mask]).std() for one in phantoms]))
        colours = [np.log(np.maximum(one.image[one.mask].astype(float), 1)) for one in phantoms]
        blueness.append(np.mean([np.quantile(colour[:, 2] - colour[:, 0], 0.9) for colour in colours]))
    assert spreads[1] > 1.2 * spreads[0]
    assert blueness[2] > blueness[1] + 0.1


def test_irregularity_lengthens_the_outline() -> None:
    def outline(irregularity: float) -> float:
        masks = [make("dermoscopy", seed, irregularity=irregularity, lesion_share=0.2).mask for seed in range(5)]
        return float(np.mean([(mask & ~ndimage.binary_erosion(mask)).sum() for mask in masks]))

    assert outline(0) < 1.05 * outline(0.3) < outline(0.8)


def thin_dark_share(phantom: Phantom) -> float:
    grey = np.ascontiguousarray(phantom.image[:, :, 1])
    black_hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    return float((black_hat > 30).mean())


def test_hair_is_thin_and_dark_and_leaves_the_rest_alone() -> None:
    bald, some, many = (make("dermoscopy", n_lesions=0, noise=0, hair_count=count) for count in (0, 10, 60))
    assert thin_dark_share(bald) == 0
    assert 0.01 < thin_dark_share(some) < thin_dark_share(many) - 0.05
    assert (some.image <= bald.image).all()
    assert (some.image == bald.image).all(2).mean() > 0.7


def test_vignette_darkens_the_corners_and_not_the_middle() -> None:
    levels = [
        make("dermoscopy", **{**CLEAN_SKIN, "vignette": strength, "n_lesions": 0}) for strength in (0, 0.3, 0.6, 1)
    ]
    corners = [values(one)[:4, :4].mean() for one in levels]
    assert corners == sorted(corners, reverse=True)
    assert corners[0] > 100
    assert corners[-1] < 10
    middles = [values(one)[44:53, 61:70].mean() for one in levels]
    assert middles[-1] == pytest.approx(middles[0], rel=0.01)


def test_uneven_light_falls_by_a_half_across_the_frame() -> None:
    even, uneven = (make("dermoscopy", **{**CLEAN_SKIN, "unevenness": one, "n_lesions": 0}) for one in (0, 1))
    ratio = values(uneven) / values(even)
    assert ratio.max() == pytest.approx(1, abs=0.02)
    assert ratio.min() == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.diff(ratio, axis=0)).max() < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_ruler_is_dark_marks_along_one_border(seed: int) -> None:
    without, ruled = (make("dermoscopy", seed, **{**CLEAN_SKIN, "ruler": ruler}) for ruler in (False, True))
    rows, columns = np.nonzero((without.image != ruled.image).any(2))
    assert (ruled.image <= without.image + 1).all()
    depth = 0.14 * min(SHAPE)
    near = [rows < depth, rows >= SHAPE[0] - depth, columns < depth, columns >= SHAPE[1] - depth]
    assert sum(bool(border.all()) for border in near) == 1
    assert len(rows) > 40


def test_noise_has_the_deviation_that_was_asked() -> None:
    clean, noisy = (make("dermoscopy", **{**CLEAN_SKIN, "contrast": 0.5, "noise": noise}) for noise in (0, 5))
    assert (noisy.image.astype(float) - clean.image)[clean.image < 230].std() == pytest.approx(5, rel=0.05)


# --- lung CT ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_lungs_are_two_with_the_density_that_was_asked_in_a_body_in_air(seed: int) -> None:
    phantom = make("lung_ct", seed, vessels=0, noise=0, lung_hu=-700, table=False)
    assert ndimage.label(phantom.mask)[1] == 2
    assert phantom.image[ndimage.binary_erosion(phantom.mask, iterations=3)].mean() == pytest.approx(-700, abs=20)
    wall = ndimage.binary_dilation(phantom.mask, iterations=4) & ~ndimage.binary_dilation(phantom.mask, iterations=2)
    assert phantom.image[wall].min() > -200
    assert (phantom.image[:4] == -1000).all()
    assert phantom.image.max() > 300  # bone


def test_lung_mask_is_what_is_dark_inside_the_body() -> None:
    phantom = make("lung_ct", vessels=0, noise=0, table=False)
    body = ndimage.binary_fill_holes(phantom.image > -550)
    measured = body & (phantom.image < -400)
    measured = ndimage.binary_opening(measured, iterations=2)  # the body's own blurred edge
    assert (measured & phantom.mask).sum() / (measured | phantom.mask).sum() > 0.95


def test_lung_extent_is_relative_to_the_room() -> None:
    small, large, full = (make("lung_ct", lung_extent=extent).mask for extent in (0.3, 0.6, 1.0))
    assert large.sum() / full.sum() == pytest.approx(0.6, abs=0.02)
    assert small.sum() / full.sum() == pytest.approx(0.3, abs=0.02)
    assert not (small & ~large).any()


def test_vessels_lie_in_the_lungs_and_belong_to_them() -> None:
    bare, full = (make("lung_ct", vessels=count, noise=0) for count in (0, 12))
    changed = bare.image != full.image
    assert (bare.mask == full.mask).all()
    assert not (changed & ~ndimage.binary_dilation(full.mask, iterations=3)).any()
    assert 0.05 < changed[full.mask].mean() < 0.9
    assert (full.image >= bare.image).all()


def test_table_lies_below_the_body() -> None:
    without, with_table = (make("lung_ct", table=table, noise=0) for table in (False, True))
    rows = np.nonzero(without.image != with_table.image)[0]
    assert rows.min() > np.nonzero(without.mask)[0].max()
    assert len(rows) > SHAPE[1]


def test_field_of_view_pads_the_corners() -> None:
    image = make("lung_ct", field_of_view=True).image
    assert {int(image[row, column]) for row in (0, -1) for column in (0, -1)} == {-2000}
    assert image[48, 65] > -1200
    assert (image != -2000).sum() == pytest.approx(0.99**2 * np.pi / 4 * 96 * 130, rel=0.01)


def test_8_bit_values_are_the_window_of_the_hounsfield_units() -> None:
    hu, grey = make("lung_ct"), make("lung_ct", values="8-bit")
    assert np.abs(np.clip((hu.image + 1000.0) / 1700 * 255, 0, 255) - grey.image).max() <= 0.6


def test_ct_noise_has_the_deviation_that_was_asked() -> None:
    clean, noisy = make("lung_ct", noise=0), make("lung_ct", noise=40)
    assert (noisy.image.astype(float) - clean.image).std() == pytest.approx(40, rel=0.05)


# --- cells ------------------------------------------------------------------------------------------------------------


def test_count_nuclei_without_crowding_are_as_many_components() -> None:
    phantom = make("cells", count=13, crowding=0, radius=0.04)
    centres_cut_off = 1  # one may lie on a corner, or touch another by its longer axis
    assert abs(ndimage.label(phantom.mask)[1] - 13) <= centres_cut_off
    assert not make("cells", count=0).mask.any()


def test_crowding_makes_nuclei_touch() -> None:
    def components(crowding: float) -> int:
        return sum(ndimage.label(make("cells", seed, count=40, crowding=crowding).mask)[1] for seed in range(4))

    assert components(1) < 0.8 * components(0)


def test_radius_gives_the_area() -> None:
    masks = [make_phantom("cells", seed=1, count=12, crowding=0, radius=radius).mask for radius in (0.03, 0.06)]
    assert masks[0].sum() / 12 == pytest.approx(np.pi * (0.03 * 256) ** 2, rel=0.3)
    assert masks[1].sum() / masks[0].sum() == pytest.approx(4, rel=0.3)


@pytest.mark.parametrize("stain", ["fluorescence", "stained"])
@pytest.mark.parametrize("seed", range(3))
def test_nuclei_are_the_bright_or_dark_pixels(stain: str, seed: int) -> None:
    phantom = make_phantom("cells", seed=seed, stain=stain, difficulty=0, contrast=1.0, variation=0, debris=0, noise=0)
    amount = -np.log(values(phantom)) if stain == "stained" else values(phantom)  # stain is additive in density
    measured = amount > (np.median(amount[phantom.mask]) + np.median(amount[~phantom.mask])) / 2
    assert (measured & phantom.mask).sum() / (measured | phantom.mask).sum() > 0.93


def test_variation_spreads_the_nuclei() -> None:
    def spread(variation: float) -> float:
        phantom = make("cells", variation=variation, noise=0, debris=0, crowding=0)
        parts, count = ndimage.label(phantom.mask)
        means = ndimage.mean(phantom.image, parts, range(1, count + 1))
        return float(np.std(means) / np.mean(means))

    assert spread(0) < 0.1
    assert spread(0.5) > 0.3


@pytest.mark.parametrize(("stain", "sign"), [("fluorescence", 1), ("stained", -1)])
def test_debris_shows_and_is_no_truth(stain: str, sign: int) -> None:
    clean, dirty = (make("cells", stain=stain, debris=count, noise=0) for count in (0, 10))
    assert (clean.mask == dirty.mask).all()
    change = sign * (values(dirty) - values(clean))[~clean.mask]
    assert change.min() >= -1
    assert change.mean() > 1
    if stain == "stained":  # red cells lie under the nuclei; light out of focus lies over everything
        inside = ndimage.binary_erosion(clean.mask, iterations=3)
        assert (clean.image[inside] == dirty.image[inside]).all()


@pytest.mark.parametrize("stain", ["fluorescence", "stained"])
def test_cell_noise_and_contrast(stain: str) -> None:
    def spread(**options: Any) -> float:
        return float(values(make("cells", stain=stain, debris=0, **options)).std())

    assert spread(noise=0, contrast=0) < 6
    assert spread(noise=0, contrast=1) > 30
    clean, noisy = (values(make("cells", stain=stain, noise=noise)) for noise in (0, 6))
    assert 3 < (noisy - clean).std() < 7


# --- ultrasound -------------------------------------------------------------------------------------------------------

QUIET: dict[str, Any] = {"speckle": 0.0, "attenuation_db": 0.0, "shadow_db": 0.0, "difficulty": 0.0}
GREY_A_DB = 255 / 60


@pytest.mark.parametrize("share", [0.01, 0.1, 0.6])
def test_mass_covers_the_share_that_was_asked(share: float) -> None:
    assert make("ultrasound", mass_share=share).mask.sum() == round(share * SHAPE[0] * SHAPE[1])


@pytest.mark.parametrize("seed", range(3))
def test_mass_is_weaker_by_the_contrast_and_nothing_else_changes(seed: int) -> None:
    phantom, bare = (make("ultrasound", seed, **QUIET, contrast_db=15, n_masses=count) for count in (1, 0))
    loss = (values(bare) - values(phantom)) / GREY_A_DB
    assert not bare.mask.any()
    assert loss[ndimage.binary_erosion(phantom.mask, iterations=2)].mean() == pytest.approx(15, abs=1.5)
    assert np.abs(loss[~ndimage.binary_dilation(phantom.mask, iterations=5)]).max() < 0.5


def test_mass_lies_where_its_centre_is_and_may_be_cut() -> None:
    mask = make("ultrasound", centre=(0.3, 0.7), irregularity=0, mass_share=0.05).mask
    assert ndimage.center_of_mass(mask) == pytest.approx((0.3 * 96, 0.7 * 130), abs=1)
    assert make("ultrasound", centre=(0.5, 0.0)).mask[:, 0].any()


def test_attenuation_darkens_the_depth() -> None:
    lossless, lossy = (make("ultrasound", **{**QUIET, "attenuation_db": loss}) for loss in (0, 10))
    loss = (values(lossless) - values(lossy)).mean(1) / GREY_A_DB
    assert loss[0] == pytest.approx(0, abs=0.2)
    assert loss[-1] == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize("shadow_db", [-6, 12])
def test_shadow_lies_behind_the_mass_only(shadow_db: int) -> None:
    plain, shaded = (make("ultrasound", **{**QUIET, "shadow_db": shadow}) for shadow in (0, shadow_db))
    change = (values(plain) - values(shaded)) / GREY_A_DB
    rows, columns = np.nonzero(plain.mask)
    assert np.abs(change[plain.mask]).max() < 0.3
    assert np.abs(change[: rows.min() - 3]).max() < 0.3
    column = int(np.median(columns))
    assert change[rows[columns == column].max() + 6, column] == pytest.approx(shadow_db, rel=0.3)


def test_speckle_grows_and_its_grain_is_wider_than_high() -> None:
    plain, half, full = (values(make("ultrasound", **{**QUIET, "speckle": speckle})) for speckle in (0, 0.5, 1))
    grain = full - plain
    assert 0.4 < (half - plain).std() / grain.std() < 0.65
    along, across = np.diff(grain, axis=1).std(), np.diff(grain, axis=0).std()
    assert along < 0.95 * across


# --- empty ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", ["skin", "tissue", "noise", "blank"])
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_empty_scenes_have_no_truth(scene: str, difficulty: float) -> None:
    phantom = make("empty", scene=scene, difficulty=difficulty)
    assert not phantom.mask.any()
    assert (phantom.image.std() == 0) == (scene == "blank")


@pytest.mark.parametrize(
    ("scene", "kind", "without"), [("skin", "dermoscopy", {"n_lesions": 0}), ("tissue", "ultrasound", {"n_masses": 0})]
)
def test_empty_skin_and_tissue_are_the_other_kinds_without_their_object(
    scene: str, kind: str, without: dict[str, int]
) -> None:
    assert same(make("empty", scene=scene), make(kind, **without))


def test_empty_noise_has_no_edges_that_an_object_would_have() -> None:
    smooth = cv2.GaussianBlur(values(make("empty", scene="noise", difficulty=1)), (0, 0), 3)
    assert np.hypot(*np.gradient(smooth)).max() < 6
