"""The cases of a folder with their states: read again only where the journal or a notebook has grown."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from msformer.app.folder import NO_FILE, Folder, Stamp, number_of, stamp_of
from msformer.app.notebook import FOLDER, Notebook
from msformer.batch.journal import Journal, Records
from msformer.batch.learn.jobs import Job, can_be_learned, case_of, settings_of
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.plain import printable

State = Literal["untouched", "corrected", "accepted", "rejected", "failed"]
CHANGED = frozenset({"region", "outline"})


@dataclass(frozen=True)
class Row:
    """A case in the list.

    Attributes:
        number: Of its line in the journal.
        about: What the page shows of it, without what a person did.
    """

    number: int
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """What was read of a case that somebody worked on, and the files that said so.

    Attributes:
        notebooks: Each notebook and its stamp.
        given: The stamp of the correction.
        state: How the case stands.
        revision: Lines of the notebooks.
    """

    notebooks: tuple[tuple[str, Stamp], ...]
    given: Stamp
    state: State
    revision: int


class Listing:
    """The cases of a folder.

    Args:
        folder: Of the results.

    Attributes:
        elsewhere: Cases with a notebook whose correction was written anew and whose notebook was not; whoever looks
            whether another program did it takes them out.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.journal: Journal | None = None
        self._stamps: dict[Path, Stamp] = {}
        self._rows: dict[str, Row] = {}
        self.elsewhere: set[str] = set()
        self._states: dict[str, Known] = {}
        self._lock = threading.Lock()

    def rows(self) -> list[dict[str, Any]]:
        """All cases that the last run's settings hold for, each with its state, ready for JSON."""
        with self._lock:
            self._read()
            stamps, given = self._notebook_stamps(), self.folder.corrections()
            return [
                self._row(name, row, stamps.get(name, ()), given.get(name, NO_FILE)) for name, row in self._rows.items()
            ]

    def last(self) -> str | None:
        """The case that was corrected last and of which nothing was decided: where somebody will want to go on."""
        with self._lock:
            times = {
                name: max(stamp[0] for _, stamp in known.notebooks)
                for name, known in self._states.items()
                if known.state == "corrected" and known.notebooks
            }
        return max(times, key=lambda name: times[name], default=None)

    def progress(self) -> tuple[int, int]:
        """How many cases of the run are finished, and how many it has."""
        with self._lock:
            self._read()
            planned = 0 if self.journal is None or self.journal.run is None else self.journal.run.about["planned"]
            return len(self._rows), int(planned)

    def job(self, name: str) -> tuple[Job, int]:
        """A case to open, and the number of its line.

        Raises:
            ConfigError: There is no such case, or it failed.
        """
        with self._lock:
            self._read()
            entry = None if self.journal is None else self.journal.entries.get(name)
            if self.journal is None or self.journal.run is None or entry is None or name not in self._rows:
                raise ConfigError(f"name must be of a case of this folder; got {printable(name)!r}")
            record = next(iter(Records([entry])))
            if not can_be_learned(record):
                raise ConfigError(f"{printable(name)!r} failed, and has nothing to correct: {record.get('error', '')}")
            config = Config.from_mapping(self.journal.run.about["config"])
            return Job(case_of(record, self.folder.out), record, settings_of(record, config)), entry.number

    def digests(self) -> dict[str, str]:
        """The digest of the mask of each case that is done, to see which change."""
        with self._lock:
            self._read()
            return {name: row.about["digest"] for name, row in self._rows.items() if row.about["digest"]}

    def _read(self) -> None:
        files = {path: stamp_of(path) for path in (self.folder.out / "journal").glob("*.jsonl")}
        if files == self._stamps:
            return
        journal = Journal(self.folder.out)
        settings = None if journal.run is None else journal.run.about["settings"]
        entries = [entry for _, entry in sorted(journal.entries.items()) if entry.settings == settings]
        known = self._rows
        fresh = [
            entry for entry in entries if entry.case_id not in known or known[entry.case_id].number != entry.number
        ]
        read = {
            entry.case_id: Row(entry.number, _about(record))
            for entry, record in zip(fresh, Records(fresh), strict=True)
        }
        self._rows = {entry.case_id: read.get(entry.case_id) or known[entry.case_id] for entry in entries}
        self.journal, self._stamps = journal, files

    def _row(self, name: str, row: Row, stamps: tuple[tuple[str, Stamp], ...], given: Stamp) -> dict[str, Any]:
        about = {key: value for key, value in row.about.items() if key != "digest"} | {"number": row.number}
        if row.about["failed"]:
            return about | {"state": "failed", "revision": 0, "given": 0}
        known = self._states.get(name)
        if known is None or known.notebooks != stamps or known.given != given:
            if known is not None and known.notebooks == stamps and stamps:
                self.elsewhere.add(name)
            state, revision = self._state(name, stamps, has_correction=given != NO_FILE)
            known = self._states[name] = Known(stamps, given, state, revision)
        return about | {"state": known.state, "revision": known.revision, "given": number_of(given)}

    def _state(self, name: str, stamps: tuple[tuple[str, Stamp], ...], *, has_correction: bool) -> tuple[State, int]:
        own = self.folder.notebook(name)
        parts = [Notebook(self.folder.inside(path)) for path, _ in stamps if path != f"{FOLDER}/{name}.jsonl"]
        revision = sum(one.revision for one in (own, *parts))
        if own.verdict != "open":
            return own.verdict, revision
        is_given = own.is_given or any(one.is_given for one in parts) or has_correction
        return ("corrected" if is_given else "untouched"), revision

    def _notebook_stamps(self) -> dict[str, tuple[tuple[str, Stamp], ...]]:
        """The notebooks of each case and the state of their files."""
        found: dict[str, list[tuple[str, Stamp]]] = {}
        for path, stamp in sorted(self.folder.stamps(FOLDER).items()):
            name = path.removesuffix(".jsonl")
            if name == path:
                continue
            above, _, last = name.rpartition("/")
            case = above if name not in self._rows and last.startswith("slice") else name
            found.setdefault(case, []).append((f"{FOLDER}/{path}", stamp))
        return {name: tuple(some) for name, some in found.items()}


def _about(record: Mapping[str, Any]) -> dict[str, Any]:
    name = record["case_id"]
    if record["status"] == "failed":
        return {
            "name": name, "failed": True, "reason": printable(str(record.get("error", ""))), "confidence": 0.0,
            "digest": None,
        }  # fmt: skip
    learned = record.get("learned", {})
    masks = record["outputs"]["masks"]
    return {
        "name": name,
        "failed": False,
        "confidence": round(float(record["confidence"]), 3),
        "reason": printable(record.get("confidence_reason") or ""),
        "changed": learned.get("source") in CHANGED,
        "worth": learned.get("worth_correcting"),
        "many": record.get("n_objects") is not None,
        "slices": len(record.get("slices", ())),
        "digest": str(record.get("digests", {}).get(masks, ("",))[0]),
    }
