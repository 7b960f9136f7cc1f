"""Medical files → volumes: what a file is, by its contents; one file, one series or one archive in, one volume out."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL.ImageFile import StubImageFile

from msformer.errors import ImageError, ImageShapeError, NonFiniteImageError, ReadError
from msformer.image import without_nan
from msformer.io import archive, dicom, nifti, ome_zarr, tiff
from msformer.io.dicom import Instance, Part
from msformer.io.metaimage import read_mha
from msformer.io.nrrd import read_nrrd
from msformer.io.privacy import told_modality
from msformer.io.regular import check_regular
from msformer.io.scratch import Scratch
from msformer.io.tiff import SIGNATURES as TIFF_SIGNATURES
from msformer.io.tiff_chain import check_chain
from msformer.io.values import OneVolumeError, one_volume_taken
from msformer.volume import Kind, Volume

VOLUME_KINDS: frozenset[Kind] = frozenset({"dicom", "nifti", "nrrd", "mha", "zarr"})
"""What ``read_volume`` reads; the others are for ``msformer.io.read_image``."""
NRRD_SIGNATURE = b"NRRD000"
MHA_KEYS = (b"ObjectType", b"NDims")
"""One of them is the first word of a MetaImage header."""
DERIVED = frozenset({"SEG"})
"""Modalities that are results, not images; a folder's are not taken for input."""


def kind_of(path: Path) -> Kind | None:
    """What a file is, by its contents; None where it is no image that is known.

    Raises:
        ReadError: The file cannot be opened; the message names it.
    """
    with named(path):
        if path.is_dir() and ome_zarr.is_picture(path):
            return "zarr"
        check_regular(path)
        with path.open("rb") as file:
            start = file.read(256)
        if start[:4] in TIFF_SIGNATURES and start[128:132] != dicom.MAGIC:
            return "tiff"
        if start.startswith(NRRD_SIGNATURE):
            return "nrrd"
        if start.lstrip().startswith(MHA_KEYS) and b"=" in start.split(b"\n", 1)[0]:
            return "mha"
        if dicom.is_dicom(path):
            return "dicom"
        if nifti.is_nifti(path):
            return "nifti"
        return "photo" if _is_photo(path) else None


def is_archive(path: Path) -> bool:
    """Whether a file is a zip with DICOM files in it, or an encrypted zip, which is an error when it is read.

    Raises:
        ReadError: The file cannot be opened; the message names it.
    """
    with named(path):
        return archive.is_archive(path)


@dataclass(frozen=True)
class Found:
    """The files of one volume, or the file of one image.

    Attributes:
        paths: Sorted.
        label: What tells it from others of its series, as in ``acquisition number 2``; empty where there are none.
        notes: What there is to tell of it.
    """

    paths: tuple[Path, ...]
    label: str = ""
    notes: tuple[str, ...] = ()


def read_volume(
    paths: Sequence[Path],
    *,
    frame: int | None = None,
    series: int | None = None,
    max_voxels: int,
    picture: int | None = None,
    must_have_frame: bool = True,
) -> Volume:
    """Read one volume.

    Args:
        paths: One file of any kind but photographs and TIFFs of separate pages; the files of one DICOM series in any
            order; the files of one OME-TIFF data set; a folder of OME-Zarr; or one zip of one DICOM series. The
            unpacked ``instances`` of a zip exist as long as the volume does.
        frame: Which of the volumes of a 4-D file or series, from 0.
        series: Which of the series or volumes of the files or of a zip, from 0; one alone is taken without it.
        max_voxels: Refuse more.
        picture: Which of several stage positions of a TIFF, from 0.
        must_have_frame: Whether ``frame`` is meant for this volume, so that one which is alone in its file or series
            refuses every number but 0; else it is taken whatever the number, with a note.

    Raises:
        ReadError: A file is missing, broken, too large, of another kind, the files are not of one volume, or there is
            no such ``frame``; the message begins with the file, or with the folder of a series.
        ImageError: The voxels are not finite numbers, or their geometry is none.
    """
    if not paths:
        raise ReadError("paths must name at least one file; got none")
    choice = _Choice(frame, must_have_frame)
    if len(paths) > 1 and kind_of(paths[0]) != "tiff":
        instances = []
        for path in paths:
            with named(path):
                instances.append(dicom.read_instance(path))
        return _read_group(instances, paths[0].parent, choice, series, max_voxels)
    path = paths[0]
    kind = kind_of(path)
    with named(path):
        if kind == "dicom":
            instance = dicom.read_instance(path)
            return choice.of(lambda number: dicom.read_series([instance], max_voxels, number))
        if kind == "nifti":
            return choice.of(lambda number: nifti.read_nifti(path, number, max_voxels))
        if kind == "nrrd":
            return choice.of(lambda number: read_nrrd(path, number, max_voxels))
        if kind == "mha":
            return choice.of(lambda number: read_mha(path, number, max_voxels))
        if kind == "zarr":
            return choice.of(lambda number: ome_zarr.read_zarr(path, number, max_voxels))
        if kind == "tiff" and check_chain(path) and tiff.is_stack(path):
            return choice.of(lambda number: tiff.read_stack(path, number, max_voxels, picture or 0))
        if kind is not None:
            raise ReadError(f"file must be DICOM, NIfTI, NRRD or MetaImage to be read as a volume; got {kind}")
        with path.open("rb") as file:
            is_zip = file.read(4) in archive.SIGNATURES
        if not is_zip:
            raise ReadError("no medical image format recognises the contents of this file")
        return _read_archive(path, choice, series, max_voxels)


@dataclass(frozen=True)
class _Choice:
    """Which of several volumes is meant, and whether one that is alone must be of that number."""

    frame: int | None
    must_fit: bool

    def of(self, read: Callable[[int | None], Volume]) -> Volume:
        """What a reader gives for the number; errors as of ``read`` and ``checked``."""
        try:
            return checked(read(self.frame))
        except OneVolumeError as error:
            if self.must_fit:
                raise ReadError(str(error)) from error
            volume = checked(read(None))
            return replace(volume, notes=(*volume.notes, one_volume_taken(self.frame)))


def find_volumes(paths: Iterable[Path]) -> list[list[Path]]:
    """Which of the files of a folder are volumes; see ``find_cases``."""
    return [list(found.paths) for found in find_cases(paths)]


def find_cases(paths: Iterable[Path]) -> list[Found]:
    """Which of the files of a folder are volumes: DICOM by series, in the order of their first files, others alone.

    A series is split by what makes another image, and images that are no slices stand alone. Hidden files, files that
    are no medical images, and DICOM segmentations are left out. Files that are medical images but broken stand alone,
    so that reading them says what is wrong.
    """
    found: list[Path | Instance] = []
    for path in sorted(paths):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            kind = kind_of(path)
            if kind == "dicom":
                instance = dicom.read_instance(path)
                if instance.modality not in DERIVED:
                    found.append(instance)
            elif kind in VOLUME_KINDS:
                found.append(path)
        except dicom.NoImageError:
            continue
        except ReadError:
            found.append(path)
    by_first = {}
    for part in dicom.find_parts(one for one in found if isinstance(one, Instance)):
        members = tuple(one.path for one in part.instances)
        by_first[members[0]] = Found(members, part.label, (part.note,) if part.note else ())
    cases = []
    for one in found:
        if isinstance(one, Path):
            cases.append(Found((one,)))
        elif one.path in by_first:
            cases.append(by_first[one.path])
    return cases


def _read_group(
    instances: Sequence[Instance], folder: Path, choice: _Choice, series: int | None, max_voxels: int
) -> Volume:
    with named(folder):
        members = _of_one_series(instances, series)
        return choice.of(lambda number: dicom.read_series(members, max_voxels, number))


def _of_one_series(instances: Sequence[Instance], series: int | None, advice: str = "") -> Sequence[Instance]:
    """The files of the series or volume that is meant.

    Raises:
        ReadError: There are several, and ``series`` names none of them.
    """
    parts = dicom.find_parts(instances)
    if len(parts) == 1:
        return parts[0].instances
    if series is None:
        sizes = ", ".join(str(len(part.instances)) for part in parts[:10])
        more = ", …" if len(parts) > 10 else ""
        choices = "; ".join(f"{number}: {_described(part)}" for number, part in enumerate(parts[:20]))
        raise ReadError(
            f"files must be of one series; got {len(parts)} series or volumes, of {sizes}{more} files{advice}; or "
            f"choose one with --series 0 to {len(parts) - 1} ({choices}{'; …' if len(parts) > 20 else ''})"
        )
    if not 0 <= series < len(parts):
        raise ReadError(f"read.series must be from 0 to {len(parts) - 1} in these files; got {series}")
    return parts[series].instances


def _described(part: Part) -> str:
    first = part.instances[0]
    said = [told_modality(first.modality), f"{first.rows} × {first.columns} px", part.label]
    return ", ".join(word for word in said if word)


def _read_archive(path: Path, choice: _Choice, series: int | None, max_voxels: int) -> Volume:
    folder = Scratch()
    try:
        instances = []
        for file in archive.unpack(path, folder.path, max_voxels):
            try:
                instance = dicom.read_instance(file)
            except dicom.NoImageError:  # directories and reports go with many series
                continue
            if instance.modality not in DERIVED:
                instances.append(instance)
        if not instances:
            raise ReadError("archive holds no DICOM image")
        members = _of_one_series(instances, series, ": unpack it, and give the folder")
        volume = replace(choice.of(lambda number: dicom.read_series(members, max_voxels, number)), source=path)
    except BaseException:
        folder.remove()
        raise
    weakref.finalize(volume, folder.remove)
    return volume


def checked(volume: Volume) -> Volume:
    """Refuse voxels that are no numbers; NaN is no data, with a note, as it is in images.

    Raises:
        ImageError: Complex numbers, numbers of more than 64 bits, infinite values, nothing but NaN, or no voxel at all.
    """
    voxels = volume.voxels
    if voxels.size == 0:
        raise ImageShapeError(f"volume must have at least one voxel; got shape {voxels.shape}")
    if voxels.dtype.kind not in "buif" or voxels.dtype.itemsize > 8:
        raise ImageError(f"volume must hold booleans, integers or floats of at most 64 bits; got {voxels.dtype}")
    if voxels.dtype.kind != "f":
        return volume
    n_infinite = sum(int(np.isinf(plane).sum()) for plane in voxels)
    n_unknown = sum(int(np.isnan(plane).sum()) for plane in voxels)
    if n_infinite or n_unknown == voxels.size:
        raise NonFiniteImageError(
            f"volume must be finite; got {n_infinite} infinite values and {n_unknown} NaN of {voxels.size}"
        )
    if n_unknown == 0:
        return volume
    filled, padding, told = without_nan(voxels, volume.padding_value)
    return replace(volume, voxels=filled, notes=(*volume.notes, *told), padding_value=padding)


def _is_photo(path: Path) -> bool:
    """Whether Pillow knows the header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path) as opened:
                return not isinstance(opened, StubImageFile)  # HDF5 and others that are known by name only
    except Pillow.DecompressionBombError:  # a photo, if a large one: its reader has a limit of its own
        return True
    except Exception:  # plugins raise anything on broken headers
        return False


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors that begin with the file, whatever is raised inside, of the tree in ``errors``."""
    try:
        yield
    except (ReadError, ImageError) as error:
        text = str(error)
        raise (error if text.startswith(str(path)) else type(error)(f"{path}: {text}")) from error
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # what no reader foresaw: a library's own kinds, a name with a null byte, no memory
        raise ReadError(f"{path}: {type(error).__name__}: {error}") from error
