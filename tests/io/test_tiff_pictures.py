"""What a TIFF says of its pages: stage positions, data sets over several files, slides, sizes of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from msformer.batch.plan import plan_cases
from msformer.errors import ReadError
from msformer.io import count_pages, read_image
from msformer.io.medical import read_volume
from msformer.io.tiff import is_stack

HEIGHT, WIDTH = 37, 53


def plane(number: int) -> NDArray[np.uint16]:
    return np.full((HEIGHT, WIDTH), number, dtype=np.uint16)


def positions(path: Path, axes: str, sizes: dict[str, int], step: dict[str, Any]) -> Path:
    """Three stage positions; each plane holds 100 · position + its number, and each position has a size of its own."""
    with tifffile.TiffWriter(path, ome=True) as writer:
        for position in range(3):
            shape = tuple(sizes[axis] for axis in axes[:-2])
            count = int(np.prod(shape))
            planes = np.stack([plane(100 * position + number) for number in range(count)])
            size = {"PhysicalSizeX": 0.5 + position, "PhysicalSizeY": 0.25, **step}
            writer.write(
                planes.reshape(*shape, HEIGHT, WIDTH), photometric="minisblack", metadata={"axes": axes, **size}
            )
    return path


@pytest.mark.parametrize(("axes", "depth", "channels"), [("ZYX", 5, 0), ("CYX", 1, 2), ("ZCYX", 5, 2)])
def test_each_stage_position_is_a_case(axes: str, depth: int, channels: int, tmp_path: Path) -> None:
    path = positions(tmp_path / "a.ome.tif", axes, {"Z": 5, "C": 2}, {"PhysicalSizeZ": 2.0})
    cases = plan_cases([str(tmp_path)])
    assert [case.case_id for case in cases] == ["a_page0001", "a_page0002", "a_page0003"]
    assert plan_cases([str(path)]) == cases
    for position, case in enumerate(cases):
        volume = read_volume(case.instances, max_voxels=10**6, picture=case.page)
        assert volume.voxels.shape == (depth, HEIGHT, WIDTH) + ((channels,) if channels else ())
        last = 100 * position + depth * max(channels, 1) - 1
        assert (volume.voxels[-1, 3, 4] == (last if not channels else [last - 1, last])).all()
        assert volume.geometry is not None
        assert volume.geometry.spacing_mm[:2] == pytest.approx(((0.5 + position) / 1000, 0.25 / 1000))
        assert volume.geometry.is_stated == (True, True, depth > 1)
    with pytest.raises(ReadError, match="page must be from 0 to 2; got 3"):
        read_volume([path], max_voxels=10**6, picture=3)


def test_single_planes_at_several_positions_have_their_sizes(tmp_path: Path) -> None:
    path = positions(tmp_path / "a.ome.tif", "YX", {}, {})
    assert [case.page for case in plan_cases([str(path)])] == [0, 1, 2]
    for page in range(3):
        image = read_image(path, page=page)
        assert image.pixels[0, 0] == 100 * page
        assert image.spacing_mm == pytest.approx((0.25 / 1000, (0.5 + page) / 1000))


def ome_part(path: Path, names: list[str], values: list[int], own: int, *, per: str = "C") -> Path:
    """One file of a data set of one plane a file, along one axis; each names all by their identifiers."""
    ids = [f"urn:uuid:{number:08d}-1111-1111-1111-111111111111" for number in range(len(names))]
    data = "".join(
        f'<TiffData First{per}="{number}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">{ids[number]}</UUID></TiffData>'
        for number, name in enumerate(names)
    )
    sizes = {"C": 1, "Z": 1, "T": 1} | {per: len(names)}
    channels = "".join(f'<Channel ID="Channel:0:{n}" SamplesPerPixel="1"/>' for n in range(sizes["C"]))
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="{ids[own]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
        f'SizeX="{WIDTH}" SizeY="{HEIGHT}" SizeC="{sizes["C"]}" SizeZ="{sizes["Z"]}" SizeT="{sizes["T"]}" '
        f'PhysicalSizeX="0.3" PhysicalSizeY="0.3">{channels}{data}</Pixels></Image></OME>'
    )
    tifffile.imwrite(path, plane(values[own]), description=xml, metadata=None)
    return path


@pytest.mark.parametrize("per", ["C", "Z", "T"])
def test_a_data_set_over_several_files_is_taken_once(per: str, tmp_path: Path) -> None:
    names = ["w_1.ome.tif", "w_2.ome.tif", "w_3.ome.tif"]
    paths = [ome_part(tmp_path / name, names, [7, 8, 9], own, per=per) for own, name in enumerate(names)]
    cases = plan_cases([str(tmp_path)])
    assert plan_cases([str(paths[1])]) == cases
    assert all(case.instances == tuple(paths) for case in cases)
    values = [read_volume(case.instances, max_voxels=10**6, picture=case.page).voxels[:, 0, 0] for case in cases]
    assert np.ravel(values).tolist() == [7, 8, 9]
    assert len(cases) == (3 if per == "T" else 1)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    names = ["w_1.ome.tif", "w_2.ome.tif", "w_3.ome.tif"]
    ome_part(tmp_path / names[0], names, [7, 8, 9], 0)
    (case,) = plan_cases([str(tmp_path)])
    with pytest.raises(
        ReadError, match=r"w_1\.ome\.tif: OME data set .* 3 files .* missing: w_2\.ome\.tif, w_3\.ome\."
    ):
        read_volume(case.instances, max_voxels=10**6)


def test_a_set_whose_description_is_missing_names_it(tmp_path: Path) -> None:
    xml = '<?xml version="1.0"?><OME UUID="urn:uuid:2"><BinaryOnly MetadataFile="w_1.ome.tif" UUID="urn:uuid:1"/></OME>'
    tifffile.imwrite(tmp_path / "w_2.ome.tif", plane(8), description=xml, metadata=None)
    (case,) = plan_cases([str(tmp_path)])
    with pytest.raises(ReadError, match=r"w_2\.ome\.tif: .* description beside it; missing: w_1\.ome\.tif$"):
        read_volume(case.instances, max_voxels=10**6)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b"", r"part of an OME data set must be a TIFF"),
        (b"no TIFF", r"part of an OME data set must be a TIFF"),
        (None, r"ValueError"),
        (plane(8)[:-1], rf"plane must be of shape \({HEIGHT}, {WIDTH}\) and uint16 .*; got \({HEIGHT - 1}, {WIDTH}\)"),
    ],
)
def test_a_part_that_is_broken_is_named(broken: Any, message: str, tmp_path: Path) -> None:
    names = ["w_1.ome.tif", "w_2.ome.tif", "w_3.ome.tif"]
    paths = [ome_part(tmp_path / name, names, [7, 8, 9], own) for own, name in enumerate(names)]
    if isinstance(broken, np.ndarray):
        tifffile.imwrite(paths[1], broken)
    else:
        paths[1].write_bytes(paths[1].read_bytes()[:-500] if broken is None else broken)
    with pytest.raises(ReadError, match=rf"w_1\.ome\.tif: w_2\.ome\.tif: {message}"):
        read_volume([paths[0]], max_voxels=10**6)


def test_stage_positions_in_files_of_their_own_are_each_read_from_theirs(tmp_path: Path) -> None:
    names = ["w_1.ome.tif", "w_2.ome.tif", "w_3.ome.tif"]
    images = "".join(
        f'<Image ID="Image:{number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYCZT" Type="uint16" '
        f'SizeX="{WIDTH}" SizeY="{HEIGHT}" SizeC="1" SizeZ="2" SizeT="1"><Channel ID="Channel:{number}:0" '
        f'SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="2"><UUID FileName="{name}">urn:uuid:{number}</UUID>'
        "</TiffData></Pixels></Image>"
        for number, name in enumerate(names)
    )
    for number, name in enumerate(names):
        xml = f'<?xml version="1.0" encoding="UTF-8"?><OME UUID="urn:uuid:{number}">{images}</OME>'
        stack = np.stack([plane(10 * number), plane(10 * number + 1)])
        tifffile.imwrite(tmp_path / name, stack, description=xml, metadata=None)
    cases = plan_cases([str(tmp_path)])
    assert [case.page for case in cases] == [0, 1, 2]
    found = [read_volume(case.instances, max_voxels=10**6, picture=case.page).voxels[:, 0, 0] for case in cases]
    np.testing.assert_array_equal(found, [[0, 1], [10, 11], [20, 21]])


def test_a_file_of_a_set_that_goes_by_another_name_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    path = ome_part(tmp_path / "x_1.ome.tif", ["w_1.ome.tif", "w_2.ome.tif"], [7, 8], 0)
    path.write_bytes(path.read_bytes().replace(b' UUID="urn:uuid:00000000', b' CCCC="urn:uuid:00000000'))
    (case,) = plan_cases([str(tmp_path)])
    with pytest.raises(ReadError, match=r"x_1\.ome\.tif: file must be called as one of its OME data set, of 2 files"):
        read_volume(case.instances, max_voxels=10**6)


def test_a_file_that_was_renamed_is_itself(tmp_path: Path) -> None:
    ome_part(tmp_path / "new.ome.tif", ["old.ome.tif"], [7], 0)
    (case,) = plan_cases([str(tmp_path)])
    assert read_image(case.source).pixels[0, 0] == 7


def test_parts_are_in_their_folder(tmp_path: Path) -> None:
    ome_part(tmp_path / "a.ome.tif", ["a.ome.tif", "../b.ome.tif"], [7, 8], 0)
    with pytest.raises(ReadError, match="must be in the folder of its header"):
        read_volume([tmp_path / "a.ome.tif"], max_voxels=10**6)


def test_a_description_in_another_file_is_named(tmp_path: Path) -> None:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:1"><BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:2"/></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", plane(1), description=xml, metadata=None)
    assert is_stack(tmp_path / "a.ome.tif")
    with pytest.raises(ReadError, match=r"beside it; missing: ‹all\.companion\.ome›"):
        read_volume([tmp_path / "a.ome.tif"], max_voxels=10**6)
    (tmp_path / "all.companion.ome").write_text("<OME/>")
    with pytest.raises(ReadError, match=r"it names ‹all\.companion\.ome›"):
        read_volume([tmp_path / "a.ome.tif"], max_voxels=10**6)


@pytest.mark.parametrize("unit", ["mm", "um", "micron", "\\u00B5m", "cm"])
def test_calibration_of_imagej(unit: str, tmp_path: Path) -> None:
    mm = {"mm": 1.0, "cm": 10.0}.get(unit, 0.001)
    pages = np.stack([plane(number) for number in range(3)])
    tifffile.imwrite(
        tmp_path / "a.tif",
        pages,
        imagej=True,
        resolution=(2.0, 4.0),
        metadata={"axes": "ZYX", "unit": unit, "spacing": 7},
    )
    geometry = read_volume([tmp_path / "a.tif"], max_voxels=10**6).geometry
    assert geometry is not None
    assert geometry.spacing_mm == pytest.approx((0.5 * mm, 0.25 * mm, 7 * mm))
    assert geometry.is_stated == (True, True, True)
    tifffile.imwrite(tmp_path / "b.tif", plane(1), imagej=True, resolution=(2.0, 4.0), metadata={"unit": unit})
    assert read_image(tmp_path / "b.tif").spacing_mm == pytest.approx((0.25 * mm, 0.5 * mm))


def test_sizes_that_are_not_stated_are_not_made_up(tmp_path: Path) -> None:
    pages = np.stack([plane(number) for number in range(3)])
    tifffile.imwrite(
        tmp_path / "a.tif", pages, imagej=True, resolution=(2.0, 2.0), metadata={"axes": "ZYX", "unit": "mm"}
    )
    geometry = read_volume([tmp_path / "a.tif"], max_voxels=10**6).geometry
    assert geometry is not None
    assert geometry.is_stated == (True, True, False)
    tifffile.imwrite(
        tmp_path / "b.tif", pages, imagej=True, resolution=(2.0, 2.0), metadata={"axes": "ZYX", "spacing": 3}
    )
    assert read_volume([tmp_path / "b.tif"], max_voxels=10**6).geometry is None  # no unit
    tifffile.imwrite(tmp_path / "c.tif", plane(1), resolution=(300, 300), resolutionunit="INCH")
    assert read_image(tmp_path / "c.tif").spacing_mm is None  # of the printer


def slide(path: Path) -> NDArray[np.uint8]:
    """The layout of Aperio: tiled levels between a thumbnail, a label and an overview, all called whole pictures."""
    rng = np.random.default_rng(4)
    base = np.kron(rng.integers(0, 255, (5, 7, 3)), np.ones((32, 32, 1))).astype(np.uint8)
    told = "Aperio Image Library v11.2.1 \r\n224x160 [0,0 224x160] (64x64) RAW|AppMag = 20|MPP = 0.5"
    with tifffile.TiffWriter(path) as writer:
        options: dict[str, Any] = {"photometric": "rgb", "metadata": None, "software": None}
        writer.write(base, tile=(64, 64), description=told, **options)
        writer.write(base[::4, ::4].copy(), rowsperstrip=16, description="Aperio Image Library v11\r\n56x40", **options)
        writer.write(base[::2, ::2].copy(), tile=(64, 64), description=f"{told} -> 112x80", **options)
        label = np.full((60, 50, 3), 250, np.uint8)
        writer.write(label, subfiletype=1, rowsperstrip=16, description="Aperio\r\nlabel 50x60", **options)
        writer.write(label[:40], subfiletype=9, rowsperstrip=16, description="Aperio\r\nmacro 50x40", **options)
    return base


def test_a_slide_is_its_base_level(tmp_path: Path) -> None:
    base = slide(tmp_path / "a.svs")
    assert count_pages(tmp_path / "a.svs") == 1
    (case,) = plan_cases([str(tmp_path)])
    assert (case.page, case.instances) == (None, ())
    image = read_image(case.source)
    np.testing.assert_array_equal(image.pixels, base)
    assert image.spacing_mm == pytest.approx((0.0005, 0.0005))
    assert image.notes == ("4 other pages are smaller copies, labels, overviews or masks: left out",)


def test_a_slide_is_the_level_that_fits(tmp_path: Path) -> None:
    base = slide(tmp_path / "a.svs")
    image = read_image(tmp_path / "a.svs", max_pixels=112 * 80)
    np.testing.assert_array_equal(image.pixels, base[::2, ::2])
    assert image.spacing_mm == pytest.approx((0.001, 0.001))
    assert "level of 112 × 80 px" in image.notes[0]
    with pytest.raises(ReadError, match=r"a\.svs: image must have at most max_pixels=1000 pixels; got 224 × 160"):
        read_image(tmp_path / "a.svs", max_pixels=1000)


def test_levels_that_do_not_say_what_they_are(tmp_path: Path) -> None:
    base = np.kron(np.random.default_rng(4).integers(0, 255, (5, 7)), np.ones((32, 32))).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for step in (1, 2, 4):
            writer.write(base[::step, ::step].copy(), tile=(64, 64), photometric="minisblack", metadata=None)
        writer.write(base[:64, :64].copy(), tile=(64, 64), photometric="minisblack", metadata=None)  # of another form
    assert count_pages(tmp_path / "a.tif") == 2
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, base)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", max_pixels=56 * 40).pixels, base[::4, ::4])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", page=1).pixels, base[:64, :64])


def test_levels_below_a_page(tmp_path: Path) -> None:
    base = np.kron(np.random.default_rng(4).integers(0, 255, (5, 7)), np.ones((32, 32))).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        options: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack", "metadata": None}
        writer.write(base, subifds=1, **options)
        writer.write(base[::2, ::2].copy(), subfiletype=1, **options)
    assert count_pages(tmp_path / "a.tif") == 1
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", max_pixels=112 * 80).pixels, base[::2, ::2])


def test_declared_no_data_is_padding(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", plane(3), extratags=[(42113, "s", 0, "-9999", True)])
    assert read_image(tmp_path / "a.tif").padding_value == -9999
