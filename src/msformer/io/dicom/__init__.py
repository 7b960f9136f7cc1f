"""DICOM files → volumes: series sorted by position, pixels in Hounsfield units, larger always brighter.

Headers, native pixels and RLE are read by pydicom, JPEG, JPEG-LS and JPEG 2000 decoded by imagecodecs. GDCM, which
SimpleITK has, reads as much, but not RLE colour of 16 bit nor big-endian doses right, and broken files can take it
down with the whole process. What the numbers mean — palettes, MONOCHROME1, rescaling — is worked out here.
"""

from msformer.io.dicom.claim import claim_of, dicom_claim
from msformer.io.dicom.headers import (
    MAGIC,
    PREFIX_LENGTH,
    Instance,
    NoImageError,
    is_dicom,
    may_be_bare,
    read_instance,
)
from msformer.io.dicom.pixels import stream_size
from msformer.io.dicom.read import read_series
from msformer.io.dicom.series import Part, find_parts, group_instances, group_series

__all__ = [
    "MAGIC",
    "PREFIX_LENGTH",
    "Instance",
    "NoImageError",
    "Part",
    "claim_of",
    "dicom_claim",
    "find_parts",
    "group_instances",
    "group_series",
    "is_dicom",
    "may_be_bare",
    "read_instance",
    "read_series",
    "stream_size",
]
