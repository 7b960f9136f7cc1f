"""The menu that saves everything: one line a format."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from msformer.app.opened import OpenCase
from msformer.geometry import Geometry, flat_geometry
from msformer.image import Mask
from msformer.io import write_mask, write_png
from msformer.io.atomic import atomic_path
from msformer.io.export import FileFormat, list_formats, write_labels
from msformer.io.segments import object_segment
from msformer.plain import cell
from msformer.render import display, draw_outline, shown_limits

FOLDER = "exports"
PICTURE_SIDE = 1600


@dataclass(frozen=True)
class Item:
    """A mask that is saved.

    Attributes:
        case: What it is of.
        mask: ``(D, H, W)``.
        state: What a person did to it.
    """

    case: OpenCase
    mask: Mask
    state: str

    @property
    def geometry(self) -> Geometry | None:
        """Where it lies."""
        if self.case.volume is not None:
            return self.case.volume.geometry
        sizes = self.case.job.record["spacing_mm"]
        return flat_geometry(None if sizes is None else (sizes[0], sizes[1]))


Save = Callable[[Item, Path], None]


@dataclass(frozen=True)
class Format:
    """A kind of files that masks are saved in.

    Attributes:
        name: What it is asked for by, and the folder it goes to.
        words: What the menu says.
        suffix: How its files end.
        save: Writes one mask.
        fits: Whether it can hold a case.
    """

    name: str
    words: str
    suffix: str
    save: Save
    fits: Callable[[OpenCase], bool] = lambda _: True


def labels_in(name: str) -> Save:
    """Write a mask as ``io.export`` does."""

    def save(item: Item, path: Path) -> None:
        if name == "png":
            write_mask(path, item.mask[0])
            return
        volume = item.case.volume
        write_labels(
            path,
            item.mask.astype(np.uint8),
            name,
            segments=[object_segment()],
            geometry=item.geometry,
            instances=() if volume is None else volume.instances,
            description="msformer object, seen by a person",
            seed=f"{item.case.job.settings.digest} exports",
        )

    return save


def save_picture(item: Item, path: Path) -> None:
    """Write the image with the outline of the mask; of a volume the slice that has most of it."""
    axis = item.case.axis if item.case.volume is not None else 0
    planes = np.moveaxis(item.mask, axis, 0)
    number = int(planes.reshape(len(planes), -1).sum(axis=1).argmax())
    image = item.case.picture(number if item.case.volume is not None else None)
    low, high = item.case.job.record["intensity_range"]
    shown = display(image, shown_limits(image.pixels, (low, high)), PICTURE_SIDE)
    mask = cv2.resize(planes[number].astype(np.uint8), shown.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    write_png(path, draw_outline(shown, mask))


def _is_flat(case: OpenCase) -> bool:
    return case.volume is None


def _is_dicom(case: OpenCase) -> bool:
    return case.volume is not None and case.volume.kind == "dicom" and not case.volume.frames


def _of_files(one: FileFormat) -> Format:
    def fits(case: OpenCase) -> bool:
        return (one.has_slices or _is_flat(case)) and (not one.needs_dicom or _is_dicom(case))

    return Format(one.name, f"{one.name}: {one.purpose}", one.suffix, labels_in(one.name), fits)


FORMATS = (*map(_of_files, list_formats()), Format("pictures", "pictures with the outline", ".png", save_picture))
TABLE = "csv"


def menu() -> list[dict[str, str]]:
    """What can be asked for, ready for JSON."""
    return [{"name": one.name, "words": one.words} for one in FORMATS] + [
        {"name": TABLE, "words": "CSV: a table of all objects and their sizes"}
    ]


@dataclass(frozen=True)
class Thing:
    """A row of the table of objects: one piece of a mask.

    Attributes:
        file: Name of the case.
        state: What a person did to the mask.
        slice: Its number; empty of an image.
        number: Of the piece, the largest first.
        area_px: Pixels.
        area_mm2: The same in mm², where the size of a pixel is known.
        row: Of its middle, px.
        column: Of its middle, px.
    """

    file: str
    state: str
    slice: str
    number: int
    area_px: int
    area_mm2: str
    row: float
    column: float


def things(
    name: str, state: str, mask: Mask, number: int | None, spacing: tuple[float, float] | None
) -> Iterator[Thing]:
    """The pieces of a mask ``(H, W)``, the largest first."""
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1
    for rank, index in enumerate(order, start=1):
        area = int(stats[index, cv2.CC_STAT_AREA])
        size = "" if spacing is None else f"{area * spacing[0] * spacing[1]:.6g}"
        column, row = (round(float(value), 1) for value in centres[index])
        yield Thing(name, state, "" if number is None else str(number), rank, area, size, row, column)


def write_table(path: Path, rows: Sequence[Thing]) -> None:
    """Write the table of objects."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([one.name for one in fields(Thing)])
        for row in rows:
            writer.writerow([cell(one) if isinstance(one, str) else one for one in astuple(row)])


__all__ = ["FOLDER", "FORMATS", "TABLE", "Format", "Item", "Thing", "menu", "things", "write_table"]
