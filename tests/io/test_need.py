"""What a case needs by its header beside what it takes, and headers that claim what is not there."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pydicom
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom.data import get_testdata_file

from msformer.batch.plan import plan_cases
from msformer.errors import ReadError
from msformer.io import read_image
from msformer.io.need import WORKING_BYTES, bytes_needed

SIDE = 4000
MEASURE = Path(__file__).with_name("peak_of_cases.py")


def disc(height: int, width: int, dtype: type = np.uint8) -> NDArray[Any]:
    """A grey disc with a little noise, ``(H, W)``."""
    rows, columns = np.arange(height)[:, None] / height - 0.5, np.arange(width)[None] / width - 0.45
    noise = np.random.default_rng(3).integers(0, 9, (height, width), dtype=np.uint8)
    grey = noise + np.where(rows**2 + columns**2 < 0.06, np.uint8(70), np.uint8(170))
    return grey if dtype is np.uint8 else grey.astype(dtype) * dtype(100)


def make_pictures(folder: Path) -> None:
    grey = disc(SIDE, SIDE)
    colour = np.dstack([grey, grey - np.uint8(20), grey - np.uint8(40)])
    deep = grey.astype(np.uint16) * np.uint16(100)
    Pillow.fromarray(colour).save(folder / "progressive.jpg", progressive=True)
    Pillow.fromarray(np.dstack([colour, grey])).save(folder / "alpha.png", compress_level=1)
    Pillow.fromarray(colour).save(folder / "colour.webp", method=0)
    cv2.imwrite(str(folder / "deep_colour.png"), np.dstack([deep, deep, deep]))
    tifffile.imwrite(folder / "packed.tif", colour, compression="zlib", compressionargs={"level": 1})
    tifffile.imwrite(folder / "double.tif", grey.astype(np.float64))
    Pillow.fromarray(disc(40, SIDE * SIDE // 40)).save(folder / "long.png", compress_level=1)


def make_objects(folder: Path) -> None:
    grey = np.tile(disc(SIDE // 40, SIDE // 40), (40, 40))
    Pillow.fromarray(np.dstack([grey, grey - np.uint8(20), grey])).save(folder / "objects.png", compress_level=1)


def make_volumes(folder: Path) -> None:
    voxels = np.stack([disc(2000, 2000, np.int16)] * 4)
    nibabel.save(nibabel.Nifti1Image(voxels.T, np.eye(4)), folder / "packed.nii.gz")
    scaled = nibabel.Nifti1Image(voxels.T, np.eye(4))
    scaled.header.set_slope_inter(1.5, 3)
    nibabel.save(scaled, folder / "scaled.nii")
    (folder / "double.mha").write_bytes(mha("2000 2000 4", zlib.compress(voxels.astype(np.float64).tobytes(), 1)))
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for number, plane in enumerate(voxels):
        write_slice(folder / "series" / f"{number}.dcm", data, plane, number)


def write_slice(path: Path, data: Any, plane: NDArray[np.int16], number: int) -> None:
    path.parent.mkdir(exist_ok=True)
    data.Rows, data.Columns = plane.shape
    data.PixelData = plane.tobytes()
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
    data.ImagePositionPatient = [0, 0, 5 * number]
    data.InstanceNumber = number + 1
    data.save_as(path)


def nrrd(kind: str, sizes: tuple[int, ...], encoding: str, kinds: str = "domain domain domain") -> bytes:
    said = " ".join(map(str, sizes))
    return (
        f"NRRD0004\ntype: {kind}\ndimension: {len(sizes)}\nsizes: {said}\nkinds: {kinds}\nencoding: {encoding}\n"
        "endian: little\n\n"
    ).encode()


def mha(sizes: str, packed: bytes) -> bytes:
    return (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = True\nDimSize = {sizes}\n"
        "ElementType = MET_DOUBLE\nElementDataFile = LOCAL\n"
    ).encode() + packed


def nifti_header(shape: tuple[int, ...]) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float64)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return bytes(header.binaryblock) + bytes(4)


def needed(path: Path, *, one_by_one: bool = False) -> int:
    (case,) = plan_cases([str(path)])
    return bytes_needed(case.source, case.page, case.instances, one_by_one=one_by_one)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read as Linux tells them")
@pytest.mark.parametrize(
    ("make", "preset"), [(make_pictures, "auto"), (make_volumes, "auto"), (make_objects, "nuclei")]
)
def test_the_estimate_is_more_than_what_is_taken_and_not_much_more(tmp_path: Path, make: Any, preset: str) -> None:
    make(tmp_path)
    paths = sorted(tmp_path.iterdir())
    ran = subprocess.run(
        [sys.executable, str(MEASURE), preset, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    taken = json.loads(ran.stdout.splitlines()[-1])
    told = {path.name: (needed(path, one_by_one=preset == "nuclei"), taken[str(path)]) for path in paths}
    assert [name for name, (estimate, peak) in told.items() if estimate < peak] == [], told
    assert [name for name, (estimate, peak) in told.items() if estimate > 3 * peak] == [], told


PACKED = gzip.compress(bytes(99), mtime=0)


@pytest.mark.parametrize(
    ("name", "content"),  # the same bytes in each process that collects: no time in them
    [
        ("text.nrrd", nrrd("float", (4, 10000, 15000), "ascii", "vector domain domain") + b"1 2 3\n"),
        ("gzip.nrrd", nrrd("double", (4, 10000, 15000), "gzip", "vector domain domain") + PACKED),
        ("bzip2.nrrd", nrrd("double", (4, 10000, 15000), "bzip2", "vector domain domain") + bz2.compress(bytes(99))),
        ("raw.nrrd", nrrd("double", (4, 10000, 15000), "raw", "vector domain domain") + bytes(99)),
        ("a.mha", mha("600 600 400", zlib.compress(bytes(99)))),
        ("a.nii", nifti_header((600, 600, 400)) + bytes(99)),
        ("a.nii.gz", gzip.compress(nifti_header((600, 600, 400)) + bytes(99), mtime=0)),
    ],
)
def test_headers_that_claim_more_than_their_file_can_hold(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ReadError, match=rf"{name}: broken or truncated"):
            bytes_needed(path, instances=[path])
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        (256, 0, "at least one pixel a side; got 0 × 40"),
        (257, 0, "at least one pixel a side; got 60 × 0"),
        (277, 30_000_000, "at most 4 × max_pixels=10000000 samples"),
    ],
)
def test_a_tiff_of_no_pixels_or_of_too_many_channels_is_told_by_its_header(
    tmp_path: Path, tag: int, value: int, words: str
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((40, 60, 3), dtype=np.uint8), photometric="rgb")
    content = bytearray(path.read_bytes())
    start = int.from_bytes(content[4:8], "little")
    for index in range(int.from_bytes(content[start : start + 2], "little")):
        entry = start + 2 + 12 * index
        if int.from_bytes(content[entry : entry + 2], "little") == tag:
            content[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, value)
    path.write_bytes(content)
    for look in (lambda: bytes_needed(path, max_pixels=10**7), lambda: read_image(path, max_pixels=10**7)):
        with pytest.raises(ReadError, match=re.escape(words)):
            look()


def test_bombs_are_told_by_their_headers(tmp_path: Path) -> None:
    """What unpacks to 160 MB from some kilobytes."""
    unpacked = 20_000_000 * 8
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(nifti_header((200, 200, 500)) + bytes(unpacked), 1))
    (tmp_path / "a.mha").write_bytes(mha("200 200 500", zlib.compress(bytes(unpacked))))
    (tmp_path / "a.nrrd").write_bytes(nrrd("double", (200, 200, 500), "bzip2") + bz2.compress(bytes(unpacked)))
    for path in sorted(tmp_path.iterdir()):
        tracemalloc.start()
        try:
            assert unpacked < bytes_needed(path, instances=[path]) - WORKING_BYTES < 3 * unpacked
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()


def test_what_is_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    Pillow.fromarray(disc(50, 60)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", disc(50, 60))
    assert needed(tmp_path / "a.png") < WORKING_BYTES + 2**20
    for name in ("a.png", "a.tif"):
        with pytest.raises(ReadError, match=rf"{name}: image must have at most max_pixels=2999 pixels; got 60 × 50"):
            bytes_needed(tmp_path / name, max_pixels=2999)


def test_an_archive_is_told_by_its_first_file(tmp_path: Path) -> None:
    make = str(get_testdata_file("CT_small.dcm"))  # 128 × 128 px of 16 bits
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(300):
            archive.write(make, f"{number}.dcm")
    kept = 300 * 128 * 128 * 2
    assert kept < bytes_needed(tmp_path / "a.zip", instances=[tmp_path / "a.zip"]) - WORKING_BYTES < 8 * kept


@pytest.mark.parametrize("name", ["absent.png", "noise.png", "noise.dcm", "noise.tif", "noise.nii.gz", "noise.zip"])
def test_what_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    heads = {"dcm": bytes(128) + b"DICM", "tif": b"II*\0", "gz": b"\x1f\x8b\x08\0", "zip": b"PK\x03\x04", "png": b""}
    path = tmp_path / name
    if name.startswith("noise"):
        path.write_bytes(heads[name.rsplit(".", 1)[1]] + np.random.default_rng(1).bytes(3000))
    for instances in ([], [path]):
        with pytest.raises(ReadError, match=name):
            bytes_needed(path, instances=instances)
