"""Labels → DICOM segmentation objects that refer to the images they were made from, by highdicom."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WriteError
from msformer.io.dicom.sources import entropy_of, make_from, one_line
from msformer.io.segments import Segment

# sRGB to the colours of a light like daylight at noon, D50, which DICOM's Lab is of (the matrix of B. Lindbloom).
XYZ_OF_RGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)

logging.getLogger("highdicom").setLevel(logging.CRITICAL)  # it tells of odd values in the sources, which we cannot mend


def write_dicom_seg(
    path: Path,
    labels: NDArray[np.uint8 | np.uint16],
    segments: Sequence[Segment],
    instances: Sequence[Path],
    *,
    description: str,
    version: str,
    seed: str,
) -> None:
    """Write labels ``(D, H, W)`` as a BINARY segmentation, one segment a label.

    Each frame has the position of the slice it was made from, so that uneven steps and a tilted gantry are kept as
    they are in the source. A segment without a pixel is described and has no frame; only where no segment has a pixel
    are all frames written, because the standard asks for at least one.

    Identifiers of the new object follow from those of its sources, ``seed``, ``version`` and the labels: the same
    result has the same identifier, another one never. Dates are those of writing. Of patient and study is copied
    what the standard requires, and no more (``io/dicom/sources.py``). Where anonymisation has emptied the
    identifiers of study, series or frame of reference, which a segmentation must have, they are made from those of
    the instances.

    Args:
        path: The file.
        labels: 0 is no segment.
        segments: What the labels are called, from 1 without gaps; at least one.
        instances: The files of the slices, in the order of ``labels``; one file where it has all frames. Only their
            headers are read, so that it does not matter how their pixels are compressed.
        description: Of the series; what is not ASCII becomes ``?``, and 64 characters are kept.
        version: Of this program.
        seed: What tells this object from others of the same sources.

    Raises:
        WriteError: The sources have not what the standard requires of a segmentation, or do not fit the labels.
    """
    if not segments:
        raise WriteError("a DICOM segmentation must have at least 1 segment; got 0")

    def make(sources: Sequence[Any]) -> None:
        _check_fit(labels, sources, instances)
        _segmentation(labels, segments, sources, one_line(description), version, seed).save_as(path)

    make_from(instances, "DICOM segmentation", make)


def _segmentation(
    labels: NDArray[np.uint8 | np.uint16],
    segments: Sequence[Segment],
    sources: Sequence[Any],
    description: str,
    version: str,
    seed: str,
) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    entropy = entropy_of(sources, labels, segments, version, seed)
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="msformer", version=version, family=codes.cid7162.ArtificialIntelligence
    )
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=segment.label,
            segment_label=segment.name,
            # Clusters are found by their looks alone: whether they are an organ or a lesion nobody has said.
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            display_color=highdicom.color.CIELabColor(*_lab(segment.colour)),
        )
        for segment in segments
    ]
    made = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=labels,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=generate_uid(entropy_srcs=[*entropy, "series"]),
        series_number=1000,
        sop_instance_uid=generate_uid(entropy_srcs=[*entropy, "instance"]),
        instance_number=1,
        manufacturer="msformer",
        manufacturer_model_name="msformer",
        software_versions=version,
        device_serial_number="0",
        series_description=description,
        content_description=description,
        content_label="MSFORMER",
    )
    shared = made.SharedFunctionalGroupsSequence[0]
    if "PixelMeasuresSequence" in shared and "SliceThickness" not in shared.PixelMeasuresSequence[0]:
        # Of an image without a place. They are not required beside a reference to the source, which has the spacing,
        # and highdicom itself cannot read a file in which they have no thickness.
        del shared.PixelMeasuresSequence
    if "FrameOfReferenceUID" not in made:  # then the standard wants to be told, or told that nobody knows
        made.PatientOrientation = sources[0].get("PatientOrientation") or None
    dimensions = generate_uid(entropy_srcs=[*entropy, "dimensions"])  # highdicom's own is drawn
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    return made


def _check_fit(labels: NDArray[np.uint8 | np.uint16], sources: Sequence[Any], instances: Sequence[Path]) -> None:
    """Refuse what highdicom would write wrongly, or refuse in words that do not say what is wrong.

    Raises:
        WriteError: Rows, columns or slices differ, or slices have no place, or one place.
    """
    frames = len(sources) if len(sources) > 1 else int(sources[0].get("NumberOfFrames") or 1)
    for source, instance in zip(sources, instances, strict=True):
        shape = (frames, int(source.get("Rows") or 0), int(source.get("Columns") or 0))
        if shape != labels.shape:
            raise WriteError(f"{instance}: labels must have the source's shape {shape}; got {labels.shape}")
    if frames == 1:
        return
    # Of several slices each needs a place; files of one frame say it themselves, others in functional groups.
    if len(sources) == 1 and "PerFrameFunctionalGroupsSequence" not in sources[0]:
        raise WriteError(
            f"{instances[0]}: a DICOM segmentation of several frames must know the place of each; this file of "
            f"{frames} frames says none (no PerFrameFunctionalGroupsSequence)"
        )
    needed = ["FrameOfReferenceUID"]
    if len(sources) > 1:
        needed += ["ImagePositionPatient", "ImageOrientationPatient"]
    for source, instance in zip(sources, instances, strict=True):
        if missing := [keyword for keyword in needed if not source.get(keyword)]:
            raise WriteError(
                f"{instance}: a DICOM segmentation of several slices must know the place of each; missing there: "
                f"{', '.join(missing)}"
            )
    if len(sources) > 1:
        places = {tuple(float(one) for one in source.ImagePositionPatient) for source in sources}
        if len(places) < frames:
            raise WriteError(
                f"{instances[0]}: slices of a DICOM segmentation must be at places of their own; these {frames} are at "
                f"{len(places)}"
            )


def _lab(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    """CIE L*a*b* of an sRGB colour; highdicom has this only in its newest versions, and not the same in all."""
    shares = np.array(colour) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    relative = XYZ_OF_RGB @ linear / XYZ_OF_RGB.sum(axis=1)
    x, y, z = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    return float(116 * y - 16), float(500 * (x - y)), float(200 * (y - z))
