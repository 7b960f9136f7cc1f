"""NRRD and MetaImage: SimpleITK, which this program does without, writes and reads for comparison; headers by hand."""

from __future__ import annotations

import bz2
import gzip
import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from msformer.errors import ImageError, ReadError
from msformer.io.medical import kind_of, read_volume
from msformer.volume import Volume

VALUES = np.random.default_rng(8).integers(0, 120, (4, 5, 6)).astype(np.uint8)
DIRECTION = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


def read_one(path: Path, frame: int | None = None) -> Volume:
    return read_volume([path], frame=frame, max_voxels=10_000)


def nrrd(sizes: str, rest: str = "", kind: str = "uint8") -> bytes:
    axes = len(sizes.split())
    return f"NRRD0004\ntype: {kind}\ndimension: {axes}\nsizes: {sizes}\nencoding: raw\nendian: little\n{rest}".encode()


def mha(sizes: str, rest: str = "", kind: str = "MET_UCHAR", data: str = "LOCAL") -> bytes:
    head = f"ObjectType = Image\nNDims = {len(sizes.split())}\nBinaryData = True\nDimSize = {sizes}\n"
    return f"{head}ElementType = {kind}\n{rest}ElementDataFile = {data}\n".encode()


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nhdr"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_volumes_written_by_simpleitk(tmp_path: Path, dtype: str, name: str, is_packed: bool) -> None:
    image = sitk.GetImageFromArray(VALUES.astype(dtype))
    image.SetSpacing((0.7, 1.1, 2.5))
    image.SetOrigin((-12.125, 3.0, 1 / 3))
    image.SetDirection(DIRECTION)
    sitk.WriteImage(image, str(tmp_path / name), is_packed)
    volume = read_one(tmp_path / name)
    np.testing.assert_array_equal(volume.voxels, VALUES)
    assert volume.voxels.dtype == np.dtype(dtype)
    assert volume.kind == ("nrrd" if "n" in name.split(".")[1] else "mha")
    assert volume.geometry is not None
    read_back = sitk.ReadImage(str(tmp_path / name))
    assert volume.geometry.origin_mm == read_back.GetOrigin()
    np.testing.assert_allclose(volume.geometry.spacing_mm, (0.7, 1.1, 2.5), rtol=1e-12)
    np.testing.assert_allclose(volume.geometry.direction, DIRECTION, atol=1e-12)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_colours_and_images_of_two_axes(tmp_path: Path, suffix: str) -> None:
    colours = np.stack([VALUES, VALUES // 2, VALUES // 3], axis=-1)
    sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(tmp_path / f"a.{suffix}"))
    np.testing.assert_array_equal(read_one(tmp_path / f"a.{suffix}").voxels, colours)
    flat = sitk.GetImageFromArray(VALUES[0])
    flat.SetSpacing((0.5, 0.25))
    flat.SetOrigin((3, 4))
    flat.SetDirection((0, 1, -1, 0))
    sitk.WriteImage(flat, str(tmp_path / f"b.{suffix}"))
    volume = read_one(tmp_path / f"b.{suffix}")
    np.testing.assert_array_equal(volume.voxels, VALUES[:1])
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.5, 0.25, 1.0)
    assert volume.geometry.origin_mm == (3, 4, 0)
    assert volume.geometry.direction == (0, 1, 0, -1, 0, 0, 0, 0, 1)
    sitk.WriteImage(sitk.GetImageFromArray(colours[0], isVector=True), str(tmp_path / f"c.{suffix}"))
    np.testing.assert_array_equal(read_one(tmp_path / f"c.{suffix}").voxels, colours[:1])


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_four_axes_need_a_choice(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    head = nrrd("6 5 4 2") + b"\n" if suffix == "nrrd" else mha("6 5 4 2", "ElementSpacing = 1 2 3 9\n")
    path.write_bytes(head + VALUES.tobytes() + (255 - VALUES).tobytes())
    with pytest.raises(ReadError, match=rf"a\.{suffix}: file holds 2 volumes .* --set read\.frame=0 to 1"):
        read_one(path)
    np.testing.assert_array_equal(read_one(path, 0).voxels, VALUES)
    np.testing.assert_array_equal(read_one(path, 1).voxels, 255 - VALUES)
    with pytest.raises(ReadError, match=r"read\.frame must be from 0 to 1 in this file; got 2"):
        read_one(path, 2)


@pytest.mark.parametrize("sizes", ["120", "3 2 5 2 2"])
def test_other_numbers_of_axes_are_refused(tmp_path: Path, sizes: str) -> None:
    for name, head in (("a.nrrd", nrrd(sizes) + b"\n"), ("a.mha", mha(sizes))):
        (tmp_path / name).write_bytes(head + VALUES.tobytes())
        with pytest.raises(ReadError, match=f"{name}: image must have 2 to 4 axes"):
            read_one(tmp_path / name)


def test_nrrd_of_another_space_is_turned_to_lps(tmp_path: Path) -> None:
    rest = "space: right-anterior-superior\nspace directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (5,6,7)\n\n"
    (tmp_path / "a.nrrd").write_bytes(nrrd("6 5 4", rest) + VALUES.tobytes())
    geometry = read_one(tmp_path / "a.nrrd").geometry
    assert geometry is not None
    np.testing.assert_array_equal(geometry.affine, [[-2, 0, 0, -5], [0, -3, 0, -6], [0, 0, 4, 7], [0, 0, 0, 1]])


@pytest.mark.parametrize("order", ["True", "False"])
@pytest.mark.parametrize("key", ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
def test_metaimage_byte_order(tmp_path: Path, order: str, key: str) -> None:
    values = (VALUES.astype(np.uint16) * 257 + 3).astype(">u2" if order == "True" else "<u2")
    (tmp_path / "a.mha").write_bytes(mha("6 5 4", f"{key} = {order}\n", "MET_USHORT") + values.tobytes())
    np.testing.assert_array_equal(read_one(tmp_path / "a.mha").voxels, values)


def test_metaimage_text_and_skipped_bytes(tmp_path: Path) -> None:
    head = mha("6 5 4").replace(b"BinaryData = True", b"BinaryData = False")
    (tmp_path / "a.mha").write_bytes(head + " ".join(map(str, VALUES.ravel())).encode())
    np.testing.assert_array_equal(read_one(tmp_path / "a.mha").voxels, VALUES)
    (tmp_path / "b.raw").write_bytes(b"seven.." + VALUES.tobytes())
    for skip in (7, -1):
        (tmp_path / "b.mhd").write_bytes(mha("6 5 4", f"HeaderSize = {skip}\n", data="b.raw"))
        np.testing.assert_array_equal(read_one(tmp_path / "b.mhd").voxels, VALUES)


@pytest.mark.parametrize("name", ["../x.raw", "/tmp/x.raw", "..\\x.raw", "a/../../x.raw", "~/x.raw", "C:\\x.raw"])
def test_headers_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "x.raw").write_bytes(VALUES.tobytes())
    headers = {
        "a.mhd": mha("6 5 4", data=name),
        "a.nhdr": nrrd("6 5 4", f"data file: {name}\n"),
        "b.nhdr": nrrd("6 5 4", f"DataFile:{name}\n"),
        "c.nhdr": nrrd("6 5 4", f"data file: LIST\nx.raw\n{name}\n"),
    }
    for file, header in headers.items():
        (folder / file).write_bytes(header)
        with pytest.raises(ReadError, match=rf"{file}: data file must be in the folder of its header; got "):
            read_one(folder / file)


def test_headers_with_voxels_beside_or_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.raw").write_bytes(VALUES.tobytes())
    (tmp_path / "a.mhd").write_bytes(mha("6 5 4", data="sub/x.raw"))
    (tmp_path / "a.nhdr").write_bytes(nrrd("6 5 4", "data file: sub/x.raw\n"))
    for name in ("a.mhd", "a.nhdr"):
        np.testing.assert_array_equal(read_one(tmp_path / name).voxels, VALUES)
    (tmp_path / "sub" / "x.raw").unlink()
    for name in ("a.mhd", "a.nhdr"):
        with pytest.raises(ReadError, match=rf"{name}: voxels must be in the file .* there is no ‹x\.raw›"):
            read_one(tmp_path / name)
    (tmp_path / "b.mhd").write_bytes(mha("6 5 4", data="slice%03d.raw 1 4 1"))
    with pytest.raises(ReadError, match="voxels must be in one file; ElementDataFile is ‹slice%03d"):
        read_one(tmp_path / "b.mhd")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (mha("6 5 4", kind="MET_STRING"), "ElementType must be one of"),
        (mha("6 5 4").replace(b"NDims = 3", b"NDims = 2"), "NDims must be the number of sides of DimSize; got ‹2›"),
        (mha("6 5 4", "ElementSpacing = 1 2\n"), "ElementSpacing must be 3 numbers; got ‹1 2›"),
        (mha("6 5 4", "ElementSpacing = 1 2 x\n"), "broken MetaImage: could not convert"),
        (mha("6 5 4", "ElementNumberOfChannels = 0\n"), "NDims must be"),
        (mha("6 5 4", "ElementNumberOfChannels = 100000000\n"), "at most max_pixels=10000 voxels"),
        (mha("60000 60000 60000"), "at most max_pixels=10000 voxels; got 60000 × 60000 × 60000"),
        (mha("6 5 0"), "2 to 4 axes of at least 1 voxel"),
        (mha("6 5 40"), "there must be 1200 bytes of voxels; got 120"),
        (mha("6 5 4", "CompressedData = True\n"), "broken or truncated"),
        (b"ObjectType = Image\nNDims = 3\n", "must have ElementDataFile"),
        (nrrd("60000 60000 60000") + b"\n", "at most max_pixels=10000 voxels; got 60000 × 60000 × 60000"),
        (nrrd("6 5 40") + b"\n", "there must be 1200 bytes of voxels; got 120"),
        (nrrd("6 5 4", kind="block") + b"\n", "a type that is a number"),
        (nrrd("6 5 4", kind="x" * 2000) + b"\n", "a type that is a number"),
        (nrrd("6 5 4").replace(b"raw", b"hex") + b"\n", "an encoding among"),
        (nrrd("6 5 4").replace(b"dimension: 3", b"dimension: 4") + b"\n", "as many as dimension says"),
        (nrrd("2 6 5 4", "kinds: time domain list domain\n") + b"\n", "2 or 3 of space"),
    ],
)
def test_broken_headers(tmp_path: Path, header: bytes, message: str) -> None:
    (tmp_path / "a").write_bytes(header + VALUES.tobytes())
    with pytest.raises(ReadError, match=rf"{tmp_path}/a: .*{message}"):
        read_one(tmp_path / "a")


def test_directions_that_are_no_space(tmp_path: Path) -> None:
    for rest in ("TransformMatrix = 1 0 0 1 0 0 0 0 1\n", "ElementSpacing = 1 0 1\n", "ElementSpacing = 1 nan 1\n"):
        (tmp_path / "a.mha").write_bytes(mha("6 5 4", rest) + VALUES.tobytes())
        with pytest.raises(ImageError, match=r"a\.mha: geometry must"):
            read_one(tmp_path / "a.mha")


def test_compressed_metaimage_unpacks_to_no_more_than_its_header_says(tmp_path: Path) -> None:
    packed = zlib.compress(VALUES.tobytes() + bytes(50_000_000))
    (tmp_path / "a.mha").write_bytes(mha("6 5 4", "CompressedData = True\n") + packed)
    np.testing.assert_array_equal(read_one(tmp_path / "a.mha").voxels, VALUES)


def test_kinds(tmp_path: Path) -> None:
    for name, start, kind in (("a", mha("1 1 1"), "mha"), ("b", b"NDims = 3\n", "mha"), ("c", nrrd("1 1"), "nrrd")):
        (tmp_path / name).write_bytes(start)
        assert kind_of(tmp_path / name) == kind
    (tmp_path / "d").write_bytes(b"NDims are what this text is about\n")
    assert kind_of(tmp_path / "d") is None


def test_nrrd_packings_orders_and_parts(tmp_path: Path) -> None:
    wide = VALUES.astype(">u2") * 257
    head = nrrd("6 5 4", kind="ushort").replace(b"little", b"big")
    text = nrrd("6 5 4").replace(b"raw", b"ascii")
    (tmp_path / "part1.raw").write_bytes(b"one line\nab" + VALUES[:2].tobytes())
    (tmp_path / "part2.raw").write_bytes(b"another\nab" + VALUES[2:].tobytes())
    skips = "line skip: 1\nbyte skip: 2\n"
    files = {
        "gzip": nrrd("6 5 4").replace(b"raw", b"gzip") + b"\n" + gzip.compress(VALUES.tobytes()),
        "bzip2": nrrd("6 5 4").replace(b"raw", b"bz2") + b"\n" + bz2.compress(VALUES.tobytes()),
        "text": text + b"\n" + " ".join(map(str, VALUES.ravel())).encode(),
        "end": nrrd("6 5 4", "byte skip: -1\n") + b"\nanything" + VALUES.tobytes(),
        "list": nrrd("6 5 4", f"{skips}data file: LIST\npart1.raw\npart2.raw\n"),
        "pattern": nrrd("6 5 4", f"{skips}data file: part%d.raw 1 2 1\n"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(read_one(tmp_path / name).voxels, VALUES, err_msg=name)
    (tmp_path / "big").write_bytes(head + b"\n" + wide.tobytes())
    np.testing.assert_array_equal(read_one(tmp_path / "big").voxels, wide)


def test_a_list_holds_images_and_a_vector_channels(tmp_path: Path) -> None:
    """As 3D Slicer writes sequences, whose first axis is the list, and colours."""
    times = np.stack([VALUES, 255 - VALUES, VALUES // 2, VALUES // 3, VALUES // 4, VALUES // 5], axis=-1)
    rest = "kinds: list domain domain domain\nspace: left-posterior-superior\n"
    rest += "space directions: none (2,0,0) (0,3,0) (0,0,4)\n"
    (tmp_path / "a.seq.nrrd").write_bytes(nrrd("6 6 5 4", rest) + b"\n" + times.tobytes())
    with pytest.raises(ReadError, match="file holds 6 volumes"):
        read_one(tmp_path / "a.seq.nrrd")
    for number in range(6):
        volume = read_one(tmp_path / "a.seq.nrrd", number)
        np.testing.assert_array_equal(volume.voxels, times[..., number])
        assert volume.geometry is not None
        assert volume.geometry.spacing_mm == (2, 3, 4)
    (tmp_path / "c.nrrd").write_bytes(
        nrrd("3 6 5 4", rest.replace("list", "vector")) + b"\n" + np.ascontiguousarray(times[..., :3]).tobytes()
    )
    np.testing.assert_array_equal(read_one(tmp_path / "c.nrrd").voxels, times[..., :3])


def test_packed_nrrd_unpacks_to_no_more_than_its_header_says(tmp_path: Path) -> None:
    packed = gzip.compress(VALUES.tobytes() + bytes(50_000_000))
    (tmp_path / "a.nrrd").write_bytes(nrrd("6 5 4").replace(b"raw", b"gzip") + b"\n" + packed)
    tracemalloc.start()
    np.testing.assert_array_equal(read_one(tmp_path / "a.nrrd").voxels, VALUES)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.nhdr", "a.mhd"])
def test_voxels_in_a_pipe_or_a_device_are_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for target in ("pipe", "link"):
        head = nrrd("6 5 4", f"data file: {target}\n") if name == "a.nhdr" else mha("6 5 4", data=target)
        (tmp_path / name).write_bytes(head)
        with pytest.raises(ReadError, match="must be a regular file"):
            read_one(tmp_path / name)


@pytest.mark.parametrize("space", ["left-posterior-superior", "RAS", "left-anterior-superior", "scanner-xyz"])
def test_spaces_are_those_of_itk(tmp_path: Path, space: str) -> None:
    rest = f"space: {space}\nspace directions: (2,0,0) (0,2.4,1.8) (0,-2.4,3.2)\nspace origin: (5,6,7)\n"
    (tmp_path / "a.nrrd").write_bytes(nrrd("6 5 4", rest) + b"\n" + VALUES.tobytes())
    theirs, ours = sitk.ReadImage(str(tmp_path / "a.nrrd")), read_one(tmp_path / "a.nrrd").geometry
    assert ours is not None
    np.testing.assert_allclose(ours.spacing_mm, theirs.GetSpacing())
    np.testing.assert_allclose(ours.origin_mm, theirs.GetOrigin())
    np.testing.assert_allclose(ours.direction, theirs.GetDirection(), atol=1e-12)
