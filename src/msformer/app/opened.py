"""A case that is open: its image or volume, and a sheet for each part of it that is looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.app.folder import NO_FILE, Folder, Stamp, number_of, shape_of
from msformer.app.notebook import Notebook, Origin, Start
from msformer.app.sheet import Sheet, StaleError, verdict_of
from msformer.batch.learn.jobs import Job, read_image_of, read_volume_of, read_voxels
from msformer.editing.change import Change
from msformer.errors import ConfigError, MSFormerError
from msformer.image import Image, Mask
from msformer.io import MAX_PIXELS, write_png
from msformer.volume import Volume
from msformer.volumes import plane_of

SHEETS = 6
"""Slices of a volume that stay open."""
LEARNED = frozenset({"region", "outline"})
"""Where a mask comes from that a folder chose."""


class OpenCase:
    """A case that is open. One thing at a time: whoever calls holds ``lock``.

    Args:
        folder: Of the results.
        job: The case and its record.
        number: Of its line in the journal; another line means other masks.

    Raises:
        ReadError: The image cannot be read, or is not the one any more that was segmented.
    """

    def __init__(self, folder: Folder, job: Job, number: int) -> None:
        self.folder, self.job, self.number = folder, job, number
        self.lock = threading.RLock()
        self.image: Image | None = None
        self.volume: Volume | None = None
        if job.is_volume:
            self.volume = read_volume_of(job, MAX_PIXELS)
        else:
            self.image = read_image_of(job, MAX_PIXELS)
        self._masks = folder.automatic(job)
        self._sheets: OrderedDict[int | None, Sheet] = OrderedDict()
        self._given = folder.given(self.name)
        self._broken = NO_FILE

    @property
    def name(self) -> str:
        """Of the case."""
        return self.job.case.case_id

    @property
    def given(self) -> int:
        """A number that is another when the file of the correction is."""
        return number_of(self._given)

    @property
    def numbers(self) -> list[int]:
        """Numbers of the slices that can be edited; none of an image."""
        return [int(number) for number in self.job.record.get("slices", ())]

    @property
    def axis(self) -> int:
        """Along which slices are counted."""
        return self.job.settings.read.axis

    def sheet(self, number: int | None) -> Sheet:
        """The sheet of the image, or of a slice.

        Raises:
            ConfigError: There is no such slice.
        """
        self._check(number)
        if number not in self._sheets:
            self._sheets[number] = Sheet(
                self.picture(number),
                self._start(number),
                self.folder.notebook(self.name, number),
                self.job.settings.grown,
            )
            if len(self._sheets) > SHEETS:
                self._sheets.popitem(last=False)
        self._sheets.move_to_end(number)
        return self._sheets[number]

    def picture(self, number: int | None) -> Image:
        """What is seen of it."""
        self._check(number)
        if self.volume is None:
            assert self.image is not None  # noqa: S101 - one of both is there
            return self.image
        low, high = self.job.record["intensity_range"]
        return plane_of(self.volume, self.axis, number or 0, (low, high))

    def labels(self, number: int | None) -> NDArray[np.integer]:
        """``(H, W)``, the clusters."""
        path = self.folder.inside(self.job.record["outputs"]["labels"])
        voxels = read_voxels(path, shape_of(self.job.record))
        return np.asarray(np.take(voxels, number or 0, axis=self._axis_or_first))

    def verdict(self) -> Notebook:
        """The notebook that has the verdict."""
        return self.folder.notebook(self.name) if self.job.is_volume else self.sheet(None).notebook

    def revision(self, number: int | None) -> int:
        """What an act must know of: it grows with every line about this part."""
        own = self.sheet(number).notebook.revision
        return own + (self.verdict().revision if self.job.is_volume else 0)

    def act(self, said: Mapping[str, Any], number: int | None, based_on: int) -> Change:
        """Do one thing, keep it, and keep the mask that comes of it; see ``Sheet.act``.

        Raises:
            StaleError: Somebody else did something since.
        """
        sheet, now = self.sheet(number), self.revision(number)
        if based_on != now:
            raise StaleError(
                f"this mask was changed in another window: based_on must be {now}, the lines about it; got {based_on}"
            )
        if self.job.is_volume:
            self._take_over()
        if self.job.is_volume and "verdict" in said:
            self.verdict().write({"verdict": verdict_of(said)})
            change = Change.between(sheet.mask, sheet.mask)
        else:
            change = sheet.act(said)
            if self.job.is_volume and "do" in said and self.verdict().verdict == "rejected":
                self.verdict().write({"verdict": "open"})
        self.keep()
        return change

    def look_again(self, *, is_sure: bool = False) -> None:
        """Take over a correction that another program wrote, or took away.

        It is noted in the notebook, so that whoever goes by the mask as it was is told.

        Args:
            is_sure: It did so, be it before this was opened.
        """
        now = self.folder.given(self.name)
        if (now == self._given and not is_sure) or not self._can_be_read(now):
            return
        self._given = now
        for number in list(self._sheets) if self.job.is_volume else [None]:
            notebook, sheet = self._notebook(number), self._sheets.get(number)
            try:
                mask = sheet.mask if sheet is not None else notebook.history().mask
            except MSFormerError:  # nothing was begun, or it is damaged: then the file is what there is
                continue
            origin = sheet.start.origin if sheet is not None else (notebook.begin or {}).get("origin")
            start = self._start(number)
            if start.origin == "given":
                is_other = not np.array_equal(start.mask, mask)
            else:  # nobody's any more; what was drawn here stays, as it is no file of others that has it
                is_other = now == NO_FILE and origin == "given" and notebook.n_done == 0
            if is_other:
                notebook.write({"begin": start.to_json()})
                self._sheets.pop(number, None)

    def keep(self) -> None:
        """Bring the file of the correction to what the notebooks say."""
        self._keep()
        self._given = self.folder.given(self.name)

    def _keep(self) -> None:
        mask = self.corrected()
        if mask is None:
            self.folder.remove_correction(self.name)
        else:
            self.folder.write_correction(self.name, mask, self.volume)
        if self.verdict().verdict == "accepted":
            self._keep_makers()

    def corrected(self) -> Mask | None:
        """``(D, H, W)``, what a person gave, or None.

        Of a volume slices that nobody touched are empty, unless it was accepted as a whole.
        """
        verdict = self.verdict()
        if verdict.verdict == "rejected":
            return None
        if not self.job.is_volume:
            return self.sheet(None).mask[None] if verdict.is_given else None
        is_whole = verdict.verdict == "accepted"
        result = self._masks.copy() if is_whole else np.zeros_like(self._masks)
        is_any = is_whole
        for number in self.numbers:
            mask = self._given_by_hand(number)
            if mask is not None:
                is_any = True
                np.moveaxis(result, self.axis, 0)[number] = mask
        return result if is_any else None

    def whole(self) -> Mask:
        """``(D, H, W)``, the mask as it stands: what a person gave over what the program made."""
        if not self.job.is_volume:
            return self.sheet(None).mask[None]
        result = self._masks.copy()
        for number in self.numbers:
            np.moveaxis(result, self.axis, 0)[number] = self.sheet_mask(number)
        return result

    def sheet_mask(self, number: int) -> Mask:
        """``(H, W)``, the mask of a slice, which need not be open."""
        given = self._given_by_hand(number)
        return np.take(self._masks, number, axis=self.axis) if given is None else given

    def touched(self) -> list[int]:
        """Numbers of the slices that a person changed."""
        return [number for number in self.numbers if self._notebook(number).is_given]

    def _keep_makers(self) -> None:
        """Write who made which pixel of what was accepted: an image, or the slices that a person touched."""
        for number in self.touched() if self.job.is_volume else [None]:
            notebook = self._notebook(number)
            write_png(notebook.path.with_suffix(".makers.png"), notebook.history().makers)

    @property
    def _axis_or_first(self) -> int:
        return self.axis if self.job.is_volume else 0

    def _given_by_hand(self, number: int) -> Mask | None:
        notebook = self._notebook(number)
        if not notebook.is_given:
            return None
        return self._sheets[number].mask if number in self._sheets else notebook.history().mask

    def _notebook(self, number: int | None) -> Notebook:
        return self._sheets[number].notebook if number in self._sheets else self.folder.notebook(self.name, number)

    def _take_over(self) -> None:
        """Note the slices that were corrected elsewhere, as the file that has them is about to be written anew."""
        if self.verdict().verdict == "accepted":  # then the file has them all, and it is ours
            return
        for number in self.numbers:
            notebook = self._notebook(number)
            if notebook.begin is None and (start := self._start(number)).origin == "given":
                notebook.write({"begin": start.to_json()})

    def _start(self, number: int | None) -> Start:
        mask = np.take(self._masks, number or 0, axis=self._axis_or_first)
        source = self.job.record.get("learned", {}).get("source", "own")
        origin: Origin = "learned" if source in LEARNED else "automatic"
        digest = str(self.job.record["input_digest"])
        given = self._given_elsewhere(number)
        return Start(mask, origin, digest) if given is None else Start(given, "given", digest)

    def _given_elsewhere(self, number: int | None) -> Mask | None:
        """A correction that is newer than the notebook; of a volume slices that hold something are corrected."""
        path = self.folder.correction(self.name)
        if path is None:
            return None
        notebook = self.folder.notebook(self.name, number).path
        if notebook.exists() and notebook.stat().st_mtime_ns > path.stat().st_mtime_ns:
            return None
        try:
            mask = np.take(read_voxels(path, shape_of(self.job.record)) != 0, number or 0, axis=self._axis_or_first)
        except MSFormerError:  # of another size: the program's own mask is shown, and learning says what is wrong
            return None
        return None if number is not None and not mask.any() else mask

    def _can_be_read(self, stamp: Stamp) -> bool:
        """Whether the correction is whole: another program may be in the middle of it, which the next look will see."""
        if stamp in (NO_FILE, self._broken):
            return stamp == NO_FILE
        path = self.folder.correction(self.name)
        try:
            if path is not None:
                read_voxels(path, shape_of(self.job.record))
        except MSFormerError:
            self._broken = stamp
            return False
        return True

    def _check(self, number: int | None) -> None:
        if self.job.is_volume and number not in self.numbers:
            few = f"{self.numbers[0]} to {self.numbers[-1]}"
            raise ConfigError(f"slice must be one of those that were segmented, {few}; got {number}")
        if not self.job.is_volume and number is not None:
            raise ConfigError(f"slice must be left out, as {self.name!r} is one image; got {number}")
