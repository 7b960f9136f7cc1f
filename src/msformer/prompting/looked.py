"""A picture that the grown network has looked at, and what it answers when it is asked about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msformer.image import Mask
from msformer.network.prompted import Features, PromptedNet, Prompts
from msformer.prompting.view import SIDE, as_input, resized, view_shape
from msformer.threads import torch_threads

NEARER = 0.6
"""An answer whose box is longer than this share of the view's sides is not looked at from nearer."""
AROUND = 0.5
"""What is looked at from nearer beyond each side of the answer's box, as a share of that side."""
LEAST_NEAR = 0.12
"""Smallest side of what is looked at from nearer, as a share of the picture's: below, there are no px to see."""
SURE = 6.0
"""Log-odds that count as certain when two answers are averaged: beyond, one of them would overrule the other."""
CLOSE_UP = (0.6, 0.25)
"""Sides of the parts around a click that are looked at from nearer, as shares of the picture's."""
CLOSER = 0.05
"""An answer from nearer must expect that much more Dice: from there, everything looks like an object."""
SMALLER = 0.75
"""A part is smaller than this share of the object, and the object than this share of the whole."""
IN_ALL = 32
"""Prompts answered in one pass, which bounds memory."""

Box = tuple[float, float, float, float]
"""First row, first column, end row, end column, as shares of the picture's height and width in [0, 1]."""


@dataclass(frozen=True)
class Said:
    """What is said of one object; places are shares of the picture's height and width.

    Attributes:
        clicks: Row, column, and whether it is on the object.
        box: The box that the object fills.
    """

    clicks: tuple[tuple[float, float, bool], ...] = ()
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Three nested answers.

    Attributes:
        logits: ``(3, h, w)``; each holds the one before; positive inside.
        expected: ``(3,)``, the Dice that each expects, in (0, 1).
    """

    logits: NDArray[np.float32]
    expected: NDArray[np.float32]

    @property
    def best(self) -> int:
        """The one that expects the most."""
        return int(self.expected.argmax())


@dataclass(frozen=True, eq=False)
class Looked:
    """A part of a picture, and what the network knows of it; made by :func:`look`.

    Attributes:
        network: The network.
        pixels: ``(H, W, C)`` float32, the whole picture.
        valid: ``(H, W)``.
        window: The part that was looked at.
        features: What the network knows of it.
        shape: Rows and columns of its answers.
    """

    network: PromptedNet
    pixels: NDArray[np.float32]
    valid: Mask
    window: Box
    features: Features
    shape: tuple[int, int]

    def ask(self, said: list[Said], previous: NDArray[np.float32] | None = None) -> list[Alternatives]:
        """Answer prompts about the part that was looked at.

        Args:
            said: What is said of each object; places refer to the whole picture.
            previous: ``(n, *shape)``, probability of each mask so far.
        """
        result: list[Alternatives] = []
        for start in range(0, len(said), IN_ALL):
            some = said[start : start + IN_ALL]
            masks = None if previous is None else previous[start : start + IN_ALL]
            with torch_threads(1), torch.inference_mode():
                features = self.features.of(torch.zeros(len(some), dtype=torch.long))
                decoded = self.network.decode(features, self.prompts(some, masks))
                expected = torch.sigmoid(decoded.expected).numpy()
                logits = decoded.logits.numpy()
            result += [Alternatives(one, many) for one, many in zip(logits, expected, strict=True)]
        return result

    def input(self) -> Tensor:
        """What the network was given, ``(1, IN_CHANNELS, *shape)``."""
        rows, columns = self.part
        return _input(self.pixels[rows, columns], self.valid[rows, columns], self.shape)

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that were looked at."""
        top, left, bottom, end = self.window
        height, width = self.valid.shape
        return slice(round(top * height), round(bottom * height)), slice(round(left * width), round(end * width))

    def nearer(self, window: Box) -> Looked:
        """Look at a part of the picture from nearer."""
        return _look(self.network, self.pixels, self.valid, window)

    def objects(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probability of being of an object that a person would point at, and of lying on a border, ``shape`` each."""
        with torch_threads(1), torch.inference_mode():
            maps = [torch.sigmoid(one)[0].numpy() for one in self.network.without_prompt(self.features)]
        return resized(maps[0], self.shape), resized(maps[1], self.shape)

    def prompts(self, said: list[Said], previous: NDArray[np.float32] | None) -> Prompts:
        """What is said, in px of the part that was looked at; arguments as in ``ask``."""
        most = max((len(one.clicks) for one in said), default=0)
        clicks = torch.zeros(len(said), max(most, 1), 3)
        boxes = torch.full((len(said), 4), torch.nan)
        masks = torch.full((len(said), 1, *self.shape), torch.nan)
        for row, one in enumerate(said):
            for index, (down, right, is_on_it) in enumerate(one.clicks):
                place = self._here(down, right)
                # The middle of the pixel, which counts from its own middle.
                clicks[row, index] = torch.tensor([place[0] - 0.5, place[1] - 0.5, 1.0 if is_on_it else -1.0])
            if one.box is not None:
                boxes[row] = torch.tensor([*self._here(*one.box[:2]), *self._here(*one.box[2:])])
            if previous is not None:
                masks[row, 0] = torch.from_numpy(previous[row])
        return Prompts(clicks, boxes, masks)

    def _here(self, down: float, right: float) -> tuple[float, float]:
        top, left, bottom, end = self.window
        return (down - top) / (bottom - top) * self.shape[0], (right - left) / (end - left) * self.shape[1]


def look(network: PromptedNet, pixels: NDArray[np.float32], valid: Mask) -> Looked:
    """Look at a picture.

    Args:
        network: The grown network.
        pixels: ``(H, W)`` or ``(H, W, C)``, finite.
        valid: ``(H, W)``; what is no data is False.
    """
    return _look(network, pixels if pixels.ndim == 3 else pixels[:, :, None], valid, (0.0, 0.0, 1.0, 1.0))


def _look(network: PromptedNet, pixels: NDArray[np.float32], valid: Mask, window: Box) -> Looked:
    height, width = valid.shape
    rows = slice(int(window[0] * height), max(int(np.ceil(window[2] * height)), int(window[0] * height) + 1))
    columns = slice(int(window[1] * width), max(int(np.ceil(window[3] * width)), int(window[1] * width) + 1))
    window = (rows.start / height, columns.start / width, rows.stop / height, columns.stop / width)
    shape = view_shape((rows.stop - rows.start, columns.stop - columns.start), SIDE)
    with torch_threads(1), torch.inference_mode():
        features = network.encode(_input(pixels[rows, columns], valid[rows, columns], shape))
    return Looked(network, pixels, valid, window, features, shape)


def _input(pixels: NDArray[np.float32], valid: Mask, shape: tuple[int, int]) -> Tensor:
    """What the network takes of a part of a picture, ``(1, IN_CHANNELS, *shape)``."""
    return torch.from_numpy(as_input(pixels, valid, shape))[None].contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, eq=False)
class Answered:
    """What is answered to a prompt.

    Attributes:
        view: Where the best answer was seen, and where a further click goes on from.
        maps: ``(3, H, W)`` on the whole picture: a part, the object, the whole; positive inside, each within the next.
        expected: ``(3,)``, the Dice that each expects.
        best: Which of the three expects the most.
    """

    view: Looked
    maps: NDArray[np.float32]
    expected: NDArray[np.float32]
    best: int

    @classmethod
    def of(cls, view: Looked, alternatives: Alternatives) -> Answered:
        """The alternatives of one view."""
        maps = np.stack([on_picture(view, one) for one in alternatives.logits])
        return cls(view, maps, alternatives.expected, alternatives.best)


def answer(whole: Looked, said: Said) -> Answered:
    """Answer one prompt: from the whole picture and, where the answer is small or a click could mean less, from nearer.

    From nearer the border is seen better, from farther what the object is, so the mean of both is taken. A click alone
    is also asked about at ``CLOSE_UP``: what is a few px wide in the whole picture is not seen there at all.
    """
    first = _from_near_as_well(whole, said)
    if said.box is not None or len(said.clicks) != 1:
        return first
    found = [first]
    for share in CLOSE_UP:
        window = _around_place(whole, said.clicks[0][:2], share)
        if window is not None:
            near = whole.nearer(window)
            found.append(Answered.of(near, near.ask([said])[0]))
    return _three_of(found)


def _from_near_as_well(whole: Looked, said: Said) -> Answered:
    first = whole.ask([said])[0]
    mask = first.logits[first.best]
    window = _around(whole, mask > 0, said)
    if window is None:
        return Answered.of(whole, first)
    near = whole.nearer(window)
    shown = np.stack([_seen_from(whole, near, one) for one in np.clip(first.logits, -SURE, SURE)])
    previous = 1 / (1 + np.exp(-shown[first.best]))[None]
    second = near.ask([said], previous.astype(np.float32))[0]
    logits = (shown + np.clip(second.logits, -SURE, SURE)) / 2
    expected = (first.expected + second.expected) / 2
    return Answered.of(near, Alternatives(logits.astype(np.float32), expected.astype(np.float32)))


def _three_of(found: list[Answered]) -> Answered:
    """The best answer of several views, and the best that are clearly smaller and larger, each within the next.

    Where no view has one, the one before or after the best in its own view stands for it.
    """
    chances = np.stack([one.expected - (CLOSER if index else 0) for index, one in enumerate(found)])  # (views, 3)
    areas = np.array([[np.count_nonzero(plane > 0) for plane in one.maps] for one in found])
    view, index = (int(place) for place in np.unravel_index(int(chances.argmax()), chances.shape))
    own, middle = found[view], found[view].maps[index]
    planes, expected, best = [middle], [chances[view, index]], 0
    for is_part, fits in (
        (True, (areas > 0) & (areas < SMALLER * areas[view, index])),
        (False, areas * SMALLER > areas[view, index]),
    ):
        where = np.where(fits, chances, -1.0)
        other, at = (int(place) for place in np.unravel_index(int(where.argmax()), where.shape))
        if not fits.any():
            other, at = view, min(max(index + (-1 if is_part else 1), 0), len(own.maps) - 1)
        plane = found[other].maps[at]
        planes.insert(0 if is_part else 2, np.minimum(plane, middle) if is_part else np.maximum(plane, middle))
        expected.insert(0 if is_part else 2, chances[other, at])
        best += is_part
    return Answered(own.view, np.stack(planes), np.clip(np.array(expected, dtype=np.float32), 0, 1), best)


def further(whole: Looked, before: Answered, said: Said) -> Answered:
    """Answer the same prompt with one more click: one pass of the decoder, from where it was looked at before.

    Args:
        whole: The picture.
        before: What was answered so far.
        said: Everything that is said of the object by now.
    """
    view = before.view
    top, left, bottom, end = view.window
    if any(not (top <= down < bottom and left <= right < end) for down, right, _ in said.clicks):
        view = whole
    mask = resized(np.ascontiguousarray(before.maps[before.best][view.part]), view.shape)
    previous = 1 / (1 + np.exp(-np.clip(mask, -SURE, SURE)))[None]
    return Answered.of(view, view.ask([said], previous.astype(np.float32))[0])


def _around_place(whole: Looked, place: tuple[float, float], share: float) -> Box | None:
    """A square part around a place whose side is this share of the picture's mean one; None where that is no less."""
    pixels = whole.valid.shape
    side = share * float(np.sqrt(pixels[0] * pixels[1]))
    (top, bottom), (left, end) = (interval(middle, side / length) for middle, length in zip(place, pixels, strict=True))
    return None if (top, left, bottom, end) == (0.0, 0.0, 1.0, 1.0) else (top, left, bottom, end)


def _around(looked: Looked, mask: Mask, said: Said) -> Box | None:
    """The part of the picture around a mask and all that was said, None where that is most of what is seen now."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    top, left, bottom, end = looked.window
    height, width = bottom - top, end - left
    box = [
        top + rows[0] / looked.shape[0] * height,
        left + columns[0] / looked.shape[1] * width,
        top + (rows[-1] + 1) / looked.shape[0] * height,
        left + (columns[-1] + 1) / looked.shape[1] * width,
    ]
    if said.box is not None:
        box = [min(box[0], said.box[0]), min(box[1], said.box[1]), max(box[2], said.box[2]), max(box[3], said.box[3])]
    if max((box[2] - box[0]) / height, (box[3] - box[1]) / width) > NEARER:
        return None
    for down, right, _ in said.clicks:
        box = [min(box[0], down), min(box[1], right), max(box[2], down), max(box[3], right)]
    # About square in px, so that no side is looked at from much nearer than the other.
    pixels = looked.valid.shape
    side = max((box[2] - box[0]) * pixels[0], (box[3] - box[1]) * pixels[1]) * (1 + 2 * AROUND)
    side = max(side, LEAST_NEAR * max(pixels))
    rows_seen, columns_seen = (
        interval((box[first] + box[first + 2]) / 2, side / length) for first, length in zip((0, 1), pixels, strict=True)
    )
    window = rows_seen[0], columns_seen[0], rows_seen[1], columns_seen[1]
    return None if window == (0.0, 0.0, 1.0, 1.0) else window


def interval(middle: float, length: float) -> tuple[float, float]:
    """An interval within [0, 1] of a length, around its middle or, at the ends, as near to that as it goes."""
    if length >= 1:
        return 0.0, 1.0
    first = min(max(middle - length / 2, 0.0), 1.0 - length)
    return first, first + length


def _seen_from(old: Looked, new: Looked, plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map of what ``old`` sees, where ``new`` looks: ``new.shape``."""
    height, width = old.window[2] - old.window[0], old.window[3] - old.window[1]
    down = (new.window[0] - old.window[0]) / height, (new.window[2] - old.window[0]) / height
    right = (new.window[1] - old.window[1]) / width, (new.window[3] - old.window[1]) / width
    rows = slice(max(int(down[0] * old.shape[0]), 0), max(int(np.ceil(down[1] * old.shape[0])), 1))
    columns = slice(max(int(right[0] * old.shape[1]), 0), max(int(np.ceil(right[1] * old.shape[1])), 1))
    return resized(np.ascontiguousarray(plane[rows, columns]), new.shape)


def on_picture(looked: Looked, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map of the part that was looked at, on the whole picture: ``(H, W)``, far below 0 outside."""
    rows, columns = looked.part
    whole = np.full(looked.valid.shape, -20.0, dtype=np.float32)
    whole[rows, columns] = resized(logits, (rows.stop - rows.start, columns.stop - columns.start))
    return whole
