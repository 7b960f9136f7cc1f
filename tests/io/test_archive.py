"""Zips of a DICOM series: nothing in them is believed."""

from __future__ import annotations

import gc
import io
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from msformer.errors import ReadError
from msformer.io.medical import is_archive, kind_of, read_volume

LIMIT = 1_000_000


def slice_bytes(number: int, series: str = "1.2.3") -> bytes:
    """The small CT image of pydicom, at ``number`` × 5 mm."""
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data.SOPInstanceUID, data.SeriesInstanceUID, data.InstanceNumber = f"{series}.{number}", series, number
    data.ImagePositionPatient = [0, 0, 5 * number]
    buffer = io.BytesIO()
    data.save_as(buffer)
    return buffer.getvalue()


def make_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made during the test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_series_with_other_files_beside_it(tmp_path: Path, scratch: Path) -> None:
    report = Path(str(get_testdata_file("reportsi.dcm"))).read_bytes()
    nested = make_zip(tmp_path / "nested.zip", {"x": slice_bytes(9)}).read_bytes()
    entries = {"b/2": slice_bytes(2), "README.txt": b"hello", "b/1": slice_bytes(1), "r": report, "in.zip": nested}
    path = make_zip(tmp_path / "a", entries)
    assert is_archive(path)
    assert kind_of(path) is None
    volume = read_volume([path], max_voxels=LIMIT)
    expected = pydicom.dcmread(str(get_testdata_file("CT_small.dcm"))).pixel_array.astype(int) - 1024
    np.testing.assert_array_equal(volume.voxels, np.stack([expected] * 2))
    assert volume.source == path
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm[2] == 5
    assert [pydicom.dcmread(one).InstanceNumber for one in volume.instances] == [1, 2]
    assert all(one.is_relative_to(scratch) for one in volume.instances)
    del volume
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_names_of_entries_are_not_used(tmp_path: Path, scratch: Path) -> None:
    names = ["../../escaped", "/tmp/msformer-escaped", "..\\escaped", "a/../../escaped", "con", "x" * 200]
    path = make_zip(tmp_path / "a.zip", {name: slice_bytes(number) for number, name in enumerate(names)})
    before = {one for one in tmp_path.rglob("*") if not one.is_relative_to(scratch)}
    volume = read_volume([path], max_voxels=LIMIT)
    assert len(volume.voxels) == len(names)
    assert {one for one in tmp_path.rglob("*") if not one.is_relative_to(scratch)} == before
    assert not Path("/tmp/msformer-escaped").exists()
    assert sorted(one.name for one in volume.instances) == [f"{number:05d}.dcm" for number in range(len(names))]


def test_links_in_an_archive_are_not_followed(tmp_path: Path, scratch: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("slice", slice_bytes(1))
    volume = read_volume([tmp_path / "a.zip"], max_voxels=LIMIT)
    assert len(volume.voxels) == 1
    assert not any(one.is_symlink() for one in scratch.rglob("*"))


def test_several_series_are_refused(tmp_path: Path, scratch: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1": slice_bytes(1), "2": slice_bytes(2), "3": slice_bytes(1, "1.2.4")})
    with pytest.raises(ReadError, match=r"^.*a\.zip: files must be of one series; got 2 .* of 2, 1 files: unpack it"):
        read_volume([path], max_voxels=LIMIT)
    assert list(scratch.iterdir()) == []


def test_other_zips_are_no_archives_of_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(100))
    make_zip(tmp_path / "b.docx", {"[Content_Types].xml": b"<x/>", "word/document.xml": b"<y/>" * 50})
    make_zip(tmp_path / "c.zip", {})
    (tmp_path / "d.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    (tmp_path / "e.txt").write_bytes(b"no zip")
    for name in ("a.npz", "b.docx", "c.zip", "d.zip", "e.txt"):
        assert not is_archive(tmp_path / name), name
        with pytest.raises(ReadError, match=name):
            read_volume([tmp_path / name], max_voxels=LIMIT)
    with pytest.raises(ReadError, match=r"absent\.zip: No such file"):
        is_archive(tmp_path / "absent.zip")


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1": slice_bytes(1)})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # general purpose flags, in the entry and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    assert is_archive(path)
    with pytest.raises(ReadError, match=r"a\.zip: archive is encrypted: unpack it first"):
        read_volume([path], max_voxels=LIMIT)


def test_bombs_are_stopped_while_they_unpack(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msformer.io.archive.SPARE_BYTES", 0)
    path = make_zip(tmp_path / "a.zip", {str(number): slice_bytes(1) + bytes(3_000_000) for number in range(3)})
    content = path.read_bytes()
    size = len(slice_bytes(1)) + 3_000_000
    assert content.count(size.to_bytes(4, "little")) == 6  # in entries and directory, which are not believed
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(ReadError, match=r"a\.zip: (archive must unpack to at most 800000 bytes|broken archive)"):
        read_volume([path], max_voxels=100_000)
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.zip: archive must unpack to at most 800000 bytes .*; got more"):
        read_volume([path], max_voxels=100_000)
    assert list(scratch.iterdir()) == []
    with pytest.raises(ReadError, match="at most 8000000 bytes"):  # each of the entries alone would fit
        read_volume([path], max_voxels=1_000_000)


def test_entries_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msformer.io.archive.MAX_ENTRIES", 3)
    path = make_zip(tmp_path / "a.zip", {str(number): slice_bytes(number) for number in range(4)})
    with pytest.raises(ReadError, match="archive must have at most 3 entries; got 4"):
        read_volume([path], max_voxels=LIMIT)


def test_damaged_entries_are_an_error(tmp_path: Path, scratch: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1": slice_bytes(1), "2": slice_bytes(2)})
    content = bytearray(path.read_bytes())
    content[3000:3100] = os.urandom(100)
    path.write_bytes(bytes(content))
    with pytest.raises(ReadError, match=r"a\.zip: broken archive"):
        read_volume([path], max_voxels=LIMIT)
    assert list(scratch.iterdir()) == []


def test_an_image_with_too_many_voxels(tmp_path: Path, scratch: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1": slice_bytes(1)})
    with pytest.raises(ReadError, match=r"a\.zip: volume must have at most max_pixels=1000 voxels; got 1 × 128 × 128"):
        read_volume([path], max_voxels=1000)
    assert list(scratch.iterdir()) == []
