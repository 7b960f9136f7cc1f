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


def island(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pink tissue with 200 dark nuclei in the middle of white glass; where the nuclei are, and where the tissue is."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:900, :1100]
    tissue = ((rows - 450) / 340) ** 2 + ((columns - 560) / 420) ** 2 < 1
    nuclei = np.zeros_like(tissue)
    for row, column in zip(rng.integers(120, 780, 500), rng.integers(150, 970, 500), strict=True):
        if tissue[row, column]:
            nuclei |= (rows - row) ** 2 + (columns - column) ** 2 < 8**2
    pixels = np.where(tissue[..., None], (226, 180, 214), (238, 236, 240))
    pixels = np.where(nuclei[..., None], (96, 66, 140), pixels) + rng.integers(-6, 7, (*tissue.shape, 1))
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
    pixels = np.full((300, 300, 3), white, dtype=np.uint8)
    pixels[100:200, 50:250] = (tissue + 30, tissue, tissue + 20)
    glass = find_glass(pixels)
    assert glass is not None
    assert tissue < glass.above < white
    bare = glass.of(pixels)
    assert not bare[105:195, 55:245].any()
    assert bare[:90].all()
    shown = glass.without(pixels)
    assert (shown[:90] == PADDING).all()
    np.testing.assert_array_equal(shown[110:190, 60:240], pixels[110:190, 60:240])


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
        found = segment_slide(opened, Config.from_preset(preset), tmp_path, side=180, margin=40)
    mask = np.asarray(found.mask) > 0
    assert mask.any()
    corner = mask[:150, :200]
    assert not corner.any()
    if preset == "dermoscopy":
        far = np.hypot(*np.gradient(tissue.astype(float))) == 0
        assert (mask & ~tissue & far).mean() < 0.01


def test_what_has_no_white_has_no_glass() -> None:
    dark = np.full((50, 50, 3), 30, dtype=np.uint8)
    assert find_glass(dark) is None
    assert find_glass(np.full((50, 50, 3), 240, dtype=np.uint8)) is None, "nothing else to tell it from"
    assert find_glass(np.full((50, 50), 240, dtype=np.uint8)) is None
    assert find_glass(np.full((50, 50, 3), 240, dtype=np.uint16)) is None
