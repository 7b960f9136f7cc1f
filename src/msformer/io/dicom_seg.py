"""Labels → DICOM segmentation objects that refer to the images they were made from, by highdicom."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WriteError


@dataclass(frozen=True)
class Segment:
    """A label of a label map as other programs show it.

    Attributes:
        label: Its number in the label map, from 1.
        name: Shown beside it.
        colour: RGB, 0 to 255.
    """

    label: int
    name: str
    colour: tuple[int, int, int]


def write_dicom_seg(
    path: Path,
    labels: NDArray[np.integer],
    segments: Sequence[Segment],
    instances: Sequence[Path],
    *,
    description: str,
    version: str,
    seed: str,
) -> None:
    """Write labels ``(D, H, W)`` as a BINARY segmentation, one segment a label.

    Identifiers of the new object follow from those of its sources and ``seed``, so that the same run gives the same.
    Patient and study are copied from the source, as the standard requires.

    Args:
        path: The file.
        labels: 0 is no segment. An empty object has all its segments and no pixel, which the standard allows only
            with frames, so that those are written.
        segments: What the labels are called, from 1 without gaps.
        instances: The files of the slices, in the order of ``labels``; one file where it has all frames.
        description: Of the series, at most 64 characters.
        version: Of this program.
        seed: What tells this object from others of the same sources.

    Raises:
        WriteError: The source has not what the standard requires of a segmentation.
    """
    import highdicom
    import pydicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd values in the sources
            sources = [pydicom.dcmread(instance) for instance in instances]
            entropy = [source.SOPInstanceUID for source in sources] + [seed]
            algorithm = highdicom.AlgorithmIdentificationSequence(
                name="msformer", version=version, family=codes.cid7162.ArtificialIntelligence
            )
            described = [
                highdicom.seg.SegmentDescription(
                    segment_number=segment.label,
                    segment_label=segment.name,
                    segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure
                    if segment.name == "object"
                    else codes.SCT.Tissue,
                    segmented_property_type=codes.SCT.Tissue,
                    algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                    algorithm_identification=algorithm,
                    display_color=highdicom.color.CIELabColor.from_rgb(*segment.colour),
                )
                for segment in segments
            ]
            made = highdicom.seg.Segmentation(
                source_images=sources,
                pixel_array=_planes(labels, len(segments)),
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
                series_description=description[:64],
                omit_empty_frames=bool(labels.any()),
            )
            made.save_as(path)
    except Exception as error:  # highdicom raises many kinds where a source is incomplete
        raise WriteError(
            f"no DICOM segmentation can be made of these sources: {type(error).__name__}: {error}"
        ) from error


def _planes(labels: NDArray[np.integer], count: int) -> NDArray[np.uint8]:
    """Labels ``(D, H, W)`` as planes ``(D, H, W, count)`` of 0 and 1."""
    return np.asarray(labels[..., None] == np.arange(1, count + 1), dtype=np.uint8)


def read_back(path: Path) -> Any:
    """The dataset of a written segmentation, for programs that want more than its labels."""
    import pydicom

    return pydicom.dcmread(path)
