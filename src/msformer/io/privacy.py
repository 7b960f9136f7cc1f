"""What of a header may be told where: its text goes to the log at most, never into a report.

A message quotes text of a header in ``‹›``, by ``of_header``. What a library says of a broken file may quote anything,
so its words are left out of reports as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msformer.errors import MSFormerError

LONGEST = 80
HIDDEN = "(words that may be out of the header; the log has them)"
CUT_OFF = "(the file is truncated; the log has more)"
SAYS_CUT_OFF = re.compile("truncat|premature|unexpected end|end of file|end-of-stream|eof|too short", re.IGNORECASE)
QUOTED = re.compile("‹[^›]*›")
MODALITIES = frozenset({
    "ANN", "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CFM", "CR", "CT", "CTPROTOCOL", "DMS", "DG", "DOC", "DX", "ECG",
    "EEG", "EMG", "EOG", "EPS", "ES", "FID", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS", "KER", "KO", "LEN", "LS",
    "M3D", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "OT", "PA", "PLAN",
    "POS", "PR", "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE", "RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD",
    "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SEG", "SM", "SMR", "SR", "SRF", "STAIN", "TEXTUREMAP", "TG", "US",
    "VA", "XA", "XAPROTOCOL", "XC",
})  # fmt: skip
"""The defined terms of DICOM PS3.3 C.7.3.1.1.1; any other text under Modality is nobody's business."""
BODY_PARTS = frozenset({
    "ABDOMEN", "ABDOMENPELVIS", "ADRENAL", "ANKLE", "ANUS", "AORTA", "ARM", "AXILLA", "BACK", "BLADDER", "BONE",
    "BRAIN", "BREAST", "BRONCHUS", "BUTTOCK", "CALCANEUS", "CALF", "CAROTID", "CEREBELLUM", "CERVIX", "CHEEK", "CHEST",
    "CHESTABDOMEN", "CHESTABDPELVIS", "CLAVICLE", "COCCYX", "COLON", "CORNEA", "CSPINE", "CTSPINE", "DUODENUM", "EAR",
    "ELBOW", "ESOPHAGUS", "EXTREMITY", "EYE", "EYELID", "FACE", "FEMUR", "FINGER", "FOOT", "FOREARM", "GALLBLADDER",
    "HAND", "HEAD", "HEADNECK", "HEART", "HIP", "HUMERUS", "ILEUM", "ILIUM", "JAW", "JEJUNUM", "JOINT", "KIDNEY",
    "KNEE", "LARYNX", "LEG", "LIVER", "LOWERLEG", "LSPINE", "LSSPINE", "LUNG", "MAXILLA", "MEDIASTINUM", "MOUTH",
    "NECK", "NECKCHEST", "NECKCHESTABDOMEN", "NECKCHESTABDPELV", "NOSE", "ORBIT", "OVARY", "PANCREAS", "PAROTID",
    "PATELLA", "PELVIS", "PENIS", "PHARYNX", "PROSTATE", "RECTUM", "RIB", "SACRUM", "SCALP", "SCAPULA", "SCROTUM",
    "SHOULDER", "SKIN", "SKULL", "SPINE", "SPLEEN", "SSPINE", "STERNUM", "STOMACH", "TEETH", "TESTIS", "THIGH",
    "THORAX", "THUMB", "THYMUS", "THYROID", "TIBIA", "TIBIAFIBULA", "TLSPINE", "TOE", "TONGUE", "TRACHEA", "TRUNK",
    "TSPINE", "UPPERARM", "URETER", "URETHRA", "UTERUS", "VAGINA", "VULVA", "WHOLEBODY", "WRIST", "ZYGOMA",
})  # fmt: skip
"""Terms of DICOM PS3.16, annex L, and a few that are as common; the same goes for other text under BodyPartExamined."""


def of_header(value: object) -> str:
    """A value of a header for a message, marked as one."""
    return f"‹{str(value)[:LONGEST].replace('›', '>')}›"


def known_modality(modality: str | None) -> str | None:
    """A modality that DICOM defines; None for any other text."""
    return modality if modality in MODALITIES else None


def told_modality(modality: str | None) -> str:
    """A modality for a message: as it is where DICOM defines it, else marked as text of a header."""
    return known_modality(modality) or (of_header(modality) if modality else "no modality")


def known_body_part(part: str | None) -> str | None:
    """A part of the body that has a name of its own in DICOM; None for any other text."""
    name = (part or "").strip().upper()
    return name if name in BODY_PARTS else None


def without_header(error: BaseException) -> str:
    """The message of an error for a report: without text out of headers, and without a library's own words."""
    text = str(error)
    if not isinstance(error, MSFormerError | OSError | MemoryError):
        return CUT_OFF if SAYS_CUT_OFF.search(text) else HIDDEN
    for cause in _causes(error):
        words = str(cause)
        is_of_system = isinstance(cause, OSError) and cause.errno is not None
        if words and not is_of_system and not isinstance(cause, MSFormerError):
            text = text.replace(words, CUT_OFF if SAYS_CUT_OFF.search(words) else HIDDEN)
    return QUOTED.sub("‹…›", text) or "no reason given"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__
