"""What was done, a line a case, written and synced as each ends: all reports are made from it, and a run goes on by it.

``OUT/journal`` has a file for each part of a job array, ``all.jsonl`` where there are none. A line is written by one
call; one that is torn, as after a power cut, has no end and is dropped. Numbers order the lines, not clocks.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from msformer.batch.fingerprint import InputPrint
from msformer.batch.part import Part
from msformer.batch.record import FROM, Record, way_here
from msformer.config import Config
from msformer.errors import ConfigError

FOLDER = "journal"
RECORD = b', "record": '
"""What stands before the record of a case; in a text it would have backslashes. What a run needs to go on is before it,
so that a journal of many cases is read in a fraction of the time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The last line of a case, without its record.

    Attributes:
        case_id: Of the case.
        number: Of the line.
        settings: Fingerprint of what it was done with.
        made_from: Its input.
        status: ``done`` or ``failed``.
        error_type: Of a failure.
        sizes: Bytes of each of its files, by path below the folder.
        path: File of the line.
        place: Its first byte and its length.
    """

    case_id: str
    number: int
    settings: str
    made_from: InputPrint
    status: str
    error_type: str
    sizes: Mapping[str, int]
    path: Path
    place: tuple[int, int]


@dataclass(frozen=True)
class RunLine:
    """What a run says as it begins.

    Attributes:
        number: Of the line.
        about: ``settings`` (fingerprint), ``config``, ``agreed``, ``planned``, ``workers``, ``threads``, ``skipped``.
    """

    number: int
    about: Mapping[str, Any]


class Journal:
    """The journal of a folder, read when it is made.

    Args:
        out: The folder.
        part: Whose file is written; what is read are all.

    Attributes:
        entries: The last line of each case.
        run: The last line of a run; None where there is none.
        learned: What the folder taught, where that was the last that was done.
        dropped: Lines that could not be read.

    Raises:
        ConfigError: A file of the journal cannot be read.
    """

    def __init__(self, out: Path, part: Part = Part()) -> None:  # noqa: B008 - frozen
        self.folder = out / FOLDER
        self.path = self.folder / f"{part.name}.jsonl"
        self.entries: dict[str, Entry] = {}
        self.run: RunLine | None = None
        self.learned: Mapping[str, Any] | None = None
        self.dropped = 0
        self._number = 0
        self._whole: dict[Path, int] = {}
        self._learned_at = 0
        for path in self.files():
            self._read(path)
        if self._learned_at < max((entry.number for entry in self.entries.values()), default=0):
            self.learned = None

    @cached_property
    def _way_here(self) -> str:
        """Where relative inputs of this run start, asked once and not for each case."""
        return way_here(self.folder.parent)

    def files(self) -> list[Path]:
        """The files of all parts."""
        return sorted(self.folder.glob("*.jsonl"))

    def records(self, case_ids: Sequence[str] | None = None) -> Records:
        """Records of some cases, or of all that the last run's settings hold for, by name; read when asked for."""
        if case_ids is None:
            settings = None if self.run is None else self.run.about["settings"]
            found = [entry for _, entry in sorted(self.entries.items()) if entry.settings == settings]
        else:
            found = [self.entries[name] for name in case_ids if name in self.entries]
        return Records(found)

    def begin(self, about: Mapping[str, Any]) -> None:
        """Say that a run begins.

        Raises:
            OSError: The line cannot be written.
        """
        self._append({"run": dict(about)})
        self.run = RunLine(self._number, about)

    def add(self, record: Record, settings: str) -> None:
        """Keep the record of a case, which has the fingerprint of its ``input``.

        Raises:
            OSError: The line cannot be written, as on a full disk; what was there stays whole.
        """
        about = {
            "stat": record["input"]["stat"],
            "content": record["input"]["content"],
            "status": record["status"],
            "error_type": record.get("error_type", ""),
            "sizes": {name: int(size) for name, (_, size) in record.get("digests", {}).items()},
        }
        if FROM not in record and not Path(record["source"]).is_absolute():
            record = {**record, FROM: self._way_here}
        line = {"case": record["case_id"], "settings": settings, "about": about, "record": record}
        place = self._append(line)
        self._know(line, self.path, place)

    def teach(self, learned: Mapping[str, Any], decided: Sequence[Record]) -> None:
        """Keep what the folder taught, and the records of the last run as they are now that it is decided.

        Raises:
            OSError: A line cannot be written.
        """
        for record in decided:
            self.add(record, self.entries[record["case_id"]].settings)
        self._append({"learned": dict(learned)})
        self.learned = learned

    def _append(self, line: dict[str, Any]) -> tuple[int, int]:
        self._number += 1
        packed = (json.dumps({"n": self._number, **line}, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")
        self.folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            start = self._whole.get(self.path, 0)
            os.ftruncate(file, start)  # what is behind the last whole line is torn
            os.lseek(file, start, os.SEEK_SET)
            try:
                if os.write(file, packed) < len(packed):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                os.fsync(file)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, start)
                raise
        finally:
            os.close(file)
        self._whole[self.path] = start + len(packed)
        return start, len(packed)

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                start = 0
                for packed in file:
                    if not packed.endswith(b"\n"):
                        self.dropped += 1
                        break
                    self._take(packed, path, (start, len(packed)))
                    start += len(packed)
                self._whole[path] = start
        except OSError as error:
            raise ConfigError(f"the journal {str(path)!r} cannot be read: {error.strerror or error}") from error

    def _take(self, packed: bytes, path: Path, place: tuple[int, int]) -> None:
        try:
            end = packed.find(RECORD)
            if end >= 0 and not packed.endswith(b"}}\n"):
                raise ValueError("a record without an end")
            line = json.loads(packed if end < 0 else packed[:end] + b"}")
            number = int(line["n"])
            if "case" in line:
                known = self.entries.get(line["case"])
                if known is None or known.number <= number:
                    self._know(line, path, place)
            elif "run" in line:
                if self.run is None or self.run.number <= number:
                    self.run = RunLine(number, {"settings": "", "config": {}, **line["run"]})
            elif number >= self._learned_at:
                self.learned, self._learned_at = dict(line["learned"]), number
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.dropped += 1
            return
        self._number = max(self._number, number)

    def _know(self, line: Mapping[str, Any], path: Path, place: tuple[int, int]) -> None:
        about = line["about"]
        self.entries[line["case"]] = Entry(
            line["case"],
            int(line.get("n", self._number)),
            line["settings"],
            InputPrint(about["stat"], about["content"]),
            about["status"],
            about["error_type"],
            {name: int(size) for name, size in about["sizes"].items()},
            path,
            place,
        )


class Records(Sequence[Record]):
    """Records of a journal, read one by one when they are asked for."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            return Records(self.entries[index])
        return next(iter(Records([self.entries[index]])))

    def __iter__(self) -> Iterator[Record]:
        with contextlib.ExitStack() as stack:
            files: dict[Path, Any] = {}
            for entry in self.entries:
                if entry.path not in files:
                    files[entry.path] = stack.enter_context(entry.path.open("rb"))
                files[entry.path].seek(entry.place[0])
                record: Record = json.loads(files[entry.path].read(entry.place[1]))["record"]
                yield record


def read_records(out: Path) -> tuple[Records, Config]:
    """The records of the last run of a folder and its settings.

    Raises:
        ConfigError: The folder has none.
    """
    journal = Journal(out)
    if journal.run is None:
        raise ConfigError(f"{str(out)!r} must be a folder that msformer segment wrote; it has no {FOLDER}")
    return journal.records(), Config.from_mapping(journal.run.about["config"])
