"""What somebody gave, in the terms of this program, and how to give results back as the same kind of thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from msformer.geometry import Geometry

Make: TypeAlias = Callable[[NDArray[Any]], Any]
"""Takes planes ``(D, H, W)``, a label map or a mask, for the kind of thing that was given, with its geometry."""


@dataclass(frozen=True, eq=False)
class GiveBack:
    """How to give results back: as the kind of thing that was given, or in files that lie on it.

    Attributes:
        make: Makes that kind of thing.
        geometry: Place and size of the voxels of ``(D, H, W)``, where they are known.
        instances: The DICOM files of the slices.
        source_name: What the file is called; empty where it came from none.
    """

    make: Make
    geometry: Geometry | None = None
    instances: tuple[Path, ...] = ()
    source_name: str = ""

    def __call__(self, planes: NDArray[Any]) -> Any:
        """The kind of thing that was given, of planes ``(D, H, W)``."""
        return self.make(planes)


@dataclass(frozen=True, eq=False)
class Given:
    """An image or a volume before its axes are told.

    Attributes:
        values: The array, with axes in the caller's order.
        axes: What is known of their order; None where the shape has to tell.
        give_back: Makes the same kind of thing of planes ``(D, H, W)``; None for an array in the caller's order.
        geometry: Place and size of the voxels of ``(D, H, W)``, where it is known.
        modality: As DICOM names it, where it is known.
        padding_value: What is no data.
        notes: What a reader should know.
        source: A file, where it came from one.
        instances: The DICOM files of its slices.
    """

    values: NDArray[Any]
    axes: str | None = None
    give_back: Make | None = None
    geometry: Geometry | None = None
    modality: str | None = None
    padding_value: float | None = None
    notes: tuple[str, ...] = ()
    source: Path | None = None
    instances: tuple[Path, ...] = ()
