"""The images that a DICOM result refers to: what of their headers is looked at, and what of it a result may say."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WriteError
from msformer.io.dicom.texts import to_utf8
from msformer.io.segments import Segment

MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""What the standard wants present, if only as an empty value (type 2). Many old files leave it out."""
OF_PATIENT_AND_STUDY = (
    *MAY_BE_EMPTY,
    # To whom an identifier of the patient belongs, and whether names have been removed and how.
    "IssuerOfPatientID", "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "SpecificCharacterSet", "StudyInstanceUID", "FrameOfReferenceUID", "PositionReferenceIndicator",
)  # fmt: skip
"""What a result says of the patient, the study and the frame of reference, where the source does."""
READ = (
    *OF_PATIENT_AND_STUDY, "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "ImagePositionPatient",
    "ImageOrientationPatient", "PatientOrientation", "Rows", "Columns", "NumberOfFrames", "PixelSpacing",
    "SliceThickness", "SpacingBetweenSlices", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence", "DimensionIndexSequence",
)  # fmt: skip
"""All that is read of a source. highdicom copies whatever it finds on patient, study and institution, such as age,
weight, pregnancy, physicians and the hospital's address, of which the standard requires nothing."""
DATED = {"PatientBirthDate": ".", "StudyDate": ".", "StudyTime": ":"}
"""Dates and times, and what parted their numbers before DICOM 3: 1998.02.27, 14:04:38."""
SEXES = ("M", "F", "O", "")
LONG_STRING = 64
"""Most characters of a text of the value representation LO."""


def make_from(instances: Sequence[Path], what: str, make: Callable[[Sequence[Any]], None]) -> None:
    """Make a result that refers to its sources, and write it.

    Args:
        instances: The files of the sources.
        what: What it is called in errors.
        make: Called with what is read of the sources, complete.

    Raises:
        WriteError: There is none, or nothing can be made of it.
    """
    if not instances:
        raise WriteError(f"{what} must refer to at least 1 DICOM image; got 0 (the input is no DICOM)")
    sources = [read_source(instance) for instance in instances]
    try:
        complete(sources)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd values in the sources
            make(sources)
    except WriteError:
        raise
    except Exception as error:  # pydicom and highdicom raise many kinds where a source is incomplete or broken
        raise WriteError(f"no {what} can be made of {instances[0]}: {type(error).__name__}: {error}") from error


def read_source(instance: Path) -> Any:
    """The header of a source, with what may be empty present.

    Raises:
        WriteError: It is no DICOM or lacks its own identifier.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(instance, force=True, stop_before_pixels=True, specific_tags=list(READ))
            to_utf8(data)
            data.SOPClassUID = data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID", "")
            data.SOPInstanceUID = data.get("SOPInstanceUID") or data.file_meta.get("MediaStorageSOPInstanceUID", "")
            for keyword in MAY_BE_EMPTY:
                if keyword not in data:
                    setattr(data, keyword, None)
            if (data.PatientSex or "") not in SEXES:
                data.PatientSex = None
            for keyword, separator in DATED.items():
                setattr(data, keyword, str(data.get(keyword) or "").replace(separator, ""))
    except Exception as error:  # pydicom raises anything on broken headers
        raise WriteError(f"{instance}: no readable DICOM header: {type(error).__name__}: {error}") from error
    if not data.SOPClassUID or not data.SOPInstanceUID:
        raise WriteError(f"{instance}: what is made of it must name its SOPClassUID and SOPInstanceUID; none there")
    return data


def complete(sources: Sequence[Any]) -> None:
    """Give the sources, in memory, what they lack and a result must have."""
    from pydicom.uid import generate_uid

    instances = sorted(str(source.SOPInstanceUID) for source in sources)  # in whatever order they come
    placed = all(source.get("ImagePositionPatient") for source in sources)
    for source in sources:
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
            if not source.get(keyword):
                setattr(source, keyword, generate_uid(entropy_srcs=[*instances, keyword]))
        if not source.get("FrameOfReferenceUID"):
            if placed:  # all images of a series have the same, by definition
                source.FrameOfReferenceUID = generate_uid(entropy_srcs=[str(source.SeriesInstanceUID), "frame"])
            elif "FrameOfReferenceUID" in source:
                del source.FrameOfReferenceUID
        if placed and not source.get("SliceThickness"):
            source.SliceThickness = source.get("SpacingBetweenSlices") or 1  # as our reader takes it


def entropy_of(
    sources: Sequence[Any], labels: NDArray[Any], segments: Sequence[Segment], version: str, seed: str
) -> list[str]:
    """What the identifiers of a result follow from: the same result has the same ones, another one never."""
    named = [f"{segment.label} {segment.name} {segment.colour}" for segment in segments]
    content = hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()
    return [*(str(source.SOPInstanceUID) for source in sources), *named, content, version, seed]


def one_line(description: str) -> str:
    """A text that every character set of DICOM holds, and without the sign that parts values."""
    return description.encode("ascii", "replace").decode("ascii").replace("\\", "/")[:LONG_STRING]
