"""A volume with what is known about it: what medical files hold, single images included."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageShapeError
from msformer.geometry import Geometry

Kind: TypeAlias = Literal["dicom", "nifti", "nrrd", "mha", "tiff", "zarr", "photo", "array"]
"""Families of files."""


@dataclass(frozen=True)
class Volume:
    """One volume.

    Attributes:
        voxels: ``(D, H, W)`` or ``(D, H, W, C)``; D is 1 for a single image. In DICOM CT these are Hounsfield units,
            in MONOCHROME1 images they are inverted, so that larger is always brighter.
        geometry: Place and size of the voxels; None where the file says nothing.
        kind: The family of the file.
        source: The file or folder.
        instances: DICOM: the file of each slice, or the one file of all frames.
        modality: As DICOM names it (CT, MR, CR, DX, US, …), None where unknown.
        notes: What a reader should know: uneven steps, a tilted gantry, slices left out. In words, without names.
        padding_value: What the file declares to be no data, as the voxels are meant; None where it says nothing.
        frames: DICOM of several frames in one file: which of them the slices are; empty where all are, as stored.
        n_stored: Then how many the file has.
        body_part: What the header says is shown; None where it says nothing.
    """

    voxels: NDArray[Any]
    geometry: Geometry | None
    kind: Kind
    source: Path
    instances: tuple[Path, ...] = ()
    modality: str | None = None
    notes: tuple[str, ...] = ()
    padding_value: float | None = None
    frames: tuple[int, ...] = ()
    n_stored: int = 0
    body_part: str | None = None

    def __post_init__(self) -> None:
        if self.voxels.ndim not in (3, 4):
            raise ImageShapeError(f"volume must have shape (D, H, W) or (D, H, W, C); got {self.voxels.shape}")

    @property
    def digest(self) -> str:
        """SHA-256 of the voxels, in hexadecimal."""
        found = hashlib.sha256(f"{self.voxels.dtype} {self.voxels.shape}".encode())
        for plane in self.voxels:
            found.update(np.ascontiguousarray(plane).tobytes())
        return found.hexdigest()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        depth, height, width = self.voxels.shape[:3]
        return depth, height, width
