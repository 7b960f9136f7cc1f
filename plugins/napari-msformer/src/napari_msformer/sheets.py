"""The masks that are corrected: of a layer, in memory; or of a folder of results, where every step is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msformer.app.desk import Desk, Task
from msformer.app.notebook import Notebook
from msformer.app.opened import OpenCase
from msformer.app.sheet import Sheet, StaleError
from msformer.editing import MEANINGS, Action, Editor, Redraw
from msformer.errors import ConfigError
from msformer.image import Mask
from napari_msformer.pictures import Index

Verdict: TypeAlias = Literal["accepted", "rejected"]


@dataclass(frozen=True)
class Seen:
    """What the panel shows of a mask.

    Attributes:
        mask: ``(H, W)``, as it is now.
        actions: What led there and counts.
        undoes: What ``undo`` would take back.
        redoes: What ``redo`` would do again.
        answers: Of the last prompt: what each means and the Dice that it expects.
        chosen: Which of them is taken.
    """

    mask: Mask
    actions: tuple[Action, ...] = ()
    undoes: str | None = None
    redoes: str | None = None
    answers: tuple[tuple[str, float], ...] = ()
    chosen: int = 0

    @classmethod
    def of(cls, editor: Editor) -> Seen:
        """As an editor has it."""
        offer = editor.offer
        return cls(
            editor.mask,
            tuple(step.action for step in editor.steps),
            editor.undoes,
            editor.redoes,
            () if offer is None else tuple(zip(MEANINGS, map(float, offer.expected), strict=False)),
            0 if offer is None else offer.chosen,
        )


class Sheets(Protocol):
    """Masks of planes. All of it is called in the thread of the work, but for ``start``."""

    def start(self) -> Mask:
        """``(…, H, W)``, the masks before anything is done."""

    def act(self, index: Index, *actions: Action) -> Seen:
        """Do something to the mask of a plane."""

    def draw(self, index: Index, drawn: Mask, mask: Mask) -> Seen:
        """Take px that were ``drawn`` elsewhere as they are in ``mask``, both ``(H, W)``."""

    def undo(self, index: Index) -> Seen:
        """Take the last step back."""

    def redo(self, index: Index) -> Seen:
        """Do it again."""

    def see(self, index: Index) -> Seen:
        """A plane as it is."""


class InMemory:
    """Masks of the planes of a layer.

    Args:
        picture: Gives the plane at an index, ``(H, W)`` or ``(H, W, 3)``.
        masks: ``(…, H, W)``, what there is already.
    """

    def __init__(self, picture: Callable[[Index], NDArray[Any]], masks: Mask) -> None:
        self._picture, self._masks = picture, masks
        self._editors: dict[Index, Editor] = {}

    def start(self) -> Mask:
        """See ``Sheets``; so for all below."""
        return self._masks

    def act(self, index: Index, *actions: Action) -> Seen:  # noqa: D102
        return Seen.of(self._editor(index).prompt(*actions))

    def draw(self, index: Index, drawn: Mask, mask: Mask) -> Seen:  # noqa: D102
        editor = self._editor(index)
        return Seen.of(editor.redraw(np.where(drawn, mask, editor.mask)))

    def undo(self, index: Index) -> Seen:  # noqa: D102
        return Seen.of(self._editor(index).undo())

    def redo(self, index: Index) -> Seen:  # noqa: D102
        return Seen.of(self._editor(index).redo())

    def see(self, index: Index) -> Seen:  # noqa: D102
        return Seen.of(self._editors[index]) if index in self._editors else Seen(self._masks[index])

    def _editor(self, index: Index) -> Editor:
        _check(index, self._masks.shape[:-2])
        if index not in self._editors:
            self._editors[index] = Editor(self._picture(index), self._masks[index])
        return self._editors[index]


class InFolder:
    """Masks of a case of a folder of results: every step is on the disk before it is shown, as in ``msformer app``.

    Args:
        results: The folder.
        name: Of the case.

    Attributes:
        pixels: ``(H, W)`` or ``(D, H, W)``, with three colours as a last axis where ``is_rgb``.
        scale: Sizes of a px, an axis each; 1 where unknown.
        limits: The values that are shown black and white.
        most: The slice with most of the mask; None of a picture.
    """

    def __init__(self, results: Results, name: str) -> None:
        self._results, self.name = results, name
        with self._results.desk.case(name) as case:
            self._numbers = tuple(case.numbers)
            self.pixels, self.scale = _pixels(case)
            self.limits = tuple(float(one) for one in case.job.record["intensity_range"])
            self._whole = np.moveaxis(case.whole(), case.axis, 0) if self._numbers else case.whole()[0]
        self.is_rgb = self.pixels.ndim > self._whole.ndim
        sizes = self._whole.sum(axis=(-2, -1))
        self.most = int(sizes.argmax()) if self._numbers else None

    def start(self) -> Mask:  # noqa: D102
        return self._whole

    def act(self, index: Index, *actions: Action) -> Seen:  # noqa: D102
        return self._do(index, lambda _: [{"do": one.model_dump(mode="json")} for one in actions])

    def draw(self, index: Index, drawn: Mask, mask: Mask) -> Seen:  # noqa: D102
        def words(sheet: Sheet) -> list[dict[str, Any]]:
            action = Redraw.between(sheet.mask, np.where(drawn, mask, sheet.mask))
            return [{"do": action.model_dump(mode="json")}]

        return self._do(index, words)

    def undo(self, index: Index) -> Seen:  # noqa: D102
        return self._do(index, lambda _: [{"undo": True}])

    def redo(self, index: Index) -> Seen:  # noqa: D102
        return self._do(index, lambda _: [{"redo": True}])

    def see(self, index: Index) -> Seen:  # noqa: D102
        number = self._number(index)
        if number is not None and number not in self._numbers:
            return Seen(self._whole[index])
        with self._results.desk.case(self.name) as case:
            return Seen.of(case.sheet(number).editor)

    def decide(self, verdict: Verdict) -> None:
        """Accept or reject the mask of the case."""
        with self._results.desk.case(self.name) as case:
            number = self._numbers[0] if self._numbers else None
            case.act({"verdict": verdict}, number, case.revision(number))

    def _do(self, index: Index, words: Callable[[Sheet], Sequence[dict[str, Any]]]) -> Seen:
        number = self._number(index)
        with self._results.desk.case(self.name) as case:
            sheet = case.sheet(number)
            if Notebook(sheet.notebook.path).revision != sheet.notebook.revision:
                raise StaleError(f"{self.name!r} was changed by another program: open it again to go on from there")
            for said in words(sheet):
                case.act(said, number, case.revision(number))
            return Seen.of(sheet.editor)

    def _number(self, index: Index) -> int | None:
        _check(index, self._whole.shape[:-2])
        return index[0] if self._numbers else None


class Results:
    """A folder that ``msformer segment`` or ``learn`` wrote, the least certain masks first.

    Args:
        out: The folder.

    Raises:
        ConfigError: It is none, or nothing in it can be corrected.
    """

    def __init__(self, out: Path) -> None:
        if not (out / "journal").is_dir():
            raise ConfigError(f"folder must be one that msformer segment or learn wrote; got {str(out)!r}")
        self.desk = Desk(Task(out))
        rows = [row for row in self.desk.listing.rows() if not row["failed"]]
        if not rows:
            raise ConfigError(f"folder must hold a case that was segmented; {str(out)!r} has none")
        self.names = [str(row["name"]) for row in sorted(rows, key=lambda row: row["confidence"])]
        self._states = {row["name"]: row for row in rows}

    @property
    def first(self) -> str:
        """Where to begin: the least certain one that nobody looked at."""
        return next((name for name in self.names if self._states[name]["state"] == "untouched"), self.names[0])

    def told(self, name: str) -> str:
        """A case in a line."""
        row = self.refresh()[name]
        place = f"{self.names.index(name) + 1} of {len(self.names)}"
        return f"{place}: {name} — {row['state']}, confidence {row['confidence']:.2f}"

    def refresh(self) -> dict[str, Any]:
        """The cases by name, as they are now."""
        self._states |= {row["name"]: row for row in self.desk.listing.rows()}
        return self._states

    def beside(self, name: str, step: int) -> str:
        """The case so many places on; the first one follows the last."""
        return self.names[(self.names.index(name) + step) % len(self.names)]


def _pixels(case: OpenCase) -> tuple[NDArray[Any], tuple[float, ...]]:
    """The picture ``(H, W[, 3])`` or the slices ``(D, H, W[, 3])`` that masks are made of, and the sizes of a px."""
    if case.volume is None:
        image = case.picture(None)
        return _colours(image.pixels, 2), image.spacing_mm or (1.0, 1.0)
    sizes = (1.0, 1.0, 1.0) if case.volume.geometry is None else case.volume.geometry.spacing_mm[::-1]
    order = [case.axis, *(axis for axis in range(3) if axis != case.axis)]
    return _colours(np.moveaxis(case.volume.voxels, case.axis, 0), 3), tuple(sizes[axis] for axis in order)


def _colours(pixels: NDArray[Any], ndim: int) -> NDArray[Any]:
    """Three channels as they are; of other numbers of channels the first."""
    return pixels if pixels.ndim == ndim or pixels.shape[-1] == 3 else pixels[..., 0]


def _check(index: Index, lead: tuple[int, ...]) -> None:
    if len(index) != len(lead) or any(not 0 <= one < side for one, side in zip(index, lead, strict=True)):
        raise ConfigError(f"a plane must be one of {lead or 'a picture'}; got {index}")
