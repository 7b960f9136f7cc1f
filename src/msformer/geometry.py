"""Where the voxels of an image lie in the patient: what must survive from the input to every file that is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError

Vector: TypeAlias = tuple[float, float, float]
Matrix: TypeAlias = tuple[float, float, float, float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
ORTHONORMAL = 1e-4
"""Largest difference of the products of directions from those of an orthonormal basis; headers round to 4 digits."""
RAS_OF_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI points the first two axes the other way: to the right and to the front."""


@dataclass(frozen=True)
class Forms:
    """Both places that a NIfTI header tells, as stored, and what codes say of each; 0 is "unknown".

    Readers differ in which of the two they take, so that files for the same grid must have both, and the codes.

    Attributes:
        qform_code: Of the turn and the shift.
        sform_code: Of the matrix.
        turn: The quaternion's b, c and d.
        shift: Its offset.
        pixdim: The first four: the sign of the third axis, and the sizes of the first three.
        matrix: The three rows of four.
        unit: NIfTI's number of the unit of lengths.
    """

    qform_code: int
    sform_code: int
    turn: Vector
    shift: Vector
    pixdim: tuple[float, float, float, float]
    matrix: tuple[float, ...]
    unit: int


@dataclass(frozen=True)
class Geometry:
    """Place and size of the voxels of a volume ``(D, H, W)``, in mm, in the frame of DICOM and ITK (LPS).

    Everything is in the order (column, row, slice), the reverse of the array's: ``spacing_mm[0]`` is the step from
    one column to the next. Values are kept as they were read, so that they can be written bit for bit.

    Attributes:
        spacing_mm: Step along columns, rows and slices; positive.
        origin_mm: Centre of the first voxel.
        direction: 3 × 3, row by row; its columns are the unit steps along columns, rows and slices. Sheared volumes
            have columns that are not orthogonal.
        is_stated: Which of the three spacings the file states; the others stand in for what nobody knows, and no
            area, volume or length is made of them.
        is_placed: Whether the file states where the voxels lie, not only how large they are.
        is_flat: Whether the file has two axes only; so have files that are written for it, where they can.
        forms: Of NIfTI, what the header has word for word.
    """

    spacing_mm: Vector
    origin_mm: Vector = (0.0, 0.0, 0.0)
    direction: Matrix = IDENTITY
    is_stated: tuple[bool, bool, bool] = (True, True, True)
    is_placed: bool = True
    is_flat: bool = False
    forms: Forms | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        values = np.array([*self.spacing_mm, *self.origin_mm, *self.direction])
        if not np.isfinite(values).all() or min(self.spacing_mm) <= 0:
            raise ImageError(f"geometry must be finite with positive spacing; got {self}")
        if abs(np.linalg.det(self._columns)) < 1e-6:
            raise ImageError(f"geometry must have three independent directions; got {self.direction}")

    @classmethod
    def from_affine(cls, affine: NDArray[np.floating]) -> Geometry:
        """From a matrix ``(4, 4)`` that takes (column, row, slice, 1) to mm in LPS.

        Raises:
            ImageError: It is singular or not finite.
        """
        steps = np.asarray(affine, dtype=np.float64)[:3, :3]
        lengths = np.linalg.norm(steps, axis=0)
        if not np.isfinite(affine).all() or (lengths == 0).any():
            raise ImageError(f"geometry must be a finite, regular matrix; got {np.asarray(affine).tolist()}")
        column, row, slice_ = (float(value) for value in lengths)
        x, y, z = (float(value) for value in np.asarray(affine)[:3, 3])
        a, b, c, d, e, f, g, h, i = (float(value) for value in (steps / lengths).ravel())
        return cls((column, row, slice_), (x, y, z), (a, b, c, d, e, f, g, h, i))

    @property
    def affine(self) -> NDArray[np.float64]:
        """The matrix ``(4, 4)`` that takes (column, row, slice, 1) to mm in LPS."""
        matrix = np.eye(4)
        matrix[:3, :3] = self._columns * np.array(self.spacing_mm)
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def is_orthonormal(self) -> bool:
        """Whether the three directions are at right angles, which NRRD readers, MHA and DICOM take for granted."""
        return bool(np.allclose(self._columns.T @ self._columns, np.eye(3), atol=ORTHONORMAL))

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def spacing_of(self, axis: int) -> tuple[float, float] | None:
        """Size (row, column) in mm of the pixels of a slice across ``axis`` of ``(D, H, W)``, where it is stated."""
        rest = [2 - other for other in range(3) if other != axis]
        if not all(self.is_stated[one] for one in rest):
            return None
        return self.spacing_mm[rest[0]], self.spacing_mm[rest[1]]

    @property
    def _columns(self) -> NDArray[np.float64]:
        return np.array(self.direction).reshape(3, 3)


def flat_geometry(spacing_mm: tuple[float, float] | None) -> Geometry | None:
    """Of a picture whose pixels have a size (row, column) and no place; None where the size is unknown."""
    if spacing_mm is None:
        return None
    return Geometry((spacing_mm[1], spacing_mm[0], 1.0), is_stated=(True, True, False), is_placed=False, is_flat=True)


def with_spacing(geometry: Geometry | None, spacing_mm: tuple[float, float]) -> Geometry:
    """The size of a pixel (row, column) that a user states, over what a file says."""
    row, column = spacing_mm
    if geometry is None:
        return Geometry((column, row, 1.0), is_stated=(True, True, False), is_placed=False)
    sizes, stated = (column, row, geometry.spacing_mm[2]), (True, True, geometry.is_stated[2])
    return replace(geometry, spacing_mm=sizes, is_stated=stated, forms=None)
