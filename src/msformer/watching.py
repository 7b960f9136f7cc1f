"""What is under way, told to whoever watches: small files in a folder of the watcher's own.

A run writes and a page reads; neither waits for the other. What is told is kept until a thread of its own comes by,
twice a second, so that a loop that nobody watches pays nothing and one that is watched pays a few assignments a step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.image import Image
from msformer.io.write import write_png, write_text
from msformer.render import Picture, display, label_colours

if TYPE_CHECKING:
    from msformer.config import Config
    from msformer.fit import FitEvent

PERIOD_S = 0.5
"""Seconds between two writings of one case."""
SIDE = 256
"""Longest side in px of the pictures."""
MOST_STEPS = 400
"""Of a longer loop every second, third … step is told."""
LOSSES = ("total", "cluster", "inter_scale", "intra_scale")
STEPS = "steps.json"
"""The file of a run that goes through steps of its own, as learning does, and not case by case."""
KINDS = {"labels": ".labels.png", "image": ".image.png"}
"""The pictures of a case, and how their files end."""


class Watcher:
    """Nobody: what it is told goes nowhere. ``Watch`` writes it down."""

    def stage(self, name: str) -> None:
        """A stage begins, which the timings of a record have under the same name."""

    def picture(self, image: Image, limits: tuple[float, float]) -> None:
        """The image that is looked at; ``limits`` are the values that are shown black and white."""

    def clustering(self, settings: Config, number: int, padding: int) -> None:
        """A clustering begins: the restart of this number, on a grid with so many px of border."""

    def step(self, event: FitEvent) -> None:
        """The loop is about to make an update."""

    def clusters(self, logits: NDArray[np.floating]) -> None:
        """What the clustering came to, ``(K, H, W)``; the largest wins."""

    def slices(self, done: int, count: int) -> None:
        """So many slices of a volume are done."""


NOBODY = Watcher()


class Watch(Watcher):
    """Writes what it is told about a case; see ``watching``.

    Args:
        folder: Where to.
        name: Of the case.
        clock: Seconds, in any case growing.
    """

    def __init__(self, folder: Path, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._top = folder / _key(name)
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: list[tuple[str, float]] = []
        self._told: dict[str, Any] = {
            "name": name,
            "began": time.time(),
            "losses": {loss: [] for loss in LOSSES},
            "pictures": {},
        }
        self._drawn: dict[str, Callable[[], Picture]] = {}
        self._looped_from = self._sliced_from = clock()
        self._padding = 0
        self._fresh, self._is_over = threading.Event(), threading.Event()

    def stage(self, name: str) -> None:
        """See ``Watcher``."""
        with self._lock:
            if not self._stages or self._stages[-1][0] != name:
                self._stages.append((name, self._clock()))
        self._fresh.set()

    def picture(self, image: Image, limits: tuple[float, float]) -> None:
        """See ``Watcher``; of a volume each slice."""
        with self._lock:
            self._told["shape"] = list(image.shape)
        self._draw("image", lambda: display(image, limits, SIDE))

    def clustering(self, settings: Config, number: int, padding: int) -> None:
        """See ``Watcher``."""
        self._padding = padding
        self._looped_from = self._clock()
        with self._lock:
            self._told |= {
                "preset": settings.preset,
                "method": settings.cluster.method,
                "restart": number,
                "restarts": settings.restarts,
                "step": 0,
                "steps": 0,
                "losses": {loss: [] for loss in LOSSES},
            }

    def step(self, event: FitEvent) -> None:
        """See ``Watcher``."""
        record, inside = event.record, slice(self._padding, -self._padding or None)
        with self._lock:
            self._told |= {
                "method": "network",  # weights to start from are for it, whatever the settings say
                "step": record.step + 1,
                "steps": event.max_iter,
                "clusters": record.n_labels,
            }
            for loss in LOSSES:
                self._told["losses"][loss].append(record.losses[loss])
        self._draw("labels", lambda: coloured(event.label_map()[inside, inside]))

    def clusters(self, logits: NDArray[np.floating]) -> None:
        """See ``Watcher``."""
        label_map = logits.argmax(axis=0)
        with self._lock:
            self._told["clusters"] = len(np.unique(label_map))
        self._draw("labels", lambda: coloured(label_map))

    def slices(self, done: int, count: int) -> None:
        """See ``Watcher``."""
        if done == 0:
            self._sliced_from = self._clock()
        with self._lock:
            self._told |= {"slice": done, "slices": count}
            del self._stages[1:]  # the next slice goes through them again
        self._fresh.set()

    def told(self) -> dict[str, Any]:
        """What the file says now."""
        now = self._clock()
        with self._lock:
            told = self._told | {"pictures": dict(self._told["pictures"])}
            every = -(-len(told["losses"]["total"]) // MOST_STEPS) or 1
            told["losses"] = {loss: values[::every] for loss, values in told["losses"].items()}
            told["at"] = time.time()
            ends = [*self._stages[1:], ("", now)]
            told["stages"] = [
                [name, round(end - began, 2)] for (name, began), (_, end) in zip(self._stages, ends, strict=False)
            ]
        told["share"], told["left"] = self._progress(told, now)
        return told

    def write(self) -> None:
        """Write what was told since the last time."""
        with self._lock:
            drawn, self._drawn = self._drawn, {}
        for kind, draw in drawn.items():
            write_png(_with_end(self._top, KINDS[kind]), draw())
            with self._lock:
                self._told["pictures"][kind] = self._told["pictures"].get(kind, 0) + 1
        write_text(_with_end(self._top, ".json"), json.dumps(self.told()))

    def write_until_end(self) -> None:
        """Write now and then, until ``end`` is called."""
        while self._fresh.wait() and not self._is_over.is_set():
            self._fresh.clear()
            with contextlib.suppress(OSError):  # a full disk is for the case to meet, not for whoever looks on
                self.write()
            if self._is_over.wait(PERIOD_S):
                return

    def end(self) -> None:
        """Nothing more is written."""
        self._is_over.set()
        self._fresh.set()

    def _draw(self, kind: str, draw: Callable[[], Picture]) -> None:
        with self._lock:
            self._drawn[kind] = draw
        self._fresh.set()

    def _progress(self, told: Mapping[str, Any], now: float) -> tuple[float, float | None]:
        """The share of the case that is done, and the seconds that are left at most; None where that is unknown.

        Of loops, as one takes all of its updates; what comes before and after is short beside them.
        """
        steps, restarts = told.get("steps", 0), told.get("restarts", 1)
        of_loop = (told.get("step", 1) - 1) / steps if steps else 0.0  # an event comes before its update
        share = (told.get("restart", 0) + of_loop) / restarts
        left = None
        if of_loop > 0:
            left = (now - self._looped_from) / of_loop * (restarts - share * restarts)
        if "slices" in told:
            share = (told["slice"] + share) / told["slices"]
            left = (
                (now - self._sliced_from) / told["slice"] * (told["slices"] - told["slice"]) if told["slice"] else None
            )
        return round(share, 3), None if left is None else round(left, 1)


@contextlib.contextmanager
def watching(folder: Path | None, name: str) -> Iterator[Watcher]:
    """A watcher of one case that writes into the folder meanwhile; without a folder, nobody."""
    if folder is None:
        yield NOBODY
        return
    watch = Watch(folder, name)
    thread = threading.Thread(target=watch.write_until_end, daemon=True, name="msformer-watch")
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join()


class WatchedSteps:
    """Steps of a run, each of so many pieces; written at their beginning, and then twice a second at most.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / STEPS
        self._what, self._done, self._total = "", 0, 0
        self._began = self._written = 0.0

    def begin(self, what: str, count: int | None) -> None:
        """A step of so many pieces begins, or of nobody knows how many."""
        self._what, self._done, self._total = what, 0, count or 0
        self._began = time.monotonic()
        self._write()

    def advance(self) -> None:
        """A piece is done."""
        self._done += 1
        if time.monotonic() - self._written >= PERIOD_S:
            self._write()

    def _write(self) -> None:
        now = self._written = time.monotonic()
        left = (now - self._began) / self._done * (self._total - self._done) if 0 < self._done < self._total else None
        told = {"what": self._what, "done": self._done, "total": self._total, "left": left}
        with contextlib.suppress(OSError):
            write_text(self._path, json.dumps(told))


def coloured(label_map: NDArray[np.integer]) -> Picture:
    """Labels ``(H, W)`` from 0 in colours; a label keeps its colour whatever the others are."""
    height, width = label_map.shape
    if (longest := max(height, width)) > SIDE:
        size = max(width * SIDE // longest, 1), max(height * SIDE // longest, 1)
        label_map = np.asarray(cv2.resize(label_map.astype(np.int32), size, interpolation=cv2.INTER_NEAREST))
    return np.asarray(label_colours(int(label_map.max()) + 1)[label_map + 1])


def read_watched(folder: Path) -> list[dict[str, Any]]:
    """What was written of the cases under way, and how many seconds ago; the one that began first at the head."""
    found: list[dict[str, Any]] = []
    for path in folder.glob("*.json"):
        if path.name != STEPS and (told := _read(path)):
            found.append(told | {"age": round(max(time.time() - told["at"], 0.0), 2)})
    return sorted(found, key=lambda told: (told["began"], told["name"]))


def read_steps(folder: Path) -> dict[str, Any]:
    """What ``WatchedSteps`` wrote; empty where it wrote nothing."""
    return _read(folder / STEPS)


def read_picture(folder: Path, name: str, kind: str) -> bytes:
    """A picture of a case, ``labels`` or ``image``, as a PNG; empty where there is none any more."""
    try:
        return _with_end(folder / _key(name), KINDS[kind]).read_bytes()
    except FileNotFoundError:
        return b""


def forget(folder: Path, name: str) -> None:
    """Remove what was written of a case: it is done."""
    for end in (".json", *KINDS.values()):
        _with_end(folder / _key(name), end).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _key(name: str) -> str:
    """A name for files, as those of cases may hold folders."""
    return hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=12).hexdigest()


def _with_end(top: Path, end: str) -> Path:
    return top.with_name(top.name + end)
