"""Reading slides part by part: levels, sizes and places as their vendors write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.slides.helpers import made

from msformer.errors import ReadError
from msformer.io.slide import open_slide

APERIO = "Aperio Image Library v11.2.1\r\n3000x2001 [0,0 3000x2001] (256x256) J2K|AppMag = 20|MPP = 0.4990"


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Noise, so that every place is told from every other."""
    return np.random.default_rng(height).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_the_level_is_the_one_nearest_to_the_size_that_is_asked_for(tmp_path: Path) -> None:
    truth = made(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif", mpp=1.1) as opened:
        assert opened.shape == (256, 384)
        assert opened.spacing_mm == pytest.approx((0.001, 0.001))
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            level = file.series[0].levels[1].asarray()
        np.testing.assert_array_equal(opened.read(slice(30, 200), slice(70, 300)), level[30:200, 70:300])
        assert truth[::2, ::2].shape == opened.shape


def test_every_part_of_every_level_where_sides_are_odd(tmp_path: Path) -> None:
    levels = [picture(2001, 3003), picture(1000, 1501), picture(500, 750)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, level in enumerate(levels):
            file.write(level, tile=(256, 256), photometric="rgb", metadata=None, subfiletype=int(number > 0))
    for number, level in enumerate(levels):
        with open_slide(tmp_path / "a.tif") as opened:
            assert opened.spacing_mm is None
            opened = replace(opened, level=number)
            for row, column in np.random.default_rng(1).integers(0, (len(level) - 9, level.shape[1] - 9), (60, 2)):
                rows, columns = slice(int(row), int(row) + 9), slice(int(column), int(column) + 7)
                np.testing.assert_array_equal(opened.read(rows, columns), level[rows, columns])


def test_aperio_says_the_size_in_its_description(tmp_path: Path) -> None:
    levels = [picture(2001, 3000), picture(500, 750)]
    with tifffile.TiffWriter(tmp_path / "a.svs") as file:
        file.write(levels[0], tile=(256, 256), photometric="rgb", metadata=None, description=APERIO)
        file.write(picture(200, 300), photometric="rgb", metadata=None, description="Aperio thumbnail")
        file.write(levels[1], tile=(256, 256), photometric="rgb", metadata=None, description=APERIO)
    with open_slide(tmp_path / "a.svs", mpp=2) as opened:
        assert opened.shape == (500, 750)
        assert opened.base_shape == (2001, 3000)
        assert opened.spacing_mm == pytest.approx((0.000499 * 2001 / 500, 0.000499 * 4))
        np.testing.assert_array_equal(opened.read(slice(3, 90), slice(100, 222)), levels[1][3:90, 100:222])
    with open_slide(tmp_path / "a.svs") as opened:
        assert opened.spacing_mm == pytest.approx((0.000499, 0.000499))


def test_parts_of_a_glass_of_leica_lie_where_they_were_scanned(tmp_path: Path) -> None:
    """One overview of 100 × 200 px of 10 µm and two parts of 1 µm on two levels, 300 px apart."""
    overview, first, second = picture(100, 200), picture(256, 512), picture(300, 400)
    scan = (
        "<scanSettings><objectiveSettings><objective>10</objective></objectiveSettings><illuminationSettings>"
        "<numericalAperture>.4</numericalAperture><illuminationSource>brightfield</illuminationSource>"
        '</illuminationSettings></scanSettings><creationDate>2020-01-01</creationDate><device model="m" version="1"/>'
    )

    def image(size: tuple[int, int], offset: tuple[int, int], shapes: list[tuple[int, int]], ifd: int) -> str:
        dimensions = "".join(
            f'<dimension sizeX="{width}" sizeY="{height}" r="{number}" ifd="{ifd + number}"/>'
            for number, (height, width) in enumerate(shapes)
        )
        view = f'<view sizeX="{size[1]}" sizeY="{size[0]}" offsetX="{offset[1]}" offsetY="{offset[0]}"/>'
        whole = f'<pixels sizeX="{shapes[0][1]}" sizeY="{shapes[0][0]}">{dimensions}</pixels>'
        return f"<image>{view}{whole}{scan}</image>"

    nm = 1000
    images = [
        image((1000 * nm, 2000 * nm), (0, 0), [(100, 200)], 0),
        image((256 * nm, 512 * nm), (40 * nm, 100 * nm), [(256, 512), (128, 256)], 1),
        image((300 * nm, 400 * nm), (600 * nm, 900 * nm), [(300, 400), (150, 200)], 3),
    ]
    about = f'<scn><collection sizeX="{2000 * nm}" sizeY="{1000 * nm}">{"".join(images)}</collection></scn>'
    with tifffile.TiffWriter(tmp_path / "a.scn", bigtiff=True) as file:
        file.write(overview, photometric="rgb", metadata=None, description=about)
        for part in (first, first[::2, ::2], second, second[::2, ::2]):
            file.write(part, tile=(128, 128), photometric="rgb", metadata=None)
    with open_slide(tmp_path / "a.scn") as opened:
        assert opened.shape == (1000, 2000)
        assert opened.spacing_mm == pytest.approx((0.001, 0.001))
        np.testing.assert_array_equal(opened.read(slice(40, 296), slice(100, 612)), first)
        np.testing.assert_array_equal(opened.read(slice(700, 800), slice(950, 1200)), second[100:200, 50:300])
        assert not opened.read(slice(0, 40), slice(0, 100)).any()
    with open_slide(tmp_path / "a.scn", mpp=2) as opened:
        assert opened.shape == (500, 1000)
        np.testing.assert_array_equal(opened.read(slice(300, 450), slice(450, 650)), second[::2, ::2])


def test_grey_of_16_bits_and_what_is_dark_where_it_is_bright(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 60000, (500, 700)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, tile=(256, 256), photometric="minisblack")
    with open_slide(tmp_path / "a.tif") as opened:
        np.testing.assert_array_equal(opened.read(slice(10, 400), slice(300, 700)), grey[10:400, 300:700])
    tifffile.imwrite(tmp_path / "b.tif", grey.astype(np.uint8), tile=(256, 256), photometric="miniswhite")
    with open_slide(tmp_path / "b.tif") as opened:
        part = opened.read(slice(10, 400), slice(300, 700))
        np.testing.assert_array_equal(part, 255 - grey.astype(np.uint8)[10:400, 300:700])


def test_bits_and_alpha(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (300, 400)).astype(bool)
    tifffile.imwrite(tmp_path / "bits.tif", bits, photometric="minisblack")
    with open_slide(tmp_path / "bits.tif") as opened:
        np.testing.assert_array_equal(opened.read(slice(5, 200), slice(9, 300)), bits[5:200, 9:300] * np.uint8(255))
    grey = np.random.default_rng(1).integers(0, 256, (300, 400, 2)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "la.tif", grey, photometric="minisblack", extrasamples=["unassalpha"], tile=(128, 128))
    with open_slide(tmp_path / "la.tif") as opened:
        np.testing.assert_array_equal(opened.read(slice(5, 200), slice(9, 300)), grey[5:200, 9:300, 0])
        assert opened.overview.ndim == 2


@pytest.mark.parametrize("name", ["a::b.tif", "file:y.tif", "http:z.tif"])
def test_names_that_look_like_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    whole = picture(300, 300)
    tifffile.imwrite(name, whole, tile=(128, 128), photometric="rgb")
    with open_slide(Path(name)) as opened:
        np.testing.assert_array_equal(opened.read(slice(0, 300), slice(0, 300)), whole)


@pytest.mark.parametrize(("tag", "value"), [(282, (0, 0)), (296, 0), (270, "\x81".encode("latin-1"))])
def test_broken_words_about_a_picture_do_not_hide_it(tmp_path: Path, tag: int, value: object) -> None:
    whole = picture(300, 300)
    tifffile.imwrite(tmp_path / "a.tif", whole, tile=(128, 128), photometric="rgb", metadata=None, description="abc",
                     resolution=(1, 1), resolutionunit=2)  # fmt: skip
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        found = file.pages.first.tags[tag]
        if isinstance(value, bytes):
            file.filehandle.seek(found.valueoffset)
            file.filehandle.write(value)
        elif isinstance(value, tuple):
            file.filehandle.seek(found.valueoffset)
            file.filehandle.write(bytes(8))
        else:
            file.filehandle.seek(found.valueoffset)
            file.filehandle.write(bytes(2))
    with open_slide(tmp_path / "a.tif") as opened:
        np.testing.assert_array_equal(opened.read(slice(0, 300), slice(0, 300)), whole)
        assert opened.spacing_mm is None


def test_a_long_thin_level_has_an_overview_of_some_width(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((60_000, 100), np.uint8), tile=(128, 128), photometric="minisblack")
    with open_slide(tmp_path / "a.tif") as opened:
        assert min(opened.overview.shape) >= 64


def test_what_cannot_be_read_by_part_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", picture(300, 300).transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    with (
        pytest.raises(ReadError, match=r"a\.tif: a slide must be one picture with its colours in one plane"),
        open_slide(tmp_path / "a.tif"),
    ):
        pass
    whole = picture(600, 600)
    tifffile.imwrite(tmp_path / "b.tif", whole, tile=(256, 256), photometric="rgb", compression="zlib")
    data = (tmp_path / "b.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        start, size = file.pages.first.dataoffsets[4], file.pages.first.databytecounts[4]
    (tmp_path / "b.tif").write_bytes(data[:start] + bytes(size) + data[start + size :])
    with pytest.raises(ReadError, match=r"b\.tif: "), open_slide(tmp_path / "b.tif"):
        pass
