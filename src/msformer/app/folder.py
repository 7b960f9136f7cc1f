"""A folder of results as the page sees it: its files, none of them outside, and the masks that a person gave."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from msformer.app.notebook import FOLDER, Notebook
from msformer.batch.learn import CORRECTIONS
from msformer.batch.learn.corrections import GIVEN_SUFFIXES
from msformer.batch.learn.jobs import Job, read_voxels
from msformer.errors import ReadError
from msformer.image import Mask
from msformer.io import write_mask
from msformer.io.export import write_labels
from msformer.io.segments import object_segment
from msformer.volume import Volume

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Folder:
    """A folder of results.

    Attributes:
        out: The folder.
    """

    out: Path

    def inside(self, relative: str) -> Path:
        """A path below the folder.

        Raises:
            ReadError: It leads out of the folder, by its name or by a link.
        """
        path = self.out / relative
        if not path.resolve().is_relative_to(self.out.resolve()):
            raise ReadError(f"{relative!r} leads out of {str(self.out)!r}; nothing outside is read or written")
        return path

    def notebook(self, name: str, number: int | None = None) -> Notebook:
        """The notebook of an image, of a slice, or of a volume as a whole, which has verdicts alone."""
        part = name if number is None else f"{name}/slice{number:04d}"
        return Notebook(self.inside(f"{FOLDER}/{part}.jsonl"))

    def correction(self, name: str) -> Path | None:
        """The file of a mask that a person gave, the newest where there are several; None where there is none."""
        paths = [self.inside(f"{CORRECTIONS}/{name}{suffix}") for suffix in GIVEN_SUFFIXES]
        return max((path for path in paths if path.is_file()), key=lambda path: path.stat().st_mtime_ns, default=None)

    def remove_correction(self, name: str, but: Path | None = None) -> None:
        """Remove the masks that a person gave, in every format, but for one file."""
        for suffix in GIVEN_SUFFIXES:
            path = self.inside(f"{CORRECTIONS}/{name}{suffix}")
            if path != but:
                path.unlink(missing_ok=True)

    def write_correction(self, name: str, mask: Mask, volume: Volume | None) -> None:
        """Write a mask ``(D, H, W)`` that a person gave, whole or not at all: PNG of an image, NIfTI of a volume."""
        path = self.inside(f"{CORRECTIONS}/{name}{'.png' if volume is None else '.nii.gz'}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if volume is None:
            write_mask(path, mask[0])
        else:
            parent = self.inside(FOLDER)
            parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parent, prefix=".") as staged:
                written = write_labels(
                    Path(staged) / path.name,
                    mask.astype(np.uint8),
                    "nii.gz",
                    segments=[object_segment()],
                    geometry=volume.geometry,
                    description="msformer object, corrected",
                    seed=name,
                )
                written[0].replace(path)
        self.remove_correction(name, but=path)

    def automatic(self, job: Job) -> Mask:
        """``(D, H, W)``, the mask that the program made; nothing ever writes to it here."""
        return self.read(job.record["outputs"]["masks"], shape_of(job.record))

    def read(self, relative: str, shape: Shape) -> Mask:
        """``(D, H, W)``, a mask below the folder; errors as of ``read_voxels``."""
        return np.asarray(read_voxels(self.inside(relative), shape) != 0)


def shape_of(record: Mapping[str, Any]) -> Shape:
    """Slices, rows and columns of a case; one slice of an image."""
    sides = tuple(int(side) for side in record["shape"])
    return (1, sides[0], sides[1]) if len(sides) == 2 else (sides[0], sides[1], sides[2])
