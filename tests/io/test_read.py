from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from msformer.errors import ImageShapeError, ReadError
from msformer.io import count_pages, read_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (41, 53), dtype=np.uint8)
COLOUR = RNG.integers(0, 255, (41, 53, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65535, (41, 53), dtype=np.uint16)
DEEP_COLOUR = RNG.integers(0, 65535, (41, 53, 3), dtype=np.uint16)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "tif"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_8_bit_round_trip(tmp_path: Path, suffix: str, pixels: Any) -> None:
    path = tmp_path / f"a.{suffix}"
    Pillow.fromarray(pixels).save(path, lossless=True)  # WebP heeds it, the others ignore it
    expected = pixels if suffix != "webp" or pixels.ndim == 3 else np.stack([pixels] * 3, axis=2)
    np.testing.assert_array_equal(read_image(path).pixels, expected)
    assert read_image(path).source == path


def test_jpeg_is_read_to_within_its_loss(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(41), 2 * np.arange(53)).astype(np.uint8)
    Pillow.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").pixels.astype(int) - smooth).max() <= 6


def stored(upright: Any, orientation: int) -> Any:
    """How a camera stores an upright picture, by the definition of each orientation (EXIF 2.3, tag 0x0112)."""
    transposed = upright.swapaxes(0, 1)
    return np.ascontiguousarray(
        {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: transposed,
            6: np.rot90(upright, 1),
            7: np.rot90(transposed, 2),
            8: np.rot90(upright, -1),
        }[orientation]
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((48, 64), dtype=np.uint8)
    upright[:16, :16] = 255  # bright top left
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Pillow.fromarray(stored(upright, orientation)).save(path, exif=exif, quality=95)
    np.testing.assert_allclose(read_image(path).pixels, upright, atol=12)


def test_16_bit_png_keeps_its_depth(tmp_path: Path) -> None:
    Pillow.fromarray(DEEP).save(tmp_path / "grey.png")
    pixels = read_image(tmp_path / "grey.png").pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, DEEP)
    cv2.imwrite(str(tmp_path / "colour.png"), DEEP_COLOUR[:, :, ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "colour.png").pixels, DEEP_COLOUR)


def test_alpha_is_dropped_where_opaque_and_black_where_not(tmp_path: Path) -> None:
    alpha = np.full((41, 53, 1), 255, dtype=np.uint8)
    Pillow.fromarray(np.concatenate([COLOUR, alpha], axis=2)).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_image(tmp_path / "opaque.png").pixels, COLOUR)
    alpha[:20] = 0
    Pillow.fromarray(np.concatenate([COLOUR, alpha], axis=2)).save(tmp_path / "half.png")
    pixels = read_image(tmp_path / "half.png").pixels
    assert not pixels[:20].any()
    np.testing.assert_array_equal(pixels[20:], COLOUR[20:])
    Pillow.fromarray(np.dstack([GREY, alpha[:, :, 0]])).save(tmp_path / "grey.png")
    pixels = read_image(tmp_path / "grey.png").pixels
    assert pixels.ndim == 2
    np.testing.assert_array_equal(pixels[20:], GREY[20:])
    deep = np.dstack([DEEP_COLOUR, alpha[:, :, 0].astype(np.uint16) * 257])
    cv2.imwrite(str(tmp_path / "deep.png"), deep[:, :, [2, 1, 0, 3]])
    pixels = read_image(tmp_path / "deep.png").pixels
    assert not pixels[:20].any()
    np.testing.assert_array_equal(pixels[20:], DEEP_COLOUR[20:])


def test_palette_is_expanded_to_its_colours(tmp_path: Path) -> None:
    indices = (np.arange(41 * 53) % 4).reshape(41, 53).astype(np.uint8)
    palette = np.array([[250, 0, 0], [0, 240, 0], [0, 0, 230], [9, 8, 7]], dtype=np.uint8)
    opened = Pillow.fromarray(indices, mode="P")
    opened.putpalette(palette.tobytes())
    for suffix in ("png", "tif", "bmp"):
        opened.save(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}").pixels, palette[indices], err_msg=suffix)


def test_black_and_white_png(tmp_path: Path) -> None:
    bits = GREY > 100
    Pillow.fromarray(bits).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels > 0, bits)


@pytest.mark.parametrize("pixels", [DEEP, DEEP_COLOUR, GREY.astype(np.float32), DEEP.astype(np.int16)])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiff_depths_and_compressions(tmp_path: Path, pixels: Any, compression: str | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression)
    image = read_image(tmp_path / "a.tif")
    assert image.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(image.pixels, pixels)


def test_tiff_layouts(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "planar.tif", COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "planar.tif").pixels, COLOUR)
    tifffile.imwrite(tmp_path / "white0.tif", GREY, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "white0.tif").pixels, 255 - GREY)
    four = np.dstack([COLOUR, GREY])
    tifffile.imwrite(tmp_path / "alpha.tif", four, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.tif").pixels, COLOUR)
    tifffile.imwrite(tmp_path / "fourth.tif", four, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_image(tmp_path / "fourth.tif").pixels, four)
    tifffile.imwrite(tmp_path / "big.tif", GREY, bigtiff=True, byteorder=">")
    np.testing.assert_array_equal(read_image(tmp_path / "big.tif").pixels, GREY)


def test_pages_of_a_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for value in (1, 2, 3):
            writer.write(np.full((41, 53 + value), value, dtype=np.uint8))
    assert count_pages(path) == 3
    assert [int(read_image(path, page=page).pixels.max()) for page in range(3)] == [1, 2, 3]
    assert read_image(path, page=2).page == 2
    with pytest.raises(ReadError, match="page must be from 0 to 2; got 3"):
        read_image(path, page=3)
    with pytest.raises(ReadError, match="page must be from 0 to 2; got -1"):
        read_image(path, page=-1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_tiff_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = RNG.integers(0, 255, (41, 53, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored(upright, orientation), extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, upright)


def test_thumbnails_are_no_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(COLOUR)
        writer.write(COLOUR[::4, ::4], subfiletype=1)
    assert count_pages(tmp_path / "a.tif") == 1


def test_contents_decide_not_the_suffix(tmp_path: Path) -> None:
    Pillow.fromarray(COLOUR).save(tmp_path / "really.png")
    (tmp_path / "really.png").rename(tmp_path / "liar.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "liar.tif").pixels, COLOUR)
    assert count_pages(tmp_path / "liar.tif") == 1


def make_files(folder: Path) -> list[Path]:
    Pillow.fromarray(COLOUR).save(folder / "a.png")
    Pillow.fromarray(COLOUR).save(folder / "a.jpg")
    Pillow.fromarray(COLOUR).save(folder / "a.bmp")
    Pillow.fromarray(COLOUR).save(folder / "a.webp")
    tifffile.imwrite(folder / "a.tif", COLOUR, compression="zlib")
    cv2.imwrite(str(folder / "deep.png"), DEEP_COLOUR)
    return sorted(folder.iterdir())


def test_truncation_anywhere_is_an_error_or_a_whole_image_and_never_a_crash(tmp_path: Path) -> None:
    for path in make_files(tmp_path):
        whole = path.read_bytes()
        errors = 0
        for cut in range(20):
            path.write_bytes(whole[: len(whole) * cut // 20])
            try:
                assert read_image(path).pixels.shape == (41, 53, 3)
            except ReadError as error:
                assert str(path) in str(error)
                errors += 1
        assert errors >= 10, path.name


def test_noise_under_every_suffix_is_an_error(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "jpeg", "bmp", "webp", "tif", "tiff"):
        for seed, head in enumerate((b"", b"II*\x00", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF", b"BM")):
            path = tmp_path / f"noise.{suffix}"
            path.write_bytes(head + np.random.default_rng(seed).bytes(500))
            with pytest.raises(ReadError, match="noise"):
                read_image(path)


@pytest.mark.parametrize("content", [b"", b"hello, this is no image\n"])
def test_text_and_empty_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.png: no image format recognises"):
        read_image(tmp_path / "a.png")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"absent\.png: No such file"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(ReadError, match="directory"):
        read_image(tmp_path)


def test_small_image_keeps_its_error_and_names_the_file(tmp_path: Path) -> None:
    Pillow.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(ImageShapeError, match=r"dot\.png: image must be at least 33 px"):
        read_image(tmp_path / "dot.png")


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    """Headers that promise 40,000 × 40,000 px in a few bytes."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "bomb.png").write_bytes(png + b"\0\0\0\0IDAT")
    with pytest.raises(ReadError, match="at most max_pixels=150000000 pixels; got 40000 × 40000"):
        read_image(tmp_path / "bomb.png")
    deep = bytearray(png)
    deep[24], deep[25] = 16, 2
    (tmp_path / "deep.png").write_bytes(bytes(deep))
    with pytest.raises(ReadError, match="at most max_pixels=150000000 pixels; got 40000 × 40000"):
        read_image(tmp_path / "deep.png")
    tags = ImageFileDirectory_v2()
    tags[256], tags[257], tags[258], tags[262], tags[273], tags[277] = 40_000, 40_000, 8, 1, 8, 1
    with (tmp_path / "bomb.tif").open("wb") as file:
        file.write(b"II*\x00\x08\x00\x00\x00")
        tags.save(file)
    with pytest.raises(ReadError, match="at most max_pixels=150000000 pixels"):
        read_image(tmp_path / "bomb.tif")
    Pillow.fromarray(COLOUR).save(tmp_path / "a.png")
    with pytest.raises(ReadError, match="at most max_pixels=2000 pixels; got 53 × 41"):
        read_image(tmp_path / "a.png", max_pixels=2000)


def test_a_larger_limit_reads_what_pillow_alone_would_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pillow.fromarray(np.arange(70 * 90, dtype=np.uint8).reshape(70, 90)).save(tmp_path / "large.png")
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 1000)
    assert read_image(tmp_path / "large.png", max_pixels=6300).shape == (70, 90)
    with pytest.raises(ReadError, match="max_pixels=6299 pixels; got 90 × 70 = 6300"):
        read_image(tmp_path / "large.png", max_pixels=6299)
    assert Pillow.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_images_of_more_rows_than_a_strip_are_whole(tmp_path: Path, mode: str) -> None:
    shape = (613, 37, 3) if mode == "RGB" else (613, 37)
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint16 if mode == "I;16" else np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "tall.png")
    np.testing.assert_array_equal(read_image(tmp_path / "tall.png").pixels, pixels)


def test_hounsfield_units_that_lost_their_sign_get_it_back(tmp_path: Path) -> None:
    units = np.random.default_rng(0).integers(-1024, 2000, (50, 60)).astype(np.int16)
    tifffile.imwrite(tmp_path / "ct.tif", units.view(np.uint16))
    found = read_image(tmp_path / "ct.tif").pixels
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, units)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 2**16), (0, 4000), (62_000, 2**16)], ids=["whole range", "12 bits", "bright throughout"]
)
def test_other_values_of_16_bits_stay_unsigned(tmp_path: Path, low: int, high: int) -> None:
    pixels = np.random.default_rng(0).integers(low, high, (50, 60)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    found = read_image(tmp_path / "a.tif").pixels
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, pixels)


def test_an_ome_tiff_tells_the_size_of_its_pixels(tmp_path: Path) -> None:
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 250.0,
        "PhysicalSizeYUnit": "nm",
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((50, 60), np.uint8), metadata=metadata)
    assert read_image(tmp_path / "a.ome.tif").spacing_mm == pytest.approx((0.00025, 0.0005))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((50, 60), np.uint8))
    assert read_image(tmp_path / "b.tif").spacing_mm is None
