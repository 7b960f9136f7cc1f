"""The size of a pixel that a TIFF states: OME, ImageJ, slides. Dots per inch are of the printer, and not looked at."""

from __future__ import annotations

import math
import re
from typing import Any

import tifffile

from msformer.errors import ImageError
from msformer.geometry import Geometry

MM_OF_UNIT = {
    "pm": 1e-9, "å": 1e-7, "nm": 1e-6, "nanometer": 1e-6, "nanometre": 1e-6, "um": 1e-3, "µm": 1e-3, "μm": 1e-3,
    "micron": 1e-3, "microns": 1e-3, "micrometer": 1e-3, "micrometre": 1e-3, "micrometers": 1e-3, "\\u00b5m": 1e-3,
    "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "centimeter": 10.0, "dm": 100.0, "m": 1000.0,
    "meter": 1000.0, "metre": 1000.0, "in": 25.4, "inch": 25.4,
}  # fmt: skip
"""Units as OME and ImageJ write them, in small letters; both letters that look like µ."""
MPP = re.compile(r"\bMPP\s*=\s*([0-9.eE+-]+)")
PHILIPS = re.compile(
    r"DICOM_PIXEL_SPACING[^>]*>\s*(?:&quot;|\")?([0-9.eE+-]+)(?:&quot;|\")?\s+(?:&quot;|\")?([0-9.eE+-]+)"
)
MM_OF_RESOLUTION = {2: 25.4, 3: 10.0}
"""TIFF's numbers of inch and centimetre."""


def stated_geometry(file: tifffile.TiffFile, number: int = 0) -> Geometry | None:
    """The size of the voxels of one of the images of a file, its origin left at 0; None where none is stated.

    Args:
        file: An open file.
        number: Which image, of OME.
    """
    try:
        if file.is_ome:
            return _of_ome(file, number)
        if file.is_imagej:
            return _of_imagej(file)
        return _of_slide(file)
    except (tifffile.TiffFileError, ImageError, LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        return None  # it says nothing that can be understood


def _of_ome(file: tifffile.TiffFile, number: int) -> Geometry | None:
    found: Any = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]
    images = found if isinstance(found, list) else [found]
    pixels = images[number]["Pixels"]
    sizes = [_mm(pixels.get(f"PhysicalSize{axis}"), str(pixels.get(f"PhysicalSize{axis}Unit", "µm"))) for axis in "XYZ"]
    return _geometry(*sizes, is_flat=int(pixels.get("SizeZ", 1)) == 1)


def _of_imagej(file: tifffile.TiffFile) -> Geometry | None:
    """ImageJ puts pixels a unit into the resolution, and names the unit beside it, which may be that of inches too."""
    told = file.imagej_metadata or {}
    tags = file.pages.first.tags
    unit = str(told.get("unit", ""))
    units = [unit, str(told.get("yunit", unit)), str(told.get("zunit", unit))]
    column, row = (_inverse(tags.valueof(f"{axis}Resolution")) for axis in "XY")
    is_flat = int(told.get("slices", 1)) <= 1
    step = told.get("spacing")
    return _geometry(
        _mm(column, units[0]), _mm(row, units[1]), _mm(None if step is None else abs(step), units[2]), is_flat=is_flat
    )


def _of_slide(file: tifffile.TiffFile) -> Geometry | None:
    first = file.pages.first
    if file.is_ndpi:
        unit = MM_OF_RESOLUTION.get(int(first.tags.valueof("ResolutionUnit", 0)))
        column, row = (_inverse(first.tags.valueof(f"{axis}Resolution")) for axis in "XY")
        if unit is None or column is None or row is None:
            return None
        return _geometry(column * unit, row * unit, None, is_flat=True)
    if file.is_philips and (found := PHILIPS.search(file.philips_metadata or "")) is not None:
        return _geometry(float(found.group(2)), float(found.group(1)), None, is_flat=True)
    if (found := MPP.search(first.description)) is not None:
        side = _mm(found.group(1), "µm")
        return _geometry(side, side, None, is_flat=True)
    return None


def _geometry(column: float | None, row: float | None, slice_: float | None, *, is_flat: bool) -> Geometry | None:
    if column is None or row is None:
        return None
    stated = (True, True, slice_ is not None and not is_flat)
    return Geometry(
        (column, row, slice_ if slice_ is not None else 1.0), is_stated=stated, is_placed=False, is_flat=is_flat
    )


def _mm(value: Any, unit: str) -> float | None:
    factor = MM_OF_UNIT.get(unit.strip().lower())
    if value is None or factor is None:
        return None
    size = float(value) * factor
    return size if math.isfinite(size) and size > 0 else None


def _inverse(value: Any) -> float | None:
    """Size of a pixel from a resolution, a quotient of two numbers."""
    try:
        above, below = (float(one) for one in value)
    except TypeError:
        return None
    return below / above if above > 0 and below > 0 else None
