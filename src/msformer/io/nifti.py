"""NIfTI (.nii, .nii.gz), by nibabel: it keeps affines that are sheared, which SimpleITK refuses."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import RAS_OF_LPS, Geometry
from msformer.io.itk import check_frame
from msformer.io.photo import check_voxel_count
from msformer.volume import Volume

logging.getLogger("nibabel").setLevel(logging.CRITICAL)
MM_OF_UNIT = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}


def read_nifti(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read a NIfTI file as ``(D, H, W)``: its axes (i, j, k) are (column, row, slice).

    Raises:
        ReadError: It cannot be read, is no NIfTI, or has four axes and no ``frame`` is given.
    """
    import nibabel

    try:
        image = nibabel.Nifti1Image.from_filename(str(path))
        shape = [int(side) for side in image.shape]
        while len(shape) > 3 and shape[-1] == 1:
            shape.pop()
        if len(shape) > 4 or len(shape) < 2:
            raise ReadError(f"image must have 2 to 4 axes; got {image.shape}")
        index = check_frame(shape[3], frame) if len(shape) == 4 else None
        check_voxel_count(shape[:3], max_voxels)
        where = (slice(None),) * min(len(shape), 3) + (() if index is None else (index,))
        where += (0,) * (len(image.shape) - len(where))
        values = np.asanyarray(image.dataobj[where])
        if values.dtype.names is not None:  # RGB triples
            values = np.stack([values[name] for name in values.dtype.names], axis=-1)
        affine = RAS_OF_LPS @ image.affine
        scale = MM_OF_UNIT.get(image.header.get_xyzt_units()[0], 1.0)
    except (ReadError, ImageError):
        raise
    except Exception as error:  # nibabel, gzip, zlib and numpy raise many kinds on broken files
        raise ReadError(f"{type(error).__name__}: {error}") from error
    if values.ndim == 2:
        values = values[:, :, None]
    voxels = np.ascontiguousarray(np.moveaxis(values, (0, 1, 2), (2, 1, 0)))
    if scale != 1.0:
        affine = np.diag([scale, scale, scale, 1.0]) @ affine
    return Volume(voxels, Geometry.from_affine(affine), "nifti", path)


def write_nifti(path: Path, voxels: NDArray[np.integer], geometry: Geometry | None) -> None:
    """Write labels ``(D, H, W)`` with the affine of ``geometry``; the file's suffix says whether it is compressed."""
    import nibabel

    affine = np.eye(4) if geometry is None else RAS_OF_LPS @ geometry.affine
    image = nibabel.Nifti1Image(np.ascontiguousarray(voxels.transpose(2, 1, 0)), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    if geometry is None or geometry.is_orthonormal:
        image.set_qform(affine, code="scanner")
    image.to_filename(path)


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI, compressed or not, by its header."""
    import gzip

    with path.open("rb") as file:
        start = file.read(352)
    if start[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path, "rb") as unpacked:
                start = unpacked.read(352)
        except (OSError, EOFError, zlib.error):
            return False
    size = int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")
    return (348 in size and start[344:347] in (b"n+1", b"ni1")) or (540 in size and start[4:7] in (b"n+2", b"ni2"))
