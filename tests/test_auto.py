from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from benchmarks.auto import WANTED, find_images
from numpy.typing import NDArray

from msformer.auto import choose_preset
from msformer.config import Config
from msformer.image import Image, Pixels
from msformer.io import read
from msformer.phantoms import make_cells, make_empty, make_phantom

KINDS = {"dermoscopy": "dermoscopy", "lung_ct": "lung-ct", "cells": "nuclei", "ultrasound": "ultrasound"}


def choose(pixels: Pixels) -> str:
    return choose_preset(Image.from_array(pixels))[0]


def disc(shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 <= 1
    return np.asarray(inside)


def slide(ground: tuple[int, int, int], nucleus: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    image = np.empty((211, 277, 3))
    image[:] = ground
    for row in range(25, 200, 40):
        for column in range(25, 270, 45):
            image[disc((211, 277), (row + rng.uniform(-5, 5), column + rng.uniform(-5, 5)), (11, 9))] = nucleus
    return np.asarray(np.clip(image + rng.normal(0, 3, image.shape), 0, 255), dtype=np.uint8)


def radiograph(spine: float = 190) -> NDArray[np.uint8]:
    """Two dark lungs with ribs beside a spine, in a body without much air around it."""
    shape = (307, 293)
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = 150 + 0.1 * rows + (spine - 150) * np.exp(-(((columns - 146) / 22) ** 2))
    for column in (85, 207):
        image -= 90 * cv2.GaussianBlur(disc(shape, (140, column), (95, 48)).astype(np.float64), (0, 0), 8)
    image += 6 * np.sin(rows / 5) + cv2.GaussianBlur(rng.normal(0, 30, shape), (0, 0), 3)
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("difficulty", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("kind", KINDS)
def test_phantoms(kind: str, difficulty: float) -> None:
    for seed in (11, 12):
        assert choose(make_phantom(kind, seed=seed, difficulty=difficulty).image) == KINDS[kind]


@pytest.mark.parametrize(
    ("scene", "preset"),
    [("skin", "dermoscopy"), ("tissue", "ultrasound"), ("noise", "general"), ("blank", "general")],
)
def test_scenes_without_an_object(scene: Any, preset: str) -> None:
    assert choose(make_empty(seed=5, scene=scene).image) == preset


def test_smear_is_told_from_a_slide_of_nuclei() -> None:
    assert choose(make_cells(seed=5, stain="stained").image) == "stained-tissue"
    assert choose(slide((238, 232, 240), (150, 50, 165))) == "nuclei"


def test_fluorescence_in_colour_is_nuclei() -> None:
    assert choose(slide((2, 2, 6), (10, 30, 190))) == "nuclei"


def test_grey_slide_is_nuclei() -> None:
    assert choose(slide((235, 235, 235), (90, 90, 90))[:, :, 0]) == "nuclei"


def test_radiograph_needs_its_midline() -> None:
    assert choose(radiograph()) == "chest-xray"
    assert choose(radiograph()[:, 30:160]) != "chest-xray"


def test_ultrasound_turned_on_its_side_is_none() -> None:
    image = make_phantom("ultrasound", seed=11).image
    assert choose(image) == "ultrasound"
    assert choose(np.rot90(image)) != "ultrasound"


def test_green_leaves_are_no_skin() -> None:
    skin = make_phantom("dermoscopy", seed=11).image
    assert choose(skin) == "dermoscopy"
    assert choose(skin[:, :, [1, 0, 2]]) == "general"


def test_busy_scene_in_the_colours_of_skin_is_general() -> None:
    light = np.kron(np.random.default_rng(2).integers(20, 256, (9, 12)), np.ones((23, 23)))
    image = (light[:, :, None] * (0.9, 0.6, 0.4)).astype(np.uint8)
    assert choose(image) == "general"


def test_hounsfield_units_without_lungs_are_general() -> None:
    body = disc((193, 211), (96, 105), (70, 90))
    lungs = disc((193, 211), (90, 65), (40, 25)) | disc((193, 211), (90, 145), (40, 25))
    noise = np.random.default_rng(4).normal(0, 20, body.shape)
    tissue = np.where(body, 40, -1000)
    assert choose((np.where(lungs, -800, tissue) + noise).astype(np.int16)) == "lung-ct"
    assert choose((tissue + noise).astype(np.int16)) == "general"


def test_slice_of_any_type_is_lung_ct() -> None:
    units = make_phantom("lung_ct", seed=11).image
    assert choose(units.astype(np.float32)) == "lung-ct"
    assert choose(np.clip(units + 1024, 0, 4095).astype(np.uint16)) == "lung-ct"
    assert choose((np.clip((units + 1000) / 1400, 0, 1) * 255).astype(np.uint8)) == "lung-ct"


@pytest.mark.parametrize("kind", ["dermoscopy", "cells", "ultrasound"])
def test_type_does_not_matter(kind: str) -> None:
    image = make_phantom(kind, seed=11).image
    for other in (image.astype(np.uint16) * 257, (image / 255).astype(np.float32), image * 10.0 + 3):
        assert choose(other) == KINDS[kind]


@pytest.mark.parametrize("kind", ["cells", "ultrasound"])
@pytest.mark.parametrize("quality", [50, 90])
def test_colour_noise_of_jpeg_is_no_colour(kind: str, quality: int) -> None:
    image = cv2.cvtColor(make_phantom(kind, seed=11).image, cv2.COLOR_GRAY2BGR)
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert choose(np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR))) == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_mirrored_cut_and_lightened(kind: str) -> None:
    image = make_phantom(kind, seed=11).image
    row, column = image.shape[0] // 20, image.shape[1] // 20
    assert choose(image[:, ::-1]) == KINDS[kind]
    assert choose(image[row:-row, column:-column]) == KINDS[kind]
    if image.dtype == np.uint8:
        for gamma in (0.7, 1.4):
            assert choose(np.rint(255 * (image / 255) ** gamma).astype(np.uint8)) == KINDS[kind]


@pytest.mark.parametrize("shape", [(33, 33), (33, 2000), (64, 64), (41, 53, 2), (41, 53, 5), (2999, 61, 3)])
def test_any_shape_is_answered(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    preset, reason = choose_preset(Image.from_array(pixels))
    assert Config.from_preset(preset).preset == preset
    assert reason.endswith(".")


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64, np.bool_])
def test_constant_image_is_general(value: int, dtype: Any) -> None:
    assert choose(np.full((37, 41), value, dtype=dtype)) == "general"


def test_image_is_not_written_to() -> None:
    image = make_phantom("dermoscopy", seed=11).image
    before = image.copy()
    image.flags.writeable = False
    choose(image)
    assert np.array_equal(image, before)


def test_reason_states_what_was_measured() -> None:
    _, reason = choose_preset(Image.from_array(make_phantom("lung_ct", seed=11).image))
    assert reason.startswith("Hounsfield units, and ")
    assert reason.endswith("% of the body is lung.")


@pytest.mark.parametrize("name", WANTED)
def test_real_images(name: str, shared: Path) -> None:
    paths = find_images(shared / "data" / name)
    if not paths:
        pytest.skip(f"no set {name}")
    chosen = [choose_preset(read(path))[0] for path in paths[:8]]
    assert chosen.count(WANTED[name]) >= 0.8 * len(chosen)
