"""Inputs → a list of cases with names that do not collide."""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msformer.errors import ConfigError, ReadError
from msformer.io import IMAGE_SUFFIXES, count_pages


@dataclass(frozen=True)
class Case:
    """One image to segment.

    Attributes:
        case_id: Unique name, also the path of its results without suffix: ``sub/folder/name``.
        source: The file.
        page: Page of a multi-page file; None for files of one image.
    """

    case_id: str
    source: Path
    page: int | None = None


@dataclass(frozen=True)
class _Found:
    source: Path
    root: Path
    page: int | None = None

    def names(self) -> Iterator[str]:
        """Names for this image, from the shortest to the most telling; the first that is unique is taken."""
        relative = self.source.relative_to(self.root)
        page = "" if self.page is None else f"_page{self.page + 1:04d}"
        yield relative.with_suffix("").as_posix() + page
        yield relative.as_posix() + page
        yield f"{self.root.name or 'root'}/{relative.as_posix()}{page}"


def plan_cases(
    inputs: Sequence[str],
    *,
    recursive: bool = False,
    max_cases: int | None = None,
    exclude: Sequence[Path] = (),
) -> list[Case]:
    """List the images that the inputs name, in a stable order, each once.

    Args:
        inputs: Files, folders and patterns (``*``, ``?``, ``[…]``, ``**``).
        recursive: Look into subfolders too; the results mirror the tree.
        max_cases: Take only the first so many.
        exclude: Folders whose files are passed over, such as those that results go to.

    Raises:
        ConfigError: An input names nothing.
    """
    found: list[_Found] = []
    for given in inputs:
        images = [
            page
            for file in _files(given, recursive)
            if not any(file.source.resolve().is_relative_to(folder.resolve()) for folder in exclude)
            for page in _pages(file)
        ]
        if not images:
            raise ConfigError(
                f"input must be an image, a folder with images or a pattern; got {given!r}, which has none"
            )
        found.extend(images)
    unique = {(file.source.resolve(), file.page): file for file in reversed(found)}
    ordered = [file for file in dict.fromkeys(found) if unique[file.source.resolve(), file.page] is file]
    return _name(ordered)[:max_cases]


def _files(given: str, recursive: bool) -> Iterator[_Found]:
    path = Path(given)
    if path.is_dir():
        entries = sorted(path.rglob("*") if recursive else path.iterdir())
        for entry in entries:
            hidden = any(part.startswith(".") for part in entry.relative_to(path).parts)
            if entry.suffix.lower() in IMAGE_SUFFIXES and not hidden and entry.is_file():
                yield _Found(entry, path)
    elif path.exists():
        yield _Found(path, path.parent)
    elif glob.has_magic(given):
        root = _root_of_pattern(given)
        for match in sorted(glob.glob(given, recursive=True)):  # noqa: PTH207 - patterns may be absolute
            if Path(match).is_file():
                yield _Found(Path(match), root)


def _root_of_pattern(pattern: str) -> Path:
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def _pages(file: _Found) -> Iterator[_Found]:
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
        cases.append(Case(case_id, file.source, file.page))
    return cases
