"""Where the voxels of an image lie in the patient: what must survive from the input to every file that is written."""

from __future__ import annotations

from dataclasses import dataclass
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
class Geometry:
    """Place and size of the voxels of a volume ``(D, H, W)``, in mm, in the frame of DICOM and ITK (LPS).

    Everything is in the order (column, row, slice), the reverse of the array's: ``spacing_mm[0]`` is the step from
    one column to the next. Values are kept as they were read, so that they can be written bit for bit.

    Attributes:
        spacing_mm: Step along columns, rows and slices; positive.
        origin_mm: Centre of the first voxel.
        direction: 3 × 3, row by row; its columns are the unit steps along columns, rows and slices. Sheared volumes
            have columns that are not orthogonal.
    """

    spacing_mm: Vector
    origin_mm: Vector = (0.0, 0.0, 0.0)
    direction: Matrix = IDENTITY

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

    def spacing_of(self, axis: int) -> tuple[float, float]:
        """Size (row, column) in mm of the pixels of a slice across ``axis`` of the array ``(D, H, W)``."""
        rest = [self.spacing_mm[2 - other] for other in range(3) if other != axis]
        return rest[0], rest[1]

    @property
    def _columns(self) -> NDArray[np.float64]:
        return np.array(self.direction).reshape(3, 3)
