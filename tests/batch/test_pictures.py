"""Pictures at full size: what they show, where they lie, and that they can be left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer.batch import pictures
from msformer.batch.pictures import COLOURS, OVERLAYS, strip, write_pictures, write_strips
from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.image import Image
from msformer.render import GAP, shown_limits
from msformer.volume import Volume

BLUE, ORANGE = (0, 114, 178), (230, 159, 0)
"""Of labels 1 and 2, by Okabe and Ito."""


def opened(path: Path) -> np.ndarray:
    with Pillow.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_they_have_the_pixels_of_the_image(tmp_path: Path) -> None:
    pixels = np.full((71, 97, 3), (200, 120, 40), dtype=np.uint8)
    mask = np.zeros((71, 97), dtype=bool)
    mask[20:50, 30:70] = True
    labels = np.where(mask, 2, 1).astype(np.uint16)
    paths = write_pictures(tmp_path, "sub/a", Image.from_array(pixels), labels, mask, (0.0, 255.0))
    assert paths == {OVERLAYS: "overlays/sub/a.jpg", COLOURS: "colours/sub/a.png"}
    colours = opened(tmp_path / paths[COLOURS])
    assert colours.shape == (71, 97, 3)
    assert colours[5, 5].tolist() == list(BLUE)
    assert colours[21, 31].tolist() == list(ORANGE)
    overlay = opened(tmp_path / paths[OVERLAYS])
    assert overlay.shape == (71, 97, 3)
    assert np.abs(overlay[35, 50] - (200, 120, 40)).max() < 6, "neither inside nor outside is anything changed"
    assert np.abs(overlay[5, 5] - (200, 120, 40)).max() < 6
    assert overlay[20, 50, 0] > 180 > 100 > overlay[20, 50, 2], "yellow on the border"


def test_touching_objects_have_outlines_of_their_own(tmp_path: Path) -> None:
    objects = np.zeros((71, 97), dtype=np.uint16)
    objects[20:50, 20:48], objects[20:50, 48:80] = 1, 2
    grey = Image.from_array(np.full((71, 97), 128, dtype=np.uint8))
    middles = []
    for mask in (objects > 0, objects):
        paths = write_pictures(tmp_path, "a", grey, np.ones((71, 97), dtype=np.uint16), mask, (0.0, 255.0))
        middles.append(opened(tmp_path / paths[OVERLAYS])[35, 44:53])
    assert np.abs(middles[0] - 128).max() < 12
    assert np.abs(middles[1] - 128).max() > 60


def test_of_an_image_that_is_too_large_every_second_row_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 71 * 97 // 2)
    image, labels = Image.from_array(np.zeros((71, 97))), np.ones((71, 97), dtype=np.uint16)
    paths = write_pictures(tmp_path, "a", image, labels, labels > 1, (0.0, 1.0))
    assert opened(tmp_path / paths[OVERLAYS]).shape == (36, 49, 3)
    assert opened(tmp_path / paths[COLOURS]).shape == (71, 97, 3), "labels are never thinned out"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_bytes_and_wider_numbers_are_shown_alike(dtype: type, tmp_path: Path) -> None:
    ramp: np.ndarray = np.tile(np.arange(97), (71, 1)).astype(dtype)
    labels = np.ones((71, 97), dtype=np.uint16)
    paths = write_pictures(tmp_path, "a", Image.from_array(ramp), labels, labels > 1, (10.0, 60.0))
    overlay = opened(tmp_path / paths[OVERLAYS])
    for column, grey in ((0, 0), (35, 128), (90, 255)):  # (35 - 10) / 50 of 255
        assert np.abs(overlay[35, column] - grey).max() <= 6


def test_labels_beyond_the_palette_begin_again(tmp_path: Path) -> None:
    labels = np.arange(1, 71 * 97 + 1, dtype=np.uint16).reshape(71, 97)
    image = Image.from_array(np.zeros((71, 97)))
    paths = write_pictures(tmp_path, "a", image, labels, labels > 10**4, (0.0, 1.0))
    flat = opened(tmp_path / paths[COLOURS]).reshape(-1, 3)
    assert flat[0].tolist() == flat[253].tolist() == list(BLUE)
    assert flat[1].tolist() == flat[254].tolist() == list(ORANGE)


@pytest.mark.parametrize("axis", [0, 2])
def test_a_volume_has_strips_of_its_slices(axis: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices across axis 0 are 40 × 47 px, enlarged to 218 × 256; across axis 2 35 × 40 become 224 × 256."""
    monkeypatch.setattr(pictures, "SLICES", 3)
    voxels = np.zeros((35, 40, 47), dtype=np.uint8)
    voxels[17] = 200
    labels = np.ones((35, 40, 47), dtype=np.uint16)
    volume = Volume(voxels, None, "nifti", Path("v.nii.gz"))
    slices = range(35) if axis == 0 else range(47)
    paths = write_strips(tmp_path, "v", volume, labels, labels > 1, slices, axis, (0.0, 255.0))
    high, band = (218, 22) if axis == 0 else (224, 22)
    for kind in (OVERLAYS, COLOURS):
        assert opened(tmp_path / paths[kind]).shape == (high + band, 3 * 256 + 2 * GAP, 3)
    overlay = opened(tmp_path / paths[OVERLAYS])
    if axis == 0:  # slices 0, 17, 34
        assert [int(overlay[120, column].mean()) // 50 for column in (128, 390, 650)] == [0, 4, 0]


def test_slices_stand_under_their_numbers() -> None:
    tiles = [np.full((60, 80), 7, dtype=np.uint8)] * 2
    first, second = strip(tiles, [1, 8], 3, 4), strip(tiles, [8, 8], 3, 4)
    assert first.shape == (80, 2 * 80 + GAP)
    assert set(np.unique(first[:20])) == {3, 4}
    assert (first[20:, :80] == 7).all()
    assert (first[20:, 80 : 80 + GAP] == 3).all()
    assert not np.array_equal(first[:20, :80], second[:20, :80])
    np.testing.assert_array_equal(first[:20, 86:], second[:20, 86:])


def test_dark_pictures_are_shown_bright_and_others_as_they_are() -> None:
    rng = np.random.default_rng(0)
    dark = rng.integers(3, 40, (71, 97, 3)).astype(np.uint8)
    low, high = shown_limits(dark, (0.0, 255.0))
    assert 3 <= low <= 5
    assert 37 <= high <= 39
    assert shown_limits(rng.integers(0, 255, (71, 97), dtype=np.uint8), (0.0, 255.0)) == (0.0, 255.0)
    assert shown_limits(rng.integers(0, 4, (71, 97), dtype=np.uint8), (0.0, 255.0)) == (0.0, 255.0), "noise stays dark"
    assert shown_limits(np.full((71, 97), -2000, dtype=np.int16), (-1000.0, 400.0)) == (-1000.0, 400.0)


def test_they_can_be_left_out_and_go_when_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 30, (71, 97), dtype=np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    fast = Config.from_preset("general").replace(cluster={"method": "kmeans", "n_clusters": 3})
    out = tmp_path / "out"
    (record,) = run_cases(plan_cases([str(tmp_path / "a.png")]), fast, out)
    assert {OVERLAYS, COLOURS} <= record["outputs"].keys()
    with Pillow.open(out / "preview" / "a.png") as preview:
        assert np.asarray(preview)[:, : (preview.width - 2 * GAP) // 3].max() > 200, "dark, and seen all the same"
    assert opened(out / record["outputs"][OVERLAYS]).max() > 200
    (record,) = run_cases(plan_cases([str(tmp_path / "a.png")]), fast.replace(write={"pictures": False}), out)
    assert not {OVERLAYS, COLOURS} & record["outputs"].keys()
    assert not (out / "overlays" / "a.jpg").exists()
    assert not (out / "colours" / "a.png").exists()
