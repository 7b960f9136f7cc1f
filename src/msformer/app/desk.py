"""The desk: a folder of results, what runs on it in the background, and the cases that are open. No web in it."""

from __future__ import annotations

import base64
import logging
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from msformer.app import exports
from msformer.app.folder import Folder, shape_of
from msformer.app.jobs import Job, Jobs, Status
from msformer.app.listing import Listing
from msformer.app.notebook import Start
from msformer.app.opened import OpenCase
from msformer.app.pictures import Shown, indices_png, shown_mask
from msformer.app.stability import TRIES, StoppedError, find_stability
from msformer.batch.learn.jobs import read_voxels
from msformer.editing.change import Change
from msformer.errors import ConfigError, MSFormerError
from msformer.io import prepare_folder
from msformer.io.results import SEGMENT_FILES, SEGMENT_FOLDERS, mark_results
from msformer.plain import printable
from msformer.render import GAP, jpeg, label_colours
from msformer.watching import KINDS, read_picture, read_steps, read_watched

logger = logging.getLogger(__name__)

OPEN = 4
"""Cases that stay open; each has its image in memory."""
WATCHED = ".watch"
"""Folder of the results in which what is under way is told, while it is."""
TOLD = 5
"""Names in a sentence."""
STABLE = 8
"""Pictures whose stability stays known; a byte a pixel each."""
THUMBNAIL = 96
"""Longest side in px of the pictures in the list."""
MOST_THINGS = 200
"""Objects of one mask that the page lists."""


@dataclass(frozen=True)
class Task:
    """What the desk is for.

    Attributes:
        out: Folder of the results; made if it is missing.
        inputs: What is segmented into it; nothing where that was done before.
        options: More words for ``msformer segment``.
        learning: More words for ``msformer learn``.
        is_sample: Whether the pictures were made, as nobody gave any.
    """

    out: Path
    inputs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    learning: tuple[str, ...] = ()
    is_sample: bool = False


class Desk:
    """What the page asks for, and what it does.

    Args:
        task: What it is for.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        prepare_folder(task.out)
        mark_results(task.out, SEGMENT_FOLDERS, SEGMENT_FILES)
        self.folder = Folder(task.out)
        self.listing = Listing(self.folder)
        self.jobs = Jobs()
        self._open: OrderedDict[str, OpenCase] = OrderedDict()
        self._stable: dict[tuple[str, int | None, int], NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    # What runs in the background

    def segment(self) -> Job:
        """Begin to segment what is missing.

        Raises:
            ConfigError: Nobody said what.
            FolderInUseError: Something runs already.
        """
        if not self.task.inputs:
            raise ConfigError("this folder was opened without its images: give them to msformer app to segment more")
        words = ["segment", "-o", str(self.task.out), *self.task.options, *self._watched(), "--", *self.task.inputs]
        job = self.jobs.command("segment", words, self._segmented)
        job.before, _ = self.listing.progress()
        return job

    def learn(self) -> Job:
        """Teach the folder by what was corrected.

        Raises:
            ConfigError: Nothing was corrected.
            FolderInUseError: Something runs already.
        """
        if not any(row["state"] in ("corrected", "accepted") for row in self.listing.rows()):
            raise ConfigError("nothing to learn from yet: correct or accept at least one mask first")
        before = self.listing.digests()
        self.settle()

        def then(job: Job) -> None:
            given = {row["name"] for row in self.listing.rows() if row["state"] in ("corrected", "accepted")}
            changed = [
                name for name, digest in self.listing.digests().items()
                if before.get(name) != digest and name not in given
            ]  # fmt: skip
            self.forget_watched()
            job.summary = (
                f"{_count(len(changed), 'mask')} changed: {_some(changed)}" if changed else "no other mask changed"
            )

        words = ["learn", "--again", str(self.task.out), *self.task.learning, *self._watched()]
        return self.jobs.command("learn", words, then)

    def export(self, name: str, which: str) -> Job:
        """Save masks in a format.

        Args:
            name: One of ``exports.menu``.
            which: ``accepted``, ``seen`` (accepted or corrected) or ``all``; what was rejected is never saved.

        Raises:
            ConfigError: There is no such format, or no such choice.
            FolderInUseError: Something runs already.
        """
        known = [one["name"] for one in exports.menu()]
        if name not in known:
            raise ConfigError(f"format must be one of {', '.join(known)}; got {name!r}")
        choices = {
            "accepted": ("accepted",),
            "seen": ("accepted", "corrected"),
            "all": ("accepted", "corrected", "untouched"),
        }
        if which not in choices:
            raise ConfigError(f"which must be one of {', '.join(choices)}; got {which!r}")
        rows = [row for row in self.listing.rows() if row["state"] in choices[which]]
        return self.jobs.call("export", lambda job: self._export(job, name, rows))

    def find_stability(self, name: str, number: int | None) -> Job:
        """Find out how far several tries agree on the object of a picture, of which that was not kept.

        Raises:
            ConfigError: There is no such case or slice.
            FolderInUseError: Something runs already.
        """
        with self.case(name) as case:
            number = self._part(case, number)
            image, settings, key = case.picture(number), case.job.settings, (name, number, case.number)

        def work(job: Job) -> Status:
            try:
                self._stable[key] = find_stability(image, settings, job)
            except StoppedError:
                return "stopped"
            if len(self._stable) > STABLE:
                self._stable.pop(next(iter(self._stable)))
            job.summary = f"{TRIES} tries of {printable(name)} were compared"
            return "done"

        return self.jobs.call("stability", work)

    def told(self) -> dict[str, Any] | None:
        """What runs, or ran last, ready for JSON."""
        job = self.jobs.last
        if job is None:
            return None
        if job.kind == "segment":
            job.done, job.total = self.listing.progress()
            watched = self.watched()
            job.share = sum(one["share"] for one in watched)
            job.left = None if job.done > job.before else _left(watched, job.total - job.done)
        elif job.kind == "learn":
            steps = read_steps(self._watch)
            job.done, job.total, job.left = steps.get("done", 0), steps.get("total", 0), steps.get("left")
            job.doing = printable(steps.get("what", ""))
        return job.to_json()

    def watched(self) -> list[dict[str, Any]]:
        """The images under way, the one that began first at the head; see ``watching.Watch``."""
        job = self.jobs.last
        return read_watched(self._watch) if job is not None and job.status == "running" else []

    def watched_picture(self, name: str, kind: str) -> bytes:
        """The label map of an image under way as a PNG, or with ``image`` the image itself; empty where it is done.

        Raises:
            ConfigError: There is no such picture.
        """
        if kind not in KINDS:
            raise ConfigError(f"kind must be one of {', '.join(KINDS)}; got {printable(kind)!r}")
        return read_picture(self._watch, name, kind)

    def forget_watched(self) -> None:
        """Remove what was written for whoever watches."""
        shutil.rmtree(self._watch, ignore_errors=True)

    def settle(self) -> None:
        """Bring every correction to what its notebook says, as after a program that was killed between the two."""
        for row in self.listing.rows():
            if row["revision"]:
                path = self.folder.correction(row["name"])
                is_expected = row["state"] in ("corrected", "accepted")
                if (path is not None) != is_expected or (path is not None and self._is_older(path, row["name"])):
                    with self.case(row["name"]) as case:
                        case.keep()

    def close(self) -> None:
        """Stop what runs."""
        self.jobs.close()

    @property
    def _watch(self) -> Path:
        return self.folder.inside(WATCHED)

    def _watched(self) -> list[str]:
        """Words that let a command be watched."""
        if self.jobs.is_busy:  # it is refused, and what runs goes on being watched
            return []
        self.forget_watched()
        self._watch.mkdir(mode=0o700)
        return ["--watch", str(self._watch)]

    # What the page shows

    def overview(self) -> dict[str, Any]:
        """The cases and what runs."""
        self._look_again()
        rows = self.listing.rows()
        return {
            "out": printable(str(self.task.out)),
            "sample": self.task.is_sample,
            "can_segment": bool(self.task.inputs),
            "job": self.told(),
            "formats": exports.menu(),
            "last": self.listing.last(),
            "cases": rows,
        }

    def show(self, name: str, number: int | None) -> dict[str, Any]:
        """A case as it is now."""
        with self.case(name) as case:
            number = self._part(case, number)
            picture = Shown(case.picture(number))
            mask = shown_mask(case.sheet(number).mask, picture.factor)
            record = case.job.record
            return {
                "name": name,
                "slice": number,
                "slices": case.numbers,
                "touched": case.touched(),
                "picture": picture.about(),
                "size": list(case.picture(number).shape),
                "spacing": case.picture(number).spacing_mm,
                "colours": label_colours(int(record["n_labels"])).tolist(),
                "mask": Change.between(np.zeros_like(mask), mask).to_json(),
                "preset": record["preset"],
                "tries": self._tries(case, number),
                **self._about(case, number),
            }

    def picture(self, name: str, number: int | None) -> tuple[bytes, str]:
        """The pixels of a case and their type."""
        with self.case(name) as case:
            return Shown(case.picture(self._part(case, number))).data()

    def thumbnail(self, name: str) -> bytes:
        """A small JPEG of a case with the program's own mask: the last panel of its preview."""
        job, _ = self.listing.job(name)
        with Pillow.open(self.folder.inside(job.record["outputs"]["preview"])) as preview:
            width = (preview.width - 2 * GAP) // 3
            panel = preview.crop((preview.width - width, 0, preview.width, min(preview.height, width)))
            return jpeg(np.asarray(panel.convert("RGB")), THUMBNAIL)

    def clusters(self, name: str, number: int | None) -> bytes:
        """The clusters of a case as a grey PNG."""
        with self.case(name) as case:
            number = self._part(case, number)
            return indices_png(case.labels(number), Shown(case.picture(number)).factor)

    def stability(self, name: str, number: int | None) -> bytes:
        """The share of the tries that take a pixel, 0 to 255, as a grey PNG; empty where it is unknown."""
        with self.case(name) as case:
            number = self._part(case, number)
            found = self._stability(case, number)
            return b"" if found is None else indices_png(found, Shown(case.picture(number)).factor)

    def _stability(self, case: OpenCase, number: int | None) -> NDArray[np.uint8] | None:
        if (path := case.job.record["outputs"].get("stability")) is None:
            return self._stable.get((case.name, number, case.number))
        return np.asarray(read_voxels(self.folder.inside(path), shape_of(case.job.record))[0], dtype=np.uint8)

    def _tries(self, case: OpenCase, number: int | None) -> int | None:
        """How many tries the stability of a picture is of; None where it is unknown."""
        if "stability" in case.job.record["outputs"]:
            return case.job.settings.restarts
        return TRIES if (case.name, number, case.number) in self._stable else None

    def regions(self, name: str, number: int | None) -> dict[str, Any]:
        """The regions of a picture on their own grid, for what lies under the cursor."""
        with self.case(name) as case:
            seen = case.sheet(self._part(case, number)).editor.seen
        rows, columns = seen.region_grid  # without the lock: it takes a second, in which others may go on
        return {
            "rows": rows,
            "columns": columns,
            "regions": [
                {
                    "box": [
                        region.window[0].start,
                        region.window[1].start,
                        region.mask.shape[0],
                        region.mask.shape[1],
                    ],
                    "area": region.area,
                    "bits": base64.b64encode(np.packbits(region.mask).tobytes()).decode(),
                }
                for region in seen.regions
            ],
        }

    def warm(self, name: str, number: int | None) -> None:
        """Look at a picture before the first click."""
        with self.case(name) as case:
            seen = case.sheet(self._part(case, number)).editor.seen
        seen.looked  # noqa: B018 - kept by ``seen``

    def act(self, name: str, number: int | None, based_on: int, said: Mapping[str, Any]) -> dict[str, Any]:
        """Do one thing to a mask; see ``OpenCase.act``."""
        try:
            with self.case(name) as case:
                number = self._part(case, number)
                change = case.act(said, number, based_on)
                factor = Shown(case.picture(number)).factor
                if factor > 1:
                    mask = case.sheet(number).mask
                    empty = np.zeros_like(shown_mask(mask, factor))
                    whole = Change.between(empty, shown_mask(mask, factor)).to_json()
                    return {"mask": whole, **self._about(case, number)}
                return {"change": change.to_json(), **self._about(case, number)}
        except OSError:
            with self._lock:  # what is in memory may be ahead of the disk: the disk is right
                self._open.pop(name, None)
            raise

    def objects(self, name: str, number: int | None) -> list[dict[str, Any]]:
        """The pieces of a mask with their sizes."""
        with self.case(name) as case:
            number = self._part(case, number)
            mask, spacing = case.sheet(number).mask, case.picture(number).spacing_mm
        found = exports.things(name, "", mask, number, spacing)
        return [
            {"number": one.number, "px": one.area_px, "mm2": one.area_mm2, "row": one.row, "column": one.column}
            for one, _ in zip(found, range(MOST_THINGS), strict=False)
        ]

    @contextmanager
    def case(self, name: str) -> Iterator[OpenCase]:
        """A case, opened if it is not, and nobody else's meanwhile."""
        while True:
            case = self._opened(name)
            with case.lock:
                if self._open.get(name) is case:  # else it was closed while this thread waited
                    case.look_again()
                    yield case
                    return

    def _opened(self, name: str) -> OpenCase:
        job, line = self.listing.job(name)
        case = self._open.get(name)
        if case is None or case.number != line:
            fresh = OpenCase(self.folder, job, line)  # without the lock, as reading may take seconds
            with self._lock:
                if self._open.get(name) is case:
                    self._open[name] = fresh
                case = self._open.get(name, fresh)
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
            if len(self._open) > OPEN:
                self._open.popitem(last=False)
        return case

    def _about(self, case: OpenCase, number: int | None) -> dict[str, Any]:
        mask = case.sheet(number).mask
        return {
            **case.sheet(number).about(),
            "revision": case.revision(number),
            "given": case.given,
            "verdict": case.verdict().verdict,
            "pixels": int(np.count_nonzero(mask)),
        }

    def _part(self, case: OpenCase, number: int | None) -> int | None:
        """The slice that is meant; the one with most of the mask where nobody said."""
        if number is not None or not case.numbers:
            return number
        sizes = [int(np.count_nonzero(case.sheet_mask(one))) for one in case.numbers]
        return case.numbers[int(np.argmax(sizes))]

    def _segmented(self, job: Job) -> None:
        self.forget_watched()
        rows = self.listing.rows()
        failed = sum(row["failed"] for row in rows)
        job.summary = f"{_count(len(rows) - failed, 'image')} segmented" + (
            f", {failed} could not be" if failed else ""
        )

    def _look_again(self) -> None:
        """Take over what other programs corrected: of the cases that are open, and of those with a notebook."""
        with self._lock:
            opened = list(self._open.values())
        for case in opened:
            if case.lock.acquire(blocking=False):  # else somebody works on it, and looks as well
                try:
                    case.look_again()
                finally:
                    case.lock.release()
        names = {case.name for case in opened}
        while self.listing.elsewhere:
            name = self.listing.elsewhere.pop()
            if name not in names:
                self._take_over(name)

    def _take_over(self, name: str) -> None:
        """Do so for a case that is not open, without its image where the file says all."""
        notebook, path = self.folder.notebook(name), self.folder.correction(name)
        if notebook.begin is None:
            return
        try:
            if path is None:
                with self.case(name) as case:
                    case.look_again(is_sure=True)
                return
            before = notebook.history().mask
            mask = read_voxels(path, (1, *before.shape))[0] != 0
        except MSFormerError as error:  # half written or of another image; looking at the case says more
            logger.info("%s: the correction is not taken over: %s", printable(name), printable(str(error)))
            return
        if not np.array_equal(mask, before):
            notebook.write({"begin": Start(mask, "given", str(notebook.begin["image"])).to_json()})

    def _is_older(self, path: Path, name: str) -> bool:
        own = self.folder.notebook(name).path
        notebooks = [own, *own.with_suffix("").glob("slice*.jsonl")]
        times = [one.stat().st_mtime_ns for one in notebooks if one.exists()]
        return bool(times) and max(times) > path.stat().st_mtime_ns

    def _export(self, job: Job, name: str, rows: Sequence[Mapping[str, Any]]) -> Status:
        job.total = len(rows)
        chosen = next((one for one in exports.FORMATS if one.name == name), None)
        top = f"{exports.FOLDER}/{name}"
        found: list[exports.Thing] = []
        saved = left = 0
        for row in rows:
            if job.is_asked_to_stop:
                return "stopped"
            with self.case(row["name"]) as case:
                item = exports.Item(case, case.whole(), row["state"])
                if chosen is None:
                    found += _things_of(item)
                    saved += 1
                elif chosen.fits(case):
                    path = self.folder.inside(f"{top}/{row['name']}{chosen.suffix}")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        chosen.save(item, path)
                        saved += 1
                    except MSFormerError as error:
                        job.lines.append(printable(f"{row['name']}: {error}"))
                        left += 1
                else:
                    left += 1
            job.done += 1
        place = self.folder.inside(top)
        if chosen is None:
            place = self.folder.inside(f"{exports.FOLDER}/objects.csv")
            exports.write_table(place, found)
        job.summary = f"{_count(saved, 'mask')} saved in {printable(str(place))}" + (
            f"; {left} cannot be held by this format" if left else ""
        )
        return "done"


def _left(watched: Sequence[Mapping[str, Any]], missing: int) -> float | None:
    """Seconds that a run takes before its first image is done, by what those under way know; None where they do not."""
    known = {one["name"]: float(one["left"]) for one in watched if one["left"] is not None}
    if not known:
        return None
    gone = [time.time() - float(one["began"]) for one in watched if one["name"] in known]
    whole = (sum(gone) + sum(known.values())) / len(known)
    return max(known.values()) + whole * max(missing - len(watched), 0) / len(watched)


def _things_of(item: exports.Item) -> Iterator[exports.Thing]:
    if item.case.volume is None:
        yield from exports.things(item.case.name, item.state, item.mask[0], None, item.case.picture(None).spacing_mm)
        return
    for number in item.case.numbers:
        plane = np.take(item.mask, number, axis=item.case.axis)
        yield from exports.things(item.case.name, item.state, plane, number, item.case.picture(number).spacing_mm)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _some(names: Sequence[str]) -> str:
    more = len(names) - TOLD
    return ", ".join(printable(name) for name in names[:TOLD]) + (f" and {more} more" if more > 0 else "")
