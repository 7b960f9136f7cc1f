"""Inputs → a list of cases with names that do not collide."""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msformer.errors import ConfigError, ReadError
from msformer.io import IMAGE_SUFFIXES, count_pages
from msformer.io.medical import VOLUME_KINDS, find_volumes, is_archive, kind_of
from msformer.io.tiff import is_stack

TIFF_SUFFIXES = (".tif", ".tiff")

VOLUME_SUFFIXES = (
    ".nii.gz", ".seg.nrrd", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".dicom", ".ima", ".zip",
    ".ome.tif", ".ome.tiff", ".tif", ".tiff",
)  # fmt: skip
"""What is no part of a volume's name; after other dots may come the rest of a long number."""


@dataclass(frozen=True)
class Case:
    """One image or volume to segment.

    Attributes:
        case_id: Unique name, also the path of its results without suffix: ``sub/folder/name``.
        source: The file; of a series its folder.
        page: Page of a multi-page file; None for files of one image.
        instances: The files of a volume; empty for images.
    """

    case_id: str
    source: Path
    page: int | None = None
    instances: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Found:
    source: Path
    root: Path
    page: int | None = None
    instances: tuple[Path, ...] = ()

    def names(self) -> Iterator[str]:
        """Names for this image, from the shortest to the most telling; the first that is unique is taken."""
        relative = self.source.relative_to(self.root)
        page = "" if self.page is None else f"_page{self.page + 1:04d}"
        if relative == Path():  # a series that is the input itself
            yield self.source.resolve().name
            return
        name, suffix = relative.as_posix(), relative.suffix
        if self.instances:
            suffix = next((known for known in VOLUME_SUFFIXES if name.lower().endswith(known)), "")
        yield name[: len(name) - len(suffix)] + page
        yield relative.as_posix() + page
        yield f"{self.root.name or 'root'}/{relative.as_posix()}{page}"


def plan_cases(
    inputs: Sequence[str],
    *,
    recursive: bool = False,
    max_cases: int | None = None,
    exclude: Sequence[Path] = (),
) -> list[Case]:
    """List the images and volumes that the inputs name, in a stable order, each once.

    Args:
        inputs: Files, folders and patterns (``*``, ``?``, ``[…]``, ``**``).
        recursive: Look into subfolders too; the results mirror the tree.
        max_cases: Take only the first so many.
        exclude: Folders whose files are passed over, such as those that results go to.

    Raises:
        ConfigError: An input names nothing.
    """
    found: list[_Found] = []
    excluded = [folder.resolve() for folder in exclude]
    for given in inputs:
        images = [page for file in _files(given, recursive, excluded) for page in _pages(file)]
        if not images:
            raise ConfigError(
                f"input must be an image, a volume, a folder with some or a pattern; got {given!r}, which has none"
            )
        found.extend(images)
    unique = {(file.source.resolve(), file.page, file.instances): file for file in reversed(found)}
    ordered = [
        file for file in dict.fromkeys(found) if unique[file.source.resolve(), file.page, file.instances] is file
    ]
    return _name(ordered)[:max_cases]


def _files(given: str, recursive: bool, exclude: Sequence[Path]) -> Iterator[_Found]:
    path = Path(given)
    if path.is_dir():
        entries = sorted(path.rglob("*") if recursive else path.iterdir())
        shown = (entry for entry in entries if not any(part.startswith(".") for part in entry.relative_to(path).parts))
        yield from _sorted_out(_files_outside(shown, exclude), path)
    elif path.exists():
        if _files_outside([path], exclude):
            yield _Found(path, path.parent, instances=(path,) if _is_volume(path) else ())
    elif glob.has_magic(given):
        matches = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - patterns may be absolute
        files = _files_outside(map(Path, matches), exclude)
        yield from _sorted_out(files, _root_of_pattern(given), all_are_meant=True)


def _files_outside(entries: Iterable[Path], folders: Sequence[Path]) -> list[Path]:
    """The files among entries of folders, without those in ``folders``, which are resolved."""
    files = (entry for entry in entries if entry.is_file())
    return [file for file in files if not any(file.resolve().is_relative_to(folder) for folder in folders)]


def _is_volume(path: Path) -> bool:
    """Whether a file holds a volume; of one that cannot be opened the case itself will tell what is wrong."""
    try:
        kind = kind_of(path)
        return is_archive(path) or kind in VOLUME_KINDS or (kind == "tiff" and is_stack(path))
    except ReadError:
        return False


def _sorted_out(files: Sequence[Path], root: Path, *, all_are_meant: bool = False) -> Iterator[_Found]:
    """Images by their suffix, volumes by their contents; other files are passed over unless all are meant."""
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    stacks = [file for file in images if file.suffix.lower() in TIFF_SUFFIXES and is_stack(file)]
    rest = [file for file in files if file.suffix.lower() not in IMAGE_SUFFIXES]
    volumes = find_volumes(rest) + [[file] for file in rest if file.suffix.lower() == ".zip" and _is_volume(file)]
    found = [_Found(file, root, instances=(file,) if file in stacks else ()) for file in images]
    for members in volumes:
        # A series is named after its folder, which is more telling than the number of its first file.
        source = members[0].parent if len(members) > 1 else members[0]
        found.append(_Found(source, root, instances=tuple(members)))
    if all_are_meant:
        taken = {member for members in volumes for member in members}
        found += [_Found(file, root) for file in rest if file not in taken]
    yield from sorted(found, key=lambda one: (one.source, one.instances))


def _root_of_pattern(pattern: str) -> Path:
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def _pages(file: _Found) -> Iterator[_Found]:
    if file.instances:
        yield file
        return
    try:
        count = count_pages(file.source)
    except ReadError:
        count = 1  # the case itself will tell what is wrong
    if count == 1:
        yield file
    else:
        for page in range(count):
            yield _Found(file.source, file.root, page)


def _name(found: Iterable[_Found]) -> list[Case]:
    """Give each image the shortest name that no other image has, whatever the case of letters."""
    names = {file: list(file.names()) for file in found}
    level = dict.fromkeys(names, 0)
    for _ in range(2):
        taken = defaultdict(list)
        for file, rank in level.items():
            taken[names[file][rank].casefold()].append(file)
        for sharing in taken.values():
            for file in sharing if len(sharing) > 1 else ():
                level[file] = min(level[file] + 1, len(names[file]) - 1)
    cases: list[Case] = []
    used: set[str] = set()
    for file, rank in level.items():
        case_id = wanted = names[file][rank]
        number = 2
        while case_id.casefold() in used:
            case_id = f"{wanted}-{number}"
            number += 1
        used.add(case_id.casefold())
        cases.append(Case(case_id, file.source, file.page, file.instances))
    return cases
