"""Records → ``regions.csv``, a row a region, and ``objects.csv``, a row an object, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msformer.batch.record import Record
from msformer.io.write import text_file
from msformer.plain import cell

REGION_COLUMNS = [
    "case_id", "kind", "label", "area_px", "area_mm2", "volume_ml", "area_share", "centroid_row", "centroid_column",
    "bbox_first_row", "bbox_first_column", "bbox_end_row", "bbox_end_column",
]  # fmt: skip

OBJECT_COLUMNS = [
    "case_id", "label", "area_px", "area_mm2", "diameter_px", "diameter_mm", "perimeter_px", "perimeter_mm",
    "solidity", "centroid_row", "centroid_column", "bbox_first_row", "bbox_first_column", "bbox_end_row",
    "bbox_end_column", "touches_frame",
]  # fmt: skip


@dataclass
class Widths:
    """How wide the tables are, which their first lines must say.

    Attributes:
        region_channels: The most channels that a region was measured in.
        object_channels: The same of objects.
        has_objects: Whether objects were told apart in any case, found or not.
    """

    region_channels: int = 1
    object_channels: int = 1
    has_objects: bool = False

    def look_at(self, record: Record) -> None:
        """Make room for a case."""
        regions = (len(region["mean_intensity"]) for _, region in _regions(record))
        objects = (len(one["mean_intensity"]) for one in record.get("objects", ()))
        self.region_channels = max(self.region_channels, *regions, 1)
        self.object_channels = max(self.object_channels, *objects, 1)
        self.has_objects |= record.get("n_objects") is not None


@contextmanager
def tables(out: Path, widths: Widths) -> Iterator[Callable[[Record], None]]:
    """Write both tables; gives what adds a case to them. An older ``objects.csv`` goes where this run has none.

    Args:
        out: Folder of the results.
        widths: That have looked at all cases.
    """
    with ExitStack() as stack:
        add_regions = stack.enter_context(_table(out / "regions.csv", REGION_COLUMNS, widths.region_channels))
        if widths.has_objects:
            add_objects = stack.enter_context(_table(out / "objects.csv", OBJECT_COLUMNS, widths.object_channels))
        else:
            (out / "objects.csv").unlink(missing_ok=True)

        def add(record: Record) -> None:
            add_regions(_region_rows(record))
            if widths.has_objects:
                add_objects(object_rows(record))

        yield add


@contextmanager
def _table(path: Path, columns: list[str], channels: int) -> Iterator[Callable[[Iterable[list[Any]]], None]]:
    with text_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *(f"mean_intensity_{channel}" for channel in range(1, channels + 1))])
        yield writer.writerows


def _region_rows(record: Record) -> Iterator[list[Any]]:
    for kind, region in _regions(record):
        yield [
            cell(record["case_id"]),
            kind,
            region["label"] if kind == "label" else "",
            region["area_px"],
            "" if region["area_mm2"] is None else f"{region['area_mm2']:.6g}",
            "" if region.get("volume_ml") is None else f"{region['volume_ml']:.6g}",
            f"{region['area_share']:.6f}",
            *(f"{value:.3f}" for value in region["centroid"]),
            *region["bbox"],
            *(f"{value:.6g}" for value in region["mean_intensity"]),
        ]


def object_rows(record: Record) -> Iterator[list[Any]]:
    """The rows of ``objects.csv`` of a case."""
    for one in record.get("objects", ()):
        sizes = (one[name] for name in ("diameter_px", "diameter_mm", "perimeter_px", "perimeter_mm"))
        yield [
            cell(record["case_id"]),
            one["label"],
            one["area_px"],
            "" if one["area_mm2"] is None else f"{one['area_mm2']:.6g}",
            *("" if size is None else f"{size:.6g}" for size in sizes),
            f"{one['solidity']:.4f}",
            *(f"{value:.3f}" for value in one["centroid"]),
            *one["bbox"],
            int(one["touches_frame"]),
            *(f"{value:.6g}" for value in one["mean_intensity"]),
        ]


def _regions(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if record["status"] == "done":
        if record["foreground"] is not None:
            yield "foreground", record["foreground"]
        for region in record["regions"]:
            yield "label", region
