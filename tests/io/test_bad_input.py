"""Files of every kind that are broken, and whole collections of odd ones: an image or an error that names the file."""

from __future__ import annotations

import gzip
import io
import os
import signal
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from PIL import Image as Pillow
from pydicom.data import get_testdata_file, get_testdata_files

from msformer.errors import ConfigError, ImageError, ReadError
from msformer.io import read_image
from msformer.io.medical import find_volumes, is_archive, kind_of, read_volume

NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"
PYDICOM = sorted(Path(name) for name in get_testdata_files())  # with a pattern it would look for more on the network
COLLECTION = [*PYDICOM, *sorted(one for one in NIBABEL.rglob("*") if one.is_file())]
LIMIT = 20_000_000
SECONDS = 60
SUFFIXES = ["", "dcm", "ima", "nii", "nii.gz", "hdr", "nrrd", "nhdr", "mha", "mhd", "zip", "tif", "tiff", "png", "jpg"]
HEADS = [
    b"", bytes(128) + b"DICM", b"\x08\x00\x05\x00CS\x0a\x00", b"\x5c\x01\0\0" + bytes(340) + b"n+1\0",
    b"\x1f\x8b\x08\0", b"NRRD0004\n", b"ObjectType = Image\nNDims = 3\n", b"PK\x03\x04", b"II*\0", b"\x89PNG\r\n\x1a\n",
]  # fmt: skip


def attempt(path: Path) -> bool:
    """Whether a file is read; where not, the error must be ours and begin with its name."""
    try:
        with watchdog():
            volume = read_volume([path], max_voxels=LIMIT)
    except (ReadError, ImageError, ConfigError) as error:
        assert str(error).startswith(str(path))
        assert len(str(error)) > len(str(path)) + 10  # and says something
        return False
    assert volume.voxels.size > 0
    assert volume.voxels.ndim in (3, 4)
    return True


@contextmanager
def watchdog() -> Iterator[None]:
    """Ends what would hang, however slow the machine; what is read here takes hundredths of a second."""

    def bark(*_: object) -> None:
        raise TimeoutError(f"not read within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_the_collections_are_there() -> None:
    assert len(COLLECTION) > 250


@pytest.mark.parametrize("path", COLLECTION, ids=lambda path: path.name)
def test_collections_of_pydicom_and_nibabel(path: Path) -> None:
    is_read = attempt(path)
    if path.is_dir():
        with pytest.raises(ReadError, match="directory"):
            kind_of(path)
        return
    kind = kind_of(path)
    assert not is_read or kind in ("dicom", "nifti")
    if kind is None or kind == "photo":
        assert find_volumes([path]) == []


BROKEN = {
    "badVR.dcm": "pixels cannot be decoded",
    "MR_truncated.dcm": "less than expected",
    "JPEG2000-embedded-sequence-delimiter.dcm": "256 × 1024",
    "rtplan_truncated.dcm": "holds no image",
    "DICOMDIR": "holds no image",
    "no_meta.dcm": "no medical image format",
    "functional.nii": "read.frame=0 to 19",
    "row_major.dconn.nii": "2 to 5 axes",
    "nifti1.hdr": "nifti1.img",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said(name: str) -> None:
    path = next(one for one in COLLECTION if one.name == name)
    with pytest.raises((ReadError, ImageError)) as caught:
        read_volume([path], max_voxels=LIMIT)
    assert BROKEN[name] in str(caught.value)


def test_most_images_of_the_collection_are_read() -> None:
    """All of pydicom's files with pixels but three, which are broken on purpose."""
    failed = []
    for path in PYDICOM:
        if path.is_dir() or kind_of(path) != "dicom":
            continue
        data = pydicom.dcmread(path, force=True)
        if "PixelData" in data and "Rows" in data and not attempt(path):
            failed.append(path.name)
    assert sorted(failed) == ["JPEG2000-embedded-sequence-delimiter.dcm", "MR_truncated.dcm", "badVR.dcm"]


def noise(shape: tuple[int, ...] = (4, 40, 44)) -> sitk.Image:
    return sitk.GetImageFromArray(np.random.default_rng(4).integers(0, 4000, shape).astype(np.int16))


def make_dicom(path: Path, name: str = "CT_small.dcm") -> None:
    path.write_bytes(Path(str(get_testdata_file(name))).read_bytes())


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(str(get_testdata_file("CT_small.dcm")), "slice")


def make_photo(path: Path) -> None:
    Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (50, 60), dtype=np.uint8)).save(path)


MAKERS: dict[str, Callable[[Path], None]] = {
    "a.dcm": make_dicom,
    "jpeg2000.dcm": lambda path: make_dicom(path, "MR_small_jp2klossless.dcm"),
    "jpegls.dcm": lambda path: make_dicom(path, "MR_small_jpeg_ls_lossless.dcm"),
    "jpeg.dcm": lambda path: make_dicom(path, "SC_rgb_jpeg_dcmtk.dcm"),
    "rle.dcm": lambda path: make_dicom(path, "MR_small_RLE.dcm"),
    "deflated.dcm": lambda path: make_dicom(path, "image_dfl.dcm"),
    "a.nii": lambda path: sitk.WriteImage(noise(), str(path)),
    "a.nii.gz": lambda path: sitk.WriteImage(noise(), str(path)),
    "a.nrrd": lambda path: sitk.WriteImage(noise(), str(path)),
    "packed.nrrd": lambda path: sitk.WriteImage(noise(), str(path), True),
    "a.mha": lambda path: sitk.WriteImage(noise(), str(path)),
    "packed.mha": lambda path: sitk.WriteImage(noise(), str(path), True),
    "a.zip": make_zip,
}


@pytest.mark.parametrize("name", MAKERS)
def test_truncated_volumes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    MAKERS[name](path)
    whole = path.read_bytes()
    assert attempt(path)
    errors = 0
    for cut in range(20):
        path.write_bytes(whole[: len(whole) * cut // 20])
        errors += not attempt(path)
    assert errors == 20


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_truncated_images(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pixels = np.random.default_rng(1).integers(0, 255, (50, 60), dtype=np.uint8)
    tifffile.imwrite(path, pixels) if name == "a.tif" else make_photo(path)
    whole = path.read_bytes()
    assert read_image(path).shape == (50, 60)
    errors = 0
    for cut in range(20):
        path.write_bytes(whole[: len(whole) * cut // 20])
        try:
            assert read_image(path).shape == (50, 60)  # what is cut off may be nothing that matters
        except (ReadError, ImageError) as error:
            assert str(error).startswith(str(path))
            errors += 1
    assert errors >= 18


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_noise_under_every_suffix(tmp_path: Path, suffix: str) -> None:
    for seed, head in enumerate(HEADS):
        path = tmp_path / f"noise{seed}.{suffix}"
        path.write_bytes(head + np.random.default_rng(seed).bytes(2000))
        assert not attempt(path), head
        assert not is_archive(path)
        with pytest.raises(ReadError, match="noise"):
            read_image(path)
    for group in find_volumes(tmp_path.iterdir()):  # what looks like a volume says what is wrong when it is read
        assert not attempt(group[0])


@pytest.mark.parametrize("name", MAKERS)
def test_flipped_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    MAKERS[name](path)
    whole = path.read_bytes()
    rng = np.random.default_rng(11)
    for _ in range(15):
        broken = bytearray(whole)
        for at in rng.integers(0, min(len(whole), 2000), 4):
            broken[at] = rng.integers(0, 256)
        path.write_bytes(bytes(broken))
        attempt(path)


def test_gzip_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """Twenty megabytes of nothing in a few kilobytes: only the first bytes are looked at."""
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    tracemalloc.start()
    try:
        assert kind_of(path) is None
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert not attempt(path)


def test_zip_bomb_under_the_suffix_of_a_slice(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(128) + b"DICM" + bytes(60_000_000))
    (tmp_path / "a.dcm").write_bytes(buffer.getvalue())
    with pytest.raises(ReadError, match=r"a\.dcm: archive must unpack to at most 16785216 bytes"):
        read_volume([tmp_path / "a.dcm"], max_voxels=1000)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path / "null\0byte", tmp_path):
        with pytest.raises(ReadError, match=tmp_path.name):
            read_volume([path], max_voxels=LIMIT)
        with pytest.raises(ReadError, match=tmp_path.name):
            kind_of(path)
    with pytest.raises(ReadError, match="at least one file; got none"):
        read_volume([], max_voxels=LIMIT)
    make_photo(tmp_path / "a.png")
    with pytest.raises(ReadError, match=r"a\.png: file must be DICOM, NIfTI, NRRD or MetaImage .*; got photo"):
        read_volume([tmp_path / "a.png"], max_voxels=LIMIT)
    make_dicom(tmp_path / "a.dcm")
    with pytest.raises(ReadError, match=r"a\.png: "):
        read_volume([tmp_path / "a.dcm", tmp_path / "a.png"], max_voxels=LIMIT)


def test_a_folder_of_everything(tmp_path: Path) -> None:
    for name, make in MAKERS.items():
        make(tmp_path / name)
    make_photo(tmp_path / "photo.png")
    (tmp_path / ".hidden.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
    (tmp_path / "folder.dcm").mkdir()
    found = find_volumes(tmp_path.iterdir())
    names = sorted(path.name for group in found for path in group)
    assert names == sorted(name for name in MAKERS if name != "a.zip")
    groups = [group for group in found if len(group) > 1]
    # The small MR image in three compressions is of one series.
    assert [[path.name for path in group] for group in groups] == [["jpeg2000.dcm", "jpegls.dcm", "rle.dcm"]]
    assert found == find_volumes(sorted(tmp_path.iterdir(), reverse=True))


@pytest.mark.parametrize("suffix", ["nrrd", "mha", "nii", "nii.gz"])
def test_names_that_are_no_utf_8_do_not_end_the_process(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / os.fsdecode(b"no \xff")
    folder.mkdir()
    image = sitk.GetImageFromArray(np.arange(40 * 50 * 3, dtype=np.int16).reshape(3, 40, 50))
    sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"))
    (tmp_path / f"a.{suffix}").rename(folder / f"a.{suffix}")
    assert read_volume([folder / f"a.{suffix}"], max_voxels=10_000).shape == (3, 40, 50)
