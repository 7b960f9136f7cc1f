"""Photometric interpretations; expected values by Pillow, by TIFF 6.0 by hand, or by scikit-image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from msformer.errors import ReadError
from msformer.io import read_image
from msformer.io.medical import read_volume

COLOURS = np.random.default_rng(2).integers(0, 256, (41, 43, 3)).astype(np.uint8)


def write(path: Path, pixels: NDArray[Any], photometric: str, **more: Any) -> Path:
    tifffile.imwrite(path, pixels, photometric=photometric, metadata=None, **more)
    return path


def test_cmyk_is_what_pillow_makes_of_it(tmp_path: Path) -> None:
    inks = np.random.default_rng(3).integers(0, 256, (41, 43, 4)).astype(np.uint8)
    expected = np.asarray(Pillow.fromarray(inks, "CMYK").convert("RGB")).astype(int)
    image = read_image(write(tmp_path / "a.tif", inks, "separated"))
    assert np.abs(image.pixels.astype(int) - expected).max() <= 1
    assert image.notes == ("CMYK converted to RGB, without a colour profile",)
    deep = read_image(write(tmp_path / "b.tif", inks.astype(np.uint16) * 257, "separated")).pixels
    assert np.abs(deep / 257 - expected).max() <= 1
    planar = write(tmp_path / "c.tif", np.moveaxis(inks, -1, 0).copy(), "separated", planarconfig="separate")
    np.testing.assert_array_equal(read_image(planar).pixels, image.pixels)


def test_other_inks_are_refused_by_name(tmp_path: Path) -> None:
    inks = np.zeros((41, 43, 4), np.uint8)
    path = write(tmp_path / "a.tif", inks, "separated", extratags=[(332, "H", 1, 2, True)])
    with pytest.raises(
        ReadError, match=r"a\.tif: separated colours must be the four inks of CMYK; got 4 inks, InkSet 2"
    ):
        read_image(path)


def test_ycbcr_of_pillow(tmp_path: Path) -> None:
    smooth = np.full((41, 43, 3), (200, 120, 40), np.uint8)
    Pillow.fromarray(smooth).convert("YCbCr").save(tmp_path / "a.tif")
    assert np.abs(read_image(tmp_path / "a.tif").pixels.astype(int) - smooth).max() <= 2


def test_ycbcr_by_hand(tmp_path: Path) -> None:
    """Coefficients of BT.709 and the ranges of video: luma .5, Cb 0, Cr .25 of their reach."""
    stored = np.full((41, 43, 3), (125, 128, 184), np.uint8)  # (125.5 - 16) / 219, 0, 56 / 112 · 127 = 63.5
    path = write(
        tmp_path / "a.tif",
        stored,
        "ycbcr",
        subsampling=(1, 1),
        extratags=[
            (529, "2I", 3, (2126, 10000, 7152, 10000, 722, 10000), True),
            (532, "2I", 6, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1), True),
        ],
    )
    light, to_red = (125 - 16) * 255 / 219, (184 - 128) * 127 / 112
    red = light + to_red * (2 - 2 * 0.2126)
    green = (light - 0.2126 * red - 0.0722 * light) / 0.7152
    np.testing.assert_allclose(read_image(path).pixels[0, 0], (red, green, light), atol=0.51)


def lab_of_pillow(colour: tuple[int, int, int]) -> Pillow.Image:
    """A colour under D50, by LittleCMS: bytes of L, and of a and b with a sign."""
    found = ImageCms.profileToProfile(
        Pillow.new("RGB", (43, 41), colour),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert found is not None
    return found


@pytest.mark.parametrize("colour", [(200, 120, 90), (60, 140, 210)])
def test_lab_of_pillow_comes_back(colour: tuple[int, int, int], tmp_path: Path) -> None:
    lab = lab_of_pillow(colour)
    lab.save(tmp_path / "a.tif")
    light, signed = np.split(np.asarray(lab), [1], axis=2)
    a_b = signed.view(np.int8).astype(np.int16)
    deep = (a_b * 256).view(np.uint16)
    write(tmp_path / "b.tif", np.concatenate([light.astype(np.uint16) * 257, deep], axis=2), "cielab")
    write(tmp_path / "c.tif", np.concatenate([light, (a_b + 128).astype(np.uint8)], axis=2), "icclab")
    for name in ("a", "b", "c"):
        image = read_image(tmp_path / f"{name}.tif")
        scale = 257 if image.pixels.dtype == np.uint16 else 1
        assert np.abs(image.pixels / scale - colour).max() <= 4
        assert image.notes == ("CIELab converted to sRGB",)


def test_what_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("cfa", "linear_raw", "logluv"):
        pixels = np.zeros((41, 43, 3) if name != "cfa" else (41, 43), np.uint8)
        path = write(tmp_path / f"{name}.tif", pixels, name)
        with pytest.raises(ReadError, match=rf"{name}\.tif: photometric interpretation must be .*; got {name.upper()}"):
            read_image(path)


@pytest.mark.parametrize(("dtype", "inverted"), [("u1", 252), ("u2", 65532), ("i2", -4), ("f4", -3)])
def test_white_is_zero(dtype: str, inverted: int, tmp_path: Path) -> None:
    pixels = np.full((41, 43), 3, dtype=dtype)
    assert (read_image(write(tmp_path / "a.tif", pixels, "miniswhite")).pixels == inverted).all()
    stack = np.stack([pixels, pixels])
    tifffile.imwrite(tmp_path / "b.tif", stack, ome=True, photometric="miniswhite", metadata={"axes": "ZYX"})
    assert (read_volume([tmp_path / "b.tif"], max_voxels=10**6).voxels == inverted).all()
