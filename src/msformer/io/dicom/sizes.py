"""The size of a pixel that a DICOM header states, in the order in which its places are to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msformer.io.dicom.values import number_of, numbers_of

SIZE_TAGS = [
    "PixelSpacing", "SequenceOfUltrasoundRegions", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "PixelAspectRatio", "EstimatedRadiographicMagnificationFactor", "DistanceSourceToDetector",
    "DistanceSourceToPatient",
]  # fmt: skip
TWO_DIMENSIONAL, CM = 1, 3
"""Codes of ultrasound regions: of their layout, and of their unit."""
ALIKE = 0.01
"""Sizes of regions that differ by a smaller share are one size."""


@dataclass(frozen=True)
class PixelSize:
    """What a header says.

    Attributes:
        spacing: Size (row, column) in mm; where only the ratio of the two is stated, in units of the smaller one.
        is_stated: Whether these are mm.
        notes: What a reader of areas should know.
    """

    spacing: tuple[float, float]
    is_stated: bool = True
    notes: tuple[str, ...] = ()


def pixel_size(data: Any) -> PixelSize | None:
    """The size of a pixel; None where the header says nothing of it.

    1. PixelSpacing, which is meant for the patient. 2. Ultrasound regions: of those of two dimensions in cm, where
    all are of one size. 3. ImagerPixelSpacing, at the detector: brought to the patient by the magnification that the
    header estimates, or by the distances of which it is the quotient. 4. NominalScannedPixelSpacing. 5. The ratio of
    PixelAspectRatio, which makes no area in mm².
    """
    if (spacing := _pair(data, "PixelSpacing")) is not None:
        return PixelSize(spacing)
    if (found := _of_regions(data)) is not None:
        return found
    if (spacing := _pair(data, "ImagerPixelSpacing")) is not None:
        return _at_patient(data, spacing)
    if (spacing := _pair(data, "NominalScannedPixelSpacing")) is not None:
        return PixelSize(spacing)
    if (ratio := _pair(data, "PixelAspectRatio")) is not None and ratio[0] != ratio[1]:
        row, column = (side / min(ratio) for side in ratio)
        note = f"pixels are {row:.4g} high to {column:.4g} wide (PixelAspectRatio); their size in mm is not stated"
        return PixelSize((row, column), is_stated=False, notes=(note,))
    return None


def _of_regions(data: Any) -> PixelSize | None:
    sizes: list[tuple[float, float]] = []
    others = 0
    for region in data.get("SequenceOfUltrasoundRegions") or []:
        codes = [
            number_of(region, name)
            for name in ("RegionSpatialFormat", "PhysicalUnitsXDirection", "PhysicalUnitsYDirection")
        ]
        row, column = (abs(number_of(region, f"PhysicalDelta{axis}") or 0.0) * 10 for axis in "YX")
        if codes == [TWO_DIMENSIONAL, CM, CM] and min(row, column) > 0:
            sizes.append((row, column))
        else:
            others += 1
    if not sizes:
        return None
    row, column = sizes[0]
    differ = [one for one in sizes if abs(one[0] - row) > ALIKE * row or abs(one[1] - column) > ALIKE * column]
    if differ:
        told = ", ".join(f"{one[0]:.4g} × {one[1]:.4g}" for one in dict.fromkeys(sizes))
        note = f"ultrasound regions have pixels of several sizes, {told} mm: no areas"
        return PixelSize((1.0, 1.0), is_stated=False, notes=(note,))
    more = f"; {others} other regions have none" if others else ""
    return PixelSize((row, column), notes=(f"size of a pixel is that of the ultrasound region{more}",))


def _at_patient(data: Any, spacing: tuple[float, float]) -> PixelSize:
    to_detector, to_patient = number_of(data, "DistanceSourceToDetector"), number_of(data, "DistanceSourceToPatient")
    by_distance = to_detector / to_patient if to_detector and to_patient else None
    factor = number_of(data, "EstimatedRadiographicMagnificationFactor") or by_distance
    if factor is None or factor < 1:
        return PixelSize(spacing, notes=("size of a pixel is that at the detector: objects are magnified",))
    row, column = (side / factor for side in spacing)
    return PixelSize(
        (row, column), notes=(f"size of a pixel is that at the detector by {factor:.4g} of magnification",)
    )


def _pair(data: Any, name: str) -> tuple[float, float] | None:
    found = numbers_of(data, name, 2)
    return (found[0], found[1]) if found is not None and min(found) > 0 else None
