"""Which files of a series are slices of one volume, and which are images of their own.

A volume is a stack of slices that have places. A series is split by everything that makes another image; what tells
nothing apart, such as a time that each slice has of its own, splits nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.io.dicom.headers import Instance, read_dataset, read_instance
from msformer.io.dicom.places import SAME_PLACE, UNEVEN, normal_of, usual_step
from msformer.io.values import check_frame

STILLS = frozenset({
    "CR", "DX", "RG", "RF", "XA", "MG", "IO", "PX", "US", "SC", "XC", "GM", "SM", "ES", "OP", "DMS", "DOC", "EPS", "VF",
    "BMD", "TG", "CF", "DF", "DG", "VA", "LP", "HC", "ECG", "EC", "DD", "FS", "AS", "CP", "CS", "LS", "BI", "HD",
})  # fmt: skip
"""Modalities whose single images are no slices: radiographs, stills, captures, photographs, slides."""
CONTRASTS = ("stack", "echo time", "echo number", "b-value", "temporal position")
"""What always makes another image."""
ACQUISITIONS = ("image type", "acquisition number", "inversion time", "flip angle", "kernel")
"""What makes another image where places are taken more than once, or where it keeps stacks apart."""
CLOCKS = (
    "gradient", "cardiac phase", "trigger time", "frame reference time", "acquisition time",
    "acquisition date and time", "content time",
)  # fmt: skip
"""What makes another image where it alone says which of the slices at a place belong together."""
OVER_TIME = frozenset({"temporal position", "acquisition number", "gradient", *CLOCKS})
"""What a series over time has another value of in each of its frames, which stay together where all have one place."""
ORDER_IN_TIME = (
    "temporal position", "cardiac phase", "trigger time", "frame reference time", "acquisition date and time",
    "acquisition time", "content time",
)  # fmt: skip
OF_DAY = frozenset({"acquisition time", "acquisition date and time", "content time"})
"""What is counted in labels instead of said: dates and times of day tell of the patient."""
NUMBERS = re.compile(r"[-+.,\deE ]+")
"""Values that labels say. All others are text, which nobody knows the contents of: they are counted, too."""
FEWEST = 3
"""Slices from which on a stack can be even."""
FEW_DOUBLES = 0.25
"""Where no more places than this share are taken twice, a few slices were sent again; else these are volumes."""


@dataclass(frozen=True)
class Part:
    """The slices of one volume, copies included, or one image.

    Attributes:
        instances: In the order in which they were given.
        label: What tells it from the other parts of its series: ``acquisition number 2``; empty where it is all of it.
        note: The same for a report.
    """

    instances: tuple[Instance, ...]
    label: str = ""
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """What a part holds.

    Attributes:
        volumes: One volume, or those that nothing but their order tells apart, each sorted by place.
        is_clip: Whether these are single frames at one place, which are looked at together.
        n_copies: How many slices are there twice.
        n_doubles: How many are left out by taking the first volume, where the others are a few slices only.
    """

    volumes: list[list[Instance]]
    is_clip: bool = False
    n_copies: int = 0
    n_doubles: int = 0


def group_series(paths: Iterable[Path]) -> list[list[Instance]]:
    """Put files together that are slices of one volume, in the order of their first files.

    Files whose header cannot be read are left out; they are named when they are read alone.
    """
    instances = []
    for path in paths:
        try:
            instances.append(read_instance(path))
        except ReadError:
            continue
    return group_instances(instances)


def group_instances(instances: Iterable[Instance]) -> list[list[Instance]]:
    """Put slices of one volume together, in the order of the first of each."""
    return [list(part.instances) for part in find_parts(instances)]


def find_parts(instances: Iterable[Instance]) -> list[Part]:
    """Put slices of one volume together: the same series, size and directions, and nothing that tells them apart.

    Files of several frames and images that are no slices stand alone.
    """
    given = list(instances)
    stacks: list[list[int]] = []
    alike: dict[tuple[object, ...], list[list[int]]] = defaultdict(list)
    parts: list[tuple[int, Part]] = []
    in_series = Counter(one.series for one in given if one.series and one.frames == 1 and not is_slice(one))
    for index, one in enumerate(given):
        if one.frames > 1 or not is_slice(one):
            several = in_series[one.series] if one.frames == 1 else 0
            note = f"one of {several} images of a series that is no stack of slices" if several > 1 else ""
            parts.append((index, Part((one,), "", note)))
            continue
        key = (one.series, one.rows, one.columns, one.samples, one.position is None, _is_scout(one))
        stack = next((stack for stack in alike[key] if given[stack[0]].is_parallel(one)), None)
        if stack is None:
            stack = []
            alike[key].append(stack)
            stacks.append(stack)
        stack.append(index)
    largest: dict[str, int] = defaultdict(int)
    for stack in stacks:
        largest[given[stack[0]].series] = max(largest[given[stack[0]].series], len(stack))
    for stack in stacks:
        first = given[stack[0]]
        number_of = {id(given[index]): index for index in stack}
        note = "a localiser" if _is_scout(first) else "of another direction or size than others of its series"
        is_main = not first.series or len(stack) == largest[first.series]
        for part in _parts_of_stack([given[index] for index in stack]):
            told = part if part.note or (is_main and not _is_scout(first)) else replace(part, note=note)
            parts.append((min(number_of[id(one)] for one in part.instances), told))
    return [part for _, part in sorted(parts, key=lambda one: one[0])]


def _is_scout(one: Instance) -> bool:
    return "LOCALIZER" in one.marks.get("image type", "").upper()


def is_slice(one: Instance) -> bool:
    """Whether an image can be a slice of a volume: it has a place, and is not of a kind that is no slice."""
    if (one.modality or "").upper() in STILLS:
        return False
    if one.position is not None:
        return one.orientation is not None and normal_of(one.orientation) is not None
    return one.location is not None


def volumes_in(instances: Sequence[Instance]) -> Choice:
    """What the slices of a part hold, in the order of their places, and in time at each."""
    kept, twins = _without_copies(instances)
    at_place = _at_places(kept)
    counts = [len(one) for one in at_place]
    rounds = [[one[number] for one in at_place if number < len(one)] for number in range(max(counts))]
    if len(at_place) == 1:
        return Choice(rounds, len(rounds) > 1, len(twins))
    doubles = len(kept) - len(at_place)
    is_resent = min(counts) < max(counts) and doubles <= FEW_DOUBLES * len(at_place)
    return Choice(rounds, False, len(twins), doubles if is_resent else 0)


def chosen(parts: Sequence[Part], frame: int | None, notes: list[str]) -> list[Instance]:
    """The slices that are meant, sorted by place.

    Args:
        parts: Of one part the volumes of a series over time are counted, of several all of theirs together.
        frame: Which of them, from 0; None where that is clear.
        notes: What there is to tell is added.

    Raises:
        ReadError: There are several and none is named, or there is none of that number.
    """
    choices = [volumes_in(part.instances) for part in parts]
    if (copies := sum(one.n_copies for one in choices)) > 0:
        notes.append(f"{copies} copies of the same slice left out")
    volumes = [volume for choice in choices for volume in choice.volumes]
    if frame is not None:
        check_frame(len(volumes), frame)
    first = choices[0]
    if len(choices) == 1 and frame is None and first.is_clip:
        notes.append(f"{len(volumes)} frames at one place, in the order of time; --frame takes one of them")
        return [one for volume in volumes for one in volume]
    if len(choices) == 1 and frame is None and first.n_doubles > 0:
        notes.append(f"{first.n_doubles} slices at the same place as another left out")
    elif frame is None and len(volumes) > 1:
        labels = [f"{n}: {label}" for n, label in enumerate(_labels(parts, choices)) if label]
        named = f" ({'; '.join(labels[:20])}{'; …' if len(labels) > 20 else ''})" if labels else ""
        raise ReadError(
            f"file or series holds {len(volumes)} volumes{named}: choose one with --frame 0 to {len(volumes) - 1} "
            f"or --set read.frame=0 to {len(volumes) - 1}"
        )
    return volumes[frame or 0]


def _labels(parts: Sequence[Part], choices: Sequence[Choice]) -> list[str]:
    """What tells the volumes apart, in the order in which they are counted."""
    found = []
    for part, choice in zip(parts, choices, strict=True):
        for number, volume in enumerate(choice.volumes):
            said = [name for name in ORDER_IN_TIME if name in volume[0].marks and name not in OF_DAY]
            times = [f"{name} {told}" for name in said[:1] if (told := _told(name, volume[0].marks[name]))]
            more = times if len(choice.volumes) > 1 and times else [f"time {number}"] if len(choice.volumes) > 1 else []
            found.append(", ".join([*([part.label] if part.label else []), *more]))
    return found


def heights_of(instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Where slices lie along their normal, in mm."""
    first = instances[0]
    normal = None if first.orientation is None else normal_of(first.orientation)
    if normal is None or any(one.position is None for one in instances):
        return np.array([one.location or 0.0 for one in instances], dtype=np.float64)
    return np.asarray(np.array([one.position for one in instances], dtype=np.float64) @ normal)


def _parts_of_stack(stack: Sequence[Instance]) -> list[Part]:
    kept, twins = _without_copies(stack)
    pieces = _divided(kept, ())
    originals = {id(one): [one] for one in kept}
    for copy, original in twins:
        originals[id(original)].append(copy)
    found = []
    for members, marks in pieces:
        everyone = {id(copy) for one in members for copy in originals[id(one)]}
        label = ", ".join(f"{name} {value}" for name, value in marks)
        note = f"one of {len(pieces)} volumes of a series: {label}" if label else ""
        found.append(Part(tuple(one for one in stack if id(one) in everyone), label, note))
    return found


def _divided(
    slices: list[Instance], marks: tuple[tuple[str, str], ...]
) -> list[tuple[list[Instance], tuple[tuple[str, str], ...]]]:
    """The slices parted by each thing that tells them apart, one after the other; with the values of each part."""
    for name in (*CONTRASTS, *ACQUISITIONS, *CLOCKS):
        values: dict[str, list[Instance]] = defaultdict(list)
        for one in slices:
            values[one.marks.get(name, "")].append(one)
        if len(values) > 1 and _tells_apart(name, slices, list(values.values())):
            order = sorted(values)
            return [
                found
                for value, members in values.items()
                for found in _divided(members, (*marks, (name, _told(name, value) or str(order.index(value) + 1))))
            ]
    return [
        (members, (*marks, ("numbers", f"{members[0].number} to {members[-1].number}")) if len(runs) > 1 else marks)
        for runs in [_runs(slices)]
        for members in runs
    ]


def _told(name: str, value: str) -> str | None:
    """What a label says of a value; None where it is to be counted. Labels are in names of files and in reports."""
    if not value:
        return "none"
    return value if name not in OF_DAY and NUMBERS.fullmatch(value) else None


def _tells_apart(name: str, slices: Sequence[Instance], pieces: Sequence[Sequence[Instance]]) -> bool:
    """Whether slices with another value of something are of another image."""
    counts = [len(one) for one in _at_places(slices)]
    most, is_one_place = max(counts), len(counts) == 1
    if is_one_place and name in OVER_TIME:
        return False
    if name in CONTRASTS:
        return most > 1 or any(len(piece) > 1 for piece in pieces)
    of_pieces = [[len(one) for one in _at_places(piece)] for piece in pieces]
    if most == 1:
        return name in ACQUISITIONS and _are_separate(pieces)
    if not is_one_place and any(len(one) == 1 for one in of_pieces):
        return False
    still = max(max(one) for one in of_pieces)
    if name in CLOCKS:
        return still == 1 and len(pieces) <= 2 * most
    return still < most


def _are_separate(pieces: Sequence[Sequence[Instance]]) -> bool:
    """Whether each piece is an even stack, and none goes on where another ends or fills its gaps."""
    heights = sorted((np.sort(heights_of(piece)) for piece in pieces), key=lambda one: float(one[0]))
    if not all(len(one) >= FEWEST and _is_even(one) for one in heights):
        return False
    return not any(_is_even(np.sort(np.concatenate(pair))) for pair in pairwise(heights))


def _is_even(heights: NDArray[np.float64]) -> bool:
    steps = np.diff(heights)
    usual = float(np.median(steps))
    return bool(usual > 0 and (np.abs(steps - usual) <= UNEVEN * usual).all())


def _runs(slices: list[Instance]) -> list[list[Instance]]:
    """Slices that only their numbers tell apart: a new run begins where the step to the next one is another.

    Where every place is taken equally often, order tells no more than that, and a choice is asked for.
    """
    counts = Counter(len(one) for one in _at_places(slices))
    numbers = {one.number for one in slices}
    if max(counts) == 1 or len(counts) == 1 or len(numbers) < len(slices):
        return [slices]
    ordered = sorted(slices, key=lambda one: one.number)
    steps = np.diff(heights_of(ordered))
    usual = float(np.median(np.abs(steps[steps != 0]))) if (steps != 0).any() else 0.0
    runs, direction = [[ordered[0]]], 0.0
    for one, step in zip(ordered[1:], steps, strict=True):
        goes_on = abs(abs(step) - usual) <= UNEVEN * usual and (direction == 0 or np.sign(step) == direction)
        if not goes_on and step != 0:
            runs.append([])
            direction = 0.0
        elif goes_on:
            direction = float(np.sign(step))
        runs[-1].append(one)
    is_clear = all(len(run) > 1 and max(len(one) for one in _at_places(run)) == 1 for run in runs)
    return runs if is_clear else [slices]


def _at_places(slices: Sequence[Instance]) -> list[list[Instance]]:
    """Slices by their place, upwards; those at one place in the order of time, or of their numbers."""
    heights = heights_of(slices)
    order = np.argsort(heights, kind="stable")
    step = usual_step(heights[order])
    found: list[list[int]] = []
    for index in order:
        if found and heights[index] - heights[found[-1][0]] <= SAME_PLACE * step:
            found[-1].append(int(index))
        else:
            found.append([int(index)])
    return [sorted((slices[index] for index in one), key=_order_in_time) for one in found]


def _order_in_time(one: Instance) -> tuple[tuple[float, ...], int, str, int]:
    return tuple(_number(one.marks.get(name, "")) for name in ORDER_IN_TIME), one.number, str(one.path), one.frame


def _number(text: str) -> float:
    try:
        return float(text.replace(":", ""))
    except ValueError:
        return -1.0


def _without_copies(instances: Sequence[Instance]) -> tuple[list[Instance], list[tuple[Instance, Instance]]]:
    """The slices, and each copy with its original: of one place, number and time, with the same pixels."""
    kept: list[Instance] = []
    twins: list[tuple[Instance, Instance]] = []
    originals: dict[tuple[object, ...], list[Instance]] = defaultdict(list)
    for one in instances:
        key = (one.position, one.location, one.number, one.frame, tuple(sorted(one.marks.items())))
        original = next((other for other in originals[key] if _same_pixels(one, other)), None)
        if original is None:
            originals[key].append(one)
            kept.append(one)
        else:
            twins.append((one, original))
    return kept, twins


def _same_pixels(one: Instance, other: Instance) -> bool:
    if one.path == other.path:
        return one.frame == other.frame
    try:
        return _digest(one.path) == _digest(other.path)
    except ReadError:
        return False


def _digest(path: Path) -> bytes:
    names = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    data = read_dataset(path, names, stop_before_pixels=False)
    return hashlib.sha256(b"".join(bytes(data[name].value or b"") for name in names if name in data)).digest()
