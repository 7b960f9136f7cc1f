"""Files that never end, or wait for ever: each is refused at once, with the limit in the message."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.io.test_nrrd_and_metaimage import VALUES, mha, nrrd, read_one

from msformer.batch.plan import plan_cases
from msformer.errors import ReadError
from msformer.io import count_pages, read_image
from msformer.io.medical import kind_of, read_volume
from msformer.io.tiff_chain import MAX_PAGES, check_chain


def chain(*following: int, order: str = "<", is_big: bool = False) -> bytes:
    """A TIFF of directories with one tag each; the number of the directory that follows each, -1 for none."""
    head, letter, width = (16, "Q", 8 + 20 + 8) if is_big else (8, "I", 2 + 12 + 4)
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if is_big else 42)
    start += struct.pack(f"{order}HHQ", 8, 0, head) if is_big else struct.pack(f"{order}I", head)
    body = b""
    for number in following:
        body += struct.pack(f"{order}{'Q' if is_big else 'H'}HH{letter}{letter}", 1, 256, 4, 1, 40)
        body += struct.pack(f"{order}{letter}", 0 if number < 0 else head + number * width)
    return start + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
def test_directories_that_lead_back(tmp_path: Path, order: str, is_big: bool) -> None:
    path = tmp_path / "a.tif"
    for loop in ((0,), (1, 0), (1, 2, 1)):
        path.write_bytes(chain(*loop, order=order, is_big=is_big))
        assert [case.page for case in plan_cases([str(path)])] == [None]
        for call in (read_image, count_pages, lambda one: read_volume([one], max_voxels=1000)):
            with pytest.raises(ReadError, match=r"a\.tif: broken TIFF: its directories lead back"):
                call(path)
    path.write_bytes(chain(1, 2, -1, order=order, is_big=is_big))
    assert check_chain(path) == 3


def test_a_directory_below_that_leads_back(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    below = 8 + 18  # the second directory, which points at itself and is listed as a smaller copy
    first = struct.pack("<HHHIII", 1, 330, 4, 1, below, 0)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + first + struct.pack("<HHHIII", 1, 256, 4, 1, 40, below))
    with pytest.raises(ReadError, match="lead back"):
        check_chain(path)


def test_pages_are_counted_up_to_a_limit_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(chain(*range(1, MAX_PAGES), -1))
    assert check_chain(path) == MAX_PAGES == 10_000
    path.write_bytes(chain(*range(1, MAX_PAGES + 1), -1))
    with pytest.raises(ReadError, match=r"a\.tif: TIFF must have at most 10000 pages.*; got more"):
        read_image(path)
    assert len(plan_cases([str(path)])) == 1


def test_whole_files_are_walked_without_complaint(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.zeros((48, 64), np.uint8), subifds=2)
        for side in (24, 12):
            writer.write(np.zeros((side, side), np.uint8), subfiletype=1)
        writer.write(np.zeros((48, 64), np.uint8))
    assert check_chain(path) == 4
    data = path.read_bytes()
    for cut in range(0, len(data), 97):
        path.write_bytes(data[:cut])
        check_chain(path)


@pytest.mark.parametrize("target", ["fifo", "/dev/zero"])
def test_voxels_in_a_pipe_or_device(tmp_path: Path, target: str) -> None:
    if target == "fifo":
        os.mkfifo(tmp_path / "x1.raw")
    else:
        (tmp_path / "x1.raw").symlink_to(target)
    (tmp_path / "a.mhd").write_bytes(mha("6 5 4", data="x1.raw"))
    (tmp_path / "a.nhdr").write_bytes(nrrd("6 5 4", "data file: x1.raw\n"))
    (tmp_path / "b.nhdr").write_bytes(nrrd("6 5 4", "data file: LIST\nx1.raw\n"))
    (tmp_path / "c.nhdr").write_bytes(nrrd("6 5 4", "data file: x%d.raw 1 4 1 2\n"))
    for name in ("a.mhd", "a.nhdr", "b.nhdr", "c.nhdr"):
        with pytest.raises(ReadError, match=f"{name}: must be a regular file; got a "):
            read_one(tmp_path / name)
    for call in (read_image, kind_of):
        with pytest.raises(ReadError, match=r"x1\.raw: must be a regular file; got a "):
            call(tmp_path / "x1.raw")


@pytest.mark.parametrize("kinds", ["list domain domain domain", "vector domain domain domain"])
def test_the_axis_of_a_sequence_is_time(tmp_path: Path, kinds: str) -> None:
    times = np.stack([VALUES + time for time in range(6)], axis=-1)  # fastest axis first in the file
    path = tmp_path / "a.seq.nrrd"
    fields = f"kinds: {kinds}\nspace: left-posterior-superior\nspace directions: none (2,0,0) (0,3,0) (0,0,5)\n\n"
    path.write_bytes(nrrd("6 6 5 4", fields) + times.tobytes())
    np.testing.assert_array_equal(read_one(path, frame=2).voxels, VALUES + 2)
    with pytest.raises(ReadError, match=r"holds 6 volumes .*read\.frame=0 to 5"):
        read_one(path)
    other = tmp_path / "b.nrrd"  # without the name, only the header can say so
    other.write_bytes(path.read_bytes())
    if kinds.startswith("list"):
        np.testing.assert_array_equal(read_one(other, frame=5).voxels, VALUES + 5)
    else:
        assert read_one(other).voxels.shape == (4, 5, 6, 6)
