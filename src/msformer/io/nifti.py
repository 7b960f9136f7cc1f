"""NIfTI (.nii, .nii.gz, pairs of .hdr and .img), by nibabel: it keeps sheared affines, which SimpleITK refuses.

Only the header proper and the voxels are read. nibabel would read extensions too, of any size that the file states.
"""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import RAS_OF_LPS, Forms, Geometry
from msformer.image import row_strips
from msformer.io.claim import Claim
from msformer.io.photo import check_voxel_count
from msformer.io.values import as_native, check_can_hold, check_frame, fill
from msformer.volume import Volume

logging.getLogger("nibabel").setLevel(logging.CRITICAL)
MM_OF_UNIT = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
GZIP = b"\x1f\x8b"
SINGLE, PAIR = (b"n+1", b"n+2"), (b"ni1", b"ni2")
SIZES = {348: 344, 540: 4}
"""Length of the header → where its magic is."""
_TURN = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
APART = 0.1
"""Forms that put a corner of the grid farther apart than this, in parts of the smallest side of a voxel, disagree."""
MAX_OFFSET = 1 << 26
"""Bytes before the voxels; compressed files must be unpacked up to there."""


def read_nifti(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read a NIfTI file as ``(D, H, W)``: its axes (i, j, k) are (column, row, slice).

    A fifth axis holds channels. The place is that of the sform, or where its code is 0 of the qform, as nibabel takes
    it; where both codes are 0 the header states sizes only. Both forms stay with the geometry, to be written again.

    Raises:
        ReadError: It cannot be read, is no NIfTI, or has several volumes and no ``frame`` is given.
        ImageError: Its affine is no geometry.
    """
    with _broken():
        values, header, stored, axes = _read(path, frame, max_voxels)
    voxels = voxels_of(values, axes)
    geometry = geometry_of_header(header, stored, is_flat=axes == 2)
    return Volume(voxels, geometry, "nifti", path, notes=tuple(_disagreement(header, voxels.shape[:3])))


@contextmanager
def _broken() -> Iterator[None]:
    """Errors of broken files as ours: nibabel, gzip, zlib and numpy raise many kinds."""
    try:
        yield
    except (ReadError, ImageError, OSError):
        raise
    except Exception as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


def voxels_of(values: Any, axes: int) -> NDArray[Any]:
    """Values (column, row[, slice][, channel]) of an image of two or three axes of space as ``(D, H, W[, C])``."""
    values = np.asanyarray(values)
    values = values[:, :, None] if axes == 2 else values
    return np.ascontiguousarray(np.moveaxis(values, (0, 1, 2), (2, 1, 0)))


def geometry_of_header(header: Any, stored: Any, *, is_flat: bool) -> Geometry:
    """The geometry by a header as nibabel mends it, with the forms of the one that is stored."""
    scale = MM_OF_UNIT.get(header.get_xyzt_units()[0], 1.0)
    codes = int(header["qform_code"]), int(header["sform_code"])
    stated = [True, True, not is_flat]
    best = header
    if max(codes) <= 0:  # sizes alone, and where they are none, not even those
        best = header.copy()
        sizes = stored["pixdim"][1:4]
        is_size = np.isfinite(sizes) & (sizes > 0)
        best["pixdim"][1:4] = np.where(is_size, sizes, 1)
        stated = [bool(one and known) for one, known in zip(stated, is_size, strict=True)]
    affine = RAS_OF_LPS @ best.get_best_affine()
    if is_flat and not affine[:3, 2].any():
        affine[:3, 2] = np.cross(affine[:3, 0], affine[:3, 1]) / np.linalg.norm(affine[:3, 0])
    geometry = Geometry.from_affine(affine if scale == 1.0 else np.diag([scale, scale, scale, 1.0]) @ affine)
    b, c, d, x, y, z = (float(stored[name]) for name in _TURN)
    sign, *steps = (float(one) for one in stored["pixdim"][:4])
    forms = Forms(
        *codes,
        (b, c, d),
        (x, y, z),
        (sign, steps[0], steps[1], steps[2]),
        tuple(float(one) for name in ("srow_x", "srow_y", "srow_z") for one in header[name]),
        int(stored["xyzt_units"]) & 7,
    )
    return replace(
        geometry, is_stated=(stated[0], stated[1], stated[2]), is_placed=max(codes) > 0, is_flat=is_flat, forms=forms
    )


def _disagreement(header: Any, shape: tuple[int, ...]) -> Iterator[str]:
    """A note where the two forms are both there and put the grid at different places."""
    if min(int(header["qform_code"]), int(header["sform_code"])) <= 0:
        return
    depth, height, width = shape
    corners = np.array([(x, y, z, 1) for x in (0, width - 1) for y in (0, height - 1) for z in (0, depth - 1)])
    try:
        apart = corners @ (header.get_sform() - header.get_qform()).T
    except Exception:  # a turn that is none: readers take the matrix
        yield "qform of the header is no turn; places and sizes are those of the sform"
        return
    farthest = float(np.linalg.norm(apart, axis=1).max())
    if farthest > APART * float(np.abs(header["pixdim"][1:4]).min()):
        yield (
            f"qform (code {int(header['qform_code'])}) and sform (code {int(header['sform_code'])}) of the header put "
            f"corners up to {farthest:.3g} apart; places and sizes are those of the sform, and results have both"
        )


@dataclass(frozen=True)
class _Layout:
    """Where the voxels of a file are.

    Attributes:
        header: As nibabel mends it.
        stored: The same word for word.
        axes: Sides along column, row[, slice[, time[, channel]]].
        path: The file of the voxels.
        offset: Bytes before them, unpacked.
    """

    header: Any
    stored: Any
    axes: tuple[int, ...]
    path: Path
    offset: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is stored."""
        return cast("np.dtype[Any]", self.header.get_data_dtype())


def _layout(path: Path, max_voxels: int) -> _Layout:
    """What a header says, after all that can be checked of it.

    Raises:
        ReadError: It is none, or claims more than ``max_voxels`` or than its file can hold.
    """
    from nibabel.nifti1 import Nifti1Header, Nifti1PairHeader
    from nibabel.nifti2 import Nifti2Header, Nifti2PairHeader

    start = _start(path)
    size, magic = _magic(start)
    if magic is None:
        raise ReadError("no NIfTI header")
    kinds: dict[bytes, Any] = {
        b"n+1": Nifti1Header,
        b"ni1": Nifti1PairHeader,
        b"n+2": Nifti2Header,
        b"ni2": Nifti2PairHeader,
    }
    header = kinds[magic](start[:size])
    shape = [int(side) for side in header.get_data_shape()]
    axes = list(shape)
    while len(axes) > 3 and axes[-1] == 1:
        axes.pop()
    if not 2 <= len(axes) <= 5 or min(axes) < 1:
        raise ReadError(
            f"image must have 2 to 5 axes of at least 1 voxel, of space, time, channels; got {tuple(shape)}"
        )
    check_voxel_count([*axes[:3], *axes[4:]], max_voxels)
    offset = int(header.get_data_offset())
    if not 0 <= offset <= MAX_OFFSET:
        raise ReadError(f"voxels must begin within {MAX_OFFSET} bytes; got {offset}")
    found = _Layout(
        header,
        kinds[magic](start[:size], check=False),
        tuple(axes),
        path if magic in SINGLE else _partner(path),
        offset,
    )
    if found.dtype.names is not None and len(axes) == 5:
        raise ReadError(f"image must have channels as colours or as its fifth axis, not both; got {tuple(shape)}")
    count, there = math.prod(axes), found.path.stat().st_size
    with _opened(found.path) as (_, is_packed):
        needed = offset + count * found.dtype.itemsize
        if not is_packed and there < needed:
            raise ReadError(f"broken or truncated: voxels end at byte {needed}, the file at {there}")
        check_can_hold("gzip" if is_packed else "raw", there, count, found.dtype.itemsize)
    return found


def nifti_claim(path: Path, max_voxels: int) -> Claim:
    """What a header claims, of one of the volumes of a 4-D file: stored and, where that is not the same, rescaled.

    Raises:
        ReadError: As ``read_nifti`` says.
    """
    with _broken():
        found = _layout(path, max_voxels)
        n_voxels = math.prod(found.axes[:3])
        n_channels = found.axes[4] if len(found.axes) == 5 else len(found.dtype.names or "1")
        stored, copied = n_voxels * (found.axes[4] if len(found.axes) == 5 else 1) * found.dtype.itemsize, 0
        kept = found.dtype if found.dtype.names is None else found.dtype[0]
        if found.dtype.names is None and (slope := _slope(found.header)) != (1, 0):
            kept = _kind_of_rescaled(kept, slope)
        width, height, depth = (*found.axes[:3], 1)[:3]
        if kept != found.dtype or len(found.axes) == 5:
            copied = n_voxels * n_channels * kept.itemsize if found.dtype.names is None else 0
        return Claim((depth, height, width), n_channels, kept, stored + copied)


def _read(path: Path, frame: int | None, max_voxels: int) -> tuple[NDArray[Any], Any, Any, int]:
    """Values (column, row[, slice][, channel]), the header mended and as stored, number of axes of space."""
    found = _layout(path, max_voxels)
    axes = found.axes
    index = check_frame(axes[3] if len(axes) >= 4 else 1, frame)
    with _opened(found.path) as (file, _):
        stored = _volume(file, found.offset, found.dtype, axes, index)
    if stored.dtype.names is not None:  # RGB triples, which are never rescaled
        colours = stored[0].view(stored.dtype[0]).reshape(*stored.shape[1:], -1)  # ([slice, ]row, column, colour)
        values = np.moveaxis(colours, -1, 0).T
    else:
        values = _rescaled(stored, found.header).T
        values = values if len(axes) == 5 else values[..., 0]
    return values, found.header, found.stored, min(len(axes), 3)


def _volume(file: BinaryIO, offset: int, dtype: np.dtype[Any], axes: Sequence[int], index: int) -> NDArray[Any]:
    """What is stored of one of the volumes of a file: ``(channel[, slice], row, column)``, in memory once.

    Raises:
        ReadError: The file ends before.
    """
    n_volumes, n_channels = (axes[place] if len(axes) > place else 1 for place in (3, 4))
    stored = np.empty((n_channels, *axes[:3][::-1]), dtype=dtype)
    for channel, planes in enumerate(stored):
        file.seek(offset + (channel * n_volumes + index) * planes.nbytes)
        if (got := fill(file, planes)) < planes.nbytes:
            raise ReadError(f"broken or truncated: there must be {planes.nbytes} bytes of voxels; got {got}")
    return as_native(stored)


def _rescaled(stored: NDArray[Any], header: Any) -> NDArray[Any]:
    """Values as nibabel rescales them, strip by strip."""
    from nibabel.volumeutils import apply_read_scaling

    if (slope := _slope(header)) == (1, 0):
        return stored
    lines = stored.reshape(-1, stored.shape[-1])
    kind = _kind_of_rescaled(stored.dtype, slope)
    values = lines if kind == stored.dtype else np.empty(lines.shape, dtype=kind)
    for rows in row_strips(lines.shape):
        values[rows] = apply_read_scaling(lines[rows], *slope)
    return values.reshape(stored.shape)


def _slope(header: Any) -> tuple[Any, Any]:
    """Slope and intercept, 1 and 0 where none are stated."""
    slope, intercept = header.get_slope_inter()
    return np.float64(1 if slope is None else slope), np.float64(0 if intercept is None else intercept)


def _kind_of_rescaled(dtype: np.dtype[Any], slope: tuple[Any, Any]) -> np.dtype[Any]:
    """The type that nibabel rescales to; single precision is enough for at most 16 bits."""
    from nibabel.volumeutils import apply_read_scaling

    kind = np.dtype(apply_read_scaling(np.zeros(1, dtype=dtype), *slope).dtype)
    return np.dtype(np.float32) if dtype.itemsize <= 2 and kind == np.float64 else kind


def _partner(path: Path) -> Path:
    """The file of the voxels that belongs to a header of its own.

    Raises:
        ReadError: There is none beside it.
    """
    name = path.name.removesuffix(".gz").removesuffix(".hdr")
    for suffix in (".img", ".img.gz"):
        if (partner := path.with_name(name + suffix)).is_file():
            return partner
    raise ReadError(f"header of a pair: its voxels must be beside it in {name}.img; there is no such file")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """A file, unpacked on the way where it is compressed, and whether it is."""
    with path.open("rb") as file:
        is_packed = file.read(2) == GZIP
        file.seek(0)
        if not is_packed:
            yield file, False
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(BinaryIO, unpacked), True


def _start(path: Path) -> bytes:
    """The first bytes of a file, unpacked; empty where they cannot be."""
    with _opened(path) as (file, _):
        try:
            return file.read(max(SIZES))
        except (OSError, EOFError, zlib.error):
            return b""


def _magic(start: bytes) -> tuple[int, bytes | None]:
    """Length of the header and its magic, None where it is no NIfTI."""
    for size in SIZES:
        magic = start[SIZES[size] : SIZES[size] + 3]
        is_sized = size in (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big"))
        if is_sized and magic in (*SINGLE, *PAIR) and len(start) >= size:
            return size, magic
    return 0, None


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI, compressed or not, by its header."""
    return _magic(_start(path))[1] is not None
