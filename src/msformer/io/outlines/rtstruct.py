"""Outlines → a DICOM RT Structure Set of the series they were made from, by pydicom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WriteError
from msformer.io.atomic import atomic_path
from msformer.io.dicom.sources import OF_PATIENT_AND_STUDY, entropy_of, make_from, one_line
from msformer.io.outlines.keyhole import without_holes
from msformer.io.outlines.polygons import Outline, Ring, outlines_of
from msformer.io.segments import Segment

OF_PLACE = ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
"""What tells where the pixels of a slice lie in the patient."""
DECIMALS = 6
"""Of mm: a nanometre; numbers in DICOM have 16 characters."""
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""What a study is referred to as: retired for all else, and what every program writes here."""


def write_rtstruct(
    path: Path,
    labels: NDArray[np.uint8 | np.uint16],
    segments: Sequence[Segment],
    instances: Sequence[Path],
    *,
    description: str,
    version: str,
    seed: str,
) -> None:
    """Write labels ``(D, H, W)`` as contours in the patient, an ROI a segment.

    Whichever program fills them finds the same pixels, since the centre of none is on a contour. Each contour has the
    place of the slice it was made from, so that uneven steps and a tilted gantry are kept. A hole
    is joined to the border around it by a channel of no width, as the standard has it for closed contours. A segment
    without a pixel is an ROI without contours. Identifiers follow from sources, labels, ``seed`` and ``version``, and
    no date is written: the same labels give the same bytes.

    Args:
        path: The file.
        labels: 0 is no segment.
        segments: What the labels are called, from 1 without gaps; at least one.
        instances: The files of the slices, in the order of ``labels``; only their headers are read.
        description: Of the series; what is not ASCII becomes ``?``, and 64 characters are kept.
        version: Of this program.
        seed: What tells this object from others of the same sources.

    Raises:
        WriteError: The sources are no series of DICOM images with places, or do not fit the labels.
    """
    if not segments:
        raise WriteError("an RT Structure Set must have at least 1 segment; got 0")

    def make(sources: Sequence[Any]) -> None:
        _check_fit(labels, sources, instances)
        made = _structure_set(labels, segments, sources, one_line(description), version, seed)
        with atomic_path(path) as temporary:
            made.save_as(temporary, enforce_file_format=True)

    make_from(instances, "RT Structure Set (rtstruct)", make)


def _check_fit(labels: NDArray[Any], sources: Sequence[Any], instances: Sequence[Path]) -> None:
    """Refuse sources that are no series with places, or another one than that of the labels.

    Raises:
        WriteError: Slices, rows or columns differ, or places are missing.
    """
    for source, instance in zip(sources, instances, strict=True):
        frames = int(source.get("NumberOfFrames") or 1)
        if frames > 1:
            raise WriteError(
                f"{instance}: rtstruct must refer to a series of one image a file; this file has {frames} frames: "
                f"choose dicom-seg"
            )
        shape = (len(sources), int(source.get("Rows") or 0), int(source.get("Columns") or 0))
        if shape != labels.shape:
            raise WriteError(f"{instance}: labels must have the source's shape {shape}; got {labels.shape}")
        if missing := [keyword for keyword in OF_PLACE if not source.get(keyword)]:
            raise WriteError(
                f"{instance}: rtstruct must know the place of each slice in the patient; missing there: "
                f"{', '.join(missing)}"
            )
    frames_of_reference = {str(source.FrameOfReferenceUID) for source in sources}
    if len(frames_of_reference) > 1:
        raise WriteError(
            f"{instances[0]}: slices of an RT Structure Set must be in 1 frame of reference; got "
            f"{len(frames_of_reference)}"
        )


def _structure_set(
    labels: NDArray[np.uint8 | np.uint16],
    segments: Sequence[Segment],
    sources: Sequence[Any],
    description: str,
    version: str,
    seed: str,
) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

    entropy = [*entropy_of(sources, labels, segments, version, seed), "rtstruct"]
    first, made = sources[0], Dataset()
    for keyword in OF_PATIENT_AND_STUDY:
        if keyword in first:
            made[keyword] = first[keyword]
    made.SOPClassUID, made.SOPInstanceUID = RTStructureSetStorage, generate_uid(entropy_srcs=[*entropy, "instance"])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=[*entropy, "series"])
    made.Modality, made.SeriesNumber, made.InstanceNumber, made.OperatorsName = "RTSTRUCT", 1001, 1, None
    made.SeriesDescription, made.SoftwareVersions = description, version
    made.Manufacturer = made.ManufacturerModelName = "msformer"
    if "PositionReferenceIndicator" not in made:
        made.PositionReferenceIndicator = None
    made.StructureSetLabel, made.StructureSetDate, made.StructureSetTime = "MSFORMER", None, None
    made.ApprovalStatus = "UNAPPROVED"
    made.ReferencedFrameOfReferenceSequence = [_referred(sources)]
    outlines: dict[int, list[Outline]] = defaultdict(list)
    for outline in outlines_of(labels):
        outlines[outline.label].append(outline)
    made.StructureSetROISequence = [
        _dataset(
            ROINumber=one.label,
            ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID,
            ROIName=one_line(one.name),
            ROIGenerationAlgorithm="AUTOMATIC",
        )
        for one in segments
    ]
    made.ROIContourSequence = [_contours(one, outlines[one.label], sources) for one in segments]
    made.RTROIObservationsSequence = [
        _dataset(ObservationNumber=one.label, ReferencedROINumber=one.label, RTROIInterpretedType=None,
                 ROIInterpreter=None)
        for one in segments
    ]  # fmt: skip
    made.file_meta = FileMetaDataset()
    # Explicit value representations would hold no contour of more than 64 KB.
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def _referred(sources: Sequence[Any]) -> Any:
    """The frame of reference, study, series and images that the contours are drawn on."""
    by_series: dict[str, list[Any]] = defaultdict(list)
    for source in sources:
        by_series[str(source.SeriesInstanceUID)].append(_image(source))
    series = [_dataset(SeriesInstanceUID=uid, ContourImageSequence=images) for uid, images in by_series.items()]
    study = _dataset(
        ReferencedSOPClassUID=STUDY_CLASS,
        ReferencedSOPInstanceUID=sources[0].StudyInstanceUID,
        RTReferencedSeriesSequence=series,
    )
    return _dataset(FrameOfReferenceUID=sources[0].FrameOfReferenceUID, RTReferencedStudySequence=[study])


def _contours(segment: Segment, outlines: Sequence[Outline], sources: Sequence[Any]) -> Any:
    roi = _dataset(ROIDisplayColor=list(segment.colour), ReferencedROINumber=segment.label)
    drawn: list[Any] = []
    for outline in outlines:
        source = sources[outline.plane]
        for polygon in outline.polygons:
            line = without_holes(polygon)
            drawn.append(
                _dataset(
                    ContourImageSequence=[_image(source)],
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(line),
                    ContourNumber=len(drawn) + 1,
                    ContourData=_in_patient(line, source),
                )
            )
    if drawn:
        roi.ContourSequence = drawn
    return roi


def _in_patient(line: Ring, source: Any) -> list[str]:
    """x, y and z of each corner in mm; the position of an image is that of the centre of its first pixel."""
    place, turn = np.array(source.ImagePositionPatient, float), np.array(source.ImageOrientationPatient, float)
    between_rows, between_columns = (float(one) for one in source.PixelSpacing)
    steps = np.stack([turn[:3] * between_columns, turn[3:] * between_rows])
    points = np.round(place + (line - 0.5) @ steps, DECIMALS) + 0.0  # no -0
    return [f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".") for value in points.ravel()]


def _image(source: Any) -> Any:
    return _dataset(ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID)


def _dataset(**values: Any) -> Any:
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made
