"""What was done to one mask, a line a step, on the disk before it is answered: nothing but the last stroke can be lost.

``OUT/editing/NAME.jsonl``, of a volume ``NAME/slice0007.jsonl`` for each slice. The first line has the mask that
everything began from, so that no other file is needed to have the mask again; a later one of its kind begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from msformer.editing.change import Change
from msformer.editing.history import History
from msformer.errors import ReadError
from msformer.image import Mask

FOLDER = "editing"
Verdict: TypeAlias = Literal["open", "accepted", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Origin: TypeAlias = Literal["automatic", "learned", "given"]
"""Whose mask it was before the first step: the image's own, the folder's, or one that a person put there."""


@dataclass(frozen=True, eq=False)
class Start:
    """What editing begins from.

    Attributes:
        mask: ``(H, W)``.
        origin: Whose it is.
        digest: Of the pixels of the image, so that steps never go to another one.
    """

    mask: Mask
    origin: Origin
    digest: str

    def to_json(self) -> dict[str, Any]:
        """For the first line."""
        change = Change.between(np.zeros_like(self.mask), self.mask)
        return {
            "shape": list(self.mask.shape),
            "origin": self.origin,
            "image": self.digest,
            "mask": change.to_json(),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Start:
        """Read it again.

        Raises:
            ReadError: It is none.
        """
        try:
            height, width = (int(side) for side in said["shape"])
            origin, digest = said["origin"], str(said["image"])
            if origin not in get_args(Origin):
                raise ValueError(f"origin {origin!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(f"the beginning of an edited mask cannot be read: {error}") from error
        empty = np.zeros((height, width), dtype=bool)
        return cls(Change.from_json(said.get("mask", {}), (height, width)).apply(empty), origin, digest)


class Notebook:
    """The lines of one mask, read when it is made.

    Args:
        path: The file; it and its folder are made with the first line.

    Attributes:
        begin: What the lines begin from, as JSON has it; None where nothing was written yet.
        steps: Steps, undos and redos since then.
        verdict: What was decided of the mask.
        revision: Number of lines that can be read: who was told another number does not know all of them.
        n_done: Steps that count, less those that were taken back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begin: Mapping[str, Any] | None = None
        self.steps: list[Mapping[str, Any]] = []
        self.verdict: Verdict = "open"
        self.n_done = 0
        self._n_undone = 0
        self.revision = 0
        self._whole = 0
        self._is_damaged = False
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        for packed in data.splitlines(keepends=True):
            try:
                if not packed.endswith(b"\n"):
                    break  # torn, as after a power cut
                self._take(json.loads(packed))
            except (ValueError, KeyError, TypeError, RecursionError):
                self._is_damaged = True
                break
            self._whole += len(packed)

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            OSError: It cannot be written; the lines before it stay whole.
        """
        if self._is_damaged:  # what follows the fault cannot be used, and is not thrown away either
            shutil.copy2(self.path, self.path.with_suffix(".damaged"))
            self._is_damaged = False
        packed = json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("ab") as file:
            file.truncate(self._whole)
            try:
                file.write(packed)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), self._whole)
                raise
        if is_new:
            _sync_folder(self.path.parent)
        self._whole += len(packed)
        self._take(line)

    def history(self) -> History:
        """The mask as the lines leave it, and who made its pixels.

        Raises:
            ReadError: Nothing was begun, or a line cannot be read.
        """
        if self.begin is None:
            raise ReadError(f"{self.path}: has no beginning")
        start = Start.from_json(self.begin)
        history = History(start.mask, makers_of(start))
        for line in self.steps:
            history.read(line)
        return history

    @property
    def is_given(self) -> bool:
        """Whether a person has a part in the mask."""
        return self.n_done > 0 or self.verdict == "accepted" or (self.begin or {}).get("origin") == "given"

    def _take(self, line: Mapping[str, Any]) -> None:
        if "begin" in line:
            self.begin, self.steps, self.verdict = line["begin"], [], "open"
            self.n_done = self._n_undone = 0
        elif "verdict" in line:
            if line["verdict"] not in VERDICTS:
                raise ValueError(f"verdict {line['verdict']!r}")
            self.verdict = line["verdict"]
        elif "undo" in line:
            self.n_done, self._n_undone = self.n_done - 1, self._n_undone + 1
            self.steps.append(line)
        elif "redo" in line:
            self.n_done, self._n_undone = self.n_done + 1, self._n_undone - 1
            self.steps.append(line)
        elif "action" in line:
            self.n_done, self._n_undone = self.n_done + 1, 0
            self.steps.append(line)
        else:
            raise ValueError("a line that says nothing")
        if self.n_done < 0 or self._n_undone < 0:
            raise ValueError("more is taken back than was done")
        self.revision += 1


def makers_of(start: Start) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Who made the pixels that editing begins from, as ``editing.MAKERS`` counts them."""
    number = {"automatic": 0, "learned": 1, "given": 3}[start.origin]
    return np.where(start.mask, np.uint8(number), np.uint8(0))


def _sync_folder(folder: Path) -> None:
    """A new name in a folder is on the disk as well; nothing where the system has no such thing."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
