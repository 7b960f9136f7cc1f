"""OME data sets over several TIFF files: which files belong together, and which of them are missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from msformer.errors import ReadError
from msformer.io.privacy import of_header
from msformer.io.tiff_chain import check_chain
from msformer.io.values import check_inside

DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class OmeSet:
    """The files of one data set.

    Attributes:
        files: Those that are there, in the order in which the description names them.
        missing: The names of those that are not.
    """

    files: tuple[Path, ...]
    missing: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse a set that is not whole: what is missing would be read as zeros.

        Raises:
            ReadError: A part is missing; the message names it. Or the pages of one never end.
        """
        if self.missing:
            names = ", ".join(map(self._told, self.missing[:5])) + (", …" if len(self.missing) > 5 else "")
            raise ReadError(
                f"OME data set must have all of its {len(self.files) + len(self.missing)} files in one folder; "
                f"missing: {names}"
            )
        for one in self.files:
            check_chain(one)

    def _told(self, name: str) -> str:
        """A name that other numbers make of one that is there says nothing new; any other is text of the header."""
        is_alike = any(DIGITS.sub("0", one.name) == DIGITS.sub("0", name) for one in self.files)
        return name if is_alike else of_header(name)


def ome_set(path: Path) -> OmeSet | None:
    """The data set that a file belongs to; None for what is no OME-TIFF, or all of a set by itself.

    Raises:
        ReadError: The set is described in a file that is missing or no TIFF, or names files outside of its folder.
    """
    root = _description(path)
    if root is None:
        return None
    master = next((one.get("MetadataFile") for one in root if one.tag.endswith("BinaryOnly")), None)
    if master is not None:
        check_inside(master)
        where = path.parent / master
        if not where.is_file():
            raise ReadError(f"OME data set must have its description beside it; there is no {of_header(master)}")
        root = _description(where)
        if root is None or any(one.tag.endswith("BinaryOnly") for one in root):
            raise ReadError(f"OME data set must be described in one of its TIFF files; it names {of_header(master)}")
        path = where
    return _named_by(path, root)


def _description(path: Path) -> ElementTree.Element | None:
    """The root of the OME-XML in a TIFF; None where there is none."""
    try:
        with tifffile.TiffFile(path) as file:
            text = file.pages.first.description if file.is_ome else None
        return None if text is None else ElementTree.fromstring(text)
    except Exception:  # whoever reads its pages will tell
        return None


def _named_by(path: Path, root: ElementTree.Element) -> OmeSet | None:
    own = root.get("UUID")
    names: dict[str, Path] = {}
    for one in root.iter():
        if not one.tag.endswith("UUID") or not (name := one.get("FileName")):
            continue
        if (one.text or "").strip() == own or name.casefold() == path.name.casefold():
            names[name] = path
        else:
            check_inside(name)
            names[name] = path.parent / name
    if path not in names.values() or len(set(names.values())) == 1:
        return None  # it names none but itself, perhaps by the name that it had once
    files = tuple(dict.fromkeys(where for where in names.values() if where.is_file()))
    return OmeSet(files, tuple(name for name, where in names.items() if not where.is_file()))
