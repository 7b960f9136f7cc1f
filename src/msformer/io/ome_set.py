"""OME data sets over several TIFF files: which files belong together, and which of them are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from msformer.errors import ReadError
from msformer.io.privacy import of_header
from msformer.io.tiff_chain import check_chain
from msformer.io.values import check_inside

MOST_NAMED = 5
"""Missing files that a message names."""
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
            ReadError: A part is missing, is no TIFF, or its pages never end; the message names it.
        """
        if self.missing:
            raise ReadError(
                f"OME data set must have all of its {len(self.files) + len(self.missing)} files in one folder; "
                f"missing: {_told(self.missing, self.files)}"
            )
        for one in self.files:
            try:
                check_chain(one)
                tifffile.TiffFile(one).close()
            except (ReadError, OSError, ValueError) as error:  # tifffile's own are of the last
                raise ReadError(f"{one.name}: part of an OME data set must be a TIFF; {error}") from error


def _told(names: Sequence[str], files: Iterable[Path]) -> str:
    """A few names; one that other numbers make of a file's says nothing new, any other is text of the header."""
    known = {DIGITS.sub("0", one.name) for one in files}
    told = [name if DIGITS.sub("0", name) in known else of_header(name) for name in names[:MOST_NAMED]]
    return ", ".join(told) + (", …" if len(names) > MOST_NAMED else "")


def ome_set(path: Path) -> OmeSet | None:
    """The data set that a file belongs to; None for what is no OME-TIFF, or all of a set by itself.

    Raises:
        ReadError: The set is described in a file that is missing or no TIFF, names files outside of its folder, does
            not name all of them, or names several but not this one.
    """
    root = _description(path)
    if root is None:
        return None
    master = next((one.get("MetadataFile") for one in root if one.tag.endswith("BinaryOnly")), None)
    if master is not None:
        check_inside(master)
        where = path.parent / master
        if not where.is_file():
            raise ReadError(f"OME data set must have its description beside it; missing: {_told([master], [path])}")
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
        if not one.tag.endswith("UUID"):
            continue
        name, is_own = one.get("FileName"), (one.text or "").strip() == own
        if not name:
            if own is not None and not is_own:
                raise ReadError("OME data set must name its files; one of them has an identifier only")
        elif is_own or name.casefold() == path.name.casefold():
            names[name] = path
        else:
            check_inside(name)
            names[name] = path.parent / name
    if len(set(names.values())) < 2:
        return None  # it names none but itself, perhaps by the name that it had once
    if path not in names.values():
        raise ReadError(
            f"file must be called as one of its OME data set, of {len(names)} files: {_told([*names], [path])}"
        )
    files = tuple(dict.fromkeys(where for where in names.values() if where.is_file()))
    return OmeSet(files, tuple(name for name, where in names.items() if not where.is_file()))
