"""Inputs → a list of cases with names that do not collide."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msformer.batch.skipped import Skipped, count, in_words
from msformer.batch.walk import Entry, Walk
from msformer.config import HintSettings
from msformer.errors import ConfigError, ReadError
from msformer.io import IMAGE_SUFFIXES, count_pages, ome_zarr
from msformer.io.contents import is_meant_as_image, look_at, looks_medical
from msformer.io.dicom import read_instance
from msformer.io.label_maps import Header, holds_labels, read_header
from msformer.io.medical import find_cases
from msformer.io.tiff import count_stacks, is_stack, stack_files

VOLUME_SUFFIXES = (
    ".nii.gz", ".seg.nrrd", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".dicom", ".ima", ".zip",
    ".ome.tif", ".ome.tiff", ".tif", ".tiff", ".ome.zarr", ".zarr",
)  # fmt: skip
"""What is no part of a volume's name; after other dots may come the rest of a long number."""


LONGEST_LABEL = 60
"""Letters of what tells a volume from others of its series that are in its name."""


@dataclass(frozen=True)
class Case:
    """One image or volume to segment.

    Attributes:
        case_id: Unique name, also the path of its results without suffix: ``sub/folder/name``.
        source: The file; of a series its folder.
        page: Page of a multi-page file; None for files of one image.
        instances: The files of a volume; empty for images.
        notes: What there is to tell of it before it is read.
        is_alone: Whether the inputs hold nothing else, so that every setting is meant for it.
        said: What a person said of it alone, see ``batch.prompts``.
    """

    case_id: str
    source: Path
    page: int | None = None
    instances: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    is_alone: bool = False
    said: HintSettings | None = None


@dataclass(frozen=True)
class Plan:
    """What the inputs hold.

    Attributes:
        cases: What is to be segmented, in a stable order, each once.
        skipped: What is not, and why.
    """

    cases: tuple[Case, ...]
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class _Found:
    source: Path
    root: Path
    page: int | None = None
    instances: tuple[Path, ...] = ()
    label: str = ""
    notes: tuple[str, ...] = ()
    is_stack: bool = False

    def names(self) -> Iterator[str]:
        """Names for this image, from the shortest to the most telling; the first that is unique is taken."""
        relative = self.source.relative_to(self.root)
        if ".." in relative.parts:  # of a pattern: names never go up, or results would lie outside of their folder
            relative = Path(self.source.name)
        page = "" if self.page is None else f"_page{self.page + 1:04d}"
        page += f"_{slug}" if (slug := re.sub(r"[^\w.+-]+", "-", self.label).strip("-.")[:LONGEST_LABEL]) else ""
        if relative == Path():  # a series that is the input itself
            yield (self.source.resolve().name or "root") + page
            return
        name, suffix = relative.as_posix(), relative.suffix
        if self.instances or suffix == ".zarr":
            known = [*VOLUME_SUFFIXES, *IMAGE_SUFFIXES]
            suffix = next((one for one in known if name.lower().endswith(one)), "")
        yield name[: len(name) - len(suffix)] + page
        yield relative.as_posix() + page
        yield f"{self.root.resolve().name or 'root'}/{relative.as_posix()}{page}"


def plan_cases(
    inputs: Sequence[str],
    *,
    recursive: bool = False,
    max_cases: int | None = None,
    exclude: Sequence[Path] = (),
) -> list[Case]:
    """The cases of ``plan_inputs``."""
    return list(plan_inputs(inputs, recursive=recursive, max_cases=max_cases, exclude=exclude).cases)


def plan_inputs(
    inputs: Sequence[str],
    *,
    recursive: bool = False,
    max_cases: int | None = None,
    exclude: Sequence[Path] = (),
) -> Plan:
    """List the images and volumes that the inputs name, and what lies there besides.

    Contents decide what a file is. Of each, a bounded part is read; pipes, devices and sockets are never opened.

    Args:
        inputs: Files, folders and patterns (``*``, ``?``, ``[…]``, ``**``).
        recursive: Look into subfolders too; the results mirror the tree.
        max_cases: Take only the first so many.
        exclude: Folders whose files are passed over, such as those that results go to.

    Raises:
        ConfigError: An input names nothing, or nothing but what is passed over.
    """
    found: list[_Found] = []
    reals: dict[Path, str] = {}
    walk = Walk(frozenset(str(folder.resolve()) for folder in exclude))
    for given in inputs:
        before = len(walk.skipped)
        images, known = _images(given, walk, recursive=recursive)
        if not images and len(walk.skipped) == before:
            lacks = "has none" if os.path.lexists(given) or any(sign in given for sign in "*?[") else "does not exist"
            raise ConfigError(
                f"input must be an image, a volume, a folder with some or a pattern; got {given!r}, which {lacks}"
            )
        found += images
        reals |= known
    found = _unique(_together(_unique(found, reals), {Path(given) for given in inputs}), reals)
    skipped = tuple(dict.fromkeys(walk.skipped))
    if not found:
        counts = in_words(count(one.record() for one in skipped))
        first = skipped[0]
        raise ConfigError(
            "input must be an image, a volume, a folder with some or a pattern; got "
            f"{', '.join(map(repr, inputs))}, which has none, but {counts}: {first.path}: {first.reason}"
        )
    return Plan(tuple(_name(found)[:max_cases]), skipped)


def _unique(found: Iterable[_Found], reals: Mapping[Path, str]) -> list[_Found]:
    """Each image once, however many paths lead to it."""
    taken: dict[tuple[tuple[str, ...], int | None], _Found] = {}
    for file in found:
        members = file.instances or (file.source,)
        key = tuple(reals.get(member) or str(member.resolve()) for member in members), file.page
        taken.setdefault(key, file)
    return list(taken.values())


def _together(found: list[_Found], named: set[Path]) -> list[_Found]:
    """Files that are named one by one put together as those of a folder are: slices of a series are one volume."""
    alone = {one.source: one for one in found if one.instances == (one.source,) and one.source in named}
    if len(alone) < 2:
        return found
    case_of = {path: case for case in find_cases(alone) for path in case.paths}
    result: list[_Found] = []
    seen: set[tuple[Path, ...]] = set()
    for one in found:
        case = case_of.get(one.source) if alone.get(one.source) is one else None
        if case is None:
            result.append(one)
        elif case.paths not in seen:
            seen.add(case.paths)
            folder = case.paths[0].parent
            is_alone = len(case.paths) == 1 and not case.label
            result.append(
                replace(one, notes=case.notes)
                if is_alone
                else _Found(folder, folder, None, case.paths, case.label, case.notes)
            )
    return result


def _images(given: str, walk: Walk, *, recursive: bool) -> tuple[list[_Found], dict[Path, str]]:
    """What is to be segmented of one input, and the paths without links of its files."""
    path = Path(given)
    if ome_zarr.is_picture(path):
        one = walk.file(path)
        entries, root, named = ([] if one is None else [one]), path.parent, True
    elif path.is_dir():
        entries, root, named = walk.folder(path, recursive=recursive or ome_zarr.is_group(path)), path, False
    elif path.exists():
        one = walk.file(path)
        entries, root, named = ([] if one is None else [one]), path.parent, True
    elif glob.has_magic(given):
        root, named = _root_of_pattern(given), True
        entries = _matches(given, root, walk, recursive=recursive)
    else:
        return [], {}
    found = _Sorter(root, named, walk.skipped).sort(entries)
    return [page for file in found for page in _pages(file)], {entry.path: entry.real for entry in entries}


def _matches(pattern: str, root: Path, walk: Walk, *, recursive: bool) -> list[Entry]:
    """The files that a pattern names; folders that it names are looked into with ``recursive``.

    ``**`` is walked here, as ``glob`` does not end where two links lead back.
    """
    parts = Path(pattern).parts
    first = next((index for index, part in enumerate(parts) if part == "**"), None)
    if first is None:
        paths = [Path(one) for one in sorted(glob.glob(pattern))]  # noqa: PTH207 - patterns may be absolute
        folders = [one for one in paths if one.is_dir() and not ome_zarr.is_picture(one)]
        entries = [entry for one in paths if one not in folders and (entry := walk.file(one)) is not None]
        for folder in folders:
            if recursive:
                entries += walk.folder(folder, recursive=True)
            else:
                walk.skipped.append(Skipped(folder, "folder", "subfolders are looked into with --recursive"))
        return list(dict.fromkeys(entries))
    above = Path(*parts[:first]) if first else Path()
    tops = glob.glob(str(above)) if glob.has_magic(str(above)) else [str(above)]  # noqa: PTH207
    found: list[Entry] = []
    for top in sorted(tops):
        if Path(top).is_dir():
            own = Walk(walk.exclude)
            entries = own.folder(Path(top), recursive=True)
            found += [one for one in entries if _is_matched(one.path.relative_to(top).parts, parts[first:])]
            walk.skipped += [
                one
                for one in own.skipped
                if one.why == "unreadable"
                or (one.why != "hidden" and _is_matched(one.path.relative_to(top).parts, parts[first:]))
            ]
    return found


def _is_matched(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern, of which ``**`` stands for any number of parts."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_is_matched(names[index:], parts[1:]) for index in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _is_matched(names[1:], parts[1:])


@dataclass
class _Sorter:
    """Tells what each file is: an image, part of a volume, or what is passed over.

    Attributes:
        root: What names are below.
        named: Whether somebody named these files, so that one of no known kind is a case that fails.
        skipped: What is passed over is put here.
    """

    root: Path
    named: bool
    skipped: list[Skipped]

    def sort(self, entries: Sequence[Entry]) -> list[_Found]:
        """Images and volumes in the order of their paths."""
        found: list[_Found] = []
        instances: list[Path] = []
        unknown: list[tuple[Path, str]] = []
        parts: dict[Path, Path] = {}
        for entry in sorted(entries):
            path = entry.path
            try:
                contents = look_at(path)
            except (OSError, ReadError):  # the case itself will tell what is wrong
                found.append(self._failing(path))
                continue
            if contents.kind == "dicom":
                instances.append(path)
            elif contents.kind is None:
                if is_meant_as_image(path, contents) or self.named:
                    found.append(self._failing(path))
                else:
                    unknown.append((path, contents.reason))
            elif contents.kind == "tiff" and is_stack(path):
                found.append(_whole_set(path, self.root))
            elif contents.kind in ("photo", "tiff"):
                found.append(_Found(path, self.root))
            elif contents.kind == "zarr":
                self._zarr(path, found)
            elif contents.kind == "archive":
                found.append(_Found(path, self.root, instances=(path,)))
            else:
                header = read_header(path, contents.kind)
                parts |= dict.fromkeys(header.parts, path)
                if (reason := self._why_labels(path, header)) is None:
                    found.append(_Found(path, self.root, instances=(path,)))
                else:
                    self.skipped.append(Skipped(path, "label map", reason))
        for path, reason in unknown:
            if path in parts:
                self.skipped.append(Skipped(path, "part", f"it holds the voxels of {parts[path].name}"))
            else:
                self.skipped.append(Skipped(path, "unknown", reason))
        found += self._series(instances)
        return sorted(found, key=lambda one: (one.source, one.instances))

    def _zarr(self, path: Path, found: list[_Found]) -> None:
        """A picture that is a folder: an image, a volume, or what it says are labels."""
        try:
            if ome_zarr.is_label_map(path):
                self.skipped.append(Skipped(path, "label map", "it says that its numbers are labels (image-label)"))
                return
            is_volume = ome_zarr.is_volume(path)
        except ReadError:  # the case itself will tell what is wrong
            is_volume = False
        found.append(_Found(path, self.root, instances=(path,) if is_volume else ()))

    def _why_labels(self, path: Path, header: Header) -> str | None:
        """Why a volume is a label map; None where it is an image, or somebody named it and its header says nothing."""
        if header.reason is not None or self.named or header.voxels is None:
            return header.reason
        if holds_labels(path, header.voxels):
            return "it holds labels: few whole numbers in flat areas; name the file itself to segment it"
        return None

    def _series(self, paths: Sequence[Path]) -> Iterator[_Found]:
        """Volumes of DICOM files, by what makes them one image."""
        volumes = find_cases(paths)
        for volume in volumes:
            # A series is named after its folder, which is more telling than the number of its first file.
            first = volume.paths[0]
            source = first.parent if len(volume.paths) > 1 or volume.label else first
            yield _Found(source, self.root, None, volume.paths, volume.label, volume.notes)
        taken = {member for volume in volumes for member in volume.paths}
        for path in paths:
            if path in taken:
                continue
            if self.named and (path.name.startswith(".") or _is_no_image(path)):  # as everything that was named
                yield _Found(path, self.root, instances=(path,))
            elif _is_no_image(path):
                reason = "it is a DICOM file without an image: a directory, a report or a plan"
                self.skipped.append(Skipped(path, "no image", reason))
            else:
                self.skipped.append(Skipped(path, "label map", "it is a DICOM segmentation"))

    def _failing(self, path: Path) -> _Found:
        """A case that fails, by the reader that its name is for."""
        return _Found(path, self.root, instances=(path,) if looks_medical(path) else ())


def _is_no_image(path: Path) -> bool:
    try:
        read_instance(path)
    except ReadError:
        return True
    return False


def _whole_set(path: Path, root: Path) -> _Found:
    """A stack; of an OME data set over several files the same for each of them, so that it is taken once."""
    files = stack_files(path)
    return _Found(files[0] if files[0].is_relative_to(root) else path, root, instances=files, is_stack=True)


def _root_of_pattern(pattern: str) -> Path:
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def _pages(file: _Found) -> Iterator[_Found]:
    """Each page that is an image of its own, and each stage position of a stack."""
    if file.instances and not file.is_stack:
        yield file
        return
    try:
        number = count_stacks(file.instances[0]) if file.is_stack else count_pages(file.source)
    except ReadError:
        number = 1  # the case itself will tell what is wrong
    if number < 2:  # a broken one may have none: the case itself will tell
        yield file
    else:
        for page in range(number):
            yield replace(file, page=page)


def _name(found: Iterable[_Found]) -> list[Case]:
    """Give each image the shortest name that no other image has, whatever the case of letters."""
    files = list(dict.fromkeys(found))
    named = [next(file.names()) for file in files]
    level = [0] * len(files)
    for _ in range(2):
        taken = defaultdict(list)
        for index, name in enumerate(named):
            taken[name.casefold()].append(index)
        for sharing in taken.values():
            for index in sharing if len(sharing) > 1 else ():
                names = list(files[index].names())  # few share one, and to make them all takes long
                level[index] = min(level[index] + 1, len(names) - 1)
                named[index] = names[level[index]]
    cases: list[Case] = []
    used: set[str] = set()
    for file, wanted in zip(files, named, strict=True):
        case_id, number = wanted, 2
        while case_id.casefold() in used:
            case_id = f"{wanted}-{number}"
            number += 1
        used.add(case_id.casefold())
        cases.append(Case(case_id, file.source, file.page, file.instances, file.notes, len(level) == 1))
    return cases
