"""Names and other text of a header in UTF-8, whatever character set the file says.

The rule: the set that is declared counts, misspellings mended and an empty value standing for plain ASCII. Where none
is declared, none is known by that name, or the bytes are not of it, text that is valid UTF-8 is that. Anything else
keeps its bytes, without a character set, as it came.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations whose bytes depend on the character set."""
UTF8 = "ISO_IR 192"
NAMED = {
    "UTF8": UTF8, "UNICODE": UTF8, "GB18030": "GB18030", "GBK": "GBK", "LATIN1": "ISO_IR 100", "ASCII": "",
    "ISO88591": "ISO_IR 100", "ISO88592": "ISO_IR 101", "ISO88595": "ISO_IR 144", "ISO88597": "ISO_IR 126",
    "ISO88599": "ISO_IR 148", "SHIFTJIS": "ISO_IR 13", "EUCKR": "ISO 2022 IR 149",
}  # fmt: skip
"""What files say instead of a name that DICOM knows, letters and digits alone."""
EXTENSIONS = frozenset({58, 87, 149, 159})
"""Numbers of sets that exist with code extensions only, ISO 2022."""
DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5C}
"""Bytes after which a text is in its first character set again."""


def to_utf8(data: Any) -> None:
    """Decode the text of a header and declare it as UTF-8, in place; text of no known set keeps its bytes.

    Args:
        data: As pydicom has just read it: elements that have been asked for are decoded already.
    """
    elements = list(_texts(data))
    raw = [element.value or b"" for _, _, element in elements]
    encodings = _encodings(data.get("SpecificCharacterSet"))
    for known in [encodings, *([["utf8"]] if encodings != ["utf8"] else [])]:
        if known is not None and (texts := _decoded(elements, raw, known)) is not None:
            break
    else:
        texts, known = (
            [value.rstrip(b"\0 ").decode("latin_1") for value in raw],
            None,
        )  # a byte a letter, written as such
    for (owner, kind, element), text in zip(elements, texts, strict=True):
        owner.add_new(element.tag, kind, text)
    if known is not None:
        data.SpecificCharacterSet = UTF8
    elif "SpecificCharacterSet" in data:
        del data.SpecificCharacterSet


def _texts(data: Any) -> Iterator[tuple[Any, str, Any]]:
    """Dataset, value representation and undecoded element of each text, those in sequences included."""
    from pydicom.datadict import dictionary_VR
    from pydicom.dataelem import RawDataElement

    for tag in list(data.keys()):
        element = data.get_item(tag)
        try:
            kind = element.VR if element.VR not in (None, "UN") else dictionary_VR(tag)
        except KeyError:
            continue
        if kind == "SQ":
            for item in data[tag].value:
                yield from _texts(item)
        elif kind in TEXT and isinstance(element, RawDataElement):
            yield data, kind, element


def _encodings(declared: Any) -> list[str] | None:
    """Python's names of the declared character sets; None where there is none or one is unknown."""
    from pydicom.charset import convert_encodings, python_encoding

    names = [declared] if isinstance(declared, str) else list(declared or [])
    mended = [_mended(str(name)) for name in names]
    if not any(mended) or any(name not in python_encoding for name in mended):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [name.lower() for name in convert_encodings(mended)]


def _mended(name: str) -> str:
    """A character set as DICOM spells it: ``iso-ir_100`` is ``ISO_IR 100``."""
    letters = re.sub(r"[^A-Z0-9]", "", name.upper())
    if found := re.fullmatch(r"ISO(2022)?IR(\d+)", letters):
        number = int(found[2])
        return f"ISO 2022 IR {number}" if found[1] or number in EXTENSIONS else f"ISO_IR {number}"
    return NAMED.get(letters, name if letters else "")


def _decoded(elements: Sequence[tuple[Any, str, Any]], raw: Sequence[bytes], encodings: list[str]) -> list[Any] | None:
    """The texts, or None where a byte of one is not of the character sets."""
    from pydicom import config
    from pydicom.charset import decode_bytes
    from pydicom.valuerep import PersonName

    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.RAISE  # or bytes that fit nothing would become question marks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = []
            for (_, kind, _), value in zip(elements, raw, strict=True):
                if kind == "PN":
                    text = str(PersonName(value.rstrip(b"\0 "), encodings))
                else:
                    text = decode_bytes(value.rstrip(b"\0 "), encodings, DELIMITERS)
                found.append(text)
            return found
    except (UnicodeError, LookupError, ValueError):
        return None
    finally:
        config.settings.reading_validation_mode = before
