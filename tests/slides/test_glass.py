"""Bare glass around stained tissue: no data, whatever a tile shows beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from msformer.config import Config
from msformer.io.slide import open_slide
from msformer.measure import measure_instances
from msformer.pipeline import segment_with
from msformer.slides import segment_slide
from msformer.slides.glass import PADDING, find_glass


def island(path: Path, *, black: bool = False) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pink tissue with dark nuclei in the middle of white glass; where the nuclei are, and where the tissue is.

    With ``black`` as much again below it was not scanned.
    """
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:900, :1100]
    tissue = ((rows - 450) / 340) ** 2 + ((columns - 560) / 420) ** 2 < 1
    nuclei = np.zeros_like(tissue)
    for row, column in zip(rng.integers(120, 780, 500), rng.integers(150, 970, 500), strict=True):
        if tissue[row, column]:
            nuclei |= (rows - row) ** 2 + (columns - column) ** 2 < 8**2
    pixels = np.where(tissue[..., None], (226, 180, 214), (238, 236, 240))
    pixels = np.where(nuclei[..., None], (96, 66, 140), pixels) + rng.integers(-6, 7, (*tissue.shape, 1))
    below = 900 if black else 0
    pixels, nuclei, tissue = (np.pad(one, ((0, below), (0, 0), (0, 0))[: one.ndim]) for one in (pixels, nuclei, tissue))
    tifffile.imwrite(path, pixels.clip(0, 255).astype(np.uint8), tile=(256, 256), photometric="rgb")
    return nuclei, tissue


def test_nuclei_are_found_at_the_border_of_tissue_as_within(tmp_path: Path) -> None:
    nuclei, tissue = island(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset("nuclei"), tmp_path, side=180, margin=40)
    mask = np.asarray(found.mask) > 0
    assert 2 * (mask & nuclei).sum() / (mask.sum() + nuclei.sum()) > 0.9
    assert found.segmented < found.tiles
    far = np.hypot(*np.gradient(tissue.astype(float))) == 0
    labels = np.asarray(found.label_map)
    assert (labels[~tissue & far] == 0).mean() > 0.99
    assert (labels[tissue & far] > 0).mean() > 0.99


@pytest.mark.parametrize(("tissue", "white"), [(180, 238), (205, 246), (120, 228)])
def test_the_threshold_lies_between_tissue_and_glass(tissue: int, white: int) -> None:
    pixels = np.full((600, 500, 3), white, dtype=np.uint8)
    pixels[200:400, 50:450] = (tissue + 30, tissue, tissue + 20)
    glass = find_glass(pixels)
    assert glass is not None
    assert tissue < glass.above < white
    bare = glass.of(pixels)
    assert not bare[205:395, 55:445].any()
    assert bare[:190].all()
    shown = glass.without(pixels)
    assert (shown[:190] == PADDING).all()
    np.testing.assert_array_equal(shown[210:390, 60:440], pixels[210:390, 60:440])
    pixels[410:] = 0  # what was not scanned
    assert find_glass(pixels) == glass
    assert glass.of(pixels)[420:].all()


def test_black_between_scanned_parts_is_nothing(tmp_path: Path) -> None:
    nuclei, _ = island(tmp_path / "a.tif", black=True)
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset("nuclei"), tmp_path, side=256, margin=64)
    mask, labels = np.asarray(found.mask) > 0, np.asarray(found.label_map)
    assert 2 * (mask & nuclei).sum() / (mask.sum() + nuclei.sum()) > 0.9
    assert not labels[910:].any()
    assert not mask[910:].any()


def test_small_fragments_are_not_passed_over_with_their_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four discs of 40 px in corners far from the tissue; of the overview every eighth pixel is seen."""
    rng = np.random.default_rng(2)
    pixels = np.full((1200, 1200, 3), (238, 236, 240)) + rng.integers(-6, 7, (1200, 1200, 1))
    rows, columns = np.mgrid[:1200, :1200]
    pixels[(rows - 600) ** 2 + (columns - 600) ** 2 < 160**2] = (226, 180, 214)
    for row, column in ((100, 100), (100, 1100), (1100, 100), (1100, 1100)):
        pixels[(rows - row) ** 2 + (columns - column) ** 2 < 20**2] = (190, 120, 180)
    tifffile.imwrite(tmp_path / "a.tif", pixels.clip(0, 255).astype(np.uint8), tile=(256, 256), photometric="rgb")
    monkeypatch.setattr("msformer.io.slide.OVERVIEW_PIXELS", 1200 * 1200 // 64)
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset("nuclei"), tmp_path, side=300, margin=40)
    labels = np.asarray(found.label_map)
    assert found.tiles == 16
    assert 8 <= found.segmented < 16
    for row, column in ((100, 100), (100, 1100), (1100, 100), (1100, 1100)):
        assert labels[row, column] > 0
    assert not labels[:60].any()


def test_cells_apart_from_each_other_keep_their_ground() -> None:
    """A smear: glass is what cells are told from, and no data would leave nothing around them."""
    pixels = np.full((600, 600, 3), 240, dtype=np.uint8)
    for row in range(20, 600, 50):
        for column in range(20, 600, 50):
            pixels[row : row + 14, column : column + 14] = (120, 60, 140)
    assert find_glass(pixels) is None
    assert find_glass(pixels, step=16) is not None, (
        "the same picture of a slide 16 times as large shows pieces of tissue"
    )


@pytest.mark.parametrize("preset", ["nuclei", "dermoscopy"])
def test_nothing_on_glass_is_an_object_whatever_a_tile_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    _, tissue = island(tmp_path / "a.tif")

    def all_of_it(cluster: Any, image: Any, settings: Config, **given: Any) -> Any:
        """The right half of every tile is one object, the left half another."""
        found = segment_with(cluster, image, settings, **given)
        halves = np.ones(image.shape, dtype=np.uint16)
        halves[:, image.shape[1] // 2 :] = 2
        instances = halves if preset == "nuclei" else None
        return replace(found, mask=halves > 0, instances=instances, objects=measure_instances(image, halves))

    monkeypatch.setattr("msformer.slides.segment.segment_with", all_of_it)
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset(preset), tmp_path, side=300, margin=40)
    mask = np.asarray(found.mask) > 0
    assert mask.any()
    corner = mask[:150, :200]
    assert not corner.any()
    for one in found.objects:
        assert one.area_px == (np.asarray(found.instances) == one.label).sum()
    far = np.hypot(*np.gradient(tissue.astype(float))) == 0
    assert (mask & ~tissue & far).mean() < 0.01


def test_what_has_no_white_has_no_glass() -> None:
    dark = np.full((50, 50, 3), 30, dtype=np.uint8)
    assert find_glass(dark) is None
    assert find_glass(np.full((50, 50, 3), 240, dtype=np.uint8)) is None, "nothing else to tell it from"
    assert find_glass(np.full((50, 50), 240, dtype=np.uint8)) is None
    assert find_glass(np.full((50, 50, 3), 240, dtype=np.uint16)) is None
