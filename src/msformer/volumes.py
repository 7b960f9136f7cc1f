"""A volume slice by slice: each starts from where its neighbour ended, and labels mean the same in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msformer import presenting
from msformer.cluster import Clusterer, FollowingClusterer, chosen_clusterer
from msformer.config import AUTO_PRESET, MIN_SIDE, Config
from msformer.errors import ConfigError, ImageShapeError, MSFormerError
from msformer.focus import find_focus
from msformer.hypotheses import compare, verdict
from msformer.image import Image
from msformer.pipeline import NO_PRESET, segment_with
from msformer.prepare import intensity_range, shared_basis, window_limits
from msformer.segmentation import Segmentation
from msformer.volume import Volume
from msformer.watching import NOBODY, Watcher

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken
    from msformer.interop import GiveBack

WORTH_NAMING = 0.01
"""Clusters under this share of a slice are not followed into the next one."""


@dataclass(frozen=True, eq=False, repr=False)
class VolumeSegmentation:
    """The result of one volume. ``np.asarray(segmentation)`` gives the label map.

    Two are equal where settings and all that was found are.

    Attributes:
        label_map: ``(D, H, W)`` on the volume's own grid; 1 to K from the darkest cluster to the brightest in the
            whole volume; 0 in slices that were not looked at or show nothing.
        mask: ``(D, H, W)``, True on the object.
        n_labels: K.
        slices: Numbers of the slices that were segmented, along ``config.read.axis``.
        confidences: Of each of them, in [0, 1].
        changed: How many clusters of a slice lie mostly on one of another number in the next slice.
        followed: How many were compared.
        limits: The values that were black and white in all slices.
        preset_reason: Why ``auto`` chose the preset.
        config: All settings.
        middle: The segmentation of the slice in the middle, with its image.
        give_back: Makes planes ``(D, H, W)`` what the volume was, see ``mask_image``; None where nobody asked.
    """

    label_map: NDArray[np.uint16]
    mask: NDArray[np.bool_]
    n_labels: int
    slices: tuple[int, ...]
    confidences: tuple[float, ...]
    changed: int
    followed: int
    limits: tuple[float, float]
    preset_reason: str
    config: Config
    middle: Segmentation
    give_back: GiveBack | None = None

    def __repr__(self) -> str:
        depth, height, width = self.label_map.shape
        return (
            f"<VolumeSegmentation {depth} × {height} × {width} voxels, preset {self.config.preset}, "
            f"{len(self.slices)} slices, {self.n_labels} clusters, object {100 * float(self.mask.mean()):.1f} %, "
            f"confidence {float(np.mean(self.confidences)):.2f} on average>"
        )

    def _repr_html_(self) -> str:
        return f"<div>{escape(repr(self))}<br>One of its slices:</div>{presenting.page(self.middle)}"

    def plot(self, axes: Sequence[Any] | None = None) -> Any:
        """Image, clusters and outline of the slice in the middle; see ``Segmentation.plot``."""
        return presenting.plot(self.middle, axes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The label map, so that array functions take a segmentation as they take labels."""
        return np.array(self.label_map, dtype=dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VolumeSegmentation):
            return NotImplemented
        return (
            (self.config, self.slices, self.confidences, self.limits)
            == (other.config, other.slices, other.confidences, other.limits)
            and np.array_equal(self.label_map, other.label_map)
            and np.array_equal(self.mask, other.mask)
        )

    def __hash__(self) -> int:
        return hash((self.config.digest, self.slices, self.confidences))

    def save(self, path: str | Path, what: presenting.What = "mask") -> Path:
        """Write the mask, or ``labels`` for the clusters, in the format that the name ends in; see ``Segmentation``.

        Raises:
            ConfigError: ``what`` is neither.
            WriteError: No format ends so, or it cannot hold this.
        """
        return presenting.save(
            path, self._planes, what, self.give_back, f"{self.middle.input_digest} {self.config.digest}"
        )

    def _planes(self, what: presenting.What) -> NDArray[Any]:
        if what == "objects":
            raise ConfigError(
                "what must be mask or labels for volumes, whose objects are not told apart; got 'objects'"
            )
        return self.mask if what == "mask" else self.label_map

    @property
    def mask_image(self) -> Any:
        """The mask as the kind of thing that was segmented, an image of SimpleITK or nibabel with its geometry, say."""
        return self.mask if self.give_back is None else self.give_back(self.mask)

    @property
    def label_image(self) -> Any:
        """The label map as the kind of thing that was segmented."""
        return self.label_map if self.give_back is None else self.give_back(self.label_map)


def segment_volume(
    volume: Volume,
    config: Config,
    *,
    follow: bool = True,
    initial_weights: Mapping[str, Tensor] | None = None,
    cancel: CancelToken | None = None,
    on_slice: Callable[[int, Segmentation], None] | None = None,
    watcher: Watcher = NOBODY,
) -> VolumeSegmentation:
    """Segment the slices of a volume that ``config.read`` names.

    The preset that ``auto`` takes, the window and the basis of colours are those of the whole volume, so that a value
    means the same in every slice.

    Args:
        volume: The volume.
        config: Settings.
        follow: Whether a slice starts from its neighbour's clusters; otherwise each is segmented on its own.
        initial_weights: Of the first slice; see ``pipeline.segment``.
        cancel: Ends after the slice at hand.
        on_slice: Called after each slice with its number.
        watcher: Told the stages of each slice, and the updates of the network.

    Raises:
        ConfigError: ``read.slices`` names none, or there are to be several restarts.
        ImageShapeError: Slices across that axis are too small.
        ImageError: As for an image.
    """
    if config.restarts > 1:
        raise ConfigError(f"restarts must be 1 for volumes, whose slices start from each other; got {config.restarts}")
    axis = config.read.axis
    numbers = slice_numbers(config.read.slices, volume.shape[axis])
    height, width = (side for other, side in enumerate(volume.shape) if other != axis)
    if min(height, width) < MIN_SIDE:
        raise ImageShapeError(
            f"slices across axis {axis} must be at least {MIN_SIDE} px high and wide; got {height} × {width} of a "
            f"volume of {' × '.join(map(str, volume.shape))}"
        )
    limits = volume_limits(volume, config)
    settings, reason = config, ""
    if config.preset == AUTO_PRESET:
        middle_slice = plane_of(volume, axis, numbers[len(numbers) // 2], limits)
        compared = compare(middle_slice, find_focus(middle_slice.shape, config.hints), config)
        settings, reason = config.carried_to(compared[0].preset if compared else NO_PRESET), verdict(compared)
    focus = find_focus((height, width), config.hints)
    parts = (focus.cut(plane_of(volume, axis, number, limits)) for number in numbers)
    basis = shared_basis(parts, settings.prepare, len(numbers))
    make: Callable[..., Clusterer] = FollowingClusterer if follow else chosen_clusterer
    cluster = make(initial_weights=initial_weights, on_event=watcher.step, cancel=cancel)
    channels = np.full(volume.shape, -1, dtype=np.int16)
    mask = np.zeros(volume.shape, dtype=bool)
    confidences: list[float] = []
    done: list[int] = []
    middle: Segmentation | None = None
    for number in numbers:
        if cancel is not None and cancel.is_set():
            break
        watcher.slices(len(done), len(numbers))
        with _named(number):
            plane = plane_of(volume, axis, number, limits)
            found = segment_with(cluster, plane, settings, one_by_one=False, basis=basis, watcher=watcher)
        if found.stop_reason != "blank":
            names = np.array([-1, *found.cluster_channels], dtype=np.int16)
            _across(channels, axis, number)[...] = names[found.label_map]
            _across(mask, axis, number)[...] = found.mask
        confidences.append(found.confidence)
        done.append(number)
        if middle is None or len(done) == len(numbers) // 2 + 1:
            middle = replace(found, image=plane)
        if on_slice is not None:
            on_slice(number, found)
    if middle is None:
        raise ConfigError("the volume was cancelled before its first slice")
    changed, followed = _identity(channels, axis, done)
    label_map, count = _numbered(channels, volume)
    return VolumeSegmentation(
        label_map=label_map,
        mask=mask,
        n_labels=count,
        slices=tuple(done),
        confidences=tuple(confidences),
        changed=changed,
        followed=followed,
        limits=limits,
        preset_reason=reason,
        config=settings,
        middle=middle,
    )


@contextmanager
def _named(number: int) -> Iterator[None]:
    """Errors that name the slice."""
    try:
        yield
    except MSFormerError as error:
        raise type(error)(f"slice {number}: {error}") from error


def slice_numbers(text: str, count: int) -> list[int]:
    """The numbers that ``all``, ``N`` or ``FIRST:END[:STEP]`` name of ``count`` slices, as Python's slices do.

    Raises:
        ConfigError: None of them is there.
    """
    if text == "all":
        return list(range(count))
    parts = [int(part) if part else None for part in text.split(":")]
    numbers = list(range(count))[slice(*parts)] if len(parts) > 1 else [one for one in parts if one is not None]
    if not numbers or max(numbers) >= count:
        raise ConfigError(f"read.slices must name slices from 0 to {count - 1} (END: {count}); got {text!r}")
    return numbers


def volume_limits(volume: Volume, config: Config) -> tuple[float, float]:
    """The values that are black and white in all slices: of the window, or percentiles of the whole volume.

    Raises:
        ImageError: As ``window_limits`` says.
    """
    limits = window_limits(config.prepare.window, volume.voxels, volume.modality)
    sample = volume.voxels.ravel()[:: max(volume.voxels.size // 1_000_000, 1)].astype(np.float32)
    if config.prepare.no_data and volume.padding_value is not None:
        shown = sample[sample != volume.padding_value]
        sample = shown if shown.size else sample
    return intensity_range(volume.voxels, sample, limits)


def plane_of(volume: Volume, axis: int, number: int, limits: tuple[float, float]) -> Image:
    """A slice of a volume as an image, with the limits of the whole."""
    spacing = None if volume.geometry is None else volume.geometry.spacing_of(axis)
    return Image.from_array(
        _across(volume.voxels, axis, number),
        spacing_mm=spacing,
        source=volume.source,
        modality=volume.modality,
        limits=limits,
        padding_value=volume.padding_value,
        body_part=volume.body_part,
    )


def _across(array: NDArray[Any], axis: int, number: int) -> NDArray[Any]:
    """A view of one slice."""
    index: list[Any] = [slice(None)] * 3
    index[axis] = number
    view: NDArray[Any] = array[tuple(index)]
    return view


def _identity(channels: NDArray[np.int16], axis: int, numbers: list[int]) -> tuple[int, int]:
    """Of the clusters of each slice: how many lie mostly on one of another number in the next, and of how many."""
    changed = followed = 0
    for one, other in pairwise(numbers):
        here, there = _across(channels, axis, one), _across(channels, axis, other)
        if (there < 0).all():
            continue
        for name, area in zip(*np.unique(here[here >= 0], return_counts=True), strict=True):
            if area >= WORTH_NAMING * here.size:
                below = there[(here == name) & (there >= 0)]
                followed += 1
                changed += bool(len(below)) and int(np.bincount(below).argmax()) != int(name)
    return changed, followed


def _numbered(channels: NDArray[np.int16], volume: Volume) -> tuple[NDArray[np.uint16], int]:
    """Clusters of the whole volume as labels from the darkest, 1, to the brightest, in place; and how many."""
    count = int(channels.max()) + 1
    total, area = np.zeros(count), np.zeros(count)
    for voxels, names in zip(volume.voxels, channels, strict=True):
        grey = voxels if voxels.ndim == 2 else voxels.mean(axis=2)
        seen = names >= 0
        total += np.bincount(names[seen], grey[seen], count)
        area += np.bincount(names[seen], minlength=count)
    present = np.flatnonzero(area)
    order = present[np.argsort(total[present] / area[present], kind="stable")]
    label_of = np.zeros(count + 1, dtype=np.int16)  # the last stands for -1, what is no cluster
    label_of[order] = np.arange(1, len(order) + 1)
    for names in channels:
        names[...] = label_of[names]
    return channels.view(np.uint16), len(order)


def shown_slices(numbers: tuple[int, ...], count: int) -> Iterator[int]:
    """Up to ``count`` of the slices, spread evenly, for a preview."""
    places = np.linspace(0, len(numbers) - 1, min(count, len(numbers)))
    yield from (numbers[round(place)] for place in places)
