"""Folders → their files, each once: links are followed once, loops end, results are told apart, nothing is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msformer.batch.skipped import Skipped
from msformer.io.ome_zarr import is_group, is_picture
from msformer.io.regular import special_kind
from msformer.io.results import MARKER, results_in

OF_THIS_PROGRAM = "it is a result of this program"


@dataclass(frozen=True, order=True)
class Entry:
    """A regular file, or a folder that is one picture (OME-Zarr).

    Attributes:
        path: As it was found.
        real: The same without links.
    """

    path: Path
    real: str


@dataclass
class Walk:
    """What is known while folders are walked; one for all inputs of a run.

    Attributes:
        exclude: Folders without links whose files are results, whatever they hold.
        skipped: What was passed over.
    """

    exclude: frozenset[str] = frozenset()
    skipped: list[Skipped] = field(default_factory=list)
    _results: dict[str, frozenset[str]] = field(default_factory=dict)

    def file(self, path: Path) -> Entry | None:
        """One file that somebody named; None where it is passed over."""
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            return Entry(path, str(path))  # the case itself will tell what is wrong
        if (name := special_kind(mode)) is not None:
            self.skipped.append(Skipped(path, "special", f"it is {name}"))
            return None
        entry = Entry(path, os.path.realpath(path))
        if self._is_result(entry.real):
            self.skipped.append(Skipped(path, "result", OF_THIS_PROGRAM))
            return None
        return entry

    def folder(self, root: Path, *, recursive: bool) -> list[Entry]:
        """The files of a folder, with ``recursive`` those below it, in no order.

        Folders themselves come before links to them: a folder is called by its own name where it has one here.
        """
        found: list[Entry] = []
        links: list[str] = []
        seen: set[tuple[int, int]] = set()
        waiting = [str(root)]
        links_of_folders: list[str] = []
        while waiting or links_of_folders:
            if waiting:
                folder = waiting.pop()
            else:
                links_of_folders.sort(reverse=True)
                folder = links_of_folders.pop()
            deeper, linked = self._one(folder, seen, found, links, recursive=recursive)
            waiting += deeper
            links_of_folders += linked
        self._follow(links, found)
        return found

    def _one(
        self, folder: str, seen: set[tuple[int, int]], found: list[Entry], links: list[str], *, recursive: bool
    ) -> tuple[list[str], list[str]]:
        """Look into one folder; the folders in it, and the links to folders."""
        path = Path(folder)
        try:
            status = os.stat(folder)  # noqa: PTH116 - of strings, of which there are many
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                self.skipped.append(Skipped(path, "link", "it leads to a folder that was looked into already"))
                return [], []
            seen.add(identity)
            with os.scandir(folder) as opened:
                entries = sorted(opened, key=lambda entry: entry.name)
        except OSError as error:
            self.skipped.append(Skipped(path, "unreadable", f"it cannot be read: {error.strerror or error}"))
            return [], []
        real = os.path.realpath(folder)
        if self._is_result(real):
            self._skip_results(path)
            return [], []
        results = self._results.setdefault(real, results_in(path, frozenset(entry.name for entry in entries)))
        folders: list[str] = []
        linked: list[str] = []
        for entry in entries:
            if entry.name == MARKER:
                continue
            if entry.name in results:
                self._skip_results(Path(entry.path))
            elif entry.name.startswith("."):
                self.skipped.append(Skipped(Path(entry.path), "hidden", "its name begins with a dot"))
            elif entry.is_symlink():
                is_folder = _is_folder(entry)
                if is_folder and is_picture(Path(entry.path)):
                    found.append(Entry(Path(entry.path), os.path.realpath(entry.path)))
                elif is_folder and not recursive:
                    self._skip_folder(entry.path)
                else:
                    (linked if is_folder else links).append(entry.path)
            elif entry.is_dir():
                inside = f"{real}{os.sep}{entry.name}"
                if inside in self.exclude:
                    self._skip_results(Path(entry.path))
                elif is_picture(Path(entry.path)):
                    found.append(Entry(Path(entry.path), inside))
                elif recursive or is_group(Path(entry.path)):
                    folders.append(entry.path)
                else:
                    self._skip_folder(entry.path)
            elif entry.is_file():
                found.append(Entry(Path(entry.path), f"{real}{os.sep}{entry.name}"))
            else:
                self._skip_special(entry.path)
        return folders, linked

    def _follow(self, links: Sequence[str], found: list[Entry]) -> None:
        """Links to files: those whose file is there already, or is a result, are passed over."""
        taken = {entry.real for entry in found}
        for link in sorted(links):
            path = Path(link)
            try:
                mode = path.stat().st_mode
            except OSError:
                self.skipped.append(Skipped(path, "link", "it leads nowhere"))
                continue
            real = os.path.realpath(link)
            if not stat.S_ISREG(mode):
                self._skip_special(link)
            elif self._is_result(real):
                self.skipped.append(Skipped(path, "result", OF_THIS_PROGRAM))
            elif real in taken:
                self.skipped.append(Skipped(path, "link", "it leads to a file that is taken already"))
            else:
                taken.add(real)
                found.append(Entry(path, real))

    def _is_result(self, real: str) -> bool:
        """Whether a file or folder, without links, is a result or lies in one."""
        child = real
        while (parent := os.path.dirname(child)) != child:  # noqa: PTH120
            if child in self.exclude or os.path.basename(child) in self._results_in(parent):  # noqa: PTH119
                return True
            child = parent
        return False

    def _results_in(self, folder: str) -> frozenset[str]:
        if folder not in self._results:
            names = (MARKER, "report.json", "records.jsonl")
            here = frozenset(name for name in names if os.path.lexists(f"{folder}{os.sep}{name}"))
            self._results[folder] = results_in(Path(folder), here)
        return self._results[folder]

    def _skip_results(self, path: Path) -> None:
        self.skipped += [Skipped(one, "result", OF_THIS_PROGRAM) for one in _files_below(path)]

    def _skip_folder(self, path: str) -> None:
        self.skipped.append(Skipped(Path(path), "folder", "subfolders are looked into with --recursive"))

    def _skip_special(self, path: str) -> None:
        try:
            name = special_kind(os.stat(path).st_mode)  # noqa: PTH116
        except OSError:
            name = None
        self.skipped.append(Skipped(Path(path), "special", f"it is {name or 'no regular file'}"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _files_below(path: Path) -> Iterable[Path]:
    """A file itself; of a folder all files below it, links not followed."""
    if not path.is_dir() or path.is_symlink():
        return [path]
    return _all_files(path)


def _all_files(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
