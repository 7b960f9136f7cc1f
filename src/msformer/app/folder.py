"""A folder of results as the page sees it: its files, none of them outside, and the masks that a person gave."""

from __future__ import annotations

import os
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
from msformer.io.export import suffix_of, write_labels
from msformer.io.segments import object_segment
from msformer.volume import Volume

Shape = tuple[int, int, int]
Stamp = tuple[int, int]
"""Time in nanoseconds and size of a file."""
NO_FILE: Stamp = (0, 0)
"""The stamp of one that is not there."""


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

    def given(self, name: str) -> Stamp:
        """The stamp of that file."""
        return stamp_of(self.correction(name))

    def corrections(self) -> dict[str, Stamp]:
        """The files of all masks that a person gave, by the name of the case, each with its stamp."""
        found = {}
        for relative, stamp in self.stamps(CORRECTIONS).items():
            if suffix := suffix_of(relative, GIVEN_SUFFIXES):
                found[relative.removesuffix(suffix)] = stamp
        return found

    def stamps(self, top: str) -> dict[str, Stamp]:
        """The files below a folder of this one, by their path in it, each with its stamp, but for those half written.

        Ten thousand take a tenth of a second: this is asked for with every look at the list.
        """
        found: dict[str, Stamp] = {}
        folders = [(str(self.inside(top)), "")]
        while folders:
            place, above = folders.pop()
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            folders.append((entry.path, f"{above}{entry.name}/"))
                        elif (stamp := stamp_of(entry)) != NO_FILE:
                            found[above + entry.name] = stamp
            except OSError:  # it is no more, or not yet
                continue
        return found

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


def stamp_of(path: Path | os.DirEntry[str] | None) -> Stamp:
    """The stamp of a file that may not be there."""
    try:
        told = None if path is None else path.stat()
    except OSError:
        told = None
    if told is None:
        return NO_FILE
    return told.st_mtime_ns, told.st_size


def shape_of(record: Mapping[str, Any]) -> Shape:
    """Slices, rows and columns of a case; one slice of an image."""
    sides = tuple(int(side) for side in record["shape"])
    return (1, sides[0], sides[1]) if len(sides) == 2 else (sides[0], sides[1], sides[2])


def number_of(given: Stamp) -> int:
    """A number that is another when a file was written anew, small enough for a page to hold; 0 where there is none."""
    return (given[0] // 1000 + given[1]) % 2**52
