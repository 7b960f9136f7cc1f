"""What the header of a DICOM file says; which files are DICOM."""

from __future__ import annotations

import logging
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from msformer.errors import ReadError
from msformer.io.dicom.sizes import SIZE_TAGS, PixelSize, pixel_size
from msformer.io.dicom.values import number_of, numbers_of

PREFIX_LENGTH, MAGIC = 128, b"DICM"
HEADER_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns", "SamplesPerPixel",
    "NumberOfFrames", "ImageOrientationPatient", "ImagePositionPatient", *SIZE_TAGS, "SpacingBetweenSlices",
    "SliceThickness", "PhotometricInterpretation",
    "InstanceNumber", "SliceLocation", "BodyPartExamined", "SeriesDescription", "ProtocolName",
]  # fmt: skip
MARKS = {
    "stack": "StackID", "echo time": "EchoTime", "echo number": "EchoNumbers", "b-value": "DiffusionBValue",
    "temporal position": "TemporalPositionIdentifier", "image type": "ImageType",
    "acquisition number": "AcquisitionNumber", "inversion time": "InversionTime", "flip angle": "FlipAngle",
    "kernel": "ConvolutionKernel", "gradient": "DiffusionGradientOrientation",
    "cardiac phase": "NominalPercentageOfCardiacPhase", "trigger time": "TriggerTime",
    "frame reference time": "FrameReferenceTime", "acquisition time": "AcquisitionTime",
    "acquisition date and time": "AcquisitionDateTime", "content time": "ContentTime",
}  # fmt: skip
"""What tells apart images of one series, in words, and the elements that say it."""
FRAME_MARKS = {
    "stack": ("FrameContentSequence", "StackID"), "echo time": ("MREchoSequence", "EffectiveEchoTime"),
    "b-value": ("MRDiffusionSequence", "DiffusionBValue"),
    "temporal position": ("FrameContentSequence", "TemporalPositionIndex"),
    "image type": ("MRImageFrameTypeSequence", "FrameType"),
    "acquisition number": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "inversion time": ("MRModifierSequence", "InversionTimes"),
    "kernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "cardiac phase": ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    "trigger time": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "acquisition date and time": ("FrameContentSequence", "FrameAcquisitionDateTime"),
}  # fmt: skip
"""The same of the frames of one file: functional group and element."""
B_VALUES = (((0x0019, 0x0010), (0x0019, 0x100C)), ((0x0043, 0x0010), (0x0043, 0x1039)))
"""Where Siemens and GE wrote b-values before there was an element for them: who, and what."""
PRIVATE = [tag[0] << 16 | tag[1] for pair in B_VALUES for tag in pair]
BODY_PARTS = (
    "CHEST", "THORAX", "LUNG", "HEAD", "BRAIN", "SKULL", "NECK", "SPINE", "ABDOMEN", "PELVIS", "LIVER", "KIDNEY",
    "PROSTATE", "BREAST", "HEART", "SHOULDER", "ELBOW", "WRIST", "HAND", "HIP", "KNEE", "ANKLE", "FOOT",
)  # fmt: skip
"""Words for parts of the body that are looked for in descriptions; nothing else of them is kept."""
FRAME_TAGS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "GridFrameOffsetVector"]
PARALLEL = 1e-2
"""Directions of slices that differ by less (half a degree) are of one volume."""
META_LENGTH = 4096
"""Bytes within which files say how they are encoded."""
GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
MAX_INFLATED = 1 << 29
"""Bytes that a deflated file may grow to."""

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its complaints about odd headers are not for users of ours


class NoImageError(ReadError):
    """A whole DICOM file that is no image: a report, a plan, a directory."""


@dataclass(frozen=True)
class Instance:
    """What the header of one file says, or of one of its frames.

    Attributes:
        marks: What tells it from others of its series, by the names in ``MARKS``; without those that it does not say.
        frame: Which of the frames of its file.
        body_part: What of the body the header says it shows; where it says nothing, a word for it in the description
            of the series.
    """

    path: Path
    uid: str
    series: str
    modality: str | None
    rows: int
    columns: int
    samples: int
    frames: int
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    size: PixelSize | None
    slice_step: float | None
    photometric: str
    number: int
    location: float | None = None
    marks: Mapping[str, str] = field(default_factory=dict, hash=False)
    frame: int = 0
    body_part: str | None = None

    @property
    def pixel_spacing(self) -> tuple[float, float] | None:
        """Size (row, column) of a pixel, or only the ratio of the two."""
        return None if self.size is None else self.size.spacing

    def is_parallel(self, other: Instance) -> bool:
        """Whether rows and columns run the same way as those of another."""
        if self.orientation is None or other.orientation is None:
            return self.orientation is other.orientation
        return bool(np.allclose(self.orientation, other.orientation, rtol=0, atol=PARALLEL))


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, any 128 bytes and ``DICM``, or is an image of the time before that.

    Files without that beginning count when the first element is of group 2 or 8 and rows and columns are found.
    """
    with path.open("rb") as file:
        start = file.read(PREFIX_LENGTH + len(MAGIC))
    if start[PREFIX_LENGTH:] == MAGIC:
        return True
    if not may_be_bare(start):
        return False
    try:
        read_instance(path)
    except ReadError:
        return False
    return True


def may_be_bare(start: bytes) -> bool:
    """Whether the first bytes can be those of a DICOM file without preamble: an element of group 2 or 8."""
    order = {b"\x02\x00": "little", b"\x08\x00": "little", b"\x00\x02": "big", b"\x00\x08": "big"}.get(start[:2])
    if order is None or len(start) < 12:
        return False
    is_named = start[4:6].isalpha() and start[4:6].isupper()  # explicit: two letters of a kind of value
    is_counted = order == "little" and int.from_bytes(start[4:8], "little") <= 1024  # implicit: a length
    return is_named or is_counted


def read_instance(path: Path) -> Instance:
    """Read the header of a file.

    Raises:
        ReadError: It is no DICOM image, or its header is broken.
    """
    data = read_dataset(path, [*HEADER_TAGS, *MARKS.values(), *PRIVATE], stop_before_pixels=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            instance = _instance(path, data)
            storage = getattr(data.get("SOPClassUID"), "name", "")
    except Exception as error:  # pydicom raises anything on broken values, and only when they are asked for
        raise ReadError(f"no readable DICOM header: {type(error).__name__}: {error}") from error
    if not (instance.rows > 0 and instance.columns > 0):
        if "Image Storage" in storage:
            raise ReadError("broken or truncated DICOM image: no rows and columns")
        raise NoImageError("this DICOM file holds no image (no rows and columns)")
    return instance


def read_dataset(path: Path, tags: Sequence[Any], *, stop_before_pixels: bool) -> Any:
    """The named elements of a file.

    Raises:
        ReadError: Its header is broken.
    """
    with path.open("rb") as file:
        return dataset_of(file, tags, stop_before_pixels=stop_before_pixels)


def dataset_of(file: BinaryIO, tags: Sequence[Any], *, stop_before_pixels: bool) -> Any:
    """The same of an open file."""
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every odd value
            source = _inflated(file)
            return pydicom.dcmread(source, force=True, stop_before_pixels=stop_before_pixels, specific_tags=list(tags))
    except (ReadError, OSError):
        raise
    except Exception as error:  # pydicom raises anything on broken headers
        raise ReadError(f"no readable DICOM header: {type(error).__name__}: {error}") from error


def is_deflated(file: BinaryIO) -> bool:
    """Whether what follows the first group of a file is deflated; the file is at its beginning then as before."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    head = file.read(META_LENGTH)
    file.seek(0)
    return str(DeflatedExplicitVRLittleEndian).encode() in head


def _inflated(file: BinaryIO) -> BinaryIO:
    """The file itself, unless what follows its first group is deflated: that is unpacked here, up to a limit.

    pydicom would unpack it to any size.
    """
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

    if not is_deflated(file):
        return file
    uid, head = str(DeflatedExplicitVRLittleEndian).encode(), file.read(META_LENGTH)
    at = head.find(GROUP_LENGTH)
    if at < 0:
        raise ReadError("deflated DICOM file must say where its first group ends; got no length")
    start = at + 12 + int.from_bytes(head[at + 8 : at + 12], "little")
    whole = head + file.read()
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    data = unpacker.decompress(whole[start:], MAX_INFLATED)
    if unpacker.unconsumed_tail:
        raise ReadError(f"deflated DICOM file must unpack to at most {MAX_INFLATED} bytes; got more")
    if not unpacker.eof:
        raise ReadError("broken or truncated: the deflated part of this DICOM file has no end")
    plain = str(ExplicitVRLittleEndian).encode().ljust(len(uid), b"\0")
    return BytesIO(whole[:start].replace(uid, plain, 1) + data)


def _instance(path: Path, data: Any) -> Instance:
    return Instance(
        path=path,
        uid=str(data.get("SOPInstanceUID") or ""),
        series=str(data.get("SeriesInstanceUID") or ""),
        modality=str(data.get("Modality", "") or "") or None,
        rows=int(number_of(data, "Rows") or 0),
        columns=int(number_of(data, "Columns") or 0),
        samples=int(number_of(data, "SamplesPerPixel") or 1),
        frames=max(int(number_of(data, "NumberOfFrames") or 1), 1),
        orientation=numbers_of(data, "ImageOrientationPatient", 6),
        position=numbers_of(data, "ImagePositionPatient", 3),
        size=pixel_size(data),
        slice_step=step_of(data),
        photometric=str(data.get("PhotometricInterpretation", "")),
        number=int(number_of(data, "InstanceNumber") or 0),
        location=number_of(data, "SliceLocation"),
        marks=_marks(data),
        body_part=_body_part(data),
    )


def _marks(data: Any) -> dict[str, str]:
    """What a header says of ``MARKS``, numbers without the digits of rounding."""
    found = {name: text for name, keyword in MARKS.items() if (text := mark_of(data, keyword))}
    if "b-value" not in found and (private := _private_b_value(data)) is not None:
        found["b-value"] = f"{private:.5g}"
    return found


def _body_part(data: Any) -> str | None:
    if said := mark_of(data, "BodyPartExamined"):
        return said
    described = f"{mark_of(data, 'SeriesDescription')} {mark_of(data, 'ProtocolName')}".upper()
    return next((part for part in BODY_PARTS if re.search(rf"\b{part}", described)), None)


def mark_of(data: Any, keyword: str) -> str:
    """The value of an element in words; empty where there is none."""
    try:
        value = data.get(keyword)
        if value is None or value == "":
            return ""
        parts = [value] if isinstance(value, str | float | int) else list(value)
    except Exception:  # pydicom raises anything on broken values
        return ""
    return ", ".join(_rounded(one) for one in parts)


def _rounded(value: Any) -> str:
    if isinstance(value, str):
        return str(value).strip()
    try:
        return f"{float(value):.5g}" if float(value) % 1 else str(int(value))
    except (TypeError, ValueError, OverflowError):
        return str(value)


def _private_b_value(data: Any) -> float | None:
    for (creator, element), maker in zip(B_VALUES, ("SIEMENS MR HEADER", "GEMS_PARM_01"), strict=True):
        try:
            if str(data[creator].value).strip() != maker:
                continue
            value = data[element].value
            text = value.decode("ascii") if isinstance(value, bytes) else value
            first: Any = text.split("\\")[0] if isinstance(text, str) else text if np.isscalar(text) else text[0]
            return float(first) % 1e9  # GE adds 1e9 where it means it
        except Exception:  # not there, or no number
            continue
    return None


def step_of(data: Any) -> float | None:
    """The distance between slices that a header states; negative ones, which some nuclear medicine has, by size."""
    return abs(number_of(data, "SpacingBetweenSlices") or number_of(data, "SliceThickness") or 0.0) or None


def frame_items(data: Any, name: str, frames: int) -> list[Any]:
    """The item of a functional group for each frame, or one where all share it, or none."""
    each = data.get("PerFrameFunctionalGroupsSequence") or []
    own = [one[name][0] for one in each if one.get(name)]
    if len(own) == len(each) == frames:
        return own
    shared = data.get("SharedFunctionalGroupsSequence") or []
    return [shared[0][name][0]] if shared and shared[0].get(name) else []
