"""Small series of DICOM files that tests write."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

Place = tuple[float, float, float]
PLACES: list[Place] = [(-10.0, -20.0, 30.0 + 2.5 * index) for index in range(4)]


def make_series(folder: Path, places: Sequence[Place] = PLACES, **changes: Any) -> list[Path]:
    """A CT series of 6 × 9 px, a file a place; ``changes`` replaces values of the header, None takes them away."""
    folder.mkdir(exist_ok=True)
    series, study, frame = (generate_uid(entropy_srcs=[name]) for name in ("series", "study", "frame"))
    paths = []
    for index, place in enumerate(places):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid(entropy_srcs=["instance", str(index)])
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Doe^Jane", "P7", "19700102", "F"
        data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20200304", "101112", "S1", "A1"
        data.ReferringPhysicianName, data.PositionReferenceIndicator = "", ""
        data.Modality, data.Manufacturer, data.SeriesNumber, data.InstanceNumber = "CT", "nobody", 3, index + 1
        data.ImageType, data.AcquisitionNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], 1
        data.Rows, data.Columns, data.PixelSpacing, data.SliceThickness = 6, 9, [0.75, 0.5], 2.5
        data.ImagePositionPatient, data.ImageOrientationPatient = list(place), [1, 0, 0, 0, 1, 0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleIntercept, data.RescaleSlope, data.KVP = -1024, 1, 120
        data.PixelData = np.full((6, 9), index, np.int16).tobytes()
        data.file_meta.MediaStorageSOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for keyword, value in changes.items():
                if value is None:
                    delattr(data, keyword)
                else:
                    setattr(data, keyword, value)
            paths.append(folder / f"{index}.dcm")
            data.preamble = bytes(128)
            data.save_as(paths[-1])
    return paths


def with_name(folder: Path, declared: str | None, raw: bytes) -> Path:
    """A source whose name and character set are these bytes, which pydicom would not all write."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += b" " * (len(value) % 2)
        tag = group.to_bytes(2, "little") + number.to_bytes(2, "little")
        return tag + kind + len(value).to_bytes(2, "little") + value

    (path,) = make_series(folder, PLACES[:1], PatientName="Q" * 8)
    data = path.read_bytes()
    held = element(0x10, 0x10, b"PN", b"Q" * 8)
    assert data.count(held) == 1
    data = data.replace(held, element(0x10, 0x10, b"PN", raw))
    if declared is not None:
        first = data.index(b"\x08\x00\x08\x00CS")  # the first element
        data = data[:first] + element(8, 5, b"CS", declared.encode()) + data[first:]
    path.write_bytes(data)
    return path
