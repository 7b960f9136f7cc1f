"""Sizes of pixels in DICOM headers, wherever they stand; expected values by hand from the standard's definitions."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from msformer.io.dicom.sizes import pixel_size


def header(**values: Any) -> Dataset:
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def region(delta_x: float, delta_y: float, *, layout: int = 1, unit: int = 3) -> Dataset:
    return header(
        RegionSpatialFormat=layout, PhysicalUnitsXDirection=unit, PhysicalUnitsYDirection=unit,
        PhysicalDeltaX=delta_x, PhysicalDeltaY=delta_y,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "spacing"),
    [
        ({"PixelSpacing": [0.16, 0.2], "ImagerPixelSpacing": [0.5, 0.5]}, (0.16, 0.2)),
        ({"ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3)),
        ({"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": "1.25"}, (0.16, 0.16)),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "DistanceSourceToDetector": "1800", "DistanceSourceToPatient": "1440"},
            (0.16, 0.16),
        ),
        ({"NominalScannedPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [0.0, 0.0], "NominalScannedPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
    ],
)
def test_the_first_place_that_states_a_size(values: dict[str, Any], spacing: tuple[float, float]) -> None:
    size = pixel_size(header(**values))
    assert size is not None
    assert size.is_stated
    assert size.spacing == pytest.approx(spacing)


def test_nothing_is_made_up() -> None:
    assert pixel_size(header()) is None
    assert pixel_size(header(PixelAspectRatio=[1, 1])) is None
    assert pixel_size(header(SequenceOfUltrasoundRegions=Sequence([]))) is None


def test_a_ratio_is_no_size() -> None:
    size = pixel_size(header(PixelAspectRatio=[3, 2]))  # as high to as wide
    assert size is not None
    assert (size.spacing, size.is_stated) == ((1.5, 1.0), False)
    assert "1.5 high to 1 wide" in size.notes[0]


def test_ultrasound_regions_in_cm() -> None:
    size = pixel_size(header(SequenceOfUltrasoundRegions=Sequence([region(0.02, 0.03)])))
    assert size is not None
    assert size.spacing == pytest.approx((0.3, 0.2))  # row, column
    doppler = region(0.01, 5.0, layout=3, unit=4)
    size = pixel_size(header(SequenceOfUltrasoundRegions=Sequence([doppler, region(0.02, 0.02), region(0.02, 0.02)])))
    assert size is not None
    assert size.spacing == pytest.approx((0.2, 0.2))
    assert "1 other regions" in size.notes[0]
    assert pixel_size(header(SequenceOfUltrasoundRegions=Sequence([doppler]))) is None


def test_regions_of_several_sizes_give_none() -> None:
    size = pixel_size(header(SequenceOfUltrasoundRegions=Sequence([region(0.02, 0.02), region(0.04, 0.04)])))
    assert size is not None
    assert not size.is_stated
    assert "0.2 × 0.2, 0.4 × 0.4 mm" in size.notes[0]
